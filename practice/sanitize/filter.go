// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"bytes"
	"errors"
	"net/http"
	"sync"

	"yett/exchange"
	"yett/problem"
)

// A filter looks through one answer for what gives the server away. In an answer that is an error, whatever it finds
// replaces the whole of it while nothing has left; later, and in good answers, the place is masked: letters and digits
// become asterisks, so that the length and the form of the document stay. Its memory is bounded by the window.
type filter struct {
	x      *exchange.Exchange
	s      *Sanitizer
	find   *finder
	failed bool   // the answer is an error
	kept   []byte // text that may still be the beginning of something
	done   int    // bytes of kept that were looked at before
	frame  match  // the last frame, which a second one near it would confirm
	framed bool   // there is one
	masked bool
	end    func() // f.release, made once
}

// A match is a place in kept, negative where the text has left.
type match struct{ from, to int }

var filters = sync.Pool{New: func() any { return new(filter) }}

func newFilter(x *exchange.Exchange, s *Sanitizer) *filter {
	f, _ := filters.Get().(*filter)
	if f.end == nil {
		f.end = f.release
	}
	*f = filter{x: x, s: s, find: inGood, failed: x.Answer.Status >= http.StatusBadRequest, kept: f.kept[:0], end: f.end}
	if f.failed {
		f.find = inErrors
	}
	x.Defer(f.end)
	return f
}

func (f *filter) release() {
	if cap(f.kept) > 64<<10 {
		f.kept = nil
	}
	f.x, f.s = nil, nil
	filters.Put(f)
}

// Resizes is false: masking keeps the length.
func (f *filter) Resizes() bool { return false }

// maxLine is how much of a stream is kept back while its line does not end.
const maxLine = 8 << 10

// Filter passes on what was looked at. A window stays back, so that nothing slips through between two pieces.
func (f *filter) Filter(dst, chunk []byte, flush, last bool) ([]byte, error) {
	f.kept = append(f.kept, chunk...)
	whole := 0 // what may be looked at to its end
	if last {
		whole = len(f.kept)
	} else if flush {
		// Whole lines of a stream do not wait, and neither does a very long one.
		if whole = bytes.LastIndexByte(f.kept, '\n') + 1; whole == 0 && len(f.kept) > maxLine {
			whole = len(f.kept)
		}
	}
	if err := f.look(max(whole, len(f.kept)-behind), whole); err != nil {
		return dst, err
	}
	pass := max(0, whole, len(f.kept)-2*window)
	dst = append(dst, f.kept[:pass]...)
	n := copy(f.kept, f.kept[pass:])
	f.kept = f.kept[:n]
	f.done = max(0, f.done-pass)
	f.frame.from, f.frame.to = f.frame.from-pass, f.frame.to-pass
	return dst, nil
}

// look tries every anchor that begins before end. Text before whole ends there for the patterns too.
func (f *filter) look(end, whole int) error {
	for at, sigs := f.find.next(f.kept, f.done, end); sigs != nil; at, sigs = f.find.next(f.kept, at+1, end) {
		for _, s := range sigs {
			if !hasPrefix(f.kept[at:], s.anchor) || f.s.allowed[s.kind] {
				continue
			}
			if err := f.try(s, at); err != nil {
				return err
			}
		}
	}
	f.done = max(f.done, end)
	return nil
}

// try judges the text around an anchor.
func (f *filter) try(s *signature, at int) error {
	m := match{at, at + len(s.anchor)}
	if s.back != nil {
		low := max(0, at-before)
		from, ok := s.back(f.kept[low:m.to], at-low)
		if !ok {
			return nil
		}
		m.from = low + from
	}
	if s.ahead != nil {
		loc := s.ahead.FindIndex(f.kept[at:min(len(f.kept), at+behind)])
		if loc == nil {
			return nil
		}
		m.to = at + loc[1]
	}
	if s.shown > 0 {
		m.to = at + s.shown
	}
	if s.frames && !f.failed {
		one, framed := f.frame, f.framed
		f.frame, f.framed = m, true
		if framed && m.from < one.to {
			f.frame = match{min(one.from, m.from), max(one.to, m.to)}
			return nil // the same frame, recognised by another part
		}
		if !framed || m.from-one.from > window {
			return nil // one frame may be a quotation
		}
		mask(f.kept, max(0, one.from), max(0, one.to))
	}
	return f.found(s.kind, m)
}

func (f *filter) found(kind Kind, m match) error {
	if f.failed && !f.x.Committed() {
		return &problem.Error{Status: f.x.Answer.Status, Code: "upstream_leak",
			Detail: "The service behind this gateway refused the request.", Replaces: true, Cause: errors.New("the answer held a " + string(kind))}
	}
	mask(f.kept, m.from, m.to)
	if !f.masked {
		f.masked = true
		f.s.log.Warn("an answer gave internals away; the place was masked", "id", f.x.ID.String(), "kind", string(kind))
	}
	return nil
}

// mask overwrites letters and digits of text[from:to]. Escapes of JSON stay whole, also one that from stands in, and so
// do tags and entities.
func mask(text []byte, from, to int) {
	b := text[:to]
	for i := escapeEnd(b, from); i < to; i++ {
		switch c := b[i]; {
		case c == '\\':
			if i+1 < to && b[i+1] == 'u' {
				i += 4
			}
			i++
		case c == '<' || c == '&':
			closing := byte('>')
			if c == '&' {
				closing = ';'
			}
			if n := bytes.IndexByte(b[i:min(to, i+32)], closing); n > 0 && bytes.IndexByte(b[i:i+n], ' ') < 0 {
				i += n
			}
		case wordByte[c] && c != '_':
			b[i] = '*'
		}
	}
}

// escapeEnd returns the first place at or behind i that is not inside an escape.
func escapeEnd(b []byte, i int) int {
	for start := max(0, i-5); start < i; start++ {
		if b[start] != '\\' {
			continue
		}
		run := start
		for run > 0 && b[run-1] == '\\' {
			run--
		}
		if (start-run)%2 == 1 {
			continue // itself escaped
		}
		end := start + 2
		if start+1 < len(b) && b[start+1] == 'u' {
			end = start + 6
		}
		if end > i {
			return end
		}
	}
	return i
}
