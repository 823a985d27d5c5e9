// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"testing"

	"yett/api/schema"
	"yett/internal/source"
)

// A place that is reached by an anchor declares what the schema there does, as one that is reached by a pointer.
func TestAnchorsDeclare(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		open       bool
	}{
		{"an anchor of a component", `components: {schemas: {schema: {$ref: '#Person'}, P: {$anchor: Person, properties: {id: {}, pin: {writeOnly: true}}}}}`, false},
		{"one below another schema", `components: {schemas: {schema: {$ref: '#Person'}, P: {$defs: {p: {$anchor: Person, properties: {id: {}, pin: {writeOnly: true}}}}}}}`, false},
		{"an example that looks like one is none", `components: {schemas: {schema: {$ref: '#Person'}, P: {$anchor: Person, properties: {id: {}, pin: {writeOnly: true}}, example: {$anchor: Person}}}}`, false},
		{"a name that is dynamic is for the library", `components: {schemas: {schema: {$ref: '#Person'}, P: {$dynamicAnchor: Person, properties: {id: {}, pin: {writeOnly: true}}}}}`, true},
		{"one in a schema with a name of its own counts there", `components: {schemas: {schema: {$ref: '#/components/schemas/Q'}, Q: {$id: 'https://example.org/q', $ref: '#Person', $defs: {p: {$anchor: Person, properties: {id: {}}}}}, P: {$anchor: Person, properties: {id: {}, pin: {writeOnly: true}}}}}`, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := compile(t, schema.OpenAPI31, tt.text).Shape()
			if p.Open() != tt.open || p.Member("pin").WriteOnly() == tt.open {
				t.Errorf("open %v, and pin is write-only: %v", p.Open(), p.Member("pin").WriteOnly())
			}
		})
	}
}

func TestWhatTheLibraryJudgesIsTold(t *testing.T) {
	f, err := source.Parse("schema.yaml", []byte(`
a: {$ref: '#b'}
b: {$anchor: b, type: object}
c: {items: {$dynamicRef: '#d'}, $defs: {d: {$dynamicAnchor: d}}}
e: {items: {$id: 'https://example.org/e', $schema: 'http://json-schema.org/draft-07/schema#'}}
`))
	if err != nil {
		t.Fatal(err)
	}
	c := schema.NewCompiler(schema.Options{Dialect: schema.OpenAPI31, Resolve: inFile})
	for _, n := range f.Root.Items {
		if _, err := c.Compile(n); err != nil {
			t.Fatal(err)
		}
	}
	var lines []int
	for _, n := range c.Unknown() {
		lines = append(lines, n.Line)
	}
	if len(lines) != 2 || lines[0] != 4 || lines[1] != 5 {
		t.Errorf("lines %v", lines)
	}
}
