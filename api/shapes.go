// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"cmp"
	"slices"

	"yett/api/schema"
)

// Shapes returns how many shapes the description has: all their IDs are below it.
func (a *API) Shapes() int { return a.shapes }

// EachShape calls f once with every shape that bodies of requests or answers reach, and once more with each array that
// directly holds values of it; holder is nil for members and for bodies as a whole. inRequest and inAnswer say in which
// direction it is reached. The order is that of the shapes' IDs, the same each time.
func (a *API) EachShape(f func(shape, holder *schema.Shape, inRequest, inAnswer bool)) {
	w := walker{from: make(map[reached]direction, a.shapes)}
	w.bodies(a)
	slices.SortFunc(w.all, func(a, b reached) int {
		return cmp.Or(cmp.Compare(a.shape.ID(), b.shape.ID()), cmp.Compare(a.holder.ID(), b.holder.ID()))
	})
	for _, r := range w.all {
		f(r.shape, r.holder, w.from[r]&inRequest != 0, w.from[r]&inAnswer != 0)
	}
}

// reached is a shape, and the array that directly holds it on this way; nil: none does.
type reached struct{ shape, holder *schema.Shape }

type direction uint8

const (
	inRequest direction = 1 << iota
	inAnswer
	elsewhere // parameters and header fields of answers
)

// A walker meets every shape once in each direction.
type walker struct {
	from  map[reached]direction
	all   []reached
	queue []*schema.Shape
}

func (w *walker) bodies(a *API) {
	var requests, answers []*schema.Shape
	for _, op := range a.Operations {
		if op.Body != nil {
			requests = appendShapes(requests, op.Body.Media)
		}
		for _, r := range op.Responses {
			answers = appendShapes(answers, r.Media)
		}
	}
	w.walk(requests, inRequest)
	w.walk(answers, inAnswer)
}

func appendShapes(to []*schema.Shape, media []*Media) []*schema.Shape {
	for _, m := range media {
		to = append(to, m.Schema.Shape())
	}
	return to
}

func (w *walker) walk(roots []*schema.Shape, d direction) {
	seen := map[*schema.Shape]bool{}
	visit := func(r reached) {
		if r.shape == nil {
			return
		}
		if had := w.from[r]; had&d == 0 {
			if had == 0 {
				w.all = append(w.all, r)
			}
			w.from[r] = had | d
		}
		if !seen[r.shape] {
			seen[r.shape] = true
			w.queue = append(w.queue, r.shape)
		}
	}
	for _, p := range roots {
		visit(reached{shape: p})
	}
	for len(w.queue) > 0 {
		p := w.queue[len(w.queue)-1]
		w.queue = w.queue[:len(w.queue)-1]
		p.Each(func(below *schema.Shape, _ string, item, _ bool) {
			if item {
				visit(reached{below, p})
			} else {
				visit(reached{shape: below})
			}
		})
	}
}
