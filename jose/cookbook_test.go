// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jose_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	jwx "github.com/go-jose/go-jose/v4"

	"yett/jose"
)

// suite returns the folder of the JOSE cookbook: below $YETT_SUITES, or below shared/data beside the repository.
func suite(t *testing.T) string {
	t.Helper()
	root := os.Getenv("YETT_SUITES")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "data")
	}
	dir := filepath.Join(root, "jose")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the whole cookbook of RFC 7520 is not at hand: set YETT_SUITES to the folder that holds it; what of it is taken, and the kinds that are refused, are tested beside this")
	}
	return dir
}

// The signatures of RFC 7520, sections 4.1 to 4.3, whose examples are in the public domain. They stand here so that they are verified
// where the cookbook is not at hand.
const (
	frodo = "It’s a dangerous business, Frodo, going out your door. You step onto the road, and if you don't keep your " +
		"feet, there’s no knowing where you might be swept off to."
	rsa7520 = `{"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","e":"AQAB","n":"` +
		"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_Ns" +
		"YOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCu" +
		"EHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw" + `"}`
	ec7520 = `{"kty":"EC","kid":"bilbo.baggins@hobbiton.example","use":"sig","crv":"P-521","x":"` +
		"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt" + `","y":"` +
		"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1" + `"}`
)

func TestSignaturesOfRFC7520(t *testing.T) {
	for _, tt := range []struct {
		alg          jose.Algorithm
		key, compact string
	}{
		{jose.RS256, rsa7520, "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9" +
			"kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmX" +
			"igJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5" +
			"NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1" +
			"uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-Znm" +
			"KJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg"},
		{jose.PS384, rsa7520, "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9" +
			"kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmX" +
			"igJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qy" +
			"Bzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVF" +
			"n442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSU" +
			"mFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw"},
		{jose.ES512, ec7520, "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9" +
			"kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmX" +
			"igJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqal" +
			"uUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoR" +
			"uBomu9xQ2"},
	} {
		t.Run(string(tt.alg), func(t *testing.T) {
			s := must(jose.Parse(tt.compact, jose.Limits{}))
			if err := s.Verify(must(jose.ParseKey([]byte(tt.key)))); err != nil || s.Header.Algorithm != tt.alg || string(s.Payload) != frodo {
				t.Errorf("%v, %s, %q", err, s.Header.Algorithm, s.Payload)
			}
			s = must(jose.Parse(tt.compact[:len(tt.compact)-4]+"AAAA", jose.Limits{}))
			if err := s.Verify(must(jose.ParseKey([]byte(tt.key)))); !errors.Is(err, jose.ErrSignature) {
				t.Errorf("with another end: %v", err)
			}
		})
	}
}

// TestWhatAnotherLibraryWritesIsRefused has the kinds of RFC 7520 that are refused by policy made anew: what the library that
// package jose stands on writes and reads back is well formed, so only the policy refuses it.
func TestWhatAnotherLibraryWritesIsRefused(t *testing.T) {
	encrypted := func(a jwx.KeyAlgorithm, key any, o *jwx.EncrypterOptions) func() (string, error) {
		return func() (string, error) {
			e, err := jwx.NewEncrypter(jwx.A128GCM, jwx.Recipient{Algorithm: a, Key: key, PBES2Count: 1000}, o)
			if err != nil {
				return "", err
			}
			sealed, err := e.Encrypt([]byte(frodo))
			if err != nil {
				return "", err
			}
			return sealed.CompactSerialize()
		}
	}
	signed := func(a jwx.SignatureAlgorithm, key any, write func(*jwx.JSONWebSignature) (string, error)) func() (string, error) {
		return func() (string, error) {
			s, err := jwx.NewSigner(jwx.SigningKey{Algorithm: a, Key: key}, nil)
			if err != nil {
				return "", err
			}
			o, err := s.Sign([]byte(frodo))
			if err != nil {
				return "", err
			}
			return write(o)
		}
	}
	compact := (*jwx.JSONWebSignature).CompactSerialize
	full := func(o *jwx.JSONWebSignature) (string, error) { return o.FullSerialize(), nil }
	zipped := new(jwx.EncrypterOptions)
	zipped.Compression = jwx.DEFLATE
	for _, tt := range []struct {
		name  string
		write func() (string, error)
		want  error // nil: it is taken
	}{
		{"RSA1_5", encrypted(jwx.RSA1_5, rsaKey().Public(), nil), jose.ErrMalformed},
		{"PBES2", encrypted(jwx.PBES2_HS256_A128KW, []byte("a password"), nil), jose.ErrMalformed},
		{"zip", encrypted(jwx.RSA_OAEP_256, rsaKey().Public(), zipped), jose.ErrMalformed},
		{"HMAC", signed(jwx.HS256, make([]byte, 32), compact), jose.ErrAlgorithm},
		{"JSON serialisation", signed(jwx.ES256, ecKey(), full), jose.ErrMalformed},
		{"detached", signed(jwx.ES256, ecKey(), (*jwx.JSONWebSignature).DetachedCompactSerialize), jose.ErrMalformed},
		{"a signature", signed(jwx.ES256, ecKey(), compact), nil},
		{"a signature with PSS", signed(jwx.PS384, rsaKey(), compact), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text, err := tt.write()
			if err != nil {
				t.Fatal(err)
			}
			s, err := jose.Parse(text, jose.Limits{})
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if tt.want != nil {
				return
			}
			pub := key(t, ecKey().Public(), "")
			if s.Header.Algorithm == jose.PS384 {
				pub = key(t, rsaKey().Public(), "")
			}
			if err := s.Verify(pub); err != nil || string(s.Payload) != frodo {
				t.Errorf("%v, %q", err, s.Payload)
			}
		})
	}
}

