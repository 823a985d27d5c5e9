// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"net/http"
	"strings"

	"yett/exchange"
	"yett/problem"
)

// route finds the operation of a request. What the descriptions do not declare does not exist.
func (gen *generation) route(x *exchange.Exchange) (*exchange.Chain, error) {
	req := &x.Request
	if req.Path == "*" { // OPTIONS *: asks for the server, not for a resource
		return nil, exchange.Reply(http.StatusNoContent, nil, nil)
	}
	m, params := gen.router.Match(req.Host, req.Path, req.Params)
	req.Params = params
	asked := req.Method
	if preflight := asksLeave(x); preflight != "" {
		asked = preflight
	}
	op := m.Operation(asked)
	if op == nil && req.Ambiguity != 0 {
		return nil, exchange.Ambiguous(req.Ambiguity)
	}
	nothing := gen.undeclared[m.API]
	if m.Path == "" {
		return nothing, &problem.Error{Status: http.StatusNotFound, Code: "undeclared_path", Detail: "There is nothing here."}
	}
	if asked != req.Method {
		if op == nil {
			op = m.First() // the answer says which methods are declared
		}
		if chain := gen.preflights[op]; chain != nil {
			op.NameParams(req.Params)
			return chain, nil
		}
		op = m.Operation(req.Method)
	}
	// TRACE shows a caller what proxies added; a description that declares it does not make it safe.
	if op == nil || req.Method == http.MethodTrace || req.Method == http.MethodConnect {
		allow := m.Allow()
		if req.Method == http.MethodOptions {
			return nothing, exchange.Reply(http.StatusNoContent, []exchange.Field{{Name: "Allow", Value: allow}}, nil)
		}
		return nothing, &problem.Error{Status: http.StatusMethodNotAllowed, Code: "undeclared_method",
			Detail: "This method is not offered here.", Header: []problem.Field{{Name: "Allow", Value: allow}}}
	}
	op.NameParams(req.Params)
	return gen.chains[op], nil
}

// asksLeave returns the method that a browser asks leave for, "" if the request is no preflight (Fetch section 4.8).
func asksLeave(x *exchange.Exchange) string {
	if x.Request.Method != http.MethodOptions {
		return ""
	}
	if _, ok := x.Request.Header.Lookup("Origin"); !ok {
		return ""
	}
	return x.Request.Header.Get("Access-Control-Request-Method")
}

// ownSocket is the step that stands in for cors where that is off: no other origin's page opens a WebSocket. Browsers
// always send Origin (RFC 6455 section 10.2) and apply no other rule to WebSockets; other clients send none.
func ownSocket(x *exchange.Exchange) error {
	origin, ok := x.Request.Header.Lookup("Origin")
	if !ok || !x.Operation.WebSocket || x.Request.Upgrade != "websocket" {
		return nil
	}
	host := x.Request.Host
	if x.Request.Port != "" {
		host += ":" + x.Request.Port
	}
	if strings.EqualFold(origin, x.Request.Scheme+"://"+host) {
		return nil
	}
	return &problem.Error{Status: http.StatusForbidden, Code: "origin_refused",
		Detail: "Pages of this origin may not open a WebSocket here."}
}
