// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"strings"
	"unicode/utf8"

	"yett/jsonstream"
)

// eval reports whether n fits s. Where it reports findings it goes on after the first, else it stops there.
func (k *checker) eval(s *Schema, n jsonstream.Node, m marks) bool {
	if k.steps--; k.steps < 0 || k.depth == maxDepth {
		k.over = true
		return false
	}
	if s.foreign != nil {
		return k.judge(s, n)
	}
	if s.never {
		return k.fail(s, n, "false", "is not allowed")
	}
	k.depth++
	var ok bool
	if s.family != nil && k.doc.Kind(n) == jsonstream.Object {
		ok = k.evalFamily(s, n, m)
	} else {
		ok = k.evalOwn(s, n, m)
	}
	k.depth--
	return ok
}

// stop reports whether a fault ends the evaluation.
func (k *checker) stop(ok bool) bool { return !ok && (k.quiet > 0 || k.full()) }

func (k *checker) evalOwn(s *Schema, n jsonstream.Node, m marks) bool {
	kind := k.doc.Kind(n)
	outer, own := m, noMarks
	if kind == jsonstream.Object && s.object != nil && s.object.unevaluated != nil ||
		kind == jsonstream.Array && s.array != nil && s.array.unevaluated != nil {
		own = k.push(n)
		m = own
	}
	ok := k.typed(s, n, kind)
	if ok && s.enum != nil {
		k.spend(len(s.enum.others))
		if !s.enum.has(k.doc, n) {
			ok = k.fail(s, n, s.enum.keyword, enumDetail(s.enum.keyword))
		}
	}
	if !ok {
		// Of the wrong type or none of the values: what else is wrong with it helps nobody.
		return k.done(own, false)
	}
	switch kind {
	case jsonstream.Number:
		if s.number != nil {
			ok = k.evalNumber(s, n)
		}
	case jsonstream.String:
		if s.text != nil {
			ok = k.evalText(s, n)
		}
	case jsonstream.Array:
		if s.array != nil {
			ok = k.evalArray(s, n, m)
		}
	case jsonstream.Object:
		if s.object != nil {
			ok = k.evalObject(s, n, m)
		}
	}
	if k.stop(ok) {
		return k.done(own, false)
	}
	ok = k.applicators(s, n, m) && ok
	if ok && own != noMarks {
		ok = k.unevaluated(s, n, own)
		k.drop(own)
		k.markAll(outer, n)
		return ok
	}
	return k.done(own, ok)
}

func (k *checker) done(own marks, ok bool) bool {
	if own != noMarks {
		k.drop(own)
	}
	return ok
}

func enumDetail(keyword string) string {
	if keyword == "const" {
		return "is not the one value allowed"
	}
	return "is not one of the allowed values"
}

// kindTypes are the types a kind of value can have.
var kindTypes = [...]Types{
	jsonstream.Null: Null, jsonstream.False: Boolean, jsonstream.True: Boolean, jsonstream.Number: Number,
	jsonstream.String: String, jsonstream.Object: Object, jsonstream.Array: Array,
}

func (k *checker) typed(s *Schema, n jsonstream.Node, kind jsonstream.Kind) bool {
	if s.types == 0 {
		return true
	}
	has := s.types & kindTypes[kind]
	if has == Integer {
		// Most are digits only; 1.0 and 1e2 are integers too.
		if raw := k.doc.Raw(n); digits(raw) < len(raw) {
			has &= typeOf(k.doc, n)
		}
	}
	return has != 0 || k.fail(s, n, "type", "must be "+s.types.article())
}

// article lists the types in words: "a string", "an object or null".
func (t Types) article() string {
	var words []string
	for name := range strings.SplitSeq((t &^ Null).String(), ", ") {
		switch {
		case name == "":
		case strings.IndexByte("aio", name[0]) >= 0:
			words = append(words, "an "+name)
		default:
			words = append(words, "a "+name)
		}
	}
	if t.Has(Null) {
		words = append(words, "null")
	}
	return strings.Join(words, " or ")
}

func (k *checker) evalNumber(s *Schema, n jsonstream.Node) bool {
	r, x, ok := s.number, parseDecimal(k.doc.Raw(n)), true
	if r.min != nil && x.compare(r.min) < 0 {
		ok = k.fail(s, n, "minimum", "must be at least "+s.node.Get("minimum").Text)
	}
	if r.exclusiveMin != nil && x.compare(r.exclusiveMin) <= 0 {
		ok = k.fail(s, n, "exclusiveMinimum", "must be more than "+s.bound("exclusiveMinimum", "minimum"))
	}
	if r.max != nil && x.compare(r.max) > 0 {
		ok = k.fail(s, n, "maximum", "must be at most "+s.node.Get("maximum").Text)
	}
	if r.exclusiveMax != nil && x.compare(r.exclusiveMax) >= 0 {
		ok = k.fail(s, n, "exclusiveMaximum", "must be less than "+s.bound("exclusiveMaximum", "maximum"))
	}
	if r.multipleOf != nil && !r.multipleOf.divides(&x) {
		ok = k.fail(s, n, "multipleOf", "must be a multiple of "+s.node.Get("multipleOf").Text)
	}
	if f := r.format; f != nil && !f.holds(&x) {
		if f.name == "" {
			return k.fail(s, n, "type", "is too large an integer to be exact")
		}
		return k.fail(s, n, "format", "is out of range for "+f.name)
	}
	return ok
}

