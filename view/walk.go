// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"yett/api/schema"
	"yett/exchange"
	"yett/jsonstream"
)

// A walker applies the edits of one exchange to indexed documents. What nothing changes is copied in runs.
type walker struct {
	x      *exchange.Exchange
	rules  *Rules
	active []bool  // edits that take part in this exchange
	tally  []tally // what each edit did
	base   string  // path of the document within a longer one

	phase  phase
	doc    *jsonstream.Doc
	data   []byte
	copied int // up to where data is in out, or left out of it
	out    []byte
	value  []byte // scratch of replacements
	quiet  bool   // what is found is only tried, not counted
}

// A tally is how often an edit did something, and where first.
type tally struct {
	n     int
	paths [shownPaths]string
}

const shownPaths = 3

// start readies w for an exchange.
func (w *walker) start(x *exchange.Exchange, rules *Rules) {
	w.x, w.rules, w.base, w.phase = x, rules, "", leaving
	w.active, w.tally = w.active[:0], w.tally[:0]
	for _, e := range rules.edits {
		w.active = append(w.active, e.When == nil || e.When(x))
		w.tally = append(w.tally, tally{})
	}
}

// walk appends data, whose index is doc, to dst as the edits of a phase make it, and reports whether they changed it.
func (w *walker) walk(dst, data []byte, doc *jsonstream.Doc, ph phase, shape *schema.Shape, r *rule, sel *selection) ([]byte, bool, error) {
	w.doc, w.data, w.phase = doc, data, ph
	w.copied, w.out = 0, dst
	err := w.each(doc.Root(), shape, r, sel)
	changed := w.copied > 0
	w.emit(len(data))
	out := w.out
	w.doc, w.data, w.out, w.phase = nil, nil, nil, leaving
	return out, changed, err
}

// emit copies what precedes to.
func (w *walker) emit(to int) {
	if to > w.copied {
		w.out = append(w.out, w.data[w.copied:to]...)
		w.copied = to
	}
}

// each applies the edits of a value and of all that it holds.
func (w *walker) each(n jsonstream.Node, shape *schema.Shape, r *rule, sel *selection) error {
	if list := r.replace[w.phase]; len(list) > 0 {
		if done, err := w.replace(n, list); done || err != nil {
			return err
		}
	}
	switch w.doc.Kind(n) {
	case jsonstream.Object:
		return w.object(n, shape, r, sel)
	case jsonstream.Array:
		return w.array(n, shape, r, sel)
	case jsonstream.String, jsonstream.Number:
		if w.phase == leaving && len(r.watch) > 0 {
			return w.watch(n, r)
		}
	}
	return nil
}

func (w *walker) object(n jsonstream.Node, shape *schema.Shape, r *rule, sel *selection) error {
	start, _ := w.doc.Span(n)
	c := cutter{w: w, from: start + 1, kept: -1}
	for m := w.doc.First(n); m != jsonstream.None; m = w.doc.Next(m) {
		_, end := w.doc.Span(m)
		member, drop, err := w.member(m, w.doc.Name(m), shape, r, sel)
		if err != nil {
			return err
		}
		if drop {
			next := w.doc.Next(m)
			c.cut(end, next != jsonstream.None, func() int { return end + bytes.IndexByte(w.data[end:], '"') })
			continue
		}
		if err := w.each(m, member.shape, member.rule, member.sel); err != nil {
			return err
		}
		c.kept = end
	}
	return nil
}

// A place is where a value stands, and what is asked of it.
type place struct {
	shape *schema.Shape
	rule  *rule
	sel   *selection
}

// member finds the place of a member, and whether it is left out. n is None where the value is too long to be indexed.
func (w *walker) member(n jsonstream.Node, name []byte, shape *schema.Shape, r *rule, sel *selection) (p place, drop bool, err error) {
	known := false
	p.shape, known = shape.Find(name)
	p.rule = w.rules.of(p.shape)
	if w.phase != leaving {
		return p, false, nil
	}
	p.sel = nil
	if sel != nil {
		chosen, ok := sel.member(name)
		if !ok && !shape.Requires(string(name)) {
			return p, true, nil
		}
		if ok {
			p.sel = chosen
		}
	}
	strip := p.rule.strip
	if !known && shape != nil && !shape.Open() {
		strip = r.undeclared
	}
	if drop, err = w.strips(n, name, strip); drop || err != nil {
		return p, drop, err
	}
	if !known {
		drop, err = w.watchName(n, name, p.rule)
	}
	return p, drop, err
}

func (w *walker) array(n jsonstream.Node, shape *schema.Shape, r *rule, sel *selection) error {
	start, _ := w.doc.Span(n)
	c := cutter{w: w, from: start + 1, kept: -1}
	i := 0
	for m := w.doc.First(n); m != jsonstream.None; m = w.doc.Next(m) {
		from, end := w.doc.Span(m)
		item := shape.Item(i)
		i++
		rule := w.rules.item(r, item)
		if w.phase == leaving && len(rule.strip) > 0 {
			drop, err := w.strips(m, nil, rule.strip)
			if err != nil {
				return err
			}
			if drop {
				next := w.doc.Next(m)
				c.cut(end, next != jsonstream.None, func() int { from, _ = w.doc.Span(next); return from })
				continue
			}
		}
		if err := w.each(m, item, rule, sel); err != nil {
			return err
		}
		c.kept = end
	}
	return nil
}

// A cutter leaves members or items out, each with one comma.
type cutter struct {
	w    *walker
	from int // behind the opening bracket
	kept int // end of the last one that stays; -1: none
}

