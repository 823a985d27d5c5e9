// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

func TestTheUpstreamSeesTheCanonicalPath(t *testing.T) {
	g := before(t, echo, "")
	for _, tt := range []struct{ name, path, want string }{
		{"plain", "/open/a", "GET /open/a"},
		{"an escaped unreserved byte is decoded", "/open/%7e%61", "GET /open/~a"},
		{"a quotation mark is escaped", `/open/"`, "GET /open/%22"},
		{"a bar is escaped", "/open/a|b", "GET /open/a%7Cb"},
		{"escapes have upper-case digits", "/open/caf%c3%a9", "GET /open/caf%C3%A9"},
		{"an escaped comma is not a comma", "/open/a%2cb,c", "GET /open/a%2Cb,c"},
		{"an escaped question mark stays in the path", "/open/a%3fb", "GET /open/a%3Fb"},
		{"a plus sign is a plus sign", "/open/a+b", "GET /open/a+b"},
		{"a space stays an escape", "/open/a%20b", "GET /open/a%20b"},
		{"the absolute form names the same path", "https://localhost/open/a", "GET /open/a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := g.raw("GET " + tt.path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
			body, err := io.ReadAll(res.Body)
			if err != nil || string(body) != tt.want {
				t.Errorf("the upstream saw %q (%d, %v), want %q", body, res.StatusCode, err, tt.want)
			}
		})
	}
}

func TestFieldsOfOneConnectionStayThere(t *testing.T) {
	var seen http.Header
	g := before(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Clone()
		h := w.Header()
		h.Set("Connection", "X-Up")
		h.Set("X-Up", "1")
		h.Set("Keep-Alive", "timeout=5")
		h.Set("Proxy-Authenticate", "Basic")
		h.Set("Upgrade", "h2c")
		h.Set("X-Stays", "1")
	}, "")
	res := g.raw("GET /open/x HTTP/1.1\r\nHost: localhost\r\nConnection: close, X-Drop, Te\r\nX-Drop: 1\r\nTE: trailers\r\nKeep-Alive: 1\r\n" +
		"Proxy-Connection: close\r\nX-Forwarded-For: 198.51.100.7\r\nForwarded: for=198.51.100.7\r\nX-Real-IP: 198.51.100.7\r\n" +
		"X-Yett-Subject: admin\r\nX-Stays: 1\r\nAccept-Encoding: gzip\r\n\r\n")
	for _, name := range []string{"X-Drop", "Te", "Keep-Alive", "Proxy-Connection", "Forwarded", "X-Real-Ip", "X-Yett-Subject", "Upgrade", "Connection"} {
		if v := seen.Get(name); v != "" {
			t.Errorf("the upstream sees %s: %s", name, v)
		}
	}
	for name, want := range map[string]string{"X-Stays": "1", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "localhost", "Accept-Encoding": "identity"} {
		if got := seen.Get(name); got != want {
			t.Errorf("the upstream sees %s: %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"X-Up", "Keep-Alive", "Proxy-Authenticate", "Upgrade"} {
		if v := res.Header.Get(name); v != "" {
			t.Errorf("the client sees %s: %s", name, v)
		}
	}
	if res.Header.Get("X-Stays") != "1" {
		t.Errorf("a field of the answer is lost: %v", res.Header)
	}
}

func TestInterimAnswersAreNotPassedOn(t *testing.T) {
	g := before(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "<http://10.0.0.1/>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		_, _ = io.WriteString(w, "ok")
	}, "")
	for _, client := range []*http.Client{g.h1, g.h2} {
		interim := 0
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(int, textproto.MIMEHeader) error { interim++; return nil }})
		req, err := http.NewRequestWithContext(ctx, "GET", g.url("/open/x"), nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil || interim != 0 || res.StatusCode != 200 || res.Header.Get("Link") != "" {
			t.Errorf("%s: %d interim answers, then %d with %v, %v", res.Proto, interim, res.StatusCode, res.Header, err)
		}
	}
}

func TestEncodedAnswersAreDecodedOrRefused(t *testing.T) {
	g := before(t, func(w http.ResponseWriter, r *http.Request) {
		coding := r.URL.Path[len("/open/"):]
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Encoding", coding)
		if claimed, ok := strings.CutPrefix(coding, "not-"); ok {
			w.Header().Set("Content-Encoding", claimed)
			_, _ = io.WriteString(w, "neither of them at all")
			return
		}
		var z io.WriteCloser = gzip.NewWriter(w)
		switch coding {
		case "br":
			z = brotli.NewWriter(w)
		case "zstd":
			z, _ = zstd.NewWriter(w)
		}
		_, _ = io.WriteString(z, "plain")
		_ = z.Close()
	}, "")
	for _, tt := range []struct {
		name, coding string
		status       int
		body         string // part of it
	}{
		{"gzip is undone", "gzip", 200, "plain"},
		{"brotli is undone", "br", 200, "plain"},
		{"zstd is undone", "zstd", 200, "plain"},
		{"a coding that cannot be read is refused", "compress", 502, "upstream_encoding"},
		{"what is not the gzip it says is refused", "not-gzip", 502, "upstream_encoding"},
		{"what is not the brotli it says is refused", "not-br", 502, "upstream_encoding"},
		{"what is not the zstd it says is refused", "not-zstd", 502, "upstream_encoding"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res, body := g.do("GET", "/open/"+tt.coding, "", "Accept-Encoding", "gzip, br")
			if res.StatusCode != tt.status || !strings.Contains(body, tt.body) || res.Header.Get("Content-Encoding") != "" {
				t.Errorf("got %d %q with %v", res.StatusCode, body, res.Header)
			}
		})
	}
}

