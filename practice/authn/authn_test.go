// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yett/exchange"
	"yett/identity"
	"yett/problem"
	"yett/store"
	"yett/store/memory"
)

func TestWhoMayCall(t *testing.T) {
	a := office(t)
	g := New(Config{}, Options{API: a})
	const key, session = "key acme files:read", "cookie ines"
	for _, tt := range []struct {
		name, path string
		have       []string
		status     int
		code       string
		caller     string // as the upstream is told
	}{
		{"a key with the scope", "/key", []string{key}, 200, "", "acme"},
		{"nobody", "/key", nil, 401, "unauthenticated", ""},
		{"a key without the scope", "/key", []string{"key acme files:write"}, 403, "insufficient_scope", ""},
		{"a credential of another scheme", "/key", []string{session}, 401, "unauthenticated", ""},
		{"the first of two ways", "/either", []string{key}, 200, "", "acme"},
		{"the second of two ways", "/either", []string{session}, 200, "", "ines"},
		{"both of two ways: the first in the description counts", "/either", []string{session, key}, 200, "", "acme"},
		{"a scope that is missing on one way does not close the other", "/either", []string{"key acme", session}, 200, "", "ines"},
		{"neither of two ways", "/either", nil, 401, "unauthenticated", ""},
		{"both of two that are needed", "/both", []string{session, key}, 200, "", "acme"},
		{"one of two that are needed", "/both", []string{key}, 401, "unauthenticated", ""},
		{"the other of two that are needed", "/both", []string{session}, 401, "unauthenticated", ""},
		{"both, but one without its scope", "/both", []string{session, "key acme"}, 403, "insufficient_scope", ""},
		{"a way that nothing verifies yet", "/certificate", []string{key, session}, 401, "unauthenticated", ""},
		{"nobody, where anybody may", "/public", nil, 200, "", ""},
		{"somebody, where anybody may", "/public", []string{key}, 200, "", "acme"},
		{"nobody, where a credential is welcome and not needed", "/optional", nil, 200, "", ""},
		{"somebody, where a credential is welcome", "/optional", []string{key}, 200, "", "acme"},
		{"somebody without the scope, where nobody may too", "/optional", []string{"key acme"}, 200, "", "acme"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, up := ask(t, tt.path, nil, route(t, a), with(tt.have...), g.Check)
			if got.status != tt.status || got.code != tt.code || up.reached != (tt.code == "") {
				t.Fatalf("got %d %q, reached %v; want %d %q", got.status, got.code, up.reached, tt.status, tt.code)
			}
			if up.header.Get("X-Yett-Client") != tt.caller || up.header.Get("X-Yett-Subject") != tt.caller {
				t.Errorf("the upstream was told %q, %q; want %q", up.header.Get("X-Yett-Client"), up.header.Get("X-Yett-Subject"), tt.caller)
			}
		})
	}
}

func TestACallerWithoutTheScopeIsRecordedByName(t *testing.T) {
	a := office(t)
	g := New(Config{}, Options{API: a})
	var seen *identity.Caller
	ask(t, "/key", nil, route(t, a), with("key acme"), func(x *exchange.Exchange) error {
		err := g.Check(x)
		seen = x.Caller
		return err
	})
	if seen == nil || seen.Client != "acme" {
		t.Errorf("the record names %+v", seen)
	}
}

