// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// An Ambiguity is a set of ways in which another reader might read a path differently than yett does. The
// zero value is an unambiguous path. Whoever lets a path through must know each bit that is set; an operation
// that needs one (an id with an encoded slash, say) is given exactly that one.
type Ambiguity uint16

// The ambiguities that Canonical reports. A percent-encoded slash counts as a separator when segments are
// looked at, because an upstream that decodes before it splits will see one there.
const (
	DotSegment     Ambiguity = 1 << iota // "." or ".." as a whole segment, raw or encoded
	EmptySegment                         // "//"
	EncodedSlash                         // %2F
	EncodedPercent                       // %25: what a second decoding would open
	Backslash                            // "\" or %5C: a separator to some
	NUL                                  // %00 or the byte itself: an end to some
	Semicolon                            // ";" or %3B: begins path parameters to some
	ControlByte                          // any other control byte or a raw space, encoded or not (%20 is fine)
	NonASCII                             // raw bytes above 0x7F, or escapes that are not UTF-8 when decoded
)

var ambiguityNames = [...]string{
	"dot_segment", "empty_segment", "encoded_slash", "encoded_percent", "backslash", "nul", "semicolon", "control_byte", "non_ascii",
}

// String names the set: "encoded_slash", "dot_segment, semicolon"; "none" for the empty set.
func (a Ambiguity) String() string {
	if a == 0 {
		return "none"
	}
	var b strings.Builder
	for i, name := range ambiguityNames {
		if a&(1<<i) == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(name)
	}
	return b.String()
}

// ParseAmbiguity finds the one ambiguity of that name.
func ParseAmbiguity(name string) (Ambiguity, bool) {
	for i, n := range ambiguityNames {
		if n == name {
			return 1 << i, true
		}
	}
	return 0, false
}

// AmbiguityNames lists the names that ParseAmbiguity knows.
func AmbiguityNames() []string { return ambiguityNames[:] }

var (
	errTargetForm   = errors.New("the request target does not begin with a slash")
	errTargetEscape = errors.New("a percent sign in the path is not followed by two hexadecimal digits")
	errFragment     = errors.New("the request target holds a fragment")
	errQueryByte    = errors.New("the query holds a control byte or a space")
)

// Canonical makes the one form of a request target in origin form (RFC 9112 section 3.2.1): the form that is
// matched, judged and forwarded. Escapes of unreserved characters (RFC 3986 section 2.3) are decoded, the other
// escapes get upper-case digits and stay, and bytes that may not stand raw in a path are escaped. Segments are
// never removed or joined: what would need that is reported in the Ambiguity, for the caller to refuse. The query is
// split off and left as it is. Canonical(Canonical(t)) is Canonical(t).
//
// It is an error when a percent sign does not begin an escape, when the target does not begin with a slash,
// or holds a fragment, or when the query holds a control byte or a space. Cost is linear; a target that is
// already canonical is returned without copying.
func Canonical(target string) (path, query string, a Ambiguity, err error) {
	if target == "" || target[0] != '/' {
		return "", "", 0, errTargetForm
	}
	path = target
	for i := 0; i < len(target); i++ {
		if target[i] == '?' {
			path, query = target[:i], target[i+1:]
			break
		}
	}
	if a, err = checkQuery(query); err != nil {
		return "", "", 0, err
	}
	for i := 0; i < len(path); i++ {
		if class[path[i]]&plain == 0 {
			b, err := a.rewrite(path, i)
			if err != nil {
				return "", "", 0, err
			}
			path = b
			break
		}
	}
	a |= segments(path)
	return path, query, a, nil
}

func checkQuery(query string) (a Ambiguity, err error) {
	for i := 0; i < len(query); i++ {
		switch c := query[i]; {
		case c == '#':
			return 0, errFragment
		case c <= ' ' || c == 0x7F:
			return 0, errQueryByte
		case c >= 0x80:
			a |= NonASCII
		}
	}
	return a, nil
}

