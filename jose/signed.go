// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"math/big"
	"strings"
	"unicode"

	"yett/jsonstream"
)

// Limits bound what is read.
type Limits struct {
	Bytes int // of a whole compact serialization; 0: 16 KiB
}

const (
	defaultBytes = 16 << 10
	maxHeader    = 4 << 10 // encoded
	maxKeyID     = 256
	maxType      = 64
)

// headerLimits bound the members of a header; a jwk is the only object in one.
var headerLimits = jsonstream.Limits{Depth: 4, Members: 32, Items: 32, String: maxHeader, Values: 256}

// Signed is a compact JWS that was read. Nothing in it is to be believed before Verify.
type Signed struct {
	Header  Header
	Payload []byte

	input     string // what was signed
	signature []byte
}

// Header is the protected header.
type Header struct {
	Algorithm Algorithm
	KeyID     string // "" if absent
	Type      string // typ in lower case, without "application/" (RFC 7515 section 4.1.9); "" if absent
	Key       *Key   // the jwk of a proof; nil after Parse
}

// Parse reads a token in compact serialization. It refuses every header that changes how the token is read or where its
// key comes from: jwk, jku, x5u, x5c, crit, b64 and zip.
func Parse(compact string, l Limits) (*Signed, error) { return parse(compact, l, false) }

// ParseProof reads a proof of possession, whose header must hold the public key that verifies it (RFC 9449 section 4.2).
func ParseProof(compact string, l Limits) (*Signed, error) { return parse(compact, l, true) }

func malformed(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }

func parse(compact string, l Limits, proof bool) (*Signed, error) {
	if l.Bytes <= 0 {
		l.Bytes = defaultBytes
	}
	if len(compact) > l.Bytes {
		return nil, malformed(fmt.Sprintf("more than %d bytes", l.Bytes))
	}
	first := strings.IndexByte(compact, '.')
	last := strings.LastIndexByte(compact, '.')
	if first < 0 || first == last || strings.IndexByte(compact[first+1:last], '.') >= 0 {
		return nil, malformed("not three parts")
	}
	if first > maxHeader {
		return nil, malformed(fmt.Sprintf("a header of more than %d bytes", maxHeader))
	}
	header, ok := decode(compact[:first])
	if !ok {
		return nil, malformed("the header is not base64url")
	}
	s := &Signed{input: compact[:last]}
	if err := s.Header.read(header, proof); err != nil {
		return nil, err
	}
	if s.Payload, ok = decode(compact[first+1 : last]); !ok || len(s.Payload) == 0 {
		return nil, malformed("the payload is empty or not base64url")
	}
	if s.signature, ok = decode(compact[last+1:]); !ok || len(s.signature) == 0 {
		return nil, malformed("the signature is empty or not base64url")
	}
	return s, nil
}

// read takes the header apart. A member that nobody here knows changes nothing, as RFC 7515 section 4 wants it.
func (h *Header) read(data []byte, proof bool) error {
	var doc jsonstream.Doc
	if err := doc.Parse(data, headerLimits); err != nil {
		return fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	if doc.Kind(doc.Root()) != jsonstream.Object {
		return malformed("the header is no object")
	}
	for n := doc.First(doc.Root()); n != jsonstream.None; n = doc.Next(n) {
		switch name := string(doc.Name(n)); name {
		case "alg", "kid", "typ", "cty":
			if doc.Kind(n) != jsonstream.String {
				return malformed(name + " is no text")
			}
			if err := h.text(name, string(doc.Text(n))); err != nil {
				return err
			}
		case "jwk":
			if !proof {
				return malformed("a token brings its own key along")
			}
			key, err := ParseKey(doc.Raw(n))
			if err != nil {
				return err
			}
			h.Key = key
		case "jku", "x5u", "x5c", "zip", "b64", "crit", "enc", "epk", "p2s", "p2c":
			return malformed("the header has " + name)
		}
	}
	if h.Algorithm == "" {
		return fmt.Errorf("%w: none is named", ErrAlgorithm)
	}
	if proof && h.Key == nil {
		return malformed("a proof without its key")
	}
	return nil
}

func (h *Header) text(name, v string) error {
	switch name {
	case "alg":
		if h.Algorithm = named(v); h.Algorithm == "" {
			return ErrAlgorithm
		}
	case "kid":
		if !printable(v, maxKeyID) {
			return malformed("kid is empty, too long or not printable")
		}
		h.KeyID = v
	case "typ":
		// Media types are ASCII; outside it there are letters, as the Kelvin sign, that become others in lower case.
		if !printable(v, maxType) || strings.ContainsFunc(v, func(r rune) bool { return r > unicode.MaxASCII }) {
			return malformed("typ is empty, too long or not ASCII")
		}
		h.Type = strings.ToLower(v)
		if short, ok := strings.CutPrefix(h.Type, "application/"); ok && short != "" && !strings.Contains(short, "/") {
			h.Type = short
		}
	}
	return nil
}

// Verify reports whether k made the signature, by the algorithm of the header and no other. The error is an ErrKey if k is
// not for that algorithm, else an ErrSignature.
func (s *Signed) Verify(k *Key) error {
	a := s.Header.Algorithm.find()
	if a == nil || !k.Fits(a.name) {
		return fmt.Errorf("%w: not for %s", ErrKey, s.Header.Algorithm)
	}
	if !s.valid(a, k.public) {
		return ErrSignature
	}
	return nil
}

func (s *Signed) valid(a *algorithm, public crypto.PublicKey) bool {
	switch pub := public.(type) {
	case *rsa.PublicKey:
		if len(s.signature) != pub.Size() {
			return false
		}
		if a.family == rsaPKCS1 {
			return rsa.VerifyPKCS1v15(pub, a.hash, sum(a.hash, s.input), s.signature) == nil
		}
		// The salt is as long as the hash (RFC 7518 section 3.5), not whatever length fits.
		return rsa.VerifyPSS(pub, a.hash, sum(a.hash, s.input), s.signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
	case *ecdsa.PublicKey:
		size := (a.bits + 7) / 8
		if len(s.signature) != 2*size {
			return false
		}
		r, t := new(big.Int).SetBytes(s.signature[:size]), new(big.Int).SetBytes(s.signature[size:])
		return ecdsa.Verify(pub, sum(a.hash, s.input), r, t) // refuses what is not within 1 and the order
	case ed25519.PublicKey:
		return len(s.signature) == ed25519.SignatureSize && ed25519.Verify(pub, []byte(s.input), s.signature)
	}
	return false
}

func sum(h crypto.Hash, input string) []byte {
	d := h.New()
	_, _ = d.Write([]byte(input)) // a hash never fails
	return d.Sum(nil)
}
