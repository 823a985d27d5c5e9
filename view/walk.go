// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"yett/api/schema"
	"yett/exchange"
	"yett/jsonstream"
	"yett/problem"
)

// A walker applies the edits of one exchange to indexed documents. What nothing changes is copied in runs.
type walker struct {
	x      *exchange.Exchange
	rules  *Rules
	active []bool  // edits that take part in this exchange
	tally  []tally // what each edit did

	// Of a document within a longer one:
	base   string // its path
	name   []byte // of the member that holds it
	beside []sibling
	runs   bool // the root stands for a part of a container, in which so many come first
	first  int
	left   bool // something of the part stays

	phase  phase
	doc    *jsonstream.Doc
	data   []byte
	copied int // up to where data is in out, or left out of it
	out    []byte
	value  []byte // scratch of replacements
	quote  []byte // and of texts
	path   []byte // and of pointers
	gone   bool   // nothing of the body may leave
	quiet  bool   // what is found is only tried, not counted
}

// A tally is how often an edit did something, and where first.
type tally struct {
	n     int
	paths [shownPaths]string
}

const (
	shownPaths  = 3
	placedFirst = 100 // later ones are counted only: to name a place costs more than the edit
)

// start readies w for an exchange.
func (w *walker) start(x *exchange.Exchange, rules *Rules) {
	w.x, w.rules, w.phase = x, rules, leaving
	w.active, w.tally = w.active[:0], w.tally[:0]
	for _, e := range rules.edits {
		w.active = append(w.active, e.When == nil || e.When(x))
		w.tally = append(w.tally, tally{})
	}
}

// walk appends data, whose index is doc, to dst as the edits of a phase make it, and reports whether they changed it. Of a
// run the brackets do not leave.
func (w *walker) walk(dst, data []byte, doc *jsonstream.Doc, ph phase, at place) ([]byte, bool, error) {
	w.doc, w.data, w.phase = doc, data, ph
	w.copied, w.out = 0, dst
	n, end := doc.Root(), len(data)
	if w.runs && ph == leaving {
		w.copied, end = 1, end-1
	}
	start := w.copied
	var err error
	switch {
	case !w.runs:
		err = w.each(n, at)
	case doc.Kind(n) == jsonstream.Object:
		err = w.object(n, at)
	default:
		err = w.array(n, at)
	}
	changed := w.copied > start
	w.emit(end)
	out := w.out
	w.doc, w.data, w.out, w.phase = nil, nil, nil, leaving
	return out, changed, err
}

// A place is where a value stands, and what is asked of it.
type place struct {
	shape *schema.Shape
	rule  *rule
	sel   *selection
	body  bool // it is all of a body or record
}

// nothing stands for a body that may not leave: no object or array holds it that could be without it.
var nothing = []byte("null")

// emit copies what precedes to.
func (w *walker) emit(to int) {
	if to > w.copied {
		w.out = append(w.out, w.data[w.copied:to]...)
		w.copied = to
	}
}

// each applies the edits of a value and of all that it holds.
func (w *walker) each(n jsonstream.Node, at place) error {
	if list := at.rule.replace[w.phase]; len(list) > 0 {
		if done, err := w.replace(n, list); done || err != nil {
			return err
		}
	}
	if at.body && w.phase == leaving && len(at.rule.strip) > 0 {
		gone, err := w.strips(n, nil, at.rule.strip)
		if gone {
			w.put(n, nothing)
			w.gone = true
		}
		if gone || err != nil {
			return err
		}
	}
	switch w.doc.Kind(n) {
	case jsonstream.Object:
		return w.object(n, at)
	case jsonstream.Array:
		return w.array(n, at)
	case jsonstream.String, jsonstream.Number, jsonstream.True, jsonstream.False:
		if w.phase == leaving {
			return w.scalar(n, at)
		}
	}
	return nil
}

