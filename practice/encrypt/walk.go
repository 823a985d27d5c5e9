// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"yett/api/schema"
	"yett/view"
)

// each calls f with every place at p and below it, and the name of the innermost member that holds it: "" where there is
// none, anyName where members are not declared by name. A place is met once under each of its names.
func each(p *schema.Shape, f func(at view.Place, name string)) {
	w := walker{f: f, seen: make(map[walked]bool), objects: make(map[*schema.Shape]bool)}
	w.walk(p, nil, "")
}

type walker struct {
	f       func(view.Place, string)
	seen    map[walked]bool
	objects map[*schema.Shape]bool // whose members were met
}

type walked struct {
	shape, holder *schema.Shape
	name          string
}

func (w *walker) walk(p, holder *schema.Shape, name string) {
	at := walked{p, holder, name}
	if p == nil && holder == nil || w.seen[at] {
		return
	}
	w.seen[at] = true
	w.f(view.Place{Shape: p, Holder: holder}, name)
	again := w.objects[p]
	if p != nil {
		w.objects[p] = true
	}
	p.Each(func(child *schema.Shape, member string, item, declared bool) {
		switch {
		case item:
			w.walk(child, p, name)
		case again:
		case declared:
			w.walk(child, nil, member)
		default:
			w.walk(child, nil, anyName)
		}
	})
}
