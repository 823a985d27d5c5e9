// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"yett/api"
	"yett/exchange"
	"yett/identity"
	"yett/jose"
	"yett/problem"
	"yett/store"
)

// keyPrefix is how yett's own API keys begin.
const keyPrefix = "yett_"

// alone is the scheme of a credential where no description names one.
const alone = "token"

// failures is how many failing attempts an address has: 100 at once, and 100 a minute.
var failures = store.Rate{Requests: 100, Per: time.Minute}

// Check verifies the token in the Authorization field, where the operation takes one or anybody may call it. Without a
// token it does nothing. A good token becomes a credential of x; any other is a *problem.Error: 401 invalid_token, 429
// too_many_failures, 503 cannot_decide, or 400 repeated_credential. The caller never learns why a token is invalid; the
// record does.
func (t *Tokens) Check(x *exchange.Exchange) error {
	if len(t.trusts) == 0 || !takesTokensAt(x.Operation) {
		return nil // authn refuses whoever needs a credential
	}
	value, ok := x.Request.Header.Lookup("Authorization")
	if !ok {
		return nil
	}
	if x.Request.Header.Count("Authorization") > 1 {
		// Two readers may each take another one.
		x.Note("presented twice")
		return &problem.Error{Status: http.StatusBadRequest, Code: "repeated_credential", Detail: "An access token may come only once."}
	}
	scheme, text, _ := strings.Cut(value, " ")
	dpop := strings.EqualFold(scheme, "DPoP")
	if !dpop && !strings.EqualFold(scheme, "Bearer") {
		return nil // another practice's
	}
	text = strings.TrimLeft(text, " ") // 1*SP (RFC 9110 section 11.4)
	if strings.HasPrefix(text, keyPrefix) && keysInAuthorization(x.Operation) {
		return nil // apikey's
	}
	v, tr, err := t.admit(x, text, dpop)
	if err != nil {
		return t.refuse(x, dpop, err)
	}
	x.Note(v.issuer.name)
	t.credit(x, v, tr)
	return nil
}

// admit judges a token all over again, whatever is remembered of it.
func (t *Tokens) admit(x *exchange.Exchange, text string, dpop bool) (*verified, *trust, error) {
	if !b64token(text) {
		return nil, nil, invalidf("malformed", "not the form of a token (RFC 6750 section 2.1)")
	}
	v, tr, err := t.find(x.Context(), text, t.core.now())
	if err != nil {
		return nil, nil, err
	}
	if err := tr.judge(v, t.core.now()); err != nil {
		return nil, nil, err
	}
	if r := t.core.revocations; r != nil {
		if err := revocation(r.check(v.issuer.name, v)); err != nil {
			return nil, nil, err
		}
	}
	if err := t.checkBinding(x, text, dpop, v, tr); err != nil {
		return nil, nil, err
	}
	return v, tr, nil
}

// checkBinding demands of whoever shows the token what it is bound to. The proof comes last: a good one counts once.
func (t *Tokens) checkBinding(x *exchange.Exchange, text string, dpop bool, v *verified, tr *trust) error {
	if v.x5t != "" {
		if err := checkCertificate(x, v.x5t); err != nil {
			return invalid("wrong certificate", err)
		}
	}
	if v.jkt != "" && !t.core.bound.Load() {
		t.core.bound.Store(true)
	}
	switch {
	case v.jkt == "" && dpop:
		return invalidf("wrong binding", "a token that is bound to no key, shown as if it were") // RFC 9449 section 7.1
	case v.jkt == "" && tr.bound:
		return invalidf("wrong binding", "bound to no key, and dpop is required")
	case v.jkt == "":
		return nil
	case !dpop:
		return invalidf("wrong binding", "bound to a key, and shown as a bearer token") // RFC 9449 section 7.2
	case t.core.proofs == nil:
		return undecided(time.Second, errors.New("no counters: proofs that were used cannot be remembered"))
	}
	err := t.core.proofs.check(x, text, v.jkt, t.origins)
	if err != nil && !errors.Is(err, errCannotDecide) {
		return invalid("wrong proof", err)
	}
	return err
}

// revocation marks what the table of revocations says: the token was taken back, or nobody can tell.
func revocation(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, errRevoked) {
		return invalid("revoked", nil)
	}
	return undecided(time.Second, fmt.Errorf("revocations: %w", err))
}

// credit hands the caller on, for each scheme of the operation that the issuer serves.
func (t *Tokens) credit(x *exchange.Exchange, v *verified, tr *trust) {
	op := x.Operation
	if op == nil || len(op.Security) == 0 {
		x.Credentials = append(x.Credentials, identity.Credential{Scheme: alone, Caller: v.caller})
		return
	}
	before := len(x.Credentials)
	for _, r := range op.Security {
		for i := range r {
			s := r[i].Scheme
			if !takesTokens(s) || !tr.serves(s.Name, s.Issuer) {
				continue
			}
			if !slices.ContainsFunc(x.Credentials[before:], func(c identity.Credential) bool { return c.Scheme == s.Name }) {
				x.Credentials = append(x.Credentials, identity.Credential{Scheme: s.Name, Caller: v.caller})
			}
		}
	}
}

