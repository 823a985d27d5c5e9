// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jose_test

import (
	"encoding/json"
	"strings"
	"testing"

	"yett/jose"
)

func FuzzParse(f *testing.F) {
	p := must(jose.GeneratePrivateKey(jose.ES256))
	f.Add(must(p.Sign("at+jwt", []byte(`{"sub":"a"}`))))
	f.Add(must(p.SignProof([]byte(`{"htm":"GET"}`))))
	f.Add(token(`{"alg":"none"}`, "{}", nil, 0))
	f.Add(token(`{"alg":"RS256","kid":"\u0000"}`, "{}", nil, 0))
	f.Add("eyJhbGciOiJFUzI1NiJ9.e31.c2l")
	f.Add("..")
	k := p.Public()
	f.Fuzz(func(t *testing.T, compact string) {
		for _, parse := range []func(string, jose.Limits) (*jose.Signed, error){jose.Parse, jose.ParseProof} {
			s, err := parse(compact, jose.Limits{})
			if err != nil {
				continue
			}
			if got := s.Compact(); got != compact {
				t.Fatalf("%q comes back as %q", compact, got)
			}
			parts := strings.Split(compact, ".")
			if len(parts) != 3 || parts[1] != b64(s.Payload) || !s.Header.Algorithm.Valid() {
				t.Fatalf("%q: the payload is %q, the header %+v", compact, s.Payload, s.Header)
			}
			if s.Header.Key != nil {
				_ = s.Verify(s.Header.Key) // whatever it says: it comes back
			}
			_ = s.Verify(k)
		}
	})
}

func FuzzParseSet(f *testing.F) {
	f.Add([]byte(`{"keys":[` + rfc7638 + `]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":"Ed25519","key_ops":["verify"]}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"","e":""},{"kty":"oct"},null]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, _, err := jose.ParseSet(data)
		if err != nil {
			return
		}
		again, skipped, err := jose.ParseSet(must(json.Marshal(map[string]any{"keys": set.Keys()})))
		if err != nil || len(skipped) > 0 || len(again.Keys()) != len(set.Keys()) {
			t.Fatalf("%q does not come back: %v, %v", data, skipped, err)
		}
		for i, k := range again.Keys() {
			if was := set.Keys()[i]; k.Thumbprint() != was.Thumbprint() || k.ID != was.ID || k.Algorithm != was.Algorithm {
				t.Fatalf("%q: key %d comes back as %+v, was %+v", data, i, k, was)
			}
		}
	})
}

func FuzzParseClaims(f *testing.F) {
	f.Add([]byte(`{"iss":"a","aud":["b"],"exp":1700000000.5,"cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}`))
	f.Add([]byte(`{"exp":1e999}`))
	f.Add([]byte(`{"a":[[[[]]]],"a":1}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := jose.ParseClaims(payload)
		if err != nil {
			return
		}
		if !json.Valid(payload) {
			t.Fatalf("%q is no JSON", payload)
		}
		for _, name := range c.Names() {
			if !c.Has(name) || !json.Valid(c.Raw(name)) {
				t.Fatalf("%q: claim %q is %q", payload, name, c.Raw(name))
			}
			c.Texts(name)
		}
		if y := c.Expires.Year(); !c.Expires.IsZero() && (y < 1969 || y > 10000) {
			t.Fatalf("%q ends in %d", payload, y)
		}
		if jkt, x5t, err := c.Confirmation(); err == nil && c.Has("cnf") && jkt+x5t == "" {
			t.Fatalf("%q: a binding is lost", payload)
		}
	})
}
