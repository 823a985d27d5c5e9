// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"encoding/binary"
	"slices"
	"strings"

	"yett/internal/source"
)

// maxShapes is how many places the shapes of one description may have. A place is a set of schemas; of n schemas there
// are 2ⁿ sets, of which descriptions in use have about n.
const maxShapes = 1_000_000

// maxWork is how many schemas may be looked at for the places of one description: a place costs those that apply there, and each
// of its members and patterns those that speak of it. GitHub's description takes 80,000.
const maxWork = 10_000_000

// An entry is a schema that applies at a place, for certain or in one of several alternatives.
type entry struct {
	schema *Schema
	alt    bool
}

// A shaper makes the shapes of one description, each place once.
type shaper struct {
	made     map[string]*Shape
	ids      map[*Schema]uint64
	declares map[*Schema]declares
	types    map[*Schema]Types
	queue    []unshaped
	work     int
}

// unshaped is a place that is still empty.
type unshaped struct {
	shape   *Shape
	entries []entry
}

// declares is what one schema says about names.
type declares struct {
	lists bool // names properties or patterns, or closes the object
	open  bool // says that others are welcome
}

func (b *shaper) of(s *Schema) (*Shape, error) {
	p := b.place([]entry{{s, false}})
	for len(b.queue) > 0 {
		last := len(b.queue) - 1
		u := b.queue[last]
		b.queue = b.queue[:last]
		b.fill(u.shape, u.entries)
		if len(b.made) > maxShapes {
			b.queue = nil
			return nil, source.Errorf(s.node, "the schemas overlap in more than %d ways", maxShapes)
		}
		if b.work > maxWork {
			b.queue = nil
			return nil, source.Errorf(s.node, "the schemas take too long to be told apart").WithHint("fewer alternatives, patterns and open objects at one place")
		}
	}
	return p, nil
}

// family makes the shapes of s with its heirs, and of each of these by itself.
func (b *shaper) family(s *Schema) (err error) {
	f := s.family
	if f == nil || f.all != nil {
		return nil
	}
	f.each(func(t *Schema) {
		if err == nil {
			f.shapes[t], err = b.of(t)
		}
	})
	if err == nil {
		f.all, err = b.of(s)
	}
	return err
}

// place returns the place where entries apply, nil if none does.
func (b *shaper) place(entries []entry) *Shape {
	if len(entries) == 0 {
		return nil
	}
	key := b.key(entries)
	if p := b.made[key]; p != nil {
		return p
	}
	p := &Shape{node: entries[0].schema.node, id: len(b.made)}
	b.made[key] = p
	b.queue = append(b.queue, unshaped{p, entries})
	return p
}

