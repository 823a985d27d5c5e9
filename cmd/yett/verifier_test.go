// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	jwx "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/rogpeppe/go-internal/testscript"
)

// verifier serves at $UPSTREAM as a service does that believes nobody who merely reaches it: it answers 200 with what
// X-Yett-Identity says, once it has verified it for the audience that is named by the keys that the gate publishes, and else
// 403. It reads the keys anew each time.
func (s *stage) verifier(ts *testscript.TestScript, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: verifier AUDIENCE")
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, err := s.verify(r, args[0])
		w.Header().Set("Content-Type", "application/json")
		if err != nil {
			w.WriteHeader(http.StatusForbidden)
			claims = map[string]any{"error": err.Error()}
		}
		_ = json.NewEncoder(w).Encode(claims) // the gate is gone: nobody is left to tell
	}))
	ts.Defer(server.Close)
	ts.Setenv("UPSTREAM", server.URL)
}

// verify returns the claims of the one X-Yett-Identity of r, and the fields beside it.
func (s *stage) verify(r *http.Request, audience string) (map[string]any, error) {
	texts := r.Header.Values("X-Yett-Identity")
	if len(texts) != 1 {
		return nil, fmt.Errorf("%d identities", len(texts))
	}
	token, err := jwt.ParseSigned(texts[0], []jwx.SignatureAlgorithm{jwx.ES256})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	gate, client := s.address, s.trusting
	s.mu.Unlock()
	keys, err := published(client, gate)
	if err != nil {
		return nil, err
	}
	var standard jwt.Claims
	claims := make(map[string]any)
	if err := token.Claims(keys, &standard, &claims); err != nil {
		return nil, err
	}
	if standard.Expiry == nil || standard.IssuedAt == nil || standard.Expiry.Time().Sub(standard.IssuedAt.Time()) > time.Minute {
		return nil, errors.New("it lives for longer than a minute")
	}
	if err := standard.ValidateWithLeeway(jwt.Expected{Issuer: gate, AnyAudience: jwt.Audience{audience}, Time: time.Now()}, 0); err != nil {
		return nil, err
	}
	for _, name := range []string{"Subject", "Client", "Issuer", "Scopes"} {
		claims["X-"+name] = r.Header.Values("X-Yett-" + name)
	}
	return claims, nil
}

func published(client *http.Client, gate string) (keys *jwx.JSONWebKeySet, err error) {
	res, err := client.Get(gate + "/.well-known/jwks.json")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("keys: %s", res.Status)
	}
	return keys, json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&keys)
}
