// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yett/api"
)

// small is a description with holes: what is sent, of which type, what is answered, parameters, headers and components.
const small = `openapi: 3.1.0
info: { title: Small, version: "1" }
paths:
  /a/{id}:
    put:
      operationId: put
      security: []
      x-yett-public: test
      parameters: [{ name: id, in: path, required: true, schema: PATH }, PARAM]
      requestBody: { content: { TYPE: { schema: SENT } } }
      responses:
        "200":
          description: done
          headers: { X-A: { schema: HEADER } }
          content: { application/json: { schema: ANSWERED } }
components:
  schemas:
    Card: { type: string, x-yett-encrypt: randomized }
    Mail: { type: string, x-yett-encrypt: deterministic }
    Free: { type: string }
    Both: { allOf: [ { $ref: "#/components/schemas/Mail" }, { $ref: "#/components/schemas/Card" } ] }
`

// fill fills the holes of small, each "HOLE what".
func fill(t testing.TB, holes ...string) *api.API {
	t.Helper()
	text := small
	for _, h := range append(holes, "PATH {type: string}", "PARAM {name: q, in: query, schema: {type: string}}", "TYPE application/json",
		"SENT {type: object}", "HEADER {type: string}", "ANSWERED {type: object}") {
		hole, what, _ := strings.Cut(h, " ")
		text = strings.ReplaceAll(text, hole, what)
	}
	return describe(t, "small", text)
}

const (
	card  = `{type: object, properties: {card: {$ref: "#/components/schemas/Card"}}}`
	mail  = `{type: object, properties: {mail: {$ref: "#/components/schemas/Mail"}}}`
	query = `{name: mail, in: query, schema: {$ref: "#/components/schemas/Mail"}}`
)

