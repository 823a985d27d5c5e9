// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jose_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"yett/jose"
)

// rfc7638 is the key of RFC 7638, section 3.1.
const rfc7638 = `{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}`

func TestThumbprintOfTheRFC(t *testing.T) {
	if got := must(jose.ParseKey([]byte(rfc7638))).Thumbprint(); got != "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" {
		t.Errorf("got %s", got)
	}
}

// rsaJWK makes a key of a number of bits, odd unless even; nobody looks for its factors.
func rsaJWK(bits int, even bool, e string) string {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	if !even {
		n.SetBit(n, 0, 1)
	}
	return fmt.Sprintf(`{"kty":"RSA","n":"%s","e":"%s"}`, b64(n.Bytes()), e)
}

func TestKeysThatAreWeakOrNotForSignaturesAreRefused(t *testing.T) {
	ec := string(must(key(t, ecKey().Public(), "").MarshalJSON()))
	with := func(member string) string { return strings.TrimSuffix(rfc7638, "}") + "," + member + "}" }
	edwards := func(x []byte) string { return fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":"%s"}`, b64(x)) }
	coordinates := func(crv, x, y string) string {
		return fmt.Sprintf(`{"kty":"EC","crv":"%s","x":"%s","y":"%s"}`, crv, x, y)
	}
	const x, y = "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"
	for _, tt := range []struct {
		name, jwk string
		want      error
	}{
		{"a plain key is taken", rfc7638, nil},
		{"use sig is taken", with(`"use":"sig"`), nil},
		{"key_ops with verify are taken", with(`"key_ops":["verify"]`), nil},
		{"certificates are not looked at", with(`"x5c":["AAAA"]`), nil},
		{"use enc is refused", with(`"use":"enc"`), jose.ErrKey},
		{"use that is no text is refused", with(`"use":1`), jose.ErrKey},
		{"key_ops without verify are refused", with(`"key_ops":["sign"]`), jose.ErrKey},
		{"no key_ops in the list are refused", with(`"key_ops":[]`), jose.ErrKey},
		{"key_ops that are text are refused", with(`"key_ops":"verify"`), jose.ErrMalformed},
		{"a private exponent is refused", with(`"d":"AQ"`), jose.ErrKey},
		{"a private member that is null is refused", with(`"p":null`), jose.ErrKey},
		{"an algorithm twice is refused", with(`"alg":"PS256"`), jose.ErrMalformed},
		{"a kid twice, one escaped, is refused", with(`"\u006bid":"x"`), jose.ErrMalformed},
		{"a symmetric key is refused", `{"kty":"oct","k":"AAAA"}`, jose.ErrKey},
		{"an algorithm of another kind is refused", `{"kty":"EC","crv":"P-256","x":"` + x + `","y":"` + y + `","alg":"RS256"}`, jose.ErrKey},
		{"an algorithm of another curve is refused", `{"kty":"EC","crv":"P-256","x":"` + x + `","y":"` + y + `","alg":"ES384"}`, jose.ErrKey},
		{"an algorithm for encryption is refused", `{"kty":"EC","crv":"P-256","x":"` + x + `","y":"` + y + `","alg":"ECDH-ES"}`, jose.ErrKey},
		{"HMAC is refused", strings.Replace(rfc7638, "RS256", "HS256", 1), jose.ErrKey},
		{"a kid with NUL is refused", strings.Replace(rfc7638, "2011", `\u0000`, 1), jose.ErrMalformed},
		{"a kid of 257 bytes is refused", strings.Replace(rfc7638, "2011-04-29", strings.Repeat("k", 257), 1), jose.ErrMalformed},
		{"a kid that is a number is refused", strings.Replace(rfc7638, `"2011-04-29"`, "1", 1), jose.ErrMalformed},
		{"a list is refused", "[]", jose.ErrMalformed},
		{"an unknown kind is refused", `{"kty":"AKP"}`, jose.ErrKey},
		{"no kind is refused", `{"crv":"P-256"}`, jose.ErrKey},

		{"RSA of 2047 bits is refused", rsaJWK(2047, false, "AQAB"), jose.ErrKey},
		{"RSA of 2048 bits is taken", rsaJWK(2048, false, "AQAB"), nil},
		{"RSA of 8192 bits is taken", rsaJWK(8192, false, "AQAB"), nil},
		{"RSA of 8193 bits is refused", rsaJWK(8193, false, "AQAB"), jose.ErrKey},
		{"an even modulus is refused", rsaJWK(2048, true, "AQAB"), jose.ErrKey},
		{"an exponent of 3 is taken", rsaJWK(2048, false, "Aw"), nil},
		{"an exponent of 1 is refused", rsaJWK(2048, false, "AQ"), jose.ErrKey},
		{"an exponent of 0 is refused", rsaJWK(2048, false, "AA"), jose.ErrKey},
		{"an even exponent is refused", rsaJWK(2048, false, "BA"), jose.ErrKey},
		{"an exponent with a zero before it is refused", rsaJWK(2048, false, "AAEAAQ"), jose.ErrKey},
		{"an exponent above 31 bits is refused", rsaJWK(2048, false, b64([]byte{0x80, 0, 0, 1})), jose.ErrKey},
		{"an exponent above 64 bits is refused", rsaJWK(2048, false, b64([]byte{1, 0, 0, 0, 0, 0, 0, 0, 1})), jose.ErrKey},
		{"padding is refused", strings.Replace(rfc7638, `"e":"AQAB"`, `"e":"AQAB=="`, 1), jose.ErrKey},

		{"a point of P-256 is taken", coordinates("P-256", x, y), nil},
		{"what Key wrote is taken", ec, nil},
		{"a point beside the curve is refused", coordinates("P-256", y, x), jose.ErrKey},
		{"zero and zero is refused", coordinates("P-256", strings.Repeat("A", 43), strings.Repeat("A", 43)), jose.ErrKey},
		{"a point of another curve is refused", coordinates("P-384", x, y), jose.ErrKey},
		{"a short coordinate is refused", coordinates("P-256", x[:40], y), jose.ErrKey},
		{"a coordinate with a zero before it is refused", coordinates("P-256", "AAAA"+x, y), jose.ErrKey},
		{"secp256k1 is refused", coordinates("secp256k1", x, y), jose.ErrKey},
		{"a point without y is refused", `{"kty":"EC","crv":"P-256","x":"` + x + `"}`, jose.ErrKey},

		{"Ed25519 is taken", edwards(edKey), nil},
		{"Ed25519 one byte short is refused", edwards(edKey[1:]), jose.ErrKey},
		{"a point of low order is refused", edwards(make([]byte, 32)), jose.ErrKey},
		{"the neutral point is refused", edwards(append([]byte{1}, make([]byte, 31)...)), jose.ErrKey},
		{"Ed448 is refused", `{"kty":"OKP","crv":"Ed448","x":"AAAA"}`, jose.ErrKey},
		{"X25519 is refused", strings.Replace(edwards(edKey), "Ed25519", "X25519", 1), jose.ErrKey},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := jose.ParseKey([]byte(tt.jwk)); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

var edKey = func() ed25519.PublicKey { pub, _, err := ed25519.GenerateKey(rand.Reader); return must(pub, err) }()

func TestKeysOfTheStandardLibrary(t *testing.T) {
	small := must(rsa.GenerateKey(rand.Reader, 1024))
	for _, tt := range []struct {
		name string
		pub  crypto.PublicKey
		want error
	}{
		{"RSA is taken", rsaKey().Public(), nil},
		{"a private key is refused", ecKey(), jose.ErrKey},
		{"nothing is refused", nil, jose.ErrKey},
		{"a nil RSA key is refused", (*rsa.PublicKey)(nil), jose.ErrKey},
		{"an RSA key without numbers is refused", &rsa.PublicKey{}, jose.ErrKey},
		{"a nil ECDSA key is refused", (*ecdsa.PublicKey)(nil), jose.ErrKey},
		{"an ECDSA key without a curve is refused", &ecdsa.PublicKey{}, jose.ErrKey},
		{"an empty Ed25519 key is refused", ed25519.PublicKey{}, jose.ErrKey},
		{"RSA of 1024 bits is refused", small.Public(), jose.ErrKey},
		{"P-224 is refused", must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader)).Public(), jose.ErrKey},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := jose.KeyFromPublic(tt.pub, "", ""); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	pub := bytes.Clone(edKey)
	k := key(t, ed25519.PublicKey(pub), "")
	before := string(must(k.MarshalJSON()))
	pub[0] ^= 1
	if after := string(must(k.MarshalJSON())); after != before {
		t.Errorf("the key changed with the caller's bytes: %s, then %s", before, after)
	}
}

func TestSets(t *testing.T) {
	list := func(keys ...string) []byte { return []byte(`{"keys":[` + strings.Join(keys, ",") + `]}`) }
	set, skipped, err := jose.ParseSet(list(rfc7638, `{"kty":"oct","k":"AAAA"}`, `{"kty":"AKP"}`, `1`, `{"kty":"OKP","crv":"Ed25519","x":"`+b64(edKey)+`"}`))
	if err != nil || len(skipped) != 3 || len(set.Keys()) != 2 {
		t.Fatalf("got %d keys, %v, %v", len(set.Keys()), skipped, err)
	}
	if !strings.HasPrefix(skipped[0].Error(), "keys[1]: ") {
		t.Errorf("the reason names no place: %v", skipped[0])
	}
	for _, tt := range []struct {
		id   string
		alg  jose.Algorithm
		want int
	}{
		{"2011-04-29", jose.RS256, 1}, {"2011-04-29", jose.PS256, 0}, {"2011-04-29", jose.ES256, 0}, {"other", jose.RS256, 0},
		{"", jose.RS256, 1}, {"", jose.EdDSA, 1}, {"", "none", 0}, {"", "", 0},
	} {
		if got, all := set.Find(tt.id, tt.alg); len(got) != tt.want || !all {
			t.Errorf("Find(%q, %q): got %d keys, %t, want %d", tt.id, tt.alg, len(got), all, tt.want)
		}
	}
	if !set.Has("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs") || set.Has("") {
		t.Error("Has does not know the keys")
	}
	for name, data := range map[string][]byte{
		"no key that verifies": list(`{"kty":"oct","k":"AAAA"}`), "no keys": list(), "a list": []byte("[]"), "keys of text": []byte(`{"keys":"a"}`),
		"nothing": nil, "keys twice": []byte(`{"keys":[` + rfc7638 + `],"keys":[]}`), "101 keys": list(slices.Repeat([]string{rfc7638}, 101)...),
		"over 1 MiB": append(list(rfc7638), bytes.Repeat([]byte(" "), 1<<20)...),
	} {
		if _, _, err := jose.ParseSet(data); !errors.Is(err, jose.ErrKey) && !errors.Is(err, jose.ErrMalformed) {
			t.Errorf("%s: got %v", name, err)
		} else if none := strings.HasPrefix(name, "no key"); errors.Is(err, jose.ErrNoKeys) != none {
			t.Errorf("%s: %v; that there are none: %t", name, err, none)
		}
	}
	for n, want := range map[int]bool{16: true, 17: false} {
		many := jose.NewSet(slices.Repeat(set.Keys()[:1], n)...)
		if got, all := many.Find("", jose.RS256); len(got) != 16 || all != want {
			t.Errorf("of %d keys that fit a token without kid, %d are tried; all: %t", n, len(got), all)
		}
	}
}

func TestKeysComeBackFromJSON(t *testing.T) {
	for _, k := range []*jose.Key{key(t, rsaKey().Public(), jose.PS256), key(t, ecKey().Public(), ""), key(t, edKey, jose.EdDSA)} {
		data, err := json.Marshal(map[string]any{"keys": []*jose.Key{k}})
		if err != nil {
			t.Fatal(err)
		}
		set, _, err := jose.ParseSet(data)
		if err != nil {
			t.Fatal(err)
		}
		got := set.Keys()[0]
		if got.ID != k.ID || got.Algorithm != k.Algorithm || got.Thumbprint() != k.Thumbprint() || !strings.Contains(string(data), `"use":"sig"`) {
			t.Errorf("got %+v from %s", got, data)
		}
	}
}
