// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// A pair is one name=value of a query, a form body or a Cookie field. The value is still encoded.
type pair struct {
	name  string
	raw   string
	taken bool // a parameter has claimed it
}

// An encoding says which escapes text carries.
type encoding uint8

const (
	literal encoding = iota // none: header fields
	percent                 // %XX: paths and cookies
	plus                    // %XX, and + for a space: queries and form bodies
)

// appendPairs splits a query or a form body. It reports "" or what is wrong.
//
// A raw semicolon is refused: some servers split there, so a parameter could hide from us behind it.
func appendPairs(dst []pair, s string) ([]pair, string) {
	for s != "" {
		var one string
		one, s, _ = strings.Cut(s, "&")
		if one == "" {
			continue
		}
		if strings.IndexByte(one, ';') >= 0 {
			return dst, "must write a semicolon as %3B"
		}
		if len(dst) == maxPairs {
			return dst, "holds more than 1000 parameters"
		}
		name, raw, _ := strings.Cut(one, "=")
		if strings.ContainsAny(name, "%+") {
			b, ok := appendUnescaped(nil, name, true)
			if !ok {
				return dst, "has a name with a percent sign that begins no escape"
			}
			name = string(b)
		}
		if !soundString(name) {
			return dst, "has a name that is not UTF-8 text"
		}
		dst = append(dst, pair{name: name, raw: raw})
	}
	return dst, ""
}

// appendCookies splits one Cookie field (RFC 6265 section 4.2.1).
func appendCookies(dst []pair, field string) []pair {
	for field != "" && len(dst) < maxPairs {
		var one string
		one, field, _ = strings.Cut(field, ";")
		name, raw, found := strings.Cut(strings.Trim(one, " \t"), "=")
		if found {
			dst = append(dst, pair{name: name, raw: raw})
		}
	}
	return dst
}

// appendDecoded decodes s behind dst. false: an escape is broken, or the text holds NUL or is not UTF-8.
func appendDecoded(dst []byte, s string, e encoding) ([]byte, bool) {
	from := len(dst)
	if e == literal || strings.IndexByte(s, '%') < 0 && (e == percent || strings.IndexByte(s, '+') < 0) {
		dst = append(dst, s...)
	} else {
		var ok bool
		if dst, ok = appendUnescaped(dst, s, e == plus); !ok {
			return dst, false
		}
	}
	text := dst[from:]
	return dst, bytes.IndexByte(text, 0) < 0 && utf8.Valid(text)
}

func soundString(s string) bool { return strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) }

// appendQuoted appends text as a JSON string.
func appendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', upperHex[c>>4], upperHex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// isNumber reports whether text is a number by JSON's own grammar (RFC 8259 section 6): no plus sign, no leading
// zeros, no hexadecimal, no infinity.
func isNumber(text []byte) bool {
	digits := func() int {
		n := 0
		for n < len(text) && text[n] >= '0' && text[n] <= '9' {
			n++
		}
		text = text[n:]
		return n
	}
	if len(text) > 0 && text[0] == '-' {
		text = text[1:]
	}
	if len(text) == 0 {
		return false
	}
	zero := text[0] == '0'
	if n := digits(); n == 0 || zero && n > 1 {
		return false
	}
	if len(text) > 0 && text[0] == '.' {
		text = text[1:]
		if digits() == 0 {
			return false
		}
	}
	if len(text) > 0 && text[0]|0x20 == 'e' {
		text = text[1:]
		if len(text) > 0 && (text[0] == '+' || text[0] == '-') {
			text = text[1:]
		}
		if digits() == 0 {
			return false
		}
	}
	return len(text) == 0
}
