// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"yett/problem"
)

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// engines are what can carry an exchange. Every case of the conformance table runs over each of them; an engine of our
// own is one line more.
var engines = []engineKind{
	{name: "HTTP/1.1 of net/http", start: netHTTPServer(false)},
	{name: "HTTP/2 of net/http", http2: true, start: netHTTPServer(true)},
}

type engineKind struct {
	name  string
	http2 bool
	start func(*testing.T, *Server) endpoint
}

// An endpoint is a server that listens.
type endpoint struct {
	url    string
	addr   string
	client *http.Client
}

func netHTTPServer(http2 bool) func(*testing.T, *Server) endpoint {
	return func(t *testing.T, s *Server) endpoint {
		return listen(t, s, http2)
	}
}

func listen(t *testing.T, h http.Handler, http2 bool) endpoint {
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // aborts and panics are meant here
	if http2 {
		srv.EnableHTTP2 = true
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	client := srv.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Transport.(*http.Transport).DisableCompression = true
	t.Cleanup(client.CloseIdleConnections)
	return endpoint{srv.URL, srv.Listener.Addr().String(), client}
}

// A rig is a chain between a client and a backend, all real.
type rig struct {
	endpoint
	http2   bool
	records chan Record
	reached atomic.Int32
}

// setup is what a case wants between client and backend.
type setup struct {
	chain    Chain
	server   Server           // Route, Observe and Panicked are the rig's
	backend  http.HandlerFunc // nil: echo
	upstream Upstream         // instead of a backend
	unsafe   bool             // panics go on
}

func newRig(t *testing.T, e engineKind, c setup) *rig {
	r := &rig{http2: e.http2, records: make(chan Record, 64)}
	if c.backend == nil {
		c.backend = echo
	}
	chain := c.chain
	chain.Upstream = c.upstream
	if chain.Upstream == nil {
		chain.Upstream = newBackend(t, func(w http.ResponseWriter, req *http.Request) {
			r.reached.Add(1)
			c.backend(w, req)
		})
	}
	s := c.server
	s.Route = func(*Exchange) (*Chain, error) { return &chain, nil }
	s.Observe = []func(Record){func(rec Record) { r.records <- rec }}
	if !c.unsafe {
		s.Panicked = func(_ *Exchange, v any, _ []byte) error { return fmt.Errorf("panic: %v", v) }
	}
	r.endpoint = e.start(t, &s)
	return r
}

// echo answers with the body, and tells method, target and header of the request in its own.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	for name, values := range r.Header {
		for _, v := range values {
			w.Header().Add("Got-"+name, v)
		}
	}
	w.Header().Set("Got-Target", r.Method+" "+r.RequestURI)
	w.Header().Set("Content-Type", "text/plain")
	_, _ = w.Write(body) // the client may be gone
}

// A backend is asked through http.Transport, as the gateway does it.
type backend struct {
	url       string
	transport *http.Transport
}

func newBackend(t *testing.T, h http.HandlerFunc) *backend {
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Start()
	b := &backend{srv.URL, &http.Transport{DisableCompression: true}}
	t.Cleanup(srv.Close)
	t.Cleanup(b.transport.CloseIdleConnections)
	return b
}

func (b *backend) Do(x *Exchange) error {
	target := b.url + x.Request.Path
	if x.Request.Query != "" {
		target += "?" + x.Request.Query
	}
	req, err := http.NewRequestWithContext(x.Context(), x.Request.Method, target, nil)
	if err != nil {
		return err
	}
	for _, f := range x.Request.Header.All() {
		req.Header.Add(f.Name, f.Value)
	}
	if body, n := x.Request.Body.Outgoing(); body != nil {
		req.Body, req.ContentLength = body, n
	}
	if x.Request.Upgrade != "" {
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", x.Request.Upgrade)
	}
	res, err := b.transport.RoundTrip(req)
	if p, ok := errors.AsType[*problem.Error](err); ok {
		return p
	}
	if err != nil && x.Context().Err() != nil {
		return ClientGone(err)
	}
	if err != nil {
		return &problem.Error{Status: http.StatusBadGateway, Code: "upstream_failed", Cause: err}
	}
	a := &x.Answer
	a.Status, a.Length = res.StatusCode, res.ContentLength
	for name, values := range res.Header {
		for _, v := range values {
			if !framing(name) {
				a.Header.Add(name, v)
			}
		}
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		a.SetTunnel(res.Body.(io.ReadWriteCloser), x.Request.Upgrade)
		return nil
	}
	a.SetBody(res.Body)
	return nil
}