// rewrite copies path into canonical form; path[:from] needs no change.
func (a *Ambiguity) rewrite(path string, from int) (string, error) {
	b := make([]byte, from, len(path)+16)
	copy(b, path)
	high := false // an escape above 0x7F was seen: look whether they spell UTF-8
	for i := from; i < len(path); i++ {
		c := path[i]
		if class[c]&plain != 0 {
			b = append(b, c)
			continue
		}
		escaped := c == '%'
		if escaped {
			if i+2 >= len(path) || class[path[i+1]]&hex == 0 || class[path[i+2]]&hex == 0 {
				return "", errTargetEscape
			}
			c = unhex(path[i+1])<<4 | unhex(path[i+2])
			i += 2
			if class[c]&unreserved != 0 {
				b = append(b, c)
				continue
			}
		}
		switch {
		case c == '#' && !escaped:
			return "", errFragment
		case c == '/':
			*a |= EncodedSlash
		case c == '%':
			*a |= EncodedPercent
		case c == '\\':
			*a |= Backslash
		case c == 0:
			*a |= NUL
		case c == ';':
			*a |= Semicolon
		case c < ' ', c == 0x7F, c == ' ' && !escaped:
			*a |= ControlByte
		case c >= 0x80 && !escaped:
			*a |= NonASCII
		case c >= 0x80:
			high = true
		}
		if c == ';' && !escaped {
			b = append(b, c) // raw and escaped semicolons mean different things where they mean anything
			continue
		}
		b = append(b, '%', upperHex[c>>4], upperHex[c&15])
	}
	out := string(b)
	if high {
		if s, _ := unescape(out); !utf8.ValidString(s) {
			*a |= NonASCII
		}
	}
	return out, nil
}

// segments looks for dot and empty segments in a canonical path. An encoded slash or backslash separates too.
func segments(path string) (a Ambiguity) {
	start := 1
	for i := 1; i <= len(path); i++ {
		width := 0
		switch {
		case i == len(path):
		case path[i] == '/':
			width = 1
		case path[i] == '%' && (path[i+1:i+3] == "2F" || path[i+1:i+3] == "5C"):
			width = 3
		default:
			continue
		}
		seg := path[start:i]
		// Path parameters hide dots from us but not from a server that strips them: "..;x" is "..".
		if j := strings.IndexByte(seg, ';'); j >= 0 {
			seg = seg[:j]
		} else if j := strings.Index(seg, "%3B"); j >= 0 {
			seg = seg[:j]
		}
		switch {
		case seg == "." || seg == "..":
			a |= DotSegment
		case seg == "" && i < len(path):
			a |= EmptySegment
		}
		start = i + width
		i += max(width-1, 0)
	}
	return a
}

// unescape decodes every escape; ok is false where one is broken. Nothing is copied when there is none.
func unescape(s string) (string, bool) {
	i := strings.IndexByte(s, '%')
	if i < 0 {
		return s, true
	}
	b := make([]byte, i, len(s))
	copy(b, s)
	b, ok := appendUnescaped(b, s[i:], false)
	return string(b), ok
}

// appendUnescaped decodes every escape of s, and where plus is set also "+" as a space.
func appendUnescaped(b []byte, s string, plus bool) ([]byte, bool) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '%':
			if i+2 >= len(s) || class[s[i+1]]&hex == 0 || class[s[i+2]]&hex == 0 {
				return b, false
			}
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		case c == '+' && plus:
			b = append(b, ' ')
		default:
			b = append(b, c)
		}
	}
	return b, true
}

// Character classes of RFC 3986, one table for all of this package.
const (
	unreserved = 1 << iota // ALPHA DIGIT - . _ ~
	plain                  // may stand raw in a canonical path: pchar without "%" and ";", and "/"
	hex
)

var class = func() (t [256]uint8) {
	for c := range 256 {
		switch {
		case c >= '0' && c <= '9':
			t[c] = unreserved | plain | hex
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			t[c] = unreserved | plain
			if c|0x20 <= 'f' {
				t[c] |= hex
			}
		}
	}
	for _, c := range "-._~" {
		t[c] = unreserved | plain
	}
	for _, c := range "!$&'()*+,=:@/" {
		t[c] = plain
	}
	return t
}()

const upperHex = "0123456789ABCDEF"

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}
