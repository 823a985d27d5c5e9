// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yett/admin"
	"yett/config"
	"yett/gateway"
)

const petYAML = `openapi: 3.1.0
info: { title: pets, version: "1" }
paths:
  /pets/{id}:
    get:
      operationId: getPet
      parameters: [{ name: id, in: path, required: true, schema: { type: integer, minimum: 1 } }]
      responses: { "200": { description: ok } }
  /pets:
    post:
      operationId: addPet
      requestBody:
        required: true
        content:
          application/json:
            schema: { type: object, required: [name], properties: { name: { type: string, maxLength: 20 }, id: { type: integer, readOnly: true } } }
      responses: { "201": { description: ok } }
`

func TestGateStands(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Server", "careless/1.0")
		fmt.Fprintf(w, `{"path":%q,"client":%q,"body":%q}`, r.URL.Path, r.Header.Get("X-Yett-Client"), b)
	}))
	defer up.Close()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pets.yaml"), []byte(petYAML), 0o600); err != nil {
		t.Fatal(err)
	}
	text := config.Arguments{OpenAPI: "pets.yaml", Upstream: up.URL, Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", Data: "data"}.YAML()
	file, err := config.Parse(filepath.Join(dir, "yett.yaml"), text, gateway.Practices())
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	g, err := gateway.New(t.Context(), file, gateway.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}()
	pem, err := os.ReadFile(filepath.Join(dir, "data", "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}}
	api := admin.InProcess(g.AdminHandler())
	var made struct{ ID, Key string }
	if err := api.Call(t.Context(), "POST", "/keys", map[string]any{"client": "acme"}, &made); err != nil {
		t.Fatal(err)
	}
	do := func(method, path, key, body string) (int, string) {
		req, _ := http.NewRequest(method, "https://"+g.Addr().String()+path, strings.NewReader(body))
		if key != "" {
			req.Header.Set("X-API-Key", key)
		}
		if body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		t.Log(method, path, res.Proto, res.StatusCode, string(b), res.Header)
		return res.StatusCode, string(b)
	}
	for _, tt := range []struct {
		method, path, key, body string
		status                  int
	}{
		{"GET", "/pets/1", "", "", 401},
		{"GET", "/pets/1", made.Key, "", 200},
		{"GET", "/pets/0", made.Key, "", 400},
		{"GET", "/pets/1?x=1", made.Key, "", 400},
		{"GET", "/pets/..%2f", made.Key, "", 400},
		{"GET", "/nothing", made.Key, "", 404},
		{"PUT", "/pets", made.Key, "", 405},
		{"POST", "/pets", made.Key, `{"name":"x"}`, 200},
		{"POST", "/pets", made.Key, `{"name":"x","id":3}`, 422},
		{"POST", "/pets", made.Key, `{"name":"x","name":"y"}`, 400},
	} {
		if got, _ := do(tt.method, tt.path, tt.key, tt.body); got != tt.status {
			t.Errorf("%s %s: got %d, want %d", tt.method, tt.path, got, tt.status)
		}
	}
	var checks struct{ Checks []gateway.Checked }
	if err := api.Call(t.Context(), "GET", "/checks", nil, &checks); err != nil {
		t.Fatal(err)
	}
	for _, c := range checks.Checks {
		t.Log(c.ID, c.Verdict, c.Summary, c.Evidence)
	}
}
