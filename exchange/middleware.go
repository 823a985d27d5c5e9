// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

type contextKey struct{}

// From returns the exchange of a request that came through a Handler, for next and only while it serves.
func From(ctx context.Context) (*Exchange, bool) {
	x, ok := ctx.Value(contextKey{}).(*Exchange)
	return x, ok
}

// Middleware runs steps before next: one practice alone, in any net/http program.
func Middleware(next http.Handler, steps ...Step) http.Handler {
	c := &Chain{}
	for _, s := range steps {
		c.Request = append(c.Request, Link{Step: s})
	}
	return c.Handler(next)
}

// Handler runs c around next, answers included. Handlers may be stacked: the inner ones share the exchange of the
// outermost, so callers, bodies, decisions and the spellings of the path that it allows are common to all. A handler of
// another kind may stand between two of them and change the header of the request. Its method, target and body, and the
// ResponseWriter, are those of the exchange throughout: behind a handler that puts its own in their place, requests are
// answered with 500. Protocol upgrades do not pass through handlers.
func (c *Chain) Handler(next http.Handler) http.Handler {
	outer := *c
	outer.Upstream = handlerUpstream{next}
	s := &Server{Route: func(*Exchange) (*Chain, error) { return &outer, nil }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x, ok := From(r.Context())
		if !ok {
			s.ServeHTTP(w, r)
			return
		}
		hw, ok := w.(*handlerWriter)
		if !ok || hw.x != x {
			http.Error(w, "a handler between two practices hides their ResponseWriter", http.StatusInternalServerError)
			return
		}
		if r.Body != x.handed {
			hw.fail(internal(errors.New("a handler between two practices hides the body")))
			return
		}
		x.nested = append(x.nested, c)
		if c.Operation != nil {
			x.Operation = c.Operation
		}
		x.adopt(r.Header)
		if err := x.run(c.Request); err != nil {
			hw.fail(err)
			return
		}
		next.ServeHTTP(w, forHandler(r.Context(), r, x))
	})
}

// adopt takes over what a handler between two practices made of the header.
func (x *Exchange) adopt(from http.Header) {
	h := &x.Request.Header
	h.Reset()
	for name, values := range from {
		if framing(name) || !ValidName(name) {
			continue
		}
		for _, v := range values {
			if ValidValue(v) {
				h.fields = append(h.fields, Field{name, v})
			}
		}
	}
}

// Around returns s with next as the upstream of every request: for programs that need Edge steps or records.
func (s *Server) Around(next http.Handler) http.Handler {
	out := *s
	chain := &Chain{Header: s.Header, Upstream: handlerUpstream{next}}
	out.Route = func(*Exchange) (*Chain, error) { return chain, nil }
	return &out
}

// handlerUpstream lets an http.Handler give the answer. The handler pushes it through the same pass as any other.
type handlerUpstream struct{ next http.Handler }

// Do runs the handler. By the time it returns, the answer has been judged and sent.
func (u handlerUpstream) Do(x *Exchange) error {
	e, ok := x.eng.(*netHTTP)
	if !ok {
		return internal(errors.New("handlers need net/http below"))
	}
	w := &handlerWriter{x: x, header: make(http.Header)}
	defer func() { w.err = errAnswered }() // for what the handler left running: x is not its exchange any more
	u.next.ServeHTTP(w, forHandler(context.WithValue(e.r.Context(), contextKey{}, x), e.r, x))
	if err := w.end(); err != nil {
		return err
	}
	return errAnswered
}

// errAnswered ends the run of an exchange whose answer was pushed by a handler.
var errAnswered = errors.New("answered by the handler")

// forHandler is r as the exchange has it now: header and body as they were judged. The body is decided on at the first
// Read, so that practices behind next may still ask for it.
func forHandler(ctx context.Context, r *http.Request, x *Exchange) *http.Request {
	out := r.WithContext(ctx)
	h := make(http.Header, x.Request.Header.Len())
	for _, f := range x.Request.Header.All() {
		h.Add(f.Name, f.Value)
	}
	out.Header = h
	if x.Request.Query != out.URL.RawQuery {
		u := *out.URL
		u.RawQuery = x.Request.Query
		out.URL = &u
	}
	out.Body, out.ContentLength = x.Request.Body.lazy()
	if out.ContentLength >= 0 {
		out.TransferEncoding = nil
	}
	x.handed = out.Body
	return out
}

// handlerWriter is the ResponseWriter of a handler behind practices. It has no Unwrap and no ReadFrom: both are ways
// round the pass.
type handlerWriter struct {
	x      *Exchange
	header http.Header
	wrote  bool
	err    error
}

func (w *handlerWriter) Header() http.Header { return w.header }

func (w *handlerWriter) WriteHeader(status int) {
	if w.wrote || status < 200 {
		return
	}
	w.wrote = true
	a := &w.x.Answer
	a.Status, a.Length = status, -1
	for name, values := range w.header {
		if strings.EqualFold(name, "Content-Length") && len(values) == 1 {
			if n, err := parseLength(values[0]); err == nil {
				a.Length = n
			}
		}
		if framing(name) {
			continue
		}
		for _, v := range values {
			if ValidName(name) && ValidValue(v) {
				a.Header.Add(name, v)
			}
		}
	}
	if a.Header.Get("Content-Type") == "" && !bodiless(w.x.Request.Method, status) {
		a.Header.Set("Content-Type", "application/octet-stream")
	}
	if w.err = w.x.responses(); w.err == nil {
		w.x.headers(w.x.chain.Header)
		w.err = w.x.begin()
	}
}

func (w *handlerWriter) Write(p []byte) (int, error) {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	if w.err == nil && !bodiless(w.x.Request.Method, w.x.Answer.Status) {
		w.err = w.x.push(p, false, false)
	}
	if w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

// FlushError sends what may leave, for http.ResponseController.
func (w *handlerWriter) FlushError() error {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	if w.err == nil {
		w.err = w.x.push(nil, true, false)
	}
	if w.err == nil {
		w.err = w.x.eng.flush()
	}
	return w.err
}

// Flush is FlushError for handlers that ask for an http.Flusher.
func (w *handlerWriter) Flush() { _ = w.FlushError() } // the error stays and is answered when the handler ends

func (w *handlerWriter) fail(err error) {
	w.wrote, w.err = true, err
}

func (w *handlerWriter) end() error {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	if w.err != nil {
		return w.err
	}
	if !bodiless(w.x.Request.Method, w.x.Answer.Status) {
		if err := w.x.push(nil, false, true); err != nil {
			return err
		}
	}
	return w.x.end()
}

func parseLength(s string) (int64, error) {
	var n int64
	if s == "" || len(s) > 18 {
		return 0, errors.New("not a length")
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, errors.New("not a length")
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n, nil
}
