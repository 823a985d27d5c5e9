// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"net/url"
	"strings"

	"yett/api"
	"yett/exchange"
	"yett/problem"
)

// A place is where a description says that a key is presented.
type place struct {
	schemes []string // their names in the description: several may read the same place
	in      string   // header, query or cookie
	name    string
	// shared says that bearer tokens and the like stand in the same field, so only what looks like a key is ours.
	shared bool
}

// placesOf lists the places of op, each once.
func placesOf(op *api.Operation) []place {
	var out []place
	authorization := false // another scheme reads the Authorization field
	seen := make(map[*api.Scheme]bool)
	for _, r := range op.Security {
		for _, use := range r {
			s := use.Scheme
			switch {
			case seen[s]:
			case s.Kind == api.APIKey:
				out = addPlace(out, s)
			case s.Kind != api.MutualTLS:
				authorization = true
			}
			seen[s] = true
		}
	}
	for i := range out {
		out[i].shared = authorization && out[i].in == "header" && strings.EqualFold(out[i].name, "Authorization")
	}
	return out
}

func addPlace(places []place, s *api.Scheme) []place {
	for i := range places {
		p := &places[i]
		if p.in == s.In && p.name == s.Param {
			p.schemes = append(p.schemes, s.Name)
			return places
		}
	}
	return append(places, place{schemes: []string{s.Name}, in: s.In, name: s.Param})
}

// challenge is what a 401 must carry (RFC 9110 section 11.6.1). No scheme is registered for keys in a field of their own;
// ApiKey is the word in common use.
func (p *place) challenge() []problem.Field {
	v := `ApiKey realm="api"`
	if exchange.ValidName(p.name) {
		v += `, in="` + p.in + `", name="` + p.name + `"`
	}
	return []problem.Field{{Name: "WWW-Authenticate", Value: v}}
}

// take returns what is presented at p and how often. From the query and from cookies it is removed: there it would reach
// the upstream's logs. From a header it is removed by package authn, which knows whether it may be forwarded.
func (p *place) take(x *exchange.Exchange) (presented string, n int) {
	switch p.in {
	case "header":
		return p.fromHeader(&x.Request.Header)
	case "query":
		x.Request.Query, presented, n = cutQuery(x.Request.Query, p.name)
	case "cookie":
		presented, n = cutCookie(&x.Request.Header, p.name)
	}
	return presented, n
}

func (p *place) fromHeader(h *exchange.Header) (string, int) {
	v, ok := h.Lookup(p.name)
	if !ok {
		return "", 0
	}
	if n := h.Count(p.name); n > 1 {
		return "", n
	}
	if !strings.EqualFold(p.name, "Authorization") {
		return v, 1
	}
	scheme, rest, ok := strings.Cut(v, " ")
	if ok && (strings.EqualFold(scheme, "ApiKey") || strings.EqualFold(scheme, "Bearer")) {
		v = rest
	}
	if p.shared && !strings.HasPrefix(v, prefix) {
		return "", 0
	}
	return v, 1
}

// cutQuery removes the parameter name from a raw query, leaving every other byte as it is, and returns its last value.
// A value that cannot be decoded is returned as it stands: no key looks like it.
func cutQuery(query, name string) (rest, value string, n int) {
	for pair := range strings.SplitSeq(query, "&") {
		if k, v, _ := strings.Cut(pair, "="); decoded(k) == name {
			value = decoded(v)
			n++
		}
	}
	if n == 0 {
		return query, "", 0
	}
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		if k, _, _ := strings.Cut(pair, "="); decoded(k) != name {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&"), value, n
}

func decoded(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	if d, err := url.QueryUnescape(s); err == nil {
		return d
	}
	return s
}

// cutCookie removes the cookie name (RFC 6265 section 4.2) and returns its last value. HTTP/2 may split the field.
func cutCookie(h *exchange.Header, name string) (value string, n int) {
	var kept []string
	for _, line := range h.Values("Cookie") {
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.Trim(pair, " \t")
			if k, v, _ := strings.Cut(pair, "="); strings.TrimRight(k, " \t") == name {
				value = strings.Trim(v, " \t")
				n++
			} else if pair != "" {
				kept = append(kept, pair)
			}
		}
	}
	switch {
	case n == 0:
	case len(kept) == 0:
		h.Del("Cookie")
	default:
		h.Set("Cookie", strings.Join(kept, "; "))
	}
	return value, n
}
