// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package authn decides whether a request may use an operation, from the credentials that other practices verified and
// the security requirements that the description declares.
//
// It stops anonymous callers wherever the description does not say that anybody may call (OWASP API2:2023), and callers
// whose credentials lack a scope (API5:2023). It verifies no credential itself: package apikey and its neighbours do,
// before it. A network address is never a credential.
//
// Used alone, New(Config{}, Options{}) gives a Guard whose Check is a step; it needs an Operation and verified Credentials
// on the exchange, which steps before it set (see examples/embed/authn).
package authn

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"yett/api"
	"yett/exchange"
	"yett/identity"
	"yett/problem"
	"yett/store"
)

// A Guard judges the whole security object of an operation. It is safe for concurrent use.
type Guard struct {
	config     Config
	counters   store.Counters
	challenges map[*api.Operation][]problem.Field
}

// Options are collaborators; the zero value works.
type Options struct {
	// Counters bound failing attempts by address. Nil: they are not bounded.
	Counters store.Counters
	// API is the description whose operations are guarded; their challenges are made once. Nil: they are made as needed.
	API *api.API
}

// New makes a Guard of a Config that Validate accepts, or of the zero Config.
func New(c Config, o Options) *Guard {
	c.Realm = cmp.Or(c.Realm, DefaultRealm)
	g := &Guard{config: c, counters: o.Counters}
	if o.API != nil {
		g.challenges = make(map[*api.Operation][]problem.Field, len(o.API.Operations))
		for _, op := range o.API.Operations {
			g.challenges[op] = g.challenge(op)
		}
	}
	return g
}

// Handler guards next. Every exchange needs an operation, so it is of use behind something that routes.
func (g *Guard) Handler(next http.Handler) http.Handler { return exchange.Middleware(next, g.Check) }

// Check sets the caller of x, or refuses: 401 for nobody, 403 for a caller without the scopes. What admits is the first
// requirement, in the order of the description, of which every scheme has a credential that holds the scopes.
func (g *Guard) Check(x *exchange.Exchange) error {
	op := x.Operation
	if op == nil {
		// Without an operation there is nothing that says who may call: refused, as everything undecided.
		return &problem.Error{Status: http.StatusForbidden, Code: "no_operation", Detail: "This cannot be called.",
			Cause: errors.New("authn ran without an operation")}
	}
	if err := inQuery(x); err != nil {
		return err
	}
	lacking := ""
	for _, req := range op.Security {
		caller, missing := met(req, x.Credentials)
		if caller != nil {
			g.admit(x, caller)
			return nil
		}
		if missing != "" && lacking == "" {
			lacking = missing
		}
	}
	if op.Public != "" {
		// Nothing is described, or {} beside something: whoever has a good credential may show it, nobody must.
		x.Note("public")
		g.admit(x, first(x.Credentials))
		return nil
	}
	if lacking != "" {
		x.Caller = first(x.Credentials) // known, but not allowed: the record names it
		return g.insufficient(op, lacking)
	}
	return g.unauthenticated(x, op)
}

// met returns the caller if every use of req is met; else, where only scopes are missing, the first of those.
func met(req api.Requirement, have []identity.Credential) (caller *identity.Caller, missing string) {
	if len(req) == 0 {
		return nil, "" // "anybody" is said by x-yett-public, never by an empty requirement
	}
	for _, use := range req {
		c := find(have, use.Scheme.Name)
		if c == nil {
			return nil, ""
		}
		if m := c.Missing(use.Scopes); m != "" && missing == "" {
			missing = m
		}
		if caller == nil {
			caller = c
		}
	}
	if missing != "" {
		return nil, missing
	}
	return caller, ""
}

func find(have []identity.Credential, scheme string) *identity.Caller {
	for i := range have {
		if have[i].Scheme == scheme {
			return have[i].Caller
		}
	}
	return nil
}

func first(have []identity.Credential) *identity.Caller {
	if len(have) == 0 {
		return nil
	}
	return have[0].Caller
}

