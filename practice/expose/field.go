// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	"cmp"
	"slices"

	"yett/api/schema"
)

// A field is a place in the bodies of an answer, under the path by which a reader knows it: items[].price.
type field struct {
	path          string
	shape, holder *schema.Shape
	required      bool // of the object that holds it
}

const (
	maxFields = 5000 // of one body; recursion through many ways has more than anybody reads
	maxNested = 24
)

// fieldsOf calls f with every field of a body, the body itself first, and enters those for which f returns true; what holds
// itself once. It reports whether these are all.
func fieldsOf(root *schema.Shape, f func(field) bool) bool {
	w := fieldWalk{f: f, left: maxFields}
	w.walk(field{shape: root})
	return w.left > 0
}

type fieldWalk struct {
	f    func(field) bool
	left int
	open []*schema.Shape // around the one that is walked
}

func (w *fieldWalk) walk(at field) {
	if w.left--; w.left <= 0 {
		return
	}
	if !w.f(at) {
		return
	}
	if slices.Contains(w.open, at.shape) || len(w.open) >= maxNested {
		return
	}
	w.open = append(w.open, at.shape)
	for _, b := range below(at.shape) {
		next := field{path: at.path, shape: b.shape, holder: b.holder, required: at.shape.Requires(b.name)}
		switch {
		case b.holder != nil:
			next.path += "[]"
		case at.path != "":
			next.path += "." + cmp.Or(b.name, "*")
		default:
			next.path = cmp.Or(b.name, "*")
		}
		w.walk(next)
	}
	w.open = w.open[:len(w.open)-1]
}

// A child is a shape one level below another.
type child struct {
	shape, holder *schema.Shape
	name          string // of the member; "" for items, and for members that are not declared by name
}

// below returns what lies one level below p, in the order of the description.
func below(p *schema.Shape) []child {
	if p == nil {
		return nil
	}
	var all []child
	p.Each(func(shape *schema.Shape, member string, item, _ bool) {
		c := child{shape: shape, name: member}
		if item {
			c.holder = p
		}
		if !slices.Contains(all, c) {
			all = append(all, c)
		}
	})
	return all
}
