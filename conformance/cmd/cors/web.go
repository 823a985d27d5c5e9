// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
)

// An upstream is as careless as can be: it repeats every origin with credentials, and remembers who came with cookies.
type upstream struct {
	clear, secure *httptest.Server

	mu   sync.Mutex
	seen map[string]bool // paths of changes that came with a cookie
}

func newUpstream() *upstream {
	u := &upstream{seen: make(map[string]bool)}
	u.clear, u.secure = httptest.NewServer(u), httptest.NewTLSServer(u)
	return u
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Allow-Methods", r.Header.Get("Access-Control-Request-Method"))
	h.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
	h.Set("Content-Type", "text/plain")
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return // broken off: nobody is left to answer
	}
	if r.Method == http.MethodPost && r.Header.Get("Cookie") != "" {
		u.mu.Lock()
		u.seen[r.URL.Path] = true
		u.mu.Unlock()
	}
	if r.Method == http.MethodPost && r.URL.Path == "/orders" {
		h.Set("Location", "/orders/1")
		w.WriteHeader(http.StatusCreated)
	}
	_, _ = fmt.Fprintf(w, "secret %s", r.Header.Get("Cookie")) // the client is gone: nobody is left to tell
}

// reached reports whether a change of path came with a cookie.
func (u *upstream) reached(path string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.seen[path]
}

func (u *upstream) url() string { return u.clear.URL }

func (u *upstream) securePort() string { return portOf(u.secure.URL) }

func (u *upstream) close() {
	u.clear.Close()
	u.secure.Close()
}

func portOf(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		panic(err) // httptest wrote it
	}
	return parsed.Port()
}

// pages are empty pages: over TLS, in clear, and in clear on another port.
type pages struct{ secure, clear, other *httptest.Server }

func newPages() *pages {
	empty := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!doctype html><title>a page</title>") // the client is gone: nobody is left to tell
	})
	return &pages{secure: httptest.NewTLSServer(empty), clear: httptest.NewServer(empty), other: httptest.NewServer(empty)}
}

// port is that of the page on localhost that is listed.
func (p *pages) port() string { return portOf(p.clear.URL) }

// strangers are origins that are not listed, and look as if they were.
func (p *pages) strangers() []string {
	return []string{
		"https://evil.example.net",
		"https://evil.example.org", // the same site as the API
		shopPage + ".evil.example.net",
		"https://evilshop.example.org",
		"https://a.shop.example.org",
		"https://example.org",
		"http://shop.example.org",
		shopPage + ":8443",
		"http://127.0.0.1:" + p.port(),
		"http://localhost:" + portOf(p.other.URL),
	}
}

// rules lead every name that has no rule of its own to the pages.
func (p *pages) rules() string {
	secure, clear := portOf(p.secure.URL), p.port()
	return strings.Join([]string{
		"MAP *:443 127.0.0.1:" + secure, "MAP *:8443 127.0.0.1:" + secure, "MAP *:80 127.0.0.1:" + clear,
	}, ",")
}

func (p *pages) close() {
	p.secure.Close()
	p.clear.Close()
	p.other.Close()
}
