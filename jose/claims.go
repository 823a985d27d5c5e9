// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jose

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"time"

	"yett/jsonstream"
)

// Claims are the claims of a JSON Web Token (RFC 7519), read strictly. They say what the issuer says, if the signature was
// verified; nothing here judges them. They are immutable.
type Claims struct {
	Issuer, Subject, ID string
	Audience            []string // aud, a text or a list
	// Instants of NumericDate, which may have a fraction. Zero: absent.
	Expires, NotBefore, IssuedAt time.Time

	doc jsonstream.Doc
}

var claimLimits = jsonstream.Limits{Depth: 16, Members: 256, Items: 1_000, String: 16 << 10, Values: 4_000}

const maxAudience = 64

// ParseClaims reads a payload: one JSON object, no member twice, at most 16 deep.
func ParseClaims(payload []byte) (*Claims, error) {
	c := new(Claims)
	if err := c.doc.Parse(bytes.Clone(payload), claimLimits); err != nil {
		return nil, fmt.Errorf("%w: claims: %w", ErrMalformed, err)
	}
	if c.doc.Kind(c.doc.Root()) != jsonstream.Object {
		return nil, malformed("the claims are no object")
	}
	for _, t := range []struct {
		name string
		to   *string
	}{{"iss", &c.Issuer}, {"sub", &c.Subject}, {"jti", &c.ID}} {
		if !c.Has(t.name) {
			continue
		}
		var ok bool
		if *t.to, ok = c.Text(t.name); !ok {
			return nil, malformed(t.name + " is no text")
		}
	}
	for _, t := range []struct {
		name string
		to   *time.Time
	}{{"exp", &c.Expires}, {"nbf", &c.NotBefore}, {"iat", &c.IssuedAt}} {
		if err := c.instant(t.name, t.to); err != nil {
			return nil, err
		}
	}
	if !c.Has("aud") {
		return c, nil
	}
	var ok bool
	if c.Audience, ok = c.Texts("aud"); !ok || len(c.Audience) > maxAudience {
		return nil, malformed("aud is neither a text nor a list of texts")
	}
	return c, nil
}

// lastInstant is the end of the year 9999, beyond which times cannot be written.
const lastInstant = 253402300799

func (c *Claims) instant(name string, to *time.Time) error {
	n := c.member(name)
	if n == jsonstream.None {
		return nil
	}
	if c.doc.Kind(n) != jsonstream.Number {
		return malformed(name + " is no number")
	}
	f, err := strconv.ParseFloat(string(c.doc.Raw(n)), 64)
	if err != nil || !(f >= 0 && f <= lastInstant) {
		return malformed(name + " is no instant of the years 1970 to 9999")
	}
	whole, rest := math.Modf(f)
	*to = time.Unix(int64(whole), int64(rest*1e9))
	return nil
}

func (c *Claims) member(name string) jsonstream.Node { return c.doc.Member(c.doc.Root(), name) }

// Has reports whether there is a claim, whatever its value.
func (c *Claims) Has(name string) bool { return c.member(name) != jsonstream.None }

// Text returns a claim that is a text.
func (c *Claims) Text(name string) (string, bool) { return c.text(c.member(name)) }

func (c *Claims) text(n jsonstream.Node) (string, bool) {
	if n == jsonstream.None || c.doc.Kind(n) != jsonstream.String {
		return "", false
	}
	return string(c.doc.Text(n)), true
}

// Texts returns a claim that is a text or a list of texts.
func (c *Claims) Texts(name string) ([]string, bool) {
	n := c.member(name)
	if s, ok := c.text(n); ok {
		return []string{s}, true
	}
	if n == jsonstream.None || c.doc.Kind(n) != jsonstream.Array {
		return nil, false
	}
	all := make([]string, 0, c.doc.Len(n))
	for i := c.doc.First(n); i != jsonstream.None; i = c.doc.Next(i) {
		s, ok := c.text(i)
		if !ok {
			return nil, false
		}
		all = append(all, s)
	}
	return all, true
}

// Raw returns the JSON of a claim, nil if there is none.
func (c *Claims) Raw(name string) []byte {
	n := c.member(name)
	if n == jsonstream.None {
		return nil
	}
	return bytes.Clone(c.doc.Raw(n))
}

// Names lists the claims in their order.
func (c *Claims) Names() []string {
	var all []string
	for n := c.doc.First(c.doc.Root()); n != jsonstream.None; n = c.doc.Next(n) {
		all = append(all, string(c.doc.Name(n)))
	}
	return all
}

// Confirmation returns what the token is bound to: the thumbprint of a key (jkt, RFC 9449) or of a certificate (x5t#S256, RFC
// 8705). Both are "" for a token that anybody may use. A binding of another kind is an error: it cannot be checked, and
// to pass it over would unbind the token.
func (c *Claims) Confirmation() (jkt, x5t string, err error) {
	n := c.member("cnf")
	if n == jsonstream.None {
		return "", "", nil
	}
	if c.doc.Kind(n) != jsonstream.Object {
		return "", "", malformed("cnf is no object")
	}
	for _, t := range []struct {
		name string
		to   *string
	}{{"jkt", &jkt}, {"x5t#S256", &x5t}} {
		m := c.doc.Member(n, t.name)
		if m == jsonstream.None {
			continue
		}
		s, _ := c.text(m)
		if sum, ok := decode(s); !ok || len(sum) != 32 {
			return "", "", malformed("cnf." + t.name + " is no thumbprint")
		}
		*t.to = s
	}
	if jkt == "" && x5t == "" {
		return "", "", malformed("cnf binds the token in a way that is not known here")
	}
	return jkt, x5t, nil
}

// All returns every claim, decoded as jsonstream.Any does. The map is the caller's own.
func (c *Claims) All() map[string]any {
	all, _ := jsonstream.Any(&c.doc, c.doc.Root()).(map[string]any) // ParseClaims takes nothing but an object
	return all
}
