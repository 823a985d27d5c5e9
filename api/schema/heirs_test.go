// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"yett/api/schema"
	"yett/internal/source"
)

const pets = `
components: {schemas: {
Pet: {type: object, required: [type], discriminator: {propertyName: type, mapping: {cat: Cat, dog: '#/components/schemas/Dog', lion: Cat, lost: Nobody}},
  properties: {type: {type: string}, owner: {type: object, properties: {name: {type: string}}}, friend: {$ref: '#/components/schemas/Pet'}}},
Cat: {allOf: [{$ref: '#/components/schemas/Pet'}, {required: [lives], properties: {lives: {type: integer}, owner: {properties: {chair: {type: string}}}}}]},
Dog: {allOf: [{allOf: [{$ref: '#/components/schemas/Pet'}]}], properties: {barks: {type: boolean}, chip: {type: string, writeOnly: true}}},
Lion: {allOf: [{$ref: '#/components/schemas/Cat'}, {properties: {mane: {type: boolean}, chip: {type: string}}}]},
NullablePet: {allOf: [{$ref: '#/components/schemas/Pet'}], nullable: true, description: a pet or none},
Stone: {type: object, properties: {weight: {type: integer}}},
schema: {%s}
}}
`

func ref(name string) string { return fmt.Sprintf(`$ref: '#/components/schemas/%s'`, name) }

