// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package allowlist

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"

	"yett/api"
	"yett/practice"
	"yett/problem"
)

// routes are GET /explain/ip?address=&method=&path=&host=, whose answer is an Explanation.
func (ls *levels) routes() []practice.Route {
	return []practice.Route{{Pattern: "GET /explain/ip", Handler: http.HandlerFunc(ls.serve)}}
}

func (ls *levels) serve(w http.ResponseWriter, r *http.Request) {
	e, err := ls.answer(r)
	if err != nil {
		_ = problem.Write(w, "about:blank", problem.From(err)) // the client is gone; nobody is left to tell
		return
	}
	b, err := json.Marshal(e)
	if err != nil {
		_ = problem.Write(w, "about:blank", problem.From(err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(b, '\n'))
}

func (ls *levels) answer(r *http.Request) (*Explanation, error) {
	if len(ls.apis) == 0 {
		return nil, asked(http.StatusConflict, "not_serving", "No gateway runs here, so no list is in force.")
	}
	addr, err := netip.ParseAddr(r.FormValue("address"))
	if err != nil || addr.Zone() != "" {
		return nil, asked(http.StatusBadRequest, "address_unreadable", "The address is not one like 192.0.2.1 or 2001:db8::1.")
	}
	method, path := strings.ToUpper(r.FormValue("method")), r.FormValue("path")
	if method == "" && path == "" {
		return ls.explain(addr, nil, nil), nil
	}
	a, op, err := ls.find(method, r.FormValue("host"), path)
	switch {
	case err != nil:
		return nil, err
	case op == nil:
		return nil, asked(http.StatusNotFound, "undeclared_path", "No operation of this method and path is declared.")
	}
	return ls.explain(addr, a, op), nil
}

// find returns the operation of a path, or of a template of the description.
func (ls *levels) find(method, host, path string) (*api.API, *api.Operation, error) {
	for _, a := range ls.apis {
		for _, op := range a.Operations {
			if op.Method == method && a.BasePath+op.Path == path {
				return a, op, nil
			}
		}
	}
	canonical, _, _, err := api.Canonical(path)
	if err != nil {
		return nil, nil, nil
	}
	router, err := ls.router()
	if err != nil {
		return nil, nil, err
	}
	m, _ := router.Match(host, canonical, nil)
	return m.API, m.Operation(method), nil
}

func asked(status int, code, detail string) error {
	return &problem.Error{Status: status, Code: code, Detail: detail}
}
