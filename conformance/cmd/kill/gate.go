// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const description = `openapi: 3.1.0
info: { title: kill, version: "1" }
paths:
  /thing: { get: { operationId: thing, security: [{ key: [] }, { token: [] }], responses: { "200": { description: ok, content: { "*/*": {} } } } } }
components: { securitySchemes: { key: { type: apiKey, in: header, name: X-API-Key }, token: { type: http, scheme: bearer } } }
`

const configuration = `listen: %s
admin: { listen: %s }
data: data
ratelimit: { requests: 1000000, per: 1s, address: { requests: 1000000, per: 1s } }
token: { issuers: [{ issuer: "https://issuer.example.org", audience: ["https://api.example.org"], jwks_file: keys.json }] }
apis:
  - { name: api, openapi: openapi.yaml, upstream: %s }
`

// A gate is the binary on one data directory, and the ways to it.
type gate struct {
	dir, binary, addr, adminAddr string
	signer                       *ecdsa.PrivateKey
	client, admin                *http.Client
	cmd                          *exec.Cmd
	log                          bytes.Buffer
}

func prepare(dir, binary, upstream string) (*gate, error) {
	g := &gate{dir: dir, binary: binary}
	var err error
	if g.addr, err = free(); err == nil {
		g.adminAddr, err = free()
	}
	if err != nil {
		return nil, err
	}
	if g.signer, err = ecdsa.GenerateKey(elliptic.P256(), crand.Reader); err != nil {
		return nil, err
	}
	point, err := g.signer.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	keys, err := json.Marshal(map[string]any{"keys": []any{map[string]string{"kty": "EC", "crv": "P-256", "kid": "1", "x": b64(point[1:33]), "y": b64(point[33:])}}})
	if err != nil {
		return nil, err
	}
	for name, text := range map[string][]byte{"openapi.yaml": []byte(description), "keys.json": keys, "yett.yaml": fmt.Appendf(nil, configuration, g.addr, g.adminAddr, upstream)} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return nil, err
		}
	}
	// Whom it is, is not what is tested: the root is made anew by nobody.
	g.client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 8}} // #nosec G402 -- loopback, and a certificate that is made at the start
	g.admin = &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 8, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, "data", "yett.sock"))
	}}}
	return g, nil
}

func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// longest is how long a start may take before it is given up.
const longest = 30 * time.Second

// start runs the binary and returns how long it took until it was ready.
func (g *gate) start(ctx context.Context) (time.Duration, error) {
	g.client.CloseIdleConnections()
	g.admin.CloseIdleConnections()
	g.log.Reset()
	g.cmd = exec.CommandContext(ctx, g.binary, "run", "-c", filepath.Join(g.dir, "yett.yaml"))
	g.cmd.Dir, g.cmd.Stdout, g.cmd.Stderr = g.dir, &g.log, &g.log
	began := time.Now()
	if err := g.cmd.Start(); err != nil {
		return 0, err
	}
	for time.Since(began) < longest {
		res, err := g.client.Get("https://" + g.adminAddr + "/readyz")
		if err == nil {
			if err := res.Body.Close(); err == nil && res.StatusCode == http.StatusOK {
				return time.Since(began), nil
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	return 0, errors.Join(fmt.Errorf("it does not get ready: %s", g.log.Bytes()), g.kill())
}

// kill ends the process by SIGKILL.
func (g *gate) kill() error {
	if err := g.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_ = g.cmd.Wait() // it was killed
	return nil
}

// ask calls the API with a credential.
func (g *gate) ask(ctx context.Context, header, value string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+g.addr+"/thing", nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set(header, value)
	res, err := g.client.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, errors.Join(err, res.Body.Close())
}

// call asks the admin API. Its error means that nothing was acknowledged.
func (g *gate) call(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://yett"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := g.admin.Do(req)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %d %s", path, res.StatusCode, text)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// change does one thing and returns what came of it. Its error means that nothing was acknowledged.
func (g *gate) change(ctx context.Context, what string, c *credential) (*credential, error) {
	var made struct{ ID, Key string }
	var err error
	switch what {
	case "create":
		err = g.call(ctx, "/keys", map[string]any{"client": "kill", "scopes": []string{}}, &made)
	case "rotate":
		err = g.call(ctx, "/keys/"+c.id+"/rotate", map[string]any{"grace_s": 0}, &made)
	case "revoke":
		return nil, g.call(ctx, "/keys/"+c.id+"/revoke", struct{}{}, nil)
	case "token":
		return nil, g.call(ctx, "/tokens/revoke", map[string]any{"id": c.jti}, nil)
	case "seal":
		return nil, g.call(ctx, "/encrypt/rotate", struct{}{}, nil)
	case "kek":
		return nil, g.call(ctx, "/encrypt/rotate", map[string]any{"kek": true}, nil)
	}
	if err != nil {
		return nil, err
	}
	return &credential{header: "X-API-Key", value: made.Key, id: made.ID}, nil
}

// token makes an access token that works until it is revoked.
func (g *gate) token(round int) (*credential, error) {
	c := &credential{header: "Authorization", jti: crand.Text(), round: round}
	now := time.Now().Unix()
	claims, err := json.Marshal(map[string]any{"iss": "https://issuer.example.org", "aud": "https://api.example.org", "sub": "greta", "client_id": "kill",
		"jti": c.jti, "iat": now, "exp": now + 36000})
	if err != nil {
		return nil, err
	}
	input := b64([]byte(`{"alg":"ES256","kid":"1","typ":"at+jwt"}`)) + "." + b64(claims)
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(crand.Reader, g.signer, sum[:])
	if err != nil {
		return nil, err
	}
	var raw [64]byte
	r.FillBytes(raw[:32])
	s.FillBytes(raw[32:])
	c.value = "Bearer " + input + "." + b64(raw[:])
	return c, nil
}
