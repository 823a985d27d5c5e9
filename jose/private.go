// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"

	jwx "github.com/go-jose/go-jose/v4"
)

// A PrivateKey signs. It prints as <secret> in every form but Marshal's.
type PrivateKey struct {
	signer crypto.Signer
	public *Key
}

// rsaBits is the size of the RSA keys made here (NIST SP 800-57: 128 bits of strength until 2030 and beyond).
const rsaBits = 3072

// GeneratePrivateKey makes a key for one algorithm.
func GeneratePrivateKey(a Algorithm) (*PrivateKey, error) {
	alg := a.find()
	if alg == nil {
		return nil, ErrAlgorithm
	}
	var s crypto.Signer
	var err error
	switch alg.family {
	case rsaPKCS1, rsaPSS:
		s, err = rsa.GenerateKey(rand.Reader, rsaBits)
	case ellipticCurve:
		s, err = ecdsa.GenerateKey(curves[fmt.Sprintf("P-%d", alg.bits)], rand.Reader)
	case edwards:
		_, s, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		return nil, err
	}
	return newPrivate(s, a)
}

func newPrivate(s crypto.Signer, a Algorithm) (*PrivateKey, error) {
	pub, err := KeyFromPublic(s.Public(), "", a)
	if err != nil {
		return nil, err
	}
	pub.ID = pub.thumb
	return &PrivateKey{signer: s, public: pub}, nil
}

// ParsePrivateKey reads what Marshal wrote.
func ParsePrivateKey(jwk []byte) (*PrivateKey, error) {
	var raw jwx.JSONWebKey
	if err := raw.UnmarshalJSON(jwk); err != nil {
		return nil, fmt.Errorf("%w: a private key cannot be read", ErrKey) // the cause might tell of it
	}
	s, ok := raw.Key.(crypto.Signer)
	if !ok || !Algorithm(raw.Algorithm).Valid() {
		return nil, fmt.Errorf("%w: not a private key with its algorithm", ErrKey)
	}
	if ec, ok := s.(*ecdsa.PrivateKey); ok && !matches(ec) { // the library does not look
		return nil, fmt.Errorf("%w: its halves do not belong together", ErrKey)
	}
	return newPrivate(s, Algorithm(raw.Algorithm))
}

// matches reports whether the public half of a key is that of its private half.
func matches(k *ecdsa.PrivateKey) bool {
	d, err := k.Bytes()
	if err != nil {
		return false
	}
	own, err := ecdsa.ParseRawPrivateKey(k.Curve, d)
	return err == nil && own.PublicKey.Equal(k.Public())
}

// Marshal writes the private JWK. It is for a store.Sealer, and for nobody else.
func (p *PrivateKey) Marshal() ([]byte, error) {
	return jwx.JSONWebKey{Key: p.signer, KeyID: p.public.ID, Algorithm: string(p.public.Algorithm)}.MarshalJSON()
}

// Public is the key that verifies; its ID is its thumbprint.
func (p *PrivateKey) Public() *Key { return p.public }

// Sign returns the payload as a compact JWS of type typ.
func (p *PrivateKey) Sign(typ string, payload []byte) (string, error) {
	return p.sign(struct {
		Algorithm Algorithm `json:"alg"`
		KeyID     string    `json:"kid"`
		Type      string    `json:"typ,omitempty"`
	}{p.public.Algorithm, p.public.ID, typ}, payload)
}

// SignProof returns the payload as a proof of possession (RFC 9449): typ dpop+jwt, with the public key in the header.
func (p *PrivateKey) SignProof(payload []byte) (string, error) {
	return p.sign(struct {
		Algorithm Algorithm `json:"alg"`
		Key       *Key      `json:"jwk"`
		Type      string    `json:"typ"`
	}{p.public.Algorithm, p.public, "dpop+jwt"}, payload)
}

func (p *PrivateKey) sign(header any, payload []byte) (string, error) {
	if len(payload) == 0 {
		return "", malformed("nothing to sign")
	}
	h, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	enc := base64.RawURLEncoding
	input := enc.AppendEncode(nil, h)
	input = enc.AppendEncode(append(input, '.'), payload)
	signature, err := p.signature(string(input))
	if err != nil {
		return "", err
	}
	return string(enc.AppendEncode(append(input, '.'), signature)), nil
}

func (p *PrivateKey) signature(input string) ([]byte, error) {
	a := p.public.Algorithm.find()
	switch s := p.signer.(type) {
	case *rsa.PrivateKey:
		if a.family == rsaPKCS1 {
			return rsa.SignPKCS1v15(rand.Reader, s, a.hash, sum(a.hash, input))
		}
		return rsa.SignPSS(rand.Reader, s, a.hash, sum(a.hash, input), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	case *ecdsa.PrivateKey:
		r, t, err := ecdsa.Sign(rand.Reader, s, sum(a.hash, input))
		if err != nil {
			return nil, err
		}
		size := (a.bits + 7) / 8
		raw := make([]byte, 2*size)
		r.FillBytes(raw[:size])
		t.FillBytes(raw[size:])
		return raw, nil
	case ed25519.PrivateKey:
		return ed25519.Sign(s, []byte(input)), nil
	}
	return nil, fmt.Errorf("%w: a %T", ErrKey, p.signer)
}

const hidden = "<secret>"

// Format prints <secret> for every verb.
func (PrivateKey) Format(s fmt.State, _ rune) {
	_, _ = io.WriteString(s, hidden) // fmt keeps the error of its writer itself
}

// String is <secret>.
func (PrivateKey) String() string { return hidden }

// MarshalText is <secret>: for JSON and log/slog.
func (PrivateKey) MarshalText() ([]byte, error) { return []byte(hidden), nil }