// admit tells the upstream who calls, and takes the credentials away from it.
func (g *Guard) admit(x *exchange.Exchange, c *identity.Caller) {
	x.Caller = c
	h := &x.Request.Header
	// The exchange drops X-Yett fields. A server that turns names into variables reads X_Yett_Subject as one, too.
	h.DelFunc(func(f exchange.Field) bool { return oursTo(f.Name) })
	if c != nil {
		setIfValid(h, "X-Yett-Subject", c.Subject)
		setIfValid(h, "X-Yett-Client", c.Client)
		setIfValid(h, "X-Yett-Scopes", scopes(c))
	}
	if g.config.Forward != "" {
		return
	}
	h.Del("Authorization")
	h.Del("Proxy-Authorization")
	for _, s := range x.Operation.API.Schemes {
		if s.Kind != api.APIKey {
			continue
		}
		switch s.In {
		case "header":
			h.Del(s.Param)
		case "query":
			x.Request.Query = withoutParam(x.Request.Query, s.Param)
		case "cookie":
			withoutCookie(h, s.Param)
		}
	}
}

// oursTo reports whether an upstream could take name for one of the fields in which the gateway says who calls.
func oursTo(name string) bool {
	const prefix = "x-yett-"
	if len(name) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		c := name[i]
		if c == '_' {
			c = '-'
		}
		if c != prefix[i] && c|0x20 != prefix[i] {
			return false
		}
	}
	return true
}

// scopes joins what c holds. One with a space in it would read as two, so it is left out: scopes of API keys have none
// (RFC 6749 section 3.3), another issuer's may hold anything.
func scopes(c *identity.Caller) string {
	for _, s := range c.Scopes {
		if strings.Contains(s, " ") {
			kept := slices.DeleteFunc(slices.Clone(c.Scopes), func(s string) bool { return strings.Contains(s, " ") })
			return strings.Join(kept, " ")
		}
	}
	return strings.Join(c.Scopes, " ")
}

// setIfValid leaves out a name that would break the framing. Names are checked when keys are made; another issuer's
// may hold anything.
func setIfValid(h *exchange.Header, name, value string) {
	if value != "" && exchange.ValidValue(value) {
		h.Set(name, value)
	}
}

// withoutParam cuts one parameter out of a raw query and leaves the rest as it was sent.
func withoutParam(query, name string) string {
	if !strings.Contains(query, name) && !strings.ContainsAny(query, "%+") {
		return query
	}
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		key, _, _ := strings.Cut(pair, "=")
		if plain, ok := unescape(key); ok && plain == name {
			continue
		}
		kept = append(kept, pair)
	}
	return strings.Join(kept, "&")
}

// withoutCookie cuts one cookie out of the Cookie fields.
func withoutCookie(h *exchange.Header, name string) {
	lines := h.Values("Cookie")
	if len(lines) == 0 {
		return
	}
	var kept []string
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.Trim(pair, " \t")
			if key, _, _ := strings.Cut(pair, "="); pair != "" && strings.TrimRight(key, " \t") != name {
				kept = append(kept, pair)
			}
		}
	}
	h.Del("Cookie")
	if len(kept) > 0 {
		h.Set("Cookie", strings.Join(kept, "; "))
	}
}

// inQuery refuses bearer tokens in the query (RFC 9700 section 4.3.2): they stand in logs and histories. A description
// may declare a parameter of that name for something else.
func inQuery(x *exchange.Exchange) error {
	q := x.Request.Query
	if !strings.ContainsAny(q, "kK%") { // most have neither the word nor an escape to hide it
		return nil
	}
	for pair := range strings.SplitSeq(q, "&") {
		key, _, _ := strings.Cut(pair, "=")
		if plain, ok := unescape(key); ok && strings.EqualFold(plain, "access_token") && !declares(x.Operation, plain) {
			return &problem.Error{Status: http.StatusBadRequest, Code: "credential_in_query",
				Detail: "A token belongs in the Authorization field, never in the address."}
		}
	}
	return nil
}

func declares(op *api.Operation, param string) bool {
	for _, p := range op.Params {
		if p.In == "query" && p.Name == param {
			return true
		}
	}
	return false
}

// unescape decodes a query key (application/x-www-form-urlencoded); ok is false for a broken escape.
func unescape(s string) (string, bool) {
	if !strings.ContainsAny(s, "%+") {
		return s, true
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '+':
			out = append(out, ' ')
		case '%':
			if i+2 >= len(s) {
				return "", false
			}
			b, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return "", false
			}
			out = append(out, byte(b))
			i += 2
		default:
			out = append(out, s[i])
		}
	}
	return string(out), true
}

