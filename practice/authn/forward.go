// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"net/http"
	"slices"
	"strings"

	"yett/api"
	"yett/exchange"
	"yett/identity"
	"yett/problem"
)

// admit tells the upstream who calls, and takes the credentials away from it. X-Yett fields that came with the request were
// dropped when the exchange was made, whatever their spelling.
func (g *Guard) admit(x *exchange.Exchange, c *identity.Caller) error {
	x.Caller = c
	h := &x.Request.Header
	if c != nil {
		setIfValid(h, "X-Yett-Subject", c.Subject)
		setIfValid(h, "X-Yett-Client", c.Client)
		setIfValid(h, "X-Yett-Issuer", c.Issuer)
		setIfValid(h, "X-Yett-Scopes", scopes(c))
		if g.assertions != nil {
			text, err := g.assertions.Of(c, g.audience)
			if err != nil {
				return &problem.Error{Status: http.StatusServiceUnavailable, Code: "cannot_decide", Detail: "Who is calling cannot be told to the service now.", Cause: err}
			}
			h.Set("X-Yett-Identity", text)
		}
	}
	if g.config.Forward != "" {
		return nil
	}
	h.Del("Authorization")
	h.Del("Proxy-Authorization")
	h.Del("DPoP") // a proof for a token that is not there any more
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
	return nil
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