func (b *shaper) key(entries []entry) string {
	b.work += len(entries)
	ids := make([]uint64, 0, 4)
	for _, e := range entries {
		id, ok := b.ids[e.schema]
		if !ok {
			id = uint64(len(b.ids))
			b.ids[e.schema] = id
		}
		id *= 2
		if e.alt {
			id++
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	var key []byte
	for _, id := range ids {
		key = binary.AppendUvarint(key, id)
	}
	return string(key)
}

func (b *shaper) fill(p *Shape, entries []entry) {
	var certain, alternatives []*Schema
	for _, e := range entries {
		if e.alt {
			alternatives = append(alternatives, e.schema)
		} else {
			certain = append(certain, e.schema)
		}
	}
	d := b.combine(declares{}, certain, alternatives, nil)
	p.open = d.open || !d.lists
	if p.types = b.combineTypes(AnyType, certain, alternatives); p.types == 0 {
		// No type fits all: say what fits any, and leave it to the check to refuse.
		for _, e := range entries {
			p.types |= b.typesOf(e.schema)
		}
	}
	all := closure(entries)
	b.work += len(all)
	for _, e := range all {
		s := e.schema
		b.work += len(p.worded)
		p.readOnly = p.readOnly || s.readOnly
		p.writeOnly = p.writeOnly || s.writeOnly
		p.sensitive = p.sensitive || s.writeOnly || s.password
		p.readWords(s.node)
		if !e.alt && s.object != nil {
			for _, i := range s.object.required {
				p.require(s.object.names[i])
			}
		}
	}
	b.fillObject(p, all)
	b.fillArray(p, all)
}

// readWords takes the x-yett words of a schema. They count beside a $ref too, also in OpenAPI 3.0, which ignores what
// stands there: whoever writes x-yett-visible means it.
func (p *Shape) readWords(n *source.Node) {
	for i, k := range n.Keys {
		if !strings.HasPrefix(k.Text, "x-yett-") {
			continue
		}
		if !slices.Contains(p.worded, n) {
			p.worded = append(p.worded, n)
		}
		if slices.Contains(p.words[k.Text], n.Items[i]) {
			continue
		}
		if p.words == nil {
			p.words = map[string][]*source.Node{}
		}
		p.words[k.Text] = append(p.words[k.Text], n.Items[i])
	}
}

func (p *Shape) require(name string) {
	if p.required == nil {
		p.required = map[string]bool{}
	}
	p.required[name] = true
}

// closure returns the entries and all that apply to the same value because of them. Schemas have no loops here:
// Compile refuses them.
func closure(entries []entry) []entry {
	all := slices.Clone(entries)
	seen := map[entry]bool{}
	for _, e := range all {
		seen[e] = true
	}
	add := func(s *Schema, alt bool) {
		if e := (entry{s, alt}); s != nil && !seen[e] {
			seen[e] = true
			all = append(all, e)
		}
	}
	for i := 0; i < len(all); i++ {
		s, alt := all[i].schema, all[i].alt
		add(s.ref, alt)
		for _, t := range s.allOf {
			add(t, alt)
		}
		for _, list := range [][]*Schema{s.anyOf, s.oneOf, s.conditional()} {
			for _, t := range list {
				add(t, true)
			}
		}
	}
	return all
}

// conditional returns the schemas that apply under conditions, heirs among them. They declare, but do not open by saying nothing.
func (s *Schema) conditional() (list []*Schema) {
	if s.family != nil {
		list = append(list, s.family.heirs...)
	}
	if s.cond != nil {
		list = append(list, s.cond.when)
		if s.cond.then != nil {
			list = append(list, s.cond.then)
		}
		if s.cond.otherwise != nil {
			list = append(list, s.cond.otherwise)
		}
	}
	if s.object != nil {
		for _, d := range s.object.dependent {
			if d.schema != nil {
				list = append(list, d.schema)
			}
		}
	}
	return list
}

func (b *shaper) declaresOf(s *Schema) declares {
	if d, ok := b.declares[s]; ok {
		return d
	}
	var own declares
	if s.foreign != nil {
		own.open = true // what it declares is not known here
	}
	if o := s.object; o != nil {
		own.lists = len(o.patterns) > 0 || slices.ContainsFunc(o.schemas, func(t *Schema) bool { return t != nil })
		for _, more := range []*Schema{o.additional, o.unevaluated} {
			if more != nil {
				own.lists = own.lists || more.never
				own.open = own.open || !more.never
			}
		}
	}
	certain := s.allOf
	if s.ref != nil {
		certain = append([]*Schema{s.ref}, certain...)
	}
	d := b.combine(own, certain, append(s.anyOf[:len(s.anyOf):len(s.anyOf)], s.oneOf...), s.conditional())
	b.declares[s] = d
	return d
}

// combine is the union. An alternative that admits objects and says nothing about names opens the place, unless what
// applies for certain lists names: then it only adds a condition, as in anyOf: [{required: [a]}, {required: [b]}].
func (b *shaper) combine(d declares, certain, alternatives, conditional []*Schema) declares {
	for _, s := range certain {
		c := b.declaresOf(s)
		d.lists, d.open = d.lists || c.lists, d.open || c.open
	}
	certainly, silent := d.lists, false
	for _, s := range alternatives {
		c := b.declaresOf(s)
		d.lists, d.open = d.lists || c.lists, d.open || c.open
		silent = silent || !c.lists && b.typesOf(s).Has(Object)
	}
	d.open = d.open || silent && !certainly
	for _, s := range conditional {
		c := b.declaresOf(s)
		d.lists, d.open = d.lists || c.lists, d.open || c.open
	}
	return d
}

func (b *shaper) typesOf(s *Schema) Types {
	if t, ok := b.types[s]; ok {
		return t
	}
	t := AnyType
	if s.types != 0 {
		t = s.types
	}
	if s.enum != nil {
		t &= s.enum.types()
	}
	if s.never {
		t = 0
	}
	certain := s.allOf
	if s.ref != nil {
		certain = append([]*Schema{s.ref}, certain...)
	}
	t = b.combineTypes(t, certain, s.anyOf)
	t = b.combineTypes(t, nil, s.oneOf)
	b.types[s] = t
	return t
}

func (b *shaper) combineTypes(t Types, certain, alternatives []*Schema) Types {
	for _, s := range certain {
		t &= b.typesOf(s)
	}
	if len(alternatives) == 0 {
		return t
	}
	any := Types(0)
	for _, s := range alternatives {
		any |= b.typesOf(s)
	}
	return t & any
}

func (b *shaper) fillObject(p *Shape, all []entry) {
	s := speaking(all)
	known := map[string]bool{}
	for _, e := range s.objects {
		for i, name := range e.schema.object.names {
			if _, ok := p.index[name]; !ok && e.schema.object.schemas[i] != nil && b.work <= maxWork {
				if p.index == nil {
					p.index = map[string]int{}
				}
				p.index[name] = len(p.names)
				p.names = append(p.names, name)
				p.members = append(p.members, b.place(s.about(name, b)))
			}
		}
		for _, r := range e.schema.object.patterns {
			if text := r.re.String(); !known[text] {
				known[text] = true
				p.patterns = append(p.patterns, r.re)
			}
		}
	}
	var rest []entry
	for _, e := range s.objects {
		rest = appendRest(rest, e)
	}
	p.rest = b.place(rest)
	b.fillPatterned(p, s.objects)
}

// speakers are the entries of a place that speak of members.
type speakers struct {
	objects []entry
	named   map[string][]int // those that name a member, in objects
	always  []int            // those that may speak of any member: by patterns, or by what they say of the others
}

func speaking(all []entry) speakers {
	s := speakers{named: map[string][]int{}}
	for _, e := range all {
		o := e.schema.object
		if o == nil {
			continue
		}
		at := len(s.objects)
		s.objects = append(s.objects, e)
		if o.patterns != nil || o.additional != nil || o.unevaluated != nil {
			s.always = append(s.always, at)
			continue
		}
		for i, name := range o.names {
			if o.schemas[i] != nil {
				s.named[name] = append(s.named[name], at)
			}
		}
	}
	return s
}

// about returns what applies to the member name.
func (s *speakers) about(name string, b *shaper) (entries []entry) {
	speak := slices.Concat(s.named[name], s.always)
	slices.Sort(speak)
	b.work += len(speak)
	for _, at := range speak {
		entries = s.objects[at].about(entries, name, b)
	}
	return entries
}

// about appends what e says of the member name.
func (e entry) about(entries []entry, name string, b *shaper) []entry {
	o := e.schema.object
	known := false
	if i, ok := o.index[name]; ok && o.schemas[i] != nil {
		known = true
		entries = append(entries, entry{o.schemas[i], e.alt})
	}
	b.work += len(o.patterns) * patternWork
	for _, r := range o.patterns {
		if r.re.MatchString(name) {
			known = true
			entries = append(entries, entry{r.schema, e.alt})
		}
	}
	if !known {
		entries = appendRest(entries, e)
	}
	return entries
}

// patternWork is what it costs to hold a name against a pattern.
const patternWork = 8

// fillPatterned finds what applies to names that match patterns. A name matches some and not others, and what is said of
// the others must neither open it nor keep anything from it.
func (b *shaper) fillPatterned(p *Shape, objects []entry) {
	n := len(p.patterns)
	if n == 0 {
		return
	}
	at := make(map[string]int, n)
	for i, re := range p.patterns {
		at[re.String()] = i
	}
	add := func(matched func(int) bool) {
		if b.work <= maxWork {
			p.patterned = append(p.patterned, b.place(b.aboutMatched(matched, at, objects)))
		}
	}
	if n <= maxSubsets {
		for set := 1; set < 1<<n; set++ {
			add(func(i int) bool { return set&(1<<i) != 0 })
		}
		return
	}
	for one := range n {
		add(func(i int) bool { return i == one })
	}
	add(func(int) bool { return true })
}

// aboutMatched returns what applies to a member that is not listed, whose name matches some of the patterns: at says which is
// which.
func (b *shaper) aboutMatched(matched func(int) bool, at map[string]int, objects []entry) (entries []entry) {
	for _, e := range objects {
		known := false
		b.work += 1 + len(e.schema.object.patterns)
		for _, r := range e.schema.object.patterns {
			if matched(at[r.re.String()]) {
				known = true
				entries = append(entries, entry{r.schema, e.alt})
			}
		}
		if !known {
			entries = appendRest(entries, e)
		}
	}
	return entries
}

// appendRest appends what e says of members that it does not name.
func appendRest(entries []entry, e entry) []entry {
	o := e.schema.object
	for _, more := range []*Schema{o.additional, o.unevaluated} {
		if more != nil && !more.never {
			entries = append(entries, entry{more, e.alt})
		}
	}
	return entries
}

func (b *shaper) fillArray(p *Shape, all []entry) {
	longest := 0
	for _, e := range all {
		if a := e.schema.array; a != nil {
			longest = max(longest, len(a.prefix))
		}
	}
	at := func(i int) (entries []entry) {
		for _, e := range all {
			a := e.schema.array
			switch {
			case a == nil:
			case i < len(a.prefix):
				entries = append(entries, entry{a.prefix[i], e.alt})
			case a.items != nil:
				entries = append(entries, entry{a.items, e.alt})
			case a.unevaluated != nil:
				entries = append(entries, entry{a.unevaluated, e.alt})
			}
		}
		return entries
	}
	for i := range longest {
		p.prefix = append(p.prefix, b.place(at(i)))
	}
	p.items = b.place(at(longest))
}