func TestChallenges(t *testing.T) {
	a := office(t)
	for _, tt := range []struct {
		name, path string
		have       string
		want       []string
	}{
		{"a key", "/key", "", []string{`ApiKey realm="shop", in="header", name="X-API-Key"`}},
		{"every way once", "/token", "", []string{`Bearer realm="shop"`, `Basic realm="shop", charset="UTF-8"`}},
		{"a name that is no token", "/query", "", []string{`ApiKey realm="shop"`}},
		{"a certificate", "/certificate", "", []string{`ClientCertificate realm="shop"`}},
		{"any other scheme", "/digest", "", []string{`digest realm="shop"`}},
		{"a scope that is missing", "/token", "oauth acme files:read", []string{`Bearer realm="shop", error="insufficient_scope"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, o := range []Options{{API: a}, {}} { // made beforehand, and as needed
				g := New(Config{Realm: "shop"}, o)
				var have []string
				if tt.have != "" {
					have = []string{tt.have}
				}
				got, _ := ask(t, tt.path, nil, route(t, a), with(have...), g.Check)
				if strings.Join(got.challenges, "\n") != strings.Join(tt.want, "\n") {
					t.Errorf("got %q, want %q", got.challenges, tt.want)
				}
			}
		})
	}
}

func TestCredentialsStayHere(t *testing.T) {
	a := office(t)
	fields := []string{
		"Authorization: Bearer secret", "Proxy-Authorization: Basic secret", "X-Api-Key: secret",
		"Cookie: theme=dark; session=secret; lang=de", "Cookie: session =secret", "X-Other: kept",
		"X-Yett-Subject: admin", "X_Yett_Subject: admin", "x_yett-scopes: all", "X-Yettish: kept",
	}
	const target = "/public?a=1&api+key=secret&%61pi%20key=secret&b=2"
	_, up := ask(t, target, fields, route(t, a), with("key acme files:read files:write"), New(Config{}, Options{API: a}).Check)
	if got := fmt.Sprint(up.header, up.query); strings.Contains(got, "secret") || strings.Contains(got, "admin") || strings.Contains(got, "all]") {
		t.Errorf("the upstream got %s", got)
	}
	if up.query != "a=1&b=2" || up.header.Get("Cookie") != "theme=dark; lang=de" || up.header.Get("X-Other") != "kept" || up.header.Get("X-Yettish") != "kept" {
		t.Errorf("what is no credential was lost: %v %q", up.header, up.query)
	}
	if up.header.Get("X-Yett-Scopes") != "files:read files:write" {
		t.Errorf("scopes %q", up.header.Get("X-Yett-Scopes"))
	}

	_, up = ask(t, target, fields, route(t, a), with("key acme"), New(Config{Forward: "the old service checks it itself"}, Options{API: a}).Check)
	if up.header.Get("Authorization") != "Bearer secret" || up.header.Get("X-Api-Key") != "secret" || !strings.Contains(up.query, "api+key") {
		t.Errorf("with forward the upstream got %v %q", up.header, up.query)
	}
	if up.header.Get("X-Yett-Subject") != "acme" || slicesOf(up.header, "X_Yett_Subject") != nil {
		t.Errorf("with forward the upstream was told %v", up.header)
	}
}

func TestNamesOfOtherIssuersBreakNothing(t *testing.T) {
	a := office(t)
	caller := &identity.Caller{Subject: "ann\r\nX-Admin: 1", Client: "acme", Scopes: []string{"files:read", "files:read admin"}}
	_, up := ask(t, "/key", nil, route(t, a), func(x *exchange.Exchange) error {
		x.Credentials = append(x.Credentials, identity.Credential{Scheme: "key", Caller: caller})
		return nil
	}, New(Config{}, Options{API: a}).Check)
	if !up.reached || up.header.Get("X-Yett-Subject") != "" || up.header.Get("X-Yett-Scopes") != "files:read" {
		t.Errorf("reached %v, told %v", up.reached, up.header)
	}
}

func TestTokensInTheAddressAreRefused(t *testing.T) {
	a := office(t)
	g := New(Config{}, Options{API: a})
	for _, tt := range []struct{ name, target, code string }{
		{"a token", "/public?access_token=x", "credential_in_query"},
		{"a token among others", "/public?a=1&access_token=x&b=2", "credential_in_query"},
		{"in escapes", "/public?%61ccess_%74o%6ben=x", "credential_in_query"},
		{"in capitals", "/public?Access_Token=x", "credential_in_query"},
		{"without a value", "/public?access_token", "credential_in_query"},
		{"a parameter that is declared under that name", "/query?access_token=x", "unauthenticated"},
		{"another word with token in it", "/public?page_token=x", ""},
		{"the word as a value", "/public?q=access_token", ""},
		{"a broken escape", "/public?%zz=1", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := ask(t, tt.target, nil, route(t, a), g.Check); got.code != tt.code {
				t.Errorf("got %q, want %q", got.code, tt.code)
			}
		})
	}
}

func TestGuessingEndsAfterAHundredAttempts(t *testing.T) {
	a := office(t)
	now := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	g := New(Config{}, Options{API: a, Counters: memory.New(memory.Options{Now: func() time.Time { return now }})})
	guess := func(from string) answer {
		got, _ := ask(t, "/key", []string{"Authorization: Bearer guess", "From: " + from}, route(t, a), g.Check)
		return got
	}
	for i := range failures {
		if got := guess(fmt.Sprintf("[2001:db8::%x]:1", i+1)); got.status != 401 {
			t.Fatalf("attempt %d got %d", i+1, got.status)
		}
	}
	if got := guess("[2001:db8::ffff]:1"); got.status != 429 || got.code != "too_many_failures" || got.retryAfter != "1" {
		t.Errorf("one more from the same /64 got %d %q, Retry-After %q", got.status, got.code, got.retryAfter)
	}
	if got := guess("[2001:db8:0:1::1]:1"); got.status != 401 {
		t.Errorf("another network got %d", got.status)
	}
	if got, up := ask(t, "/key", []string{"Authorization: x", "From: [2001:db8::1]:1"}, route(t, a), with("key acme files:read"), g.Check); !up.reached {
		t.Errorf("a good credential from there got %d", got.status)
	}
	if got, _ := ask(t, "/key", []string{"From: [2001:db8::1]:1"}, route(t, a), g.Check); got.status != 401 {
		t.Errorf("who tried nothing from there got %d", got.status)
	}
	now = now.Add(time.Minute)
	if got := guess("[2001:db8::1]:1"); got.status != 401 {
		t.Errorf("a minute later: %d", got.status)
	}
}

// broken are counters that cannot be asked.
type broken struct{ store.Counters }

func (broken) Take(context.Context, string, store.Rate, int64) (store.Taken, error) {
	return store.Taken{}, errors.New("out of reach")
}

func TestWhoCannotBeCountedIsNotAnswered(t *testing.T) {
	a := office(t)
	g := New(Config{}, Options{API: a, Counters: broken{}})
	if got, _ := ask(t, "/key", []string{"Authorization: Bearer guess"}, route(t, a), g.Check); got.status != 503 || got.code != "cannot_decide" {
		t.Errorf("got %d %q", got.status, got.code)
	}
	if got, _ := ask(t, "/key", []string{"Authorization: Bearer guess", "From: nowhere"}, route(t, a), g.Check); got.code != "address_unreadable" {
		t.Errorf("without an address: %q", got.code)
	}
}

func TestWithoutAnOperationNobodyMayCall(t *testing.T) {
	if got := problem.Code(New(Config{}, Options{}).Check(new(exchange.Exchange))); got != "no_operation" {
		t.Errorf("got %q", got)
	}
}

func TestConfigurations(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config Config
		want   string // in the error; "" is well
	}{
		{"the default is well", Config{Realm: DefaultRealm}, ""},
		{"a reason to forward is well", Config{Realm: "api", Forward: "until March"}, ""},
		{"a blank is no reason", Config{Realm: "api", Forward: " "}, "forward:"},
		{"a realm is needed", Config{}, "realm:"},
		{"a realm ends no quotes", Config{Realm: `a"b`}, "realm:"},
		{"a realm breaks no line", Config{Realm: "a\nb"}, "realm:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.config.Validate(); (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// slicesOf reads a field under exactly this name, however net/http would spell it.
func slicesOf(h map[string][]string, name string) []string { return h[name] }

// Two issuers number their users from 1; a user may bear the name of a client. The upstream must tell them apart.
func TestCallersOfTwoIssuersAreToldApart(t *testing.T) {
	a := office(t)
	assertions := newAssertions(t, openDB(t, filepath.Join(t.TempDir(), "yett.db")), newGCM(t), newClock())
	g := New(Config{}, Options{API: a, Assertions: assertions})
	told := make(map[string]bool)
	for _, issuer := range []string{"https://a.example.org", "https://b.example.org", "yett"} {
		caller := &identity.Caller{Subject: "42", Client: "42", Issuer: issuer, Scopes: []string{"files:read"}}
		knows := func(x *exchange.Exchange) error {
			x.Credentials = append(x.Credentials, identity.Credential{Scheme: "key", Caller: caller})
			return nil
		}
		got, up := ask(t, "/key", []string{"X-Yett-Issuer: https://forged.example.org", "X_yett_issuer: forged"}, route(t, a), knows, g.Check)
		if got.status != 200 {
			t.Fatalf("got %+v", got)
		}
		if values := up.header.Values("X-Yett-Issuer"); len(values) != 1 || values[0] != issuer || slicesOf(up.header, "X_yett_issuer") != nil {
			t.Errorf("the upstream is told the issuers %q, want %q", values, issuer)
		}
		claims := verify(t, assertions.keys.Load().set, up.header.Get("X-Yett-Identity"))
		if idp, _ := claims.Text("idp"); idp != issuer || claims.Issuer != "https://api.example.org" || claims.Subject != "42" {
			t.Errorf("the signed identity says iss %q, idp %q, sub %q; want idp %q", claims.Issuer, idp, claims.Subject, issuer)
		}
		told[up.header.Get("X-Yett-Issuer")] = true
	}
	if len(told) != 3 {
		t.Errorf("three namespaces look like %v", told)
	}
}
