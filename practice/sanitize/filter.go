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
	status int
	kept   []byte // text that may still be the beginning of something
	done   int    // bytes of kept that were looked at before
	frame  match  // a frame that a second one would confirm
	frames int
	masked int
}

type match struct{ from, to int }

var filters = sync.Pool{New: func() any { return new(filter) }}

func newFilter(x *exchange.Exchange, s *Sanitizer) *filter {
	f, _ := filters.Get().(*filter)
	*f = filter{x: x, s: s, status: x.Answer.Status, kept: f.kept[:0]}
	x.Defer(f.release)
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
	if err := f.look(last); err != nil {
		return dst, err
	}
	pass := max(0, len(f.kept)-2*window)
	if last {
		pass = len(f.kept)
	} else if flush {
		if end := bytes.LastIndexByte(f.kept, '\n') + 1; end > pass {
			pass = end // whole lines of a stream do not wait
		} else if len(f.kept) > maxLine {
			pass = len(f.kept)
		}
	}
	dst = append(dst, f.kept[:pass]...)
	n := copy(f.kept, f.kept[pass:])
	f.kept = f.kept[:n]
	f.done = max(0, f.done-pass)
	f.frame.from, f.frame.to = f.frame.from-pass, f.frame.to-pass
	return dst, nil
}

// look tries every anchor that has all its text, which is every one if this is the last piece.
func (f *filter) look(last bool) error {
	text := f.kept
	end := len(text) - behind
	if last {
		end = len(text) - 1
	}
	for i := f.done; i < end; i++ {
		if !firsts[text[i]] {
			continue
		}
		for _, at := range begins[uint16(text[i])<<8|uint16(text[i+1])] {
			s := &signatures[at]
			if !bytes.HasPrefix(text[i:], []byte(s.anchor)) || f.s.allowed[s.kind] {
				continue
			}
			if f.status < http.StatusBadRequest && !s.kind.strong() {
				continue
			}
			if err := f.try(s, i); err != nil {
				return err
			}
		}
	}
	f.done = max(f.done, end)
	return nil
}

// try holds the pattern against the text around an anchor.
func (f *filter) try(s *signature, at int) error {
	from, to := max(0, at-before), min(len(f.kept), at+behind)
	loc := s.pattern.FindIndex(f.kept[from:to])
	if loc == nil || from+loc[1] <= at {
		return nil
	}
	m := match{from + loc[0], from + loc[1]}
	if s.frames {
		if f.frames++; f.frames == 1 {
			f.frame = m
			return nil // one frame may be a quotation
		}
	}
	return f.found(s.kind, m)
}

func (f *filter) found(kind Kind, m match) error {
	if f.status >= http.StatusBadRequest && !f.x.Committed() {
		return &problem.Error{Status: f.status, Code: "upstream_leak",
			Detail: "The service behind this gateway refused the request.", Cause: errors.New("the answer held a " + string(kind))}
	}
	if f.frames >= 2 && f.frame.to > 0 {
		mask(f.kept[max(0, f.frame.from):f.frame.to])
		f.frame = match{}
	}
	mask(f.kept[m.from:m.to])
	if f.masked++; f.masked == 1 {
		f.x.Note("masked " + string(kind))
	}
	return nil
}

// mask overwrites letters and digits. Escapes of JSON stay whole.
func mask(b []byte) {
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '\\':
			if i+1 < len(b) && b[i+1] == 'u' {
				i += 4
			}
			i++
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			b[i] = '*'
		}
	}
}
