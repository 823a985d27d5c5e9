// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"yett/api"
	"yett/exchange"
	"yett/store"
	"yett/store/sqlite"
)

func notes(t testing.TB) *api.API {
	t.Helper()
	a, _, err := api.Load("testdata/notes.openapi.yaml", api.Options{Name: "notes"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func openStore(t testing.TB, path string) *store.DB {
	t.Helper()
	db, err := sqlite.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func newStore(t testing.TB) *store.DB {
	t.Helper()
	return openStore(t, filepath.Join(t.TempDir(), "yett.db"))
}

func inventoryOn(t testing.TB, db *store.DB, c Config) *Inventory {
	t.Helper()
	inv, err := New(c, Options{APIs: []*api.API{notes(t)}, Store: db})
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func newInventory(t testing.TB, c Config) *Inventory {
	t.Helper()
	return inventoryOn(t, newStore(t), c)
}

// An upstream counts what reaches it.
type upstream struct{ reached int }

func (u *upstream) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	u.reached++
	w.WriteHeader(http.StatusOK)
}

func call(h http.Handler, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// called is the record of a call of an operation by who; nobody if that is "".
func called(op *api.Operation, who, code string) exchange.Record {
	r := exchange.Record{Time: noon, API: op.API.Name, Operation: op.ID, Method: op.Method, Client: who, Code: code, Status: 200, Reached: code == ""}
	if code != "" {
		r.Status = 401
	}
	return r
}

// invented is the record of a call of what is not declared.
func invented(method, path string) exchange.Record {
	return exchange.Record{Time: noon, Method: method, Seen: method + " " + path, Code: "undeclared_path", Status: 404}
}

func report(t testing.TB, inv *Inventory) Report {
	t.Helper()
	r, err := inv.Report(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r Report) operation(t testing.TB, id string) Operation {
	t.Helper()
	for _, o := range r.Operations {
		if o.ID == id {
			return o
		}
	}
	t.Fatalf("no operation %s in %+v", id, r.Operations)
	return Operation{}
}

func (r Report) shape(method, path string) Shadow {
	for _, s := range r.Shadow {
		if s.Method == method && s.Path == path {
			return s
		}
	}
	return Shadow{}
}
