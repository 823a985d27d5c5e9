// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"slices"
	"strings"

	"yett/internal/source"
)

// AssumedHeader is the field that carries yett's own API key where a description has no security of its own.
const AssumedHeader = "X-API-Key"

const publicHint = `add security, or security: [] with x-yett-public: "reason"`

// schemes reads components.securitySchemes and the security of the whole description.
func (l *loader) schemes(root *source.Node) {
	l.security = root.Get("security")
	all := root.Get("components").Get("securitySchemes")
	if all != nil && all.Kind == source.Mapping {
		for i, k := range all.Keys {
			if n, ok := l.follow(all.Items[i], "scheme "+k.Text+": "); ok {
				if s := l.scheme(k.Text, n); s != nil {
					l.api.Schemes[k.Text] = s
				}
			}
		}
	}
	if all != nil && len(all.Keys) > 0 || l.security != nil || asksSomewhere(root.Get("paths")) {
		return
	}
	l.api.AssumedKey = true
	l.api.Schemes[AssumedHeader] = &Scheme{
		Name: AssumedHeader, Kind: APIKey, In: "header", Param: AssumedHeader, Assumed: true, Where: root,
	}
}

// asksSomewhere reports whether an operation asks for a credential of a scheme. security: [] does not.
func asksSomewhere(paths *source.Node) bool {
	if paths == nil {
		return false
	}
	for _, item := range paths.Items {
		for _, op := range valuesOf(item) {
			if s := op.Get("security"); s != nil && len(s.Items) > 0 {
				return true
			}
		}
	}
	return false
}

func (l *loader) scheme(name string, n *source.Node) *Scheme {
	s := &Scheme{Name: name, Where: n, Scopes: l.texts(l.word(n, "x-yett-scopes"), "x-yett-scopes")}
	bad := func(at *source.Node, hint, format string, args ...any) *Scheme {
		if at == nil {
			at = n
		}
		l.fail(at, hint, "scheme %s: %s", name, fmt.Sprintf(format, args...))
		return nil
	}
	switch typ := l.text(n, "type"); typ {
	case "apiKey":
		s.Kind, s.In, s.Param = APIKey, l.text(n, "in"), l.text(n, "name")
		if s.In != "header" && s.In != "query" && s.In != "cookie" {
			return bad(n.Get("in"), "", "in is %q, want header, query or cookie", s.In)
		}
		if s.Param == "" || s.In != "query" && !isToken(s.Param) {
			return bad(n.Get("name"), "", "name %q is no name of a %s", s.Param, s.In)
		}
	case "http":
		s.HTTP = strings.ToLower(l.text(n, "scheme"))
		switch s.HTTP {
		case "":
			return bad(nil, "add scheme: bearer", "an http scheme says which")
		case "bearer":
			s.Kind = Bearer
		case "basic":
			s.Kind = Basic
		default:
			s.Kind = OtherHTTP
		}
	case "oauth2":
		s.Kind = OAuth2
		for _, flow := range valuesOf(n.Get("flows")) {
			if scopes := flow.Get("scopes"); scopes != nil && scopes.Kind == source.Mapping {
				for _, k := range scopes.Keys {
					if !slices.Contains(s.Scopes, k.Text) {
						s.Scopes = append(s.Scopes, k.Text)
					}
				}
			}
		}
	case "openIdConnect":
		s.Kind, s.Issuer = OpenIDConnect, l.text(n, "openIdConnectUrl")
		if s.Issuer == "" {
			return bad(nil, "", "openIdConnectUrl is missing")
		}
	case "mutualTLS":
		s.Kind = MutualTLS
	default:
		hint := ""
		if near := nearest(typ, []string{"apiKey", "http", "oauth2", "openIdConnect", "mutualTLS"}); near != "" {
			hint = "did you mean " + near + "?"
		}
		return bad(n.Get("type"), hint, "type %q is unknown", typ)
	}
	return s
}

