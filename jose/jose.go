// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package jose reads JSON Web Signatures, Keys and Tokens (RFC 7515, 7517, 7518, 7519, 7638, 8037), stricter than the RFCs
// and the common libraries do.
//
// It stops what lets one reader believe what another one did not sign (RFC 8725): algorithms that the key does not allow,
// none and HMAC in every form, keys and addresses of keys that a token brings along, critical extensions, compression,
// a second spelling of the same bytes (padding, blanks, stray bits, members that stand twice), weak keys, and signatures
// of another length or with another salt. All sizes and depths are bounded (OWASP API4:2023). It reads the compact
// serialization of signatures alone: no encrypted tokens, no JSON serialization, no detached or unencoded payloads.
//
// It does not say whether a token is current, meant for us or revoked (package practice/token does), and fetches nothing.
//
// Used alone:
//
//	keys, _, err := jose.ParseSet(document)
//	signed, err := jose.Parse(token, jose.Limits{})
//	fitting, _ := keys.Find(signed.Header.KeyID, signed.Header.Algorithm)
//	for _, k := range fitting {
//		if signed.Verify(k) == nil {
//			claims, err := jose.ParseClaims(signed.Payload)
package jose

import (
	"crypto"
	_ "crypto/sha256" // the hashes of the algorithms
	_ "crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What an error of this package says, for errors.Is. No error holds text of a token.
var (
	ErrMalformed = errors.New("jose: malformed")
	ErrAlgorithm = errors.New("jose: algorithm is not allowed")
	ErrKey       = errors.New("jose: key is not fit")
	ErrSignature = errors.New("jose: signature is not valid")
	// ErrNoKeys is the ErrKey of a set that was read and holds no key that verifies.
	ErrNoKeys = fmt.Errorf("%w: none in the set verifies signatures", ErrKey)
)

// An Algorithm is the name of a signature algorithm (RFC 7518 section 3.1, RFC 8037). Names are compared with case.
type Algorithm string

// The algorithms that are read and written: all asymmetric ones in wide use. EdDSA is Ed25519.
const (
	RS256 Algorithm = "RS256"
	RS384 Algorithm = "RS384"
	RS512 Algorithm = "RS512"
	PS256 Algorithm = "PS256"
	PS384 Algorithm = "PS384"
	PS512 Algorithm = "PS512"
	ES256 Algorithm = "ES256"
	ES384 Algorithm = "ES384"
	ES512 Algorithm = "ES512"
	EdDSA Algorithm = "EdDSA"
)

// ed25519Name is the name that RFC 9864 gives EdDSA over the one curve taken here.
const ed25519Name = "Ed25519"

type family uint8

const (
	rsaPKCS1 family = iota + 1
	rsaPSS
	ellipticCurve
	edwards
)

type algorithm struct {
	name   Algorithm
	family family
	hash   crypto.Hash
	bits   int // of the curve
}

var algorithms = []algorithm{
	{RS256, rsaPKCS1, crypto.SHA256, 0}, {RS384, rsaPKCS1, crypto.SHA384, 0}, {RS512, rsaPKCS1, crypto.SHA512, 0},
	{PS256, rsaPSS, crypto.SHA256, 0}, {PS384, rsaPSS, crypto.SHA384, 0}, {PS512, rsaPSS, crypto.SHA512, 0},
	{ES256, ellipticCurve, crypto.SHA256, 256}, {ES384, ellipticCurve, crypto.SHA384, 384}, {ES512, ellipticCurve, crypto.SHA512, 521},
	{EdDSA, edwards, 0, 0},
}

// Algorithms lists every algorithm. There is no HMAC among them, and no none.
func Algorithms() []Algorithm {
	all := make([]Algorithm, len(algorithms))
	for i, a := range algorithms {
		all[i] = a.name
	}
	return all
}

// Valid reports whether a is one of Algorithms.
func (a Algorithm) Valid() bool { return a.find() != nil }

func (a Algorithm) find() *algorithm {
	i := slices.IndexFunc(algorithms, func(b algorithm) bool { return b.name == a })
	if i < 0 {
		return nil
	}
	return &algorithms[i]
}

// named returns the algorithm of a name in a header or a key, "" for every one that is not read here.
func named(name string) Algorithm {
	if name == ed25519Name {
		return EdDSA
	}
	if a := Algorithm(name); a.Valid() {
		return a
	}
	return ""
}

var strict = base64.RawURLEncoding.Strict()

// decode reads base64url without padding in the one way that it can be written: no line ends, no bits to spare.
func decode(s string) ([]byte, bool) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, false // the library passes over line ends, also in strict mode
	}
	b, err := strict.DecodeString(s)
	if err != nil {
		return nil, false // and not the part before the fault, which the library hands out
	}
	return b, true
}

// printable reports whether s is text that a log or a terminal shows as it is, of 1 to n bytes.
func printable(s string, n int) bool {
	return s != "" && len(s) <= n && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
