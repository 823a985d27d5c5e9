// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"yett/api"
	"yett/exchange"
	"yett/practice"
	"yett/problem"
)

// target is a server as a check sees it.
type target struct {
	*httptest.Server
	keys    *Keys
	apis    []*api.API
	reached atomic.Bool
}

// newTarget serves everything below /v1 through step.
func newTarget(t *testing.T, k *Keys, step exchange.Step) *target {
	t.Helper()
	a := &api.API{Name: "shop", BasePath: "/v1", Schemes: map[string]*api.Scheme{"key": scheme("key", "header", "X-API-Key")}}
	a.Operations = []*api.Operation{
		{API: a, Index: 0, ID: "createOrder", Method: "POST", Path: "/orders", Security: []api.Requirement{{{Scheme: a.Schemes["key"]}}}},
		{API: a, Index: 1, ID: "getLine", Method: "GET", Path: "/orders/{id}/lines/{line}", Security: []api.Requirement{{{Scheme: a.Schemes["key"], Scopes: []string{"orders:read"}}}}},
	}
	tg := &target{keys: k, apis: []*api.API{a}}
	tg.Server = httptest.NewServer(exchange.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tg.reached.Store(true)
		if r.Method != "GET" || r.URL.Path != "/v1/orders/1/lines/1" {
			t.Errorf("a probe called %s %s", r.Method, r.URL.Path)
		}
		w.WriteHeader(http.StatusNotFound)
	}), step))
	t.Cleanup(tg.Close)
	return tg
}

func (t *target) APIs() []*api.API { return t.apis }

func (t *target) Key(ctx context.Context, scopes ...string) (string, error) {
	_, text, err := t.keys.Create(ctx, NewKey{Client: "yett-audit", Owner: "yett", Scopes: scopes, Expires: t.keys.now().Add(time.Minute)})
	return text, err
}

func (t *target) Do(ctx context.Context, p practice.Probe) (*practice.Result, error) {
	t.reached.Store(false)
	req, err := http.NewRequestWithContext(ctx, p.Method, t.URL+p.Path, nil)
	if err != nil {
		return nil, err
	}
	for _, h := range p.Header {
		req.Header.Set(h[0], h[1])
	}
	res, err := t.Client().Do(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	return &practice.Result{Status: res.StatusCode, Body: body, Reached: t.reached.Load()}, res.Body.Close()
}

func find(t *testing.T, k *Keys, id string) practice.Check {
	t.Helper()
	for _, c := range k.checks() {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("there is no check %s", id)
	return practice.Check{}
}

func TestChecksTellAnEffectiveGateFromAnOpenOne(t *testing.T) {
	k, _ := newKeys(t)
	open := func(*exchange.Exchange) error { return nil }
	// A gate that asks for a key and knows nothing of revocation.
	forgetful := func(x *exchange.Exchange) error {
		if err := k.Require(x); err != nil && !strings.Contains(err.Error(), "revoked") {
			return err
		}
		return nil
	}
	// A gate that breaks where it should refuse.
	broken := func(x *exchange.Exchange) error {
		if err := k.Require(x); err != nil {
			return &problem.Error{Status: http.StatusInternalServerError, Code: "internal", Cause: err}
		}
		return nil
	}
	for _, tt := range []struct {
		name, check string
		step        exchange.Step
		want        practice.Verdict
	}{
		{"unknown keys are refused", "apikey/unknown", k.Require, practice.Effective},
		{"unknown keys pass", "apikey/unknown", open, practice.Ineffective},
		{"revoked keys are refused", "apikey/revoked", k.Require, practice.Effective},
		{"revoked keys pass", "apikey/revoked", forgetful, practice.Ineffective},
		{"unknown keys break the gate", "apikey/unknown", broken, practice.Ineffective},
		{"revoked keys break the gate", "apikey/revoked", broken, practice.Ineffective},
		{"every key is refused, which proves nothing", "apikey/revoked", func(x *exchange.Exchange) error { return k.alone.refuse(x, &alone[0], &InvalidError{Reason: Unknown}) }, practice.Unknown},
		{"keys are in a header", "apikey/places", open, practice.Effective},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := find(t, k, tt.check).Run(t.Context(), newTarget(t, k, tt.step))
			if f.Verdict != tt.want {
				t.Errorf("%s: %s, %+v; want %s", f.Verdict, f.Summary, f.Evidence, tt.want)
			}
			if (f.Fix != "") != (f.Verdict == practice.Ineffective) {
				t.Errorf("%s with the fix %q", f.Verdict, f.Fix)
			}
		})
	}
}

func TestChecksWithoutAnythingToLookAt(t *testing.T) {
	k, _ := newKeys(t)
	empty := newTarget(t, k, k.Require)
	empty.apis = nil
	gone := newTarget(t, k, k.Require)
	gone.Close()
	for _, c := range k.checks() {
		if f := c.Run(t.Context(), empty); f.Verdict != practice.NotApplicable {
			t.Errorf("%s without an API and a key: %s (%s)", c.ID, f.Verdict, f.Summary)
		}
	}
	for _, id := range []string{"apikey/unknown", "apikey/revoked"} {
		if f := find(t, k, id).Run(t.Context(), gone); f.Verdict != practice.Unknown {
			t.Errorf("%s with a gateway that is gone: %s", id, f.Verdict)
		}
	}
}

func TestCheckPlaces(t *testing.T) {
	k, _ := newKeys(t)
	tg := newTarget(t, k, k.Require)
	tg.apis[0].Schemes["old"] = scheme("old", "query", "api_key")
	f := find(t, k, "apikey/places").Run(t.Context(), tg)
	if f.Verdict != practice.Weak || len(f.Evidence) != 1 || !strings.Contains(f.Summary, "1 of 2") {
		t.Errorf("%s: %s", f.Verdict, f.Summary)
	}
}

func TestCheckCare(t *testing.T) {
	k, c := newKeys(t)
	check := func(want practice.Verdict, summary string) {
		t.Helper()
		if f := find(t, k, "apikey/care").Run(t.Context(), nil); f.Verdict != want || !strings.Contains(f.Summary, summary) {
			t.Errorf("%s: %s; want %s, %q", f.Verdict, f.Summary, want, summary)
		}
	}
	check(practice.NotApplicable, "no key")
	create(t, k, NewKey{Owner: "ines", Expires: c.Now().Add(time.Hour)})
	check(practice.Effective, "all 1 keys")
	key, _ := create(t, k, NewKey{})
	check(practice.Weak, "of 2 keys that work 1 never end and 1 have no owner")
	next, _ := rotate(t, k, key.ID, time.Minute)
	check(practice.Weak, "of 3 keys that work 1 never end and 2 have no owner") // the old one ends with its grace
	revoke(t, k, key.ID)
	revoke(t, k, next.ID)
	check(practice.Effective, "all 1 keys")
}
