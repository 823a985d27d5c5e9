// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"maps"
	"slices"

	"yett/api"
	"yett/api/schema"
)

// Rules are the edits of all places of an API in one direction, looked up by the place. They do not change and are shared
// by all operations whose practices have the same settings.
type Rules struct {
	by      []*rule // by the ID of the shape
	unknown *rule   // of values of which nothing is said
	edits   []*Edit // all of them; their positions number them
}

// A rule is the edits of one place, by stage.
type rule struct {
	replace    [phases][]bound // Open, Mask, Seal: by the walk in which they have their turn
	strip      []bound
	watch      []bound
	undeclared []bound       // Strip, of members, items and texts that the place does not declare
	items      map[int]*rule // of items, by the ID of their shape, where the place itself says something of them
}

// A bound is an edit with its position in Rules.edits.
type bound struct {
	*Edit
	index int
}

// A phase is one walk over a document.
type phase uint8

const (
	opening phase = iota
	leaving
	sealing
	phases
)

// NewRules asks edits about every place of the bodies of a, in requests or in answers.
func NewRules(a *api.API, request bool, edits func(Place) []*Edit) *Rules {
	b := &builder{rules: &Rules{by: make([]*rule, a.Shapes())}, edits: edits, made: map[string]*rule{}, numbers: map[*Edit]int{}}
	b.rules.unknown = b.rule(Place{API: a, Request: request})
	var met []Place
	a.EachShape(func(shape, holder *schema.Shape, inRequest, inAnswer bool) {
		if request && !inRequest || !request && !inAnswer {
			return
		}
		at := Place{API: a, Shape: shape, Request: request}
		if b.rules.by[shape.ID()] == nil {
			b.rules.by[shape.ID()] = b.rule(at)
			met = append(met, at)
		}
		if holder != nil {
			at.Holder = holder
			met = append(met, at)
		}
	})
	// What arrays say of their items comes on top, whichever of the two was met first.
	for _, at := range met {
		switch {
		case at.Holder == nil && at.Shape.Worded() && at.Shape.Types().Has(schema.Array) && at.Shape.Item(beyondPrefix) == nil:
			// The word means items of which nothing else is said, too.
			b.items(at.Shape, Place{API: a, Holder: at.Shape, Request: request})
		case at.Holder != nil && at.Holder.Worded():
			b.items(at.Holder, at)
		}
	}
	b.nest()
	return b.rules
}

// beyondPrefix is the position of an item that no prefixItems describes.
const beyondPrefix = 1 << 30

// items gives the rule of an array the rule of its items at a place.
func (b *builder) items(holder *schema.Shape, at Place) {
	h := b.rules.by[holder.ID()]
	if h == nil {
		h = b.rule(Place{API: at.API, Shape: holder, Request: at.Request})
	}
	own := *h // the rule may be shared with places that hold nothing
	own.items = maps.Clone(h.items)
	if own.items == nil {
		own.items = map[int]*rule{}
	}
	own.items[at.Shape.ID()] = b.rule(at)
	b.rules.by[holder.ID()] = &own
}

// nest lets the words of an array count that is an item of an array with words.
func (b *builder) nest() {
	for _, r := range b.rules.by {
		if r == nil {
			continue
		}
		for id, item := range r.items {
			if id < 0 || b.rules.by[id] == nil || b.rules.by[id].items == nil {
				continue
			}
			own := *item
			own.items = b.rules.by[id].items
			r.items[id] = &own
		}
	}
}

type builder struct {
	rules   *Rules
	edits   func(Place) []*Edit
	made    map[string]*rule // places where the same edits apply share a rule
	numbers map[*Edit]int
}

