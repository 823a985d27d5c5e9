// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"encoding/json"
	"net/http"

	"yett/practice"
	"yett/problem"
)

// routes are what yett serves below its admin API: GET /inventory, the Report.
func (inv *Inventory) routes() []practice.Route {
	return []practice.Route{{Pattern: "GET /inventory", Handler: http.HandlerFunc(inv.serveReport)}}
}

func (inv *Inventory) serveReport(w http.ResponseWriter, r *http.Request) {
	report, err := inv.Report(r.Context())
	var body []byte
	if err == nil {
		body, err = json.Marshal(report)
	}
	if err != nil {
		inv.log.Error("cannot tell the inventory", "err", err)
		_ = problem.Write(w, "about:blank", problem.From(err)) // the caller is gone: nobody is left to tell
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(body, '\n')) // the caller is gone: nobody is left to tell
}
