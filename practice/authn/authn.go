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
	"net/http"
	"net/netip"
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
	users      *Users
	holders    *holders
	assertions *Assertions
	audience   string
}

// Options are collaborators; the zero value works.
type Options struct {
	// Counters bound failing attempts by address. Nil: they are not bounded.
	Counters store.Counters
	// API is the description whose operations are guarded; their challenges are made once. Nil: they are made as needed.
	API *api.API
	// Users may log in with passwords where an operation declares HTTP Basic. Nil: nobody can.
	Users *Users
	// Assertions tell the upstream who calls, signed. Nil: it is told in fields that anybody could write who reaches it.
	Assertions *Assertions
}

// New makes a Guard of a Config that Validate accepts, or of the zero Config.
func New(c Config, o Options) *Guard {
	c.Realm = cmp.Or(c.Realm, DefaultRealm)
	g := &Guard{config: c, counters: o.Counters, users: o.Users, holders: newHolders(c.Certificates), assertions: o.Assertions, audience: c.Identity.Audience}
	if g.audience == "" && o.API != nil {
		g.audience = o.API.Name
	}
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
	if err := g.basic(x, op); err != nil {
		return err
	}
	g.certificate(x, op)
	lacking := ""
	for _, req := range op.Security {
		caller, missing := met(req, x.Credentials)
		if caller != nil {
			return g.admit(x, caller)
		}
		if missing != "" && lacking == "" {
			lacking = missing
		}
	}
	if op.Public != "" {
		// Nothing is described, or {} beside something: whoever has a good credential may show it, nobody must.
		x.Note("public")
		return g.admit(x, first(x.Credentials))
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
		caller = together(caller, c)
	}
	if missing != "" {
		return nil, missing
	}
	return caller, ""
}

// together is the caller of two credentials that are asked for at once: a key says which program calls, the other one for
// whom. What the upstream is told of subject and scopes comes from the latter; limits by key and by client go on holding.
func together(a, b *identity.Caller) *identity.Caller {
	switch {
	case a == nil || a == b:
		return b
	case a.Key != "" && b.Key == "":
		a, b = b, a
	case b.Key == "":
		return a // two of a kind: the first in the order of the description
	}
	c := *a
	c.Key, c.Client = b.Key, b.Client
	return &c
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
