// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yett/api/schema"
	"yett/internal/source"
)

func TestOpenAPI30HasItsOwnKeywords(t *testing.T) {
	for _, tt := range []struct {
		name, schema, document string
		want                   []string
	}{
		{"nullable admits null", `{type: string, nullable: true}`, `null`, nil},
		{"and the type is told with it", `{type: string, nullable: true}`, `1`, []string{" type: must be a string or null"}},
		{"nullable without a type says nothing", `{nullable: true, allOf: [{type: string}]}`, `null`, []string{" type: must be a string"}},
		{"enum may still refuse null", `{type: string, nullable: true, enum: [a]}`, `null`, []string{" enum: is not one of the allowed values"}},
		{"exclusiveMinimum qualifies minimum", `{type: number, minimum: 1, exclusiveMinimum: true}`, `1`,
			[]string{" exclusiveMinimum: must be more than 1"}},
		{"exclusiveMaximum qualifies maximum", `{maximum: 1, exclusiveMaximum: true}`, `1`, []string{" exclusiveMaximum: must be less than 1"}},
		{"false leaves it inclusive", `{maximum: 1, exclusiveMaximum: false}`, `1`, nil},
		{"siblings of $ref are ignored", `{components: {schemas: {schema: {$ref: '#/components/schemas/n', maximum: 1}, n: {type: integer}}}}`, `2`, nil},
		{"keywords of 3.1 are not there", `{const: 1, if: {type: object}, then: {required: [a]}, prefixItems: [false], patternProperties: {a: false}, unevaluatedProperties: false}`,
			`{"a":1}`, nil},
		{"int32 ends at 2147483647", `{type: integer, format: int32}`, `2147483648`, []string{" format: is out of range for int32"}},
		{"int64 ends at 9223372036854775807", `{type: integer, format: int64}`, `-9223372036854775809`, []string{" format: is out of range for int64"}},
		{"and holds what a float64 does not", `{type: integer, format: int64}`, `9223372036854775807`, nil},
		{"int32 admits no fraction", `{type: number, format: int32}`, `1.5`, []string{" format: is out of range for int32"}},
		{"float has its largest number", `{type: number, format: float}`, `1e39`, []string{" format: is out of range for float"}},
		{"an integer without a format is one that all readers keep", `{type: integer}`, `9007199254740992`,
			[]string{" type: is too large an integer to be exact"}},
		{"the largest of these fits", `{type: integer}`, `-9007199254740991`, nil},
		{"unless the description says how large", `{type: integer, maximum: 18446744073709551615}`, `18446744073709551615`, nil},
		{"on each side for itself", `{type: integer, maximum: 18446744073709551615}`, `-9007199254740992`,
			[]string{" type: is too large an integer to be exact"}},
		{"below as above", `{type: integer, minimum: -18446744073709551615}`, `-18446744073709551615`, nil},
		{"1.0 is an integer", `{type: integer}`, `1.0`, nil},
		{"byte is base64", `{type: string, format: byte}`, `"YQ=="`, nil},
		{"with its padding", `{type: string, format: byte}`, `"YQ"`, []string{" format: is not a valid byte"}},
		{"and no line ends", `{type: string, format: byte}`, `"YWFh\nYWFhYWF"`, []string{" format: is not a valid byte"}},
		{"unknown formats are notes", `{type: string, format: repo.nwo}`, `"x"`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := check(t, compile(t, schema.OpenAPI30, tt.schema), tt.document, schema.Check{})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

const account = `
components: {schemas: {
schema: {type: object, required: [id, name, password, owner, kind], properties: {
  id: {type: string, readOnly: true}, name: {type: string}, password: {type: string, writeOnly: true},
  owner: {$ref: '#/components/schemas/stamped'}, more: {type: array, items: {$ref: '#/components/schemas/nested'}}, kind: {}},
  allOf: [{properties: {kind: {readOnly: true}}}]},
stamped: {type: string, readOnly: true},
nested: {type: object, required: [id], properties: {id: {$ref: '#/components/schemas/stamped'}, label: {type: string}}}}}
`

func TestReadOnlyAndWriteOnlyDependOnTheDirection(t *testing.T) {
	for _, tt := range []struct {
		name, document string
		check          schema.Check
		want           []string
	}{
		{"a request does not need what is read-only, said here, by reference or beside", `{"name":"x","password":"x"}`,
			schema.Check{Direction: schema.Request}, nil},
		{"it needs what is write-only", `{"name":"x"}`, schema.Check{Direction: schema.Request}, []string{"/password required: is required"}},
		{"an answer does not", `{"id":"x","name":"x","owner":"x","kind":1}`, schema.Check{Direction: schema.Response}, nil},
		{"but needs what is read-only", `{"name":"x","owner":"x","kind":1}`, schema.Check{Direction: schema.Response}, []string{"/id required: is required"}},
		{"without a direction all is needed", `{"name":"x"}`, schema.Check{}, []string{
			"/id required: is required", "/password required: is required", "/owner required: is required", "/kind required: is required"}},
		{"a request must not bring what is read-only", `{"id":"x","name":"x","password":"x","owner":"x","kind":1}`,
			schema.Check{Direction: schema.Request},
			[]string{"/id readOnly: is read-only", "/owner readOnly: is read-only", "/kind readOnly: is read-only"}},
		{"unless somebody takes it out", `{"id":"x","name":"x","password":"x"}`,
			schema.Check{Direction: schema.Request, ReadOnly: schema.Ignore}, nil},
		{"what is not declared may come where nobody closes", `{"name":"x","password":"x","other":1}`, schema.Check{Direction: schema.Request}, nil},
		{"deep below as well", `{"name":"x","password":"x","more":[{"label":"x"},{"id":"x"}]}`,
			schema.Check{Direction: schema.Request}, []string{"/more/1/id readOnly: is read-only"}},
		{"in an answer nothing is read-only", `{"id":"x","name":"x","owner":"x","kind":1,"more":[{"id":"x"}]}`,
			schema.Check{Direction: schema.Response, Closed: true}, nil},
	} {
		for name, dialect := range map[string]schema.Dialect{"3.0": schema.OpenAPI30, "3.1": schema.OpenAPI31} {
			t.Run(tt.name+" in "+name, func(t *testing.T) {
				if diff := cmp.Diff(tt.want, check(t, compile(t, dialect, account), tt.document, tt.check)); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// The rule is "declared, both ways" of practice minimize, and validate uses it for requests.
func TestClosedRefusesWhatIsNotDeclared(t *testing.T) {
	undeclared := func(pointers ...string) (lines []string) {
		for _, p := range pointers {
			lines = append(lines, p+" undeclared: is not declared")
		}
		return lines
	}
	for _, tt := range []struct {
		name, schema, document string
		want                   []string
	}{
		{"an object that lists properties is closed", `{type: object, properties: {a: {}}}`, `{"a":1,"b":2}`, undeclared("/b")},
		{"one that lists none is open", `{type: object}`, `{"b":2}`, nil},
		{"as is one that only requires", `{type: object, required: [b]}`, `{"a":1,"b":2}`, nil},
		{"true opens", `{properties: {a: {}}, additionalProperties: true}`, `{"b":2}`, nil},
		{"a schema opens", `{properties: {a: {}}, additionalProperties: {type: integer}}`, `{"b":2}`, nil},
		{"and is checked", `{properties: {a: {}}, additionalProperties: {type: string}}`, `{"b":2}`, []string{"/b type: must be a string"}},
		{"false is reported once", `{properties: {a: {}}, additionalProperties: false}`, `{"b":2}`,
			[]string{"/b additionalProperties: is not declared"}},
		{"false alone declares that there is nothing", `{additionalProperties: false}`, `{"b":2}`,
			[]string{"/b additionalProperties: is not declared"}},
		{"patterns declare", `{properties: {a: {}}, patternProperties: {'^x-': {}}}`, `{"x-b":2,"c":3}`, undeclared("/c")},
		{"what is not declared is found in members", `{properties: {a: {properties: {b: {}}}}}`, `{"a":{"b":1,"c":1}}`, undeclared("/a/c")},
		{"in items", `{properties: {a: {items: {properties: {b: {}}}}}}`, `{"a":[{"b":1},{"c":1}]}`, undeclared("/a/1/c")},
		{"in the first items", `{prefixItems: [{properties: {a: {}}}, {properties: {b: {}}}], items: {properties: {c: {}}}}`,
			`[{"b":1},{"b":1},{"b":1},{"c":1}]`, undeclared("/0/b", "/2/b")},
		{"in what additionalProperties describes", `{additionalProperties: {properties: {a: {}}}}`, `{"x":{"b":1}}`, undeclared("/x/b")},
		{"in what a pattern describes", `{patternProperties: {'^x': {properties: {a: {}}}}}`, `{"x":{"b":1}}`, undeclared("/x/b")},
		{"in what is recursive", `{properties: {a: {$ref: '#'}, v: {}}}`, `{"a":{"a":{"v":1,"b":1}}}`, undeclared("/a/a/b")},
		{"what declares nothing hides nothing", `{properties: {a: {}}}`, `{"a":{"b":{"c":1}}}`, nil},
		{"allOf declares together", `{allOf: [{properties: {a: {}}}, {properties: {b: {}}}]}`, `{"a":1,"b":2,"c":3}`, undeclared("/c")},
		{"with what stands beside it", `{properties: {a: {}}, allOf: [{properties: {b: {}}}, {required: [a]}]}`, `{"a":1,"b":2,"c":3}`, undeclared("/c")},
		{"$ref declares", `{$ref: '#/$defs/x', properties: {b: {}}, $defs: {x: {properties: {a: {}}}}}`, `{"a":1,"b":2,"c":3}`, undeclared("/c")},
		{"oneOf declares all its branches", `{oneOf: [{required: [a], properties: {a: {}}}, {required: [b], properties: {b: {}, d: {}}}]}`,
			`{"a":1,"d":2,"c":3}`, undeclared("/c")},
		{"a branch that opens opens", `{oneOf: [{required: [a], properties: {a: {}}, additionalProperties: true}, {required: [b], properties: {b: {}}}]}`,
			`{"a":1,"c":3}`, nil},
		{"a branch that only asks for something does not", `{properties: {a: {}, b: {}}, anyOf: [{required: [a]}, {required: [b]}]}`,
			`{"a":1,"c":3}`, undeclared("/c")},
		{"a branch that takes any object opens", `{anyOf: [{properties: {a: {}}}, {type: object}]}`, `{"c":3}`, nil},
		{"a branch that takes no object does not", `{anyOf: [{properties: {a: {}}}, {type: "null"}]}`, `{"c":3}`, undeclared("/c")},
		{"if, then and else declare", `{if: {properties: {a: {const: 1}}}, then: {properties: {b: {}}}, else: {properties: {c: {}}}}`,
			`{"a":1,"c":1,"d":1}`, undeclared("/d")},
		{"a dependency declares", `{properties: {a: {}}, dependentSchemas: {a: {properties: {b: {}}}}}`, `{"b":1,"c":1}`, undeclared("/c")},
		{"not declares nothing", `{properties: {a: {}}, not: {required: [b], properties: {b: {}}, additionalProperties: true}}`, `{"c":1}`, undeclared("/c")},
		{"one member may be declared in parts", `{allOf: [{properties: {m: {properties: {a: {}}}}}, {properties: {m: {properties: {b: {}}}}}]}`,
			`{"m":{"a":1,"b":2,"c":3}}`, undeclared("/m/c")},
		{"a part that says nothing does not open the other", `{allOf: [{properties: {m: {properties: {a: {}}}}}, {properties: {m: {description: x}}}]}`,
			`{"m":{"c":3}}`, undeclared("/m/c")},
		{"a branch that says nothing does", `{oneOf: [{required: [m], properties: {m: {properties: {a: {}}}}}, {required: [n], properties: {m: {}, n: {}}}]}`,
			`{"m":{"c":3}}`, nil},
		{"unevaluatedProperties: true opens", `{properties: {a: {}}, unevaluatedProperties: true}`, `{"b":1}`, nil},
		{"unevaluatedProperties: false closes, and is reported once", `{allOf: [{properties: {a: {}}}], unevaluatedProperties: false}`, `{"b":1}`,
			[]string{"/b unevaluatedProperties: is not declared"}},
		{"a name is found decoded", `{properties: {a: {}}}`, `{"\u0061":1,"\u0062":2}`, undeclared("/b")},
		{"a branch that closes itself does not open", `{anyOf: [{additionalProperties: false}, {properties: {a: {}}}]}`, `{"c":3}`, undeclared("/c")},
		{"what only required names is not declared", `{properties: {a: {}}, required: [b]}`, `{"a":1,"b":1}`, undeclared("/b")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := check(t, compile(t, schema.OpenAPI31, tt.schema), tt.document, schema.Check{Closed: true})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestShapesSayWhatIsDeclared(t *testing.T) {
	p := compile(t, schema.OpenAPI31, `
type: object
properties:
  id: {type: string, readOnly: true}
  secret: {anyOf: [{type: string, format: password}, {type: "null"}]}
  size: {allOf: [{type: [number, string]}, {type: integer}]}
  either: {oneOf: [{enum: [a, 1]}, {const: true}]}
  tags: {items: {type: string, writeOnly: true}}
  map: {additionalProperties: {type: boolean}}
`).Shape()
	if p.Open() || p.Types() != schema.Object {
		t.Errorf("root: open %v, types %v", p.Open(), p.Types())
	}
	if m := p.Member("id"); !m.ReadOnly() || m.WriteOnly() || m.Types() != schema.String {
		t.Errorf("id: read-only %v, write-only %v, types %v", m.ReadOnly(), m.WriteOnly(), m.Types())
	}
	if m := p.Member("secret"); !m.Sensitive() || m.Types() != schema.String|schema.Null {
		t.Errorf("secret: sensitive %v, types %v", m.Sensitive(), m.Types())
	}
	if got := p.Member("size").Types(); got != schema.Integer {
		t.Errorf("size: %v", got)
	}
	if got := p.Member("either").Types().String(); got != "boolean, integer, string" {
		t.Errorf("either: %v", got)
	}
	if m := p.Member("tags").Item(3); !m.WriteOnly() || !m.Sensitive() {
		t.Errorf("tags: write-only %v, sensitive %v", m.WriteOnly(), m.Sensitive())
	}
	if m := p.Member("map"); !m.Open() || m.Member("any").Types() != schema.Boolean {
		t.Errorf("map: open %v, members %v", m.Open(), m.Member("any").Types())
	}
	if m := p.Member("other"); m != nil || !m.Open() || m.Types() != schema.AnyType {
		t.Errorf("other: %+v", m)
	}
}

func TestAPatternSaysNothingOfNamesThatItDoesNotMatch(t *testing.T) {
	for _, tt := range []struct{ name, more string }{
		{"few patterns", ""},
		{"many patterns", `"^1": {}, "^2": {}, "^3": {}, `},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := compile(t, schema.OpenAPI31, `{patternProperties: {`+tt.more+`"^a": {type: object, properties: {x: {}}}, "b$": {type: object, writeOnly: true}},
				allOf: [{additionalProperties: {readOnly: true}}]}`).Shape()
			for _, m := range []struct {
				name                      string
				open, writeOnly, readOnly bool
			}{
				{"a", false, false, true},
				{"b", true, true, true},
				{"ab", false, true, true}, // certain on both sides: what one lists the other does not open
				{"c", true, false, true},
			} {
				got, declared := p.Find([]byte(m.name))
				if declared != (m.name != "c") || got.Open() != m.open || got.WriteOnly() != m.writeOnly || got.ReadOnly() != m.readOnly {
					t.Errorf("%s: declared %v, open %v, write-only %v, read-only %v", m.name, declared, got.Open(), got.WriteOnly(), got.ReadOnly())
				}
			}
		})
	}
}

func TestGitHubsSchemasCompile(t *testing.T) {
	path := os.Getenv("YETT_GITHUB_OPENAPI")
	if path == "" {
		t.Skip("GitHub's description is not part of this repository: set YETT_GITHUB_OPENAPI to api.github.com.json of npm @octokit/openapi")
	}
	start := time.Now()
	set, f, err := source.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("read in %v", time.Since(start))
	start = time.Now()
	c := schema.NewCompiler(schema.Options{Dialect: schema.OpenAPI30, AssertFormat: true, Resolve: set.Resolve})
	schemas := f.Root.Get("components").Get("schemas")
	for i, k := range schemas.Keys {
		if _, err := c.Compile(schemas.Items[i]); err != nil {
			t.Errorf("%s: %v", k.Text, err)
		}
	}
	t.Logf("%d schemas in %v", len(schemas.Keys), time.Since(start))
	if len(schemas.Keys) < 900 {
		t.Errorf("%d schemas, want 900 or more", len(schemas.Keys))
	}
}
