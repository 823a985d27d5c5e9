// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"yett/jose"
)

var (
	// errRevoked says that an operator has taken the token back.
	errRevoked = errors.New("revoked")
	// errCannotDecide marks what keeps a token from being judged: it is neither good nor bad then.
	errCannotDecide = errors.New("cannot decide")
)

// An invalidError says that a token was judged and is not admitted. It holds nothing of the token's text.
type invalidError struct {
	why   string // a few words for the record: "expired"
	cause error
}

func (e *invalidError) Error() string {
	if e.cause == nil {
		return e.why
	}
	return e.why + ": " + e.cause.Error()
}

func (e *invalidError) Unwrap() error { return e.cause }

func invalid(why string, cause error) error { return &invalidError{why, cause} }

func invalidf(why, format string, args ...any) error {
	return invalid(why, fmt.Errorf(format, args...))
}

// An undecidedError is errCannotDecide with the time after which another attempt may do better.
type undecidedError struct {
	cause error
	retry time.Duration
}

func (e *undecidedError) Error() string        { return "cannot decide: " + e.cause.Error() }
func (e *undecidedError) Unwrap() error        { return e.cause }
func (e *undecidedError) Is(target error) bool { return target == errCannotDecide }

func undecided(retry time.Duration, cause error) error { return &undecidedError{cause, retry} }

// A trust is an issuer as one place trusts it. It does not change.
type trust struct {
	issuer     *issuer
	audience   []string
	algorithms []jose.Algorithm
	plain      bool // typ JWT, or none, will do
	maxAge     time.Duration
	leeway     time.Duration
	schemes    []string // nil: all that take bearer tokens
	discovery  []string // addresses by which a description may name the issuer
	bound      bool     // dpop: required
}

func newTrust(c IssuerConfig, is *issuer) *trust {
	t := &trust{issuer: is, audience: c.Audience, plain: c.Typ == "JWT", maxAge: c.MaxAge, leeway: maxLeeway, schemes: c.Schemes,
		bound: c.DPoP == "required", discovery: append(metadata(c.Issuer), c.Issuer)}
	if c.Discovery != "" {
		t.discovery = append(t.discovery, c.Discovery)
	}
	if t.maxAge == 0 {
		t.maxAge = defaultAge
	}
	if c.Leeway != nil {
		t.leeway = *c.Leeway
	}
	t.algorithms = jose.Algorithms()
	if len(c.Algorithms) > 0 {
		t.algorithms = make([]jose.Algorithm, len(c.Algorithms))
		for i, a := range c.Algorithms {
			t.algorithms[i] = jose.Algorithm(a)
		}
	}
	return t
}

// rules are what a token must meet besides its signature, its revocation and its binding. They are asked each time, of
// remembered tokens too, and before anybody is asked for keys: what is expired costs its issuer no fetch.
var rules = []struct {
	name  string
	judge func(*trust, *verified, time.Time) error
}{
	{"type", (*trust).judgeType},
	{"audience", (*trust).judgeAudience},
	{"time", (*trust).judgeTime},
	{"purpose", (*trust).judgePurpose},
}

// judge asks every rule.
func (t *trust) judge(v *verified, now time.Time) error {
	for i := range rules {
		if err := rules[i].judge(t, v, now); err != nil {
			return err
		}
	}
	return nil
}

// judgeType demands an algorithm and a typ that this place takes (RFC 8725 sections 3.1 and 3.11).
func (t *trust) judgeType(v *verified, _ time.Time) error {
	if v.issuer.asks != nil {
		return nil // the issuer itself says what it is
	}
	if !slices.Contains(t.algorithms, v.alg) {
		return invalidf("wrong algorithm", "%s is not among algorithms", v.alg)
	}
	switch {
	case v.typ == "at+jwt":
	case t.plain && (v.typ == "jwt" || v.typ == ""):
	default:
		return invalidf("wrong type", "typ is %.40q", v.typ)
	}
	return nil
}

// judgeAudience compares exactly (RFC 8725 section 3.9).
func (t *trust) judgeAudience(v *verified, _ time.Time) error {
	if t.audience == nil { // only with insecure_any_audience
		return nil
	}
	for _, a := range v.claims.Audience {
		if slices.Contains(t.audience, a) {
			return nil
		}
	}
	return invalidf("wrong audience", "aud is %.200q", v.claims.Audience)
}

