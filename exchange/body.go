// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"sync"
	"sync/atomic"

	"yett/jsonstream"
	"yett/problem"
)

const (
	// DefaultBodyLimit is what a request body may hold where nothing else is set, in bytes.
	DefaultBodyLimit = 1 << 20
	// maxPooled is the largest buffer kept for the next exchange; larger ones go to the collector.
	maxPooled = 64 << 10
)

// Body is a request body. Nobody has read it before a step asks; who never asks lets it stream to the upstream.
type Body struct {
	// Length in bytes as the client declared it: 0 none, -1 unknown.
	Length int64
	// Limit is how many bytes a body may have, inflated. It holds for streamed bodies too.
	Limit int64
	// JSON limits; the zero value means the defaults of jsonstream.
	JSONLimits jsonstream.Limits

	header  *Header
	mu      sync.Mutex    // state, buf and err: a transport may begin to read while steps still run
	src     io.ReadCloser // nil: no body
	buf     []byte
	state   bodyState
	err     error
	excused bool // a step that only observes would have refused err
	doc     jsonstream.Doc
	docErr  error
	docDone bool
	foreign bool // buf was not made here for reuse: it is the inflated form, or a step's
	outs    []*outgoing
	n       atomic.Int64
}

type bodyState uint8

const (
	untouched bodyState = iota
	buffered
	overlong // buf holds what was read of it, more follows in src; only observe mode forwards it
	broken   // the client's bytes cannot be read
	streamed
)

// Bytes returns the whole body, inflated where it was compressed with gzip or deflate. The slice is borrowed until the
// exchange ends. What cannot be read is a *problem.Error: 413 too large, 415 unknown content coding, 400 broken,
// 408 too slow. The same answer comes every time.
func (b *Body) Bytes() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch b.state {
	case untouched:
		b.read()
	case streamed:
		return nil, internal(errors.New("a step asked for a body that was already streamed"))
	}
	return b.buf, b.err
}

// JSON returns the index of the body as strict JSON, built once. The Doc is borrowed until the exchange ends.
func (b *Body) JSON() (*jsonstream.Doc, error) {
	return b.Decode(func(data []byte, doc *jsonstream.Doc) error { return doc.Parse(data, b.JSONLimits) })
}

// Decode returns the index of the body as f builds it, for bodies that are not JSON themselves (forms). Only the first
// call decodes; later ones, and JSON, return the same. A *jsonstream.SyntaxError of f becomes a 400.
func (b *Body) Decode(f func(data []byte, doc *jsonstream.Doc) error) (*jsonstream.Doc, error) {
	if b.docDone {
		return &b.doc, b.docErr
	}
	data, err := b.Bytes()
	if err == nil {
		if err = f(data, &b.doc); err != nil {
			err = unreadable(err)
		}
	}
	b.docDone, b.docErr = true, err
	return &b.doc, err
}

// Replace makes data the body that is forwarded and that later steps see. The body must have been read.
func (b *Body) Replace(data []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf, b.err, b.state, b.foreign = data, nil, buffered, true
	b.doc.Reset()
	b.docDone, b.docErr = false, nil
	b.rewritten()
}

// rewritten removes the fields that speak of the bytes as they came.
func (b *Body) rewritten() {
	for _, name := range []string{"Content-Encoding", "Content-MD5", "Digest", "Content-Digest", "Repr-Digest"} {
		b.header.Del(name)
	}
}

func unreadable(err error) error {
	if p, ok := errors.AsType[*problem.Error](err); ok {
		return p
	}
	p := &problem.Error{Status: http.StatusBadRequest, Code: "body_unreadable",
		Detail: "The body is not acceptable JSON.", Cause: err}
	if se, ok := errors.AsType[*jsonstream.SyntaxError](err); ok {
		p.Code = "json_" + se.Code
		p.Errors = []problem.Item{{Detail: se.Detail, Rule: se.Code}}
	}
	return p
}

func (b *Body) tooLarge() error {
	return &problem.Error{Status: http.StatusRequestEntityTooLarge, Code: "body_too_large",
		Detail: fmt.Sprintf("The body is larger than %d bytes.", b.Limit)}
}

func (b *Body) read() {
	b.state = buffered
	if b.src == nil {
		return
	}
	if b.Length > b.Limit {
		// Refused by its declared length alone: nothing is read and no 100 Continue is sent.
		b.state, b.err = overlong, b.tooLarge()
		return
	}
	raw, err := readLimited(b.buf[:0], b.src, beyond(b.Limit))
	b.buf = raw
	b.n.Store(int64(len(raw)))
	switch {
	case err != nil:
		b.state, b.err = broken, readError(err)
	case int64(len(raw)) > b.Limit:
		b.state, b.err = overlong, b.tooLarge()
	default:
		b.inflate()
	}
}

func readError(err error) error {
	if p, ok := errors.AsType[*problem.Error](err); ok {
		return p
	}
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return &problem.Error{Status: http.StatusRequestTimeout, Code: "body_too_slow",
			Detail: "The body did not arrive in time.", Cause: err}
	}
	return &problem.Error{Status: http.StatusBadRequest, Code: "body_unreadable",
		Detail: "The body could not be read.", Cause: err}
}

// beyond is one byte more than limit, with which a reader finds out that there is more.
func beyond(limit int64) int64 { return limit + min(1, math.MaxInt64-limit) }

// readLimited appends at most limit bytes of r to dst.
func readLimited(dst []byte, r io.Reader, limit int64) ([]byte, error) {
	if cap(dst) == 0 {
		dst = make([]byte, 0, min(limit, 4<<10))
	}
	for int64(len(dst)) < limit {
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		room := dst[len(dst):min(int64(cap(dst)), limit)]
		n, err := r.Read(room)
		dst = dst[:len(dst)+n]
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// Wrap puts a reader around the client's bytes, for who reads the connection below and knows why it failed. A
// *problem.Error that it returns becomes the refusal.
func (b *Body) Wrap(f func(io.ReadCloser) io.ReadCloser) {
	if b.src != nil {
		b.src = f(b.src)
	}
}

// Received counts how many bytes came from the client so far.
func (b *Body) Received() int64 { return b.n.Load() }

// excuse notes that a step which only observes would have refused with err. It reports whether the exchange may go on:
// a body that broke off cannot be passed on.
func (b *Body) excuse(err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil && errors.Is(err, b.err) {
		b.excused = b.state != broken
	}
	return b.state != broken
}

// refused returns why the body may not be passed on, whatever the steps made of it: its declared length is beyond the
// limit, or it could not be read and no step that observes has let that pass.
func (b *Body) refused() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refusal()
}

func (b *Body) refusal() error {
	if b.state == untouched && b.src != nil && b.Length > b.Limit {
		return b.tooLarge()
	}
	if b.excused {
		return nil
	}
	return b.err
}

func (b *Body) reset() {
	buf := b.buf
	if cap(buf) > maxPooled || b.foreign {
		buf = nil
	}
	b.doc.Reset()
	clear(b.outs)
	*b = Body{buf: buf[:0], doc: b.doc, outs: b.outs[:0]}
}
