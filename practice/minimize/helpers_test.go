// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package minimize

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"yett/api"
	"yett/exchange"
	"yett/identity"
	"yett/problem"
)

// store is a description with answers of every kind.
func store(t testing.TB) *api.API {
	t.Helper()
	a, _, err := api.Load("testdata/store.openapi.yaml", api.Options{Name: "store"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// route makes a step that finds the operation of a request.
func route(t testing.TB, a *api.API) exchange.Step {
	t.Helper()
	r, err := api.NewRouter(a)
	if err != nil {
		t.Fatal(err)
	}
	return func(x *exchange.Exchange) error {
		m, params := r.Match(x.Request.Host, x.Request.Path, x.Request.Params)
		method := x.Request.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		if x.Request.Params, x.Operation = params, m.Operation(method); x.Operation == nil {
			return &problem.Error{Status: http.StatusNotFound, Code: "undeclared", Detail: "There is nothing here."}
		}
		if x.Request.Header.Count("X-Known") > 0 {
			x.Caller = &identity.Caller{Client: "test"}
		}
		return nil
	}
}

// A canned answer of the API.
type canned struct {
	status int
	fields []string // "Name: value"
	body   string
}

// An asked is what a caller got, and what the record says.
type asked struct {
	status int
	header http.Header
	body   string
	code   string // of a problem document
	record exchange.Record
	query  string // that reached the API; "none" where nothing did
}

// notes joins what the practice noted.
func (a asked) notes() string {
	var all []string
	for _, d := range a.record.Decisions {
		if d.Practice == name && (d.Note != "" || d.Outcome == exchange.Observed) {
			all = append(all, strings.TrimSpace(d.Outcome.String()+" "+d.Code+": "+d.Note))
		}
	}
	return strings.Join(all, "; ")
}

// A scene is the store behind a Minimizer.
type scene struct {
	t *testing.T
	m *Minimizer
}

func guard(t *testing.T, c Config) *scene {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return &scene{t: t, m: New(c)}
}

// ask sends a request, "GET /people" with fields behind it, whose answer is given.
func (s *scene) ask(request string, up canned, fields ...string) asked {
	s.t.Helper()
	got := asked{query: "none"}
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.query = ""
		if x, ok := exchange.From(r.Context()); ok {
			got.query = x.Request.Query
		}
		for _, f := range up.fields {
			name, value, _ := strings.Cut(f, ": ")
			w.Header().Add(name, value)
		}
		w.WriteHeader(up.status)
		_, _ = io.WriteString(w, up.body)
	})
	server := &exchange.Server{Observe: []func(exchange.Record){func(r exchange.Record) { got.record = r }}}
	h := server.Around(exchange.Middleware(s.m.Handler(next), route(s.t, store(s.t))))
	method, target, _ := strings.Cut(request, " ")
	r := httptest.NewRequest(method, "https://store.example.org"+target, nil)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	got.status, got.header, got.body = w.Code, w.Header(), w.Body.String()
	if w.Header().Get("Content-Type") == problem.ContentType {
		var doc struct{ Code string }
		if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil && method != http.MethodHead {
			s.t.Fatalf("%s: %v: %s", request, err, got.body)
		}
		got.code = doc.Code
	}
	return got
}

const asJSON = "Content-Type: application/json"