// cut leaves out what ends at end: with the comma before it where something before it stays, else with the one behind.
func (c *cutter) cut(end int, more bool, next func() int) {
	if c.kept >= 0 {
		c.w.emit(c.kept)
		c.w.copied = end
		return
	}
	c.w.emit(c.from)
	c.w.copied = end
	if more {
		c.w.copied = next()
	}
}

// strips asks whether a value is left out.
func (w *walker) strips(n jsonstream.Node, name []byte, list []bound) (bool, error) {
	for _, b := range list {
		if !w.active[b.index] {
			continue
		}
		if b.Value != nil {
			if _, _, err := b.Value(w.x, w.value[:0], w.valueAt(n)); err != nil {
				w.count(b, n, name)
				return false, err
			}
			continue
		}
		w.count(b, n, name)
		if b.Drop && !b.Observe {
			return true, nil
		}
	}
	return false, nil
}

// replace puts what the first edit that wants to makes of a value in its place.
func (w *walker) replace(n jsonstream.Node, list []bound) (bool, error) {
	for _, b := range list {
		if !w.active[b.index] {
			continue
		}
		out, changed, err := b.Value(w.x, w.value[:0], w.valueAt(n))
		if err != nil {
			w.count(b, n, nil)
			return false, err
		}
		if !changed {
			continue
		}
		w.value = out
		w.count(b, n, nil)
		if b.Observe {
			continue
		}
		w.put(n, out)
		return true, nil
	}
	return false, nil
}

// put writes text in place of n.
func (w *walker) put(n jsonstream.Node, text []byte) {
	from, to := w.doc.Span(n)
	w.emit(from)
	w.out = append(w.out, text...)
	w.copied = to
}

func (w *walker) valueAt(n jsonstream.Node) Value {
	if w.doc == nil || n == jsonstream.None {
		return Value{}
	}
	return Value{Kind: w.doc.Kind(n), Raw: w.doc.Raw(n), Text: w.doc.Text(n), doc: w.doc, at: n}
}

// watch has a string or a number looked at. A number in which something was masked becomes a string.
func (w *walker) watch(n jsonstream.Node, r *rule) error {
	text := w.doc.Text(n)
	if text == nil {
		text = w.doc.Raw(n)
	}
	out, changed, err := w.look(n, r.watch, text)
	if err != nil || !changed {
		return err
	}
	quoted, err := jsontext.AppendQuote(nil, out)
	if err != nil {
		return err // cannot be: an edit of valid text appends valid text
	}
	w.put(n, quoted)
	return nil
}

// look has text looked at by each of list in turn.
func (w *walker) look(n jsonstream.Node, list []bound, text []byte) (out []byte, changed bool, err error) {
	for _, b := range list {
		if !w.active[b.index] {
			continue
		}
		made, found, err := b.Text(w.x, w.value[:0], text)
		if err != nil {
			w.count(b, n, nil)
			return nil, false, err
		}
		if !found {
			continue
		}
		w.count(b, n, nil)
		if b.Observe {
			continue
		}
		text, changed = bytes.Clone(made), true // the scratch is the next one's
	}
	return text, changed, nil
}

// watchName looks at a name that the description does not give, which may be data. A member whose name may not leave is left
// out: two masked names could be the same.
func (w *walker) watchName(n jsonstream.Node, name []byte, r *rule) (drop bool, err error) {
	if len(r.watch) == 0 || len(name) < leastSecret {
		return false, nil
	}
	_, drop, err = w.look(n, r.watch, name)
	return drop, err
}

// leastSecret is the length below which no name is a secret: an IBAN has 15 characters, a card 13 digits.
const leastSecret = 8

func (w *walker) count(b bound, n jsonstream.Node, name []byte) {
	if w.quiet {
		return
	}
	t := &w.tally[b.index]
	t.n++
	if t.paths[shownPaths-1] != "" {
		return
	}
	var p []byte
	if n != jsonstream.None && w.doc != nil {
		p = w.doc.AppendPointer(nil, n)
	} else if name != nil {
		p = append([]byte{'/'}, name...)
	}
	at := w.base + template(string(p))
	for i := range t.paths {
		switch t.paths[i] {
		case at:
			return
		case "":
			t.paths[i] = at
			return
		}
	}
}

// template is a pointer with * for positions, and ? for names that could be data rather than names.
func template(pointer string) string {
	if pointer == "" {
		return ""
	}
	var b strings.Builder
	for name := range strings.SplitSeq(pointer[1:], "/") {
		b.WriteByte('/')
		switch {
		case plainName(name):
			b.WriteString(name)
		case name != "" && strings.Trim(name, "0123456789") == "":
			b.WriteByte('*')
		default:
			b.WriteByte('?')
		}
	}
	return b.String()
}

// plainName reports whether a name looks like one a programmer chose.
func plainName(name string) bool {
	if name == "" || len(name) > 40 {
		return false
	}
	digits := 0
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '-' && i > 0:
		case c >= '0' && c <= '9' && i > 0:
			digits++
		default:
			return false
		}
	}
	return digits <= 4
}

// report writes what the edits did into the record.
func (w *walker) report() {
	for i := range w.tally {
		t := &w.tally[i]
		if t.n == 0 {
			continue
		}
		e := w.rules.edits[i]
		o := exchange.Edited
		if e.Observe {
			o = exchange.Observed
		}
		note := e.Does + " " + strconv.Itoa(t.n)
		sep := ": "
		for _, p := range t.paths {
			if p != "" {
				note += sep + p
				sep = ", "
			}
		}
		w.x.Report(e.Practice, o, "", note)
		t.n = 0
	}
}
