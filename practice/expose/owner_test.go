// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"yett/api"
	"yett/identity"
)

// greta works on the wards 3 and 4.
func greta(t testing.TB) *identity.Caller {
	t.Helper()
	return &identity.Caller{Subject: "greta", Client: "app", Claims: claims(t, `{"wards": [3, "4", true, null, {}], "friends": ["hugo", "ines"], "sub": "somebody else", "empty": ""}`)}
}

func TestWhatBelongsToSomebodyElseIsNotReached(t *testing.T) {
	r := newRig(t, clinic(t), nil)
	letter := func(text string) []string {
		return []string{http.MethodPost, "/letters", text, "Content-Type: application/json"}
	}
	form := func(text string) []string {
		return []string{http.MethodPost, "/letters", text, "Content-Type: application/x-www-form-urlencoded"}
	}
	for _, tt := range []struct {
		name    string
		request []string // method, target, body and fields
		mine    bool
	}{
		{"her own path", []string{"GET", "/patients/greta", ""}, true},
		{"another's", []string{"GET", "/patients/hugo", ""}, false},
		{"her own, written in escapes", []string{"GET", "/patients/%67reta", ""}, true},
		{"another case is another text", []string{"GET", "/patients/Greta", ""}, false},
		{"something behind it", []string{"GET", "/patients/greta%20", ""}, false},
		{"for all methods", []string{"PUT", "/patients/hugo", `{"diagnosis":"D"}`, "Content-Type: application/json"}, false},

		{"a parameter that is not there", []string{"GET", "/patients", ""}, true},
		{"one of a list of numbers", []string{"GET", "/patients?ward=3", ""}, true},
		{"and of texts", []string{"GET", "/patients?ward=4", ""}, true},
		{"none of the list", []string{"GET", "/patients?ward=5", ""}, false},
		{"no value", []string{"GET", "/patients?ward=", ""}, false},
		{"no sign of a value", []string{"GET", "/patients?ward", ""}, false},
		{"another spelling of the number", []string{"GET", "/patients?ward=03", ""}, false},
		{"the name in escapes", []string{"GET", "/patients?w%61rd=5", ""}, false},
		{"first hers and then another's", []string{"GET", "/patients?ward=3&ward=5", ""}, false},
		{"first another's and then hers", []string{"GET", "/patients?ward=5&ward=3", ""}, false},
		{"both hers", []string{"GET", "/patients?ward=3&ward=4", ""}, true},
		{"behind a semicolon", []string{"GET", "/patients?x=1;ward=5", ""}, false},
		{"a broken escape", []string{"GET", "/patients?ward=%3", ""}, false},
		{"a broken escape in a name", []string{"GET", "/patients?%w=3", ""}, false},
		{"another parameter", []string{"GET", "/patients?wards=5", ""}, true},
		{"a required parameter", []string{"GET", "/beds?ward=3", ""}, true},
		{"a required parameter that is not there", []string{"GET", "/beds", ""}, false},
		{"a header field", []string{"GET", "/patients", "", "X-Ward: 3"}, true},
		{"another's header field", []string{"GET", "/patients", "", "X-Ward: 5"}, false},
		{"two of it", []string{"GET", "/patients", "", "X-Ward: 3", "X-Ward: 5"}, false},
		{"a cookie", []string{"GET", "/patients", "", "Cookie: a=b; ward=3"}, true},
		{"another's cookie", []string{"GET", "/patients", "", "Cookie: a=b; ward=5"}, false},
		{"two cookies", []string{"GET", "/patients", "", "Cookie: ward=3; ward=5"}, false},

		{"her own letter", letter(`{"from":"greta"}`), true},
		{"another's letter", letter(`{"from":"hugo"}`), false},
		{"written in escapes", letter(`{"fr\u006fm":"\u0068ugo"}`), false},
		{"no sender, where one is required", letter(`{}`), false},
		{"a list is no single value", letter(`{"from":["greta","hugo"]}`), false},
		{"an object is none", letter(`{"from":{}}`), false},
		{"null is none", letter(`{"from":null}`), false},
		{"a property that may be absent", letter(`{"from":"greta","about":{}}`), true},
		{"a number", letter(`{"from":"greta","about":{"ward":3}}`), true},
		{"another number", letter(`{"from":"greta","about":{"ward":5}}`), false},
		{"the number as it is written", letter(`{"from":"greta","about":{"ward":3.0}}`), false},
		{"each item of a list", letter(`{"from":"greta","copies":["hugo","ines"]}`), true},
		{"one item that is not hers", letter(`{"from":"greta","copies":["hugo","kurt"]}`), false},
		{"a list in the list", letter(`{"from":"greta","copies":[["hugo"]]}`), false},
		{"what is no list", letter(`{"from":"greta","copies":"kurt"}`), false},
		{"a list without rules", letter(`{"from":"greta","to":["kurt"]}`), true},
		{"deep below", letter(`{"from":"greta","answers":{"answers":[{"by":"greta"},{"answers":[{"by":"hugo"}]}]}}`), false},
		{"deep below, all hers", letter(`{"from":"greta","answers":{"answers":[{"by":"greta"},{"answers":[{"by":"greta"}]}]}}`), true},
		{"a form", form("from=greta&text=x"), true},
		{"another's form", form("from=hugo&text=x"), false},
		{"a body without rules", []string{"POST", "/letters", "from hugo", "Content-Type: text/plain"}, true},
		{"a body that is not described", []string{"POST", "/letters", `{"from":"hugo"}`, "Content-Type: application/xml"}, false},
		{"a body without a type", []string{"POST", "/letters", `{"from":"hugo"}`}, false},
		{"no body, where none is required", []string{"POST", "/letters", ""}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, text := r.ask(t, greta(t), tt.request[0], tt.request[1], tt.request[2], tt.request[3:]...)
			if r.reached != tt.mine {
				t.Errorf("reached the service: %t, got %d %s", r.reached, status, text)
			}
			if !tt.mine && (status != http.StatusForbidden || !strings.Contains(text, `"code":"not_yours"`) || !strings.Contains(text, "This belongs to somebody else.")) {
				t.Errorf("got %d %s", status, text)
			}
		})
	}
}

