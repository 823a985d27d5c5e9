// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

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

// A target is a server as a check sees it.
type target struct {
	*httptest.Server
	api     *api.API
	reached atomic.Bool
	probes  atomic.Int64
}

// newTarget serves one API behind step, and then demands a credential as authn does.
func newTarget(t *testing.T, step exchange.Step) *target {
	t.Helper()
	a := &api.API{Name: "shop", BasePath: "/v1", Schemes: map[string]*api.Scheme{"token": {Name: "token", Kind: api.Bearer}, "key": {Name: "key", Kind: api.APIKey}}}
	use := func(s string) []api.Requirement { return []api.Requirement{{{Scheme: a.Schemes[s]}}} }
	a.Operations = []*api.Operation{
		{API: a, ID: "createOrder", Method: "POST", Path: "/orders", Security: use("token")},
		{API: a, ID: "getKeyed", Method: "GET", Path: "/keyed", Security: use("key")},
		{API: a, ID: "getShop", Method: "GET", Path: "/", Public: "a shop window"},
		{API: a, ID: "getLine", Method: "GET", Path: "/orders/{id}/lines/{line}", Security: use("token")},
	}
	tg := &target{api: a}
	needed := func(x *exchange.Exchange) error {
		x.Operation = a.Operations[3]
		if err := step(x); err != nil {
			return err
		}
		if len(x.Credentials) == 0 {
			return &problem.Error{Status: http.StatusUnauthorized, Code: "unauthenticated", Detail: "This needs a credential."}
		}
		return nil
	}
	tg.Server = httptest.NewServer(exchange.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { tg.reached.Store(true) }), needed))
	t.Cleanup(tg.Close)
	return tg
}

func (t *target) APIs() []*api.API { return []*api.API{t.api} }

func (t *target) Key(context.Context, ...string) (string, error) { return "", nil }

func (t *target) Do(ctx context.Context, p practice.Probe) (*practice.Result, error) {
	t.reached.Store(false)
	t.probes.Add(1)
	r, err := http.NewRequestWithContext(ctx, p.Method, t.URL+p.Path, nil)
	if err != nil {
		return nil, err
	}
	for _, h := range p.Header {
		r.Header.Set(h[0], h[1])
	}
	res, err := t.Client().Do(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	return &practice.Result{Status: res.StatusCode, Body: body, Reached: t.reached.Load()}, res.Body.Close()
}

func TestChecks(t *testing.T) {
	is := newTestIssuer(t)
	admits := func(x *exchange.Exchange) error { // a verifier that believes everything
		tokens := newTokens(t, is.config())
		tokens.credit(x, &verified{}, newTrust(IssuerConfig{}, nil))
		return nil
	}
	broken := newTestIssuer(t)
	broken.breaks(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	for _, tt := range []struct {
		name, check string
		config      Config
		step        exchange.Step // nil: the practice itself
		want        practice.Verdict
		probes      int64
	}{
		{"unsigned tokens are refused", "token/none", is.config(), nil, practice.Effective, 1},
		{"unsigned tokens get through", "token/none", is.config(), admits, practice.Ineffective, 1},
		{"nobody issues tokens", "token/none", Config{}, nil, practice.NotApplicable, 0},
		{"forged tokens are refused", "token/forged", is.config(), nil, practice.Effective, 1},
		{"forged tokens get through", "token/forged", is.config(), admits, practice.Ineffective, 1},
		{"forged tokens of an issuer that is down", "token/forged", broken.config(), nil, practice.Unknown, 1},
		{"nobody issues tokens to forge", "token/forged", Config{}, nil, practice.NotApplicable, 0},
		{"the keys are there", "token/keys", is.config(), nil, practice.Effective, 0},
		{"the issuer answers", "token/keys", is.config(asks(t, is)), nil, practice.Effective, 0},
		{"there are no keys", "token/keys", broken.config(), nil, practice.Ineffective, 0},
		{"the issuer does not answer", "token/keys", broken.config(asks(t, broken)), nil, practice.Ineffective, 0},
		{"nobody has keys", "token/keys", Config{}, nil, practice.NotApplicable, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tokens := newTokens(t, tt.config)
			step := tt.step
			if step == nil {
				step = tokens.Check
			}
			tg := newTarget(t, step)
			f := find(t, tokens, tt.check).Run(t.Context(), tg)
			if f.Verdict != tt.want || f.Verdict == practice.Ineffective && f.Fix == "" || tg.probes.Load() != tt.probes {
				t.Errorf("got %+v after %d probes", f, tg.probes.Load())
			}
		})
	}
}

func TestKeysThatWereNotReadAgainAreAWeakness(t *testing.T) {
	is := newTestIssuer(t)
	clock := newHandClock()
	is.now = clock.Now
	tokens := newTokens(t, is.config(), func(o *Options) { o.Now = clock.Now })
	show(t, tokens, is.token(is.signers[0], nil, nil))
	is.breaks(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	clock.add(20 * time.Minute)
	show(t, tokens, is.token(is.signers[0], nil, nil))
	eventually(t, "the keys are asked for", func() bool { return is.fetches.Load() == 2 && !tokens.trusts[0].issuer.keys.busy() })
	f := find(t, tokens, "token/keys").Run(t.Context(), nil)
	if f.Verdict != practice.Weak || !strings.Contains(f.Evidence[0].Saw, "1 keys, read 20m0s ago; since then: ") {
		t.Errorf("got %+v", f)
	}
}

// TestProofsMustNameAnAddress: by default the gateway is called at localhost, and what a client elsewhere proves is refused.
func TestProofsMustNameAnAddress(t *testing.T) {
	is := newTestIssuer(t)
	required := is.config(func(c *IssuerConfig) { c.DPoP = "required" })
	bound := is.token(is.signers[0], nil, with{"cnf": with{"jkt": strings.Repeat("A", 43)}})
	for _, tt := range []struct {
		name, publicURL string
		hosts           []string
		config          Config
		shown           string // a token
		want            practice.Verdict
	}{
		{"nobody proves anything", "https://localhost:8443", nil, is.config(), is.token(is.signers[0], nil, nil), practice.NotApplicable},
		{"proofs are demanded, and no address is set", "https://localhost:8443", nil, required, "", practice.Weak},
		{"a token is bound to a key, and no address is set", "https://127.0.0.1:8443", nil, is.config(), bound, practice.Weak},
		{"proofs are demanded, and the address is set", "https://api.example.org", nil, required, "", practice.Effective},
		{"a token is bound to a key, and the address is set", "https://api.example.org", nil, is.config(), bound, practice.Effective},
		{"the API has a host of its own", "https://localhost:8443", []string{"shop.example.org"}, required, "", practice.Effective},
		{"there are no issuers", "https://localhost:8443", nil, Config{}, "", practice.NotApplicable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tokens := newTokens(t, tt.config)
			tokens.origins = originsOf(tt.publicURL, tt.hosts)
			if tt.shown != "" {
				ask(t, tokens.Check, nil, "Authorization: DPoP "+tt.shown)
			}
			f := find(t, tokens, "token/proofs").Run(t.Context(), nil)
			if f.Verdict != tt.want || (f.Fix != "") != (tt.want == practice.Weak) {
				t.Errorf("got %+v", f)
			}
		})
	}
}

func find(t testing.TB, tokens *Tokens, id string) practice.Check {
	t.Helper()
	for _, c := range tokens.checks() {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("there is no check %s", id)
	return practice.Check{}
}
