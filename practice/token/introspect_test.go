// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"yett/alert"
	"yett/practice"
)

// asks has is asked about its tokens.
func asks(t testing.TB, is *testIssuer) func(*IssuerConfig) {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hunter/2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(c *IssuerConfig) {
		c.JWKSURL = ""
		c.Introspection = &IntrospectionConfig{URL: is.URL + "/introspect", ClientID: "gate way", ClientSecret: practice.SecretFile(secret)}
	}
}

// says has is answer for tokens: each value changes what it says of a good one.
func (is *testIssuer) says(answers map[string]with) {
	is.mu.Lock()
	defer is.mu.Unlock()
	is.active = make(map[string]func(with) with)
	for token, change := range answers {
		is.active[token] = func(base with) with { return change.over(base) }
	}
}

func TestIntrospection(t *testing.T) {
	is := newTestIssuer(t)
	now := time.Now().Unix()
	answers := map[string]struct {
		change with
		reason string // "" admits
	}{
		"good":          {nil, ""},
		"no-end":        {with{"exp": nil}, ""},
		"no-issuer":     {with{"iss": nil}, ""},
		"bearer":        {with{"token_type": "bearer"}, ""},
		"inactive":      {with{"active": false}, "not active"},
		"other-issuer":  {with{"iss": "https://other.example.org"}, "wrong issuer"},
		"other-aud":     {with{"aud": "https://other.example.org"}, "wrong audience"},
		"no-aud":        {with{"aud": nil}, "wrong audience"},
		"expired":       {with{"exp": now - 61}, "expired"},
		"not-yet":       {with{"nbf": now + 90}, "not valid yet"},
		"too-old":       {with{"iat": now - 25*3600}, "too old"},
		"ageless":       {with{"iat": nil, "exp": nil}, "no age"},
		"nobody":        {with{"sub": nil, "client_id": nil}, "names nobody"},
		"refresh":       {with{"token_type": "refresh_token"}, "no access token"},
		"type-no-text":  {with{"token_type": 1}, "no access token"},
		"refresh-use":   {with{"token_use": "refresh_token"}, "no access token"},
		"id-use":        {with{"token_use": "id"}, "no access token"},
		"use-no-text":   {with{"token_use": 1}, "no access token"},
		"access-use":    {with{"token_use": "access_token"}, ""},
		"short-use":     {with{"token_use": "access"}, ""},
		"refresh-typ":   {with{"typ": "Refresh"}, "no access token"},
		"offline-typ":   {with{"typ": "Offline"}, "no access token"},
		"id-typ":        {with{"typ": "ID"}, "no access token"},
		"access-typ":    {with{"typ": "Bearer"}, ""},
		"proof-unbound": {with{"token_type": "DPoP"}, "wrong binding"},
		"proof-x5t":     {with{"token_type": "dpop", "cnf": with{"x5t#S256": strings.Repeat("A", 43)}}, "wrong binding"},
		"bound":         {with{"cnf": with{"jkt": strings.Repeat("A", 43)}}, "wrong binding"},
		"bound-oddly":   {with{"cnf": with{"kid": "x"}}, "wrong binding"},
		"active-text":   {with{"active": "true"}, "cannot decide"},
		"active-absent": {with{"active": nil}, "cannot decide"},
	}
	said := make(map[string]with)
	for name, a := range answers {
		said[name] = a.change
	}
	is.says(said)
	tokens := newTokens(t, is.config(asks(t, is)))
	for name, a := range answers {
		t.Run(name, func(t *testing.T) {
			before := is.asked.Load()
			for range 3 {
				v := show(t, tokens, name)
				switch {
				case a.reason == "" && (v.status != 204 || v.caller != "ines app orders:read"),
					a.reason == "cannot decide" && v.status != 503,
					a.reason != "" && a.reason != "cannot decide" && v.status != 401,
					!strings.HasPrefix(v.cause, a.reason):
					t.Fatalf("got %+v", v)
				}
			}
			if n := is.asked.Load() - before; a.reason != "cannot decide" && n != 1 {
				t.Errorf("the issuer was asked %d times", n)
			}
		})
	}
	if v := show(t, tokens, "unknown"); v.status != 401 {
		t.Errorf("unknown: %+v", v)
	}
	asked := is.asked.Load()
	if v := show(t, tokens, strings.Repeat("a", maxToken+1)); v.status != 401 || is.asked.Load() != asked {
		t.Errorf("too long to be asked about: %+v", v)
	}
}

