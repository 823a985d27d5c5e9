// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jose_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"math/big"
	"slices"
	"testing"

	"yett/jose"
)

func TestForgedSignaturesAreRefused(t *testing.T) {
	ec, rk := ecKey(), rsaKey()
	order := elliptic.P256().Params().N
	pair := func(r, s *big.Int) []byte {
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	sign := func(d []byte) (r, s *big.Int) {
		r, s, err := ecdsa.Sign(rand.Reader, ec, d)
		if err != nil {
			t.Fatal(err)
		}
		return r, s
	}
	zero := new(big.Int)
	good := func(d []byte) []byte { return pair(sign(d)) }
	v15 := func(d []byte) []byte { return must(rsa.SignPKCS1v15(rand.Reader, rk, crypto.SHA256, d)) }
	pss := func(salt int) func([]byte) []byte {
		return func(d []byte) []byte {
			return must(rsa.SignPSS(rand.Reader, rk, crypto.SHA256, d, &rsa.PSSOptions{SaltLength: salt}))
		}
	}
	other := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	for _, tt := range []struct {
		name string
		alg  string
		key  *jose.Key
		sign func(d []byte) []byte
		want error
	}{
		{"ECDSA: r and s side by side are taken", "ES256", key(t, ec.Public(), ""), good, nil},
		{"ECDSA: r of zero is refused", "ES256", key(t, ec.Public(), ""), func(d []byte) []byte { _, s := sign(d); return pair(zero, s) }, jose.ErrSignature},
		{"ECDSA: s of zero is refused", "ES256", key(t, ec.Public(), ""), func(d []byte) []byte { r, _ := sign(d); return pair(r, zero) }, jose.ErrSignature},
		{"ECDSA: both of zero are refused", "ES256", key(t, ec.Public(), ""), func([]byte) []byte { return pair(zero, zero) }, jose.ErrSignature},
		{"ECDSA: both of the order are refused", "ES256", key(t, ec.Public(), ""), func([]byte) []byte { return pair(order, order) }, jose.ErrSignature},
		{"ECDSA: DER is refused", "ES256", key(t, ec.Public(), ""), func(d []byte) []byte { return must(ecdsa.SignASN1(rand.Reader, ec, d)) }, jose.ErrSignature},
		{"ECDSA: a byte more is refused", "ES256", key(t, ec.Public(), ""), func(d []byte) []byte { return append(good(d), 0) }, jose.ErrSignature},
		{"ECDSA: halves with a zero before each are refused", "ES256", key(t, ec.Public(), ""), func(d []byte) []byte {
			sig := good(d)
			return slices.Concat([]byte{0}, sig[:32], []byte{0}, sig[32:])
		}, jose.ErrSignature},
		{"ECDSA: a byte less is refused", "ES256", key(t, ec.Public(), ""), func(d []byte) []byte { return good(d)[:63] }, jose.ErrSignature},
		{"ECDSA: a key of another curve is refused", "ES256", key(t, other.Public(), ""), good, jose.ErrKey},
		{"ECDSA: a P-256 key does not do for ES384", "ES384", key(t, ec.Public(), ""), good, jose.ErrKey},
		{"ECDSA: an RSA key is refused", "ES256", key(t, rk.Public(), ""), good, jose.ErrKey},
		{"PKCS #1 v1.5 is taken", "RS256", key(t, rk.Public(), ""), v15, nil},
		{"PKCS #1 v1.5 with a byte after it is refused", "RS256", key(t, rk.Public(), ""), func(d []byte) []byte { return append(v15(d), 0) }, jose.ErrSignature},
		{"PKCS #1 v1.5 with a byte before it is refused", "RS256", key(t, rk.Public(), ""), func(d []byte) []byte { return append([]byte{0}, v15(d)...) }, jose.ErrSignature},
		{"PKCS #1 v1.5 with garbage inside the padding is refused", "RS256", key(t, rk.Public(), ""), func(d []byte) []byte { return garbage(rk, d) }, jose.ErrSignature},
		{"PKCS #1 v1.5 plus the modulus is refused", "RS256", key(t, rk.Public(), ""), func(d []byte) []byte {
			return new(big.Int).Add(new(big.Int).SetBytes(v15(d)), rk.N).FillBytes(make([]byte, 257))
		}, jose.ErrSignature},
		{"PKCS #1 v1.5 does not pass for PSS", "PS256", key(t, rk.Public(), ""), v15, jose.ErrSignature},
		{"a key for PSS alone refuses RS256", "RS256", key(t, rk.Public(), jose.PS256), v15, jose.ErrKey},
		{"PSS with the salt of its hash is taken", "PS256", key(t, rk.Public(), ""), pss(32), nil},
		{"PSS with a shorter salt is refused", "PS256", key(t, rk.Public(), ""), pss(20), jose.ErrSignature},
		{"PSS with a longer salt is refused", "PS256", key(t, rk.Public(), ""), pss(64), jose.ErrSignature},
		{"PSS does not pass for PKCS #1 v1.5", "RS256", key(t, rk.Public(), ""), pss(32), jose.ErrSignature},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := jose.Parse(token(`{"alg":"`+tt.alg+`"}`, `{"sub":"a"}`, tt.sign, crypto.SHA256), jose.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Verify(tt.key); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// The field of P-521 has bits to spare, so that r and s plus the order fit: the same signature, spelled in another way.
func TestNumbersAboveTheOrderAreRefused(t *testing.T) {
	ec := must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))
	k, order := key(t, ec.Public(), ""), ec.Params().N
	for _, tt := range []struct {
		name       string
		addR, addS bool
		want       error
	}{
		{"as signed it is taken", false, false, nil},
		{"r plus the order is refused", true, false, jose.ErrSignature},
		{"s plus the order is refused", false, true, jose.ErrSignature},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := must(jose.Parse(token(`{"alg":"ES512"}`, "{}", func(d []byte) []byte {
				r, s, err := ecdsa.Sign(rand.Reader, ec, d)
				if err != nil {
					t.Fatal(err)
				}
				if tt.addR {
					r.Add(r, order)
				}
				if tt.addS {
					s.Add(s, order)
				}
				return append(r.FillBytes(make([]byte, 66)), s.FillBytes(make([]byte, 66))...)
			}, crypto.SHA512), jose.Limits{}))
			if err := s.Verify(k); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// garbage signs what Bleichenbacher's forgery of 2006 makes: a short padding, and bytes of choice after the digest.
func garbage(k *rsa.PrivateKey, d []byte) []byte {
	prefix := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
	block := slices.Concat([]byte{0, 1, 255, 255, 255, 255, 255, 255, 255, 255, 0}, prefix, d)
	block = append(block, make([]byte, k.Size()-len(block))...)
	return new(big.Int).Exp(new(big.Int).SetBytes(block), k.D, k.N).FillBytes(make([]byte, k.Size()))
}

func TestAPublicKeyIsNoHMACSecret(t *testing.T) {
	der := must(x509.MarshalPKIXPublicKey(rsaKey().Public()))
	input := b64([]byte(`{"alg":"HS256"}`)) + "." + b64([]byte(`{"sub":"admin"}`))
	mac := hmac.New(sha256.New, der)
	mac.Write([]byte(input))
	if _, err := jose.Parse(input+"."+b64(mac.Sum(nil)), jose.Limits{}); !errors.Is(err, jose.ErrAlgorithm) {
		t.Errorf("got %v", err)
	}
}

// RFC 8037, appendix A.4, and RFC 9449, section 4.1: signatures that somebody else made.
func TestSignaturesOfTheRFCsAreValid(t *testing.T) {
	k := must(jose.ParseKey([]byte(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`)))
	s := must(jose.Parse("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."+
		"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg", jose.Limits{}))
	if err := s.Verify(k); err != nil {
		t.Errorf("RFC 8037: %v", err)
	}
	p := must(jose.ParseProof("eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0Rsc"+
		"EJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19."+
		"eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ."+
		"2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg", jose.Limits{}))
	if err := p.Verify(p.Header.Key); err != nil {
		t.Errorf("RFC 9449: %v", err)
	}
	if got := p.Header.Key.Thumbprint(); got != "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" {
		t.Errorf("RFC 9449: thumbprint %s", got)
	}
	if p.Header.Type != "dpop+jwt" {
		t.Errorf("RFC 9449: typ %q", p.Header.Type)
	}
}
