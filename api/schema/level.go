// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"slices"

	"yett/jsonstream"
)

// A Level is what certainly applies at one place of an answer that is too long to be indexed whole: the schemas that are
// reached through $ref and allOf. Containers are read in pieces, each value in them that is short enough is indexed and
// checked by itself:
//
//	found := l.Type(jsonstream.Array)
//	for i := range items { found = append(found, l.Item(i).Check(&doc, doc.Root(), check)...) }
//	found = append(found, l.End(jsonstream.Array, len(items), nil)...)
//
// Together these find what Check of the whole would, where no container on the way is Partial; else they find less, and
// nothing that Check would not. There are two differences: of an array that turns out to be too long the items have been
// judged already, and Closed says nothing of the members of a container that is read in pieces, only of those within its
// values. The zero Level applies nothing. Levels are values that do not change.
type Level struct {
	first *Schema
	more  []*Schema
	// refused is a schema whose additionalProperties is false for the member that is here.
	refused *Schema
	shape   *Shape
	hidden  bool // lies in what must not be shown
}

// stepsPiece takes the place of stepsBase where many pieces make one document.
const stepsPiece = 1 << 16

// Level returns what applies to a whole document. Of a nil Schema, and of one that Compile has not returned itself,
// nothing does.
func (s *Schema) Level() Level {
	if s == nil || s.root == nil {
		return Level{}
	}
	return Level{first: s, shape: s.root.shape}
}

// Member returns what applies to a member of this name.
func (l Level) Member(name []byte) Level {
	next := Level{shape: l.shape.lookup(name), hidden: l.sensitive()}
	for s := range l.schemas(jsonstream.Object) {
		r := s.object
		if r == nil || s.ends(Object) {
			continue
		}
		known := false
		if at, ok := r.index[string(name)]; ok && r.schemas[at] != nil {
			known = true
			next.add(r.schemas[at])
		}
		for i := range r.patterns {
			if r.patterns[i].re.Match(name) {
				known = true
				next.add(r.patterns[i].schema)
			}
		}
		switch {
		case known || r.additional == nil:
		case !r.additional.never:
			next.add(r.additional)
		case next.refused == nil:
			next.refused = s
		}
	}
	return next
}

// Item returns what applies to the i-th item.
func (l Level) Item(i int) Level {
	next := Level{shape: l.shape.Item(i), hidden: l.sensitive()}
	for s := range l.schemas(jsonstream.Array) {
		r := s.array
		switch {
		case r == nil || s.ends(Array):
		case i < len(r.prefix):
			next.add(r.prefix[i])
		case r.items != nil:
			next.add(r.items)
		}
	}
	return next
}

func (l *Level) add(s *Schema) {
	switch {
	case l.first == nil:
		l.first = s
	case l.first != s && !slices.Contains(l.more, s):
		l.more = append(l.more, s)
	}
}

// Check returns what is wrong with n, which is here whole. Pointers begin at n. Schemas get fewer steps for it than for a
// document of its own, since there may be many pieces.
func (l Level) Check(d *jsonstream.Doc, n jsonstream.Node, c *Check) []Finding {
	k := newChecker(d, n, c, stepsPiece)
	k.shape, k.relative, k.hidden = l.shape, true, l.sensitive()
	if l.refused != nil {
		k.fail(l.refused, n, "additionalProperties", "is not declared")
	}
	if l.first != nil {
		k.eval(l.first, n, noMarks)
	}
	for _, s := range l.more {
		if k.full() {
			break
		}
		k.eval(s, n, noMarks)
	}
	if c.Closed || c.refusesReadOnly() {
		k.declared(n, l.shape)
	}
	if l.first == nil {
		return k.result(l.shape.Node())
	}
	return k.result(l.first.node)
}

// Type returns what is wrong with an array or object before anything in it is known: that there is one. Of enum and
// const it can tell only that they admit none.
func (l Level) Type(kind jsonstream.Kind) []Finding {
	var r report
	if l.refused != nil {
		r.add(l, l.refused, "", "additionalProperties", "is not declared")
	}
	for s := range l.schemas(kind) {
		switch t := kindTypes[kind]; {
		case s.foreign != nil:
		case s.never:
			r.add(l, s, "", "false", "is not allowed")
		case s.types != 0 && s.types&t == 0:
			r.add(l, s, "", "type", "must be "+s.types.article())
		case s.enum != nil && s.enum.types()&t == 0:
			r.add(l, s, "", s.enum.keyword, enumDetail(s.enum.keyword))
		}
	}
	return r
}

// End returns what is wrong with an array or object as a whole, once all of it has been read: count members or items.
// has tells whether an object had a member of this name. What only the caller may set (writeOnly) is not missed.
func (l Level) End(kind jsonstream.Kind, count int, has func(name string) bool) []Finding {
	var r report
	for s := range l.schemas(kind) {
		switch {
		case s.ends(kindTypes[kind]):
		case kind == jsonstream.Array && s.array != nil:
			l.endArray(&r, s, count)
		case kind == jsonstream.Object && s.object != nil:
			l.endObject(&r, s, count, has)
		}
	}
	return r
}

func (l Level) endArray(r *report, s *Schema, count int) {
	a := s.array
	if count < a.min {
		r.add(l, s, "", "minItems", "must have at least "+plural(a.min, "item"))
	}
	if a.max >= 0 && count > a.max {
		r.add(l, s, "", "maxItems", "must have at most "+plural(a.max, "item"))
	}
}

