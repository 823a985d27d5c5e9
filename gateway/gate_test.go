// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"yett/admin"
	"yett/config"
	"yett/exchange"
	"yett/gateway"
)

// description declares what the tests call. Where nothing is said, a key is needed.
const description = `openapi: 3.1.0
info: { title: pets, version: "1" }
paths:
  /pets/{id}:
    get:
      operationId: getPet
      parameters: [{ name: id, in: path, required: true, schema: { type: integer, minimum: 1 } }]
      responses: { "200": { description: ok, content: { "*/*": { schema: { type: string, maxLength: 1000000 } } } } }
  /pets:
    post:
      operationId: addPet
      requestBody:
        required: true
        content:
          application/json:
            schema: { type: object, required: [name], properties: { name: { type: string, maxLength: 20 }, id: { type: integer, readOnly: true } } }
      responses: { "200": { description: ok, content: { "*/*": { schema: { type: string, maxLength: 1000000 } } } } }
  /open/{name}:
    parameters: [{ name: name, in: path, required: true, schema: { type: string, maxLength: 200 } }]
    get: { operationId: open, security: [], x-yett-public: test, responses: { "200": { description: ok, content: { "*/*": { schema: { type: string, maxLength: 1000000 } } } } } }
    delete: { operationId: remove, security: [], x-yett-public: test, responses: { "204": { description: ok } } }
    put:
      operationId: upload
      security: []
      x-yett-public: test
      requestBody: { content: { application/octet-stream: {} } }
      responses: { "200": { description: ok, content: { "*/*": { schema: { type: string, maxLength: 1000000 } } } } }
    post:
      operationId: send
      security: []
      x-yett-public: test
      requestBody: { content: { text/plain: { schema: { type: string } } } }
      responses: { "200": { description: ok, content: { "*/*": { schema: { type: string, maxLength: 1000000 } } } } }
  /socket:
    get: { operationId: socket, security: [], x-yett-public: test, x-yett-websocket: true, responses: { "101": { description: ok } } }
`

// A gate is a running gateway as its callers and its owner see it.
type gate struct {
	*gateway.Gateway
	t     testing.TB
	dir   string
	roots *x509.CertPool
	h1    *http.Client
	h2    *http.Client
	admin *admin.Client
	stop  func() error // once; the test's end calls it where nobody has

	mu      sync.Mutex
	records []exchange.Record
}

// stand runs a gateway in front of upstream until the test ends. api is what else stands at the API in yett.yaml.
func stand(t testing.TB, upstream, description, api string) *gate {
	t.Helper()
	return configured(t, "  - name: pets\n    openapi: pets.yaml\n    upstream: "+upstream+"\n"+api, map[string]string{"pets.yaml": description})
}

