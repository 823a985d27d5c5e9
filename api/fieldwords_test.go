// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// worded is a description with holes, each on a line of its own.
const worded = `openapi: 3.1.0
info: {title: Shop, version: 1.0, INFO}
security: [{key: []}]
paths:
	/orders/{id}:
		put:
			OPERATION
			parameters:
				- {name: id, in: path, required: true, schema: {type: string, PARAMSCHEMA}, ITSELF}
			requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Order'}, MEDIA}}}
			responses:
				"200":
					description: ok
					headers: {X-A: {schema: {type: string, HEADER}}}
					content: {application/json: {schema: {type: array, ROOT, items: {type: string, ITEM}}}}
components:
	securitySchemes: {key: {type: apiKey, in: header, name: X-Key, SCHEME}}
	parameters: {Page: {name: page, in: query, schema: {type: string}, OTHERPARAM}}
	schemas:
		Order:
			x-example: {EXAMPLE}
			properties: {a: {type: string, PROPERTY}, b: {anyOf: [{type: string, BRANCH}], not: {type: integer, NOT}}}
			$defs: {x: {DEFINITION}}
		Other: {properties: {a: {$ref: '#/components/schemas/Third'}}}
		Third: {type: string, UNUSED}
`

// fillWords writes words into holes, each "HOLE word: value".
func fillWords(text string, holes ...string) string {
	for _, h := range holes {
		hole, what, _ := strings.Cut(h, " ")
		text = strings.Replace(text, hole, what, 1)
	}
	for _, hole := range strings.Fields("INFO OPERATION PARAMSCHEMA ITSELF MEDIA HEADER ROOT ITEM SCHEME OTHERPARAM EXAMPLE PROPERTY BRANCH NOT DEFINITION UNUSED") {
		text = strings.Replace(text, hole, "x-none: 1", 1)
	}
	return text
}