func TestABodyThatCannotBeReadIsNotJudgedAndNotPassedOn(t *testing.T) {
	r := newRig(t, clinic(t), nil)
	for name, body := range map[string]string{"half of one": `{"from":"greta"`, "a member twice": `{"from":"hugo","from":"greta"}`, "nothing but a space": ` `} {
		status, text := r.ask(t, greta(t), "POST", "/letters", body, "Content-Type: application/json")
		if status != http.StatusBadRequest || r.reached {
			t.Errorf("%s: got %d %s, reached %t", name, status, text, r.reached)
		}
	}
}

func TestWithoutTheClaimNobodyIsAnOwner(t *testing.T) {
	r := newRig(t, clinic(t), nil)
	for _, tt := range []struct {
		name   string
		caller *identity.Caller
		target string
		mine   bool
	}{
		{"anonymous", nil, "/patients/greta", false},
		{"a key for trying out owns nothing", &identity.Caller{Subject: "first", AllScopes: true}, "/patients/greta", false},
		{"a key whose client it is", &identity.Caller{Subject: "greta", Client: "greta"}, "/patients/greta", true},
		{"the claim sub is what the practice of tokens made of it", greta(t), "/patients/somebody%20else", false},
		{"no such claim", &identity.Caller{Subject: "greta"}, "/patients?ward=3", false},
		{"an empty claim", &identity.Caller{Subject: "greta", Claims: map[string]any{"wards": ""}}, "/patients?ward=", false},
		{"an empty list", &identity.Caller{Subject: "greta", Claims: map[string]any{"wards": []any{}}}, "/patients?ward=3", false},
		{"a claim that is an object", &identity.Caller{Subject: "greta", Claims: map[string]any{"wards": map[string]any{"3": true}}}, "/patients?ward=3", false},
		{"a claim that is null", &identity.Caller{Subject: "greta", Claims: map[string]any{"wards": nil}}, "/patients?ward=", false},
		{"a truth", &identity.Caller{Subject: "greta", Claims: map[string]any{"wards": true}}, "/patients?ward=true", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if status, text := r.ask(t, tt.caller, "GET", tt.target, ""); r.reached != tt.mine {
				t.Errorf("reached the service: %t, got %d %s", r.reached, status, text)
			}
		})
	}
}

// Two issuers number their users from 1, and a key's client may bear any name: where issuers are configured, the claims of
// others' callers make nobody an owner.
func TestAnotherIssuersCallerOwnsNothing(t *testing.T) {
	const ours, theirs = "https://ours.example.org", "https://theirs.example.org"
	for _, tt := range []struct {
		name    string
		issuers []string
		issuer  string
		mine    bool
	}{
		{"of ours", []string{ours}, ours, true},
		{"of another", []string{ours}, theirs, false},
		{"of an issuer that begins alike", []string{ours}, ours + "/", false},
		{"of a key", []string{ours}, "yett", false},
		{"of a key, where keys count", []string{ours, "yett"}, "yett", true},
		{"of nobody who is named", []string{ours}, "", false},
		{"where none is configured", nil, theirs, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, clinic(t), func(c *Config) { c.Issuers = tt.issuers })
			caller := greta(t)
			caller.Issuer = tt.issuer
			for what, request := range map[string][]string{
				"her path": {"GET", "/patients/greta", ""}, "her ward": {"GET", "/patients?ward=3", ""},
				"her letter": {"POST", "/letters", `{"from":"greta"}`, "Content-Type: application/json"},
			} {
				if status, text := r.ask(t, caller, request[0], request[1], request[2], request[3:]...); r.reached != tt.mine {
					t.Errorf("%s: reached the service: %t, got %d %s", what, r.reached, status, text)
				}
			}
			if status, text := r.ask(t, caller, "GET", "/patients", ""); !r.reached {
				t.Errorf("nothing that anybody owns: got %d %s", status, text)
			}
		})
	}
}

