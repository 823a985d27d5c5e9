// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
)

// Outgoing returns what is sent to the upstream and its length, -1 if unknown; nil where there is no body. The reader
// fails with a *problem.Error where the body may not be passed on or a streamed one exceeds its limit. Its Close tells
// that nobody reads any more.
func (b *Body) Outgoing() (io.ReadCloser, int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, length := b.open()
	if r == nil {
		return nil, 0
	}
	o := &outgoing{r: r}
	b.outs = append(b.outs, o)
	return o, length
}

// lazy returns what a handler reads, and its length as it stands. Steps may ask for the body until the first Read.
func (b *Body) lazy() (io.ReadCloser, int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	length := b.Length
	switch {
	case b.state == buffered && b.err == nil:
		length = int64(len(b.buf))
		if length == 0 {
			return http.NoBody, 0
		}
	case b.src == nil:
		return http.NoBody, 0
	}
	o := &outgoing{b: b}
	b.outs = append(b.outs, o)
	return o, length
}

// open decides what leaves, and how long it is.
func (b *Body) open() (io.Reader, int64) {
	if err := b.refusal(); err != nil {
		return failing{err}, b.Length
	}
	switch {
	case b.state == buffered:
		if len(b.buf) == 0 {
			return nil, 0
		}
		return bytes.NewReader(b.buf), int64(len(b.buf))
	case b.src == nil || b.state == streamed:
		return nil, 0
	case b.state == overlong: // observe mode: found too large, passed on all the same
		b.state = streamed
		return io.MultiReader(bytes.NewReader(b.buf), &clientBytes{b, b.src, -1}), b.Length
	}
	b.state = streamed
	return &clientBytes{b, b.src, b.Limit}, b.Length
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// clientBytes reads what was not buffered, counts it and holds it to the limit; -1: none.
type clientBytes struct {
	b     *Body
	src   io.Reader
	limit int64
}

func (c *clientBytes) Read(p []byte) (int, error) {
	n, err := c.src.Read(p)
	if total := c.b.n.Add(int64(n)); c.limit >= 0 && total > c.limit {
		return 0, c.b.tooLarge()
	}
	if err != nil && err != io.EOF {
		err = readError(err)
	}
	return n, err
}

// An outgoing is read by the transport in a goroutine of its own, even after the upstream has answered and the
// exchange has ended. Once closed, by either side, it touches nothing of the exchange any more.
type outgoing struct {
	mu     sync.Mutex // held while reading
	b      *Body      // opened at the first Read where r is nil
	r      io.Reader
	closed atomic.Bool
}

func (o *outgoing) Read(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	if o.r == nil {
		o.b.mu.Lock()
		o.r, _ = o.b.open()
		o.b.mu.Unlock()
		if o.r == nil {
			o.r = http.NoBody
		}
	}
	return o.r.Read(p)
}

// Close leaves the client's bytes to the engine, which owns them. It does not wait for a Read.
func (o *outgoing) Close() error {
	o.closed.Store(true)
	return nil
}

// detach closes every reader that was given away. It reports whether the body's buffers are free: they are not while a
// Read is still under way.
func (b *Body) detach() bool {
	if !b.mu.TryLock() {
		return false
	}
	defer b.mu.Unlock()
	free := true
	for _, o := range b.outs {
		o.closed.Store(true)
		if !o.mu.TryLock() {
			free = false
			continue
		}
		o.mu.Unlock()
	}
	return free
}
