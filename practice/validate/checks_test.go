// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package validate

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"yett/api"
	"yett/exchange"
	"yett/practice"
)

// A target is a library as the practice's checks see it.
type target struct {
	*httptest.Server
	apis []*api.API
	up   *upstream
}

func newTarget(t *testing.T, step exchange.Step) *target {
	t.Helper()
	a, up := library(t), new(upstream)
	tg := &target{httptest.NewServer(exchange.Middleware(up, route(t, a), step)), []*api.API{a}, up}
	t.Cleanup(tg.Close)
	return tg
}

func (tg *target) APIs() []*api.API { return tg.apis }

func (tg *target) Key(context.Context, ...string) (string, error) { return "", nil }

func (tg *target) Do(ctx context.Context, p practice.Probe) (*practice.Result, error) {
	*tg.up = upstream{}
	req, err := http.NewRequestWithContext(ctx, p.Method, tg.URL+p.Path, bytes.NewReader(p.Body))
	if err != nil {
		return nil, err
	}
	res, err := tg.Client().Do(req)
	if err != nil {
		return nil, err
	}
	return &practice.Result{Status: res.StatusCode, Reached: tg.up.reached}, res.Body.Close()
}

func TestChecksTellAnEffectiveGateFromAnOpenOne(t *testing.T) {
	open := func(*exchange.Exchange) error { return nil }
	for _, tt := range []struct {
		name, check string
		step        exchange.Step
		want        practice.Verdict
	}{
		{"an unknown parameter is refused", "validate/unknown-parameter", New(Defaults()).Check, practice.Effective},
		{"an unknown parameter passes", "validate/unknown-parameter", open, practice.Ineffective},
		{"a path with two readings is refused before any practice", "validate/two-readings", open, practice.Effective},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, c := range checks() {
				if c.ID != tt.check {
					continue
				}
				f := c.Run(t.Context(), newTarget(t, tt.step))
				if f.Verdict != tt.want || (f.Fix != "") != (f.Verdict == practice.Ineffective) {
					t.Errorf("%s: %s, fix %q, %+v; want %s", f.Verdict, f.Summary, f.Fix, f.Evidence, tt.want)
				}
				return
			}
			t.Fatal("there is no such check")
		})
	}
}
