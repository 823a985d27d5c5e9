// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"cmp"
	"strings"
	"unicode/utf8"

	"yett/jsonstream"
)

// Limits bound what a form body may cost. A field that is zero or negative means its default. The size of the body
// is for whoever reads it.
type Limits struct {
	JSON   jsonstream.Limits // of the document that the body becomes, and of JSON in parts of it
	Parts  int               // parts or name=value pairs; default 1,000
	Header int               // bytes of one part's header; default 4 KiB
}

func (l Limits) withDefaults() Limits {
	l.Parts = cmp.Or(max(l.Parts, 0), maxPairs)
	l.Header = cmp.Or(max(l.Header, 0), 4<<10)
	return l
}

// A BodyError says why a body cannot be read as what its Content-Type says. All of it may be shown to the sender.
type BodyError struct {
	// Code is fixed: media_type and charset, which are 415; malformed, and part_type, part_size and too_many_parts,
	// which are 400.
	Code    string
	Detail  string
	Pointer string // JSON Pointer of the form's field, made of declared names only; "" for the body
}

// Error returns the detail, with the package before it.
func (e *BodyError) Error() string { return "api: " + e.Detail }

// Unsupported reports whether the body's type, rather than its content, is at fault (415).
func (e *BodyError) Unsupported() bool { return e.Code == "media_type" || e.Code == "charset" }

// Decode turns a body into doc, so that the media type's schema can judge it: JSON as it is, a form as an object of
// its fields, a text as a string. A file in a form becomes "" (or as much filler as its minLength asks for): its
// size and type are checked here. A body of any other type (see FormOf) is not read at all: doc is empty then.
//
// body is borrowed by doc. The error is a *BodyError, or a *jsonstream.SyntaxError for JSON. JSON and text in
// another charset than UTF-8 are refused (RFC 8259 section 8.1), and so are multipart bodies that two readers could
// split differently.
func (m *Media) Decode(contentType string, body []byte, doc *jsonstream.Doc, l Limits) error {
	doc.Reset()
	typ, charset, boundary, ok := mediaType(contentType)
	if !ok {
		return &BodyError{Code: "media_type", Detail: "The Content-Type cannot be read."}
	}
	form := formOf(typ)
	if form == Opaque {
		return nil
	}
	if charset != "" && charset != "utf-8" && charset != "utf8" && (charset != "us-ascii" || form == JSON) {
		return &BodyError{Code: "charset", Detail: "The body must be in UTF-8."}
	}
	l = l.withDefaults()
	s := m.shape
	if s == nil {
		s = freeShape
	}
	f := formBody{media: m, shape: s, limits: l}
	var err error
	switch form {
	case URLEncoded:
		err = f.urlEncoded(body)
	case Multipart:
		err = f.multipart(body, boundary)
	case Text:
		if !utf8.Valid(body) {
			return &BodyError{Code: "malformed", Detail: "The body is not UTF-8."}
		}
		f.out.json = appendQuoted(make([]byte, 0, len(body)+2), body)
	default:
		return doc.Parse(body, l.JSON)
	}
	if err != nil {
		return err
	}
	return doc.Parse(f.out.json, l.JSON)
}

// freeShape is a form of which nothing is described.
var freeShape = &shape{kinds: kindObject, open: textShape, maxLength: -1}

// A formBody is a form on its way to JSON.
type formBody struct {
	media  *Media
	shape  *shape
	limits Limits
	out    writer
	fields []deep
}

func (f *formBody) write() error {
	if !f.out.members(f.shape, f.fields, f.shape.flat, 0) {
		return &BodyError{Code: "malformed", Detail: "The form has a field that stands twice, or names that do not fit together."}
	}
	return nil
}

// urlEncoded reads application/x-www-form-urlencoded.
func (f *formBody) urlEncoded(body []byte) error {
	pairs, wrong := appendPairs(nil, string(body))
	if wrong == "" && len(pairs) > f.limits.Parts {
		return &BodyError{Code: "too_many_parts", Detail: "The form has too many fields."}
	}
	if wrong != "" {
		return &BodyError{Code: "malformed", Detail: "The form " + wrong + "."}
	}
	for _, p := range pairs {
		name, _, _ := f.shape.flat(p.name)
		member := f.shape.at([]byte(name))
		values := []string{p.raw}
		if e := f.media.Encoding[name]; e != nil && !e.Explode && member != nil && member.kinds&kindArray != 0 {
			sep, escaped := (&Parameter{Style: e.Style}).delimiter()
			values = splitAny(p.raw, sep, escaped)
			p.name += "[]"
		}
		for _, raw := range values {
			text, ok := appendDecoded(nil, raw, plus)
			if !ok {
				return &BodyError{Code: "malformed", Detail: "A field of the form is not UTF-8 text in percent-encoding.", Pointer: f.pointer(name)}
			}
			if err := f.add(p.name, name, member, text, ""); err != nil {
				return err
			}
		}
	}
	return f.write()
}

func splitAny(raw, sep, escaped string) []string {
	var out []string
	for more := true; more; {
		var one string
		one, raw, more = cutAny(raw, sep, escaped)
		out = append(out, one)
	}
	return out
}

// pointer names a field only if it is declared: other names are the sender's.
func (f *formBody) pointer(name string) string {
	if f.shape.member(name) == nil {
		return ""
	}
	return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// add puts one decoded field into the form. typ is what the part itself says it is.
func (f *formBody) add(path, name string, s *shape, text []byte, typ string) error {
	d := deep{path: path, text: text}
	if f.document(name, s, text, typ) {
		var doc jsonstream.Doc
		if err := doc.Parse(text, f.limits.JSON); err != nil {
			return &BodyError{Code: "malformed", Detail: "A field of the form is not the JSON that it should be.", Pointer: f.pointer(name)}
		}
		d.raw = doc.Raw(doc.Root())
	}
	f.fields = append(f.fields, d)
	return nil
}

// document reports whether a field holds JSON: because it says so, because the description does, or because it is
// described as an object and begins like one.
func (f *formBody) document(name string, s *shape, text []byte, typ string) bool {
	if typ != "" {
		return formOf(typ) == JSON
	}
	if e := f.media.Encoding[name]; e != nil && e.ContentType != "" {
		return formOf(e.ContentType) == JSON
	}
	if s == nil {
		return false
	}
	if s.kinds&kindArray != 0 && s.items != nil && s.kinds&kindScalar == 0 {
		if bytes.HasPrefix(text, []byte{'['}) && s.items.kinds&kindObject != 0 {
			return true
		}
		s = s.items
	}
	return s.kinds&kindObject != 0 && s.kinds&kindString == 0 && bytes.HasPrefix(text, []byte{'{'})
}
