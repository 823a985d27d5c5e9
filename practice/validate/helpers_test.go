// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package validate

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"yett/api"
	"yett/exchange"
	"yett/problem"
)

// library is a description that has what the shop's has not.
func library(t testing.TB) *api.API {
	t.Helper()
	a, _, err := api.Load("testdata/library.openapi.yaml", api.Options{})
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
		x.Operation.NameParams(params)
		return nil
	}
}

// An upstream remembers what reached it.
type upstream struct {
	reached bool
	header  http.Header
	body    string
	err     error
}

func (u *upstream) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	u.reached, u.header, u.body, u.err = true, r.Header, string(b), err
}

// An answer is what a caller sees.
type answer struct {
	status int
	text   string
	Code   string `json:"code"`
	Errors []struct {
		Pointer   string `json:"pointer"`
		Parameter string `json:"parameter"`
		In        string `json:"in"`
		Detail    string `json:"detail"`
	} `json:"errors"`
}

// A library that is guarded by one configuration.
type guarded struct {
	handler  http.Handler
	upstream *upstream
}

func guard(t testing.TB, change func(*Config)) *guarded {
	t.Helper()
	c := Defaults()
	if change != nil {
		change(&c)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	up := new(upstream)
	return &guarded{exchange.Middleware(up, route(t, library(t)), New(c).Check), up}
}

// ask sends a request. Each field is "Name: value"; a body that is not a string's reader has no declared length.
func (g *guarded) ask(t testing.TB, method, target string, body io.Reader, fields ...string) answer {
	t.Helper()
	*g.upstream = upstream{}
	r := httptest.NewRequest(method, target, body)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	g.handler.ServeHTTP(w, r)
	a := answer{status: w.Code, text: w.Body.String()}
	if w.Code >= 400 {
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			t.Fatalf("%s %s: %d without a problem: %s", method, target, w.Code, a.text)
		}
	}
	return a
}
