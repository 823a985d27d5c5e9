// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jose_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"yett/jose"
)

func TestHeadersThatAreReadInTwoWaysAreRefused(t *testing.T) {
	public := string(must(key(t, ecKey().Public(), "").MarshalJSON()))
	for _, tt := range []struct {
		name, header string
		want         error // nil: taken
	}{
		{"a plain header is taken", `{"alg":"ES256","kid":"k1","typ":"at+jwt"}`, nil},
		{"members that nobody knows are passed over", `{"alg":"ES256","x":{"y":[1]}}`, nil},
		{"hints at a certificate are passed over", `{"alg":"ES256","x5t":"a","x5t#S256":"b"}`, nil},
		{"EdDSA by its newer name is taken", `{"alg":"Ed25519"}`, nil},
		{"none is refused", `{"alg":"none"}`, jose.ErrAlgorithm},
		{"none in other letters is refused", `{"alg":"nOnE"}`, jose.ErrAlgorithm},
		{"HMAC is refused", `{"alg":"HS256"}`, jose.ErrAlgorithm},
		{"encryption is refused", `{"alg":"RSA1_5"}`, jose.ErrAlgorithm},
		{"an algorithm in other letters is refused", `{"alg":"es256"}`, jose.ErrAlgorithm},
		{"an algorithm with a NUL is refused", `{"alg":"ES256\u0000"}`, jose.ErrAlgorithm},
		{"Ed448 is refused", `{"alg":"Ed448"}`, jose.ErrAlgorithm},
		{"secp256k1 is refused", `{"alg":"ES256K"}`, jose.ErrAlgorithm},
		{"no algorithm is refused", `{"typ":"JWT"}`, jose.ErrAlgorithm},
		{"an algorithm that is a list is refused", `{"alg":["ES256"]}`, jose.ErrMalformed},
		{"an algorithm that is null is refused", `{"alg":null}`, jose.ErrMalformed},
		{"two algorithms are refused", `{"alg":"ES256","alg":"none"}`, jose.ErrMalformed},
		{"two algorithms, one escaped, are refused", `{"alg":"ES256","\u0061lg":"none"}`, jose.ErrMalformed},
		{"a key along with a token is refused", `{"alg":"ES256","jwk":` + public + `}`, jose.ErrMalformed},
		{"an address of keys is refused", `{"alg":"ES256","jku":"https://evil.example"}`, jose.ErrMalformed},
		{"an address of certificates is refused", `{"alg":"ES256","x5u":"https://evil.example"}`, jose.ErrMalformed},
		{"certificates are refused", `{"alg":"ES256","x5c":[]}`, jose.ErrMalformed},
		{"compression is refused", `{"alg":"ES256","zip":"DEF"}`, jose.ErrMalformed},
		{"an unencoded payload is refused", `{"alg":"ES256","b64":false}`, jose.ErrMalformed},
		{"b64 that changes nothing is refused too", `{"alg":"ES256","b64":true}`, jose.ErrMalformed},
		{"a critical extension is refused", `{"alg":"ES256","crit":["exp"]}`, jose.ErrMalformed},
		{"an empty crit is refused", `{"alg":"ES256","crit":[]}`, jose.ErrMalformed},
		{"a kid with NUL is refused", `{"alg":"ES256","kid":"k1\u0000"}`, jose.ErrMalformed},
		{"a kid with a line end is refused", `{"alg":"ES256","kid":"k1\n"}`, jose.ErrMalformed},
		{"a kid that turns the direction of writing is refused", `{"alg":"ES256","kid":"k\u202e1"}`, jose.ErrMalformed},
		{"an empty kid is refused", `{"alg":"ES256","kid":""}`, jose.ErrMalformed},
		{"a kid that is a number is refused", `{"alg":"ES256","kid":1}`, jose.ErrMalformed},
		{"a kid of 256 bytes is taken", `{"alg":"ES256","kid":"` + strings.Repeat("k", 256) + `"}`, nil},
		{"a kid of 257 bytes is refused", `{"alg":"ES256","kid":"` + strings.Repeat("k", 257) + `"}`, jose.ErrMalformed},
		{"a typ outside ASCII is refused", `{"alg":"ES256","typ":"\u212a"}`, jose.ErrMalformed},
		{"an empty typ is refused", `{"alg":"ES256","typ":""}`, jose.ErrMalformed},
		{"a header that is a list is refused", `["ES256"]`, jose.ErrMalformed},
		{"a header five deep is refused", `{"alg":"ES256","a":[[[[]]]]}`, jose.ErrMalformed},
		{"33 members are refused", `{"alg":"ES256"` + members(32) + `}`, jose.ErrMalformed},
		{"32 members are taken", `{"alg":"ES256"` + members(31) + `}`, nil},
		{"a byte order mark is refused", "\ufeff" + `{"alg":"ES256"}`, jose.ErrMalformed},
		{"a header over 4 KiB is refused", `{"alg":"ES256","a":"` + strings.Repeat("a", 3<<10) + `","b":"` + strings.Repeat("b", 1<<10) + `"}`, jose.ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := jose.Parse(token(tt.header, "{}", nil, 0), jose.Limits{})
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func members(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"m%d":1`, i)
	}
	return b.String()
}

func TestTokensAreSpelledInOneWay(t *testing.T) {
	head, body := b64([]byte(`{"alg":"ES256"}`)), b64([]byte(`{}`)) // eyJhbGciOiJFUzI1NiJ9, e30
	for _, tt := range []struct {
		name, compact string
		taken         bool
	}{
		{"three parts are taken", head + "." + body + ".c2ln", true},
		{"two parts are refused", head + "." + body, false},
		{"four parts are refused", head + "." + body + ".c2ln.", false},
		{"five parts, as of an encrypted token, are refused", head + ".a.b.c.d", false},
		{"nothing is refused", "", false},
		{"dots alone are refused", "..", false},
		{"no payload is refused", head + "..c2ln", false},
		{"no signature is refused", head + "." + body + ".", false},
		{"padding is refused", head + "." + body + "=.c2ln", false},
		{"stray bits in the payload are refused", head + ".e31.c2ln", false},
		{"a signature of two bytes is taken", head + "." + body + ".c2k", true},
		{"the same signature with a stray bit is refused", head + "." + body + ".c2l", false},
		{"a line end in the payload is refused", head + ".e3\n0.c2ln", false},
		{"a line end after the token is refused", head + "." + body + ".c2ln\n", false},
		{"a blank before the token is refused", " " + head + "." + body + ".c2ln", false},
		{"plain base64 is refused", head + "." + body + ".+/+/", false},
		{"the JSON serialization is refused", `{"payload":"` + body + `","protected":"` + head + `","signature":"c2ln"}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := jose.Parse(tt.compact, jose.Limits{})
			if tt.taken != (err == nil) || err != nil && !errors.Is(err, jose.ErrMalformed) {
				t.Errorf("got %v, taken should be %t", err, tt.taken)
			}
		})
	}
	ok := head + "." + body + ".c2ln"
	if _, err := jose.Parse(ok, jose.Limits{Bytes: len(ok)}); err != nil {
		t.Errorf("a token as long as the limit: %v", err)
	}
	if _, err := jose.Parse(ok, jose.Limits{Bytes: len(ok) - 1}); !errors.Is(err, jose.ErrMalformed) {
		t.Errorf("a token one byte over the limit: got %v", err)
	}
	if _, err := jose.Parse(head+"."+strings.Repeat("AAAA", 5000)+".c2ln", jose.Limits{}); !errors.Is(err, jose.ErrMalformed) {
		t.Errorf("20 kB without a limit: got %v", err)
	}
}

