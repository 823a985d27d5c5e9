// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"encoding/json"
	"net/http"
	"strings"

	"yett/practice"
	"yett/problem"
)

func (t *table) routes() []practice.Route {
	return []practice.Route{{Pattern: "GET /explain/cors", Handler: http.HandlerFunc(t.serve)}}
}

// serve answers GET /explain/cors?origin=&method=&path=&host=.
func (t *table) serve(w http.ResponseWriter, r *http.Request) {
	e, err := t.explain(r.FormValue("origin"), strings.ToUpper(r.FormValue("method")), r.FormValue("host"), r.FormValue("path"))
	if err != nil {
		_ = problem.Write(w, "about:blank", &problem.Error{Status: http.StatusBadRequest, Code: "path_unreadable", Detail: err.Error()})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(e) // the client is gone: nobody is left to tell
}
