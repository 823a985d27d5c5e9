// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import "strings"

// mediaType splits a Content-Type into its type in lower case and its charset (RFC 9110 section 8.3.1). ok is
// false where it cannot be read, and where it could be read in two ways: parameters that stand twice,
// anything unquoted that is no token. boundary is returned as it is written, without quotes.
func mediaType(contentType string) (typ, charset, boundary string, ok bool) {
	typ, rest, _ := strings.Cut(contentType, ";")
	typ = strings.ToLower(strings.Trim(typ, " \t"))
	major, minor, found := strings.Cut(typ, "/")
	if !found || !isToken(major) || !isToken(minor) {
		return "", "", "", false
	}
	seen := 0
	for rest != "" {
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" {
			break
		}
		if rest[0] == ';' {
			rest = rest[1:] // an empty parameter, which RFC 9110 admits
			continue
		}
		name, after, found := strings.Cut(rest, "=")
		if !found || !isToken(name) {
			return "", "", "", false
		}
		value, after, good := parameterValue(after)
		if !good {
			return "", "", "", false
		}
		rest = after
		switch {
		case strings.EqualFold(name, "charset"):
			charset, seen = strings.ToLower(value), seen+1
		case strings.EqualFold(name, "boundary"):
			boundary, seen = value, seen+16
		}
	}
	return typ, charset, boundary, seen&15 < 2 && seen>>4 < 2
}

// parameterValue reads a token or a quoted string, and the semicolon behind it.
func parameterValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, ";")
		value = strings.TrimRight(value, " \t")
		return value, rest, isToken(value)
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' || c < ' ' && c != '\t' || c == 0x7F:
			return "", "", false // an escape in a charset or boundary serves nobody honest
		case c == '"':
			rest = strings.TrimLeft(s[i+1:], " \t")
			if rest != "" && rest[0] != ';' {
				return "", "", false
			}
			return s[1:i], strings.TrimPrefix(rest, ";"), true
		}
	}
	return "", "", false
}

func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if class[c]&unreserved == 0 && !strings.ContainsRune("!#$%&'*+^`|", rune(c)) {
			return false
		}
	}
	return s != ""
}

// A Form says how the bytes of a body become a document.
type Form uint8

// The forms of body that are read. Everything else is opaque: described by its media type alone.
const (
	Opaque     Form = iota
	JSON            // application/json and everything that ends in +json (RFC 6839)
	URLEncoded      // application/x-www-form-urlencoded
	Multipart       // multipart/form-data (RFC 7578)
	Text            // text/*, as one string
)

// FormOf tells the form of a body with this Content-Type.
func FormOf(contentType string) Form {
	typ, _, _, ok := mediaType(contentType)
	if !ok {
		return Opaque
	}
	return formOf(typ)
}

func formOf(typ string) Form {
	switch {
	case typ == "application/json" || strings.HasSuffix(typ, "+json"):
		return JSON
	case typ == "application/x-www-form-urlencoded":
		return URLEncoded
	case typ == "multipart/form-data":
		return Multipart
	case strings.HasPrefix(typ, "text/"):
		return Text
	}
	return Opaque
}

// For finds the media type that describes a body of this Content-Type: the type itself, else its range
// ("image/*"), else "*/*". false: the operation does not take it (415). An absent or unreadable Content-Type is
// taken only where "*/*" is described.
func (b *Body) For(contentType string) (*Media, bool) {
	if b == nil {
		return nil, false
	}
	m := mediaFor(b.Media, contentType)
	return m, m != nil
}

// For finds the media type that describes an answer's body of this Content-Type, as Body.For does.
func (r *Response) For(contentType string) (*Media, bool) {
	if r == nil {
		return nil, false
	}
	m := mediaFor(r.Media, contentType)
	return m, m != nil
}

func mediaFor(media []*Media, contentType string) *Media {
	typ, _, _, _ := mediaType(contentType)
	major, _, _ := strings.Cut(typ, "/")
	var found *Media
	rank := 0
	for _, m := range media {
		switch {
		case m.Type == typ && typ != "":
			return m
		case rank < 2 && typ != "" && len(m.Type) == len(major)+2 && strings.HasSuffix(m.Type, "/*") && strings.HasPrefix(m.Type, major):
			found, rank = m, 2
		case rank < 1 && m.Type == "*/*":
			found, rank = m, 1
		}
	}
	return found
}

// Response finds what is described for status: the status itself, its class ("4XX"), "default", or nil.
func (o *Operation) Response(status int) *Response {
	if status < 100 || status > 999 {
		return nil
	}
	var found *Response
	rank := 0
	for _, r := range o.Responses {
		switch {
		case r.code == status:
			return r
		case rank < 2 && r.code == -(status/100):
			found, rank = r, 2
		case rank < 1 && r.code == 0:
			found, rank = r, 1
		}
	}
	return found
}