func (b *builder) rule(at Place) *rule {
	own := b.edits(at)
	var undeclared []*Edit
	if closed(at.Shape) || itemless(at.Shape) || textless(at.Shape) {
		not := at
		not.Undeclared = true
		undeclared = b.edits(not)
	}
	var key []byte
	for _, list := range [][]*Edit{own, undeclared} {
		for _, e := range list {
			n := b.number(e)
			key = append(key, byte(n>>8), byte(n))
		}
		key = append(key, 0xFF, 0xFF)
	}
	if r := b.made[string(key)]; r != nil {
		return r
	}
	r := &rule{}
	for _, e := range own {
		w := bound{e, b.number(e)}
		switch e.Stage {
		case Open:
			r.replace[opening] = append(r.replace[opening], w)
		case Mask:
			r.replace[leaving] = append(r.replace[leaving], w)
		case Seal:
			r.replace[sealing] = append(r.replace[sealing], w)
		case Strip:
			r.strip = append(r.strip, w)
		case Watch:
			r.watch = append(r.watch, w)
		}
	}
	for _, e := range undeclared {
		r.undeclared = append(r.undeclared, bound{e, b.number(e)})
	}
	b.made[string(key)] = r
	return r
}

func (b *builder) number(e *Edit) int {
	n, ok := b.numbers[e]
	if !ok {
		n = len(b.rules.edits)
		b.numbers[e] = n
		b.rules.edits = append(b.rules.edits, e)
	}
	return n
}

// closed reports whether members that are not declared are unwelcome: the place lists others, or takes no objects at all.
func closed(s *schema.Shape) bool {
	return s != nil && (!s.Open() || !s.Types().Has(schema.Object))
}

// itemless reports whether items are unwelcome, because the place takes no arrays.
func itemless(s *schema.Shape) bool { return s != nil && !s.Types().Has(schema.Array) }

// textless reports whether anything but objects, arrays and null is unwelcome.
func textless(s *schema.Shape) bool {
	return s != nil && s.Types()&(schema.String|schema.Number|schema.Boolean) == 0
}

// of returns the rule of a place.
func (r *Rules) of(shape *schema.Shape) *rule {
	if id := shape.ID(); id >= 0 && id < len(r.by) {
		if rule := r.by[id]; rule != nil {
			return rule
		}
	}
	return r.unknown
}

// itemStrip is what may leave out an item with a rule, of an array at a place.
func (p place) itemStrip(item *rule) []bound {
	if itemless(p.shape) {
		return p.rule.undeclared
	}
	return item.strip
}

// item returns the rule of an item in an array whose rule is holder.
func (r *Rules) item(holder *rule, shape *schema.Shape) *rule {
	if holder != nil && holder.items != nil {
		if own := holder.items[shape.ID()]; own != nil {
			return own
		}
	}
	return r.of(shape)
}

// reach returns the edits of the places that answers of an operation have, in their order. Those of places of which nothing
// is said are among them: below open objects, and in bodies without a schema.
func (r *Rules) reach(op *api.Operation) []*Edit {
	hit := make([]bool, len(r.edits))
	noted := map[*rule]bool{}
	note := func(at *rule) {
		for queue := []*rule{at}; len(queue) > 0; queue = queue[1:] {
			if at = queue[0]; at == nil || noted[at] {
				continue
			}
			noted[at] = true
			for _, list := range append(at.replace[:], at.strip, at.watch, at.undeclared) {
				for _, b := range list {
					hit[b.index] = true
				}
			}
			queue = slices.AppendSeq(queue, maps.Values(at.items))
		}
	}
	note(r.unknown)
	seen := make([]bool, len(r.by)) // by the ID of the shape
	var queue []*schema.Shape
	add := func(s *schema.Shape, _ string, _, _ bool) {
		if id := s.ID(); id >= 0 && id < len(seen) && !seen[id] {
			seen[id] = true
			queue = append(queue, s)
		}
	}
	for _, answer := range op.Responses {
		for _, m := range answer.Media {
			add(m.Schema.Shape(), "", false, false)
		}
	}
	for i := 0; i < len(queue); i++ { // shapes join the list while it is walked
		note(r.of(queue[i]))
		queue[i].Each(add)
	}
	var all []*Edit
	for i, e := range r.edits {
		if hit[i] {
			all = append(all, e)
		}
	}
	return all
}

// has reports whether any edit is of this stage.
func (r *Rules) has(s Stage) bool {
	return slices.ContainsFunc(r.edits, func(e *Edit) bool { return e.Stage == s })
}
