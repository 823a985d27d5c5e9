// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"crypto/tls"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // reads the store as anybody could

	"yett/jose"
)

const description = `openapi: 3.1.0
info: { title: secrets, version: "1" }
paths:
  /open:
    get: { operationId: open, security: [], x-yett-public: for everybody, parameters: [{ name: n, in: query, schema: { type: integer } }, { name: X-Number, in: header, schema: { type: integer } }], responses: { "200": { description: ok, content: { "*/*": {} } } } }
  /fails: { get: { operationId: fails, security: [], x-yett-public: for everybody, responses: { "200": { description: ok, content: { "*/*": {} } } } } }
  /things/{id}: { get: { operationId: thing, parameters: [{ name: id, in: path, required: true, schema: { type: string } }], security: [{ key: [] }, { token: [] }, { login: [] }], responses: { "200": { description: ok, content: { "*/*": {} } } } } }
  /forms:
    post:
      operationId: form
      security: []
      x-yett-public: for everybody
      requestBody: { required: true, content: { application/json: { schema: { type: object, properties: { n: { type: integer }, password: { type: string, format: password, maxLength: 3 } } } } } }
      responses: { "200": { description: ok, content: { "*/*": {} } } }
components:
  securitySchemes:
    key: { type: apiKey, in: header, name: X-API-Key }
    token: { type: http, scheme: bearer }
    login: { type: http, scheme: basic }
`

const configuration = `listen: %[1]s
admin: { listen: %[2]s }
data: data
encrypt: { kek: { file: elsewhere.kek } }
token:
  issuers:
    - { issuer: "https://issuer.example.org", audience: ["https://api.example.org"], jwks_file: keys.json }
    - { issuer: "https://opaque.example.org", audience: ["https://api.example.org"], introspection: { url: "%[3]s/introspect", client_id: gate, client_secret: { env: INTROSPECTION_SECRET } } }
apis:
  - { name: api, openapi: openapi.yaml, upstream: "%[3]s" }
`

// A gate is the binary, with a service behind it that tells too much and answers questions about tokens.
type gate struct {
	dir, binary, addr, adminAddr string
	up                           *httptest.Server
	leak                         string // what the service says when it fails
	good                         map[string]bool
	signer                       *jose.PrivateKey
	client                       *http.Client
	cmd                          *exec.Cmd
	out                          bytes.Buffer
}

func (g *gate) data() string { return filepath.Join(g.dir, "data") }

func open(ctx context.Context, dir, binary string, s *seeds) (_ *gate, err error) {
	g := &gate{dir: dir, binary: binary, good: make(map[string]bool)}
	g.up = httptest.NewServer(http.HandlerFunc(g.serve))
	defer func() {
		if err != nil {
			err = errors.Join(err, g.close())
		}
	}()
	if g.addr, err = free(); err == nil {
		g.adminAddr, err = free()
	}
	if err != nil {
		return g, err
	}
	if g.signer, err = jose.GeneratePrivateKey(jose.ES256); err != nil {
		return g, err
	}
	keys, err := json.Marshal(map[string]any{"keys": []*jose.Key{g.signer.Public()}})
	if err != nil {
		return g, err
	}
	kek := make([]byte, 32)
	_, _ = crand.Read(kek) // never fails: crypto/rand ends the program first
	s.add("key-encryption key, kept elsewhere", base64.StdEncoding.EncodeToString(kek))
	secret := s.next("secret of the introspection client")
	for name, text := range map[string][]byte{"openapi.yaml": []byte(description), "keys.json": keys, "elsewhere.kek": []byte(base64.StdEncoding.EncodeToString(kek)),
		"yett.yaml": fmt.Appendf(nil, configuration, g.addr, g.adminAddr, g.up.URL)} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return g, err
		}
	}
	g.client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, // #nosec G402 -- loopback, and a certificate that is made at the start
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	g.cmd = exec.CommandContext(ctx, binary, "run", "-c", filepath.Join(dir, "yett.yaml")) // #nosec G204 -- the binary that is tested
	g.cmd.Dir, g.cmd.Stdout, g.cmd.Stderr = dir, &g.out, &g.out
	g.cmd.Env = append(os.Environ(), "INTROSPECTION_SECRET="+secret)
	if err := g.cmd.Start(); err != nil {
		return g, err
	}
	for began := time.Now(); time.Since(began) < 30*time.Second; time.Sleep(10 * time.Millisecond) {
		if status, _, err := g.do(ctx, http.MethodGet, "https://"+g.adminAddr+"/readyz", nil, ""); err == nil && status == http.StatusOK {
			return g, nil
		}
	}
	return g, fmt.Errorf("it does not get ready: %s", g.out.Bytes())
}

// serve is the service behind the gate, and the issuer of opaque tokens.
func (g *gate) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/fails":
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, g.leak) // the gate may be gone
	case "/introspect":
		if !g.good[r.FormValue("token")] {
			_, _ = io.WriteString(w, `{"active":false}`)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"active": true, "iss": "https://opaque.example.org", "aud": "https://api.example.org", "sub": "greta",
			"client_id": "app", "exp": time.Now().Unix() + 600, "iat": time.Now().Unix(), "scope": "a"})
	default:
		_, _ = io.WriteString(w, "{}")
	}
}

func (g *gate) stop() error {
	if g.cmd == nil || g.cmd.Process == nil {
		return nil
	}
	late := time.AfterFunc(20*time.Second, func() { _ = g.cmd.Process.Kill() })
	defer late.Stop()
	if err := g.cmd.Process.Signal(os.Interrupt); err != nil {
		return nil // it has ended
	}
	_ = g.cmd.Wait() // how it ends is not judged
	g.cmd = nil
	return nil
}

func (g *gate) close() error {
	g.up.Close()
	return g.stop()
}

func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// do makes a request. header is "Name: value" each.
func (g *gate) do(ctx context.Context, method, url string, header []string, body string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	res, err := g.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res.StatusCode, text, errors.Join(err, res.Body.Close())
}

// yett runs a command; what it reads from stdin is in.
func (g *gate) yett(ctx context.Context, in string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, g.binary, append(args, "--data", g.data())...) // #nosec G204 -- the binary that is tested
	cmd.Stdin = strings.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("yett %s: %w", strings.Join(args[:2], " "), err)
	}
	return out, err
}

// dump reads every row of every table, as text.
func dump(ctx context.Context, file string) (_ []byte, err error) {
	db, err := sql.Open("sqlite", "file:"+file+"?mode=ro")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tables, err := column(ctx, db, "SELECT name FROM sqlite_master WHERE type = 'table'")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, t := range tables {
		if err := dumpTable(ctx, db, t, &out); err != nil {
			return nil, err
		}
	}
	if len(tables) < 8 {
		return nil, fmt.Errorf("the store has %d tables only", len(tables))
	}
	return out.Bytes(), nil
}

func column(ctx context.Context, db *sql.DB, query string) (all []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, rows.Err()
}

func dumpTable(ctx context.Context, db *sql.DB, table string, out *bytes.Buffer) (err error) {
	rows, err := db.QueryContext(ctx, "SELECT * FROM "+table) // #nosec G202 -- a name of the store's own
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	for rows.Next() {
		values, at := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			at[i] = &values[i]
		}
		if err := rows.Scan(at...); err != nil {
			return err
		}
		for i, v := range values {
			if b, ok := v.([]byte); ok {
				v = string(b)
			}
			fmt.Fprintf(out, "%s.%s = %v\n", table, names[i], v)
		}
	}
	return rows.Err()
}
