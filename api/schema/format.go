// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"bytes"
	"encoding/base64"
	"net/netip"
	"strings"
	"unicode/utf8"
)

// textFormats are the formats of strings that are checked. All others are annotations; password and binary say nothing
// about the text.
var textFormats = map[string]func([]byte) bool{
	"date-time":             isDateTime,
	"date":                  isDate,
	"time":                  isTime,
	"duration":              isDuration,
	"email":                 isEmail,
	"idn-email":             isIDNEmail,
	"hostname":              isHostname,
	"idn-hostname":          isIDNHostname,
	"ipv4":                  isIPv4,
	"ipv6":                  isIPv6,
	"uri":                   isURI,
	"uri-reference":         isURIReference,
	"iri":                   isIRI,
	"iri-reference":         isIRIReference,
	"uri-template":          isURITemplate,
	"uuid":                  isUUID,
	"json-pointer":          isJSONPointer,
	"relative-json-pointer": isRelativeJSONPointer,
	"regex":                 isRegex,
	"byte":                  isBase64,
}

// A numberFormat bounds a number. In OpenAPI's registry the integer formats also say that there is no fraction.
type numberFormat struct {
	integer  bool
	min, max string
}

var numberFormats = map[string]numberFormat{
	"int8":   {true, "-128", "127"},
	"int16":  {true, "-32768", "32767"},
	"int32":  {true, "-2147483648", "2147483647"},
	"int64":  {true, "-9223372036854775808", "9223372036854775807"},
	"uint8":  {true, "0", "255"},
	"uint16": {true, "0", "65535"},
	"uint32": {true, "0", "4294967295"},
	"uint64": {true, "0", "18446744073709551615"},
	"float":  {false, "-3.4028235e38", "3.4028235e38"},
	"double": {false, "-1.7976931348623157e308", "1.7976931348623157e308"},
}

func (f numberFormat) bounds() *numberRange {
	r := &numberRange{integer: f.integer}
	if f.min != "" {
		x := parseDecimal([]byte(f.min))
		r.min = &x
	}
	if f.max != "" {
		x := parseDecimal([]byte(f.max))
		r.max = &x
	}
	return r
}

// holds reports whether x is in the range.
func (r *numberRange) holds(x *decimal) bool {
	return (!r.integer || x.integer()) && (r.min == nil || x.compare(r.min) >= 0) && (r.max == nil || x.compare(r.max) <= 0)
}

// The integers that every JSON reader keeps exactly (RFC 7493, section 2.2).
const minSafe, maxSafe = "-9007199254740991", "9007199254740991"

// isUUID is the text form of RFC 9562, section 4.
func isUUID(b []byte) bool {
	if len(b) != 36 {
		return false
	}
	for i, c := range b {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !isHex(c) {
				return false
			}
		}
	}
	return true
}

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// isIPv4 is dotted-quad: no leading zeros, which some readers take for octal.
func isIPv4(b []byte) bool {
	for i := range 4 {
		n := digits(b)
		if n == 0 || n > 3 || n > 1 && b[0] == '0' || n == 3 && string(b[:3]) > "255" {
			return false
		}
		b = b[n:]
		if i < 3 {
			if len(b) == 0 || b[0] != '.' {
				return false
			}
			b = b[1:]
		}
	}
	return len(b) == 0
}

// isIPv6 is an address of RFC 4291, section 2.2, without a zone.
func isIPv6(b []byte) bool {
	if len(b) > 45 || bytes.IndexByte(b, ':') < 0 || bytes.IndexByte(b, '%') >= 0 {
		return false
	}
	_, err := netip.ParseAddr(string(b))
	return err == nil
}

// isJSONPointer is RFC 6901, section 5.
func isJSONPointer(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if b[0] != '/' {
		return false
	}
	for i, c := range b {
		if c == '~' && (i+1 == len(b) || b[i+1] != '0' && b[i+1] != '1') {
			return false
		}
	}
	return true
}

func isRelativeJSONPointer(b []byte) bool {
	n := digits(b)
	if n == 0 || n > 1 && b[0] == '0' {
		return false
	}
	return string(b[n:]) == "#" || isJSONPointer(b[n:])
}

// isRegex bounds the length: parsing is linear, but dear.
func isRegex(b []byte) bool { return len(b) <= 4096 && validPattern(string(b)) }

// isBase64 is RFC 4648, section 4, with padding.
func isBase64(b []byte) bool {
	if len(b)%4 != 0 {
		return false
	}
	var buf [3 * 256]byte
	for len(b) > 0 {
		n := min(len(b), 4*256)
		// The decoder skips line ends, which section 3.1 does not allow.
		if bytes.ContainsAny(b[:n], "\r\n") || n < len(b) && b[n-1] == '=' {
			return false
		}
		if _, err := base64.StdEncoding.Strict().Decode(buf[:], b[:n]); err != nil {
			return false
		}
		b = b[n:]
	}
	return true
}

// isEmail is Mailbox of RFC 5321, section 4.1.2, without quoted pairs.
func isEmail(b []byte) bool { return mailbox(b, false) }

// isIDNEmail is the same with the text of RFC 6531.
func isIDNEmail(b []byte) bool { return mailbox(b, true) }

func mailbox(b []byte, idn bool) bool {
	at := bytes.LastIndexByte(b, '@')
	if at < 1 || at > 64 || len(b) > 254 {
		return false
	}
	local, domain := b[:at], b[at+1:]
	if !localPart(local, idn) {
		return false
	}
	if n := len(domain); n > 2 && domain[0] == '[' && domain[n-1] == ']' {
		if v6, ok := bytes.CutPrefix(domain[1:n-1], []byte("IPv6:")); ok {
			return isIPv6(v6)
		}
		return isIPv4(domain[1 : n-1])
	}
	if idn {
		return isIDNHostname(domain)
	}
	return isHostname(domain)
}

func localPart(b []byte, idn bool) bool {
	if n := len(b); n > 2 && b[0] == '"' && b[n-1] == '"' {
		for _, c := range b[1 : n-1] {
			if c < ' ' || c == '"' || c == '\\' || c == 0x7f || c >= utf8.RuneSelf && !idn {
				return false
			}
		}
		return true
	}
	dot := true // one may not stand here
	for _, c := range b {
		switch {
		case c == '.':
			if dot {
				return false
			}
			dot = true
			continue
		case isLetter(c) || isDigit(c) || c < utf8.RuneSelf && strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0:
		case c >= utf8.RuneSelf && idn:
		default:
			return false
		}
		dot = false
	}
	return !dot
}
