// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// anyBody describes an API that takes everything which the gateway can read at all: nothing but the strict reader stands
// in the way of the ambiguous requests.
func anyBody() string {
	text := "openapi: 3.1.0\ninfo: { title: everything, version: \"1\" }\npaths:\n"
	for _, path := range []string{"/", "/orders", "/smuggled"} {
		text += "  " + path + ":\n"
		for _, method := range []string{"get", "post", "put", "delete"} {
			body := ""
			if method != "get" && method != "delete" {
				body = "requestBody: { content: { \"*/*\": {} } }, "
			}
			text += "    " + method + ": { security: [], x-yett-public: test, " + body + "responses: { \"200\": { description: ok, content: { \"*/*\": {} } } } }\n"
		}
	}
	return text
}

// TestAmbiguousRequests sends every file of wire/testdata/ambiguous through the whole gateway to three kinds of
// upstream, which read requests in their own ways. The service behind them receives exactly what the gateway's records
// say was passed on, and none of the ambiguous requests. What turns out broken while its body streams may have begun
// there: such a request never ends well, so nobody acts on it.
func TestAmbiguousRequests(t *testing.T) {
	files, err := filepath.Glob("wire/testdata/ambiguous/*.http")
	if err != nil || len(files) < 80 {
		t.Fatalf("there are %d files, %v", len(files), err)
	}
	for _, tt := range []struct {
		name  string
		start func(t *testing.T, backend string) (address string)
	}{
		{"Go", func(_ *testing.T, backend string) string { return backend }},
		{"nginx", startNginx},
		{"HAProxy", startHAProxy},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var arrived, strange atomic.Int64
			backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.Copy(io.Discard, r.Body); err == nil {
					arrived.Add(1)
				}
				if r.URL.Path != "/orders" {
					strange.Add(1)
				}
			}))
			t.Cleanup(backend.Close)
			g := stand(t, "http://"+tt.start(t, backend.Listener.Addr().String()), anyBody(), "")
			post := func() {
				t.Helper()
				if res := g.raw("POST /orders HTTP/1.1\r\nHost: shop.example.org\r\nContent-Type: text/csv\r\nContent-Length: 3\r\n\r\na,b"); res.StatusCode != 200 {
					t.Fatalf("an ordinary request got %d", res.StatusCode)
				}
			}
			post() // the way is open, and a connection to the upstream is kept for what a smuggled prefix would spoil
			throw(t, g, files)
			post()
			n := len(files) + 2
			g.last(n)
			g.mu.Lock()
			defer g.mu.Unlock()
			passed := int64(0)
			for _, r := range g.records {
				if r.Reached && r.Code == "" && !r.Aborted {
					passed++
				}
			}
			if passed != 2 || len(g.records) != n {
				t.Errorf("%d of %d requests were passed on, want 2 of %d", passed, len(g.records), n)
			}
			if arrived.Load() != passed || strange.Load() != 0 {
				t.Errorf("%d requests arrived, %d of them for other paths; the records say %d", arrived.Load(), strange.Load(), passed)
			}
		})
	}
}

// throw sends each file on a connection of its own, some at a time, and waits for the answers.
func throw(t *testing.T, g *gate, files []string) {
	t.Helper()
	var all sync.WaitGroup
	places := make(chan struct{}, 16)
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		c := g.dial()
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			// The gateway may answer and hang up before everything is sent; the records say what it made of it.
			_, _ = c.Write(data)
			_ = c.CloseWrite()
			_, _ = io.Copy(io.Discard, c)
		})
	}
	all.Wait()
}

// free returns a loopback address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// program runs another server until the test ends, and waits for it to listen.
func program(t *testing.T, address, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + name); err != nil {
			t.Skipf("%s is not installed; scripts/needs installs it", name)
		}
	}
	c := exec.Command(path, args...)
	c.Stderr = t.Output()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	for range 200 {
		if nc, err := net.Dial("tcp", address); err == nil {
			_ = nc.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s does not listen", name)
}

func startNginx(t *testing.T, backend string) string {
	t.Helper()
	dir, address := t.TempDir(), free(t)
	conf := filepath.Join(dir, "nginx.conf")
	// Tolerant on purpose: what looks odd to it goes on to the service.
	text := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log stderr crit;
events {}
http {
  access_log off; underscores_in_headers on; ignore_invalid_headers off; merge_slashes off;
  client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
  server {
    listen %[2]s;
    location / { proxy_pass http://%[3]s; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`, dir, address, backend)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	program(t, address, "nginx", "-e", "stderr", "-p", dir, "-c", conf)
	return address
}

func startHAProxy(t *testing.T, backend string) string {
	t.Helper()
	dir, address := t.TempDir(), free(t)
	conf := filepath.Join(dir, "haproxy.cfg")
	text := fmt.Sprintf(`defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
  option accept-invalid-http-request
listen front
  bind %s
  server service %s
`, address, backend)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	program(t, address, "haproxy", "-db", "-q", "-f", conf)
	return address
}
