// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yett/api/schema"
	"yett/internal/source"
	"yett/jsonstream"
)

func compile(t testing.TB, dialect schema.Dialect, text string) *schema.Schema {
	t.Helper()
	f, err := source.Parse("schema.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	at := f.Root
	if s, ok := f.Root.At("/components/schemas/schema"); ok {
		at = s
	}
	s, err := schema.NewCompiler(schema.Options{Dialect: dialect, AssertFormat: true, Resolve: inFile}).Compile(at)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// check returns the findings as lines of pointer, keyword and detail.
func check(t testing.TB, s *schema.Schema, document string, c schema.Check) []string {
	t.Helper()
	var d jsonstream.Doc
	if err := d.Parse([]byte(document), jsonstream.Limits{Depth: 1000}); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range s.Check(&d, d.Root(), &c) {
		line := fmt.Sprintf("%s %s: %s", f.Pointer, f.Keyword, f.Detail)
		if f.Sensitive {
			line += " (sensitive)"
		}
		lines = append(lines, line)
	}
	return lines
}

func TestFindingsSayWhatIsWrongAndRepeatNothing(t *testing.T) {
	for _, tt := range []struct {
		name, schema, document string
		want                   []string
	}{
		{"a type is named with its article", `type: object`, `[]`, []string{" type: must be an object"}},
		{"several types are listed, null last", `type: ["null", string, integer]`, `true`,
			[]string{" type: must be an integer or a string or null"}},
		{"a bound is told", `properties: {items: {items: {properties: {quantity: {minimum: 1}}}}}`,
			`{"items":[{"quantity":0}]}`, []string{"/items/0/quantity minimum: must be at least 1"}},
		{"a bound is told as the description writes it", `exclusiveMaximum: 10.50`, `11`, []string{" exclusiveMaximum: must be less than 10.50"}},
		{"each other bound has its words", `{maximum: 1, exclusiveMinimum: 5, multipleOf: 2}`, `3`, []string{
			" exclusiveMinimum: must be more than 5", " maximum: must be at most 1", " multipleOf: must be a multiple of 2"}},
		{"a length of one is singular", `minLength: 1`, `""`, []string{" minLength: must be at least 1 character long"}},
		{"a length counts characters, not bytes", `maxLength: 2`, `"ééé"`, []string{" maxLength: must be at most 2 characters long"}},
		{"a pattern is not shown", `pattern: ^secret`, `"x"`, []string{" pattern: does not have the required form"}},
		{"values of an enum are not shown", `enum: [a, b]`, `"x"`, []string{" enum: is not one of the allowed values"}},
		{"the value of const is not shown", `const: 1`, `2`, []string{" const: is not the one value allowed"}},
		{"enum and const both count", `{enum: [1, 2], const: 2}`, `1`, []string{" const: is not the one value allowed"}},
		{"a format is named", `format: date`, `"2023-02-29"`, []string{" format: is not a valid date"}},
		{"what is missing is pointed at", `{required: [a/b, c]}`, `{"c":1}`, []string{"/a~1b required: is required"}},
		{"what is closed out is pointed at", `{properties: {a: true}, additionalProperties: false}`, `{"a":1,"b":2}`,
			[]string{"/b additionalProperties: is not declared"}},
		{"so is what nothing has evaluated", `{allOf: [{properties: {a: true}}], unevaluatedProperties: false}`, `{"a":1,"b":2}`,
			[]string{"/b unevaluatedProperties: is not declared"}},
		{"an item that is one too many is pointed at", `{prefixItems: [true], unevaluatedItems: false}`, `[1, 2]`,
			[]string{"/1 unevaluatedItems: is one item too many"}},
		{"items are counted", `{minItems: 2}`, `[1]`, []string{" minItems: must have at least 2 items"}},
		{"members are counted", `{maxProperties: 0}`, `{"a":1}`, []string{" maxProperties: must have at most 0 members"}},
		{"a second equal item is refused, spelled otherwise", `uniqueItems: true`, `[1, 2, 3, 4, 5, 6, 1.0]`,
			[]string{" uniqueItems: must not have the same item twice"}},
		{"also in a short list", `uniqueItems: true`, `[{"a":1,"b":2}, {"b":2.0,"a":1e0}]`,
			[]string{" uniqueItems: must not have the same item twice"}},
		{"a long list of different items fits", `uniqueItems: true`, list(300), nil},
		{"the hundredth required member is missed", "required: " + list(100, "'%d'"), object(99), []string{"/99 required: is required"}},
		{"and found", "required: " + list(100, "'%d'"), object(100), nil},
		{"a name may be refused", `propertyNames: {maxLength: 1}`, `{"a":1,"bc":2}`, []string{"/bc propertyNames: has a name that is not allowed"}},
		{"a dependency is required", `dependentRequired: {a: [b]}`, `{"a":1}`, []string{"/b required: is required"}},
		{"the only branch of the right type explains itself", `anyOf: [{type: object, required: [a]}, {type: "null"}]`, `{}`,
			[]string{"/a required: is required"}},
		{"branches that could all be meant do not", `anyOf: [{required: [a]}, {required: [b]}]`, `{}`,
			[]string{" anyOf: fits none of the allowed forms"}},
		{"one of one means one", `oneOf: [{type: number}, {type: integer}]`, `1`, []string{" oneOf: fits more than one of the allowed forms"}},
		{"not says little", `not: {type: string}`, `"x"`, []string{" not: is of a form that is not allowed"}},
		{"the branch of a condition explains itself", `{if: {properties: {a: {const: 1}}}, then: {required: [b]}}`, `{"a":1}`,
			[]string{"/b required: is required"}},
		{"false is never allowed", `properties: {a: false}`, `{"a":1}`, []string{"/a false: is not allowed"}},
		{"contains lacks an item", `contains: {const: 1}`, `[2]`, []string{" contains: lacks an item that is required"}},
		{"contains may be too often", `{contains: {const: 1}, maxContains: 1}`, `[1, 1]`,
			[]string{" maxContains: must have at most 1 item of the given form"}},
		{"a password is sensitive", `properties: {p: {format: password, minLength: 8}}`, `{"p":"x"}`,
			[]string{"/p minLength: must be at least 8 characters long (sensitive)"}},
		{"and all that lies in what is write-only", `properties: {p: {writeOnly: true, items: {type: string}}}`, `{"p":[1]}`,
			[]string{"/p/0 type: must be a string (sensitive)"}},
		{"two branches that want the same say it once", `allOf: [{required: [a]}, {required: [a]}]`, `{}`, []string{"/a required: is required"}},
		{"no more than ten findings", `items: false`, `[1,2,3,4,5,6,7,8,9,10,11,12]`, repeat(10, "/%d false: is not allowed")},
		{"a long pointer is cut, between characters", `additionalProperties: false`, `{"a` + strings.Repeat("é", 200) + `":1}`,
			[]string{"/a" + strings.Repeat("é", 127) + "… additionalProperties: is not declared"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := check(t, compile(t, schema.Draft2020, tt.schema), tt.document, schema.Check{})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func repeat(n int, format string) (lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprintf(format, i))
	}
	return lines
}

// list writes the numbers from 0 to n-1, in a format if one is given.
func list(n int, format ...string) string {
	format = append(format, "%d")
	return "[" + strings.Join(repeat(n, format[0]), ",") + "]"
}

func object(n int) string { return "{" + strings.Join(repeat(n, `"%d":0`), ",") + "}" }

func TestFindingsKnowTheLineOfTheRule(t *testing.T) {
	s := compile(t, schema.OpenAPI31, "type: object\nproperties:\n  a:\n    $ref: '#/$defs/count'\n$defs:\n  count:\n    type: integer\n    maximum: 3\n")
	var d jsonstream.Doc
	if err := d.Parse([]byte(`{"a":4,"b":1}`), jsonstream.Limits{}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range s.Check(&d, d.Root(), &schema.Check{Closed: true}) {
		got = append(got, f.Keyword+" "+f.Where.Where().String())
	}
	if diff := cmp.Diff([]string{"maximum schema.yaml:8", "undeclared schema.yaml:1"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestADocumentIsJudgedFromTheNodeThatIsGiven(t *testing.T) {
	s := compile(t, schema.OpenAPI31, "{properties: {a: {readOnly: true}, b: {type: string}}, required: [a]}")
	var d jsonstream.Doc
	if err := d.Parse([]byte(`{"x":[0,{"b":1,"c":2}]}`), jsonstream.Limits{}); err != nil {
		t.Fatal(err)
	}
	n := d.Next(d.First(d.Member(d.Root(), "x")))
	var got []string
	for _, f := range s.Check(&d, n, &schema.Check{Direction: schema.Request, Closed: true}) {
		got = append(got, f.Pointer+" "+f.Keyword)
	}
	if diff := cmp.Diff([]string{"/x/1/b type", "/x/1/c undeclared"}, got); diff != "" {
		t.Error(diff)
	}
}

// Each level of the document doubles the work: without a budget, 60 levels take for ever.
func TestACheckThatWouldTakeForEverIsCutOff(t *testing.T) {
	s := compile(t, schema.OpenAPI31, `
properties:
  a:
    oneOf:
      - {$ref: '#', type: object}
      - {$ref: '#', minProperties: 0}
`)
	document := strings.Repeat(`{"a":`, 60) + `{}` + strings.Repeat(`}`, 60)
	start := time.Now()
	got := check(t, s, document, schema.Check{Closed: true})
	if diff := cmp.Diff([]string{" cost: takes too long to check"}, got); diff != "" {
		t.Error(diff)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestManyPatternsOverALongTextAreCutOff(t *testing.T) {
	s := compile(t, schema.OpenAPI31, "allOf: "+list(200, "{pattern: '[b-y]%d'}"))
	got := check(t, s, `"`+strings.Repeat("a", 64<<10)+`"`, schema.Check{Max: 1000})
	if diff := cmp.Diff([]string{" cost: takes too long to check"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestDeepDocumentsAreJudged(t *testing.T) {
	s := compile(t, schema.OpenAPI31, "{properties: {a: {$ref: '#'}}, not: {required: [b]}}")
	for _, tt := range []struct {
		name  string
		depth int
		inner string
		want  []string
	}{
		{"900 levels are judged", 900, `{}`, nil},
		{"to the last one", 900, `{"b":1}`, []string{strings.Repeat("/a", 128) + "… not: is of a form that is not allowed"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			document := strings.Repeat(`{"a":`, tt.depth) + tt.inner + strings.Repeat(`}`, tt.depth)
			if diff := cmp.Diff(tt.want, check(t, s, document, schema.Check{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheDiscriminatorChoosesWhatIsReportedNotWhatIsAccepted(t *testing.T) {
	s := compile(t, schema.OpenAPI31, `
components: {schemas: {
schema: {
  oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}],
  discriminator: {propertyName: kind, mapping: {hound: '#/components/schemas/Dog', cat: Cat}}},
Cat: {type: object, required: [kind, lives], properties: {kind: {type: string}, lives: {type: integer}}},
Dog: {type: object, required: [kind, bark], properties: {kind: {type: string}, bark: {type: boolean}}}}}
`)
	for _, tt := range []struct {
		name, document string
		want           []string
	}{
		{"by the name of the schema", `{"kind":"Cat"}`, []string{"/lives required: is required"}},
		{"by the mapping to a name", `{"kind":"cat"}`, []string{"/lives required: is required"}},
		{"by the mapping to a reference", `{"kind":"hound"}`, []string{"/bark required: is required"}},
		{"an unknown value explains nothing", `{"kind":"x"}`, []string{" oneOf: fits none of the allowed forms"}},
		{"a Dog that says Cat is still a Dog", `{"kind":"Cat","bark":true}`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, check(t, s, tt.document, schema.Check{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestForeignSchemasAreJudgedByTheLibrary(t *testing.T) {
	const named = `
components: {schemas: {
schema: {type: object, properties: {tree: {$ref: 'https://example.org/tree'}, n: {$ref: '#/components/schemas/Anchored'}}},
Anchored: {$ref: '#count'},
Count: {$anchor: count, type: integer},
Tree: {$id: 'https://example.org/tree', type: object, required: [value], properties: {value: {type: string}, children: {items: {$ref: '#'}}}}}}
`
	const list = `
components: {schemas: {
schema: {$id: 'https://example.org/names', $ref: list, $defs: {item: {$dynamicAnchor: item, type: string, format: date}}},
List: {$id: 'https://example.org/list', items: {$dynamicRef: '#item'}, $defs: {any: {$dynamicAnchor: item}}}}}
`
	const draft7 = `
components: {schemas: {
schema: {properties: {old: {$ref: '#/components/schemas/Old'}}},
Old: {$schema: 'http://json-schema.org/draft-07/schema#', $id: 'https://example.org/old', items: [{type: string}], additionalItems: false}}}
`
	const closed = `
components: {schemas: {
schema: {allOf: [{$ref: 'https://example.org/base'}], properties: {b: {}}, unevaluatedProperties: false},
Base: {$id: 'https://example.org/base', properties: {a: {type: string}}}}}
`
	const scoped = `
components: {schemas: {
schema: {properties: {tree: {$ref: '#/components/schemas/Tree'}}},
Tree: {$id: 'https://example.org/tree', properties: {v: {$ref: '#/$defs/v'}}, $defs: {v: {type: string}}}}}
`
	for _, tt := range []struct {
		name, schema, document string
		want                   []string
	}{
		{"what a named schema evaluates is evaluated", closed, `{"a":"x","b":1}`, nil},
		{"and nothing else", closed, `{"a":"x","c":1}`, []string{"/c false: does not fit the rule false"}},
		{"a reference counts from the name around it", scoped, `{"tree":{"v":1}}`, []string{"/tree/v type: does not fit the rule type"}},
		{"a schema that is named fits", named, `{"tree":{"value":"x","children":[{"value":"y"}]}}`, nil},
		{"or not, deep below", named, `{"tree":{"value":"x","children":[{"value":1}]}}`,
			[]string{"/tree/children/0/value type: does not fit the rule type"}},
		{"an anchor elsewhere in the description is found", named, `{"n":1.5}`, []string{"/n type: must be an integer"}},
		{"a dynamic reference goes where the way has led", list, `["2024-02-29"]`, nil},
		{"and our formats hold there", list, `["2023-02-29"]`, []string{"/0 format: does not fit the rule format"}},
		{"those of numbers too", strings.Replace(list, "type: string, format: date", "type: integer, format: int32", 1), `[1, 2147483648]`,
			[]string{"/1 format: does not fit the rule format"}},
		{"another dialect is kept to", draft7, `{"old":["x"]}`, nil},
		{"and refuses as it does", draft7, `{"old":["x", 1]}`, []string{"/old additionalItems: does not fit the rule additionalItems"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, check(t, compile(t, schema.OpenAPI31, tt.schema), tt.document, schema.Check{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestManyGoroutinesMayUseOneSchema(t *testing.T) {
	s := compileOrder(t)
	done := make(chan []string)
	for range 8 {
		go func() {
			var last []string
			for range 50 {
				last = check(t, s, strings.Replace(order, `"quantity":3`, `"quantity":0`, 1), schema.Check{Direction: schema.Request, Closed: true})
			}
			done <- last
		}()
	}
	for range 8 {
		if diff := cmp.Diff([]string{"/items/3/quantity minimum: must be at least 1"}, <-done); diff != "" {
			t.Error(diff)
		}
	}
}