// judgeTime compares with the clock. A token of an issuer that is asked about each one may leave out its end: the answer
// itself is not believed for long.
func (t *trust) judgeTime(v *verified, now time.Time) error {
	switch {
	case v.expires.IsZero() && v.issuer.asks == nil:
		return invalidf("no end", "exp is missing")
	case !v.expires.IsZero() && !now.Before(v.expires.Add(t.leeway)):
		return invalidf("expired", "exp was %s", v.expires.UTC().Format(time.RFC3339))
	case v.notBefore.After(now.Add(t.leeway)):
		return invalidf("not valid yet", "nbf is %s", v.notBefore.UTC().Format(time.RFC3339))
	case v.issuedAt.After(now.Add(t.leeway)):
		return invalidf("issued in the future", "iat is %s", v.issuedAt.UTC().Format(time.RFC3339))
	case !v.issuedAt.IsZero() && now.Sub(v.issuedAt) > t.maxAge+t.leeway:
		return invalidf("too old", "iat was %s", v.issuedAt.UTC().Format(time.RFC3339))
	case v.issuedAt.IsZero() && v.expires.IsZero():
		return invalidf("no age", "neither iat nor exp")
	case v.issuedAt.IsZero() && v.expires.Sub(now) > t.maxAge+t.leeway:
		return invalidf("too long", "no iat, and exp is %s", v.expires.UTC().Format(time.RFC3339))
	}
	return nil
}

// judgePurpose keeps out what names nobody, and ID tokens (RFC 9068 section 4, RFC 8725 section 3.12). With at+jwt the type
// has kept those out already, and an issuer that is asked says itself what a token is for.
func (t *trust) judgePurpose(v *verified, _ time.Time) error {
	switch {
	case v.subject == "" && v.client == "":
		return invalidf("names nobody", "neither a subject nor a client")
	case v.foreign != "" && v.typ != "at+jwt" && v.issuer.asks == nil:
		return invalidf("no access token", "%s", v.foreign)
	}
	return nil
}

// idOnly are claims that ID tokens and logout tokens carry, and access tokens have no use for (OpenID Connect Core
// sections 2 and 3.3.2.11, Back-Channel Logout section 2.4).
var idOnly = []string{"nonce", "at_hash", "c_hash", "s_hash", "events"}

// otherUse says what of the claims by which products tell their kinds of tokens apart names another kind than access tokens:
// token_use is Amazon Cognito's and Ory Hydra's, typ is Keycloak's.
func otherUse(c *jose.Claims) string {
	if use, _ := c.Text("token_use"); c.Has("token_use") && use != "access" && use != "access_token" {
		return fmt.Sprintf("token_use is %.40q", use)
	}
	if typ, _ := c.Text("typ"); slices.Contains([]string{"id", "refresh", "offline", "logout"}, strings.ToLower(typ)) {
		return fmt.Sprintf("it calls itself %.40q", typ)
	}
	return ""
}

// foreign says what shows that claims are those of another kind of token; "" where nothing does.
func foreign(c *jose.Claims, scopes []string) string {
	for _, name := range idOnly {
		if c.Has(name) {
			return "it carries " + name
		}
	}
	if why := otherUse(c); why != "" {
		return why
	}
	if len(scopes) > 0 {
		return ""
	}
	if c.Has("auth_time") {
		return "it carries auth_time and no scope"
	}
	if azp, ok := c.Text("azp"); ok && !c.Has("client_id") && slices.Contains(c.Audience, azp) {
		return "it is meant for the client itself"
	}
	return ""
}

// serves reports whether the issuer's tokens count for a scheme of the description, by its name and, for openIdConnect, the
// address that the description gives.
func (t *trust) serves(scheme, discovery string) bool {
	if t.schemes != nil && !slices.Contains(t.schemes, scheme) {
		return false
	}
	return discovery == "" || slices.Contains(t.discovery, discovery)
}

// metadata lists where an issuer's metadata may be: OpenID Connect Discovery section 4, then RFC 8414 section 3.
func metadata(issuer string) []string {
	base := strings.TrimSuffix(issuer, "/")
	scheme, rest, _ := strings.Cut(base, "://")
	host, path, ok := strings.Cut(rest, "/")
	if ok {
		path = "/" + path
	}
	return []string{base + "/.well-known/openid-configuration", scheme + "://" + host + "/.well-known/oauth-authorization-server" + path}
}
