// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"yett/api"
	"yett/exchange"
	"yett/practice"
	"yett/problem"
)

const shopPage = "https://shop.example.org"

// listing is a configuration with these origins.
func listing(origins ...string) Config {
	c := Defaults()
	c.Origins = origins
	return c
}

func withCookies(c Config) Config {
	c.Credentials = true
	return c
}

// described loads the small description.
func described(t testing.TB) *api.API {
	t.Helper()
	a, _, err := api.Load("testdata/shop.openapi.yaml", api.Options{Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func operation(t testing.TB, a *api.API, id string) *api.Operation {
	t.Helper()
	for _, op := range a.Operations {
		if op.ID == id {
			return op
		}
	}
	t.Fatalf("no operation %s", id)
	return nil
}

// A gate is the practice's parts in the places where the gateway has them, before an upstream.
type gate struct {
	gateway *practice.Part
	server  *httptest.Server
	reached int
	records []exchange.Record
}

// newGate builds all levels: c for the gateway and the API, narrow for operations with a block of their own.
func newGate(t testing.TB, c Config, narrow map[string]Config, upstream http.HandlerFunc) *gate {
	t.Helper()
	a := described(t)
	env := &practice.Env{APIs: []*api.API{a}, PublicURL: "https://api.example.org", Keeper: new(practice.Keeper), Shared: new(practice.Keeper)}
	build := func(c Config, a *api.API, op *api.Operation) *practice.Part {
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		level := *env
		level.API, level.Operation = a, op
		part, err := Practice.Build(&c, &level)
		if err != nil {
			t.Fatal(err)
		}
		return part
	}
	g := &gate{gateway: build(c, nil, nil)}
	base := build(c, a, nil)
	parts := make(map[*api.Operation]*practice.Part)
	for id, own := range narrow {
		op := operation(t, a, id)
		parts[op] = build(own, a, op)
	}
	router, err := api.NewRouter(a)
	if err != nil {
		t.Fatal(err)
	}
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.reached++
		upstream(w, r)
	})
	g.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m, _ := router.Match(r.Host, r.URL.Path, nil)
		method := r.Method
		asked := r.Header.Get("Access-Control-Request-Method")
		if method == http.MethodOptions && r.Header.Get("Origin") != "" && asked != "" {
			method = asked
		}
		op := m.Operation(method)
		if op == nil && method == asked {
			op = m.First()
		}
		// Another practice's field stands there before ours.
		limited := func(x *exchange.Exchange) { x.Answer.Header.Set("RateLimit", "1") }
		chain := &exchange.Chain{Operation: op, Header: []func(*exchange.Exchange){limited, base.Header}}
		if op == nil {
			chain.Request = []exchange.Link{{Practice: "route", Step: func(*exchange.Exchange) error {
				return &problem.Error{Status: http.StatusNotFound, Code: "undeclared_path", Detail: "There is nothing here."}
			}}}
		} else {
			part := parts[op]
			if part == nil {
				part = base
			}
			chain.Header[1] = part.Header
			chain.Request = []exchange.Link{{Practice: "cors", Step: part.Request}}
			if method == asked {
				chain.Request[0].Step = part.Preflight
			}
			chain.Response = []exchange.Link{{Practice: "cors", Step: part.Response}}
		}
		s := &exchange.Server{Observe: []func(exchange.Record){func(r exchange.Record) { g.records = append(g.records, r) }}}
		s.Around(chain.Handler(next)).ServeHTTP(w, r)
	}))
	t.Cleanup(g.server.Close)
	return g
}

// ask sends a request; fields are "Name: value".
func (g *gate) ask(t testing.TB, method, path string, fields ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, g.server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Add(name, value)
	}
	res, err := g.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return res
}

// ok is an upstream without opinions.
func ok(http.ResponseWriter, *http.Request) {}
