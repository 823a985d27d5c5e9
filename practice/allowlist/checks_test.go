// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package allowlist

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"yett/api"
	"yett/exchange"
	"yett/practice"
)

// A target is a server as the practice's checks see it.
type target struct {
	*httptest.Server
	reached bool
}

func (tg *target) APIs() []*api.API { return nil }

func (tg *target) Key(context.Context, ...string) (string, error) { return "", nil }

func (tg *target) Do(ctx context.Context, p practice.Probe) (*practice.Result, error) {
	tg.reached = false
	req, err := http.NewRequestWithContext(ctx, p.Method, tg.URL+p.Path, nil)
	if err != nil {
		return nil, err
	}
	for _, h := range p.Header {
		req.Header.Set(h[0], h[1])
	}
	res, err := tg.Client().Do(req)
	if err != nil {
		return nil, err
	}
	return &practice.Result{Status: res.StatusCode, Reached: tg.reached}, res.Body.Close()
}

func TestChecksTellAnEffectiveGateFromAnOpenOne(t *testing.T) {
	office := Config{Networks: listed("192.0.2.0/24")}
	gullible := newList(t, Config{TrustedProxies: prefixes("127.0.0.0/8", "::1/128")})
	open := func(*exchange.Exchange) error { return nil }
	for _, tt := range []struct {
		name, check string
		config      Config
		step        exchange.Step
		want        practice.Verdict
	}{
		{"forged fields are ignored", "allowlist/forged", Config{}, newList(t, Config{}).Resolve, practice.Effective},
		{"forged fields are believed", "allowlist/forged", Config{}, gullible.Resolve, practice.Ineffective},
		{"this machine may forge", "allowlist/forged", Config{TrustedProxies: prefixes("127.0.0.1/32")}, gullible.Resolve, practice.NotApplicable},
		{"outsiders are refused", "allowlist/outsider", office, newList(t, office).Check, practice.Effective},
		{"outsiders pass", "allowlist/outsider", office, open, practice.Ineffective},
		{"nobody is trusted", "allowlist/proxies", Config{}, open, practice.NotApplicable},
		{"a proxy is trusted", "allowlist/proxies", Config{TrustedProxies: prefixes("203.0.113.7/32", "2a06:98c0::/29")}, open, practice.Effective},
		{"a private network is trusted", "allowlist/proxies", Config{TrustedProxies: prefixes("10.0.0.0/8", "::ffff:10.0.0.0/104", "fc00::/7")}, open, practice.Effective},
		{"a network of strangers is trusted", "allowlist/proxies", Config{TrustedProxies: prefixes("203.0.113.7/32", "8.0.0.0/8")}, open, practice.Weak},
		{"strangers around a private network are trusted", "allowlist/proxies", Config{TrustedProxies: prefixes("10.0.0.0/7")}, open, practice.Weak},
		{"strangers with IPv6 are trusted", "allowlist/proxies", Config{TrustedProxies: prefixes("2000::/3")}, open, practice.Weak},
		{"no file, no old one", "allowlist/files", office, open, practice.NotApplicable},
		{"no list, no outsiders", "allowlist/outsider", Config{}, open, practice.NotApplicable},
		{"this machine is listed", "allowlist/outsider", Config{Networks: listed("127.0.0.0/8")}, open, practice.NotApplicable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tg := new(target)
			tg.Server = httptest.NewServer(exchange.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { tg.reached = true }), tt.step))
			defer tg.Close()
			for _, c := range checks(tt.config, newList(t, tt.config)) {
				if c.ID != tt.check {
					continue
				}
				f := c.Run(t.Context(), tg)
				if f.Verdict != tt.want || (f.Fix != "") != (f.Verdict == practice.Ineffective || f.Verdict == practice.Weak) {
					t.Errorf("%s, %s, fix %q; want %s", f.Verdict, f.Summary, f.Fix, tt.want)
				}
				return
			}
			t.Fatal("there is no such check")
		})
	}
}