// canned is an Upstream that answers by itself.
type canned func(*Exchange) error

func (c canned) Do(x *Exchange) error { return c(x) }

// An answer is what the client saw.
type answer struct {
	*http.Response
	body   string
	broken error // the body did not come whole, or nothing came
}

// get sends a request with the fields given as "Name: value".
func (r *rig) get(t *testing.T, path string, fields ...string) answer {
	t.Helper()
	return r.do(t, http.MethodGet, path, nil, fields...)
}

func (r *rig) do(t *testing.T, method, path string, body io.Reader, fields ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		req.Header[name] = append(req.Header[name], value)
	}
	res, err := r.client.Do(req)
	if err != nil {
		return answer{Response: &http.Response{}, broken: err}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return answer{res, string(text), err}
}

// raw sends bytes over a connection of its own and returns it; HTTP/1.1 only.
func (r *rig) raw(t *testing.T, text string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

func (r *rig) record(t *testing.T) Record {
	t.Helper()
	return receive(t, r.records)
}

func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("it never came")
		panic("unreachable")
	}
}

// wantProblem checks that a is a whole problem document with that status and code.
func wantProblem(t *testing.T, a answer, status int, code string) {
	t.Helper()
	var doc struct {
		Status         int
		Code, Instance string
	}
	if a.broken != nil || a.StatusCode != status || a.Header.Get("Content-Type") != problem.ContentType {
		t.Fatalf("got %d %q, %q, %v, want a problem with status %d", a.StatusCode, a.Header.Get("Content-Type"), a.body, a.broken, status)
	}
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Status != status || doc.Code != code || !strings.HasPrefix(doc.Instance, "urn:uuid:") {
		t.Errorf("got %s, want status %d and code %q", a.body, status, code)
	}
	if a.ContentLength != int64(len(a.body)) {
		t.Errorf("the problem has no length: %d", a.ContentLength)
	}
}

func wantAnswer(t *testing.T, a answer, status int, body string) {
	t.Helper()
	if a.broken != nil || a.StatusCode != status || a.body != body {
		t.Fatalf("got %d %.200q, %v, want %d %.200q", a.StatusCode, a.body, a.broken, status, body)
	}
}

func refuse(status int, code string) error {
	return &problem.Error{Status: status, Code: code, Detail: "No.", Cause: errors.New("because")}
}

func passes(*Exchange) error { return nil }

func step(s Step) []Link { return []Link{{Practice: "test", Step: s}} }

// filterFunc is a Filter that is asked for its verdict with every piece, and keeps nothing back unless told to.
type filterFunc struct {
	f       func(dst, chunk []byte, flush, last bool) ([]byte, error)
	resizes bool
}

func (f filterFunc) Filter(dst, chunk []byte, flush, last bool) ([]byte, error) {
	return f.f(dst, chunk, flush, last)
}
func (f filterFunc) Resizes() bool { return f.resizes }

// upper is a filter that changes letters, and fails at a word.
func upper(failAt string) *filterFunc {
	return &filterFunc{f: func(dst, chunk []byte, _, _ bool) ([]byte, error) {
		if failAt != "" && bytes.Contains(chunk, []byte(failAt)) {
			return dst, refuse(http.StatusBadGateway, "filtered")
		}
		return append(dst, bytes.ToUpper(chunk)...), nil
	}}
}

func filtered(f func() *filterFunc) Chain {
	return Chain{Response: step(func(x *Exchange) error { x.Answer.AddFilter(f()); return nil })}
}

func says(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Backend", "yes")
		_, _ = io.WriteString(w, body) // the client may be gone
	}
}