// example is one file of the cookbook. Output is compact, or JSON in one of two forms.
type example struct {
	Input struct {
		Payload string
		Key     json.RawMessage
	}
	Output struct {
		Compact  string
		JSON     json.RawMessage `json:"json"`
		JSONFlat json.RawMessage `json:"json_flat"`
	}
}

func read(t *testing.T, file string) (e example) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestRFC7520(t *testing.T) {
	dir := suite(t)
	taken := map[string]bool{"4_1.": true, "4_2.": true, "4_3.": true} // RS256, PS384, ES512; all others are HMAC, JSON, or encrypted
	forms := 0
	for _, kind := range []string{"jws", "jwe"} {
		files, err := filepath.Glob(filepath.Join(dir, kind, "*.json"))
		if err != nil || len(files) < 8 {
			t.Fatalf("%d files of %s: %v", len(files), kind, err)
		}
		for _, file := range files {
			name := filepath.Base(file)
			t.Run(name, func(t *testing.T) {
				e := read(t, file)
				for form, text := range map[string]string{"compact": e.Output.Compact, "json": string(e.Output.JSON), "json_flat": string(e.Output.JSONFlat)} {
					if text == "" {
						continue
					}
					forms++
					s, err := jose.Parse(text, jose.Limits{})
					if want := form == "compact" && kind == "jws" && taken[name[:4]]; want != (err == nil) {
						t.Fatalf("%s: got %v, taken should be %t", form, err, want)
					}
					if err != nil {
						continue
					}
					if err := s.Verify(public(t, e.Input.Key)); err != nil || string(s.Payload) != e.Input.Payload {
						t.Errorf("%v, %q", err, s.Payload)
					}
				}
			})
		}
	}
	if forms < 40 {
		t.Errorf("%d forms were read, want at least 40", forms)
	}
}

// public takes the private members off a key of the cookbook.
func public(t *testing.T, jwk json.RawMessage) *jose.Key {
	t.Helper()
	if _, err := jose.ParseKey(jwk); err == nil {
		t.Error("a private key was taken for a public one")
	}
	var m map[string]any
	if err := json.Unmarshal(jwk, &m); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi"} {
		delete(m, name)
	}
	k, err := jose.ParseKey(must(json.Marshal(m)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestRFC7520Keys(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(suite(t), "jwk", "*.json"))
	if err != nil || len(files) < 6 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, err = jose.ParseKey(data)
		if want := strings.Contains(file, "public"); want != (err == nil) {
			t.Errorf("%s: got %v, taken should be %t", filepath.Base(file), err, want)
		}
	}
}

func TestRFC8037(t *testing.T) {
	e := read(t, filepath.Join(suite(t), "curve25519", "jws.json"))
	s := must(jose.Parse(e.Output.Compact, jose.Limits{}))
	if err := s.Verify(public(t, e.Input.Key)); err != nil || string(s.Payload) != e.Input.Payload {
		t.Errorf("%v, %q", err, s.Payload)
	}
}
