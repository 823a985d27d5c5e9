// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

func isURI(b []byte) bool          { return reference(b, false, false) }
func isURIReference(b []byte) bool { return reference(b, true, false) }
func isIRI(b []byte) bool          { return reference(b, false, true) }
func isIRIReference(b []byte) bool { return reference(b, true, true) }

// reference is URI, or with relative URI-reference, of RFC 3986, appendix A; with iri those of RFC 3987.
func reference(b []byte, relative, iri bool) bool {
	rest, scheme := cutScheme(b)
	if !scheme && !relative {
		return false
	}
	rest, fragment, _ := bytes.Cut(rest, []byte{'#'})
	rest, query, _ := bytes.Cut(rest, []byte{'?'})
	if !uriText(fragment, ":@/?", iri) || !uriText(query, ":@/?", iri) {
		return false
	}
	if after, ok := bytes.CutPrefix(rest, []byte("//")); ok {
		end := bytes.IndexByte(after, '/')
		if end < 0 {
			end = len(after)
		}
		return authority(after[:end], iri) && uriText(after[end:], ":@/", iri)
	}
	if !scheme {
		// A colon in the first segment would have been the end of a scheme.
		first, _, _ := bytes.Cut(rest, []byte{'/'})
		if bytes.IndexByte(first, ':') >= 0 {
			return false
		}
	}
	return uriText(rest, ":@/", iri)
}

func cutScheme(b []byte) ([]byte, bool) {
	for i, c := range b {
		switch {
		case isLetter(c), i > 0 && (isDigit(c) || c == '+' || c == '-' || c == '.'):
		case i > 0 && c == ':':
			return b[i+1:], true
		default:
			return b, false
		}
	}
	return b, false
}

func authority(b []byte, iri bool) bool {
	if user, host, ok := bytes.Cut(b, []byte{'@'}); ok {
		if !uriText(user, ":", iri) {
			return false
		}
		b = host
	}
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		return end > 0 && ipLiteral(b[1:end]) && port(b[end+1:])
	}
	if i := bytes.IndexByte(b, ':'); i >= 0 {
		return uriText(b[:i], "", iri) && port(b[i:])
	}
	return uriText(b, "", iri)
}

func port(b []byte) bool { return len(b) == 0 || b[0] == ':' && digits(b[1:]) == len(b)-1 }

// ipLiteral is what stands between brackets: an IPv6 address or IPvFuture.
func ipLiteral(b []byte) bool {
	if len(b) > 0 && b[0]|0x20 == 'v' {
		version, text, ok := bytes.Cut(b[1:], []byte{'.'})
		if !ok || len(version) == 0 || len(text) == 0 || bytes.IndexByte(text, '%') >= 0 {
			return false
		}
		for _, c := range version {
			if !isHex(c) {
				return false
			}
		}
		return uriText(text, ":", false)
	}
	return isIPv6(b)
}

// uriText reports whether b holds unreserved characters, sub-delims, percent escapes and those of extra only.
func uriText(b []byte, extra string, iri bool) bool {
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case isLetter(c), isDigit(c), c < utf8.RuneSelf && strings.IndexByte("-._~!$&'()*+,;=", c) >= 0,
			strings.IndexByte(extra, c) >= 0:
			i++
		case c == '%':
			if !escaped(b[i:]) {
				return false
			}
			i += 3
		case iri && c >= utf8.RuneSelf:
			r, size := utf8.DecodeRune(b[i:])
			// Private use is for queries only; where it stands harms nobody.
			if r < 0xa0 || r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe {
				return false
			}
			i += size
		default:
			return false
		}
	}
	return true
}

func escaped(b []byte) bool { return len(b) >= 3 && b[0] == '%' && isHex(b[1]) && isHex(b[2]) }

// isURITemplate is URI-Template of RFC 6570, section 2.
func isURITemplate(b []byte) bool {
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == '{':
			end := bytes.IndexByte(b[i:], '}')
			if end < 0 || !templateExpression(b[i+1:i+end]) {
				return false
			}
			i += end + 1
		case c == '%':
			if !escaped(b[i:]) {
				return false
			}
			i += 3
		case c <= ' ', c == 0x7f, c < utf8.RuneSelf && strings.IndexByte("\"<>\\^`|}", c) >= 0:
			return false
		default:
			i++
		}
	}
	return true
}

func templateExpression(b []byte) bool {
	if len(b) > 0 && strings.IndexByte("+#./;?&=,!@|", b[0]) >= 0 {
		if strings.IndexByte("=,!@|", b[0]) >= 0 {
			return false // reserved for later, section 2.2
		}
		b = b[1:]
	}
	for v := range bytes.SplitSeq(b, []byte{','}) {
		if !templateVariable(v) {
			return false
		}
	}
	return true
}

func templateVariable(b []byte) bool {
	if name, prefix, ok := bytes.Cut(b, []byte{':'}); ok {
		if n := digits(prefix); n == 0 || n > 4 || n != len(prefix) || prefix[0] == '0' {
			return false
		}
		b = name
	} else {
		b = bytes.TrimSuffix(b, []byte{'*'})
	}
	dot := true // one may not stand here
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == '.':
			if dot {
				return false
			}
			dot = true
			i++
			continue
		case isLetter(c), isDigit(c), c == '_':
			i++
		case escaped(b[i:]):
			i += 3
		default:
			return false
		}
		dot = false
	}
	return !dot
}
