// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"yett/exchange"
	"yett/store"
	"yett/store/memory"
)

// proven shows proofs for a request to check, and reports what it says and whether the upstream saw a proof.
func proven(t testing.TB, p *proofs, method, target, jkt string, texts ...string) (err error, passedOn bool) {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	r.Host = "attacker.example.net" // is never asked
	for _, text := range texts {
		r.Header.Add("DPoP", text)
	}
	next := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { passedOn = r.Header.Get("DPoP") != "" })
	step := func(x *exchange.Exchange) error {
		err = p.check(x, "the-token", jkt, []string{"https://api.example.org", "https://shop.example.org:8443"})
		return nil
	}
	w := httptest.NewRecorder()
	exchange.Middleware(next, step).ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("the request itself is refused: %d", w.Code)
	}
	return err, passedOn
}

func TestProofs(t *testing.T) {
	key, other := newSigner(t, ""), newSigner(t, "")
	jkt := key.public(t).Thumbprint()
	clock := newHandClock()
	clock.at = clock.at.Truncate(time.Second)
	now := clock.at.Unix()
	hash := func(token string) string {
		sum := sha256.Sum256([]byte(token))
		return base64.RawURLEncoding.EncodeToString(sum[:])
	}
	private := with{"kty": "EC", "crv": "P-256", "x": strings.Repeat("A", 43), "y": strings.Repeat("A", 43), "d": strings.Repeat("A", 43)}
	type edits struct {
		method, target string
		header, claims with
		signer         *signer
	}
	for _, tt := range []struct {
		name string
		e    edits
		why  string // "": good
	}{
		{"a good proof", edits{}, ""},
		{"another method", edits{method: "PUT"}, "another method"},
		{"the method in lower case", edits{claims: with{"htm": "post"}}, "another method"},
		{"no method", edits{claims: with{"htm": nil}}, "another method"},
		{"a method that is no text", edits{claims: with{"htm": 1}}, "another method"},
		{"another path", edits{claims: with{"htu": "https://api.example.org/orders/2"}}, "another address"},
		{"a longer path", edits{claims: with{"htu": "https://api.example.org/orders/1/"}}, "another address"},
		{"the path in other letters", edits{claims: with{"htu": "https://api.example.org/Orders/1"}}, "another address"},
		{"another host", edits{claims: with{"htu": "https://api.example.net/orders/1"}}, "another address"},
		{"the host of the Host field", edits{claims: with{"htu": "https://attacker.example.net/orders/1"}}, "another address"},
		{"in clear", edits{claims: with{"htu": "http://api.example.org/orders/1"}}, "another address"},
		{"another port", edits{claims: with{"htu": "https://api.example.org:8443/orders/1"}}, "another address"},
		{"a user before the host", edits{claims: with{"htu": "https://api.example.org@attacker.example.net/orders/1"}}, "another address"},
		{"a user before the right host", edits{claims: with{"htu": "https://u@api.example.org/orders/1"}}, "another address"},
		{"no address", edits{claims: with{"htu": nil}}, "another address"},
		{"a path alone", edits{claims: with{"htu": "/orders/1"}}, "another address"},
		{"no address at all", edits{claims: with{"htu": "%"}}, "another address"},
		{"the origin of one of its hosts", edits{claims: with{"htu": "https://shop.example.org:8443/orders/1"}}, ""},
		{"scheme and host in capitals", edits{claims: with{"htu": "HTTPS://API.Example.ORG/orders/1"}}, ""},
		{"the port that is meant anyway", edits{claims: with{"htu": "https://api.example.org:443/orders/1"}}, ""},
		{"the path in another spelling", edits{claims: with{"htu": "https://api.example.org/%6Frders/1"}}, ""},
		{"query and fragment do not count", edits{target: "/orders/1?a=b", claims: with{"htu": "https://api.example.org/orders/1?c=d#e"}}, ""},
		{"the root, without its slash", edits{target: "/", claims: with{"htu": "https://api.example.org"}}, ""},
		{"61 seconds old", edits{claims: with{"iat": now - 61}}, "not of this minute"},
		{"a minute old", edits{claims: with{"iat": now - 60}}, ""},
		{"a minute ahead", edits{claims: with{"iat": now + 60}}, ""},
		{"61 seconds ahead", edits{claims: with{"iat": now + 61}}, "not of this minute"},
		{"of no time", edits{claims: with{"iat": nil}}, "not of this minute"},
		{"for another token", edits{claims: with{"ath": hash("another-token")}}, "another token"},
		{"for no token", edits{claims: with{"ath": nil}}, "another token"},
		{"the token itself in the place of its hash", edits{claims: with{"ath": "the-token"}}, "another token"},
		{"without id", edits{claims: with{"jti": nil}}, "jti is missing"},
		{"with an id of 256 bytes", edits{claims: with{"jti": strings.Repeat("j", 256)}}, ""},
		{"with an id of 257 bytes", edits{claims: with{"jti": strings.Repeat("j", 257)}}, "too long"},
		{"a nonce does not count", edits{claims: with{"nonce": "n"}}, ""},
		{"signed by another key, which it brings", edits{signer: other, header: with{"jwk": other.public(t)}}, "not the one"},
		{"signed by another key than it brings", edits{signer: other}, "signature"},
		{"without a key", edits{header: with{"jwk": nil}}, "without its key"},
		{"with a private key", edits{header: with{"jwk": private}}, "key"},
		{"an access token", edits{header: with{"typ": "at+jwt"}}, "typ"},
		{"without type", edits{header: with{"typ": nil}}, "typ"},
		{"unsigned", edits{header: with{"alg": "none"}}, "algorithm"},
		{"signed with a shared secret", edits{header: with{"alg": "HS256"}}, "algorithm"},
		{"of more than 8 KiB", edits{claims: with{"more": strings.Repeat("m", 7<<10)}}, "8192 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := proofsSince(clock, memory.New(memory.Options{}))
			s, method, target := key, "POST", "/orders/1"
			if tt.e.signer != nil {
				s = tt.e.signer
			}
			if tt.e.method != "" {
				method = tt.e.method
			}
			if tt.e.target != "" {
				target = tt.e.target
			}
			text := s.sign(t, tt.e.header.over(with{"typ": "dpop+jwt", "alg": "ES256", "jwk": key.public(t)}), tt.e.claims.over(with{
				"htm": "POST", "htu": "https://api.example.org/orders/1", "iat": now, "jti": "one", "ath": hash("the-token")}))
			err, passedOn := proven(t, p, method, target, jkt, text)
			switch {
			case tt.why == "" && (err != nil || passedOn):
				t.Errorf("got %v; passed on: %t", err, passedOn)
			case tt.why != "" && (err == nil || !strings.Contains(err.Error(), tt.why) || errors.Is(err, errCannotDecide)):
				t.Errorf("got %v, want one about %q", err, tt.why)
			}
			if tt.why != "" {
				return
			}
			if err, _ := proven(t, p, method, target, jkt, text); err == nil || !strings.Contains(err.Error(), "used before") {
				t.Errorf("a second time: %v", err)
			}
		})
	}
}

