// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// large is more than any buffer on the way could hold.
const large = 256 << 20

// zeros is an endless body that costs nothing.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// heapGrowth calls f and returns by how much the heap grew at most while it ran.
func heapGrowth(f func()) uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before := m.HeapAlloc
	var most atomic.Uint64
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				if m.HeapAlloc > before {
					most.Store(max(most.Load(), m.HeapAlloc-before))
				}
			}
		}
	}()
	f()
	close(done)
	<-stopped
	return most.Load()
}

// flat is what all buffers of one exchange and of the test's own ends may take together.
const flat = 24 << 20

func TestALargeUploadStreams(t *testing.T) {
	g := before(t, func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, strconv.FormatInt(n, 10))
	}, "    operations:\n      upload:\n        validate: { body: 1GiB }\n")
	var got string
	grown := heapGrowth(func() {
		req, err := http.NewRequestWithContext(t.Context(), "PUT", g.url("/open/x"), io.LimitReader(zeros{}, large))
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = large
		req.Header.Set("Content-Type", "application/octet-stream")
		res, err := g.h1.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		got = string(b)
		_ = res.Body.Close()
	})
	if got != strconv.Itoa(large) {
		t.Errorf("the upstream read %s bytes, want %d", got, large)
	}
	if grown > flat {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}

func TestALargeDownloadStreams(t *testing.T) {
	g := before(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.Itoa(large))
		_, _ = io.CopyN(w, zeros{}, large)
	}, "")
	var n int64
	grown := heapGrowth(func() {
		res, err := g.h1.Get(g.url("/open/x"))
		if err != nil {
			t.Fatal(err)
		}
		if n, err = io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	})
	if n != large || grown > flat {
		t.Errorf("got %d bytes of %d, and the heap grew by %d MiB", n, large, grown>>20)
	}
}

func TestABodyBeyondItsLimitEndsTheUpload(t *testing.T) {
	g := before(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }, "")
	for name, length := range map[string]int64{"by its declared length": 2 << 20, "while it streams": -1} {
		req, err := http.NewRequestWithContext(t.Context(), "PUT", g.url("/open/x"), io.LimitReader(zeros{}, 2<<20))
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = length
		req.Header.Set("Content-Type", "application/octet-stream")
		res, err := g.h2.Do(req)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		b, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(b), "body_too_large") {
			t.Errorf("%s: got %d %s", name, res.StatusCode, b)
		}
	}
}

func TestAnEventIsOutBeforeTheNextIsIn(t *testing.T) {
	next := make(chan struct{})
	g := before(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: first\n\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-next:
			_, _ = io.WriteString(w, "data: second\n\n")
		case <-r.Context().Done():
		}
	}, "")
	for _, client := range []*http.Client{g.h1, g.h2} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		req, err := http.NewRequestWithContext(ctx, "GET", g.url("/open/x"), nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(res.Body)
		line, err := in.ReadString('\n')
		if err != nil || line != "data: first\n" {
			t.Errorf("%s: the first event is %q, %v", res.Proto, line, err)
		}
		select {
		case next <- struct{}{}:
		case <-ctx.Done():
			t.Fatal("the service was not asked")
		}
		rest, err := io.ReadAll(in)
		if err != nil || string(rest) != "\ndata: second\n\n" {
			t.Errorf("%s: then came %q, %v", res.Proto, rest, err)
		}
		_ = res.Body.Close()
		cancel()
	}
}

func TestAWebSocketOpensOnlyWhereItIsDeclared(t *testing.T) {
	for _, tt := range []struct {
		name, api string
		listed    int // status for a page of the listed origin
	}{
		{"no origin is listed", "", 403},
		{"one is listed", "    cors: { origins: [\"https://shop.example.org\"] }\n", 101},
		{"cors is off", "    cors: { off: \"a test\" }\n", 403},
	} {
		t.Run(tt.name, func(t *testing.T) { webSockets(t, tt.api, tt.listed) })
	}
}

func webSockets(t *testing.T, api string, listed int) {
	g := before(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // the gateway looks at Origin
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		for {
			kind, b, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if c.Write(r.Context(), kind, append([]byte("echo "), b...)) != nil {
				return
			}
		}
	}, api)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: g.roots, MinVersion: tls.VersionTLS12}}}
	t.Cleanup(client.CloseIdleConnections)
	for _, tt := range []struct {
		name, path, origin string
		status             int
	}{
		{"where it is declared", "/socket", "", 101},
		{"from a page of this host", "/socket", "https://" + g.Addr().String(), 101},
		{"from another page", "/socket", "https://evil.example.org", 403},
		{"from a page of the listed origin", "/socket", "https://shop.example.org", listed},
		{"from a page that hides where it is from", "/socket", "null", 403},
		{"where it is not declared", "/open/x", "", 502},
		{"where nothing is declared", "/nothing", "", 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			o := &websocket.DialOptions{HTTPClient: client, HTTPHeader: http.Header{}}
			if tt.origin != "" {
				o.HTTPHeader.Set("Origin", tt.origin)
			}
			c, res, err := websocket.Dial(ctx, "wss://"+g.Addr().String()+tt.path, o)
			if res == nil || res.StatusCode != tt.status && (tt.status != 502 || res.StatusCode == 101) {
				t.Fatalf("got %v, %v, want %d", res, err, tt.status)
			}
			if tt.status != 101 {
				return
			}
			defer func() { _ = c.CloseNow() }()
			for _, text := range []string{"one", strings.Repeat("x", 20000)} {
				if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
					t.Fatal(err)
				}
				if _, b, err := c.Read(ctx); err != nil || string(b) != "echo "+text {
					t.Fatalf("got %.40q, %v", b, err)
				}
			}
			if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
				t.Error(err)
			}
		})
	}
}
