// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math"
	"math/big"
	"slices"

	jwx "github.com/go-jose/go-jose/v4"

	"yett/jsonstream"
)

// A Key is a public key that verifies signatures. It is immutable.
type Key struct {
	ID        string    // kid; "" if it has none
	Algorithm Algorithm // the only one it may be used with; "" for every one of its kind

	public crypto.PublicKey
	thumb  string
}

// What RSA keys may be: smaller ones are weak, larger ones make verifying dear.
const (
	minRSA = 2048
	maxRSA = 8192
)

var keyLimits = jsonstream.Limits{Depth: 4, Members: 64, Items: 64, String: 32 << 10, Values: 512}

// ParseKey reads one public JWK (RFC 7517). It refuses private and symmetric keys, and keys whose use, key_ops or alg do
// not let them verify.
func ParseKey(data []byte) (*Key, error) {
	var doc jsonstream.Doc
	if err := doc.Parse(data, keyLimits); err != nil {
		return nil, fmt.Errorf("%w: key: %w", ErrMalformed, err)
	}
	root := doc.Root()
	if doc.Kind(root) != jsonstream.Object {
		return nil, malformed("a key is no object")
	}
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} {
		if doc.Member(root, private) != jsonstream.None {
			return nil, fmt.Errorf("%w: it is private or symmetric", ErrKey)
		}
	}
	if err := verifies(&doc, root); err != nil {
		return nil, err
	}
	var id string
	if n := doc.Member(root, "kid"); n != jsonstream.None {
		if id = string(doc.Text(n)); id == "" {
			return nil, malformed("kid of a key is empty or no text")
		}
	}
	var alg Algorithm
	if n := doc.Member(root, "alg"); n != jsonstream.None {
		if alg = named(string(doc.Text(n))); alg == "" {
			return nil, fmt.Errorf("%w: its alg is not one that verifies here", ErrKey)
		}
	}
	public, err := readPublic(&doc, root)
	if err != nil {
		return nil, err
	}
	return KeyFromPublic(public, id, alg)
}

// verifies reports what forbids a key to verify.
func verifies(doc *jsonstream.Doc, root jsonstream.Node) error {
	if n := doc.Member(root, "use"); n != jsonstream.None && string(doc.Text(n)) != "sig" {
		return fmt.Errorf("%w: its use is not sig", ErrKey)
	}
	ops := doc.Member(root, "key_ops")
	if ops == jsonstream.None {
		return nil
	}
	if doc.Kind(ops) != jsonstream.Array {
		return malformed("key_ops is no list")
	}
	for n := doc.First(ops); n != jsonstream.None; n = doc.Next(n) {
		if doc.Kind(n) == jsonstream.String && string(doc.Text(n)) == "verify" {
			return nil
		}
	}
	return fmt.Errorf("%w: its key_ops do not hold verify", ErrKey)
}

// readPublic takes the numbers of a key, written in the one way there is (RFC 7518 section 6, RFC 8037 section 2). It does
// so itself: the library stops at RSA keys of 4096 bits, takes numbers with zeros before them, and gives up a good key
// over a certificate in x5c that nobody here looks at.
func readPublic(doc *jsonstream.Doc, root jsonstream.Node) (crypto.PublicKey, error) {
	text := func(name string) string { return string(doc.Text(doc.Member(root, name))) }
	number := func(name string) []byte { b, _ := decode(text(name)); return b }
	switch text("kty") {
	case "RSA":
		n, e := number("n"), number("e")
		if len(n) == 0 || n[0] == 0 || len(n) > maxRSA/8 || len(e) == 0 || e[0] == 0 || len(e) > 4 {
			return nil, fmt.Errorf("%w: n or e is absent, too long, or begins with zeros", ErrKey)
		}
		exponent := new(big.Int).SetBytes(e).Int64()
		if exponent > math.MaxInt32 {
			return nil, fmt.Errorf("%w: e is too large", ErrKey)
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent)}, nil
	case "EC":
		curve, ok := curves[text("crv")]
		if !ok {
			return nil, fmt.Errorf("%w: its curve is not known", ErrKey)
		}
		x, y, size := number("x"), number("y"), (curve.Params().BitSize+7)/8
		if len(x) != size || len(y) != size {
			return nil, fmt.Errorf("%w: x or y is absent or of another length than its curve's", ErrKey)
		}
		pub, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
		if err != nil {
			return nil, fmt.Errorf("%w: not on its curve", ErrKey)
		}
		return pub, nil
	case "OKP":
		if text("crv") != ed25519Name {
			return nil, fmt.Errorf("%w: its curve is not known", ErrKey)
		}
		return ed25519.PublicKey(number("x")), nil
	}
	return nil, fmt.Errorf("%w: its kty is not known", ErrKey)
}

