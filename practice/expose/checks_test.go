// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"yett/api"
	"yett/exchange"
	"yett/identity"
	"yett/practice"
	"yett/problem"
)

// A target is a service behind expose, and keys that say themselves which scopes they hold.
type target struct {
	api     *api.API
	handler http.Handler
	reached bool
	noKeys  bool
}

func (tg *target) APIs() []*api.API { return []*api.API{tg.api} }

func (tg *target) Key(_ context.Context, scopes ...string) (string, error) {
	if tg.noKeys {
		return "", errors.New("there are no keys")
	}
	return strings.Join(scopes, " "), nil
}

func (tg *target) Do(ctx context.Context, p practice.Probe) (*practice.Result, error) {
	tg.reached = false
	req := httptest.NewRequestWithContext(ctx, p.Method, p.Path, nil)
	for _, h := range p.Header {
		req.Header.Set(h[0], h[1])
	}
	w := httptest.NewRecorder()
	tg.handler.ServeHTTP(w, req)
	return &practice.Result{Status: w.Code, Body: w.Body.Bytes(), Reached: tg.reached}, nil
}

// inspect runs one check against a service that gives body to everybody, with expose before it unless it is off. callers ask
// for what is number 7 before.
func inspect(t *testing.T, check, description, body string, off bool, c Config, callers ...identity.Caller) practice.Finding {
	t.Helper()
	a := loadText(t, description)
	if a == nil {
		t.Fatal("the description is refused")
	}
	e, err := New(c, a, Options{})
	if err != nil {
		t.Fatal(err)
	}
	router, err := api.NewRouter(a)
	if err != nil {
		t.Fatal(err)
	}
	tg := &target{api: a}
	service := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		tg.reached = true
		w.Header().Set("Content-Type", "application/json")
		if body == "" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte(body)) // the recorder takes it
	})
	route := func(x *exchange.Exchange) error {
		m, params := router.Match(x.Request.Host, x.Request.Path, x.Request.Params)
		if x.Request.Params, x.Operation = params, m.Operation(x.Request.Method); x.Operation == nil {
			return &problem.Error{Status: http.StatusNotFound, Code: "undeclared"}
		}
		x.Operation.NameParams(params)
		scopes := strings.Fields(x.Request.Header.Get("X-API-Key"))
		slices.Sort(scopes)
		x.Caller = &identity.Caller{Subject: "audit", Client: "audit", Issuer: "yett", Scopes: scopes}
		if len(callers) > 0 {
			x.Caller, callers = &callers[0], callers[1:]
		}
		return nil
	}
	tg.handler = exchange.Middleware(e.Handler(service), route)
	if off {
		tg.handler = exchange.Middleware(service, route)
	}
	for range callers {
		tg.handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/orders/7", nil))
	}
	ls := newLevels([]*api.API{a})
	ls.add(e, nil)
	for _, c := range ls.checks() {
		if c.ID == check {
			return c.Run(t.Context(), tg)
		}
	}
	t.Fatalf("there is no check %s", check)
	return practice.Finding{}
}

// withKey is a description of one operation with keys.
func withKey(parameters, schema string) string {
	return `openapi: 3.1.0
info: { title: t, version: "1" }
components: { securitySchemes: { key: { type: apiKey, in: header, name: X-API-Key, x-yett-scopes: ["orders:audit"] } } }
paths:
  /orders/{id}:
    get:
      operationId: getOrder
      security: [{ key: ["orders:read"] }]
      parameters: [` + parameters + `]
      responses:
        "200": { description: d, content: { application/json: { schema: ` + schema + ` } } }
`
}

const (
	anID    = `{ name: id, in: path, required: true, schema: { type: integer }, example: 7 }`
	ownID   = `{ name: id, in: path, required: true, schema: { type: integer }, example: 7, x-yett-equals-claim: sub }`
	visible = `{ type: object, properties: { lines: { type: array, items: { type: object, properties: { margin: { type: integer, x-yett-visible: ["orders:audit"] } } } } } }`
	masking = `{ type: object, properties: { card: { type: string, x-yett-visible: ["orders:audit"], x-yett-mask: last4 } } }`
	plain   = `{ type: object, properties: { a: { type: integer } } }`
)

