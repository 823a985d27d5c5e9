// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package inventory_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"yett/api"
	"yett/practice/inventory"
	"yett/store/sqlite"
)

// A handler that answers what its description declares, and an inventory of what was called.
func Example() {
	dir, err := os.MkdirTemp("", "inventory")
	if err != nil {
		fmt.Println(err)
		return
	}
	db, err := sqlite.Open(context.Background(), filepath.Join(dir, "counts.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() {
		if err := db.Close(); err != nil {
			fmt.Println(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			fmt.Println(err)
		}
	}()
	notes, _, err := api.Load("testdata/notes.openapi.yaml", api.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	config := inventory.Config{Disable: inventory.Disable{Operations: []string{"export"}}}
	inv, err := inventory.New(config, inventory.Options{APIs: []*api.API{notes}, Store: db})
	if err != nil {
		fmt.Println(err)
		return
	}

	handler := inv.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for _, call := range [][2]string{{"GET", "/v1/notes/7"}, {"POST", "/v1/export"}, {"GET", "/v1/notes/7/history"}, {"GET", "/v1/drafts/7"}} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(call[0], call[1], nil))
		fmt.Println(call[0], call[1], w.Code)
	}
	report, err := inv.Report(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, o := range report.Operations {
		fmt.Println(o.State, o.ID, o.Calls)
	}
	for _, s := range report.Shadow {
		fmt.Println("shadow", s.Method, s.Path, s.Calls)
	}
	// Output:
	// GET /v1/notes/7 200
	// POST /v1/export 404
	// GET /v1/notes/7/history 200
	// GET /v1/drafts/7 404
	// declared getNote 1
	// orphan putNote 0
	// zombie oldHistory 1
	// disabled export 0
	// orphan debugNotes 0
	// orphan getRaw 0
	// shadow GET /v1/drafts/{…} 1
}