// unauthenticated is the answer to nobody. Whoever guesses gets 429 after a while instead; a correct credential never
// comes here, so it cannot be locked out.
func (g *Guard) unauthenticated(x *exchange.Exchange, op *api.Operation) error {
	if _, tried := x.Request.Header.Lookup("Authorization"); tried && g.counters != nil {
		addr, err := x.ClientAddr()
		if err != nil {
			return &problem.Error{Status: http.StatusForbidden, Code: "address_unreadable", Detail: "This cannot be called.", Cause: err}
		}
		if addr.Is6() { // one caller commands all of a /64
			addr = netip.PrefixFrom(addr, 64).Masked().Addr()
		}
		taken, err := g.counters.Take(x.Context(), "authn/failed/"+addr.String(), store.Rate{Requests: failures, Per: time.Minute}, 1)
		if err != nil {
			return &problem.Error{Status: http.StatusServiceUnavailable, Code: "cannot_decide", Detail: "Who is calling cannot be decided now.", Cause: err}
		}
		if !taken.Allowed {
			seconds := max(1, int64((taken.RetryAfter+time.Second-1)/time.Second))
			return &problem.Error{Status: http.StatusTooManyRequests, Code: "too_many_failures",
				Detail: "Too many attempts from this address.", Header: []problem.Field{{Name: "Retry-After", Value: strconv.FormatInt(seconds, 10)}}}
		}
	}
	challenge, ok := g.challenges[op]
	if !ok {
		challenge = g.challenge(op)
	}
	return &problem.Error{Status: http.StatusUnauthorized, Code: "unauthenticated",
		Detail: "This needs a credential.", Header: challenge}
}

// failures is how many failing attempts an address has a minute.
const failures = 100

// challenge names every way to authenticate at op, once (RFC 9110 section 11.6.1).
func (g *Guard) challenge(op *api.Operation) []problem.Field {
	var out []problem.Field
	for _, req := range op.Security {
		for _, use := range req {
			f := problem.Field{Name: "WWW-Authenticate", Value: g.challengeFor(use.Scheme)}
			if !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	return out
}

func (g *Guard) challengeFor(s *api.Scheme) string {
	realm := fmt.Sprintf("realm=%q", g.config.Realm)
	switch s.Kind {
	case api.APIKey:
		if !exchange.ValidName(s.Param) {
			return "ApiKey " + realm
		}
		return fmt.Sprintf("ApiKey %s, in=%q, name=%q", realm, s.In, s.Param)
	case api.Bearer, api.OAuth2, api.OpenIDConnect:
		return "Bearer " + realm
	case api.Basic:
		return "Basic " + realm + `, charset="UTF-8"`
	case api.MutualTLS:
		return "ClientCertificate " + realm // no word is registered; RFC 9110 wants one in every 401
	}
	if !exchange.ValidName(s.HTTP) {
		return "Unknown " + realm
	}
	return s.HTTP + " " + realm
}

// insufficient is the answer to a caller who lacks a scope. Who could come with a token is told which one to ask for (RFC
// 6750 section 3.1); the description that names it is no secret of the API.
func (g *Guard) insufficient(op *api.Operation, scope string) error {
	p := &problem.Error{Status: http.StatusForbidden, Code: "insufficient_scope",
		Detail: "This credential does not hold the scope that is needed here.", Cause: fmt.Errorf("scope %q is not held", scope)}
	for _, req := range op.Security {
		for _, use := range req {
			if k := use.Scheme.Kind; k != api.Bearer && k != api.OAuth2 && k != api.OpenIDConnect {
				continue
			}
			v := fmt.Sprintf("Bearer realm=%q, error=\"insufficient_scope\"", g.config.Realm)
			if all := strings.Join(use.Scopes, " "); all != "" && !strings.ContainsFunc(all, notScope) {
				v += `, scope="` + all + `"`
			}
			p.Header = []problem.Field{{Name: "WWW-Authenticate", Value: v}}
			return p
		}
	}
	return p
}

// notScope reports what may not stand in a list of scopes (RFC 6749 section 3.3).
func notScope(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }
