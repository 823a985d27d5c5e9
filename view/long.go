// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"slices"

	"yett/api/schema"
	"yett/jsonstream"
)

// A long is where a pass is in a document that is longer than the window. The containers around the place are open, and as
// many of the members or items that follow as are here whole are indexed together: a run. Only a value that does not fit
// in the window is entered.
type long struct {
	on     bool
	state  state
	at     int // in buf: all before it has left
	frames []frame
	next   coming
	names  int // in all frames
	scanner
}

// A frame is a container that is open.
type frame struct {
	kind  jsonstream.Kind
	at    place
	drop  bool // it is read, and does not leave
	level schema.Level
	count int  // members or items so far
	kept  bool // some of which have left
	names map[uint64]struct{}
	path  string
	name  []byte // of the member that holds it

	beside []sibling
}

// A sibling is a member of an object in pieces that an edit may ask for. Only what comes before the value is known.
type sibling struct{ name, text string }

const (
	maxSiblings   = 32
	maxSiblingLen = 256
)

// coming is a value that is too long to be in a run.
type coming struct {
	at    place
	level schema.Level
	path  string
	name  []byte
	drop  bool
}

type state uint8

const (
	wantValue state = iota
	wantFirst       // a member, an item or the end
	wantNext        // a member or an item
	wantColon
	wantComma // or the end
	inString  // that is longer than a leaf
	wantEnd   // of the text
)

// seed makes hashes of names differ from process to process.
var seed = maphash.MakeSeed()

// begin makes the answer a long one.
func (p *pass) begin() {
	l := &p.long
	l.on, l.state = true, wantValue
	l.commas = append(l.commas[:0], -1)
	l.next.at = p.root
	if p.judges() {
		l.next.level = p.schema.Level()
	}
	// A run gets brackets around it; before the first one there is no byte to write the bracket on.
	p.buf = slices.Insert(p.buf, 0, ' ')
	l.scanner.pos, l.at = 1, 1
}

// stream goes on in a long document as far as what is there allows. It takes in no more than half a window at a time.
func (p *pass) stream(dst, chunk []byte, last bool) ([]byte, error) {
	l := &p.long
	for {
		n := min(len(chunk), max(p.window/2, 1))
		p.add(chunk[:n])
		chunk = chunk[n:]
		for more := true; more; {
			var err error
			if dst, more, err = p.advance(dst, last && len(chunk) == 0); err != nil {
				return dst, err
			}
		}
		if done := l.at - 1; done > 0 {
			p.buf = p.buf[:1+copy(p.buf[1:], p.buf[l.at:])]
			l.at = 1
			l.shift(done)
		}
		if len(chunk) == 0 {
			break
		}
	}
	if last && l.state != wantEnd {
		return dst, broken(errTruncated)
	}
	return dst, nil
}

// advance takes one token, one run, one value or one piece of a string. more is false where it needs more than there is.
func (p *pass) advance(dst []byte, last bool) (_ []byte, more bool, err error) {
	l := &p.long
	if err := l.scan(p.buf, len(l.frames)); err != nil {
		return dst, false, err
	}
	if l.state != inString {
		for l.at < len(p.buf) && (p.buf[l.at] == ' ' || p.buf[l.at] == '\t' || p.buf[l.at] == '\r' || p.buf[l.at] == '\n') {
			l.at++
		}
	}
	if l.at >= len(p.buf) {
		return dst, false, nil
	}
	switch c := p.buf[l.at]; l.state {
	case wantFirst, wantNext:
		return p.run(dst)
	case wantColon:
		if c != ':' {
			return dst, false, broken(errSyntax)
		}
		l.at++
		l.state = wantValue
	case wantComma:
		if c != ',' {
			return p.close(dst)
		}
		l.at++
		l.state = wantNext
	case inString:
		return p.pieceOfString(dst)
	case wantEnd:
		return dst, false, broken(errTrailing)
	default:
		return p.longValue(dst, last)
	}
	return dst, true, nil
}

func (l *long) top() *frame { return &l.frames[len(l.frames)-1] }

func (f *frame) brackets() (opening, closing byte) {
	if f.kind == jsonstream.Object {
		return '{', '}'
	}
	return '[', ']'
}

// after goes on behind a value.
func (p *pass) after() {
	if p.long.state = wantComma; len(p.long.frames) == 0 {
		p.long.state = wantEnd
	}
}

// run takes the members or items that are here whole, or leads to one that does not fit.
func (p *pass) run(dst []byte) (_ []byte, more bool, err error) {
	l, f := &p.long, p.long.top()
	end := l.commas[len(l.frames)]
	switch {
	case l.closed:
		end = l.pos
	case end >= l.at:
	case len(p.buf)-l.at <= p.window:
		return dst, false, nil
	case f.kind == jsonstream.Object:
		return p.longMember(dst)
	default:
		return dst, true, p.longItem()
	}
	if end == l.at {
		if !l.closed || l.state == wantNext {
			return dst, false, broken(errSyntax)
		}
		return p.close(dst)
	}
	from, behind := l.at-1, p.buf[end]
	p.buf[from], p.buf[end] = f.brackets()
	dst, err = p.members(dst, p.buf[from:end+1], f)
	p.buf[end] = behind
	l.at, l.state = end, wantComma
	return dst, true, err
}

// members appends what may leave of a run, which has brackets around it.
func (p *pass) members(dst, data []byte, f *frame) ([]byte, error) {
	p.base, p.name, p.beside = f.path, f.name, p.around()
	p.runs, p.first = true, f.count
	defer func() { p.runs, p.first = false, 0 }()
	doc, data, err := p.read(data, f.at)
	if err != nil {
		return dst, err
	}
	if err := p.meet(doc, f); err != nil {
		return dst, err
	}
	f.count += doc.Len(doc.Root())
	if f.drop {
		return dst, nil
	}
	before := len(dst)
	if f.kept {
		dst = append(dst, ',')
	}
	dst, _, err = p.walk(dst, data, doc, leaving, f.at)
	if !p.left {
		dst = dst[:before]
	}
	f.kept = f.kept || p.left
	return dst, err
}

// meet remembers the names in a run, and holds what is in it against its schema.
func (p *pass) meet(doc *jsonstream.Doc, f *frame) error {
	if f.kind == jsonstream.Object {
		for n := doc.First(doc.Root()); n != jsonstream.None; n = doc.Next(n) {
			name := doc.Name(n)
			if err := p.meetName(name, f); err != nil {
				return err
			}
			p.remember(doc, n, name, f)
		}
	}
	i := f.count
	for n := doc.First(doc.Root()); n != jsonstream.None && p.judges(); n = doc.Next(n) {
		level := f.level.Item(i)
		if f.kind == jsonstream.Object {
			level = f.level.Member(doc.Name(n))
		}
		if found := level.Check(doc, n, &answering); len(found) > 0 {
			p.base = f.path + template(doc.AppendPointer(nil, n))
			if err := p.found(found); err != nil {
				return err
			}
			p.base = f.path
		}
		i++
	}
	return nil
}

// meetName refuses a name that the object has had before.
func (p *pass) meetName(name []byte, f *frame) error {
	h := maphash.Bytes(seed, name)
	if _, twice := f.names[h]; twice {
		return broken(errDuplicate)
	}
	if p.long.names++; p.long.names > maxNames {
		return broken(errTooMany)
	}
	if f.names == nil {
		f.names = make(map[uint64]struct{})
	}
	f.names[h] = struct{}{}
	return nil
}

// remember keeps a short text or number for edits of what comes after it.
func (p *pass) remember(doc *jsonstream.Doc, n jsonstream.Node, name []byte, f *frame) {
	kind := doc.Kind(n)
	if !p.opens || kind != jsonstream.String && kind != jsonstream.Number || len(f.beside) == maxSiblings || len(doc.Raw(n)) > maxSiblingLen {
		return
	}
	s := sibling{name: string(name), text: string(doc.Text(n))}
	if kind == jsonstream.Number {
		s.text = string(doc.Raw(n))
	}
	f.beside = append(f.beside, s)
}

// around is what is known of the object that holds the values to come.
func (p *pass) around() []sibling {
	for i := len(p.long.frames) - 1; i >= 0; i-- {
		if f := &p.long.frames[i]; f.kind == jsonstream.Object {
			return f.beside
		}
	}
	return nil
}

// longMember takes the name of a member that does not fit.
func (p *pass) longMember(dst []byte) ([]byte, bool, error) {
	l, f := &p.long, p.long.top()
	b := p.buf[l.at:]
	if b[0] != '"' {
		return dst, false, broken(errSyntax)
	}
	n := stringEnd(b, 1)
	if n < 0 {
		return dst, false, broken(errTooLong)
	}
	if err := p.index.Parse(b[:n], limits); err != nil {
		return dst, false, broken(err)
	}
	name := p.index.Text(p.index.Root())
	if err := p.meetName(name, f); err != nil {
		return dst, false, err
	}
	f.count++
	l.next = coming{name: bytes.Clone(name), path: f.path + template(appendName(nil, name)), drop: f.drop}
	if p.judges() {
		l.next.level = f.level.Member(name)
	}
	p.base, p.name = f.path, l.next.name
	shape, declared := f.at.shape.Find(name)
	if f.drop {
		l.next.at = place{shape: shape, rule: p.rules.of(shape)}
	} else {
		var err error
		if l.next.at, l.next.drop, err = p.member(jsonstream.None, name, f.at, shape, declared); err != nil {
			return dst, false, err
		}
	}
	if !l.next.drop {
		if f.kept {
			dst = append(dst, ',')
		}
		dst = append(append(dst, b[:n]...), ':')
		f.kept = true
	}
	l.at += n
	l.state = wantColon
	return dst, true, nil
}

// longItem readies an item that does not fit.
func (p *pass) longItem() error {
	l, f := &p.long, p.long.top()
	l.next = coming{path: f.path + "/*", name: f.name, drop: f.drop}
	if p.judges() {
		l.next.level = f.level.Item(f.count)
	}
	l.state = wantValue
	shape := f.at.shape.Item(f.count)
	l.next.at = place{shape: shape, rule: p.rules.item(f.at.rule, shape), sel: f.at.sel}
	if !f.drop {
		p.base, p.name = l.next.path, f.name
		var err error
		if l.next.drop, err = p.strips(jsonstream.None, nil, f.at.itemStrip(l.next.at.rule)); err != nil {
			return err
		}
	}
	f.count++
	return nil
}

// longValue enters a value that does not fit. One of which only white space or the end is missing is a document of its own.
func (p *pass) longValue(dst []byte, last bool) (_ []byte, more bool, err error) {
	l := &p.long
	b := p.buf[l.at:]
	n := 0
	switch c := b[0]; {
	case c == '{' || c == '[':
		if l.depth > len(l.frames) {
			return p.open(dst, c)
		}
		n = containerEnd(b)
	case c == '"' && l.quoted && l.opened == l.at:
		if len(b) <= p.leaf {
			return dst, false, nil
		}
		return p.openString(dst)
	case c == '"':
		n = stringEnd(b, 1)
	default:
		n = bytes.IndexAny(b, ",]} \t\r\n:")
		switch {
		case n == 0:
			return dst, false, broken(errSyntax)
		case n < 0 && len(b) > p.window:
			return dst, false, broken(errTooLong)
		case n < 0 && !last:
			return dst, false, nil
		case n < 0:
			n = len(b)
		}
	}
	if n < 0 {
		return dst, false, broken(errSyntax)
	}
	dst, err = p.single(dst, b[:n])
	l.at += n
	p.after()
	return dst, true, err
}

