// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package minimize

import (
	"strings"
	"testing"

	"yett/exchange"
	"yett/problem"
)

func TestOnlyDeclaredMembersLeave(t *testing.T) {
	s := guard(t, Defaults())
	for _, tt := range []struct{ name, request, body, want string }{
		{"what is declared stays as it is", "GET /people/1", `{ "id": 1, "name": "A" }`, `{ "id": 1, "name": "A" }`},
		{"what is not goes", "GET /people/1", `{"id":1,"password_hash":"x"}`, `{"id":1}`},
		{"what is write-only goes", "GET /people/1", `{"password":"x","id":1}`, `{"id":1}`},
		{"deep inside too", "GET /people/1", `{"id":1,"address":{"door":"7","city":"B","key":"k"}}`, `{"id":1,"address":{"city":"B"}}`},
		{"in every item", "GET /people", `{"people":[{"id":1,"x":1},{"id":2,"friends":[{"id":3,"x":1}]}]}`, `{"people":[{"id":1},{"id":2,"friends":[{"id":3}]}]}`},
		{"under names that the caller chose", "GET /people/1", `{"id":1,"notes":{"any":{"text":"a","by":"x"}}}`, `{"id":1,"notes":{"any":{"text":"a"}}}`},
		{"the union of alternatives stays", "GET /people/1", `{"id":1,"kind":{"wild":true,"tame":false,"x":1}}`, `{"id":1,"kind":{"wild":true,"tame":false}}`},
		{"an object that lists nothing is open", "GET /tags", `{"x":{"y":1}}`, `{"x":{"y":1}}`},
		{"an error is looked at as well", "GET /people", `{"error":"no","stack":"main.go:1"}`, `{"error":"no"}`},
		{"an answer under a range is looked at", "GET /range", `{"id":1,"x":1}`, `{"id":1}`},
		{"each record of a stream", "GET /lines", "{\"id\":1,\"x\":1}\n{\"id\":2}\n", "{\"id\":1}\n{\"id\":2}\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			up := canned{200, []string{asJSON}, tt.body}
			if strings.Contains(tt.request, "lines") {
				up.fields = []string{"Content-Type: application/x-ndjson"}
			}
			if strings.Contains(tt.body, "error") {
				up.status = 400
			}
			if got := s.ask(tt.request, up); got.status != up.status || got.body != tt.want {
				t.Errorf("got %d %s, want %s", got.status, got.body, tt.want)
			}
		})
	}
}

func TestTheRecordSaysWhatBecameOfIt(t *testing.T) {
	const body = `{"id":1,"password":"x","hash":"y"}`
	for _, tt := range []struct{ mode, body, code, notes string }{
		{Strip, `{"id":1}`, "", "edited : removed 1: /password; edited : removed 1: /hash"},
		{Report, `{"id":1,"hash":"y"}`, "", "edited : removed 1: /password; observed : removed 1: /hash"},
		{Block, "", "undeclared_member", ""},
	} {
		t.Run(tt.mode, func(t *testing.T) {
			got := guard(t, Config{Undeclared: tt.mode}).ask("GET /people/1", canned{200, []string{asJSON}, body})
			if got.code != tt.code || tt.code == "" && got.body != tt.body {
				t.Errorf("got %q %s, want %q %s", got.code, got.body, tt.code, tt.body)
			}
			if notes := strings.Split(got.notes(), "; "); tt.notes != "" && !same(notes, strings.Split(tt.notes, "; ")) {
				t.Errorf("notes %q, want %q", notes, tt.notes)
			}
			if tt.mode == Block && (got.record.Cause != `the member "hash" is not declared` || strings.Contains(got.body, "hash")) {
				t.Errorf("cause %q, body %s", got.record.Cause, got.body)
			}
		})
	}
}

func same(a, b []string) bool {
	seen := map[string]int{}
	for _, s := range a {
		seen[s]++
	}
	for _, s := range b {
		seen[s]--
	}
	for _, n := range seen {
		if n != 0 {
			return false
		}
	}
	return true
}

func TestANameThatCouldBeDataIsNotRecorded(t *testing.T) {
	s := guard(t, Config{Undeclared: Block})
	for _, name := range []string{"anna@example.org", "iban-DE4450010517", "4111111111111111", "a name", "", strings.Repeat("a", 41)} {
		got := s.ask("GET /people/1", canned{200, []string{asJSON}, `{"id":1,"` + name + `":1}`})
		if got.code != "undeclared_member" || got.record.Cause != "a member is not declared" {
			t.Errorf("%q: got %q, cause %q", name, got.code, got.record.Cause)
		}
	}
}

func TestKnownCallersAnswersStayOutOfCaches(t *testing.T) {
	s := guard(t, Defaults())
	for _, tt := range []struct {
		name, request string
		status        int
		field, known  string
		want          string
	}{
		{"a known caller", "GET /people/1", 200, "", "X-Known: 1", "no-store"},
		{"nobody", "GET /people/1", 200, "", "X-Other: 1", ""},
		{"an API that has a policy", "GET /people/1", 200, "Cache-Control: private, max-age=5", "X-Known: 1", "private, max-age=5"},
		{"one that says when it is old", "GET /people/1", 200, "Expires: Thu, 01 Dec 2033 16:00:00 GMT", "X-Known: 1", "private"},
		{"a refusal", "GET /people/1", 202, "", "X-Known: 1", "no-store"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			up := canned{tt.status, []string{asJSON}, `{"id":1}`}
			if tt.field != "" {
				up.fields = append(up.fields, tt.field)
			}
			if got := s.ask(tt.request, up, tt.known).header.Get("Cache-Control"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestWithoutAnOperationNothingLeaves(t *testing.T) {
	m, x := New(Defaults()), new(exchange.Exchange)
	x.Answer.Status = 200
	if got := problem.Code(m.Request(x)) + " " + problem.Code(m.Response(x)); got != "no_operation no_operation" {
		t.Errorf("got %s", got)
	}
}

func TestAConfigurationIsJudged(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    Config
		ok   bool
	}{
		{"the defaults", Defaults(), true},
		{"block", Config{Undeclared: Block}, true},
		{"report", Config{Undeclared: Report}, true},
		{"nothing", Config{}, false},
		{"another word", Config{Undeclared: "off"}, false},
	} {
		if err := tt.c.Validate(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
