// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"context"
	"net/http"
	"testing"

	"yett/api"
	"yett/practice"
)

// A target is a server as the practice's checks see it.
type target struct {
	url    string
	client *http.Client
}

func (tg target) APIs() []*api.API { return nil }

func (tg target) Key(context.Context, ...string) (string, error) { return "", nil }

func (tg target) Do(ctx context.Context, p practice.Probe) (*practice.Result, error) {
	req, err := http.NewRequestWithContext(ctx, p.Method, tg.url+p.Path, nil)
	if err != nil {
		return nil, err
	}
	for _, h := range p.Header {
		req.Header.Set(h[0], h[1])
	}
	res, err := tg.client.Do(req)
	if err != nil {
		return nil, err
	}
	out := &practice.Result{Status: res.StatusCode}
	for name, values := range res.Header {
		out.Header = append(out.Header, [2]string{name, values[0]})
	}
	return out, res.Body.Close()
}

func TestChecksTellAnEffectiveGateFromACarelessOne(t *testing.T) {
	careless := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		w.Header().Set("Access-Control-Allow-Methods", r.Header.Get("Access-Control-Request-Method"))
		w.WriteHeader(http.StatusNoContent)
	}
	for _, tt := range []struct {
		name, check string
		config      Config
		careless    bool
		want        practice.Verdict
	}{
		{"strangers read nothing", "cors/other-origin", listing(shopPage), false, practice.Effective},
		{"strangers read nothing where no origin is listed", "cors/other-origin", Defaults(), false, practice.Effective},
		{"strangers read", "cors/other-origin", listing(shopPage), true, practice.Ineffective},
		{"leave as declared", "cors/preflight", listing(shopPage), false, practice.Effective},
		{"leave for everything", "cors/preflight", listing(shopPage), true, practice.Ineffective},
		{"nobody to ask for leave", "cors/preflight", Defaults(), true, practice.NotApplicable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGate(t, tt.config, nil, ok)
			tg := target{g.server.URL, g.server.Client()}
			if tt.careless {
				g.server.Config.Handler = http.HandlerFunc(careless)
			}
			for _, c := range g.gateway.Checks {
				if c.ID != tt.check {
					continue
				}
				if f := c.Run(t.Context(), tg); f.Verdict != tt.want || (f.Fix != "") != (f.Verdict == practice.Ineffective) {
					t.Errorf("%s, %s, fix %q; want %s", f.Verdict, f.Summary, f.Fix, tt.want)
				}
				return
			}
			t.Fatal("there is no such check")
		})
	}
}

func TestAGateThatDoesNotAnswerIsNotEffective(t *testing.T) {
	g := newGate(t, listing(shopPage), nil, ok)
	g.server.Close()
	for _, c := range g.gateway.Checks {
		if f := c.Run(t.Context(), target{g.server.URL, g.server.Client()}); f.Verdict != practice.Unknown {
			t.Errorf("%s: %s", c.ID, f.Verdict)
		}
	}
}
