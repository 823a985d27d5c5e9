// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jose_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"yett/jose"
)

func TestClaims(t *testing.T) {
	const thumb = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
	c, err := jose.ParseClaims([]byte(`{"iss":"https://id.example.org","sub":"a","jti":"1","aud":["x","y"],"exp":1700000000.5,` +
		`"nbf":0,"iat":1.7e9,"scope":"read write","groups":["g","h"],"mixed":["g",1],"cnf":{"jkt":"` + thumb + `"},"\u0061\u0000":{"b": 1}}`))
	if err != nil {
		t.Fatal(err)
	}
	if c.Issuer != "https://id.example.org" || c.Subject != "a" || c.ID != "1" || !slices.Equal(c.Audience, []string{"x", "y"}) {
		t.Errorf("got %q, %q, %q, %q", c.Issuer, c.Subject, c.ID, c.Audience)
	}
	if !c.Expires.Equal(time.Unix(1700000000, 5e8)) || !c.NotBefore.Equal(time.Unix(0, 0)) || c.NotBefore.IsZero() || !c.IssuedAt.Equal(time.Unix(1700000000, 0)) {
		t.Errorf("got %v, %v, %v", c.Expires, c.NotBefore, c.IssuedAt)
	}
	if s, ok := c.Text("scope"); s != "read write" || !ok {
		t.Errorf("scope: %q, %t", s, ok)
	}
	if _, ok := c.Text("groups"); ok {
		t.Error("a list is taken for a text")
	}
	if s, ok := c.Texts("groups"); !slices.Equal(s, []string{"g", "h"}) || !ok {
		t.Errorf("groups: %q, %t", s, ok)
	}
	if _, ok := c.Texts("mixed"); ok {
		t.Error("a list with a number is taken for texts")
	}
	if got := string(c.Raw("a\x00")); got != `{"b": 1}` || c.Raw("absent") != nil || c.Has("absent") || !c.Has("mixed") {
		t.Errorf("raw: %s", got)
	}
	if names := c.Names(); len(names) != 12 || names[0] != "iss" || names[11] != "a\x00" {
		t.Errorf("names: %q", names)
	}
	if jkt, x5t, err := c.Confirmation(); jkt != thumb || x5t != "" || err != nil {
		t.Errorf("cnf: %q, %q, %v", jkt, x5t, err)
	}
}

func TestMalformedClaimsAreRefused(t *testing.T) {
	for name, payload := range map[string]string{
		"no object": `[]`, "nothing": ``, "a claim twice": `{"sub":"a","sub":"b"}`, "a claim twice, one escaped": `{"sub":"a","\u0073ub":"b"}`,
		"an inner member twice": `{"a":{"b":1,"b":2}}`, "more after the object": `{}{}`, "half a surrogate": `{"sub":"\ud800"}`,
		"an issuer that is a list": `{"iss":["a"]}`, "a subject that is a number": `{"sub":1}`, "an id that is null": `{"jti":null}`,
		"an audience that is a number": `{"aud":1}`, "an audience with a number": `{"aud":["a",1]}`, "an audience that is null": `{"aud":null}`,
		"65 audiences":      `{"aud":["a"` + strings.Repeat(`,"a"`, 64) + `]}`,
		"an expiry of text": `{"exp":"1700000000"}`, "an expiry that is null": `{"exp":null}`, "a negative expiry": `{"exp":-1}`,
		"an expiry just below zero": `{"exp":-1e-9}`, "an expiry after the year 9999": `{"exp":253402300800}`, "an expiry beyond floats": `{"exp":1e999}`,
		"a negative nbf": `{"nbf":-1}`, "an iat beyond the years": `{"iat":1e18}`,
		"17 deep": `{"a":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`, "257 members": `{"a":1` + members(256) + `}`,
	} {
		if _, err := jose.ParseClaims([]byte(payload)); !errors.Is(err, jose.ErrMalformed) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for name, payload := range map[string]string{
		"16 deep": `{"a":` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + `}`, "256 members": `{"a":1` + members(255) + `}`,
		"the last second": `{"exp":253402300799}`, "64 audiences": `{"aud":["a"` + strings.Repeat(`,"a"`, 63) + `]}`, "none at all": `{}`,
	} {
		if _, err := jose.ParseClaims([]byte(payload)); err != nil {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestABindingThatCannotBeCheckedIsAnError(t *testing.T) {
	const thumb = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
	for _, tt := range []struct{ cnf, jkt, x5t string }{
		{`{"jkt":"` + thumb + `"}`, thumb, ""},
		{`{"x5t#S256":"` + thumb + `"}`, "", thumb},
		{`{"jkt":"` + thumb + `","x5t#S256":"` + thumb + `"}`, thumb, thumb},
	} {
		c := must(jose.ParseClaims(fmt.Appendf(nil, `{"cnf":%s}`, tt.cnf)))
		if jkt, x5t, err := c.Confirmation(); jkt != tt.jkt || x5t != tt.x5t || err != nil {
			t.Errorf("%s: got %q, %q, %v", tt.cnf, jkt, x5t, err)
		}
	}
	for _, cnf := range []string{`{}`, `null`, `"` + thumb + `"`, `[]`, `{"jwk":{}}`, `{"kid":"a"}`, `{"jkt":""}`, `{"jkt":null}`, `{"jkt":1}`,
		`{"jkt":"` + thumb[1:] + `"}`, `{"jkt":"` + thumb + `="}`, `{"jkt":"` + thumb[:42] + `J"}`, `{"jkt":"` + thumb + `","x5t#S256":1}`, `{"JKT":"` + thumb + `"}`} {
		c := must(jose.ParseClaims(fmt.Appendf(nil, `{"cnf":%s}`, cnf)))
		if jkt, x5t, err := c.Confirmation(); jkt != "" || x5t != "" || !errors.Is(err, jose.ErrMalformed) {
			t.Errorf("%s: got %q, %q, %v", cnf, jkt, x5t, err)
		}
	}
	c := must(jose.ParseClaims([]byte(`{}`)))
	if jkt, x5t, err := c.Confirmation(); jkt != "" || x5t != "" || err != nil {
		t.Errorf("no cnf: got %q, %q, %v", jkt, x5t, err)
	}
}
