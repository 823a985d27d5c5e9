// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"strings"
	"testing"

	"yett/api/schema"
	"yett/internal/source"
)

func TestWhatIsWrongWithASchemaIsSaidWithItsLine(t *testing.T) {
	for _, tt := range []struct {
		name    string
		dialect schema.Dialect
		schema  string
		want    string
	}{
		{"no schema at all", schema.OpenAPI31, "properties:\n  a: 1", "s.yaml:2: a schema is a mapping, not a number"},
		{"a boolean in 3.0", schema.OpenAPI30, "properties:\n  a: true", "s.yaml:2: a schema is a mapping, not a boolean"},
		{"an unknown type", schema.OpenAPI31, "type: text", `s.yaml:1: "text" is not a type`},
		{"no type", schema.OpenAPI31, "type: []", "s.yaml:1: type is empty"},
		{"a list of types in 3.0", schema.OpenAPI30, "type: [string, 'null']",
			"s.yaml:1: type is a list, which OpenAPI 3.0 does not have (one name, and nullable)"},
		{"the type null in 3.0", schema.OpenAPI30, "type: 'null'", "s.yaml:1: OpenAPI 3.0 does not have the type null (nullable: true)"},
		{"a bound that is text", schema.OpenAPI31, "minimum: '1'", "s.yaml:1: minimum is a number, not a string"},
		{"a boolean bound in 3.1", schema.OpenAPI31, "minimum: 1\nexclusiveMinimum: true",
			"s.yaml:2: exclusiveMinimum is a number since OpenAPI 3.1 (write the bound itself)"},
		{"a number for a boolean bound in 3.0", schema.OpenAPI30, "exclusiveMinimum: 1", "s.yaml:1: exclusiveMinimum is a boolean, not a number"},
		{"a divisor of zero", schema.OpenAPI31, "multipleOf: 0", "s.yaml:1: multipleOf is a number above 0, of 19 digits at most"},
		{"half a length", schema.OpenAPI31, "maxLength: 1.5", "s.yaml:1: maxLength counts: it is a whole number from 0"},
		{"less than no items", schema.OpenAPI31, "minItems: -1", "s.yaml:1: minItems counts: it is a whole number from 0"},
		{"a list of items", schema.OpenAPI31, "items: [{}]", "s.yaml:1: items is one schema, not a list (prefixItems holds a list)"},
		{"an empty allOf", schema.OpenAPI31, "allOf: []", "s.yaml:1: allOf is empty"},
		{"required as draft 3 had it", schema.OpenAPI31, "required: true",
			"s.yaml:1: required is a list of names (the object around lists its required properties)"},
		{"a required number", schema.OpenAPI31, "required: [1]", "s.yaml:1: a name in required is a string, not a number"},
		{"lookaround", schema.OpenAPI31, "type: string\npattern: ^(?=a)", "s.yaml:2: pattern: lookaround (?= is not supported: it needs backtracking"},
		{"lookaround in a name", schema.OpenAPI31, "patternProperties:\n  (?!a): {}",
			"s.yaml:2: pattern: lookaround (?! is not supported: it needs backtracking"},
		{"a backreference", schema.OpenAPI31, `pattern: '(a)\1'`, "s.yaml:1: pattern: a backreference is not supported: it needs backtracking"},
		{"a long repetition", schema.OpenAPI31, "pattern: ^.{1,2000}$",
			"s.yaml:1: pattern: a repetition of more than 1000 is not supported; minLength and maxLength bound a length"},
		{"an unbalanced pattern", schema.OpenAPI31, "pattern: (", "s.yaml:1: pattern: missing closing ): \"(\""},
		{"a reference that is no text", schema.OpenAPI31, "$ref: 1", "s.yaml:1: $ref is a string, not a number"},
		{"a reference to nothing", schema.OpenAPI31, "items:\n  $ref: '#/x'", "s.yaml:2: #/x points to nothing"},
		{"a reference to what is no schema", schema.OpenAPI31, "$ref: '#/n'\nn: 1", "s.yaml:2: a schema is a mapping, not a number"},
		{"a reference to the network", schema.OpenAPI31, "$ref: https://example.org/s.json", "s.yaml:1: https://example.org/s.json points to nothing"},
		{"a name that nothing has", schema.OpenAPI31, "$id: https://example.org/a\nitems:\n  $ref: https://example.org/b",
			`s.yaml:3: failing loading "https://example.org/b": not in the description, and nothing is fetched`},
		{"an anchor that nothing has", schema.OpenAPI31, "items:\n  $ref: '#x'", `s.yaml:2: anchor in "s.yaml#x" not found in schema "s.yaml"`},
		{"a dialect that nothing knows", schema.OpenAPI31, "$schema: https://example.org/dialect",
			`s.yaml:1: failing loading "https://example.org/dialect": not in the description, and nothing is fetched`},
		{"a schema that is itself", schema.OpenAPI31, "allOf:\n- $ref: '#'",
			"s.yaml:2: the schema refers to itself without going deeper (by way of line 1)"},
		{"by way of not", schema.OpenAPI31, "not:\n  anyOf:\n  - $ref: '#'",
			"s.yaml:3: the schema refers to itself without going deeper (by way of line 1)"},
		{"all errors are told", schema.OpenAPI31, "type: x\nminLength: -1\nitems: {type: y}",
			"s.yaml:1: \"x\" is not a type\ns.yaml:2: minLength counts: it is a whole number from 0\ns.yaml:3: \"y\" is not a type"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := source.Parse("s.yaml", []byte(tt.schema))
			if err != nil {
				t.Fatal(err)
			}
			_, err = schema.NewCompiler(schema.Options{Dialect: tt.dialect, Resolve: inFile}).Compile(f.Root)
			if err == nil {
				t.Fatal("compiled")
			}
			if err.Error() != tt.want {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
		})
	}
}

func TestAFaultIsToldEachTimeItIsMet(t *testing.T) {
	f, err := source.Parse("s.yaml", []byte("a: {$ref: '#/bad'}\nb: {$ref: '#/bad'}\nbad: {type: x}\ngood: {type: string}"))
	if err != nil {
		t.Fatal(err)
	}
	c := schema.NewCompiler(schema.Options{Dialect: schema.OpenAPI31, Resolve: inFile})
	for _, key := range []string{"a", "b"} {
		if _, err := c.Compile(f.Root.Get(key)); err == nil || !strings.Contains(err.Error(), "s.yaml:3") {
			t.Errorf("%s: got %v", key, err)
		}
	}
	s, err := c.Compile(f.Root.Get("good"))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.Compile(f.Root.Get("good")); again != s || err != nil {
		t.Errorf("compiled twice: %v", err)
	}
	if s.Node() != f.Root.Get("good") {
		t.Error("the schema does not know its node")
	}
}