func (l Level) endObject(r *report, s *Schema, count int, has func(string) bool) {
	o := s.object
	if count < o.min {
		r.add(l, s, "", "minProperties", "must have at least "+plural(o.min, "member"))
	}
	if o.max >= 0 && count > o.max {
		r.add(l, s, "", "maxProperties", "must have at most "+plural(o.max, "member"))
	}
	want := func(name string) {
		if !has(name) && !Response.others(l.shape.Member(name)) {
			r.add(l, s, cutPointer([]byte("/"+escapePointer(name))), "required", "is required")
		}
	}
	for _, at := range o.required {
		want(o.names[at])
	}
	for i := range o.dependent {
		if d := &o.dependent[i]; d.schema == nil && has(d.name) {
			for _, name := range d.needs {
				want(name)
			}
		}
	}
}

// Partial reports whether something here cannot be judged of a container in pieces: alternatives, conditions, negations,
// enum or const that admit containers, uniqueItems, contains, propertyNames, unevaluated*, and what the library judges.
func (l Level) Partial() bool {
	for _, kind := range [...]jsonstream.Kind{jsonstream.Object, jsonstream.Array} {
		for s := range l.schemas(kind) {
			if s.partial(kindTypes[kind]) {
				return true
			}
		}
	}
	return false
}

func (s *Schema) partial(t Types) bool {
	switch {
	case s.foreign != nil:
		return true
	case s.never || s.types != 0 && s.types&t == 0:
		return false
	case s.enum != nil:
		return s.enum.types()&t != 0
	case s.anyOf != nil || s.oneOf != nil || s.not != nil || s.cond != nil || s.family != nil && t == Object:
		return true
	case t == Array:
		a := s.array
		return a != nil && (a.unique || a.contains != nil || a.unevaluated != nil)
	}
	o := s.object
	return o != nil && (o.nameRule != nil || o.unevaluated != nil ||
		slices.ContainsFunc(o.dependent, func(d dependency) bool { return d.schema != nil }))
}

func (l Level) sensitive() bool { return l.hidden || l.shape.Sensitive() }

// schemas yields what applies to a container of a kind, and what is reached but does not fit.
func (l Level) schemas(kind jsonstream.Kind) func(yield func(*Schema) bool) {
	return func(yield func(*Schema) bool) {
		if l.first == nil || !l.first.each(kind, yield) {
			return
		}
		for _, s := range l.more {
			if !s.each(kind, yield) {
				return
			}
		}
	}
}

func (s *Schema) each(kind jsonstream.Kind, yield func(*Schema) bool) bool {
	if !yield(s) {
		return false
	}
	if s.certain == nil {
		return true
	}
	list := s.certain.object
	if kind == jsonstream.Array {
		list = s.certain.array
	}
	for _, t := range list {
		if !yield(t) {
			return false
		}
	}
	return true
}

// A report collects findings about a container in pieces.
type report []Finding

func (r *report) add(l Level, s *Schema, pointer, keyword, detail string) {
	if len(*r) == maxFindings || slices.ContainsFunc(*r, func(f Finding) bool { return f.Pointer == pointer && f.Detail == detail }) {
		return
	}
	*r = append(*r, Finding{Pointer: pointer, Keyword: keyword, Detail: detail, Where: s.where(keyword), Sensitive: l.sensitive()})
}

// certain lists the schemas that apply to the same container as the one they belong to, through $ref and allOf. Check
// looks no further where a schema does not fit by its type, or has an enum that is not met; neither do these.
type certain struct{ object, array []*Schema }

// maxCertain is how many schemas may be composed into one by $ref and allOf, and maxCompositions how many in all schemas of one
// description together.
const maxCertain, maxCompositions = 1000, 2_000_000

// settle finds what applies together with s. There are no loops: refuseLoops has been here.
func (c *Compiler) settle(s *Schema) {
	if s.ref == nil && s.allOf == nil {
		return
	}
	all := &certain{object: s.reach(Object), array: s.reach(Array)}
	c.composed += len(all.object) + len(all.array)
	switch {
	case len(all.object) > maxCertain || len(all.array) > maxCertain:
		c.fail(s.node, "the schema is composed of more than %d others", maxCertain)
	case c.composed > maxCompositions:
		c.fail(s.node, "the schemas are composed of more than %d others together", maxCompositions)
	case len(all.object)+len(all.array) > 0:
		s.certain = all
	}
}

func (s *Schema) reach(t Types) (list []*Schema) {
	seen := map[*Schema]bool{s: true}
	for at, next := s, 0; ; next++ {
		if !at.ends(t) {
			for _, u := range append([]*Schema{at.ref}, at.allOf...) {
				if u != nil && !seen[u] && len(list) <= maxCertain {
					seen[u] = true
					list = append(list, u)
				}
			}
		}
		if next == len(list) {
			return list
		}
		at = list[next]
	}
}

// ends reports whether nothing certain is known beyond s of a container of type t: it does not fit, or only an enum or
// the library can tell.
func (s *Schema) ends(t Types) bool {
	return s.foreign != nil || s.never || s.enum != nil || s.types != 0 && s.types&t == 0
}
