// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"net/http"
	"slices"
	"strings"

	"yett/api"
	"yett/exchange"
)

// offered is what an answer to a preflight allows: the methods of op's path, and the fields of the operation that is
// asked for. The fields are nil where the method is not declared.
func (p *Policy) offered(op *api.Operation, method string) (methods, headers []string) {
	if op == nil {
		if slices.Contains(p.methods, method) {
			headers = append([]string{}, p.config.Headers...)
		}
		return p.methods, headers
	}
	here := shape(op.Path)
	for _, o := range op.API.Operations {
		// An operation with a policy of its own answers for itself: browsers remember the methods for the whole path, and
		// what is remembered here would go round the narrower list there.
		if shape(o.Path) != here || !p.governs(o) {
			continue
		}
		methods = add(methods, o.Method)
		if o.Method == http.MethodGet {
			methods = add(methods, http.MethodHead)
		}
	}
	if op.Method == method || op.Method == http.MethodGet && method == http.MethodHead {
		headers = p.sendable(op)
	}
	return methods, headers
}

// sendable lists the fields that a page may send with op: what the description declares, and no other.
func (p *Policy) sendable(op *api.Operation) []string {
	names := []string{}
	if op.Body != nil {
		names = add(names, "Content-Type")
	}
	for _, param := range op.Params {
		if param.In == "header" {
			names = add(names, param.Name)
		}
	}
	for _, requirement := range op.Security {
		for _, use := range requirement {
			switch s := use.Scheme; s.Kind {
			case api.APIKey:
				if s.In == "header" {
					names = add(names, s.Param)
				}
			case api.Bearer, api.Basic, api.OAuth2, api.OpenIDConnect, api.OtherHTTP:
				names = add(names, "Authorization")
			}
		}
	}
	for _, name := range p.config.Headers {
		names = add(names, name)
	}
	return names
}

// ours are fields that the gateway itself writes for callers.
var ours = []string{"RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate", "Deprecation", "Sunset", "Allow"}

// readable lists the fields of an answer that a page may read besides those that browsers always show: our own, what the
// description declares, and what is configured. Only names that the answer really has.
func (p *Policy) readable(op *api.Operation, h *exchange.Header) []string {
	var names []string
	take := func(name string) {
		if h.Count(name) > 0 {
			names = add(names, name)
		}
	}
	for _, name := range ours {
		take(name)
	}
	if op != nil {
		for _, r := range op.Responses {
			for _, field := range r.Headers {
				take(field.Name)
			}
		}
	}
	for _, name := range p.config.Expose {
		take(name)
	}
	return names
}

// add appends name unless it is there in whatever case.
func add(names []string, name string) []string {
	if slices.ContainsFunc(names, func(have string) bool { return strings.EqualFold(have, name) }) {
		return names
	}
	return append(names, name)
}

// shape is a template without the names of its parameters: /orders/{id} and /orders/{number} are one path.
func shape(template string) string {
	var b strings.Builder
	for template != "" {
		open := strings.IndexByte(template, '{')
		if open < 0 {
			break
		}
		end := strings.IndexByte(template[open:], '}')
		if end < 0 {
			break
		}
		b.WriteString(template[:open])
		b.WriteString("{}")
		template = template[open+end+1:]
	}
	b.WriteString(template)
	return b.String()
}