// single appends a value that turns out to fit.
func (p *pass) single(dst, data []byte) ([]byte, error) {
	next := &p.long.next
	p.base, p.name, p.beside = next.path, next.name, p.around()
	if data[0] == '{' {
		p.beside = nil // what is in it stands beside one another
	}
	doc, data, err := p.read(data, next.at)
	if err != nil {
		return dst, err
	}
	if p.judges() {
		if err := p.found(next.level.Check(doc, doc.Root(), &answering)); err != nil {
			return dst, err
		}
	}
	if len(p.long.frames) > 0 {
		if f := p.long.top(); f.kind == jsonstream.Object {
			p.remember(&p.index, p.index.Root(), next.name, f)
		}
	}
	if next.drop {
		return dst, nil
	}
	dst = p.comma(dst)
	dst, _, err = p.walk(dst, data, doc, leaving, next.at)
	return dst, err
}

// comma separates items; members have theirs before the name.
func (p *pass) comma(dst []byte) []byte {
	if len(p.long.frames) == 0 {
		return dst
	}
	f := p.long.top()
	if f.kind == jsonstream.Array && f.kept {
		dst = append(dst, ',')
	}
	f.kept = true
	return dst
}

// open enters a container.
func (p *pass) open(dst []byte, c byte) ([]byte, bool, error) {
	l := &p.long
	kind := jsonstream.Object
	if c == '[' {
		kind = jsonstream.Array
	}
	p.base = l.next.path
	if p.judges() {
		if err := p.found(l.next.level.Type(kind)); err != nil {
			return dst, false, err
		}
		if l.next.level.Partial() {
			if err := p.beyond(); err != nil {
				return dst, false, err
			}
		}
	}
	dst, err := p.replaceLong(dst, kind)
	if err != nil {
		return dst, false, err
	}
	if !l.next.drop {
		dst = append(p.comma(dst), c)
	}
	l.frames = append(l.frames, frame{
		kind: kind, at: l.next.at, drop: l.next.drop, level: l.next.level, path: l.next.path, name: l.next.name,
	})
	l.at++
	l.state = wantFirst
	return dst, true, nil
}

// replaceLong lets edits replace a value that no index holds: they see its kind alone. What is replaced is dropped.
func (p *pass) replaceLong(dst []byte, kind jsonstream.Kind) ([]byte, error) {
	l := &p.long
	if l.next.drop {
		return dst, nil
	}
	p.base, p.name = l.next.path, l.next.name
	with := []byte(nil)
	for _, b := range l.next.at.rule.replace[leaving] {
		if !p.active[b.index] {
			continue
		}
		out, changed, err := b.Value(p.x, p.value[:0], Value{Kind: kind, name: p.name})
		if err != nil || changed {
			p.count(b, jsonstream.None, nil)
		}
		if b.Observe {
			continue
		}
		if err != nil {
			return dst, err
		}
		if changed {
			p.value, with = out, out
			break
		}
	}
	if with == nil && l.next.at.body {
		gone, err := p.strips(jsonstream.None, nil, l.next.at.rule.strip)
		if err != nil {
			return dst, err
		}
		if gone {
			with = nothing
		}
	}
	if with == nil && kind == jsonstream.String {
		gone, err := p.misplaced(jsonstream.None, l.next.at)
		if err != nil {
			return dst, err
		}
		if gone {
			with = nothing
		}
	}
	if with != nil {
		dst = append(p.comma(dst), with...)
		l.next.drop = true
	}
	return dst, nil
}

