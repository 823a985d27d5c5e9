// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package practicetest

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Forge makes tokens and proofs, good ones and such as an attacker makes. It knows nothing of the code that judges
// them: what it writes is put together by hand.
//
// {token WORD…} in a request is an access token for the shop with every scope. Each word changes it:
//
//	exp=-90        a claim; exp, nbf and iat count in seconds from now, other values are JSON if they can be
//	-exp           without the claim
//	twice=sub      the claim stands twice
//	h.typ=JWT      a member of the header; -h.typ is without it
//	sign=rsa       by the issuer's RSA key (RS256); ec is the default (ES256), other is a key that nobody published,
//	               hmac is HS256 with the published RSA key for a secret, der is ES256 in DER, zero is r = s = 0,
//	               blank is no signature at all, huge is one of 12,000 characters
//	jwk            signed by a key that the token brings along; jwk=own is the issuer's own key, so that all else is in order
//	jkt            bound to the key of {proof}
//	x5t            bound to the certificate of "# certificate: own"; with jkt, to both
//	zip            the payload is a deflated bomb, nest a claim 2,000 levels deep, json the JSON serialisation
//	dots=9         so many dots behind it
//	pad, space, stray  padding, a blank, or stray bits in the base64url of the header
//
// {proof WORD…} is a DPoP proof (RFC 9449) for the request it stands in and the token before it: htm, htu, ath, jti and
// iat are claims as above, sign=other is by another key, private brings the private key along.
type Forge struct {
	ec, other, holder *ecdsa.PrivateKey
	rsa               *rsa.PrivateKey
	ca                []byte // PEM
	own, strange      tls.Certificate
}

// The issuer that a stand trusts where its settings name ForgedKeys.
const (
	forgedIssuer   = "https://issuer.example.org"
	forgedAudience = "https://shop.example.org"
	// ForgedKeys is the file of the issuer's keys beside yett.yaml, and ForgedCA that of the root of client certificates.
	ForgedKeys = "issuer.jwks.json"
	ForgedCA   = "clients.pem"
)

// newForge makes the keys once: they take a while.
var newForge = sync.OnceValues(func() (*Forge, error) {
	f := new(Forge)
	var err error
	for _, k := range []**ecdsa.PrivateKey{&f.ec, &f.other, &f.holder} {
		if *k, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, err
		}
	}
	if f.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, err
	}
	return f, f.certificates()
})

// certificates makes a root and two certificates of clients.
func (f *Forge) certificates() error {
	now := time.Now()
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "clients"}, NotBefore: now.Add(-time.Hour),
		NotAfter: now.Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, root, root, f.ec.Public(), f.ec)
	if err != nil {
		return err
	}
	f.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for i, c := range []*tls.Certificate{&f.own, &f.strange} {
		leaf := &x509.Certificate{SerialNumber: big.NewInt(int64(i + 2)), Subject: pkix.Name{CommonName: "client"}, NotBefore: root.NotBefore,
			NotAfter: root.NotAfter, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, DNSNames: []string{"client.example.org"}}
		der, err := x509.CreateCertificate(rand.Reader, leaf, root, f.holder.Public(), f.ec)
		if err != nil {
			return err
		}
		*c = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: f.holder}
	}
	return nil
}

// keys is the issuer's JWK set.
func (f *Forge) keys() ([]byte, error) {
	ec, pub := ecJWK(&f.ec.PublicKey), &f.rsa.PublicKey
	ec["kid"], ec["use"] = "ec-1", "sig"
	return json.Marshal(map[string]any{"keys": []any{ec, map[string]any{"kty": "RSA", "kid": "rsa-1", "use": "sig", "alg": "RS256",
		"n": b64(pub.N.Bytes()), "e": b64(big.NewInt(int64(pub.E)).Bytes())}}})
}