func TestTypIsComparedAsAMediaType(t *testing.T) {
	for in, want := range map[string]string{
		"at+jwt": "at+jwt", "AT+JWT": "at+jwt", "application/at+jwt": "at+jwt", "Application/AT+jwt": "at+jwt",
		"application/a/b": "application/a/b", "application/": "application/", "text/plain": "text/plain",
	} {
		s, err := jose.Parse(token(`{"alg":"ES256","typ":"`+in+`"}`, "{}", nil, 0), jose.Limits{})
		if err != nil || s.Header.Type != want {
			t.Errorf("typ %q: got %q, %v, want %q", in, s.Header.Type, err, want)
		}
	}
}

func TestErrorsHoldNothingOfTheToken(t *testing.T) {
	for _, header := range []string{`{"alg":"sesame"}`, `{"alg":"ES256","kid":"sesame\u0000"}`, `{"alg":"ES256","sesame":1,"sesame":2}`,
		`{"alg":"ES256","jwk":{"kty":"sesame"}}`, `{"alg":"ES256","jwk":{"kty":"EC","alg":"sesame"}}`, `{"alg":"ES256","crit":["sesame"]}`} {
		for _, parse := range []func(string, jose.Limits) (*jose.Signed, error){jose.Parse, jose.ParseProof} {
			_, err := parse(token(header, "{}", nil, 0), jose.Limits{})
			if err == nil || strings.Contains(err.Error(), "sesame") {
				t.Errorf("%s: got %v", header, err)
			}
		}
	}
}

func TestProofs(t *testing.T) {
	public := string(must(key(t, ecKey().Public(), "").MarshalJSON()))
	private := strings.TrimSuffix(public, "}") + `,"d":"AAAA"}`
	for _, tt := range []struct {
		name, header string
		want         error
	}{
		{"with a public key it is taken", `{"alg":"ES256","typ":"dpop+jwt","jwk":` + public + `}`, nil},
		{"without a key it is refused", `{"alg":"ES256","typ":"dpop+jwt"}`, jose.ErrMalformed},
		{"with a private key it is refused", `{"alg":"ES256","jwk":` + private + `}`, jose.ErrKey},
		{"with a symmetric key it is refused", `{"alg":"ES256","jwk":{"kty":"oct","k":"AAAA"}}`, jose.ErrKey},
		{"with an address of keys beside the key it is refused", `{"alg":"ES256","jku":"https://evil.example","jwk":` + public + `}`, jose.ErrMalformed},
		{"with a key that is text it is refused", `{"alg":"ES256","jwk":"key"}`, jose.ErrMalformed},
		{"with HMAC it is refused", `{"alg":"HS256","jwk":` + public + `}`, jose.ErrAlgorithm},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := jose.ParseProof(token(tt.header, "{}", nil, 0), jose.Limits{}); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}
