// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"hash/maphash"

	"yett/api/schema"
	"yett/jsonstream"
)

// A long is where a pass is in a document that is longer than the window: the containers around it are followed by their
// brackets, and each value that fits in the window is a document of its own.
type long struct {
	on     bool
	state  state
	frames []frame
	next   coming
	skip   skipper
	string bool // inside a string that is longer than maxLeaf
}

// A frame is a container that is open.
type frame struct {
	kind  jsonstream.Kind
	at    place
	level schema.Level
	count int // members or items so far
	kept  int // of which so many have left
	names map[uint64]struct{}
	path  string
}

// coming is the value that is to come.
type coming struct {
	at    place
	level schema.Level
	path  string
	drop  bool
}

type state uint8

const (
	wantValue state = iota
	wantFirst       // a member, an item or the end
	wantName
	wantColon
	wantComma // or the end
	wantEnd   // of the text
)

func (l *long) begin(root place, level schema.Level) {
	l.on, l.state = true, wantValue
	l.next = coming{at: root, level: level}
}

// seed makes hashes of names differ from process to process.
var seed = maphash.MakeSeed()

// stream goes on in a long document as far as what is there allows.
func (p *pass) stream(dst []byte, last bool) ([]byte, error) {
	i := 0
	for {
		n, more, err := p.step(&dst, p.buf[i:], last)
		i += n
		if err != nil {
			return dst, err
		}
		if !more {
			break
		}
	}
	if last && (p.long.state != wantEnd || i < len(p.buf)) {
		return dst, broken(errTruncated)
	}
	p.buf = p.buf[:copy(p.buf, p.buf[i:])]
	return dst, nil
}

// step takes one token, or one value, from the beginning of b. more is false where it needs more than b.
func (p *pass) step(dst *[]byte, b []byte, last bool) (n int, more bool, err error) {
	l := &p.long
	if l.skip.on {
		n = l.skip.feed(b)
		if l.skip.on {
			return n, false, nil
		}
		p.after()
		return n, true, nil
	}
	if l.string {
		return p.pieceOfString(dst, b)
	}
	for n < len(b) && (b[n] == ' ' || b[n] == '\t' || b[n] == '\r' || b[n] == '\n') {
		n++
	}
	if n == len(b) {
		return n, false, nil
	}
	var took int
	switch c := b[n]; l.state {
	case wantEnd:
		return n, false, broken(errTrailing)
	case wantFirst:
		if c == l.top().closing() {
			return n + 1, true, p.close(dst)
		}
		if l.state = wantName; l.top().kind == jsonstream.Array {
			l.state = wantValue
			err = p.nextItem()
		}
		return n, true, err
	case wantComma:
		switch c {
		case l.top().closing():
			return n + 1, true, p.close(dst)
		case ',':
			if l.state = wantName; l.top().kind == jsonstream.Array {
				l.state = wantValue
				err = p.nextItem()
			}
			return n + 1, true, err
		}
		return n, false, broken(errSyntax)
	case wantColon:
		if c != ':' {
			return n, false, broken(errSyntax)
		}
		l.state = wantValue
		return n + 1, true, nil
	case wantName:
		took, more, err = p.name(dst, b[n:])
	default:
		took, more, err = p.nextValue(dst, b[n:], last)
	}
	return n + took, more, err
}

func (l *long) top() *frame { return &l.frames[len(l.frames)-1] }

func (f *frame) closing() byte {
	if f.kind == jsonstream.Object {
		return '}'
	}
	return ']'
}

// after goes on behind a value.
func (p *pass) after() {
	if p.long.state = wantComma; len(p.long.frames) == 0 {
		p.long.state = wantEnd
	}
}

// name takes the name of a member.
func (p *pass) name(dst *[]byte, b []byte) (int, bool, error) {
	l, f := &p.long, p.long.top()
	if b[0] != '"' {
		return 0, false, broken(errSyntax)
	}
	n := stringEnd(b, 1)
	if n < 0 {
		if len(b) > p.window {
			return 0, false, broken(errTooLong)
		}
		return 0, false, nil
	}
	if err := p.index.Parse(b[:n], limits); err != nil {
		return 0, false, broken(err)
	}
	name := p.index.Text(p.index.Root())
	h := maphash.Bytes(seed, name)
	if _, twice := f.names[h]; twice {
		return 0, false, broken(errDuplicate)
	}
	if len(f.names) >= maxNames {
		return 0, false, broken(errTooMany)
	}
	if f.names == nil {
		f.names = make(map[uint64]struct{})
	}
	f.names[h] = struct{}{}
	f.count++

	p.base = f.path
	at, drop, err := p.member(jsonstream.None, name, f.at.shape, f.at.rule, f.at.sel)
	if err != nil {
		return 0, false, err
	}
	l.next = coming{at: at, drop: drop}
	if !drop {
		l.next.level = f.level.Member(name)
		l.next.path = f.path + template("/"+string(name))
		if f.kept > 0 {
			*dst = append(*dst, ',')
		}
		*dst = append(append(*dst, b[:n]...), ':')
		f.kept++
	}
	l.state = wantColon
	return n, true, nil
}