func TestAnswersAreBelievedForSeconds(t *testing.T) {
	is := newTestIssuer(t)
	clock := newHandClock()
	is.now = clock.Now
	is.says(map[string]with{"good": nil})
	tokens := newTokens(t, is.config(asks(t, is)), func(o *Options) { o.Now = clock.Now })
	want := func(what string, status int, asked int64, token string) {
		t.Helper()
		if v := show(t, tokens, token); v.status != status || is.asked.Load() != asked {
			t.Fatalf("%s: %+v, asked %d times; want %d and %d", what, v, is.asked.Load(), status, asked)
		}
	}
	want("first", 204, 1, "good")
	want("inactive", 401, 2, "soon")
	is.says(map[string]with{"soon": nil})
	clock.add(9 * time.Second)
	want("remembered", 204, 2, "good")
	want("that it is not active too", 401, 2, "soon")
	clock.add(time.Second)
	want("asked again", 401, 3, "good")
	want("and again", 204, 4, "soon")
}

func TestFewQuestionsAtTheSameTime(t *testing.T) {
	is := newTestIssuer(t)
	is.delay = 20 * time.Millisecond
	is.says(map[string]with{"good": nil})
	tokens := newTokens(t, is.config(asks(t, is)))
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() { show(t, tokens, "opaque"+strconv.Itoa(i)) })
		all.Go(func() {
			if v := show(t, tokens, "good"); v.status != 204 {
				t.Errorf("got %+v", v)
			}
		})
	}
	all.Wait()
	if n := is.most.Load(); n > maxAsked {
		t.Errorf("%d questions at the same time", n)
	}
	if n := is.asked.Load(); n > 101 {
		t.Errorf("%d questions about 101 tokens", n)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	clock := newHandClock()
	in := newIntrospector(nil, &core{now: clock.Now})
	for i := range 2 * maxAnswers {
		in.remember(&digest{byte(i), byte(i >> 8), byte(i >> 16)}, answer{until: clock.Now().Add(time.Second)})
		if len(in.answers) > maxAnswers {
			t.Fatalf("%d answers", len(in.answers))
		}
	}
}