// authorize decides who may call op: what node says, what its twin says, what the whole description says.
func (l *loader) authorize(op *Operation, node *source.Node) {
	twin := l.twins[op.ID]
	public := l.word(node, "x-yett-public")
	if public != nil {
		op.Public = strings.TrimSpace(public.Text)
		if public.Kind != source.String || op.Public == "" {
			l.fail(public, `x-yett-public: "reason"`, "operation %s: x-yett-public gives no reason", op.ID)
			return
		}
	}
	scopes := l.texts(l.word(node, "x-yett-scopes"), "x-yett-scopes")
	for _, s := range twin.Scopes {
		if !slices.Contains(scopes, s) {
			scopes = append(scopes, s)
		}
	}

	security := node.Get("security")
	own := security != nil
	if !own {
		security = l.security
	}
	where := node
	if own {
		where = node.Key("security")
	}
	switch {
	case twin.Public != "":
		// The operator's word, with a reason, is stronger than the description: that is what it is for.
		op.Public = twin.Public
		if security != nil && len(security.Items) > 0 {
			l.warn(where, twin.Public, "operation %s: public by configuration, although the description asks for a credential", op.ID)
		}
	case security != nil && security.Kind != source.Sequence:
		l.fail(security, "", "operation %s: security is a %s, want a list", op.ID, security.Kind)
		return
	case security == nil && op.Public == "" && l.api.AssumedKey:
		op.Security = []Requirement{{{Scheme: l.api.Schemes[AssumedHeader]}}}
	case security == nil && op.Public == "":
		l.fail(node, publicHint, "operation %s: no security and not marked public", op.ID)
		return
	case security != nil && len(security.Items) == 0 && op.Public == "":
		l.fail(where, `add x-yett-public: "reason", or name a scheme`, "operation %s: security is empty and there is no reason for it", op.ID)
		return
	case security != nil && len(security.Items) > 0:
		if !l.requirements(op, security, own) {
			return
		}
	}
	l.scopes(op, node, scopes)
}

// requirements reads a security list that is not empty.
func (l *loader) requirements(op *Operation, security *source.Node, own bool) bool {
	ok, anonymous := true, false
	for _, alternative := range security.Items {
		if alternative.Kind != source.Mapping {
			l.fail(alternative, "", "operation %s: security holds a %s, want mappings of schemes", op.ID, alternative.Kind)
			return false
		}
		r := Requirement{}
		for i, k := range alternative.Keys {
			s := l.api.Schemes[k.Text]
			if s == nil {
				hint := "describe it under components.securitySchemes"
				if near := nearest(k.Text, keysOf(l.api.Schemes)); near != "" {
					hint = "did you mean " + near + "?"
				}
				l.fail(k, hint, "security names the scheme %s, which is not described", k.Text)
				ok = false
				continue
			}
			scopes := l.texts(alternative.Items[i], "security: "+k.Text)
			if s.Kind == OAuth2 {
				for _, scope := range scopes {
					if !slices.Contains(s.Scopes, scope) {
						l.warn(k, "", "no flow of the scheme %s lists the scope %s", k.Text, scope)
					}
				}
			}
			r = append(r, Use{Scheme: s, Scopes: scopes})
		}
		anonymous = anonymous || len(alternative.Keys) == 0
		op.Security = append(op.Security, r)
	}
	switch {
	case anonymous && op.Public == "":
		l.fail(security, `take {} out, or add x-yett-public: "reason"`, "operation %s: {} in security lets everybody in, and there is no reason for it", op.ID)
		return false
	case !anonymous && op.Public != "" && own:
		l.fail(security, "take one of them out", "operation %s: x-yett-public beside security that asks for a credential", op.ID)
		return false
	case !anonymous && op.Public != "":
		l.fail(op.Where, "add security: [] beside it", "operation %s: x-yett-public beside the security of the whole description", op.ID)
		return false
	}
	return ok
}

// scopes adds what x-yett-scopes names to every API key that op takes.
func (l *loader) scopes(op *Operation, node *source.Node, scopes []string) {
	if len(scopes) == 0 {
		return
	}
	used := false
	for _, r := range op.Security {
		for i := range r {
			if r[i].Scheme.Kind != APIKey {
				continue
			}
			used = true
			for _, s := range scopes {
				if !slices.Contains(r[i].Scopes, s) {
					// Requirements of the whole description are read anew for every operation: nothing is shared.
					r[i].Scopes = append(r[i].Scopes, s)
				}
			}
		}
	}
	if !used {
		at := node.Key("x-yett-scopes")
		if at == nil {
			at = node
		}
		l.fail(at, "name scopes in security, beside the scheme", "operation %s: x-yett-scopes, but no API key that could carry them", op.ID)
	}
}
