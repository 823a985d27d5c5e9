// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"slices"

	"yett/exchange"
)

// Sizes are how a body comes, and what is short.
type Sizes struct {
	Pieces               func() int // how many bytes come next; nil: all of them
	Window, Leaf         int        // 0: as ever
	Part, Overlap        int
	Flush, LastWithBytes bool
	Each                 func(out []byte) // after each piece
	Did                  func(what string, times int, paths []string)
}

// Pieces is Preview for a body that comes in pieces.
func (v *View) Pieces(x *exchange.Exchange, contentType string, body []byte, s Sizes) (out []byte, err error) {
	f := formOf(contentType)
	p := v.pass(x, f, 200, contentType)
	defer p.end()
	if s.Did != nil {
		defer func() {
			for i, t := range p.tally {
				if t.n > 0 {
					paths := slices.DeleteFunc(slices.Clone(t.paths[:]), func(path string) bool { return path == "" })
					s.Did(p.rules.edits[i].Does, t.n, paths)
				}
			}
		}()
	}
	if s.Window > 0 {
		p.sizes = sizes{window: s.Window, leaf: s.Leaf, part: s.Part, overlap: s.Overlap}
	}
	for err == nil && len(body) > 0 {
		n := len(body)
		if s.Pieces != nil {
			n = min(n, s.Pieces())
		}
		chunk := append([]byte(nil), body[:n]...)
		body = body[n:]
		out, err = p.Filter(out, chunk, s.Flush, s.LastWithBytes && len(body) == 0)
		for i := range chunk {
			chunk[i] = '!' // a piece is only lent
		}
		if s.Each != nil {
			s.Each(out)
		}
		if s.LastWithBytes && len(body) == 0 {
			return out, err
		}
	}
	if err == nil {
		out, err = p.Filter(out, nil, s.Flush, true)
	}
	return out, err
}

// Feed sends body through a pass in pieces, as an exchange does, and calls send with what leaves.
func (v *View) Feed(x *exchange.Exchange, held, body []byte, size int, send func([]byte)) ([]byte, error) {
	p := v.pass(x, whole, 200, "application/json")
	defer p.end()
	for len(body) > 0 {
		n := min(size, len(body))
		out, err := p.Filter(held[:0], body[:n], false, false)
		if err != nil {
			return held, err
		}
		if held = out; len(out) > 0 {
			send(out)
		}
		body = body[n:]
	}
	out, err := p.Filter(held[:0], nil, false, true)
	if err != nil {
		return held, err
	}
	send(out)
	return out, nil
}