func TestAnIssuerThatCannotBeAskedAboutATokenDecidesNothing(t *testing.T) {
	is := newTestIssuer(t)
	is.says(map[string]with{"good": nil})
	board := new(alert.Board)
	c := is.config(asks(t, is))
	c.Budget = 100 * time.Millisecond
	tokens := newTokens(t, c, func(o *Options) { o.Alerts = board })
	for _, f := range []func(http.ResponseWriter, *http.Request){
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) },
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) },
		func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("garbage")) },
		func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"active":false}` + strings.Repeat(" ", 2<<20)))
		},
		func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		is.breaks(f)
		start := time.Now()
		if v := show(t, tokens, "good"); v.status != 503 || v.retry == "" {
			t.Errorf("got %+v", v)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("it took %v", took)
		}
	}
	if all := board.All(); len(all) != 1 || all[0].About != is.URL {
		t.Errorf("alerts: %+v", all)
	}
	is.breaks(nil)
	is.CloseClientConnections()
	eventually(t, "asked again", func() bool { return show(t, tokens, "good").status == 204 })
	if all := board.All(); len(all) != 1 || all[0].Over.IsZero() {
		t.Errorf("alerts: %+v", all)
	}
}

func TestWhoIsAskedAboutAToken(t *testing.T) {
	first, second, keyed := newTestIssuer(t), newTestIssuer(t), newTestIssuer(t)
	mine := first.token(first.signers[0], nil, nil)
	hmac := first.token(first.signers[0], with{"alg": "HS256"}, nil)
	forged := keyed.token(first.signers[0], with{"alg": "HS256"}, nil)
	strange := first.token(first.signers[0], with{"alg": "HS256"}, with{"iss": "https://other.example.org"})
	first.says(map[string]with{"one": nil, mine: nil, hmac: nil, forged: nil, strange: nil})
	second.says(map[string]with{"two": nil, "both": nil})
	c := first.config(asks(t, first))
	c.Issuers = append(c.Issuers, second.config(asks(t, second)).Issuers[0], keyed.config().Issuers[0])
	tokens := newTokens(t, c)
	for _, tt := range []struct {
		name, token           string
		status                int
		first, second, keyedN int64
	}{
		{"the first knows it", "one", 204, 1, 0, 0},
		{"the second knows it", "two", 204, 1, 1, 0},
		{"nobody knows it", "three", 401, 1, 1, 0},
		{"a JWT names the one to ask", mine, 204, 1, 0, 0},
		{"also one that nobody could verify", hmac, 204, 1, 0, 0},
		{"a JWT of an issuer with keys is shown to nobody", forged, 401, 0, 0, 0},
		{"a JWT of a stranger is shown to nobody", strange, 401, 0, 0, 0},
		{"a signed one of an issuer with keys", keyed.token(keyed.signers[0], nil, nil), 204, 0, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b, k := first.asked.Load(), second.asked.Load(), keyed.fetches.Load()
			v := show(t, tokens, tt.token)
			a, b, k = first.asked.Load()-a, second.asked.Load()-b, keyed.fetches.Load()-k
			if v.status != tt.status || a != tt.first || b != tt.second || k != tt.keyedN {
				t.Errorf("got %+v; asked %d and %d, fetched %d", v, a, b, k)
			}
		})
	}
	first.breaks(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	if v := show(t, tokens, "both"); v.status != 204 {
		t.Errorf("the first is down, the second knows it: %+v", v)
	}
	if v := show(t, tokens, "neither"); v.status != 503 {
		t.Errorf("the first is down, the second does not know it: %+v", v)
	}
	first.breaks(nil)
	second.breaks(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	if v := show(t, tokens, "none"); v.status != 503 {
		t.Errorf("the first does not know it, the second is down: %+v", v)
	}
}

// answers is an issuer without a network; nil never answers.
type answers func(*http.Request) string

func (f answers) RoundTrip(r *http.Request) (*http.Response, error) {
	if f == nil {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(f(r))), Request: r}, nil
}

// TestARequestWaitsOnceForAllIssuers: those that are silent share the budget, and none takes the turn of another.
func TestARequestWaitsOnceForAllIssuers(t *testing.T) {
	knows := answers(func(r *http.Request) string {
		if r.FormValue("token") != "good" {
			return `{"active":false}`
		}
		return `{"active":true,"sub":"ines","aud":"` + audience + `","exp":` + strconv.FormatInt(time.Now().Unix()+300, 10) + `}`
	})
	for _, tt := range []struct {
		name    string
		issuers []answers
		token   string
		status  int
		took    time.Duration
	}{
		{"who answers knows it, behind three that are silent", []answers{nil, nil, nil, knows}, "good", 204, 1500 * time.Millisecond},
		{"who answers does not know it", []answers{nil, nil, nil, knows}, "other", 503, 1500 * time.Millisecond},
		{"who answers at once leaves his time to the others", []answers{knows, nil}, "other", 503, 2 * time.Second},
		{"nobody answers", []answers{nil, nil, nil}, "good", 503, 2 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var c Config
				for i := range tt.issuers {
					is := &testIssuer{Server: &httptest.Server{URL: "https://id" + strconv.Itoa(i) + ".example.org"}}
					c.Issuers = append(c.Issuers, is.config(asks(t, is)).Issuers...)
				}
				tokens := newTokens(t, c)
				for i, f := range tt.issuers {
					tokens.trusts[i].issuer.client.http.Transport = f
				}
				start := time.Now()
				v := show(t, tokens, tt.token)
				if took := time.Since(start); v.status != tt.status || took != tt.took {
					t.Errorf("after %v: %+v", took, v)
				}
				time.Sleep(readTime) // the questions end by themselves
				synctest.Wait()
			})
		})
	}
}

func TestAnyAudience(t *testing.T) {
	is := newTestIssuer(t)
	is.says(map[string]with{"good": {"aud": nil}})
	change := asks(t, is)
	tokens := newTokens(t, is.config(change, func(c *IssuerConfig) { c.Audience, c.InsecureAnyAudience = nil, "it answers only for us" }))
	if v := show(t, tokens, "good"); v.status != 204 {
		t.Errorf("got %+v", v)
	}
}