func TestAWordForFieldsThatNothingReadsStopsTheStart(t *testing.T) {
	const inSchema = " (put it into the schema of a property, of items, or of a body)"
	for _, tt := range []struct {
		name  string
		holes []string
		want  []string // errors and, in brackets, warnings
	}{
		{"on a property", []string{"PROPERTY x-yett-mask: last4"}, nil},
		{"on items", []string{"ITEM x-yett-mask: last4"}, nil},
		{"on a body as a whole", []string{"ROOT x-yett-visible: []"}, nil},
		{"on an alternative", []string{"BRANCH x-yett-contains: [card]"}, nil},
		{"on the schema of a parameter", []string{"PARAMSCHEMA x-yett-encrypt: deterministic"}, nil},
		{"a claim on a parameter", []string{"ITSELF x-yett-equals-claim: sub"}, nil},
		{"a claim on a property", []string{"PROPERTY x-yett-equals-claim: sub"}, nil},
		{"on a parameter itself", []string{"ITSELF x-yett-mask: last4"}, []string{"shop.openapi.yaml:9: x-yett-mask has no effect here" + inSchema}},
		{"in an operation", []string{"OPERATION x-yett-equals-claim: sub"}, []string{
			"shop.openapi.yaml:7: x-yett-equals-claim has no effect here (put it on a parameter, or into the schema of a parameter or property)"}},
		{"beside a schema", []string{"MEDIA x-yett-contains: [card]"}, []string{"shop.openapi.yaml:10: x-yett-contains has no effect here" + inSchema}},
		{"at the top", []string{"INFO x-yett-encrypt: randomized"}, []string{"shop.openapi.yaml:2: x-yett-encrypt has no effect here" + inSchema}},
		{"in a header field of an answer", []string{"HEADER x-yett-visible: []"}, []string{"shop.openapi.yaml:14: x-yett-visible has no effect here" + inSchema}},
		{"what must not be is not what is", []string{"NOT x-yett-mask: last4"}, []string{"shop.openapi.yaml:22: x-yett-mask has no effect here" + inSchema}},
		{"in something else in a schema", []string{"EXAMPLE x-yett-encrypt-bind: id"}, []string{"shop.openapi.yaml:21: x-yett-encrypt-bind has no effect here" + inSchema}},
		{"in a component that nothing uses", []string{"UNUSED x-yett-mask: blur"}, []string{
			"[shop.openapi.yaml:25: x-yett-mask has no effect: nothing refers to what it stands in]"}},
		{"on a parameter that nothing uses", []string{"OTHERPARAM x-yett-equals-claim: sub"}, []string{
			"[shop.openapi.yaml:18: x-yett-equals-claim has no effect: nothing refers to what it stands in]"}},
		{"under $defs, unused", []string{"DEFINITION x-yett-mask: last4"}, []string{
			"[shop.openapi.yaml:23: x-yett-mask has no effect: nothing refers to what it stands in]"}},
		{"an unknown word too", []string{"UNUSED x-yett-visable: [a]"}, []string{"shop.openapi.yaml:25: unknown word x-yett-visable (did you mean x-yett-visible?)"}},
		{"scopes in a field", []string{"PROPERTY x-yett-scopes: [a]"}, []string{
			"shop.openapi.yaml:22: x-yett-scopes has no effect here (put it into an operation, or into a scheme whose keys have these scopes)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, warnings, err := load(t, fillWords(worded, tt.holes...), Options{})
			got := messages(err)
			for _, w := range warnings {
				s := w.String()
				got = append(got, "["+s[strings.Index(s, "shop.openapi"):]+"]")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWordsForFieldsAreWellFormed(t *testing.T) {
	for _, tt := range []struct {
		name, word string
		want       []string
	}{
		{"scopes and conditions", "x-yett-visible: [orders:read, {if: 'true'}]", nil},
		{"no list", "x-yett-visible: orders:read", []string{"x-yett-visible is a list of scopes and of {if: condition} (want a list)"}},
		{"a condition under another name", "x-yett-visible: [{when: 'true'}, {if: ''}, {if: a, then: b}, 7]", []string{
			"x-yett-visible holds what is neither a scope nor {if: condition}"}},
		{"a scope that is misspelt", "x-yett-visible: [order:read]", []string{
			"x-yett-visible names the scope order:read, which does not exist (did you mean orders:read?)"}},
		{"a scope that nobody has", "x-yett-visible: [payments]", []string{
			"x-yett-visible names the scope payments, which does not exist (list it in the scheme: its scopes, or x-yett-scopes)"}},
		{"a mask that there is not", "x-yett-mask: lst4", []string{`x-yett-mask: "lst4" is not known (did you mean last4?)`}},
		{"a list of masks", "x-yett-mask: [last4]", []string{"x-yett-mask: a sequence stands where a word is wanted (want redact, last4, email, hash)"}},
		{"one kind alone", "x-yett-contains: card", []string{"x-yett-contains is a list of what the field may hold (want some of card, iban, national_id, private_key, token, cloud_secret)"}},
		{"no kind", "x-yett-contains: []", []string{"x-yett-contains is a list of what the field may hold (want some of card, iban, national_id, private_key, token, cloud_secret)"}},
		{"a kind that there is not", "x-yett-contains: [card, telephone]", []string{
			`x-yett-contains: "telephone" is not known (want card, iban, national_id, private_key, token, cloud_secret)`}},
		{"a claim that is no name", "x-yett-equals-claim: true", []string{"x-yett-equals-claim is the name of a claim (try sub)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := load(t, fillWords(worded, "PROPERTY "+tt.word, "SCHEME x-yett-scopes: [orders:read, orders:write]"), Options{})
			var want []string
			for _, w := range tt.want {
				want = append(want, "shop.openapi.yaml:22: "+w)
			}
			if diff := cmp.Diff(want, messages(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
	_, _, err := load(t, fillWords(worded, "ITSELF x-yett-equals-claim: [sub]"), Options{})
	if diff := cmp.Diff([]string{"shop.openapi.yaml:9: x-yett-equals-claim is the name of a claim (try sub)"}, messages(err)); diff != "" {
		t.Error(diff)
	}
}

func TestAScopeExistsWhereAListHasIt(t *testing.T) {
	const flow = "securitySchemes: {o: {type: oauth2, flows: {clientCredentials: {tokenUrl: /t, scopes: {SCOPE: A}}}}, "
	text := fillWords(worded, "PROPERTY x-yett-visible: [a]")
	listed := strings.Replace(text, "securitySchemes: {", strings.Replace(flow, "SCOPE", "other", 1), 1)
	for _, tt := range []struct {
		name, text string
		options    Options
		refused    bool
	}{
		{"in a flow", strings.Replace(text, "securitySchemes: {", strings.Replace(flow, "SCOPE", "a", 1), 1), Options{}, false},
		{"in a scheme of keys", strings.Replace(text, "name: X-Key,", "name: X-Key, x-yett-scopes: [a],", 1), Options{}, false},
		{"not in the list that there is", listed, Options{}, true},
		{"asked for by an operation beside it", strings.Replace(listed, "x-none: 1\n", "x-yett-scopes: [a]\n", 1), Options{}, false},
		{"asked for by security", strings.Replace(listed, "key: []", "key: [a]", 1), Options{}, false},
		{"asked for by a twin", listed, Options{Twins: map[string]Twin{"PUT /orders/{id}": {Scopes: []string{"a"}}}}, false},
		{"keys alone have no list", text, Options{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := load(t, tt.text, tt.options)
			if refused := err != nil && strings.Contains(err.Error(), "which does not exist"); refused != tt.refused || !refused && err != nil {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAllThatIsWrongWithWordsIsFoundInOneRun(t *testing.T) {
	text := fillWords(worded, "PROPERTY x-yett-mask: lst4", "UNUSED x-yett-hidden: true", "SCHEME x-yett-scopes: [a]", "BRANCH x-yett-visible: [b], x-yett-contains: [c]")
	_, _, err := load(t, text, Options{Fields: []FieldTwin{twin("Ordr.a", "x-yett-mask", "last4")}})
	want := []string{
		`shop.openapi.yaml:22: x-yett-mask: "lst4" is not known (did you mean last4?)`,
		`shop.openapi.yaml:22: x-yett-contains: "c" is not known (want card, iban, national_id, private_key, token, cloud_secret)`,
		"shop.openapi.yaml:25: unknown word x-yett-hidden (known are " + strings.Join(knownWords, ", ") + ")",
		"yett.yaml:7: Ordr.a: the description has no such schema and no such operation (did you mean Order.a?)",
	}
	if diff := cmp.Diff(want, messages(err)); diff != "" {
		t.Error(diff)
	}
}

func TestATwinThatNothingReadsIsToldAtItsOwnLine(t *testing.T) {
	text := strings.Replace(fillWords(worded), "X-A: {schema: {type: string", "X-A: {schema: {$ref: '#/components/schemas/Other'}, x-b: {c: 1", 1)
	_, _, err := load(t, text, Options{Fields: []FieldTwin{twin("Other.a", "x-yett-mask", "last4"), twin("Order.a", "x-yett-mask", "blur")}})
	want := []string{
		`yett.yaml:7: x-yett-mask: "blur" is not known (want redact, last4, email, hash)`,
		"yett.yaml:7: x-yett-mask has no effect here (put it into the schema of a property, of items, or of a body)",
	}
	if diff := cmp.Diff(want, messages(err)); diff != "" {
		t.Error(diff)
	}
}

// Definitions may be kept in files of their own, and by anchors.
func TestWordsAreFoundThroughFilesAndAliases(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("shop.openapi.yaml", `openapi: 3.1.0
info: {title: Shop, version: 1.0}
x-templates: {secret: &secret {x-yett-mask: last4}}
paths:
  /a:
    get:
      responses:
        "200":
          description: ok
          content: {application/json: {schema: {properties: {a: {$ref: 'parts.yaml#/Card'}, b: {<<: *secret, type: string}}}}}
`)
	write("parts.yaml", "Card: {type: string, x-yett-mask: last4}\nOther: {type: string, x-yett-mask: last4}\n")
	_, warnings, err := Load(filepath.Join(dir, "shop.openapi.yaml"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) != 1 || !strings.HasSuffix(warnings[0].String(), "parts.yaml:2: x-yett-mask has no effect: nothing refers to what it stands in") {
		t.Errorf("warnings %v", warnings)
	}
}