func ecJWK(pub *ecdsa.PublicKey) map[string]any {
	point, err := pub.Bytes()
	if err != nil {
		panic(err) // it was made a moment ago
	}
	return map[string]any{"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// thumbprint is that of RFC 7638.
func thumbprint(pub *ecdsa.PublicKey) string {
	k := ecJWK(pub)
	sum := sha256.Sum256(fmt.Appendf(nil, `{"crv":"P-256","kty":"EC","x":%q,"y":%q}`, k["x"], k["y"]))
	return b64(sum[:])
}

// An order is one document as the words want it.
type order struct {
	header, claims map[string]any
	twice          string
	flags          map[string]string // sign, jwk, jkt, dots …
}

// words reads what stands behind the name of a placeholder.
func (o *order) words(line string) error {
	o.flags = make(map[string]string)
	for _, w := range strings.Fields(line) {
		name, value, has := strings.Cut(w, "=")
		switch {
		case strings.HasPrefix(w, "-h."):
			delete(o.header, w[3:])
		case strings.HasPrefix(w, "-"):
			delete(o.claims, w[1:])
		case strings.HasPrefix(w, "h.") && has:
			o.header[name[2:]] = literal(value)
		case name == "twice":
			o.twice = value
		case slices.Contains([]string{"sign", "jwk", "jkt", "x5t", "zip", "nest", "json", "dots", "pad", "space", "stray", "private"}, name):
			o.flags[name] = value
		case has:
			o.claims[name] = literal(value)
			if seconds, err := strconv.Atoi(value); err == nil && (name == "exp" || name == "nbf" || name == "iat") {
				o.claims[name] = time.Now().Unix() + int64(seconds)
			}
		default:
			return fmt.Errorf("%q changes nothing that is known", w)
		}
	}
	return nil
}

func literal(s string) any {
	var v any
	if json.Unmarshal([]byte(s), &v) == nil {
		return v
	}
	return s
}

// has reports whether a word without value was given.
func (o *order) has(name string) bool { _, ok := o.flags[name]; return ok }

// token makes what {token line} stands for.
func (f *Forge) token(line string, scopes []string) (string, error) {
	now := time.Now().Unix()
	o := &order{
		header: map[string]any{"alg": "ES256", "kid": "ec-1", "typ": "at+jwt"},
		claims: map[string]any{"iss": forgedIssuer, "aud": forgedAudience, "sub": "greta", "client_id": "app", "jti": rand.Text(), "iat": now,
			"exp": now + 300, "scope": strings.Join(scopes, " ")},
	}
	if err := o.words(line); err != nil {
		return "", err
	}
	bound := make(map[string]any)
	if o.has("jkt") {
		bound["jkt"] = thumbprint(&f.holder.PublicKey)
	}
	if o.has("x5t") {
		sum := sha256.Sum256(f.own.Certificate[0])
		bound["x5t#S256"] = b64(sum[:])
	}
	if len(bound) > 0 {
		o.claims["cnf"] = bound
	}
	if o.has("nest") {
		o.claims["deep"] = json.RawMessage(strings.Repeat("[", 2000) + strings.Repeat("]", 2000))
	}
	return f.write(o, f.ec)
}

// proof makes what {proof line} stands for.
func (f *Forge) proof(line, method, url, token string) (string, error) {
	ath := sha256.Sum256([]byte(token))
	o := &order{
		header: map[string]any{"alg": "ES256", "typ": "dpop+jwt", "jwk": ecJWK(&f.holder.PublicKey)},
		claims: map[string]any{"jti": rand.Text(), "htm": method, "htu": url, "iat": time.Now().Unix(), "ath": b64(ath[:])},
	}
	if err := o.words(line); err != nil {
		return "", err
	}
	if o.flags["sign"] == "other" {
		o.header["jwk"] = ecJWK(&f.other.PublicKey)
	}
	if o.has("private") {
		jwk := ecJWK(&f.holder.PublicKey)
		d, err := f.holder.Bytes()
		if err != nil {
			return "", err
		}
		jwk["d"] = b64(d)
		o.header["jwk"] = jwk
	}
	return f.write(o, f.holder)
}

// write signs an order, by key unless its words say otherwise.
func (f *Forge) write(o *order, key *ecdsa.PrivateKey) (string, error) {
	if err := f.setHeader(o); err != nil {
		return "", err
	}
	header, err := json.Marshal(o.header)
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(o.claims)
	if err != nil {
		return "", err
	}
	if o.twice != "" {
		again, err := json.Marshal(o.claims[o.twice])
		if err != nil {
			return "", err
		}
		claims = fmt.Appendf(claims[:len(claims)-1], ",%q:%s}", o.twice, again)
	}
	if o.has("zip") {
		if claims, err = bomb(); err != nil {
			return "", err
		}
	}
	signed := spoil(o, b64(header)) + "." + b64(claims)
	signature, err := f.sign(o, key, signed)
	if err != nil {
		return "", err
	}
	if o.has("json") {
		h, p, _ := strings.Cut(signed, ".")
		return fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, p, h, signature), nil
	}
	n, _ := strconv.Atoi(o.flags["dots"]) // none where there is no number
	return signed + "." + signature + strings.Repeat(".", n), nil
}

// setHeader makes the header fit who signs, unless a word has named the algorithm.
func (f *Forge) setHeader(o *order) error {
	named := o.header["alg"] != "ES256"
	switch {
	case o.has("zip"):
		o.header["zip"] = "DEF"
	case o.flags["jwk"] == "own":
		o.header["jwk"] = ecJWK(&f.ec.PublicKey)
	case o.has("jwk"):
		o.header["jwk"] = ecJWK(&f.other.PublicKey)
		delete(o.header, "kid")
	case o.flags["sign"] == "rsa":
		if !named {
			o.header["alg"] = "RS256"
		}
		o.header["kid"] = "rsa-1"
	case o.flags["sign"] == "hmac":
		o.header["alg"], o.header["kid"] = "HS256", "rsa-1"
	}
	return nil
}

// spoil writes the header in a way that a lax reader takes for the same.
func spoil(o *order, header string) string {
	switch {
	case o.has("pad"):
		return header + strings.Repeat("=", 4-len(header)%4)
	case o.has("space"):
		return header[:8] + "%20" + header[8:]
	case o.has("stray"):
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		if len(header)%4 == 0 {
			return header + "A"
		}
		last := strings.IndexByte(alphabet, header[len(header)-1])
		return header[:len(header)-1] + string(alphabet[last|1])
	}
	return header
}

func (f *Forge) sign(o *order, key *ecdsa.PrivateKey, signed string) (string, error) {
	sum := sha256.Sum256([]byte(signed))
	if o.has("jwk") && o.flags["jwk"] != "own" {
		key = f.other
	}
	switch how := o.flags["sign"]; how {
	case "rsa":
		s, err := rsa.SignPKCS1v15(rand.Reader, f.rsa, crypto.SHA256, sum[:])
		return b64(s), err
	case "hmac":
		der, err := x509.MarshalPKIXPublicKey(&f.rsa.PublicKey)
		if err != nil {
			return "", err
		}
		mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		_, _ = mac.Write([]byte(signed)) // a hash never fails
		return b64(mac.Sum(nil)), nil
	case "der":
		s, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		return b64(s), err
	case "zero":
		return b64(make([]byte, 64)), nil
	case "blank":
		return "", nil
	case "huge":
		return strings.Repeat("A", 12_000), nil
	case "other":
		key = f.other
	case "", "ec":
	default:
		return "", fmt.Errorf("nobody signs by %q", how)
	}
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return "", err
	}
	var raw [64]byte
	r.FillBytes(raw[:32])
	s.FillBytes(raw[32:])
	return b64(raw[:]), nil
}

// bomb is a payload that inflates to eight million bytes.
func bomb() ([]byte, error) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(append(bytes.Repeat([]byte(" "), 8<<20), "{}"...))
	return out.Bytes(), errors.Join(err, w.Close())
}
