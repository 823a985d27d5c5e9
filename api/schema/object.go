// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import "yett/jsonstream"

func (k *checker) evalObject(s *Schema, n jsonstream.Node, m marks) bool {
	r, ok, size := s.object, true, k.doc.Len(n)
	if size < r.min {
		ok = k.fail(s, n, "minProperties", "must have at least "+plural(r.min, "member"))
	}
	if r.max >= 0 && size > r.max {
		ok = k.fail(s, n, "maxProperties", "must have at most "+plural(r.max, "member"))
	}
	if k.stop(ok) {
		return false
	}
	var seen uint64 // of the first 64 names
	if len(r.names) > 0 || r.patterns != nil || r.additional != nil || r.nameRule != nil {
		i, next := 0, 0
		for c := k.doc.First(n); c != jsonstream.None; c = k.doc.Next(c) {
			name := k.doc.Name(c)
			at := r.find(name, next)
			if at >= 0 {
				next = at + 1
				if at < 64 {
					seen |= 1 << at
				}
			}
			if !k.member(s, c, name, at, m, i) {
				if ok = false; k.stop(ok) {
					return false
				}
			}
			i++
		}
	}
	for _, at := range r.required {
		if at < 64 && seen&(1<<at) != 0 || at >= 64 && k.doc.Member(n, r.names[at]) != jsonstream.None {
			continue
		}
		if !k.missing(s, n, r.names[at]) {
			if ok = false; k.stop(ok) {
				return false
			}
		}
	}
	for i := range r.dependent {
		if !k.dependency(s, n, &r.dependent[i], m) {
			if ok = false; k.stop(ok) {
				return false
			}
		}
	}
	return ok
}

// find returns the position of name, -1 if it has none. Members often come in the order of the description.
func (r *objectRules) find(name []byte, guess int) int {
	if guess < len(r.names) && r.names[guess] == string(name) {
		return guess
	}
	if at, ok := r.index[string(name)]; ok {
		return at
	}
	return -1
}

// member evaluates the i-th member, whose name is at a position of r.names.
func (k *checker) member(s *Schema, c jsonstream.Node, name []byte, at int, m marks, i int) bool {
	r, ok, known := s.object, true, false
	if r.nameRule != nil && !k.nameFits(r.nameRule, name) {
		ok = k.fail(s, c, "propertyNames", "has a name that is not allowed")
	}
	if at >= 0 && r.schemas[at] != nil {
		known = true
		ok = k.eval(r.schemas[at], c, noMarks) && ok
	}
	for p := range r.patterns {
		k.spend(1 + len(name)/16)
		if r.patterns[p].re.Match(name) {
			known = true
			ok = k.eval(r.patterns[p].schema, c, noMarks) && ok
		}
	}
	if !known && r.additional != nil {
		known = true
		if r.additional.never {
			return k.fail(s, c, "additionalProperties", "is not declared")
		}
		ok = k.eval(r.additional, c, noMarks) && ok
	}
	if known {
		k.mark(m, i)
	}
	return ok
}

// missing reports a required member that is absent. One that only the other side may set is not missed.
func (k *checker) missing(s *Schema, n jsonstream.Node, name string) bool {
	if k.check.Direction != 0 && k.othersWord(n, name) {
		return true
	}
	if k.quiet == 0 && !k.full() {
		p := append(append(k.path(n), '/'), escapePointer(name)...)
		k.report(cutPointer(p), n, "required", "is required", s.where("required"))
	}
	return false
}

// othersWord reports whether the member name of n is for the other side to set, wherever the description says so.
func (k *checker) othersWord(n jsonstream.Node, name string) bool {
	k.spend(1)
	return k.check.Direction.others(k.place(n).Member(name))
}

// others reports whether the value at p is for the other side to set.
func (d Direction) others(p *Shape) bool {
	return d == Request && p.ReadOnly() || d == Response && p.WriteOnly()
}

func (k *checker) dependency(s *Schema, n jsonstream.Node, d *dependency, m marks) bool {
	k.spend(1)
	if k.doc.Member(n, d.name) == jsonstream.None {
		return true
	}
	if d.schema != nil {
		return k.eval(d.schema, n, m)
	}
	ok := true
	for _, name := range d.needs {
		if k.doc.Member(n, name) == jsonstream.None && !k.missing(s, n, name) {
			ok = false
		}
	}
	return ok
}

// unevaluated evaluates the members or items that nothing else has.
func (k *checker) unevaluated(s *Schema, n jsonstream.Node, m marks) bool {
	rule, keyword, detail := (*Schema)(nil), "unevaluatedItems", "is one item too many"
	if k.doc.Kind(n) == jsonstream.Object {
		rule, keyword, detail = s.object.unevaluated, "unevaluatedProperties", "is not declared"
	} else {
		rule = s.array.unevaluated
	}
	ok, i := true, 0
	for c := k.doc.First(n); c != jsonstream.None; c = k.doc.Next(c) {
		if !k.marked(m, i) {
			if rule.never {
				ok = k.fail(s, c, keyword, detail)
			} else if !k.eval(rule, c, noMarks) {
				ok = false
			}
			if k.stop(ok) {
				return false
			}
		}
		i++
	}
	return ok
}