// scalar applies the edits of what holds nothing else.
func (w *walker) scalar(n jsonstream.Node, at place) error {
	gone, err := w.misplaced(n, at)
	switch {
	case err != nil:
		return err
	case gone:
		w.put(n, nothing)
	case len(at.rule.watch) > 0 && w.doc.Kind(n) >= jsonstream.Number:
		return w.watch(n, at.rule)
	}
	return nil
}

// misplaced asks whether a text, a number or a truth may leave at a place. Where only objects and arrays are declared it could
// say all that they would not, as JSON in a text does.
func (w *walker) misplaced(n jsonstream.Node, at place) (bool, error) {
	if !textless(at.shape) {
		return false, nil
	}
	return w.strips(n, nil, at.rule.undeclared)
}

func (w *walker) object(n jsonstream.Node, at place) error {
	start, _ := w.doc.Span(n)
	c := cutter{w: w, from: start + 1, kept: -1}
	next := 0 // position of the name that is guessed
	for m := w.doc.First(n); m != jsonstream.None; m = w.doc.Next(m) {
		_, end := w.doc.Span(m)
		name := w.doc.Name(m)
		shape, declared, guess := at.shape.FindAt(next, name)
		next = guess
		member, drop, err := w.member(m, name, at, shape, declared)
		if err != nil {
			return err
		}
		if drop {
			c.cut(end, w.doc.Next(m) != jsonstream.None, func() int { return end + bytes.IndexByte(w.data[end:], '"') })
			continue
		}
		if err := w.each(m, member); err != nil {
			return err
		}
		c.kept = end
	}
	w.left = c.kept >= 0
	return nil
}

// member finds the place of a member whose shape is known, and whether it is left out. n is None where the value is too long
// to be indexed.
func (w *walker) member(n jsonstream.Node, name []byte, at place, shape *schema.Shape, declared bool) (p place, drop bool, err error) {
	p.shape, p.rule = shape, w.rules.of(shape)
	if w.phase != leaving {
		return p, false, nil
	}
	strip := p.rule.strip
	if !declared && closed(at.shape) {
		strip = at.rule.undeclared
	}
	if drop, err = w.strips(n, name, strip); drop || err != nil {
		return p, drop, err
	}
	if at.sel != nil {
		chosen, ok := at.sel.member(name)
		if !ok && !at.shape.Requires(string(name)) {
			return p, true, nil
		}
		if ok {
			p.sel = chosen
		}
	}
	if !declared {
		drop, err = w.watchName(n, name, p.rule)
	}
	return p, drop, err
}

func (w *walker) array(n jsonstream.Node, at place) error {
	start, _ := w.doc.Span(n)
	c := cutter{w: w, from: start + 1, kept: -1}
	i := 0
	if w.runs && n == w.doc.Root() {
		i = w.first
	}
	for m := w.doc.First(n); m != jsonstream.None; m = w.doc.Next(m) {
		from, end := w.doc.Span(m)
		item := place{shape: at.shape.Item(i), sel: at.sel}
		item.rule = w.rules.item(at.rule, item.shape)
		i++
		if strip := at.itemStrip(item.rule); w.phase == leaving && len(strip) > 0 {
			drop, err := w.strips(m, nil, strip)
			if err != nil {
				return err
			}
			if drop {
				next := w.doc.Next(m)
				c.cut(end, next != jsonstream.None, func() int { from, _ = w.doc.Span(next); return from })
				continue
			}
		}
		if err := w.each(m, item); err != nil {
			return err
		}
		c.kept = end
	}
	w.left = c.kept >= 0
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
				if !b.Observe {
					return false, w.refuse(b, err)
				}
				w.count(b, n, name)
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
			if !b.Observe {
				return false, w.refuse(b, err)
			}
			w.count(b, n, nil)
			continue
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

// refuse records that an edit refuses the body, and returns why.
func (w *walker) refuse(b bound, err error) error {
	o := exchange.Refused
	if problem.From(err).Status >= 500 {
		o = exchange.Failed
	}
	w.x.Report(b.Practice, o, problem.Code(err), "")
	return err
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
		return Value{name: w.name, beside: w.beside}
	}
	return Value{Kind: w.doc.Kind(n), Raw: w.doc.Raw(n), Text: w.doc.Text(n), doc: w.doc, at: n, name: w.name, beside: w.beside}
}