// bound is the text of a bound, which OpenAPI 3.0 writes beside the keyword.
func (s *Schema) bound(keyword, inclusive string) string {
	if n := s.node.Get(keyword); n != nil && n.Text != "true" {
		return n.Text
	}
	return s.node.Get(inclusive).Text
}

func (k *checker) evalText(s *Schema, n jsonstream.Node) bool {
	r, ok := s.text, true
	text := k.doc.Text(n)
	if r.pattern != nil {
		k.spend(len(text) / 4) // a step of an automaton costs more than the other looks at a byte
	}
	k.spend(len(text) / 16)
	if r.min > 0 || r.max >= 0 {
		switch size := utf8.RuneCount(text); {
		case size < r.min:
			ok = k.fail(s, n, "minLength", "must be at least "+plural(r.min, "character")+" long")
		case r.max >= 0 && size > r.max:
			ok = k.fail(s, n, "maxLength", "must be at most "+plural(r.max, "character")+" long")
		}
		if k.stop(ok) {
			return false
		}
	}
	if r.format != nil && !r.format(text) {
		ok = k.fail(s, n, "format", "is not a valid "+r.name)
	}
	if r.pattern != nil && !r.pattern.Match(text) {
		ok = k.fail(s, n, "pattern", "does not have the required form")
	}
	return ok
}

func (k *checker) applicators(s *Schema, n jsonstream.Node, m marks) bool {
	ok := true
	if s.ref != nil && !k.eval(s.ref, n, m) {
		if ok = false; k.stop(ok) {
			return false
		}
	}
	for _, t := range s.allOf {
		if !k.eval(t, n, m) {
			if ok = false; k.stop(ok) {
				return false
			}
		}
	}
	if s.anyOf != nil && !k.anyOf(s, n, m) {
		ok = false
	}
	if s.oneOf != nil && !k.stop(ok) && !k.oneOf(s, n, m) {
		ok = false
	}
	if s.not != nil && !k.stop(ok) && k.branch(s.not, n, noMarks) {
		ok = k.fail(s, n, "not", "is of a form that is not allowed")
	}
	if s.cond != nil && !k.stop(ok) {
		next := s.cond.otherwise
		if k.branch(s.cond.when, n, m) {
			next = s.cond.then
		}
		if next != nil && !k.eval(next, n, m) {
			ok = false
		}
	}
	return ok
}

func (k *checker) anyOf(s *Schema, n jsonstream.Node, m marks) bool {
	ok := false
	for _, t := range s.anyOf {
		if k.branch(t, n, m) {
			if ok = true; m == noMarks {
				return true
			}
		}
	}
	return ok || k.explain(s, s.anyOf, n, "anyOf")
}

func (k *checker) oneOf(s *Schema, n jsonstream.Node, m marks) bool {
	fits := 0
	for _, t := range s.oneOf {
		if k.branch(t, n, m) {
			if fits++; fits > 1 {
				return k.fail(s, n, "oneOf", "fits more than one of the allowed forms")
			}
		}
	}
	return fits == 1 || k.explain(s, s.oneOf, n, "oneOf")
}

// explain reports why n fits none of the branches: by the faults of the branch that was meant, if that can be told.
func (k *checker) explain(s *Schema, branches []*Schema, n jsonstream.Node, keyword string) bool {
	if k.quiet > 0 || k.full() {
		return false
	}
	if t := k.meant(s, branches, n); t != nil {
		before := len(k.found)
		if k.eval(t, n, noMarks); len(k.found) > before {
			return false
		}
	}
	return k.fail(s, n, keyword, "fits none of the allowed forms")
}

// meant returns the branch that the discriminator names, or the only one that admits a value of this kind.
func (k *checker) meant(s *Schema, branches []*Schema, n jsonstream.Node) *Schema {
	if s.disc != nil && k.doc.Kind(n) == jsonstream.Object {
		value := k.doc.Text(k.doc.Member(n, s.disc.property))
		if t := s.disc.branches[string(value)]; t != nil {
			return t
		}
		return nil
	}
	var only *Schema
	for _, t := range branches {
		if !k.admits(t, n) {
			continue
		}
		if only != nil {
			return nil
		}
		only = t
	}
	return only
}

// admits reports whether the type of n alone does not rule s out.
func (k *checker) admits(s *Schema, n jsonstream.Node) bool {
	for range maxAdmits {
		if s.never || s.types != 0 && s.types&kindTypes[k.doc.Kind(n)] == 0 || s.enum != nil && !s.enum.has(k.doc, n) {
			return false
		}
		if s.ref == nil {
			return true
		}
		s = s.ref
	}
	return true
}

// maxAdmits is how long a chain of references is followed for the sake of a better message.
const maxAdmits = 16
