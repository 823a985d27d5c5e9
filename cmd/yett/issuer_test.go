// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/rand"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"yett/jose"
)

// issuer writes the keys of an issuer to a file; a second call replaces them, as an issuer that rotates does.
func (s *stage) issuer(ts *testscript.TestScript, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: issuer FILE")
	}
	key, err := jose.GeneratePrivateKey(jose.ES256)
	ts.Check(err)
	set, err := json.Marshal(map[string]any{"keys": []*jose.Key{key.Public()}})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), set, 0o600))
	s.signer = key
}

// token sets $NAME to an access token of the issuer. Claims are as CLAIM=VALUE; exp, nbf and iat count in seconds from now.
func (s *stage) token(ts *testscript.TestScript, args []string) {
	if len(args) == 0 || s.signer == nil {
		ts.Fatalf("usage: token NAME [CLAIM=VALUE …], after issuer")
	}
	now := time.Now().Unix()
	claims := map[string]any{"iss": "https://issuer.example.org", "aud": "https://shop.example.org", "sub": "greta", "client_id": "app",
		"jti": rand.Text(), "iat": now, "exp": now + 300, "scope": "orders:read orders:write payments:write"}
	for _, a := range args[1:] {
		name, value, _ := strings.Cut(a, "=")
		claims[name] = value
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			claims[name] = now + n
		}
	}
	payload, err := json.Marshal(claims)
	ts.Check(err)
	text, err := s.signer.Sign("at+jwt", payload)
	ts.Check(err)
	ts.Setenv(args[0], text)
}
