// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package practicetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// A Stream is what one client sends on one connection: a few HTTP/1.1 requests, and what attacks on the borders between
// requests do to them (CWE-444). It depends on its seed alone.
type Stream struct {
	Seed  uint64
	Bytes []byte
	// Cuts are the places where Bytes is cut into writes, ascending.
	Cuts []int
	// Hasty clients end their side right behind the last byte; the others wait for the answers first.
	Hasty bool
	// Marks name what was done to the requests; empty for ordinary ones.
	Marks []string
}

// NewStream makes the stream of a seed. The paths that it asks for are those of StreamPaths, with an id of its own
// wherever they have a parameter. What it tries to smuggle asks for /smuggled.
func NewStream(seed uint64) *Stream {
	s := newMaker(seed).stream()
	s.Seed = seed
	return s
}

// StreamPaths are the templates that a stream asks for; /socket is meant for a WebSocket.
func StreamPaths() []string {
	return []string{"/", "/orders", "/orders/{id}", "/smuggled", "/smuggled/{id}", "/socket"}
}

// String shows the stream, the end of a long one excepted: the seed makes it again.
func (s *Stream) String() string {
	return fmt.Sprintf("stream %d of %d bytes, %q, cut at %v, hasty %t:\n%.4000q", s.Seed, len(s.Bytes), s.Marks, s.Cuts, s.Hasty, s.Bytes)
}

// Pieces are the writes of the stream.
func (s *Stream) Pieces() [][]byte {
	var all [][]byte
	from := 0
	for _, to := range append(slices.Clone(s.Cuts), len(s.Bytes)) {
		if to > from {
			all = append(all, s.Bytes[from:to])
		}
		from = to
	}
	return all
}

// A maker makes one stream.
type maker struct {
	*rand.Rand
	seed  uint64
	ids   int
	marks []string
}

func newMaker(seed uint64) *maker {
	return &maker{Rand: rand.New(rand.NewPCG(seed, 0x79657474)), seed: seed} // #nosec G404 -- repeatable on purpose, no secret
}

// id is unlike any other of any stream.
func (m *maker) id() string {
	m.ids++
	return fmt.Sprintf("s%x-%d", m.seed, m.ids)
}

// one reports true in percent of all cases.
func (m *maker) one(percent int) bool { return m.IntN(100) < percent }

func pick[T any](m *maker, from ...T) T { return from[m.IntN(len(from))] }

func (m *maker) mark(name string) { m.marks = append(m.marks, name) }

func (m *maker) stream() *Stream {
	drafts := make([]*draft, pick(m, 1, 1, 2, 2, 3, 4))
	for i := range drafts {
		drafts[i] = m.draft()
	}
	for range pick(m, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3) {
		change := structural[m.IntN(len(structural))]
		m.mark(change.name)
		change.apply(m, drafts[m.IntN(len(drafts))])
	}
	var b []byte
	for _, d := range drafts {
		b = d.append(b)
	}
	if m.one(15) {
		for range 1 + m.IntN(3) {
			change := bytewise[m.IntN(len(bytewise))]
			m.mark(change.name)
			b = change.apply(m, b)
		}
	}
	return &Stream{Bytes: b, Cuts: m.cuts(len(b)), Hasty: m.one(20), Marks: m.marks}
}

// cuts are few, many, or one behind every byte of a short stretch.
func (m *maker) cuts(n int) []int {
	var at []int
	if n == 0 {
		return nil
	}
	switch m.IntN(4) {
	case 0:
		for range 1 + m.IntN(3) {
			at = append(at, m.IntN(n))
		}
	case 1:
		from := m.IntN(n)
		for i := from; i < min(n, from+20); i++ {
			at = append(at, i)
		}
	}
	slices.Sort(at)
	return slices.Compact(at)
}

// A draft is one request in its parts, so that each of them can be wrong by itself.
type draft struct {
	before                  string // bytes in front of the request line
	method, target, version string
	gaps                    [2]string // between them
	end                     string    // of the request line
	fields                  []line
	headEnd                 string
	chunked                 bool
	content                 []byte // the body where it is not chunked
	chunks                  []chunk
	last                    string // the line of the last chunk
	trailers                []line
	bodyEnd                 string
	after                   string // bytes behind the body
}

type line struct{ name, colon, value, end string }

func (l line) String() string { return l.name + l.colon + l.value + l.end }

type chunk struct {
	size, sizeEnd string
	data          string
	dataEnd       string
}

func (d *draft) append(b []byte) []byte {
	b = append(b, d.before+d.method+d.gaps[0]+d.target+d.gaps[1]+d.version+d.end...)
	for _, f := range d.fields {
		b = append(b, f.String()...)
	}
	b = append(b, d.headEnd...)
	if d.chunked {
		for _, c := range d.chunks {
			b = append(b, c.size+c.sizeEnd+c.data+c.dataEnd...)
		}
		b = append(b, d.last...)
		for _, f := range d.trailers {
			b = append(b, f.String()...)
		}
		b = append(b, d.bodyEnd...)
	}
	b = append(b, d.content...)
	return append(b, d.after...)
}

func (d *draft) add(name, value string) {
	d.fields = append(d.fields, line{name, ": ", value, "\r\n"})
}

// field returns the first field of that name, or one that it adds.
func (d *draft) field(name, value string) *line {
	for i := range d.fields {
		if strings.EqualFold(d.fields[i].name, name) {
			return &d.fields[i]
		}
	}
	d.add(name, value)
	return &d.fields[len(d.fields)-1]
}

// drop removes every field of that name.
func (d *draft) drop(name string) {
	d.fields = slices.DeleteFunc(d.fields, func(l line) bool { return strings.EqualFold(l.name, name) })
}

// some returns any field; there is one at least.
func (d *draft) some(m *maker) *line {
	if len(d.fields) == 0 {
		d.add("X-Only", "1")
	}
	return &d.fields[m.IntN(len(d.fields))]
}