var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}

// KeyFromPublic makes a Key of a public key of the standard library: *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey.
// It keeps a copy.
func KeyFromPublic(pub crypto.PublicKey, id string, a Algorithm) (*Key, error) {
	if id != "" && !printable(id, maxKeyID) {
		return nil, malformed("kid of a key is too long or not printable")
	}
	k := &Key{ID: id, Algorithm: a}
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		if pub == nil || pub.N == nil || pub.N.BitLen() < minRSA || pub.N.BitLen() > maxRSA {
			return nil, fmt.Errorf("%w: RSA below %d or above %d bits", ErrKey, minRSA, maxRSA)
		}
		if pub.E < 3 || pub.E > math.MaxInt32 || pub.E%2 == 0 || pub.N.Bit(0) == 0 {
			return nil, fmt.Errorf("%w: RSA with an even modulus, or an exponent that is even, 1 or too large", ErrKey)
		}
		k.public = &rsa.PublicKey{N: new(big.Int).Set(pub.N), E: pub.E}
	case *ecdsa.PublicKey:
		if pub == nil || pub.Curve == nil {
			return nil, fmt.Errorf("%w: no point", ErrKey)
		}
		point, err := pub.Bytes() // of a point on its curve, which is one of the standard library's
		if err != nil {
			return nil, fmt.Errorf("%w: not on its curve", ErrKey)
		}
		if k.public, err = ecdsa.ParseUncompressedPublicKey(pub.Curve, point); err != nil {
			return nil, fmt.Errorf("%w: not on its curve", ErrKey)
		}
	case ed25519.PublicKey:
		if len(pub) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("%w: Ed25519 with %d bytes", ErrKey, len(pub))
		}
		k.public = slices.Clone(pub)
	default:
		return nil, fmt.Errorf("%w: a %T", ErrKey, pub)
	}
	if a != "" && !k.Fits(a) || !k.useful() {
		return nil, fmt.Errorf("%w: its kind is not for %s", ErrKey, a)
	}
	raw := jwx.JSONWebKey{Key: k.public}
	sum, err := raw.Thumbprint(crypto.SHA256)
	if err != nil { // it refuses Ed25519 keys of low order, with which one signature is good for many texts
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	k.thumb = base64.RawURLEncoding.EncodeToString(sum)
	return k, nil
}

// useful reports whether any algorithm can use k: not every curve has one.
func (k *Key) useful() bool {
	for _, a := range algorithms {
		if k.Fits(a.name) {
			return true
		}
	}
	return false
}

// Thumbprint names the key by what it is (RFC 7638): SHA-256, base64url.
func (k *Key) Thumbprint() string { return k.thumb }

// Fits reports whether the key may verify signatures by a.
func (k *Key) Fits(a Algorithm) bool {
	if k.Algorithm != "" && k.Algorithm != a {
		return false
	}
	alg := a.find()
	if alg == nil {
		return false
	}
	switch pub := k.public.(type) {
	case *rsa.PublicKey:
		return alg.family == rsaPKCS1 || alg.family == rsaPSS
	case *ecdsa.PublicKey:
		return alg.family == ellipticCurve && pub.Curve.Params().BitSize == alg.bits
	case ed25519.PublicKey:
		return alg.family == edwards
	}
	return false
}

// MarshalJSON writes the public JWK.
func (k *Key) MarshalJSON() ([]byte, error) {
	return jwx.JSONWebKey{Key: k.public, KeyID: k.ID, Algorithm: string(k.Algorithm), Use: "sig"}.MarshalJSON()
}
