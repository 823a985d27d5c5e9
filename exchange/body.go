// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"yett/jsonstream"
	"yett/problem"
)

const (
	// DefaultBodyLimit is what a request body may hold where nothing else is set, in bytes.
	DefaultBodyLimit = 1 << 20
	// maxPooled is the largest buffer kept for the next exchange; larger ones go to the collector.
	maxPooled = 64 << 10
	// maxInflation is how many times larger than its compressed form a body may become.
	maxInflation = 100
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
	src     io.ReadCloser // nil: no body
	buf     []byte
	state   bodyState
	err     error
	doc     jsonstream.Doc
	docErr  error
	docDone bool
	decoded bool // buf is the inflated form; the Content-Encoding field was removed
	out     *outgoing
	n       atomic.Int64
}

type bodyState uint8

const (
	untouched bodyState = iota
	buffered
	overlong // buf holds the first Limit+1 bytes, more follow in src; only observe mode forwards it
	broken   // the client's bytes cannot be read
	streamed
)

// Bytes returns the whole body, inflated where it was compressed with gzip or deflate. The slice is borrowed until the
// exchange ends. What cannot be read is a *problem.Error: 413 too large, 415 unknown content coding, 400 broken,
// 408 too slow. The same answer comes every time.
func (b *Body) Bytes() ([]byte, error) {
	if b.state == untouched {
		b.read()
	}
	if b.state == streamed {
		return nil, &problem.Error{Status: http.StatusInternalServerError, Code: "internal",
			Detail: "The request could not be handled.", Cause: errors.New("a step asked for a body that was already streamed")}
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
	b.buf, b.err, b.state = data, nil, buffered
	b.decoded = true // the buffer is not ours to reuse
	b.doc.Reset()
	b.docDone, b.docErr = false, nil
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
	raw, err := readLimited(b.buf[:0], b.src, b.Limit+1)
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

func (b *Body) inflate() {
	coding := strings.ToLower(strings.TrimSpace(b.header.Get("Content-Encoding")))
	if coding == "" || coding == "identity" || len(b.buf) == 0 {
		return
	}
	r, err := inflater(coding, bytes.NewReader(b.buf))
	if err != nil {
		b.err = err
		return
	}
	limit := min(b.Limit, int64(len(b.buf))*maxInflation)
	plain, err := readLimited(nil, r, limit+1)
	switch {
	case err != nil:
		b.err = &problem.Error{Status: http.StatusBadRequest, Code: "body_unreadable",
			Detail: "The compressed body cannot be read.", Cause: err}
	case int64(len(plain)) > limit:
		b.err = b.tooLarge()
	default:
		// What was judged is forwarded: the upstream receives the inflated form.
		b.buf, b.decoded = plain, true
		b.header.Del("Content-Encoding")
	}
}

func inflater(coding string, r io.Reader) (io.Reader, error) {
	var out io.Reader
	var err error
	switch coding {
	case "gzip", "x-gzip":
		out, err = gzip.NewReader(r)
	case "deflate":
		out, err = zlib.NewReader(r)
	default:
		return nil, &problem.Error{Status: http.StatusUnsupportedMediaType, Code: "content_encoding",
			Detail: "The content coding of the body is not supported.",
			Header: []problem.Field{{Name: "Accept-Encoding", Value: "gzip, deflate, identity"}}}
	}
	if err != nil {
		return nil, &problem.Error{Status: http.StatusBadRequest, Code: "body_unreadable",
			Detail: "The compressed body cannot be read.", Cause: err}
	}
	return out, nil
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

// Outgoing returns what is sent to the upstream and its length, -1 if unknown; nil where there is no body. The reader
// ends with a *problem.Error where a streamed body exceeds its limit. Its Close tells that nobody reads any more.
func (b *Body) Outgoing() (io.ReadCloser, int64) {
	if b.state == buffered {
		if len(b.buf) == 0 {
			return nil, 0
		}
		b.out = &outgoing{r: bytes.NewReader(b.buf), left: -1}
		return b.out, int64(len(b.buf))
	}
	if b.src == nil || b.state == broken || b.state == streamed {
		return nil, 0
	}
	b.out = &outgoing{b: b, r: b.src, left: b.Limit}
	if b.state == overlong { // observe mode: found too large, passed on all the same
		b.out.r, b.out.left = io.MultiReader(bytes.NewReader(b.buf), b.src), -1
	}
	b.state = streamed
	return b.out, b.Length
}

// Retriable reports whether the body can be sent a second time.
func (b *Body) Retriable() bool { return b.src == nil || b.state == buffered }

// An outgoing is read by the transport in a goroutine of its own, even after the upstream has answered. Until it was
// closed, the buffers behind it are not reused.
type outgoing struct {
	b      *Body // nil: the bytes were counted when they were buffered
	r      io.Reader
	left   int64 // bytes still allowed; -1: no limit
	closed atomic.Bool
}

func (o *outgoing) Read(p []byte) (int, error) {
	n, err := o.r.Read(p)
	if o.b != nil {
		o.b.n.Add(int64(n))
		if o.left >= 0 {
			if o.left -= int64(n); o.left < 0 {
				return 0, o.b.tooLarge()
			}
		}
	}
	if err != nil && err != io.EOF {
		err = readError(err)
	}
	return n, err
}

// Close leaves the client's bytes to the engine, which owns them.
func (o *outgoing) Close() error {
	o.closed.Store(true)
	return nil
}

// busy reports whether a transport may still read from the body's buffers.
func (b *Body) busy() bool { return b.out != nil && !b.out.closed.Load() }

func (b *Body) reset() {
	buf := b.buf
	if cap(buf) > maxPooled || b.decoded {
		buf = nil
	}
	doc := b.doc
	doc.Reset()
	*b = Body{buf: buf[:0], doc: doc}
}
