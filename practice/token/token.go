// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package token verifies access tokens: signed ones by the keys that their issuer publishes, others by asking the issuer.
//
// It stops tokens that nobody trusted has signed, that are meant for another API, are over, too old or not yet valid, were
// taken back, or are used by another than the holder of the key or certificate that they are bound to (OWASP API2:2023, RFC
// 8725, RFC 9068). It stops ID tokens in the place of access tokens. It does not stop a bearer token that was stolen and is
// not bound to anything, does not decide which operation a caller may reach (package authn judges scopes), and lets a
// request without a token pass, because another practice may know the caller: used alone, Require refuses those as well.
//
// Used alone, in any net/http program:
//
//	tokens, err := token.New(token.Config{Issuers: []token.IssuerConfig{{
//		Issuer: "https://id.example.org", Audience: []string{"https://api.example.org"},
//	}}}, token.Options{})
//	go tokens.Run(ctx) // keeps the keys up to date
//	http.ListenAndServe(addr, tokens.Handler(next))
package token

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"yett/alert"
	"yett/exchange"
	"yett/jose"
	"yett/practice"
	"yett/problem"
	"yett/store"
)

// Options are what a program supplies. The zero value works, without revocation and without DPoP.
type Options struct {
	// Store keeps what was revoked; Sealer and Pepper, a secret of at least 32 bytes that is kept apart from it, go with
	// it. Nil: tokens cannot be revoked.
	Store  *store.DB
	Sealer store.Sealer
	Pepper []byte
	// Counters remember proofs that were used, and limit failing attempts. Nil: no proof is accepted, and attempts are not
	// limited.
	Counters store.Counters
	// PublicURL is the address under which clients call, which proofs must name. It is never taken from a request.
	PublicURL string
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger     // nil: silent
	Alerts    *alert.Board     // nil: nobody is told
}

// Tokens verifies the access tokens of the issuers that one place trusts. It is safe for concurrent use.
type Tokens struct {
	core    *core
	places  *places
	config  Config
	name    string   // of the place, for inspections
	origins []string // that a proof may name
	trusts  []*trust
	byName  map[string]*trust
	asked   []*trust // those that are asked about each token
}

// New makes Tokens. Zero values of c outside its issuers are the defaults. It reads files, but asks no issuer.
func New(c Config, o Options) (*Tokens, error) {
	c = c.withDefaults()
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	k, err := newCore(o)
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	k.configure(c)
	t, err := k.trusting(c, new(places))
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	t.origins = originsOf(o.PublicURL, nil)
	return t, nil
}

// Run keeps keys and revocations up to date until ctx ends. Without it keys are read when a token needs them.
func (t *Tokens) Run(ctx context.Context) error { return t.core.run(ctx, t.places) }

// Close gives up connections to issuers.
func (t *Tokens) Close() error { return t.core.Close() }

// Routes are the practice's own paths of the admin API.
func (t *Tokens) Routes() []practice.Route {
	if t.core.revocations == nil {
		return nil
	}
	return t.core.revocations.routes(t)
}

// Handler lets requests with a token through to next.
func (t *Tokens) Handler(next http.Handler) http.Handler { return exchange.Middleware(next, t.Require) }

// Require is Check for programs without package authn: it refuses a request without token too, and makes whoever the token
// names the caller of x.
func (t *Tokens) Require(x *exchange.Exchange) error {
	if err := t.Check(x); err != nil {
		return err
	}
	if len(x.Credentials) == 0 {
		return &problem.Error{Status: http.StatusUnauthorized, Code: "no_token", Detail: "This call needs an access token.",
			Header: []problem.Field{{Name: "WWW-Authenticate", Value: `Bearer realm="api"`}}}
	}
	x.Caller = x.Credentials[len(x.Credentials)-1].Caller
	return nil
}

// maxToken bounds the text of a token.
const maxToken = 16 << 10

// find returns what is known of a token, and the trust by which it is judged here. What is remembered is used only while
// the key that verified it is still one of its issuer's.
func (t *Tokens) find(ctx context.Context, text string, arrived time.Time) (*verified, *trust, error) {
	if len(text) > maxToken {
		return nil, nil, invalidf("malformed", "%d bytes", len(text))
	}
	sum := digest(sha256.Sum256([]byte(text)))
	l := t.core.limits()
	if v := t.core.cache.get(&sum); v != nil && v.issuer.keys.holds(v.key, l.cooldown) {
		if tr := t.byName[v.issuer.name]; tr != nil && tr.issuer == v.issuer {
			return v, tr, nil
		}
	}
	s, err := jose.Parse(text, jose.Limits{Bytes: maxToken})
	if err != nil {
		if len(t.asked) == 0 {
			return nil, nil, invalid("malformed", err)
		}
		return t.ask(ctx, text, &sum, l, err)
	}
	claims, err := jose.ParseClaims(s.Payload)
	if err != nil {
		return nil, nil, invalid("malformed", err)
	}
	tr := t.byName[claims.Issuer]
	switch {
	case tr == nil:
		return nil, nil, invalid("unknown issuer", errNoIssuer)
	case tr.issuer.asks != nil:
		v, err := tr.issuer.asks.ask(ctx, text, &sum, l)
		return v, tr, err
	}
	v, err := tr.issuer.describe(claims)
	if err != nil {
		return nil, nil, err
	}
	v.typ, v.alg = s.Header.Type, s.Header.Algorithm
	if err := tr.judge(v, t.core.now()); err != nil {
		return nil, nil, err // before its issuer is asked for keys
	}
	if err := tr.issuer.verify(ctx, s, v, arrived, l); err != nil {
		return nil, nil, err
	}
	if len(text) <= maxRemembered {
		t.core.cache.put(&sum, v)
	}
	return v, tr, nil
}

// ask has the issuers that are asked about tokens say what text is. One that is a JWT, though not one that could be
// verified here because of why, says itself who issued it.
func (t *Tokens) ask(ctx context.Context, text string, sum *digest, l limits, why error) (*verified, *trust, error) {
	asked := t.asked
	if iss, ok := issuerOf(text); ok {
		tr := t.byName[iss]
		if tr == nil || tr.issuer.asks == nil {
			return nil, nil, invalid("malformed", why) // and nobody else is shown it
		}
		asked = []*trust{tr}
	}
	var last error
	end := time.Now().Add(l.budget)
	for i, tr := range asked {
		// One budget for all: who is silent takes his share of what is left of it, not the turn of the next.
		l.budget = time.Until(end) / time.Duration(len(asked)-i)
		v, err := tr.issuer.asks.ask(ctx, text, sum, l)
		if err == nil {
			return v, tr, nil
		}
		// Who cannot be asked might have known it.
		if last == nil || errors.Is(err, errCannotDecide) {
			last = err
		}
	}
	return nil, nil, last
}

// issuerOf returns the iss of a text that has the form of a JWT. Nothing of it is believed: it picks whom to ask.
func issuerOf(text string) (string, bool) {
	claims, ok := claimsOf(text)
	if !ok {
		return "", false
	}
	return claims.Issuer, true
}

// claimsOf returns what a text that has the form of a JWT says of itself, of which nothing is to be believed.
func claimsOf(text string) (*jose.Claims, bool) {
	header, rest, _ := strings.Cut(text, ".")
	payload, _, ok := strings.Cut(rest, ".")
	if !ok {
		return nil, false
	}
	h, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil || len(h) == 0 || h[0] != '{' {
		return nil, false
	}
	p, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return nil, false
	}
	claims, err := jose.ParseClaims(p)
	return claims, err == nil
}
