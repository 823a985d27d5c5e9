// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package validate

import (
	"yett/api/schema"
	"yett/exchange"
	"yett/jsonstream"
)

// strip forwards the body without its read-only members. All other values keep the bytes that the client sent.
func strip(x *exchange.Exchange, shape *schema.Shape, doc *jsonstream.Doc) {
	if !hasReadOnly(shape, doc, doc.Root()) {
		return
	}
	x.Request.Body.Replace(copyWithout(nil, shape, doc, doc.Root()))
	x.Note("read-only members taken out")
}

func hasReadOnly(shape *schema.Shape, doc *jsonstream.Doc, n jsonstream.Node) bool {
	if shape == nil {
		return false
	}
	if shape.ReadOnly() {
		return true
	}
	i := 0
	for c := doc.First(n); c != jsonstream.None; c = doc.Next(c) {
		if hasReadOnly(child(shape, doc, n, c, i), doc, c) {
			return true
		}
		i++
	}
	return false
}

func child(shape *schema.Shape, doc *jsonstream.Doc, parent, c jsonstream.Node, i int) *schema.Shape {
	if doc.Kind(parent) == jsonstream.Object {
		return shape.Member(string(doc.Name(c)))
	}
	return shape.Item(i)
}

// copyWithout appends n without read-only members, containers written anew and leaves as they were.
func copyWithout(dst []byte, shape *schema.Shape, doc *jsonstream.Doc, n jsonstream.Node) []byte {
	kind := doc.Kind(n)
	if shape == nil || kind != jsonstream.Object && kind != jsonstream.Array {
		return append(dst, doc.Raw(n)...)
	}
	open, end := byte('['), byte(']')
	if kind == jsonstream.Object {
		open, end = '{', '}'
	}
	dst = append(dst, open)
	first, i := true, 0
	for c := doc.First(n); c != jsonstream.None; c = doc.Next(c) {
		s := child(shape, doc, n, c, i)
		i++
		if s != nil && s.ReadOnly() {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		if kind == jsonstream.Object {
			dst = appendName(dst, doc.Name(c))
		}
		dst = copyWithout(dst, s, doc, c)
	}
	return append(dst, end)
}

// appendName writes a decoded name as a JSON string and the colon behind it.
func appendName(dst, name []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, c := range name {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"', ':')
}