// quits answers the first request of every connection and hangs up on the second.
type quits struct {
	net.Listener
	mu   sync.Mutex
	seen []string
}

func (q *quits) run() {
	for {
		c, err := q.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = c.Close() }()
			in := bufio.NewReader(c)
			for i := range 2 {
				r, err := http.ReadRequest(in)
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				q.mu.Lock()
				q.seen = append(q.seen, r.Method)
				q.mu.Unlock()
				if i == 0 {
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok")
				}
			}
		}()
	}
}

func TestOnlyWhatMayBeRepeatedIsRepeated(t *testing.T) {
	for _, tt := range []struct {
		name, method, body string
		status             int
		seen               string
	}{
		{"a GET is asked again on a new connection", "GET", "", 200, "GET GET GET"},
		{"a POST is never sent twice", "POST", "x", 502, "GET POST"},
		{"nor is one that names a key for repeating", "POST", "", 502, "GET POST"},
		{"a DELETE is not sent twice either", "DELETE", "", 502, "GET DELETE"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			q := &quits{Listener: ln}
			t.Cleanup(func() { _ = ln.Close() })
			go q.run()
			g := stand(t, "http://"+ln.Addr().String(), description, "")
			g.do("GET", "/open/x", "")
			time.Sleep(20 * time.Millisecond) // the connection goes back to the pool
			fields := []string{"Content-Type", "text/plain"}
			if tt.body == "" && tt.method == "POST" {
				fields = []string{"Idempotency-Key", "1"}
			}
			res, body := g.do(tt.method, "/open/x", tt.body, fields...)
			q.mu.Lock()
			defer q.mu.Unlock()
			if got := strings.Join(q.seen, " "); res.StatusCode != tt.status || got != tt.seen {
				t.Errorf("got %d %s (%s), and the upstream saw %s, want %d and %s", res.StatusCode, body, g.last(2).Cause, got, tt.status, tt.seen)
			}
		})
	}
}

func TestAnUpstreamThatDoesNotAnswer(t *testing.T) {
	block := make(chan struct{})
	t.Cleanup(func() { close(block) })
	g := before(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-block:
		case <-r.Context().Done():
		}
	}, "    timeout: 200ms\n")
	res, body := g.do("GET", "/open/x", "")
	if res.StatusCode != 504 || !strings.Contains(body, "upstream_timeout") {
		t.Errorf("silent: got %d %s", res.StatusCode, body)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	g = stand(t, "http://"+ln.Addr().String(), description, "")
	res, body = g.do("GET", "/open/x", "")
	if res.StatusCode != 502 || !strings.Contains(body, "upstream_unreachable") || strings.Contains(body, ln.Addr().String()) {
		t.Errorf("not there: got %d %s", res.StatusCode, body)
	}
}

func TestAnAnswerThatBreaksOffNeverLooksWhole(t *testing.T) {
	const size = 300 << 10 // more than is held back
	g := before(t, func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		head := "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
		piece := strings.Repeat("x", size)
		if strings.HasSuffix(r.URL.Path, "chunked") {
			_, _ = fmt.Fprintf(rw, "%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", head, size, piece)
		} else {
			_, _ = fmt.Fprintf(rw, "%sContent-Length: %d\r\n\r\n%s", head, 2*size, piece)
		}
		_ = rw.Flush()
	}, "")
	for _, client := range []*http.Client{g.h1, g.h2} {
		for _, framing := range []string{"chunked", "length"} {
			res, err := client.Get(g.url("/open/" + framing))
			if err != nil {
				continue // broken before its first byte was read: as good
			}
			n, err := io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if err == nil {
				t.Errorf("%s %s: an answer of %d bytes that was cut off looks whole", res.Proto, framing, n)
			}
		}
	}
	if r := g.last(1); !r.Aborted || r.Code != "upstream_broke_off" {
		t.Errorf("the record says aborted %t, code %q", r.Aborted, r.Code)
	}
}

func TestAClientThatGoesAwayEndsTheCallUpstream(t *testing.T) {
	gone, begun := make(chan time.Time, 1), make(chan struct{}, 1)
	g := before(t, func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-r.Context().Done()
		gone <- time.Now()
	}, "")
	for _, client := range []*http.Client{g.h1, g.h2} {
		best := time.Hour
		for range 3 { // a busy machine may be late once
			ctx, cancel := context.WithCancel(t.Context())
			req, err := http.NewRequestWithContext(ctx, "GET", g.url("/open/x"), nil)
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() {
				res, err := client.Do(req)
				if err == nil {
					_ = res.Body.Close()
				}
				ended <- err
			}()
			<-begun
			left := time.Now()
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Fatalf("the client got %v", err)
			}
			select {
			case at := <-gone:
				best = min(best, at.Sub(left))
			case <-time.After(3 * time.Second):
				t.Fatal("the upstream was never told")
			}
			if best < 100*time.Millisecond {
				break
			}
		}
		if best >= 100*time.Millisecond {
			t.Errorf("the upstream was told after %v", best)
		}
	}
}
