// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ratelimit

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"yett/api"
	"yett/practice"
	"yett/store"
	"yett/store/memory"
)

// A target is a server as the practice's checks see it.
type target struct{ *httptest.Server }

func (tg target) APIs() []*api.API { return nil }

func (tg target) Key(context.Context, ...string) (string, error) { return "", nil }

func (tg target) Do(ctx context.Context, p practice.Probe) (*practice.Result, error) {
	req, err := http.NewRequestWithContext(ctx, p.Method, tg.URL+p.Path, nil)
	if err != nil {
		return nil, err
	}
	res, err := tg.Client().Do(req)
	if err != nil {
		return nil, err
	}
	return &practice.Result{Status: res.StatusCode, Header: [][2]string{{"RateLimit", res.Header.Get("RateLimit")}}}, res.Body.Close()
}

// forgetful are counters that never count.
type forgetful struct{ store.Counters }

func (forgetful) Take(_ context.Context, _ string, r store.Rate, _ int64) (store.Taken, error) {
	return store.Taken{Allowed: true, Remaining: r.Requests}, nil
}

func TestChecksTellAnEffectiveGateFromAnOpenOne(t *testing.T) {
	quick := Config{Requests: 1, Per: time.Second, Address: Rate{Requests: 1_000_000, Per: time.Second}}
	next := http.NotFoundHandler()
	for _, tt := range []struct {
		name    string
		config  Config
		handler http.Handler
		want    practice.Verdict
	}{
		{"probes are counted", Defaults(), New(Defaults(), Options{Counters: memory.New(memory.Options{})}).Handler(next), practice.Effective},
		{"probes are counted, however fast the limit refills", quick, New(quick, Options{Counters: memory.New(memory.Options{})}).Handler(next), practice.Effective},
		{"probes are not counted", Defaults(), New(Defaults(), Options{Counters: forgetful{}}).Handler(next), practice.Ineffective},
		{"there is no limit", Defaults(), next, practice.Ineffective},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tg := target{httptest.NewServer(tt.handler)}
			defer tg.Close()
			for _, c := range checks(tt.config) {
				if f := c.Run(t.Context(), tg); f.Verdict != tt.want || (f.Fix != "") != (f.Verdict == practice.Ineffective) {
					t.Errorf("%s: %s, %s, fix %q; want %s", c.ID, f.Verdict, f.Summary, f.Fix, tt.want)
				}
			}
		})
	}
}
