// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"yett/exchange"
)

// The benchmarks hold row 13's promise: a token that comes again costs at most a tenth of its first time.

func BenchmarkFirst(b *testing.B) {
	bench(b, func(t *Tokens) { t.core.cache.resize(0) })
}

func BenchmarkRepeated(b *testing.B) {
	bench(b, func(*Tokens) {})
}

func bench(b *testing.B, prepare func(*Tokens)) {
	is := newTestIssuer(b)
	tokens := newTokens(b, is.config(), withRevocations(b))
	prepare(tokens)
	revokeBy(b, tokens, `{"subject":"somebody else"}`)
	revokeBy(b, tokens, `{"client":"something else"}`)
	revokeBy(b, tokens, `{"id":"another one"}`)
	runs(b, tokens)
	time.Sleep(100 * time.Millisecond) // until revocations are in memory
	text := is.token(is.signers[0], nil, with{"exp": time.Now().Add(time.Hour).Unix()})
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+text)
	exchange.Middleware(greeter{}, func(x *exchange.Exchange) error {
		b.ReportAllocs()
		for b.Loop() {
			x.Credentials = x.Credentials[:0]
			if err := tokens.Require(x); err != nil {
				b.Fatal(err)
			}
		}
		return nil
	}).ServeHTTP(httptest.NewRecorder(), r)
}

// BenchmarkForged is what a token costs that somebody else has signed.
func BenchmarkForged(b *testing.B) {
	is := newTestIssuer(b)
	tokens := newTokens(b, is.config())
	text := is.token(newSigner(b, "k1"), nil, nil)
	show(b, tokens, text)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := tokens.find(context.Background(), text, time.Now()); err == nil {
			b.Fatal("it was admitted")
		}
	}
}
