// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"yett/jsonstream"
)

// declared reports members that are not declared, if the check is closed, and read-only members of requests.
func (k *checker) declared(n jsonstream.Node, p *Shape) {
	if p == nil || k.full() {
		return
	}
	k.spend(k.doc.Len(n))
	switch k.doc.Kind(n) {
	case jsonstream.Object:
		k.spend(len(p.patterns) * k.doc.Len(n))
		for c := k.doc.First(n); c != jsonstream.None; c = k.doc.Next(c) {
			member, known := p.find(k.doc.Name(c))
			switch {
			case !known && !p.open && k.check.Closed:
				k.refuse(c, "undeclared", "is not declared", p)
			case member == nil:
			case member.readOnly && k.check.Direction == Request && k.check.ReadOnly == Refuse:
				k.refuse(c, "readOnly", "is read-only", member)
			case k.doc.Kind(c) >= jsonstream.Object:
				k.declared(c, member)
			}
		}
	case jsonstream.Array:
		i := 0
		for c := k.doc.First(n); c != jsonstream.None; c = k.doc.Next(c) {
			if k.doc.Kind(c) >= jsonstream.Object {
				k.declared(c, p.Item(i))
			}
			i++
		}
	}
}

func (k *checker) refuse(n jsonstream.Node, keyword, detail string, p *Shape) {
	if !k.full() {
		k.report(k.pointer(n), n, keyword, detail, p.node)
	}
}

// nameFits evaluates a rule of propertyNames. The name becomes a document of its own: it is a string like any other.
func (k *checker) nameFits(rule *Schema, name []byte) bool {
	text, err := jsontext.AppendQuote(k.name[:0], name)
	if err != nil {
		return false // cannot be: the parser has checked that names are UTF-8
	}
	k.name = text
	if k.names == nil {
		k.names = new(jsonstream.Doc)
	}
	if err := k.names.Parse(text, jsonstream.Limits{String: len(name) + 1}); err != nil {
		return false // nor this
	}
	doc := k.doc
	k.doc = k.names
	k.quiet++
	ok := k.eval(rule, k.doc.Root(), noMarks)
	k.quiet--
	k.doc = doc
	return ok
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

func escapePointer(name string) string { return pointerEscaper.Replace(name) }