// close leaves the innermost container.
func (p *pass) close(dst []byte) ([]byte, bool, error) {
	l, f := &p.long, p.long.top()
	_, closing := f.brackets()
	if !l.closed || l.pos != l.at || p.buf[l.at] != closing {
		return dst, false, broken(errSyntax)
	}
	if p.judges() {
		p.base = f.path
		names := f.names
		has := func(name string) bool {
			_, ok := names[maphash.String(seed, name)]
			return ok
		}
		if err := p.found(f.level.End(f.kind, f.count, has)); err != nil {
			return dst, false, err
		}
	}
	if !f.drop {
		dst = append(dst, closing)
	}
	l.names -= len(f.names)
	*f = frame{}
	l.frames = l.frames[:len(l.frames)-1]
	l.leave()
	l.at++
	p.after()
	return dst, true, nil
}

// A scanner follows strings and brackets through all of the text, each byte once. Whether it is JSON is for the index to
// say: what the scanner makes of a text that is not is refused there.
type scanner struct {
	pos     int // in buf: all before it has been scanned
	quoted  bool
	escaped bool
	opened  int // where the string that is open began
	depth   int
	commas  []int // where the last one was, by depth
	closed  bool  // at pos stands the bracket that closes the innermost frame
}

// scan goes on to the end of b, or to the bracket that closes the container around which there are as many others as
// frames says.
func (s *scanner) scan(b []byte, frames int) error {
	if s.closed {
		return nil
	}
	i := s.pos
	for i < len(b) {
		if s.quoted {
			i = s.string(b, i)
			continue
		}
		switch meanings[b[i]] {
		case plain:
		case quote:
			s.quoted, s.opened = true, i
		case comma:
			s.commas[s.depth] = i
		case opens:
			if s.depth++; s.depth > limits.Depth {
				return broken(errTooDeep)
			}
			s.commas = append(s.commas, -1)
		case closes:
			if s.depth <= frames {
				s.pos, s.closed = i, true
				return nil
			}
			s.depth--
			s.commas = s.commas[:s.depth+1]
		}
		i++
	}
	s.pos = i
	return nil
}

// A meaning is what a byte outside of strings is to the scanner.
type meaning uint8

const (
	plain meaning = iota
	quote
	comma
	opens
	closes
)

var meanings = [256]meaning{'"': quote, ',': comma, '{': opens, '[': opens, '}': closes, ']': closes}

// string goes on in a string, to the byte behind its end if it is there.
func (s *scanner) string(b []byte, i int) int {
	if s.escaped && i < len(b) {
		s.escaped = false
		i++
	}
	for i < len(b) {
		// Eight bytes at once, as long as there is neither a quote nor a backslash among them.
		for i+8 <= len(b) {
			x := binary.LittleEndian.Uint64(b[i:])
			if found := zeros(x^allQuotes) | zeros(x^allBackslashes); found != 0 {
				i += bits.TrailingZeros64(found) / 8
				break
			}
			i += 8
		}
		if i == len(b) {
			break
		}
		switch b[i] {
		case '"':
			s.quoted = false
			return i + 1
		case '\\':
			if i+1 == len(b) {
				s.escaped = true
			}
			i++
		}
		i++
	}
	return len(b)
}

const (
	ones           = 0x0101010101010101
	allQuotes      = ones * '"'
	allBackslashes = ones * '\\'
)

// zeros has the highest bit set in the lowest byte of x that is zero, none where no byte is.
func zeros(x uint64) uint64 { return (x - ones) &^ x & (ones << 7) }

// leave goes past the bracket at pos.
func (s *scanner) leave() {
	s.closed = false
	s.pos++
	s.depth--
	s.commas = s.commas[:max(s.depth+1, 1)]
}

// shift tells that n bytes at the beginning of buf are gone.
func (s *scanner) shift(n int) {
	s.pos -= n
	s.opened -= n
	for i := range s.commas {
		s.commas[i] -= n
	}
}

// containerEnd finds where the container at the beginning of b ends; -1: it does not.
func containerEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			n := stringEnd(b[i:], 1)
			if n < 0 {
				return -1
			}
			i += n - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}
