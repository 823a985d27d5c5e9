// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yett/alert"
	"yett/api"
	"yett/exchange"
	"yett/identity"
	"yett/jsonstream"
	"yett/problem"
)

// clinic is the description that most tests share.
func clinic(t testing.TB) *api.API {
	t.Helper()
	a, _, err := api.Load("testdata/clinic.openapi.yaml", api.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// thing is a description whose one operation answers with a schema, and takes any JSON; it may have more components.
func thing(schema string, components ...string) string {
	return `{"openapi":"3.1.0","info":{"title":"t","version":"1"},
"components":{` + strings.Join(append(components, ""), ",") + `"securitySchemes":{"key":{"type":"apiKey","in":"header","name":"K","x-yett-scopes":["a","b"]}}},"paths":{"/things":{"post":{"operationId":"things",
"security":[],"x-yett-public":"test","requestBody":{"content":{"application/json":{"schema":{}}}},
"responses":{"200":{"description":"d","content":{"application/json":{"schema":` + schema + `}}}}}}}}`
}

func described(t testing.TB, schema string, components ...string) *api.API {
	t.Helper()
	a := loadText(t, thing(schema, components...))
	if a == nil {
		t.Fatal("the description is refused")
	}
	return a
}

// A rig is a service behind expose, and nothing else.
type rig struct {
	*Exposer
	handler http.Handler
	caller  *identity.Caller
	board   *alert.Board
	log     bytes.Buffer

	// what the service answers, and what reached it
	status      int
	contentType string
	body        string
	reached     bool
}

func newRig(t testing.TB, a *api.API, change func(*Config)) *rig {
	t.Helper()
	c := Defaults()
	if change != nil {
		change(&c)
	}
	r := &rig{status: http.StatusOK, contentType: "application/json", board: new(alert.Board)}
	e, err := New(c, a, Options{Key: bytes.Repeat([]byte("k"), keySize), Alerts: r.board, Log: slog.New(slog.NewTextHandler(&r.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	router, err := api.NewRouter(a)
	if err != nil {
		t.Fatal(err)
	}
	route := func(x *exchange.Exchange) error {
		m, params := router.Match(x.Request.Host, x.Request.Path, x.Request.Params)
		if x.Request.Params, x.Operation = params, m.Operation(x.Request.Method); x.Operation == nil {
			return &problem.Error{Status: http.StatusNotFound, Code: "undeclared", Detail: "There is nothing here."}
		}
		x.Operation.NameParams(params)
		x.Caller = r.caller
		return nil
	}
	service := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		r.reached = true
		w.Header().Set("Content-Type", r.contentType)
		w.WriteHeader(r.status)
		_, _ = w.Write([]byte(r.body)) // the recorder takes it
	})
	r.Exposer = e
	r.handler = exchange.Middleware(e.Handler(service), route)
	return r
}

// ask sends a request as a caller. Each field is "Name: value".
func (r *rig) ask(t testing.TB, caller *identity.Caller, method, target, body string, fields ...string) (status int, text string) {
	t.Helper()
	r.caller, r.reached = caller, false
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	if body == "" {
		req = httptest.NewRequest(method, target, nil)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		req.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	return w.Code, w.Body.String()
}

// answer is what a caller gets of a good answer of an operation.
func (r *rig) answer(t testing.TB, caller *identity.Caller, target, body string) string {
	t.Helper()
	r.body = body
	_, text := r.ask(t, caller, http.MethodGet, target, "")
	return text
}

// holding is a caller with scopes.
func holding(scopes ...string) *identity.Caller {
	return &identity.Caller{Subject: "greta", Client: "app", Scopes: scopes}
}

func jsonField(name, value string) string { return `{"` + name + `":` + value + `}` }

// claims are those of a token, as package token reads them.
func claims(t testing.TB, text string) map[string]any {
	t.Helper()
	var doc jsonstream.Doc
	if err := doc.Parse([]byte(text), jsonstream.Limits{}); err != nil {
		// The reader of tokens refuses numbers beyond all numbers; a program that makes callers may not.
		return map[string]any{"level": json.Number("1e999")}
	}
	m, _ := jsonstream.Any(&doc, doc.Root()).(map[string]any)
	return m
}

// loadRaw is described for schemas of one member that may be refused where the description is read.
func loadRaw(t testing.TB, schema string) *api.API {
	t.Helper()
	return loadText(t, thing(jsonField("properties", jsonField("v", schema))))
}

// record is what remains of an exchange.
func (r *rig) record(t testing.TB, caller *identity.Caller, method, target string) (rec exchange.Record) {
	t.Helper()
	r.caller = caller
	s := &exchange.Server{Observe: []func(exchange.Record){func(got exchange.Record) { rec = got }}}
	s.Around(r.handler).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, target, nil))
	return rec
}

// loadText reads a description; nil where it is refused because of a word of yett's.
func loadText(t testing.TB, text string) *api.API {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.openapi.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	a, _, err := api.Load(path, api.Options{})
	if err != nil {
		if !strings.Contains(err.Error(), "x-yett") {
			t.Fatal(err)
		}
		return nil
	}
	return a
}
