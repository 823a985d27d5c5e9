// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	"strings"
	"testing"

	"yett/api"
	"yett/identity"
)

func TestConditions(t *testing.T) {
	greta := &identity.Caller{Subject: "greta", Client: "app", Key: "k123456", Issuer: "https://id.example.org", Scopes: []string{"a", "b"},
		Claims: claims(t, `{"tenant": "north", "yes": true, "level": 3, "share": 0.5, "groups": ["staff", "night"], "nested": {"of": [1, 2]}, "large": 9007199254740993}`)}
	for _, tt := range []struct {
		text   string
		caller *identity.Caller
		want   string // true, false, or part of an error
	}{
		{`caller.subject == "greta" && caller.client == "app" && caller.key == "k123456" && caller.issuer == "https://id.example.org"`, greta, "true"},
		{`"a" in caller.scopes && !("c" in caller.scopes) && size(caller.scopes) == 2`, greta, "true"},
		{`caller.scopes.exists(s, s.startsWith("b"))`, greta, "true"},
		{`caller.claims.tenant == request.path.tenant`, greta, "true"},
		{`caller.claims.level >= 3 && caller.claims.level < 4 && caller.claims.share == 0.5`, greta, "true"},
		{`"staff" in caller.claims.groups`, greta, "true"},
		{`caller.claims.nested.of[1] == 2`, greta, "true"},
		{`caller.claims.large == 9007199254740993`, greta, "true"},
		{`request.method == "GET" && request.operation == "getOrder"`, greta, "true"},
		{`has(caller.claims.other) && caller.claims.other`, greta, "false"},
		{`caller.claims.other == "x"`, greta, "no such key"},
		{`request.path.other == "x"`, greta, "no such key"},
		{`caller.claims.level`, greta, "neither true nor false"},
		{`caller.claims.yes`, greta, "true"},
		{`caller.claims.tenant > 3`, greta, "no such overload"},
		{`caller.subject == "" && caller.client == "" && caller.key == "" && caller.issuer == "" && size(caller.scopes) == 0 && size(caller.claims) == 0`, nil, "true"},
		{`"whatever" in caller.scopes`, &identity.Caller{AllScopes: true}, "true"},
		{`"whatever" in caller.scopes`, nil, "false"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			c, err := newCondition(tt.text, "x.yaml:1")
			if err != nil {
				t.Fatal(err)
			}
			ok, err := c.holds(&asker{caller: tt.caller, method: "GET", operation: "getOrder", params: []api.Param{{Name: "tenant", Value: "north"}}})
			switch tt.want {
			case "true", "false":
				if err != nil || ok != (tt.want == "true") {
					t.Errorf("got %t, %v", ok, err)
				}
			default:
				if err == nil || ok {
					t.Errorf("got %t, %v, want %q", ok, err, tt.want)
				}
			}
		})
	}
}

// What a caller brings along may be larger than anybody thought of: then nothing is decided, in little time.
func TestAConditionIsCutOffWhereItCostsTooMuch(t *testing.T) {
	c, err := newCondition(`caller.claims.groups.exists(g, g == request.path.tenant)`, "x.yaml:1")
	if err != nil {
		t.Fatal(err)
	}
	many := make([]any, 100_000)
	for i := range many {
		many[i] = "group"
	}
	ok, err := c.holds(&asker{caller: &identity.Caller{Claims: map[string]any{"groups": many}}, params: []api.Param{{Name: "tenant", Value: "x"}}})
	if ok || err == nil || !strings.Contains(err.Error(), "cost limit") {
		t.Errorf("got %t, %v", ok, err)
	}
}

func TestConditionsThatAreNoneAreRefused(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"half of one", `caller.subject ==`, "Syntax error"},
		{"nothing", ``, "Syntax error"},
		{"a variable that there is not", `user == "x"`, "there are caller.subject, "},
		{"one that is spelled wrong", `caller.scope == "x"`, "did you mean 'caller.scopes'?"},
		{"a function that there is not", `http.get(caller.subject) == "x"`, "undeclared reference"},
		{"types that never meet", `caller.subject == 3`, "no matching overload"},
		{"a text", `caller.subject + "x"`, "of the type string"},
		{"a loop in a loop", `caller.scopes.exists(a, caller.scopes.exists(b, a == b))`, "may cost"},
		{"more than anybody reads", strings.Repeat(`caller.subject == "x" || `, 50) + "true", "exceeds limit"},
		{"brackets without end", strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200), "recursion"},
		{"a pattern that is none", `caller.subject.matches("(")`, "missing closing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newCondition(tt.text, "x.yaml:1")
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func BenchmarkCondition(b *testing.B) {
	c, err := newCondition(`"a" in caller.scopes && caller.subject == request.path.id`, "x.yaml:1")
	if err != nil {
		b.Fatal(err)
	}
	a := &asker{caller: &identity.Caller{Subject: "7", Scopes: []string{"a"}}, params: []api.Param{{Name: "id", Value: "7"}}}
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := c.holds(a); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
