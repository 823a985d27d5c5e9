// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	"strings"
	"testing"

	"yett/identity"
	"yett/view"
)

func TestWhoSeesWhat(t *testing.T) {
	r := newRig(t, clinic(t), nil)
	everything := &identity.Caller{Subject: "greta", AllScopes: true}
	for _, tt := range []struct {
		name         string
		caller       *identity.Caller
		answer, want string
	}{
		{"without the scope a field is left out", holding(), `{"name":"A","diagnosis":"D"}`, `{"name":"A"}`},
		{"with the scope it is there", holding("diagnosis:read"), `{"name":"A","diagnosis":"D"}`, `{"name":"A","diagnosis":"D"}`},
		{"another scope does not do", holding("diagnosis", "diagnosis:read:all"), `{"diagnosis":"D"}`, `{}`},
		{"the anonymous hold no scope", nil, `{"diagnosis":"D","name":"A"}`, `{"name":"A"}`},
		{"a key for trying out holds all", everything, `{"diagnosis":"D"}`, `{"diagnosis":"D"}`},
		{"a condition admits too", &identity.Caller{Subject: "p1"}, `{"diagnosis":"D"}`, `{"diagnosis":"D"}`},
		{"a list of nobody admits nobody", everything, `{"secret":"S","name":"A"}`, `{"name":"A"}`},
		{"a mask without scopes is for everybody", everything, `{"insurance":"DE1234567890"}`, `{"insurance":"****7890"}`},
		{"a mask with scopes is for the others", holding(), `{"email":"greta@example.org","bed":12}`, `{"email":"g***@example.org","bed":null}`},
		{"and not for those who hold them", holding("bed:read", "contact:read"), `{"email":"greta@example.org","bed":12}`, `{"email":"greta@example.org","bed":12}`},
		{"a number becomes a text", holding(), `{"insurance":1234567890}`, `{"insurance":"****7890"}`},
		{"items are masked one by one", holding(), `{"allergies":["penicillin","nuts",null,7]}`, `{"allergies":["****llin","****",null,"****"]}`},
		{"what items hold is replaced whole", holding(), `{"allergies":[["penicillin"],{"a":"penicillin"}]}`, `{"allergies":[[],{}]}`},
		{"a list is left out whole", holding(), `{"visits":[{"day":"d"}],"name":"A"}`, `{"name":"A"}`},
		{"inside of lists", holding(), `{"doctors":[{"email":"a@b.example"},{"name":"N"}]}`, `{"doctors":[{"email":"a***@b.example"},{"name":"N"}]}`},
		{"inside of what holds itself", holding(), `{"deputy":{"deputy":{"diagnosis":"D","bed":1}}}`, `{"deputy":{"deputy":{"bed":null}}}`},
		{"whatever the value is", holding(), `{"diagnosis":{"a":[1]},"bed":{"a":1},"insurance":true,"email":["a@b.example"]}`, `{"bed":{},"insurance":null,"email":[]}`},
		{"a null says nothing", holding(), `{"bed":null,"insurance":null,"email":null}`, `{"bed":null,"insurance":null,"email":null}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := r.answer(t, tt.caller, "/patients/p1?", tt.answer); r.reached && got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			// The operation has an object rule; the list has none.
			got := r.answer(t, tt.caller, "/patients", "["+tt.answer+"]")
			if tt.name == "a condition admits too" {
				tt.want = "{}" // there is no path parameter to compare with
			}
			if got != "["+tt.want+"]" {
				t.Errorf("in a list: got %s, want [%s]", got, tt.want)
			}
		})
	}
}

func TestAWholeAnswerThatIsNotForTheCallerIsEmptied(t *testing.T) {
	r := newRig(t, clinic(t), nil)
	const round = `{"beds":[1,2]}`
	if got := r.answer(t, holding(), "/rounds", round); got != "{}" {
		t.Errorf("without the scope: got %s", got)
	}
	if got := r.answer(t, holding("rounds:read"), "/rounds", round); got != round {
		t.Errorf("with the scope: got %s", got)
	}
}

func TestConditionsReadTheClaimsOfAToken(t *testing.T) {
	r := newRig(t, clinic(t), nil)
	for _, tt := range []struct {
		name   string
		claims map[string]any
		want   string
	}{
		{"enough", claims(t, `{"level": 3}`), `[{"level":"L"}]`},
		{"a fraction more", claims(t, `{"level": 3.5}`), `[{"level":"L"}]`},
		{"too little", claims(t, `{"level": 2}`), `[{}]`},
		{"a text is no number", claims(t, `{"level": "3"}`), `[{}]`},
		{"a number beyond all numbers", claims(t, `{"level": 1e999}`), `[{}]`},
		{"no such claim", claims(t, `{}`), `[{}]`},
		{"no token", nil, `[{}]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := r.answer(t, &identity.Caller{Claims: tt.claims}, "/patients", `[{"level":"L"}]`); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// Where several schemas speak of one value, no caller sees more than each of them grants.
func TestTheStrictestSchemaCounts(t *testing.T) {
	visible := func(scope string) string { return `{"x-yett-visible":["` + scope + `"]}` }
	for _, tt := range []struct {
		name   string
		schema string
		scopes []string
		want   string
	}{
		{"all must admit", `{"allOf":[` + visible("a") + `,` + visible("b") + `]}`, []string{"a"}, `{}`},
		{"all admit", `{"allOf":[` + visible("a") + `,` + visible("b") + `]}`, []string{"a", "b"}, `{"v":"value of v"}`},
		{"an alternative that may not be meant counts", `{"anyOf":[{"type":"string"},` + visible("a") + `]}`, nil, `{}`},
		{"a mask for everybody beside scopes", `{"allOf":[` + visible("a") + `,{"x-yett-mask":"last4"}]}`, []string{"a"}, `{"v":"****of v"}`},
		{"left out is stricter than masked", `{"allOf":[` + visible("a") + `,{"x-yett-mask":"last4"}]}`, nil, `{}`},
		{"redact is stricter than last4", `{"allOf":[{"x-yett-mask":"last4"},{"x-yett-mask":"redact"}]}`, nil, `{"v":"***"}`},
		{"hash is stricter than last4", `{"allOf":[{"x-yett-mask":"last4"},{"x-yett-mask":"hash"}]}`, nil, "HASH"},
		{"last4 and email leave nothing in common", `{"allOf":[{"x-yett-mask":"last4"},{"x-yett-mask":"email"}]}`, nil, `{"v":"***"}`},
		{"the one mask of which the scope is missing", `{"allOf":[{"x-yett-mask":"last4","x-yett-visible":["a"]},{"x-yett-mask":"redact","x-yett-visible":["b"]}]}`, []string{"b"}, `{"v":"****of v"}`},
		{"the other", `{"allOf":[{"x-yett-mask":"last4","x-yett-visible":["a"]},{"x-yett-mask":"redact","x-yett-visible":["b"]}]}`, []string{"a"}, `{"v":"***"}`},
		{"both", `{"allOf":[{"x-yett-mask":"last4","x-yett-visible":["a"]},{"x-yett-mask":"redact","x-yett-visible":["b"]}]}`, nil, `{"v":"***"}`},
		{"neither", `{"allOf":[{"x-yett-mask":"last4","x-yett-visible":["a"]},{"x-yett-mask":"redact","x-yett-visible":["b"]}]}`, []string{"a", "b"}, `{"v":"value of v"}`},
		{"words beside a reference count", `{"$ref":"#/components/schemas/None","x-yett-visible":["a"]}`, nil, `{}`},
		{"members that match a pattern", `PATTERN`, nil, `{}`},
		{"members of an open object", `OPEN`, nil, `{"v":"***"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			schema := `{"type":"object","properties":{"v":` + strings.Replace(tt.schema, "#/components/schemas/None", "#/paths/~1things/post/requestBody/content/application~1json/schema", 1) + `}}`
			switch tt.schema {
			case "PATTERN":
				schema = `{"type":"object","patternProperties":{"^v":` + visible("a") + `}}`
			case "OPEN":
				schema = `{"type":"object","additionalProperties":{"x-yett-mask":"redact"}}`
			}
			r := newRig(t, described(t, schema), nil)
			r.body = `{"v":"value of v"}`
			_, got := r.ask(t, holding(tt.scopes...), "POST", "/things", "")
			if tt.want == "HASH" && len(got) == len(`{"v":""}`)+hashDigits {
				return
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestArraysWithoutASchemaForItemsAreReplacedWhole(t *testing.T) {
	for name, schema := range map[string]string{
		"no items":                       `{"type":"array","x-yett-mask":"last4"}`,
		"no array expected":              `{"type":"string","x-yett-mask":"last4"}`,
		"items by position":              `{"type":"array","x-yett-mask":"last4","prefixItems":[{"type":"string"}]}`,
		"items that hold some of a kind": `{"type":"array","x-yett-mask":"last4","items":{"type":"array","items":{"type":"string"}}}`,
		"items that hold some":           `{"type":"array","x-yett-mask":"last4","items":{"type":"array"}}`,
	} {
		r := newRig(t, described(t, jsonField("properties", jsonField("v", schema))), nil)
		r.body = `{"v":[["confidential"]]}`
		if _, got := r.ask(t, nil, "POST", "/things", ""); strings.Contains(got, "confidential") || !strings.HasPrefix(got, `{"v":[`) {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

func TestRequestsAndUndeclaredMembersAreLeftToOthers(t *testing.T) {
	a := clinic(t)
	e, err := New(Defaults(), a, Options{})
	if err != nil {
		t.Fatal(err)
	}
	shape := a.Operations[0].Response(200).Media[0].Schema.Shape()
	for name, at := range map[string]view.Place{
		"a request": {API: a, Shape: shape.Member("email"), Request: true}, "undeclared members": {API: a, Shape: shape, Undeclared: true},
	} {
		if got := e.Edits(at); got != nil {
			t.Errorf("%s: got %d edits", name, len(got))
		}
	}
}

func TestEditsThatDoTheSameAreOne(t *testing.T) {
	r := newRig(t, clinic(t), nil)
	r.answer(t, holding(), "/rounds", `{}`)
	var keys []string
	for k := range r.edits {
		keys = append(keys, k)
	}
	var drops, watches int
	for _, k := range keys {
		switch {
		case strings.HasPrefix(k, "drop"):
			drops++
		case strings.HasPrefix(k, "watch"):
			watches++
		}
	}
	// diagnosis, secret, visits, level and the round; everything where nothing is declared, where something is, and where a
	// number is; everything but cards.
	if drops != 5 || watches != 4 {
		t.Errorf("%d edits leave out and %d watch: %q", drops, watches, keys)
	}
}

func TestRequiredMembersThatMayBeMissingAreTold(t *testing.T) {
	r := newRig(t, clinic(t), nil)
	r.Warn()
	if got := r.log.String(); strings.Count(got, "level=WARN") != 1 || !strings.Contains(got, "clinic.openapi.yaml:") || !strings.Contains(got, "diagnosis is required") {
		t.Errorf("got %s", got)
	}
}

func TestWhatIsWrongWithADescriptionIsToldWithItsLine(t *testing.T) {
	for _, tt := range []struct{ name, schema, want string }{
		{"no list", `{"x-yett-visible":"a"}`, "want a list"},
		{"neither scope nor condition", `{"x-yett-visible":[{"when":"true"}]}`, "neither a scope"},
		{"a condition that cannot be read", `{"x-yett-visible":[{"if":"caller."}]}`, "Syntax error"},
		{"a variable that there is not", `{"x-yett-visible":[{"if":"caller.name == 'x'"}]}`, "undeclared reference"},
		{"a condition of no truth", `{"x-yett-visible":[{"if":"caller.subject"}]}`, "want true or false"},
		{"a condition that costs too much", `{"x-yett-visible":[{"if":"caller.scopes.exists(a, caller.scopes.exists(b, a == b))"}]}`, "may cost"},
		{"a mask that there is not", `{"x-yett-mask":"blur"}`, "want redact, last4, email or hash"},
		{"a kind that there is not", `{"x-yett-contains":["pan"]}`, "no kind of data"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := loadRaw(t, tt.schema)
			if a == nil {
				return // the description is refused before it comes here
			}
			_, err := New(Defaults(), a, Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "t.openapi.yaml:") {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// answering is a description whose one operation answers with a media type.
func answering(mediaType, schema string) string {
	return strings.Replace(thing(schema), `"content":{"application/json":{"schema":`+schema, `"content":{"`+mediaType+`":{"schema":`+schema, 1)
}

func TestFieldsAreNotRestrictedWhereTheyAreNotSeen(t *testing.T) {
	const secret = `{"type":"object","properties":{"v":{"type":"string","x-yett-visible":["a"]}}}`
	for _, tt := range []struct{ name, mediaType, schema, want string }{
		{"JSON", "application/json", secret, ""},
		{"a kind of JSON", "application/hal+json", secret, ""},
		{"records", "application/x-ndjson", secret, ""},
		{"events", "text/event-stream", secret, ""},
		{"events that may be texts", "text/event-stream", strings.Replace(secret, `"type":"object",`, "", 1), "say type: object"},
		{"XML", "application/xml", secret, "not seen"},
		{"a text", "text/plain", `{"type":"string","x-yett-mask":"last4"}`, "not seen"},
		{"a text that says nothing", "text/plain", `{"type":"string"}`, ""},
		{"any type", "*/*", secret, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := loadText(t, answering(tt.mediaType, tt.schema))
			if a == nil {
				t.Fatal("the description is refused")
			}
			_, err := New(Defaults(), a, Options{})
			if (err == nil) != (tt.want == "") || err != nil && (!strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "t.openapi.yaml:")) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestAnAnswerOfAnOpenTypeIsRefusedWhereItsFieldsAreNotSeen(t *testing.T) {
	r := newRig(t, loadText(t, answering("*/*", `{"type":"object","properties":{"v":{"type":"string","x-yett-visible":["a"]}}}`)), nil)
	for _, tt := range []struct {
		contentType, body string
		status            int
		want              string
	}{
		{"application/json", `{"v":"secret"}`, 200, "{}"},
		{"application/x-ndjson", `{"v":"secret"}`, 200, "{}"},
		{"text/event-stream", "data: {\"v\":\"secret\"}\n\n", 200, "data: {}\n\n"},
		{"application/xml", "<v>secret</v>", 502, ""},
		{"text/plain", "secret", 502, ""},
		{"", "secret", 502, ""},
		{"application/json, text/plain", "secret", 502, ""},
	} {
		t.Run(tt.contentType, func(t *testing.T) {
			r.contentType, r.body = tt.contentType, tt.body
			status, got := r.ask(t, nil, "POST", "/things", "")
			if status != tt.status || tt.want != "" && got != tt.want || strings.Contains(got, "secret") {
				t.Errorf("got %d %s", status, got)
			}
		})
	}
	r.contentType, r.body = "", ""
	r.status = 204
	if status, got := r.ask(t, nil, "POST", "/things", ""); status != 204 {
		t.Errorf("an answer without a body: got %d %s", status, got)
	}
}

func TestABodyThatNobodyDescribedIsNotForWhoMayNotSeeAll(t *testing.T) {
	r := newRig(t, clinic(t), nil)
	r.contentType, r.body = "text/plain", `[{"id":"greta","diagnosis":"flu"}]`
	if status, text := r.ask(t, holding("diagnosis:read"), "GET", "/patients", ""); status != 502 || !strings.Contains(text, "undeclared_body") {
		t.Errorf("got %d %s", status, text)
	}
}