func TestHeirsAreAlternativesOfWhatTheyInherit(t *testing.T) {
	request, answer := schema.Check{Direction: schema.Request, Closed: true}, schema.Check{Direction: schema.Response, Closed: true}
	undeclared := func(pointers ...string) (lines []string) {
		for _, p := range pointers {
			lines = append(lines, p+" undeclared: is not declared")
		}
		return lines
	}
	for _, tt := range []struct {
		name, schema, document string
		check                  schema.Check
		want                   []string
	}{
		{"what mapping names is declared in an answer", ref("Pet"), `{"type":"cat","lives":9}`, answer, nil},
		{"and in a request", ref("Pet"), `{"type":"cat","lives":9}`, request, nil},
		{"a reference in mapping counts as a name does", ref("Pet"), `{"type":"dog","barks":true}`, request, nil},
		{"a component stands for its name without being mapped", ref("Pet"), `{"type":"Lion","lives":9,"mane":true}`, request, nil},
		{"the heirs of heirs are declared", ref("Pet"), `{"type":"Lion","lives":9,"mane":true}`, answer, nil},
		{"members within members too", ref("Pet"), `{"type":"cat","lives":9,"owner":{"name":"x","chair":"y"}}`, answer, nil},
		{"deep below as well", ref("Pet"), `{"type":"dog","friend":{"type":"cat","lives":9,"friend":{"type":"Lion","lives":9,"mane":true}}}`, request, nil},
		{"what no heir has is not declared", ref("Pet"), `{"type":"cat","lives":9,"hash":"x"}`, answer, undeclared("/hash")},
		{"nor in a request", ref("Pet"), `{"type":"cat","lives":9,"hash":"x"}`, request, undeclared("/hash")},
		{"other components have nothing to do with it", ref("Pet"), `{"type":"Stone","weight":1}`, answer, undeclared("/weight")},
		{"the heir that is meant is held against its rules", ref("Pet"), `{"type":"cat","lives":"x"}`, request, []string{"/lives type: must be an integer"}},
		{"in an answer too", ref("Pet"), `{"type":"cat"}`, answer, []string{"/lives required: is required"}},
		{"and against those that it inherits, once", ref("Pet"), `{"type":"cat","lives":9,"owner":1}`, answer, []string{"/owner type: must be an object"}},
		{"what another heir declares is not declared in a request", ref("Pet"), `{"type":"cat","lives":9,"barks":"<b>"}`, request, undeclared("/barks")},
		{"in an answer the union counts", ref("Pet"), `{"type":"cat","lives":9,"barks":true}`, answer, nil},
		{"where nobody is meant, no heir declares in a request", ref("Pet"), `{"type":"zebra","lives":9}`, request, undeclared("/lives")},
		{"nor where the property is missing", ref("Pet"), `{"lives":9}`, request, []string{"/type required: is required", "/lives undeclared: is not declared"}},
		{"or is no text", ref("Pet"), `{"type":["cat"],"lives":9}`, request, []string{"/type type: must be a string", "/lives undeclared: is not declared"}},
		{"the schema itself may be meant", ref("Pet"), `{"type":"Pet","owner":{"name":"x"}}`, request, nil},
		{"a mapping to what does not exist means nobody", ref("Pet"), `{"type":"lost","owner":{}}`, request, nil},
		{"mapping counts before names", ref("Pet"), `{"type":"lion","lives":9,"mane":true}`, request, undeclared("/mane")},
		{"a schema around a reference is the same", `allOf: [{` + ref("Pet") + `}], description: x`, `{"type":"cat","lives":9}`, request, nil},
		{"with a name too", ref("NullablePet"), `{"type":"cat","lives":9}`, answer, nil},
		{"what stands beside it declares as ever", `properties: {p: {allOf: [{` + ref("Pet") + `}, {properties: {extra: {}}}]}}`, `{"p":{"type":"cat","lives":9,"extra":1}}`, request, nil},
		{"in a list", `type: array, items: {` + ref("Pet") + `}`, `[{"type":"cat","lives":9},{"type":"dog","barks":1}]`, request,
			[]string{"/1/barks type: must be a boolean"}},
		{"who asks for an heir does not get its siblings", ref("Cat"), `{"type":"cat","lives":9,"barks":true}`, answer, undeclared("/barks")},
		{"nor the heirs of that, which has no discriminator", ref("Cat"), `{"type":"cat","lives":9,"mane":true}`, answer, undeclared("/mane")},
		{"what an heir only takes is missed in no answer and sensitive in all", ref("Pet"), `{"type":"dog","chip":1}`, answer,
			[]string{"/chip type: must be a string (sensitive)"}},
		{"without closing, more is welcome as it always was", ref("Pet"), `{"type":"zebra","lives":9}`, schema.Check{Direction: schema.Request}, nil},
	} {
		for name, dialect := range map[string]schema.Dialect{"3.0": schema.OpenAPI30, "3.1": schema.OpenAPI31} {
			t.Run(tt.name+" in "+name, func(t *testing.T) {
				got := check(t, compile(t, dialect, fmt.Sprintf(pets, tt.schema)), tt.document, tt.check)
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestOfRestrictionsOfHeirsTheStrictestCounts(t *testing.T) {
	p := compile(t, schema.OpenAPI31, fmt.Sprintf(pets, ref("Pet"))).Shape()
	if !p.Member("chip").WriteOnly() || !p.Member("friend").Member("chip").WriteOnly() {
		t.Error("chip is write-only in a dog, but not where a pet may be one")
	}
	if p.Requires("lives") || !p.Requires("type") {
		t.Error("what only an heir requires is required of all, or what all require is not")
	}
}

// Heirs that lead back in another way than by inheriting are as if they were not: what was described like this was loaded before.
func TestAnHeirThatLeadsBackIsNone(t *testing.T) {
	const loop = `
components: {schemas: {
schema: {discriminator: {propertyName: t}, properties: {t: {}}},
Odd: {allOf: [{$ref: '#/components/schemas/schema'}], anyOf: [{$ref: '#/components/schemas/schema'}], properties: {odd: {}}},
Good: {allOf: [{$ref: '#/components/schemas/schema'}], properties: {good: {}}}}}
`
	p := compile(t, schema.OpenAPI30, loop).Shape()
	if p.Open() || p.Member("good") == nil || p.Member("odd") != nil {
		t.Errorf("open %v, good %v, odd %v", p.Open(), p.Member("good"), p.Member("odd"))
	}
}

func TestABranchIsNotInheritedTwice(t *testing.T) {
	// With a list of alternatives of its own the discriminator chooses among these, as it always did.
	s := compile(t, schema.OpenAPI30, `
components: {schemas: {
schema: {oneOf: [{$ref: '#/components/schemas/A'}], discriminator: {propertyName: t}},
A: {properties: {t: {}}},
B: {allOf: [{$ref: '#/components/schemas/A'}], properties: {b: {}}}}}
`)
	if _, known := s.Shape().Find([]byte("b")); known {
		t.Error("a schema that is not among the alternatives is declared")
	}
}

func TestTheCostOfHeirsIsThatOfOne(t *testing.T) {
	s := compile(t, schema.OpenAPI31, fmt.Sprintf(pets, ref("Pet")))
	const deep = 200
	document := strings.Repeat(`{"type":"cat","lives":9,"friend":`, deep) + `{"type":"zebra"}` + strings.Repeat("}", deep)
	if got := check(t, s, document, schema.Check{Direction: schema.Request, Closed: true}); got != nil {
		t.Errorf("%d deep: %q", deep, got)
	}
}

func TestHeirsHaveABound(t *testing.T) {
	var b strings.Builder
	b.WriteString("components:\n  schemas:\n    schema: {discriminator: {propertyName: t}}\n")
	before := "schema"
	for i := range 600 {
		name := fmt.Sprintf("S%d", i)
		fmt.Fprintf(&b, "    %s: {allOf: [{%s}], required: [t], discriminator: {propertyName: t}}\n", name, ref(before))
		before = name
	}
	f, err := source.Parse("schema.yaml", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	at, _ := f.Root.At("/components/schemas/schema")
	_, err = schema.NewCompiler(schema.Options{Dialect: schema.OpenAPI31, Resolve: inFile}).Compile(at)
	if err == nil || !strings.Contains(err.Error(), "inherit from one another in more than") {
		t.Errorf("got %v", err)
	}
}
