// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// streamPiece is how many bytes of an answer an HTTP/2 client must take within WriteStall. Up to Streams answers share
// one connection and one client's line: pieces are smaller than on HTTP/1, and as large as the frames they become.
const streamPiece = 16 << 10

// forever is the engine's WriteTimeout, which makes it keep a timer with every HTTP/2 stream; conn ignores it. An
// answer's end moves that timer. Had the engine none it would make one then, also for a stream that the client has
// reset in the meantime, and keep the stream for it: resets would cost memory.
const forever = 100 * 365 * 24 * time.Hour

// A streamAnswer is the ResponseWriter of an HTTP/2 stream. It gives up the stream when the client does not let the answer
// go on: each stream has its own window, and a client can keep it closed on a connection that is alive otherwise.
type streamAnswer struct {
	http.ResponseWriter
	limits Limits
	stall  alarm
	held   bool // bytes may wait in the engine's buffer
}

func newStreamAnswer(w http.ResponseWriter, l Limits) *streamAnswer {
	a := &streamAnswer{ResponseWriter: w, limits: l}
	a.stall.ring = func() { a.allow(-time.Second) }
	return a
}

// allow resets the stream unless it ends within d.
func (a *streamAnswer) allow(d time.Duration) {
	// The engine's own writer has this method and no reason to fail.
	_ = http.NewResponseController(a.ResponseWriter).SetWriteDeadline(time.Now().Add(d))
}

// Write sends p in pieces, each of which the client must take within WriteStall.
func (a *streamAnswer) Write(p []byte) (n int, err error) {
	a.held = true
	defer a.stall.disarm()
	for {
		a.stall.arm(a.limits.WriteStall)
		m, err := a.ResponseWriter.Write(p[n:min(len(p), n+streamPiece)])
		if n += m; err != nil || n == len(p) {
			return n, err
		}
	}
}

// FlushError sends what the engine holds, for http.ResponseController. The client must take it within WriteStall.
func (a *streamAnswer) FlushError() error {
	a.stall.arm(a.limits.WriteStall)
	defer a.stall.disarm()
	err := http.NewResponseController(a.ResponseWriter).Flush()
	if err == nil {
		a.held = false
	}
	return err
}

// Flush is FlushError for handlers that ask for an http.Flusher.
func (a *streamAnswer) Flush() { _ = a.FlushError() } // the next Write fails

// Unwrap gives http.ResponseController the engine's own writer.
func (a *streamAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// end is called when the handler is done. What the engine still holds the client must take within WriteStall.
func (a *streamAnswer) end() {
	if a.held {
		a.allow(a.limits.WriteStall)
	}
}

// A streamBody is the body of an HTTP/2 request, held to the same pace as one of HTTP/1.
type streamBody struct {
	io.ReadCloser
	limits Limits
	pace   pace
	stall  alarm
	slow   atomic.Bool
}

// watchBody gives r a body that keeps its pace, if it has one at all, where BodyRefusal finds it. It changes r itself:
// the engine removes the temporary files of the request that it made, not of a copy.
func watchBody(r *http.Request, l Limits) {
	// A stream may stay open behind a Content-Length of zero; with neither, the head was all.
	if r.ContentLength == 0 && len(r.Header["Content-Length"]) == 0 {
		return
	}
	b := &streamBody{ReadCloser: r.Body, limits: l}
	b.stall.ring = func() {
		b.slow.Store(true)
		_ = b.ReadCloser.Close() // ends the Read that waits
	}
	*r = *r.WithContext(context.WithValue(r.Context(), bodyKey, b))
	r.Body = b
}

// Read waits for the next bytes as long as their pace allows.
func (b *streamBody) Read(p []byte) (int, error) {
	start := time.Now()
	b.stall.arm(b.pace.left(b.limits))
	n, err := b.ReadCloser.Read(p)
	b.stall.disarm()
	b.pace.note(n, time.Since(start))
	if err != nil && err != io.EOF && b.slow.Load() {
		err = readError(bodyTooSlow.refused("", ""))
	}
	return n, err
}

// violation returns why the body ended early, if it was for its pace.
func (b *streamBody) violation() violation {
	if b.slow.Load() {
		return bodyTooSlow
	}
	return none
}
