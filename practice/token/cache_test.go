// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"testing"
	"time"
)

func sumOf(n int) *digest {
	var d digest
	binary.BigEndian.PutUint64(d[:], uint64(n)*0x9E3779B97F4A7C15)
	return &d
}

func TestTheCacheIsBounded(t *testing.T) {
	var c cache
	c.resize(160)
	often := sumOf(-1)
	c.put(often, new(verified))
	for i := range 10_000 {
		c.put(sumOf(i), new(verified))
		if c.get(often) == nil {
			t.Fatalf("what is in use was forgotten after %d others", i)
		}
	}
	if n := c.size(); n > 160 {
		t.Errorf("%d tokens are remembered", n)
	}
	c.drop(often)
	if c.get(often) != nil {
		t.Error("what was dropped is there")
	}
	c.resize(160)
	if c.size() == 0 {
		t.Error("the same size forgets all")
	}
	c.resize(0)
	c.put(often, new(verified))
	if c.size() != 0 {
		t.Error("no size remembers something")
	}
}

func TestATokenThatIsKnownTwiceIsKnownOnce(t *testing.T) {
	var c cache
	c.resize(shards)
	a, b := new(verified), new(verified)
	c.put(sumOf(1), a)
	c.put(sumOf(1), b)
	if c.get(sumOf(1)) != b || c.size() != 1 {
		t.Error("the newer one does not count")
	}
}

// TestARepeatedTokenIsNotVerifiedAgain: what is remembered stands under the digest of its text. Under a text that nobody has
// signed it is admitted, because nothing is verified; and refused as soon as it was taken back.
func TestARepeatedTokenIsNotVerifiedAgain(t *testing.T) {
	is := newTestIssuer(t)
	tokens := newTokens(t, is.config(), withRevocations(t))
	text := is.token(is.signers[0], nil, nil)
	unsigned := text[:strings.LastIndexByte(text, '.')+1] + strings.Repeat("A", 86)
	if v := show(t, tokens, text); v.status != 204 {
		t.Fatalf("got %+v", v)
	}
	sum, other := digest(sha256.Sum256([]byte(text))), digest(sha256.Sum256([]byte(unsigned)))
	remembered := tokens.core.cache.get(&sum)
	if remembered == nil {
		t.Fatal("a token that was verified is not remembered")
	}
	tokens.core.cache.put(&other, remembered)
	if v := show(t, tokens, unsigned); v.status != 204 {
		t.Errorf("it is verified again: %+v", v)
	}
	revokeBy(t, tokens, `{"subject":"ines"}`)
	if v := show(t, tokens, unsigned); v.status != 401 || v.cause != "revoked" {
		t.Errorf("taken back: %+v", v)
	}
	tokens.core.cache.drop(&other)
	if v := show(t, tokens, unsigned); v.status == 204 || !strings.Contains(v.cause, "wrong signature") {
		t.Errorf("and when nothing is remembered of it: %+v", v)
	}
}

// TestVerdictsAreNeverRemembered judges one remembered token while all about it changes.
func TestVerdictsAreNeverRemembered(t *testing.T) {
	is := newTestIssuer(t)
	clock := newHandClock()
	is.now = clock.Now
	text := is.token(is.signers[0], nil, with{"nbf": clock.Now().Unix(), "exp": clock.Now().Add(time.Hour).Unix()})
	at := clock.Now()
	tokens := newTokens(t, is.config(), func(o *Options) { o.Now = clock.Now })
	elsewhere, err := tokens.core.trusting(is.config(func(c *IssuerConfig) { c.Audience = []string{"other"} }), tokens.places)
	if err != nil {
		t.Fatal(err)
	}
	nowhere, err := tokens.core.trusting(Config{Issuers: []IssuerConfig{{Issuer: "https://other.example.org", Audience: []string{audience}}}}, tokens.places)
	if err != nil {
		t.Fatal(err)
	}
	short, err := tokens.core.trusting(is.config(func(c *IssuerConfig) { c.MaxAge = time.Minute }), tokens.places)
	if err != nil {
		t.Fatal(err)
	}
	picky, err := tokens.core.trusting(is.config(func(c *IssuerConfig) { c.Algorithms = []string{"ES384"} }), tokens.places)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		at     *Tokens
		later  time.Duration
		status int
		cause  string
	}{
		{"at first", tokens, 0, 204, ""},
		{"where another audience is wanted", elsewhere, 0, 401, "wrong audience: aud is [\"https://api.example.org\"]"},
		{"where the issuer is not trusted", nowhere, 0, 401, "unknown issuer: its issuer is not trusted here"},
		{"where another algorithm is wanted", picky, 0, 401, "wrong algorithm: ES256 is not among algorithms"},
		{"where tokens must be young", short, 0, 204, ""},
		{"and this one is not any more", short, 3 * time.Minute, 401, "too old: iat was " + at.UTC().Format(time.RFC3339)},
		{"before its time", tokens, -2 * time.Minute, 401, "not valid yet: nbf is " + at.UTC().Format(time.RFC3339)},
		{"after its end", tokens, 62 * time.Minute, 401, "expired: exp was " + at.Add(time.Hour).UTC().Format(time.RFC3339)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			clock.add(tt.later)
			defer clock.add(-tt.later)
			if v := show(t, tt.at, text); v.status != tt.status || v.cause != tt.cause {
				t.Errorf("got %+v", v)
			}
		})
	}
	if n := tokens.core.cache.size(); n != 1 {
		t.Errorf("%d tokens are remembered", n)
	}

	// A place that reads the claims in another way does not take over what this one has read.
	renamed, err := tokens.core.trusting(is.config(func(c *IssuerConfig) { c.ClientClaim = "sub" }), tokens.places)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if a, b := show(t, tokens, text), show(t, renamed, text); a.caller != "ines app orders:read,profile" || b.caller != "ines ines orders:read,profile" {
			t.Errorf("got %+v and %+v", a, b)
		}
	}
}