func TestADescriptionThatCannotBeKeptToIsRefusedWithItsLine(t *testing.T) {
	for _, tt := range []struct {
		name  string
		holes []string
		want  string // "" is fine
	}{
		{"both ways", []string{"SENT " + card, "ANSWERED " + card}, ""},
		{"no way to seal", []string{"SENT {properties: {a: {type: string, x-yett-encrypt: randomised}}}"}, ":10: x-yett-encrypt: \"randomised\" is no way to seal (want randomized or deterministic)"},
		{"a boolean", []string{"SENT {properties: {a: {type: string, x-yett-encrypt: true}}}"}, ":10: x-yett-encrypt: \"true\" is no way to seal"},
		{"a bind alone", []string{"SENT {properties: {a: {type: string, x-yett-encrypt-bind: id}}}"}, ":10: x-yett-encrypt-bind without x-yett-encrypt (say x-yett-encrypt: randomized)"},
		{"a bind to nothing", []string{"SENT {properties: {a: {type: string, x-yett-encrypt: randomized, x-yett-encrypt-bind: ''}}}"}, ":10: x-yett-encrypt-bind names no parameter"},
		{"two binds", []string{`SENT {properties: {a: {type: string, x-yett-encrypt: randomized, x-yett-encrypt-bind: id, allOf: [{x-yett-encrypt-bind: key}]}}}`}, ":10: x-yett-encrypt-bind: both id and key"},
		{"a number", []string{"SENT {properties: {a: {type: integer, x-yett-encrypt: randomized}}}"}, ":10: x-yett-encrypt on what is never a string: it is integer"},
		{"a number in an answer", []string{"ANSWERED {properties: {a: {type: integer, x-yett-encrypt: randomized}}}"}, ":15: x-yett-encrypt on what is never a string: it is integer"},
		{"a string or a number", []string{"SENT {properties: {a: {type: [string, integer], x-yett-encrypt: randomized}}}"}, ":10: x-yett-encrypt on what may be other than a string: it is integer, string (say type: string)"},
		{"a string or an object, in an answer", []string{"SENT " + card, `ANSWERED {properties: {card: {anyOf: [{$ref: "#/components/schemas/Card"}, {type: object}]}}}`}, ""},
		{"anything", []string{"SENT {properties: {a: {x-yett-encrypt: randomized}}}"}, ":10: x-yett-encrypt on what may be other than a string"},
		{"a string or null", []string{`SENT {properties: {card: {anyOf: [{$ref: "#/components/schemas/Card"}, {type: "null"}]}}}`}, ""},
		{"a list of strings", []string{"SENT {properties: {a: {type: array, x-yett-encrypt: randomized, items: {type: string}}}}"}, ""},
		{"a list of numbers", []string{"SENT {properties: {a: {type: array, x-yett-encrypt: randomized, items: {type: integer}}}}"}, ":10: x-yett-encrypt on what is never a string: it is integer"},
		{"a list of whatever", []string{"SENT {properties: {a: {type: array, x-yett-encrypt: randomized}}}"}, ":10: x-yett-encrypt on an array of whatever (say items: {type: string})"},
		{"a form", []string{"TYPE application/x-www-form-urlencoded", "SENT " + card}, ":18: x-yett-encrypt in a body of application/x-www-form-urlencoded, in operation put (only JSON can be sealed; give application/x-www-form-urlencoded a schema without the word)"},
		{"a multipart body, deep down", []string{"TYPE multipart/form-data", "SENT {properties: {a: {type: array, items: " + card + "}}}"}, ":18: x-yett-encrypt in a body of multipart/form-data"},
		{"text", []string{"TYPE text/plain", `SENT {$ref: "#/components/schemas/Card"}`}, ":18: x-yett-encrypt in a body of text/plain"},
		{"any type", []string{`TYPE "*/*"`, "SENT " + card}, ":18: x-yett-encrypt in a body of */*"},
		{"a path parameter", []string{`PATH {$ref: "#/components/schemas/Card"}`}, ":9: x-yett-encrypt on the path parameter id (only bodies of JSON and query parameters are sealed; take the word off)"},
		{"a header parameter", []string{`PARAM {name: X-B, in: header, schema: {$ref: "#/components/schemas/Mail"}}`}, ":9: x-yett-encrypt on the header parameter X-B"},
		{"a cookie parameter", []string{`PARAM {name: b, in: cookie, schema: {type: array, items: {$ref: "#/components/schemas/Mail"}}}`}, ":9: x-yett-encrypt on the cookie parameter b"},
		{"a header of an answer", []string{`HEADER {$ref: "#/components/schemas/Card"}`}, ":14: x-yett-encrypt on the header of an answer X-A"},
		{"a search", []string{"PARAM " + query, "SENT " + mail, "ANSWERED " + mail}, ""},
		{"a search for a randomized value", []string{`PARAM {name: card, in: query, schema: {$ref: "#/components/schemas/Card"}}`, "SENT " + card},
			":9: x-yett-encrypt on the query parameter card of operation put: a randomized value cannot be searched (say deterministic)"},
		{"a search for what is strictly randomized", []string{`PARAM {name: card, in: query, schema: {$ref: "#/components/schemas/Both"}}`}, ":9: x-yett-encrypt on the query parameter card of operation put: a randomized value cannot be searched"},
		{"a search for a bound value", []string{`PARAM {name: mail, in: query, schema: {$ref: "#/components/schemas/Mail", x-yett-encrypt-bind: id}}`},
			":9: x-yett-encrypt on the query parameter mail of operation put: a value that is bound to its row cannot be searched"},
		{"a search in an object", []string{"PARAM {name: q, in: query, schema: " + mail + "}"}, ":9: x-yett-encrypt on the query parameter q of operation put: it is neither (want a string, or a list of strings)"},
		{"a search in another style", []string{`PARAM {name: q, in: query, style: pipeDelimited, schema: {type: array, items: {$ref: "#/components/schemas/Mail"}}}`}, "it is written in a way that cannot be sealed (want style: form, and no content)"},
		{"a search in a document", []string{`PARAM {name: q, in: query, content: {application/json: {schema: {$ref: "#/components/schemas/Mail"}}}}`}, "it is written in a way that cannot be sealed"},
		{"a search for a number", []string{`PARAM {name: q, in: query, schema: {type: integer, x-yett-encrypt: deterministic}}`}, "it is neither"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := read(fill(t, tt.holes...))
			switch {
			case tt.want == "" && (err != nil || p == nil):
				t.Errorf("got %v, %v", p, err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), "it.openapi.yaml") || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestWordsWithHalfAnEffectAreTold(t *testing.T) {
	for _, tt := range []struct {
		name  string
		holes []string
		want  []string
	}{
		{"both ways by one component", []string{"PARAM " + query, "SENT " + mail, "ANSWERED " + mail}, nil},
		{"sealed and never opened", []string{"SENT " + card}, []string{
			":18: the member card is sealed in requests and opened in no answer (let both refer by $ref to one component that bears the word, under the same name)"}},
		{"opened and never sealed", []string{"ANSWERED " + mail}, []string{":19: the member mail is opened in answers and sealed in no request"}},
		{"one component under two names", []string{"SENT " + mail, "ANSWERED {properties: {e_mail: {$ref: '#/components/schemas/Mail'}}}"}, []string{
			":19: the member e_mail is opened in answers and sealed in no request", ":19: the member mail is sealed in requests and opened in no answer"}},
		{"two words for one member", []string{"SENT {properties: {a: {type: string, x-yett-encrypt: randomized}}}", "ANSWERED {properties: {a: {type: string, x-yett-encrypt: randomized}}}"}, []string{
			":10: the member a is sealed in requests and opened in no answer", ":15: the member a is opened in answers and sealed in no request"}},
		{"bound one way alone", []string{"SENT {properties: {mail: {$ref: '#/components/schemas/Mail', x-yett-encrypt-bind: id}}}", "ANSWERED " + mail}, []string{
			":19: the member mail is opened in answers and sealed in no request", ":19: the member mail is sealed in requests and opened in no answer"}},
		{"members of any name", []string{"SENT {additionalProperties: {$ref: '#/components/schemas/Mail'}}", "ANSWERED " + mail}, nil},
		{"a search under another name", []string{"PARAM {name: m, in: query, schema: {$ref: '#/components/schemas/Mail'}}", "SENT " + mail, "ANSWERED " + mail}, []string{
			":9: x-yett-encrypt on the query parameter m of operation put finds nothing: no body that is sealed has such a member"}},
		{"a search by a word of its own", []string{"PARAM {name: mail, in: query, schema: {type: string, x-yett-encrypt: deterministic}}", "SENT " + mail, "ANSWERED " + mail}, []string{
			":9: x-yett-encrypt on the query parameter mail of operation put finds nothing"}},
		{"a CSV", []string{"SENT " + card, "ANSWERED " + card + "}, text/csv: {schema: {type: array, items: {type: object, properties: {a: {type: string, x-yett-encrypt: randomized}}}}"}, []string{
			":15: x-yett-encrypt has no effect here (it stands in an answer that is neither JSON, records of JSON nor events)"}},
		{"a JSON Patch", []string{"TYPE application/json-patch+json", "SENT {type: array}", "ANSWERED " + card}, []string{
			":10: operation put: what a JSON Patch writes to a sealed field is not sealed", ":18: the member card is opened in answers and sealed in no request"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := read(fill(t, tt.holes...))
			if err != nil {
				t.Fatal(err)
			}
			for i, w := range p.warnings {
				if i >= len(tt.want) || !strings.Contains(w.String(), tt.want[i]) {
					t.Errorf("warns %s", w)
				}
			}
			if len(p.warnings) != len(tt.want) {
				t.Errorf("%d warnings, want %v", len(p.warnings), tt.want)
			}
		})
	}
}

func TestThePlaceIsThatOfTheFirstWordAndTheStrictestModeCounts(t *testing.T) {
	for _, tt := range []struct {
		name, schema string
		want         spot
	}{
		{"a word in place", "{type: string, x-yett-encrypt: deterministic}", spot{Deterministic, "", "/paths/~1a~1{id}/put/requestBody/content/application~1json/schema/properties/a", ""}},
		{"a component", `{$ref: "#/components/schemas/Mail"}`, spot{Deterministic, "", "/components/schemas/Mail", ""}},
		{"composed of both", `{$ref: "#/components/schemas/Both"}`, spot{Randomized, "", "/components/schemas/Card", ""}},
		{"beside a reference", `{$ref: "#/components/schemas/Card", x-yett-encrypt: deterministic, x-yett-encrypt-bind: id}`,
			spot{Randomized, "", "/paths/~1a~1{id}/put/requestBody/content/application~1json/schema/properties/a", "id"}},
		{"a list of a component", `{type: array, items: {$ref: "#/components/schemas/Mail"}}`, spot{Deterministic, "", "/components/schemas/Mail", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := read(fill(t, "SENT {properties: {a: "+tt.schema+"}}"))
			if err != nil {
				t.Fatal(err)
			}
			if len(p.places) != 1 || p.places[0].spot != tt.want || p.places[0].name != "a" || !p.places[0].request || p.places[0].answer {
				t.Errorf("got %+v, want %+v", p.places[0], tt.want)
			}
		})
	}
}

// A description may be spread over files; what a value is bound to is the file within its folder, wherever that lies.
func TestAPlaceInAnotherFileIsNamedFromItsFolder(t *testing.T) {
	var got []spot
	for range 2 {
		dir := t.TempDir()
		for name, text := range map[string]string{
			"main.yaml": strings.NewReplacer("PATH", "{type: string}", "PARAM", "{name: q, in: query, schema: {type: string}}", "TYPE", "application/json",
				"SENT", `{properties: {a: {$ref: "parts/secret.yaml#/Secret"}, b: {allOf: [{$ref: "parts/secret.yaml#/Secret"}, {$ref: "#/components/schemas/Mail"}]}}}`,
				"HEADER", "{type: string}", "ANSWERED", "{type: object}").Replace(small),
			"parts/secret.yaml": "Secret: { type: string, x-yett-encrypt: randomized }\n",
		} {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		a, _, err := api.Load(filepath.Join(dir, "main.yaml"), api.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := read(a)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range p.places {
			got = append(got, at.spot)
		}
	}
	// The description's own file comes first.
	own, other := spot{Randomized, "", "/components/schemas/Mail", ""}, spot{Randomized, "parts/secret.yaml", "/Secret", ""}
	if len(got) != 4 || got[0] != own || got[1] != other || got[2] != own || got[3] != other {
		t.Errorf("got %v", got)
	}
}

// What yett.yaml says of a field is as if the description said it: values sealed under the one open under the other.
func TestATwinInTheConfigurationIsTheSamePlace(t *testing.T) {
	r := newRig(t)
	v := r.open(key(t, 1))
	kept := r.shop(v, "bank", bank).put("/customers/7", customer)
	path := filepath.Join(t.TempDir(), "bank.yaml")
	for _, word := range []string{", x-yett-encrypt-bind: id", ", x-yett-encrypt: randomized", ", x-yett-encrypt: deterministic"} {
		if !strings.Contains(bank, word) {
			t.Fatalf("%s is not there", word)
		}
	}
	plain := strings.NewReplacer(", x-yett-encrypt-bind: id", "", ", x-yett-encrypt: randomized", "", ", x-yett-encrypt: deterministic", "").Replace(bank)
	r.ok(os.WriteFile(path, []byte(plain), 0o600))
	a, _, err := api.Load(path, api.Options{Name: "bank", Fields: []api.FieldTwin{
		{Name: "Customer.card", Words: []api.FieldWord{{Word: encryptWord, Value: "randomized"}}},
		{Name: "Customer.pin", Words: []api.FieldWord{{Word: encryptWord, Value: "randomized"}, {Word: bindWord, Value: "id"}}},
	}})
	r.ok(err)
	s := r.behind(v, a)
	code, out := s.get("/customers/7", fmt.Sprintf(`{"card":%q,"pin":%q}`, kept["card"], kept["pin"]))
	if code != http.StatusOK {
		t.Fatalf("%d %s (%s)", code, out, s.cause)
	}
	same(t, out, `{"card":"4111 1111 1111 1111","pin":"0000"}`)
}
