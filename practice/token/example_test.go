// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token_test

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"yett/exchange"
	"yett/jose"
	"yett/practice/token"
)

// A token of an issuer whose keys lie in a file opens a handler that needs one; the same token for another API does not.
func Example() {
	key, err := jose.GeneratePrivateKey("ES256")
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "yett")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary directory
	jwks, err := json.Marshal(map[string][]*jose.Key{"keys": {key.Public()}})
	if err != nil {
		log.Fatal(err)
	}
	file := filepath.Join(dir, "issuer.jwks.json")
	if err := os.WriteFile(file, jwks, 0o600); err != nil {
		log.Fatal(err)
	}

	tokens, err := token.New(token.Config{Issuers: []token.IssuerConfig{{
		Issuer: "https://id.example.org", Audience: []string{"https://api.example.org"}, JWKSFile: file,
	}}}, token.Options{})
	if err != nil {
		log.Fatal(err)
	}
	handler := tokens.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		x, _ := exchange.From(r.Context())
		fmt.Println("hello,", x.Caller.Subject, x.Caller.Scopes)
	}))

	for _, audience := range []string{"https://api.example.org", "https://other.example.org"} {
		now := time.Now()
		text, err := key.Sign("at+jwt", fmt.Appendf(nil, `{"iss":"https://id.example.org","aud":%q,"sub":"ines","scope":"orders:read","iat":%d,"exp":%d}`,
			audience, now.Unix(), now.Add(time.Minute).Unix()))
		if err != nil {
			log.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", "Bearer "+text)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}
	if err := tokens.Close(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// hello, ines [orders:read]
	// 200
	// 401
}