func TestNobodyLearnsWhatExistsWhereItIsHidden(t *testing.T) {
	r := newRig(t, clinic(t), func(c *Config) { c.Hide = true })
	status, text := r.ask(t, greta(t), "GET", "/patients/hugo", "")
	if status != http.StatusNotFound || !strings.Contains(text, `"code":"not_found"`) || strings.Contains(text, "errors") || strings.Contains(text, "hugo") {
		t.Errorf("got %d %s", status, text)
	}
}

func TestARefusalTellsTheOperatorWhereAndTheCallerWhat(t *testing.T) {
	r := newRig(t, clinic(t), nil)
	rec := r.record(t, greta(t), "GET", "/patients?ward=5")
	if rec.Code != "not_yours" || len(rec.Findings) != 1 || !strings.Contains(rec.Findings[0].Where, "clinic.openapi.yaml:") ||
		rec.Findings[0].Parameter != "ward" || !strings.Contains(rec.Cause, "x-yett-equals-claim: wards") || rec.Findings[0].Value != "" {
		t.Errorf("got %s, %s, %+v", rec.Code, rec.Cause, rec.Findings)
	}
	_, text := r.ask(t, greta(t), "POST", "/letters", `{"from":"greta","copies":["hugo","kurt"]}`, "Content-Type: application/json")
	if !strings.Contains(text, `"pointer":"#/copies/1"`) || strings.Contains(text, "kurt") || strings.Contains(text, "claim") {
		t.Errorf("got %s", text)
	}
}

func TestObjectRulesThatCannotBeJudgedAreRefusedAtTheStart(t *testing.T) {
	const head = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths:\n"
	for _, tt := range []struct{ name, text, want string }{
		{"a list", "  /a:\n    get:\n      security: []\n      x-yett-public: test\n      parameters: [{name: q, in: query, schema: {type: array, items: {type: string}}, x-yett-equals-claim: sub}]\n      responses: {'200': {description: d}}\n", "wants one value"},
		{"a path with a style", "  /a/{q}:\n    get:\n      security: []\n      x-yett-public: test\n      parameters: [{name: q, in: path, required: true, style: label, schema: {type: string}, x-yett-equals-claim: sub}]\n      responses: {'200': {description: d}}\n", "wants one value"},
		{"a document in a parameter", "  /a:\n    get:\n      security: []\n      x-yett-public: test\n      parameters: [{name: q, in: query, content: {application/json: {schema: {type: string}}}, x-yett-equals-claim: sub}]\n      responses: {'200': {description: d}}\n", "wants one value"},
		{"a body that is not read", "  /a:\n    post:\n      security: []\n      x-yett-public: test\n      requestBody: {content: {application/cbor: {schema: {type: object, properties: {a: {x-yett-equals-claim: sub}}}}}}\n      responses: {'200': {description: d}}\n", "which is not read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := loadText(t, head+tt.text)
			if a == nil {
				return
			}
			if _, err := New(Defaults(), a, Options{}); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "t.openapi.yaml:") {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestOperationsWithoutObjectRulesPassUnread(t *testing.T) {
	r := newRig(t, described(t, `{"type":"object"}`), nil)
	req := httptest.NewRequest("POST", "/things", strings.NewReader(`{"a":`))
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	r.body = `{}`
	r.handler.ServeHTTP(w, req)
	if w.Code != http.StatusOK || !r.reached {
		t.Errorf("got %d, reached %t", w.Code, r.reached)
	}
}

func BenchmarkOwner(b *testing.B) {
	a, _, err := api.Load("testdata/clinic.openapi.yaml", api.Options{})
	if err != nil {
		b.Fatal(err)
	}
	e, err := New(Defaults(), a, Options{})
	if err != nil {
		b.Fatal(err)
	}
	p := e.owners[0].params[0]
	mine := claimant{greta(b), e.vouchers}
	b.ReportAllocs()
	for b.Loop() {
		if why := p.rules[0].judge(mine, "greta"); why != "" {
			b.Fatal(why)
		}
	}
}