// configured runs a gateway for the entries of apis until the test ends. files are the descriptions.
func configured(t testing.TB, apis string, files map[string]string) *gate {
	t.Helper()
	dir := t.TempDir()
	g := &gate{t: t, dir: dir}
	for name, text := range files {
		g.write(name, text)
	}
	text := "listen: 127.0.0.1:0\nadmin: { listen: 127.0.0.1:0 }\ndata: data\napis:\n" + apis
	g.write("yett.yaml", text)
	load := func() (*config.File, error) {
		return config.Load(filepath.Join(dir, "yett.yaml"), gateway.Practices())
	}
	file, err := load()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	observe := func(r exchange.Record) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.records = append(g.records, r)
	}
	if g.Gateway, err = gateway.New(t.Context(), file, gateway.Options{Observe: observe, Load: load}); err != nil {
		t.Fatal(err)
	}
	if err := g.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	g.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	g.connect()
	t.Cleanup(func() {
		g.h1.CloseIdleConnections()
		g.h2.CloseIdleConnections()
		if err := g.stop(); err != nil {
			t.Error(err)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// write replaces a file of the gate's configuration at once, as careful editors do.
func (g *gate) write(name, text string) {
	g.t.Helper()
	next := filepath.Join(g.dir, name+".next")
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		g.t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(g.dir, name)); err != nil {
		g.t.Fatal(err)
	}
}

// read returns a file of the gate's configuration.
func (g *gate) read(name string) string {
	g.t.Helper()
	b, err := os.ReadFile(filepath.Join(g.dir, name))
	if err != nil {
		g.t.Fatal(err)
	}
	return string(b)
}

// before runs a gateway in front of a handler.
func before(t testing.TB, h http.HandlerFunc, api string) *gate {
	t.Helper()
	up := httptest.NewServer(h)
	t.Cleanup(up.Close)
	return stand(t, up.URL, description, api)
}

func (g *gate) connect() {
	pem, err := os.ReadFile(filepath.Join(g.dir, "data", "ca.pem"))
	if err != nil {
		g.t.Fatal(err)
	}
	g.roots = x509.NewCertPool()
	g.roots.AppendCertsFromPEM(pem)
	client := func(protocol string, h2 bool) *http.Client {
		return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
			TLSClientConfig:    &tls.Config{RootCAs: g.roots, NextProtos: []string{protocol}, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2:  h2,
			DisableCompression: true,
		}}
	}
	g.h1, g.h2 = client("http/1.1", false), client("h2", true)
	g.admin = admin.InProcess(g.AdminHandler())
	for range 1000 {
		var status struct{ Ready bool }
		if err := g.admin.Call(g.t.Context(), http.MethodGet, "/status", nil, &status); err != nil {
			g.t.Fatal(err)
		}
		if status.Ready {
			return
		}
		time.Sleep(time.Millisecond)
	}
	g.t.Fatal("the gateway does not get ready")
}

func (g *gate) url(path string) string { return "https://" + g.Addr().String() + path }

// key makes an API key.
func (g *gate) key() string {
	g.t.Helper()
	var made struct{ Key string }
	if err := g.admin.Call(g.t.Context(), http.MethodPost, "/keys", map[string]any{"client": "acme"}, &made); err != nil {
		g.t.Fatal(err)
	}
	return made.Key
}

// do sends a request over HTTP/2 and reads the whole answer. fields are names and values in turn.
func (g *gate) do(method, path, body string, fields ...string) (*http.Response, string) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), method, g.url(path), strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		req.Header.Add(fields[i], fields[i+1])
	}
	res, err := g.h2.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		g.t.Fatal(err)
	}
	return res, string(b)
}

// last waits for the n-th record and returns it: it is made after the answer has left.
func (g *gate) last(n int) exchange.Record {
	g.t.Helper()
	for range 400 {
		g.mu.Lock()
		if len(g.records) >= n {
			r := g.records[n-1]
			g.mu.Unlock()
			return r
		}
		g.mu.Unlock()
		time.Sleep(5 * time.Millisecond)
	}
	g.t.Fatalf("there is no record %d", n)
	return exchange.Record{}
}

// dial opens a connection over which HTTP/1.1 is spoken byte by byte.
func (g *gate) dial() *tls.Conn {
	g.t.Helper()
	nc, err := net.Dial("tcp", g.Addr().String())
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(15 * time.Second)); err != nil {
		g.t.Fatal(err)
	}
	// An address is never sent as a name, so that any Host may follow.
	c := tls.Client(nc, &tls.Config{RootCAs: g.roots, ServerName: "127.0.0.1", NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12})
	if err := c.Handshake(); err != nil {
		g.t.Fatal(err)
	}
	return c
}

// raw sends bytes on a connection of their own and reads one answer.
func (g *gate) raw(request string) *http.Response {
	g.t.Helper()
	c := g.dial()
	if _, err := io.WriteString(c, request); err != nil {
		g.t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		g.t.Fatal(err)
	}
	return res
}

// echo answers with what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, r.Method+" "+r.RequestURI)
}
