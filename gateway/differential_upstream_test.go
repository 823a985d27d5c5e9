// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"yett/internal/practicetest"
)

// An arrival is one request as it was seen somewhere behind the gateway.
type arrival struct {
	*practicetest.Plain
	trace string
}

// arrivals keeps what was seen, until somebody takes it.
type arrivals struct {
	mu    sync.Mutex
	all   []arrival
	wrong []string // what could not be read at all
}

func (a *arrivals) add(p *practicetest.Plain) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, arrival{p, traceOf(p)})
}

func (a *arrivals) complain(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wrong = append(a.wrong, fmt.Sprintf(format, args...))
}

func (a *arrivals) take() (all []arrival, wrong []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	all, wrong = a.all, a.wrong
	a.all, a.wrong = nil, nil
	return all, wrong
}

// traceOf reads the trace id that only the gateway writes: there it throws away the client's.
func traceOf(p *practicetest.Plain) string {
	v := p.Values("Traceparent")
	if len(v) != 1 || len(v[0]) < 35 {
		return ""
	}
	return v[0][3:35]
}

// startService runs the last server behind the gateway. Like many frameworks it lets a field say what a request really is.
func startService(t *testing.T) (*arrivals, string) {
	t.Helper()
	seen := new(arrivals)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := &practicetest.Plain{Method: r.Method, Target: r.RequestURI, Host: r.Host}
		for name, values := range r.Header {
			for _, v := range values {
				p.Fields = append(p.Fields, [2]string{name, v})
				switch strings.ToLower(strings.ReplaceAll(name, "_", "-")) {
				case "x-http-method-override", "x-http-method", "x-method-override":
					p.Method = v
				case "x-original-url", "x-rewrite-url":
					p.Target = v
				}
			}
		}
		var err error
		p.Body, err = io.ReadAll(r.Body)
		p.Whole = err == nil
		seen.add(p)
		if r.RequestURI == "/socket" {
			w.WriteHeader(http.StatusUpgradeRequired)
			return
		}
		_, _ = io.WriteString(w, "ok")
	}))
	t.Cleanup(s.Close)
	return seen, s.Listener.Addr().String()
}

// startTap stands between the gateway and what is behind it, and reads what the gateway writes as strictly as can be.
func startTap(t *testing.T, upstream string) (*arrivals, string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	seen := new(arrivals)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { tap(c, upstream, seen) })
		}
	})
	// The gateway, which is stopped first, has closed its connections by then.
	t.Cleanup(func() { _ = ln.Close(); all.Wait() })
	return seen, ln.Addr().String()
}

// tap passes on both ways. A request is noted before its last bytes go on, so that it is known before its answer is.
func tap(c net.Conn, upstream string, seen *arrivals) {
	defer func() { _ = c.Close() }() // closed by then, or nobody is there
	up, err := net.Dial("tcp", upstream)
	if err != nil {
		seen.complain("the upstream takes no connection: %v", err)
		return
	}
	back := make(chan struct{})
	go func() {
		defer close(back)
		_, _ = io.Copy(c, up) // how a connection ends is no matter here
		_ = c.Close()
	}()
	var kept []byte
	buf := make([]byte, 32<<10)
	for {
		n, err := c.Read(buf)
		kept = append(kept, buf[:n]...)
		for len(kept) > 0 {
			p, rest, perr := practicetest.ReadPlain(kept)
			if perr == practicetest.ErrCut && err == nil {
				break
			}
			switch {
			case perr == practicetest.ErrCut && p != nil:
				seen.add(p)
			case perr == nil:
				p.Body = bytes.Clone(p.Body)
				seen.add(p)
			case perr != practicetest.ErrCut:
				seen.complain("the gateway wrote what is not plain: %v: %q", perr, kept)
				rest = nil
			}
			kept = rest
		}
		if _, werr := up.Write(buf[:n]); err != nil || werr != nil {
			break
		}
	}
	_ = up.Close()
	<-back
}

// startNginxOpen runs an nginx that passes on as much as it can as it came: bodies while they arrive, the client's Host,
// and all on connections that are used again, where a wrong border between two requests would show.
func startNginxOpen(t *testing.T, service string) string {
	t.Helper()
	dir, address := t.TempDir(), free(t)
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log stderr crit;
events {}
http {
  access_log off; underscores_in_headers on; ignore_invalid_headers off; merge_slashes off;
  large_client_header_buffers 4 128k; keepalive_requests 10000000; keepalive_timeout 1h;
  client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
  upstream service { server %[3]s; keepalive 16; keepalive_requests 10000000; }
  server {
    listen %[2]s;
    location / {
      proxy_pass http://service; proxy_http_version 1.1; proxy_request_buffering off; client_max_body_size 0;
      proxy_set_header Connection ""; proxy_set_header Host $http_host;
    }
  }
}
`, dir, address, service)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	program(t, address, "nginx", "-e", "stderr", "-p", dir, "-c", conf)
	return address
}

func startHAProxyOpen(t *testing.T, service string) string {
	t.Helper()
	dir, address := t.TempDir(), free(t)
	conf := filepath.Join(dir, "haproxy.cfg")
	// Its buffer is wider than the gateway's limits, so that what it does not take is never a matter of size.
	text := fmt.Sprintf(`global
  tune.bufsize 262144
  tune.http.maxhdr 256
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  option accept-invalid-http-request
  http-reuse always
listen front
  bind %s
  server service %s
`, address, service)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	program(t, address, "haproxy", "-db", "-q", "-f", conf)
	return address
}

func startVarnish(t *testing.T, service string) string {
	t.Helper()
	dir, address := t.TempDir(), free(t)
	host, port, err := net.SplitHostPort(service)
	if err != nil {
		t.Fatal(err)
	}
	vcl := filepath.Join(dir, "pass.vcl")
	text := fmt.Sprintf(`vcl 4.1;
backend service { .host = "%s"; .port = "%s"; }
sub vcl_recv { return (pass); }
sub vcl_backend_fetch { return (fetch); }
`, host, port)
	if err := os.WriteFile(vcl, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// Its limits are wider than the gateway's, so that what it does not take is never a matter of size.
	program(t, address, "varnishd", "-F", "-n", filepath.Join(dir, "work"), "-a", address, "-f", vcl, "-s", "malloc,32m", "-T", "none", "-j", "none",
		"-p", "http_req_size=256k", "-p", "http_req_hdr_len=128k", "-p", "workspace_client=1m", "-p", "workspace_backend=1m", "-p", "http_max_hdr=256", "-p", "timeout_idle=3600", "-p", "thread_pools=1")
	return address
}
