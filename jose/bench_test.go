// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jose_test

import (
	"testing"

	"yett/jose"
)

const benchClaims = `{"iss":"https://id.example.org","sub":"248289761001","aud":"https://api.example.org","exp":1700003600,"iat":1700000000,` +
	`"jti":"b5a6e0c1","client_id":"shop","scope":"orders:read orders:write","cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}`

func BenchmarkParseVerify(b *testing.B) {
	for _, a := range []jose.Algorithm{jose.ES256, jose.RS256, jose.EdDSA} {
		b.Run(string(a), func(b *testing.B) {
			p := must(jose.GeneratePrivateKey(a))
			compact := must(p.Sign("at+jwt", []byte(benchClaims)))
			b.ReportAllocs()
			for b.Loop() {
				s, err := jose.Parse(compact, jose.Limits{})
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Verify(p.Public()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseClaims(b *testing.B) {
	payload := []byte(benchClaims)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := jose.ParseClaims(payload); err != nil {
			b.Fatal(err)
		}
	}
}