// nextItem readies the next item of an array.
func (p *pass) nextItem() error {
	f := p.long.top()
	shape := f.at.shape.Item(f.count)
	rule := p.rules.item(f.at.rule, shape)
	p.base = f.path + "/*"
	drop, err := p.strips(jsonstream.None, nil, rule.strip)
	p.long.next = coming{
		at: place{shape, rule, f.at.sel}, level: f.level.Item(f.count), path: f.path + "/*", drop: drop,
	}
	f.count++
	return err
}

// nextValue takes a value that fits, or enters one that does not.
func (p *pass) nextValue(dst *[]byte, b []byte, last bool) (int, bool, error) {
	l := &p.long
	n, ok := valueEnd(b, last)
	c := b[0]
	if ok {
		if l.next.drop {
			p.after()
			return n, true, nil
		}
		p.comma(dst)
		p.base = l.next.path
		out, err := p.document(*dst, b[:n], l.next.at, p.atLevel(l.next.level))
		*dst = out
		p.after()
		return n, true, err
	}
	if last {
		return 0, false, broken(errTruncated)
	}
	if len(b) <= p.window {
		return 0, false, nil
	}
	if l.next.drop {
		l.skip = skipper{on: true}
		return 0, true, nil
	}
	switch c {
	case '{', '[':
		return p.open(dst, c)
	case '"':
		if len(b) <= p.leaf {
			return 0, false, nil
		}
		return p.openString(dst)
	}
	return 0, false, broken(errTooLong)
}

// comma separates items; members have theirs before the name.
func (p *pass) comma(dst *[]byte) {
	if len(p.long.frames) == 0 {
		return
	}
	f := p.long.top()
	if f.kind != jsonstream.Array {
		return
	}
	if f.kept > 0 {
		*dst = append(*dst, ',')
	}
	f.kept++
}

func (p *pass) atLevel(at schema.Level) judging {
	if p.judge == nil || p.schema == nil {
		return nil
	}
	return func(doc *jsonstream.Doc) []schema.Finding { return at.Check(doc, doc.Root(), &answering) }
}

// open enters a container.
func (p *pass) open(dst *[]byte, c byte) (int, bool, error) {
	l := &p.long
	kind := jsonstream.Object
	if c == '[' {
		kind = jsonstream.Array
	}
	if done, err := p.replaceLong(dst, kind); done || err != nil {
		return 0, true, err
	}
	if len(l.frames) >= limits.Depth {
		return 0, false, broken(errTooDeep)
	}
	p.base = l.next.path
	if p.judge != nil && p.schema != nil {
		if err := p.found(l.next.level.Type(kind)); err != nil {
			return 0, false, err
		}
		if l.next.level.Partial() {
			if err := p.beyond(); err != nil {
				return 0, false, err
			}
		}
	}
	p.comma(dst)
	*dst = append(*dst, c)
	l.frames = append(l.frames, frame{kind: kind, at: l.next.at, level: l.next.level, path: l.next.path})
	l.state = wantFirst
	return 1, true, nil
}

// replaceLong lets edits replace a value that no index holds: they see its kind alone.
func (p *pass) replaceLong(dst *[]byte, kind jsonstream.Kind) (bool, error) {
	l := &p.long
	p.base = l.next.path
	for _, b := range l.next.at.rule.replace[leaving] {
		if !p.active[b.index] {
			continue
		}
		out, changed, err := b.Value(p.x, p.value[:0], Value{Kind: kind})
		if err != nil {
			return false, err
		}
		if !changed {
			continue
		}
		p.value = out
		p.count(b, jsonstream.None, nil)
		if b.Observe {
			continue
		}
		p.comma(dst)
		*dst = append(*dst, out...)
		l.skip = skipper{on: true}
		return true, nil
	}
	return false, nil
}

// close leaves the innermost container.
func (p *pass) close(dst *[]byte) error {
	l, f := &p.long, p.long.top()
	if p.judge != nil && p.schema != nil {
		p.base = f.path
		names := f.names
		has := func(name string) bool {
			_, ok := names[maphash.String(seed, name)]
			return ok
		}
		if err := p.found(f.level.End(f.kind, f.count, has)); err != nil {
			return err
		}
	}
	*dst = append(*dst, f.closing())
	*f = frame{}
	l.frames = l.frames[:len(l.frames)-1]
	p.after()
	return nil
}

// A skipper passes over a value that does not leave.
type skipper struct {
	on, quoted, escaped bool
	depth               int
}

// feed returns how much of b it has passed over. It is off behind the value.
func (s *skipper) feed(b []byte) int {
	for i, c := range b {
		switch {
		case s.escaped:
			s.escaped = false
		case s.quoted:
			s.escaped = c == '\\'
			s.quoted = c != '"'
			if !s.quoted && s.depth == 0 {
				s.on = false
				return i + 1
			}
		case c == '"':
			s.quoted = true
		case c == '{' || c == '[':
			s.depth++
		case c == '}' || c == ']':
			if s.depth--; s.depth <= 0 {
				s.on = false
				return i + 1
			}
		}
	}
	return len(b)
}
