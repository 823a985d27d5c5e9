// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"yett/api"
	"yett/exchange"
	"yett/identity"
	"yett/problem"
)

func office(t testing.TB) *api.API {
	t.Helper()
	a, _, err := api.Load("testdata/office.openapi.yaml", api.Options{})
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
		if x.Request.Params, x.Operation = params, m.Operation(x.Request.Method); x.Operation == nil {
			return &problem.Error{Status: http.StatusNotFound, Code: "undeclared", Detail: "There is nothing here."}
		}
		return nil
	}
}

// with makes a step that finds credentials as if it had verified them: "scheme client scope scope".
func with(credentials ...string) exchange.Step {
	return func(x *exchange.Exchange) error {
		for _, c := range credentials {
			words := strings.Fields(c)
			x.Credentials = append(x.Credentials, identity.Credential{Scheme: words[0], Caller: &identity.Caller{
				Subject: words[1], Client: words[1], Issuer: "yett", Scopes: words[2:],
			}})
		}
		return nil
	}
}

// An answer is what a caller sees.
type answer struct {
	status     int
	code       string
	retryAfter string
	challenges []string
}

// An upstream remembers what reached it.
type upstream struct {
	reached bool
	header  http.Header
	query   string
}

func (u *upstream) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	x, _ := exchange.From(r.Context())
	*u = upstream{true, r.Header, x.Request.Query}
}

// ask sends a GET through steps. Each field is "Name: value".
func ask(t testing.TB, target string, fields []string, steps ...exchange.Step) (answer, *upstream) {
	t.Helper()
	r := httptest.NewRequest("GET", target, nil)
	for _, f := range fields {
		if name, value, _ := strings.Cut(f, ": "); name == "From" {
			r.RemoteAddr = value
		} else {
			r.Header[name] = append(r.Header[name], value)
		}
	}
	w, up := httptest.NewRecorder(), new(upstream)
	exchange.Middleware(up, steps...).ServeHTTP(w, r)
	a := answer{status: w.Code, retryAfter: w.Header().Get("Retry-After"), challenges: w.Header()["Www-Authenticate"]}
	if w.Code >= 400 {
		var p struct{ Code string }
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatalf("%s: %d without a problem: %s", target, w.Code, w.Body)
		}
		a.code = p.Code
	}
	return a, up
}