// watch has a string or a number looked at. A number in which something was masked becomes a string.
func (w *walker) watch(n jsonstream.Node, r *rule) error {
	text := w.doc.Text(n)
	if text == nil {
		text = w.doc.Raw(n)
	}
	out, changed, err := w.look(n, Value{doc: w.doc, at: n, name: w.name}.Name(), r.watch, text)
	if err != nil || !changed {
		return err
	}
	if w.quote, err = jsontext.AppendQuote(w.quote[:0], out); err != nil {
		return err // cannot be: an edit of valid text appends valid text
	}
	w.put(n, w.quote)
	return nil
}

// look has text looked at by each of list in turn. A trial, which is quiet, changes what observers find too: changed then
// says whether there is anything to count. name is that of the member that holds the text, or nil.
func (w *walker) look(n jsonstream.Node, name []byte, list []bound, text []byte) (out []byte, changed bool, err error) {
	for _, b := range list {
		if !w.active[b.index] {
			continue
		}
		made, found, err := b.Text(w.x, w.value[:0], name, text)
		switch {
		case err != nil && !b.Observe:
			return nil, false, w.refuse(b, err)
		case err != nil:
			w.count(b, n, nil)
			changed = changed || w.quiet
			continue
		case !found:
			continue
		}
		w.count(b, n, nil)
		if b.Observe && !w.quiet {
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
	_, drop, err = w.look(n, nil, r.watch, name)
	return drop, err
}

// leastSecret is the length below which no name is a secret: an IBAN has 15 characters, a card 13 digits.
const leastSecret = 8

func (w *walker) count(b bound, n jsonstream.Node, name []byte) {
	if w.quiet {
		return
	}
	t := &w.tally[b.index]
	if t.n++; t.n > pathsLookedAt || t.paths[shownPaths-1] != "" {
		return
	}
	w.path = w.path[:0]
	if n != jsonstream.None && w.doc != nil {
		w.path = w.doc.AppendPointer(w.path, n)
	} else if name != nil {
		w.path = appendName(w.path, name)
	}
	pointer := len(w.path)
	w.path = appendTemplate(append(w.path, w.base...), w.path)
	at := w.path[pointer:]
	for i := range t.paths {
		switch t.paths[i] {
		case string(at):
			return
		case "":
			t.paths[i] = string(at)
			return
		}
	}
}

// pathsLookedAt is of how many values an edit's record looks where they are.
const pathsLookedAt = 100

// appendName appends a name as a pointer has it (RFC 6901).
func appendName(dst, name []byte) []byte {
	dst = append(dst, '/')
	for _, c := range name {
		switch c {
		case '~':
			dst = append(dst, "~0"...)
		case '/':
			dst = append(dst, "~1"...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// template is a pointer with * for positions, and ? for names that could be data rather than names.
func template(pointer []byte) string { return string(appendTemplate(nil, pointer)) }

func appendTemplate(dst, pointer []byte) []byte {
	if len(pointer) == 0 {
		return dst
	}
	for name := range bytes.SplitSeq(pointer[1:], []byte{'/'}) {
		dst = append(dst, '/')
		switch {
		case plainName(name):
			dst = append(dst, name...)
		case len(name) > 0 && len(bytes.Trim(name, "0123456789")) == 0:
			dst = append(dst, '*')
		default:
			dst = append(dst, '?')
		}
	}
	return dst
}

// plainName reports whether a name looks like one a programmer chose.
func plainName(name []byte) bool {
	if len(name) == 0 || len(name) > 40 {
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
