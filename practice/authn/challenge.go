// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"yett/api"
	"yett/exchange"
	"yett/problem"
)

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
