// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jose_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha512"
	"encoding/base64"
	"sync"
	"testing"

	"yett/jose"
)

// The keys of all tests: making them anew for each would take most of the time.
var (
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	ecKey  = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// token puts a token together by hand; sign may be nil for a signature that nobody will look at.
func token(header, payload string, sign func(digest []byte) []byte, h crypto.Hash) string {
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	if sign == nil {
		return input + ".c2ln"
	}
	return input + "." + b64(sign(digest(h, input)))
}

func digest(h crypto.Hash, s string) []byte {
	d := h.New()
	d.Write([]byte(s))
	return d.Sum(nil)
}

func key(t testing.TB, pub crypto.PublicKey, a jose.Algorithm) *jose.Key {
	t.Helper()
	k, err := jose.KeyFromPublic(pub, "k1", a)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