// refuse answers a token that is not admitted. Only attempts that have failed are counted, after they were judged, so a
// good token is admitted from any address, whatever else came from there.
func (t *Tokens) refuse(x *exchange.Exchange, dpop bool, why error) error {
	verdict, ok := errors.AsType[*invalidError](why)
	if !ok || errors.Is(why, errCannotDecide) {
		retry := time.Second
		if u, ok := errors.AsType[*undecidedError](why); ok {
			retry = u.retry
		}
		x.Note("cannot tell")
		return &problem.Error{Status: http.StatusServiceUnavailable, Code: "cannot_decide", Detail: "The access token cannot be checked at the moment.",
			Header: []problem.Field{{Name: "Retry-After", Value: seconds(retry)}}, Cause: why}
	}
	note := verdict.why
	x.Note(note)
	if c := t.core.counters; c != nil {
		taken, err := c.Take(x.Context(), "token/failed/"+attempter(x), failures, 1)
		switch {
		case err != nil:
			// The attempt is refused either way; only its number is not known.
			x.Note(note + ", attempts not counted: " + err.Error())
		case !taken.Allowed:
			return &problem.Error{Status: http.StatusTooManyRequests, Code: "too_many_failures", Detail: "Too many calls with an invalid access token.",
				Header: []problem.Field{{Name: "Retry-After", Value: seconds(taken.RetryAfter)}}, Cause: why}
		}
	}
	return &problem.Error{Status: http.StatusUnauthorized, Code: "invalid_token", Detail: "The access token is not valid here.",
		Header: []problem.Field{{Name: "WWW-Authenticate", Value: challenge(dpop)}}, Cause: why}
}

// challenge is what a 401 carries (RFC 6750 section 3, RFC 9449 section 7.1).
func challenge(dpop bool) string {
	if dpop {
		return `DPoP realm="api", error="invalid_token", algs="` + proofAlgorithms + `"`
	}
	return `Bearer realm="api", error="invalid_token"`
}

var proofAlgorithms = func() string {
	var names []string
	for _, a := range jose.Algorithms() {
		names = append(names, string(a))
	}
	return strings.Join(names, " ")
}()

// takesTokens reports whether a token in the Authorization field meets a scheme.
func takesTokens(s *api.Scheme) bool {
	return s.Kind == api.Bearer || s.Kind == api.OAuth2 || s.Kind == api.OpenIDConnect
}

// takesTokensAt reports whether tokens are of use at an operation. Where anybody may call, a good one says who does, and a
// bad one is no less bad.
func takesTokensAt(op *api.Operation) bool {
	if op == nil || op.Public != "" {
		return true
	}
	for _, r := range op.Security {
		for i := range r {
			if takesTokens(r[i].Scheme) {
				return true
			}
		}
	}
	return false
}

// keysInAuthorization reports whether the description has API keys in the Authorization field.
func keysInAuthorization(op *api.Operation) bool {
	if op == nil {
		return false
	}
	for _, s := range op.API.Schemes {
		if s.Kind == api.APIKey && s.In == "header" && strings.EqualFold(s.Param, "Authorization") {
			return true
		}
	}
	return false
}

// b64token reports whether s has the form of a token in the Authorization field (RFC 6750 section 2.1).
func b64token(s string) bool {
	body := strings.TrimRight(s, "=")
	if body == "" {
		return false
	}
	for i := range len(body) {
		switch c := body[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~', c == '+', c == '/':
		default:
			return false
		}
	}
	return true
}

// attempter names who fails: an IPv4 address, or an IPv6 network of 64 bits, which is what one caller has.
func attempter(x *exchange.Exchange) string {
	addr, err := x.ClientAddr()
	if err != nil {
		return "unreadable"
	}
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.String()
		}
	}
	return addr.String()
}

// seconds is d in whole seconds, rounded up.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64(math.Ceil(d.Seconds())), 10)
}

// originsOf lists the origins that a proof may name: the public address, and each host of an API at its port. The Host
// field of a request is not asked.
func originsOf(publicURL string, hosts []string) []string {
	u, err := url.Parse(publicURL)
	if publicURL == "" || err != nil || u.Host == "" {
		return nil
	}
	all := []string{u.Scheme + "://" + u.Host}
	for _, host := range hosts {
		if port := u.Port(); port != "" {
			host = net.JoinHostPort(host, port)
		}
		if origin := u.Scheme + "://" + host; !slices.Contains(all, origin) {
			all = append(all, origin)
		}
	}
	return all
}
