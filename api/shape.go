// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strconv"

	"yett/internal/source"
)

// kinds is a set of JSON types.
type kinds uint8

const (
	kindNull kinds = 1 << iota
	kindBoolean
	kindNumber // integer too: which numbers are good is for the schema to say
	kindString
	kindArray
	kindObject

	kindScalar = kindNull | kindBoolean | kindNumber | kindString
)

var kindsByName = map[string]kinds{
	"null": kindNull, "boolean": kindBoolean, "number": kindNumber, "integer": kindNumber,
	"string": kindString, "array": kindArray, "object": kindObject,
}

var kindsByNode = [...]kinds{
	source.Null: kindNull, source.Bool: kindBoolean, source.Number: kindNumber,
	source.String: kindString, source.Sequence: kindArray, source.Mapping: kindObject,
}

// A shape is what must be known of a schema to turn text into JSON: which types it admits and where. It never
// judges: the schema does, on the JSON that came out.
type shape struct {
	kinds   kinds
	items   *shape // of an array; nil: strings
	members []member
	open    *shape // members that are not listed; nil: none are admitted
	secret  bool   // format password, here or in the items
	binary  bool   // a file
	// limits of a file's size, which the schema cannot judge once the file is left out
	minLength, maxLength int // maxLength -1: none

	typed  bool // the schema names types: kinds is not a guess
	closed bool // additionalProperties is false somewhere
}

type member struct {
	name  string
	shape *shape
}

func (s *shape) member(name string) *shape {
	for i := range s.members {
		if s.members[i].name == name {
			return s.members[i].shape
		}
	}
	return nil
}

var textShape = &shape{kinds: kindString, maxLength: -1}

// shapes makes the shape of each schema once. Schemas may be recursive: so are shapes.
type shapes struct {
	resolve func(from *source.Node, ref string) (*source.Node, error)
	made    map[*source.Node]*shape
}

func (b *shapes) of(n *source.Node) *shape {
	if n == nil || n.Kind != source.Mapping {
		return textShape // true, or a broken schema, which its compiler reports
	}
	if s := b.made[n]; s != nil {
		return s
	}
	s := &shape{maxLength: -1}
	b.made[n] = s
	if ref := n.Get("$ref"); ref != nil && ref.Kind == source.String {
		if to, err := b.resolve(ref, ref.Text); err == nil {
			s.narrow(b.of(to))
		}
	}
	b.types(s, n)
	s.secret = s.secret || textOf(n.Get("format")) == "password"
	s.binary = s.binary || textOf(n.Get("format")) == "binary" || n.Get("contentMediaType") != nil && n.Get("contentEncoding") == nil
	if v, err := strconv.Atoi(textOf(n.Get("minLength"))); err == nil {
		s.minLength = v
	}
	if v, err := strconv.Atoi(textOf(n.Get("maxLength"))); err == nil {
		s.maxLength = v
	}
	if items := n.Get("items"); items != nil {
		s.items = b.of(items)
		s.secret = s.secret || s.items.secret
	}
	b.object(s, n)
	for _, branch := range itemsOf(n.Get("allOf")) {
		s.narrow(b.of(branch))
	}
	for _, key := range []string{"oneOf", "anyOf"} {
		if list := itemsOf(n.Get(key)); len(list) > 0 {
			s.narrow(b.union(list))
		}
	}
	b.guess(s, n)
	return s
}

// types reads type, and enum and const where there is none.
func (b *shapes) types(s *shape, n *source.Node) {
	own := kinds(0)
	if t := n.Get("type"); t != nil {
		if t.Kind == source.String {
			own = kindsByName[t.Text]
		}
		for _, item := range itemsOf(t) {
			own |= kindsByName[item.Text]
		}
		if textOf(n.Get("nullable")) == "true" {
			own |= kindNull
		}
	} else if values := itemsOf(n.Get("enum")); len(values) > 0 {
		for _, v := range values {
			own |= kindsByNode[v.Kind]
		}
	} else if v := n.Get("const"); v != nil {
		own = kindsByNode[v.Kind]
	}
	if own != 0 {
		s.narrow(&shape{kinds: own, typed: true, maxLength: -1})
	}
}

// object reads the members. An object that lists some is closed unless it says otherwise; one that lists none is open.
func (b *shapes) object(s *shape, n *source.Node) {
	if list := n.Get("properties"); list != nil && list.Kind == source.Mapping {
		for i, k := range list.Keys {
			s.put(member{k.Text, b.of(list.Items[i])})
		}
	}
	switch more := n.Get("additionalProperties"); {
	case more == nil:
	case more.Kind == source.Bool && more.Text == "false":
		s.closed = true
	default:
		s.open = b.of(more)
	}
}

// guess fills in the types of a schema that names none, from the keywords it uses.
func (b *shapes) guess(s *shape, n *source.Node) {
	has := func(keys ...string) bool {
		for _, k := range keys {
			if n.Get(k) != nil {
				return true
			}
		}
		return false
	}
	if !s.typed {
		switch {
		case len(s.members) > 0 || s.open != nil || has("additionalProperties", "minProperties", "maxProperties", "patternProperties"):
			s.kinds = kindObject
		case s.items != nil || has("minItems", "maxItems", "uniqueItems", "prefixItems", "contains"):
			s.kinds = kindArray
		case has("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"):
			s.kinds = kindNumber | kindString
		default:
			s.kinds = kindString
		}
	}
	if s.kinds&kindObject != 0 && len(s.members) == 0 && s.open == nil && !s.closed {
		s.open = textShape
	}
}

// union is the shape of what fits any of several schemas.
func (b *shapes) union(list []*source.Node) *shape {
	u := &shape{maxLength: -1, typed: true}
	for _, n := range list {
		s := b.of(n)
		u.kinds |= s.kinds
		u.typed = u.typed && s.typed
		u.take(s)
	}
	if !u.typed {
		u.kinds |= kindString
		u.typed = true
	}
	return u
}

// narrow makes s the shape of what fits s and t.
func (s *shape) narrow(t *shape) {
	switch {
	case !t.typed:
	case !s.typed:
		s.kinds, s.typed = t.kinds, true
	case s.kinds&t.kinds != 0:
		s.kinds &= t.kinds
	}
	s.take(t)
}

// take adds the parts of t that s lacks.
func (s *shape) take(t *shape) {
	if s.items == nil {
		s.items = t.items
	}
	for _, m := range t.members {
		s.put(m)
	}
	if s.open == nil && t.open != textShape {
		s.open = t.open
	}
	s.secret, s.binary, s.closed = s.secret || t.secret, s.binary || t.binary, s.closed || t.closed
	s.minLength = max(s.minLength, t.minLength)
	if s.maxLength < 0 {
		s.maxLength = t.maxLength
	}
}

func (s *shape) put(m member) {
	for i := range s.members {
		if s.members[i].name == m.name {
			return
		}
	}
	s.members = append(s.members, m)
}

func itemsOf(n *source.Node) []*source.Node {
	if n == nil || n.Kind != source.Sequence {
		return nil
	}
	return n.Items
}