func TestChecksTellAnEffectiveGateFromAnOpenOne(t *testing.T) {
	all := Defaults()
	for _, tt := range []struct {
		name, check, description, body string
		off                            bool
		config                         Config
		want                           practice.Verdict
	}{
		{"a field is kept", "expose/fields", withKey(anID, visible), `{"lines":[{"margin":3}]}`, false, all, practice.Effective},
		{"a field is not kept", "expose/fields", withKey(anID, visible), `{"lines":[{"margin":3}]}`, true, all, practice.Ineffective},
		{"a field is masked", "expose/fields", withKey(anID, masking), `{"card":"4111111111111111"}`, false, all, practice.Effective},
		{"a field is not masked", "expose/fields", withKey(anID, masking), `{"card":"4111111111111111"}`, true, all, practice.Ineffective},
		{"the service sends none", "expose/fields", withKey(anID, visible), `{}`, false, all, practice.Unknown},
		{"there is no such order", "expose/fields", withKey(anID, visible), ``, false, all, practice.Unknown},
		{"an answer that is no JSON", "expose/fields", withKey(anID, visible), `{`, true, all, practice.Unknown},
		{"nothing is restricted", "expose/fields", withKey(anID, plain), `{}`, false, all, practice.NotApplicable},
		{"all is searched for", "expose/detection", withKey(anID, plain), `{}`, false, all, practice.Effective},
		{"nothing is", "expose/detection", withKey(anID, plain), `{}`, false, Config{Found: FoundMask}, practice.Weak},
		{"it is only told", "expose/detection", withKey(anID, plain), `{}`, false, Config{Detect: all.Detect, Found: FoundAlert}, practice.Weak},
		{"another's order is refused", "expose/owners", withKey(ownID, plain), `{}`, false, all, practice.Effective},
		{"or hidden", "expose/owners", withKey(ownID, plain), `{}`, false, Config{Found: FoundMask, Hide: true}, practice.Effective},
		{"another's order is given", "expose/owners", withKey(ownID, plain), `{}`, true, all, practice.Ineffective},
		{"nothing has an owner", "expose/owners", withKey(anID, plain), `{}`, false, all, practice.NotApplicable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := inspect(t, tt.check, tt.description, tt.body, tt.off, tt.config)
			if f.Verdict != tt.want || (f.Fix != "") != (f.Verdict == practice.Ineffective || f.Verdict == practice.Weak) || f.Summary == "" {
				t.Errorf("%s: %s, fix %q, %+v; want %s", f.Verdict, f.Summary, f.Fix, f.Evidence, tt.want)
			}
			for _, ev := range f.Evidence {
				if strings.Contains(ev.Saw+ev.What, "4111") {
					t.Errorf("the evidence tells a value: %+v", ev)
				}
			}
		})
	}
}

// Claims of two issuers were taken for one another's. The key of the check itself owns nothing, and does not count.
func TestTheCheckTellsOfOwnersFromTwoIssuers(t *testing.T) {
	for _, tt := range []struct {
		name    string
		callers []identity.Caller
		issuers []string
		want    practice.Verdict
	}{
		{"two issuers", []identity.Caller{{Subject: "7", Issuer: "https://a.example.org"}, {Subject: "7", Issuer: "https://b.example.org"}}, nil, practice.Weak},
		{"one", []identity.Caller{{Subject: "7", Issuer: "https://a.example.org"}, {Subject: "7", Issuer: "https://a.example.org"}}, nil, practice.Effective},
		{"another's caller who owns nothing", []identity.Caller{{Subject: "7", Issuer: "https://a.example.org"}, {Subject: "8", Issuer: "https://b.example.org"}}, nil, practice.Effective},
		{"two that are named", []identity.Caller{{Subject: "7", Issuer: "https://a.example.org"}, {Subject: "7", Issuer: "https://b.example.org"}},
			[]string{"https://a.example.org", "https://b.example.org"}, practice.Effective},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Defaults()
			c.Issuers = tt.issuers
			f := inspect(t, "expose/owners", withKey(ownID, plain), `{}`, false, c, tt.callers...)
			if f.Verdict != tt.want || f.Verdict == practice.Weak && (!strings.Contains(f.Summary, "b.example.org") || !strings.Contains(f.Fix, "expose.issuers")) {
				t.Errorf("%s: %s, fix %q; want %s", f.Verdict, f.Summary, f.Fix, tt.want)
			}
		})
	}
}

func TestACheckWithoutKeysCannotTell(t *testing.T) {
	a := loadText(t, withKey(ownID, visible))
	e, err := New(Defaults(), a, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ls := newLevels([]*api.API{a})
	ls.add(e, nil)
	for _, c := range ls.checks() {
		if c.ID != "expose/fields" && c.ID != "expose/owners" {
			continue
		}
		if f := c.Run(t.Context(), &target{api: a, noKeys: true}); f.Verdict != practice.Unknown || !strings.Contains(f.Summary, "there are no keys") {
			t.Errorf("%s: %s, %s", c.ID, f.Verdict, f.Summary)
		}
	}
}