// goodProof is one for GET /orders/1 by s.
func goodProof(t testing.TB, s *signer, iat int64, jti string) string {
	sum := sha256.Sum256([]byte("the-token"))
	return s.sign(t, with{"typ": "dpop+jwt", "alg": "ES256", "jwk": s.public(t)}, with{"htm": "GET", "htu": "https://api.example.org/orders/1",
		"iat": iat, "jti": jti, "ath": base64.RawURLEncoding.EncodeToString(sum[:])})
}

func TestAProofCountsOnceAndForOneKey(t *testing.T) {
	clock := newHandClock()
	clock.at = clock.at.Truncate(time.Second)
	counters := memory.New(memory.Options{Now: clock.Now})
	p := proofsSince(clock, counters)
	a, b := newSigner(t, ""), newSigner(t, "")
	jktA, jktB := a.public(t).Thumbprint(), b.public(t).Thumbprint()
	ahead := clock.at.Unix() + 60 // may be shown for two minutes
	first := goodProof(t, a, ahead, "j")
	if err, _ := proven(t, p, "GET", "/orders/1", jktA, first); err != nil {
		t.Errorf("at first: %v", err)
	}
	if err, _ := proven(t, p, "GET", "/orders/1", jktB, goodProof(t, b, ahead, "j")); err != nil {
		t.Errorf("another key's proof of the same id: %v", err)
	}
	if err, _ := proven(t, p, "GET", "/orders/1", jktA, first, first); err == nil || !strings.Contains(err.Error(), "several") {
		t.Errorf("two fields: %v", err)
	}
	if err, _ := proven(t, p, "GET", "/orders/1", jktA); err == nil {
		t.Error("none is enough")
	}
	for range 120 {
		clock.add(time.Second)
		if err, _ := proven(t, p, "GET", "/orders/1", jktA, first); err == nil || !strings.Contains(err.Error(), "used before") {
			t.Fatalf("at %v: %v", clock.Now(), err)
		}
	}
	clock.add(time.Second)
	if err, _ := proven(t, p, "GET", "/orders/1", jktA, first); err == nil || !strings.Contains(err.Error(), "not of this minute") {
		t.Errorf("after two minutes: %v", err)
	}
}

