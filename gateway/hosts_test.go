// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"yett/config"
	"yett/gateway"
)

// described is the description of an API below base, with one operation that anybody may call.
func described(base string) string {
	return fmt.Sprintf(`openapi: 3.1.0
info: { title: one, version: "1" }
servers: [{ url: "https://api.example.org%s" }]
paths:
  /orders: { get: { operationId: list, security: [], x-yett-public: test, responses: { "200": { description: ok, content: { "*/*": {} } } } } }
`, base)
}

// named answers with its own name and the path it was asked for.
func named(t *testing.T, name string) string {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, name+" "+r.URL.Path) // the caller is the judge
	}))
	t.Cleanup(up.Close)
	return up.URL
}

func TestSeveralAPIsOnOneListener(t *testing.T) {
	g := configured(t, fmt.Sprintf(`  - { name: shop, openapi: root.yaml, upstream: %s, hosts: [shop.example.org] }
  - { name: office, openapi: root.yaml, upstream: %s/inner, hosts: [office.example.org, back.example.org] }
  - { name: two, openapi: below.yaml, upstream: %s, hosts: [shop2.example.org] }
  - { name: three, openapi: beside.yaml, upstream: %s, hosts: [shop2.example.org] }
  - { name: all, openapi: other.yaml, upstream: %s }
`, named(t, "shop"), named(t, "office"), named(t, "two"), named(t, "three"), named(t, "all")),
		map[string]string{"root.yaml": described("/v1"), "below.yaml": described("/v2"), "beside.yaml": described("/v3"), "other.yaml": described("/common/api")})
	for _, tt := range []struct {
		name, sni, host, path string
		status                int
		body                  string
	}{
		{"a host has its own API", "shop.example.org", "shop.example.org", "/v1/orders", 200, "shop /v1/orders"},
		{"another host on the same path has another", "office.example.org", "office.example.org", "/v1/orders", 200, "office /inner/v1/orders"},
		{"an API may have several hosts", "back.example.org", "BACK.example.org:8443", "/v1/orders", 200, "office /inner/v1/orders"},
		{"on one host the base path decides", "shop2.example.org", "shop2.example.org", "/v2/orders", 200, "two /v2/orders"},
		{"and its neighbour", "shop2.example.org", "shop2.example.org", "/v3/orders", 200, "three /v3/orders"},
		{"an API without hosts answers for every host", "shop2.example.org", "shop2.example.org", "/common/api/orders", 200, "all /common/api/orders"},
		{"also for unknown ones", "", "elsewhere.example.org", "/common/api/orders", 200, "all /common/api/orders"},
		{"a path of one host is nothing on another", "shop.example.org", "shop.example.org", "/v2/orders", 404, "undeclared_path"},
		{"an unknown host has no API of a known one", "", "elsewhere.example.org", "/v1/orders", 404, "undeclared_path"},
		{"the handshake was for another host", "shop.example.org", "office.example.org", "/v1/orders", 421, "misdirected_request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, h2 := range []bool{false, true} {
				// The local certificate holds the hosts of the APIs.
				tr := &http.Transport{TLSClientConfig: &tls.Config{ServerName: tt.sni, RootCAs: g.roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: h2}
				if tt.sni == "" {
					tr.TLSClientConfig.ServerName = "127.0.0.1" // an address is never sent as a name
				}
				defer tr.CloseIdleConnections()
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.url(tt.path), nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Host = tt.host
				res, err := (&http.Client{Transport: tr, Timeout: 10 * time.Second}).Do(req)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(res.Body)
				_ = res.Body.Close() // it was read
				if err != nil || res.StatusCode != tt.status || !strings.Contains(string(body), tt.body) {
					t.Errorf("HTTP/2 %v: %d %s, %v; want %d %s", h2, res.StatusCode, body, err, tt.status, tt.body)
				}
			}
		})
	}
}

func TestAPIsThatOverlapStopTheStart(t *testing.T) {
	dir := t.TempDir()
	g := &gate{t: t, dir: dir}
	g.write("one.yaml", described("/api"))
	g.write("two.yaml", described("/api/v2"))
	file, err := config.Parse(dir+"/yett.yaml", []byte(`data: data
apis:
  - { name: one, openapi: one.yaml, upstream: "http://127.0.0.1:1", hosts: [shop.example.org] }
  - { name: two, openapi: two.yaml, upstream: "http://127.0.0.1:1" }
`), gateway.Practices())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gateway.New(t.Context(), file, gateway.Options{}); err == nil || !strings.Contains(err.Error(), "both answer for") {
		t.Errorf("got %v", err)
	}
}
