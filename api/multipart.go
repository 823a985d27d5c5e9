// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// multipart reads multipart/form-data (RFC 7578) strictly: one reading only. Lines end in CRLF, nothing stands
// before the first boundary, a part says its name once, and has no transfer encoding. Lenient readers differ in all of
// these, and what one takes for a file another takes for a field.
func (f *formBody) multipart(body []byte, boundary string) error {
	if boundary == "" || len(boundary) > 70 || strings.HasSuffix(boundary, " ") {
		return &BodyError{Code: "malformed", Detail: "The Content-Type names no boundary as RFC 2046 has it."}
	}
	malformed := &BodyError{Code: "malformed", Detail: "The body is not multipart/form-data with CRLF between lines."}
	delimiter := []byte("\r\n--" + boundary)
	rest, ok := bytes.CutPrefix(body, delimiter[2:])
	if !ok {
		return malformed
	}
	for n := 0; ; n++ {
		if end, ok := bytes.CutPrefix(rest, []byte("--")); ok {
			if len(end) > 0 && string(end) != "\r\n" {
				return malformed
			}
			return f.write()
		}
		if rest, ok = bytes.CutPrefix(rest, []byte("\r\n")); !ok {
			return malformed
		}
		if n == f.limits.Parts {
			return &BodyError{Code: "too_many_parts", Detail: "The body has too many parts."}
		}
		header, after, ok := bytes.Cut(rest, []byte("\r\n\r\n"))
		if !ok || len(header) > f.limits.Header {
			return malformed
		}
		content, next, ok := bytes.Cut(after, delimiter)
		// The boundary in any other place, without its CRLF say, is one to some readers.
		if !ok || bytes.Contains(header, delimiter[2:]) || bytes.Contains(content, delimiter[2:]) {
			return malformed
		}
		p, ok := readPart(string(header))
		if !ok {
			return malformed
		}
		if err := f.part(p, content); err != nil {
			return err
		}
		rest = next
	}
}

// A formPart is the header of one part.
type formPart struct {
	name, typ, charset string
	file               bool // it has a filename
}

// readPart reads the header of a part.
func readPart(header string) (p formPart, ok bool) {
	seen := map[string]bool{}
	for line := range strings.SplitSeq(header, "\r\n") {
		name, value, found := strings.Cut(line, ":")
		name, value = strings.ToLower(name), strings.Trim(value, " \t")
		if !found || !isToken(name) || seen[name] || strings.ContainsAny(value, "\r\n\x00") {
			return p, false
		}
		seen[name] = true
		switch name {
		case "content-disposition":
			if ok = p.disposition(value); !ok {
				return p, false
			}
		case "content-type":
			var good bool
			if p.typ, p.charset, _, good = mediaType(value); !good {
				return p, false
			}
		case "content-transfer-encoding":
			switch strings.ToLower(value) {
			case "binary", "8bit", "7bit": // what the bytes are, not a form of them
			default:
				return p, false
			}
		}
	}
	return p, ok && utf8.ValidString(p.name)
}

// disposition reads: form-data; name="a"; filename="b".
func (p *formPart) disposition(value string) bool {
	kind, rest, _ := strings.Cut(value, ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "form-data") {
		return false
	}
	named := false
	for {
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" {
			return named
		}
		key, after, found := strings.Cut(rest, "=")
		if !found || !isToken(key) {
			return false
		}
		isFile := strings.EqualFold(key, "filename")
		text, after, ok := dispositionValue(after, isFile)
		if !ok {
			return false
		}
		rest = after
		switch {
		case strings.EqualFold(key, "name"):
			if named {
				return false
			}
			p.name, named = text, true
		case isFile:
			if p.file {
				return false
			}
			p.file = true
		case strings.EqualFold(key, "filename*"):
			p.file = true
		case strings.ContainsRune(key, '*'):
			return false // extended and continued names: who knows them reads another name (RFC 7578 section 4.2)
		}
	}
}

// dispositionValue reads a token or quoted string. Only a filename may hold escaped quotes, as curl writes them.
func dispositionValue(s string, escapes bool) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, ";")
		value = strings.TrimRight(value, " \t")
		return value, rest, value != "" && !strings.ContainsAny(value, " \t\"\\")
	}
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && escapes && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
		case s[i] == '\\' && !escapes:
			return "", "", false
		case s[i] == '"':
			rest = strings.TrimLeft(s[i+1:], " \t")
			if rest != "" && rest[0] != ';' {
				return "", "", false
			}
			return s[1:i], strings.TrimPrefix(rest, ";"), true
		}
	}
	return "", "", false
}

// maxFiller bounds how long a minLength of a file can be honoured.
const maxFiller = 1 << 10

// part adds one part to the form.
func (f *formBody) part(p formPart, content []byte) error {
	name, _, _ := f.shape.flat(p.name)
	s := f.shape.at([]byte(name))
	if s != nil && s.kinds&kindArray != 0 && s.kinds&kindScalar == 0 && s.items != nil && s.items.binary {
		s = s.items
	}
	if e := f.media.Encoding[name]; e != nil && e.ContentType != "" && p.typ != "" && !anyType(e.ContentType, p.typ) {
		return &BodyError{Code: "part_type", Detail: "A part of the form is of a media type that is not admitted there.", Pointer: f.pointer(name)}
	}
	if s != nil && s.binary || p.file && (s == nil || !s.typed) {
		return f.file(p.name, name, s, content)
	}
	if p.charset != "" && p.charset != "utf-8" && p.charset != "us-ascii" {
		return &BodyError{Code: "charset", Detail: "A part of the form must be in UTF-8.", Pointer: f.pointer(name)}
	}
	if !soundText(content) {
		return &BodyError{Code: "malformed", Detail: "A part of the form is not UTF-8 text.", Pointer: f.pointer(name)}
	}
	return f.add(p.name, name, s, content, p.typ)
}

func soundText(b []byte) bool { return bytes.IndexByte(b, 0) < 0 && utf8.Valid(b) }

// file leaves the bytes out and keeps their size's verdict.
func (f *formBody) file(path, name string, s *shape, content []byte) error {
	filler := 0
	if s != nil {
		switch {
		case s.maxLength >= 0 && len(content) > s.maxLength, s.minLength > maxFiller && len(content) < s.minLength:
			return &BodyError{Code: "part_size", Detail: "A file in the form is too long or too short.", Pointer: f.pointer(name)}
		case len(content) >= s.minLength:
			filler = s.minLength
		}
	}
	f.fields = append(f.fields, deep{path: path, text: bytes.Repeat([]byte{'x'}, filler)})
	return nil
}

// anyType reports whether typ is one of a list of media types and ranges.
func anyType(list, typ string) bool {
	for one := range strings.SplitSeq(list, ",") {
		one, _, _ = strings.Cut(one, ";")
		one = strings.TrimSpace(one)
		if one == "*/*" || one == typ || strings.HasSuffix(one, "/*") && strings.HasPrefix(typ, one[:len(one)-1]) {
			return true
		}
	}
	return false
}
