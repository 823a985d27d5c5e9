// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Command issuer has the real binary trust an issuer of tokens that is not ours, oidc-provider, and looks at what becomes of
// honest callers and of strangers: while keys are rotated amid traffic, while the issuer is down, slow or answers 429 and 500,
// while unknown keys are named at random, with opaque tokens that are introspected, and with tokens bound to a key. It fails
// if one good token is answered 401, if an unknown key is answered anything but 503 while the issuer cannot be asked, if a
// request waits for longer than its budget, or if the issuer is asked more often than once in a cool-down.
//
//	go run ./cmd/issuer -yett ../bin/yett -issuer ../.suites/issuer
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"yett/conformance/internal/gate"
)

const description = `openapi: 3.1.0
info: { title: issuer, version: "1" }
paths:
  /things: { get: { operationId: things, security: [{ token: ["things:read"] }, { key: [] }], responses: { "200": { description: ok, content: { "*/*": {} } } } } }
  /opaque: { get: { operationId: opaque, security: [{ token: [] }], responses: { "200": { description: ok, content: { "*/*": {} } } } } }
components: { securitySchemes: { key: { type: apiKey, in: header, name: X-API-Key }, token: { type: http, scheme: bearer } } }
`

// What the gate is told to do, and what is then expected of it.
const (
	cooldown = 2 * time.Second
	budget   = 2 * time.Second
	slack    = 750 * time.Millisecond // of a machine that does other things too
)

func main() {
	log.SetFlags(0)
	binary := flag.String("yett", "../bin/yett", "the binary")
	issuer := flag.String("issuer", "../.suites/issuer", "where oidc-provider is installed")
	rotations := flag.Int("rotations", 6, "changes of the issuer's keys amid traffic")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := run(ctx, *binary, *issuer, *rotations); err != nil {
		log.Fatal("issuer: ", err)
	}
}

// A trial is a gate, and an issuer behind a door that can be closed.
type trial struct {
	*gate.Gate
	issuer *issuer
	client *http.Client
}

func run(ctx context.Context, binary, folder string, rotations int) (err error) {
	up := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer up.Close()
	is, err := startIssuer(ctx, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, is.stop()) }()
	dir, err := os.MkdirTemp("", "yett-issuer")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.WriteFile(filepath.Join(dir, "openapi.yaml"), []byte(description), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte(clientSecret), 0o600); err != nil {
		return err
	}
	trust := fmt.Sprintf(`issuer: "%s", audience: [%s]`, is.url, audience)
	settings := fmt.Sprintf("token: { jwks_cooldown: %v, budget: %v, issuers: [{ %s }] }\nratelimit: { requests: 1000000, per: 1s, address: { requests: 1000000, per: 1s } }\n", cooldown, budget, trust)
	operations := fmt.Sprintf("    operations: { opaque: { token: { issuers: [{ %s, introspection: { url: %q, client_id: app, client_secret: { file: %q } } }] } } }\n",
		trust, is.url+"/token/introspection", filepath.Join(dir, "secret"))
	g, err := gate.StartConfigured(ctx, binary, dir, up.URL, operations, settings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Stop()) }()
	t := &trial{g, is, g.Client()}
	for _, phase := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"keys rotated amid traffic", func(ctx context.Context) error { return t.rotations(ctx, rotations) }},
		{"keys named at random", t.random},
		{"the issuer cannot be asked", t.down},
		{"a token bound to a key", t.bound},
		{"opaque tokens", t.opaque},
	} {
		if err := phase.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", phase.name, err)
		}
	}
	fmt.Println("issuer: no good token was answered 401")
	return nil
}