// A proof that is refused is not remembered: whoever copies it early and breaks it spends nothing of its owner's.
func TestARefusedProofIsNotSpent(t *testing.T) {
	clock := newHandClock()
	p := proofsSince(clock, memory.New(memory.Options{}))
	s := newSigner(t, "")
	jkt, text := s.public(t).Thumbprint(), goodProof(t, s, clock.Now().Unix(), "j")
	if err, _ := proven(t, p, "GET", "/orders/2", jkt, text); err == nil {
		t.Fatal("it is good elsewhere")
	}
	if err, _ := proven(t, p, "GET", "/orders/1", jkt, text); err != nil {
		t.Errorf("in its place: %v", err)
	}
}

// proofsSince are proofs of a process that runs for an hour.
func proofsSince(clock *handClock, counters store.Counters) *proofs {
	clock.add(-time.Hour)
	defer clock.add(time.Hour)
	return newProofs(counters, clock.Now)
}

// TestAProofIsNoGoodAfterARestart: what was used is remembered in memory alone. Honest clients make a new proof for a new
// attempt, and whoever made one a moment too early is told to come again, not that his token is bad.
func TestAProofIsNoGoodAfterARestart(t *testing.T) {
	clock := newHandClock()
	clock.at = clock.at.Truncate(time.Second).Add(700 * time.Millisecond)
	s := newSigner(t, "")
	jkt, now := s.public(t).Thumbprint(), clock.Now().Unix()
	used, unused := goodProof(t, s, now, "used"), goodProof(t, s, now, "unused")
	first := proofsSince(clock, memory.New(memory.Options{}))
	if err, _ := proven(t, first, "GET", "/orders/1", jkt, used); err != nil {
		t.Fatal(err)
	}
	clock.add(100 * time.Millisecond)
	second := newProofs(memory.New(memory.Options{}), clock.Now)
	for _, tt := range []struct {
		name, path, proof string
		later             time.Duration
		want              string
	}{
		{"one that was used before", "/orders/1", used, 0, "cannot decide"},
		{"one that was made before and not used", "/orders/1", unused, 0, "cannot decide"},
		{"one of the second of the start", "/orders/1", goodProof(t, s, now, "same"), 0, "cannot decide"},
		{"one that is bad anyway", "/orders/2", used, 0, "bad"},
		{"a new one, a second later", "/orders/1", goodProof(t, s, now+1, "new"), 200 * time.Millisecond, "good"},
		{"the new one again", "/orders/1", goodProof(t, s, now+1, "new"), 0, "bad"},
		{"the used one, as long as it is of this minute", "/orders/1", used, 58 * time.Second, "cannot decide"},
		{"the used one later", "/orders/1", used, 2 * time.Second, "bad"},
	} {
		clock.add(tt.later)
		got := "good"
		if err, _ := proven(t, second, "GET", tt.path, jkt, tt.proof); errors.Is(err, errCannotDecide) {
			got = "cannot decide"
		} else if err != nil {
			got = "bad"
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// closedCounters are counters out of reach.
type closedCounters struct{ store.Counters }

func (closedCounters) Once(context.Context, string, time.Duration) (bool, error) {
	return false, errors.New("out of reach")
}

func TestAProofThatCannotBeRememberedIsNeitherGoodNorBad(t *testing.T) {
	s := newSigner(t, "")
	jkt := s.public(t).Thumbprint()
	clock := newHandClock()
	p := proofsSince(clock, closedCounters{})
	if err, _ := proven(t, p, "GET", "/orders/1", jkt, goodProof(t, s, clock.Now().Unix(), "j")); !errors.Is(err, errCannotDecide) {
		t.Errorf("got %v", err)
	}
	if err, _ := proven(t, p, "GET", "/orders/1", jkt, goodProof(t, s, math.MaxInt32, "j")); errors.Is(err, errCannotDecide) {
		t.Errorf("one that is bad anyway: %v", err)
	}
}
