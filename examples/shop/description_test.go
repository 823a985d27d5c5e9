// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package shop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// A node is an object of the description.
type node = map[string]any

// described reads the description.
func described(t *testing.T) node {
	t.Helper()
	var doc node
	if err := yaml.Unmarshal(Description(), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// follow resolves $ref, as often as needed.
func follow(t *testing.T, doc, n node) node {
	t.Helper()
	for {
		ref, ok := n["$ref"].(string)
		if !ok {
			return n
		}
		n = doc
		for _, name := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
			if n, ok = n[name].(node); !ok {
				t.Fatalf("%s leads nowhere", ref)
			}
		}
	}
}

// walk visits every object of the description with its JSON Pointer.
func walk(at string, v any, visit func(at string, n node)) {
	switch v := v.(type) {
	case node:
		visit(at, v)
		for name, child := range v {
			walk(at+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), child, visit)
		}
	case []any:
		for i, child := range v {
			walk(fmt.Sprintf("%s/%d", at, i), child, visit)
		}
	}
}

// The table that a first start prints, which people know from the manual.
const theTen = `GET /products listProducts all: shop window
GET /products/{id} getProduct all: shop window
POST /orders createOrder key orders:write, 9 fields
GET /orders/{id} getOrder key orders:read
PATCH /orders/{id} updateOrder key orders:write, 3 fields
POST /orders/import importOrders key orders:write, 1 fields
GET /customers/{id} getCustomer key customers:read
POST /payments createPayment key payments:write, 5 fields
GET /reviews listReviews key reviews:read
POST /sessions createSession all: this is login, 2 fields
`

func TestTheDescriptionDeclaresTheTen(t *testing.T) {
	doc := described(t)
	var got []string
	for path, item := range doc["paths"].(node) {
		for method, v := range item.(node) {
			if method == "parameters" {
				continue
			}
			op := v.(node)
			line := fmt.Sprintf("%s %s %s", strings.ToUpper(method), path, op["operationId"])
			if security := op["security"].([]any); len(security) == 0 {
				line += fmt.Sprintf(" all: %s", op["x-yett-public"])
			} else {
				for _, scope := range security[0].(node)["key"].([]any) {
					line += fmt.Sprintf(" key %s", scope)
				}
			}
			if body, ok := op["requestBody"].(node); ok {
				for _, media := range body["content"].(node) {
					schema := follow(t, doc, media.(node)["schema"].(node))
					line += fmt.Sprintf(", %d fields", len(schema["properties"].(node)))
				}
			}
			got = append(got, line)
		}
	}
	want := strings.Split(strings.TrimSpace(theTen), "\n")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("operations\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTheDescriptionBoundsEveryValue(t *testing.T) {
	doc, schemas := described(t), 0
	needs := map[string][]string{"string": {"maxLength"}, "array": {"maxItems", "items"}, "integer": {"minimum", "maximum"}, "object": {"required|minProperties", "properties"}}
	walk("#", doc, func(at string, n node) {
		if ref, ok := n["$ref"].(string); ok {
			follow(t, doc, n)
			if len(n) != 1 {
				t.Errorf("%s: says more beside $ref %s, which OpenAPI 3.0 readers pass over", at, ref)
			}
			return
		}
		kind, ok := n["type"].(string)
		if _, known := needs[kind]; !ok || !known && kind != "number" && kind != "boolean" {
			return
		}
		schemas++
		if _, fixed := n["enum"]; fixed {
			return
		}
		for _, need := range needs[kind] {
			if !slices.ContainsFunc(strings.Split(need, "|"), func(word string) bool { _, ok := n[word]; return ok }) {
				t.Errorf("%s: a %s without %s", at, kind, need)
			}
		}
		if pattern, ok := n["pattern"].(string); ok {
			if _, err := regexp.Compile(pattern); err != nil {
				t.Errorf("%s: %v", at, err)
			}
			if !strings.HasPrefix(pattern, "^") || !strings.HasSuffix(pattern, "$") {
				t.Errorf("%s: pattern %s is not anchored", at, pattern)
			}
		}
	})
	if schemas < 50 {
		t.Errorf("looked at %d schemas only", schemas)
	}
}

func TestTheDescriptionKeepsForItselfWhatTheServerSets(t *testing.T) {
	doc := described(t)
	for place, names := range map[string][]string{"Order": {"id", "status", "total"}, "Item": {"price"}} {
		properties := doc["components"].(node)["schemas"].(node)[place].(node)["properties"].(node)
		for _, name := range names {
			if properties[name].(node)["readOnly"] != true {
				t.Errorf("%s.%s is not readOnly", place, name)
			}
		}
	}
}

// A judge checks values against the description's own schemas.
type judge struct{ compiler *jsonschema.Compiler }

func newJudge(t *testing.T) judge {
	t.Helper()
	text, err := json.Marshal(described(t))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("shop.json", doc); err != nil {
		t.Fatal(err)
	}
	return judge{c}
}

// check reports what about value does not fit the schema at a JSON Pointer.
func (j judge) check(pointer string, value any) error {
	schema, err := j.compiler.Compile("shop.json" + pointer)
	if err != nil {
		return err
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	plain, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(plain)
}

func TestTheExamplesFitTheirSchemas(t *testing.T) {
	doc, j, examples := described(t), newJudge(t), 0
	walk("#", doc, func(at string, n node) {
		example, ok := n["example"]
		if _, described := n["schema"]; !ok || !described {
			return
		}
		examples++
		err := j.check(at+"/schema", example)
		if strings.Contains(at, "/requestBody/") {
			// What the server sets is required of answers, not of requests.
			schema := follow(t, doc, n["schema"].(node))
			example = withServerFields(t, doc, schema, example)
			err = j.check(at+"/schema", example)
		}
		if err != nil {
			t.Errorf("%s: %v", at, err)
		}
	})
	if examples < 12 {
		t.Errorf("found %d examples only", examples)
	}
}

// withServerFields adds some value for each readOnly property, to judge a request by the schema of the whole.
func withServerFields(t *testing.T, doc, schema node, value any) any {
	t.Helper()
	switch value := value.(type) {
	case node:
		full := node{}
		properties, _ := schema["properties"].(node)
		for name, p := range properties {
			property := follow(t, doc, p.(node))
			_, sent := value[name]
			switch {
			case property["readOnly"] == true && sent:
				t.Errorf("the example sends %s, which is the server's", name)
			case property["readOnly"] == true && property["type"] == "integer":
				full[name] = 1
			case property["readOnly"] == true:
				full[name] = property["enum"].([]any)[0]
			case sent:
				full[name] = withServerFields(t, doc, property, value[name])
			}
		}
		for name := range value {
			if _, declared := properties[name]; !declared {
				t.Errorf("the example sends %s, which is not declared", name)
			}
		}
		return full
	case []any:
		var full []any
		for _, v := range value {
			full = append(full, withServerFields(t, doc, follow(t, doc, schema["items"].(node)), v))
		}
		return full
	default:
		return value
	}
}
