// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"fmt"
	"strings"
	"testing"

	"yett/api/schema"
	"yett/internal/source"
)

// What a description costs to load is bounded, and what is long without being woven together costs little.
func TestADescriptionsCostIsBounded(t *testing.T) {
	many := func(n int, each func(i int) string) string {
		all := make([]string, n)
		for i := range all {
			all[i] = each(i)
		}
		return strings.Join(all, ", ")
	}
	chain := func(name string) string { // composed of the next, and so on
		return many(451, func(i int) string {
			if i == 450 {
				return fmt.Sprintf("%s%d: {}", name, i)
			}
			return fmt.Sprintf("%s%d: {allOf: [{%s}]}", name, i, ref(fmt.Sprintf("%s%d", name, i+1)))
		})
	}
	for _, tt := range []struct{ name, schemas, want string }{
		{"10,000 alternatives", "schema: {oneOf: [" + many(10_000, func(i int) string { return fmt.Sprintf("{type: object, properties: {p%d: {type: string}}}", i) }) + "]}", ""},
		{"5,000 heirs", "schema: {discriminator: {propertyName: t}, properties: {t: {}}}, " + many(5000, func(i int) string {
			return fmt.Sprintf("H%d: {allOf: [{%s}], properties: {p%d: {}}}", i, ref("schema"), i)
		}), ""},
		{"alternatives that all speak of one another's members", "schema: {oneOf: [" + many(2500, func(i int) string {
			return fmt.Sprintf("{type: object, properties: {p%d: {}}, additionalProperties: {type: integer}}", i)
		}) + "]}", "s.yaml:1: the schemas take too long to be told apart (fewer"},
		{"every name held against many patterns", "schema: {patternProperties: {" + many(2000, func(i int) string { return fmt.Sprintf("^p%d: {}", i) }) +
			"}, properties: {" + many(2000, func(i int) string { return fmt.Sprintf("q%d: {}", i) }) + "}}", "s.yaml:1: the schemas take too long to be told apart (fewer"},
		{"a chain that is too long", "schema: {allOf: [{" + ref("a0") + "}, {allOf: [{" + ref("b0") + "}]}]}, " + chain("a") + ", " + chain("b"),
			"s.yaml:1: the schema is composed of more than 1000 others"},
		{"many chains", "schema: {properties: {a: {" + ref("a0") + "}, b: {" + ref("b0") + "}, c: {" + ref("c0") + "}}}, " + chain("a") + ", " + chain("b") + ", " + chain("c"),
			"s.yaml:1: the schemas are composed of more than 2000000 others together"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := source.Parse("s.yaml", []byte("components: {schemas: {"+tt.schemas+"}}"))
			if err != nil {
				t.Fatal(err)
			}
			at, _ := f.Root.At("/components/schemas/schema")
			_, err = schema.NewCompiler(schema.Options{Dialect: schema.OpenAPI31, Resolve: inFile}).Compile(at)
			if got := fmt.Sprint(err); (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(got, tt.want) || strings.Contains(got, "\n") {
				t.Errorf("got %.200s", got)
			}
		})
	}
}
