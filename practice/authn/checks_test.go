// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"yett/api"
	"yett/exchange"
	"yett/practice"
	"yett/problem"
)

// A target is an office as the practice's checks see it.
type target struct {
	*httptest.Server
	apis []*api.API
	up   *upstream
}

func (tg *target) APIs() []*api.API { return tg.apis }

func (tg *target) Key(context.Context, ...string) (string, error) {
	return "", errors.New("nobody makes keys here")
}

func (tg *target) Do(ctx context.Context, p practice.Probe) (*practice.Result, error) {
	tg.up.reached = false
	req, err := http.NewRequestWithContext(ctx, p.Method, tg.URL+p.Path, nil)
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
	a := office(t)
	g := New(Config{}, Options{API: a})
	careless := func(x *exchange.Exchange) error {
		if x.Operation.ID == "both" {
			return nil // one operation was forgotten
		}
		return g.Check(x)
	}
	closed := func(*exchange.Exchange) error {
		return &problem.Error{Status: http.StatusNotFound, Code: "operation_disabled", Detail: "There is nothing here."}
	}
	public := *a
	public.Operations = a.Operations[7:8]
	for _, tt := range []struct {
		name string
		api  *api.API
		step exchange.Step
		want practice.Verdict
	}{
		{"nobody passes", a, g.Check, practice.Effective},
		{"nobody passes at one of the operations", a, careless, practice.Ineffective},
		{"everything is closed", a, closed, practice.NotApplicable},
		{"everything is public", &public, g.Check, practice.NotApplicable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			up := new(upstream)
			tg := &target{httptest.NewServer(exchange.Middleware(up, route(t, a), tt.step)), []*api.API{tt.api}, up}
			defer tg.Close()
			for _, c := range checks()[:1] {
				f := c.Run(t.Context(), tg)
				if f.Verdict != tt.want || (f.Fix != "") != (f.Verdict == practice.Ineffective) {
					t.Errorf("%s: %s, %s, fix %q; want %s", c.ID, f.Verdict, f.Summary, f.Fix, tt.want)
				}
			}
		})
	}
}
