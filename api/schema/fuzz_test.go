// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"yett/api/schema"
	"yett/internal/source"
	"yett/jsonstream"
)

// A maker makes schemas and documents out of few names and few values, so that rules and values meet often.
type maker struct {
	*rand.Rand
	refs int // definitions that a $ref may point to
	// whole is true for schemas that a Level judges in pieces as well as whole, with words about directions.
	whole bool
}

var (
	makerNames   = []string{"a", "b", "c", "ab", "é"}
	makerTexts   = []string{"", "a", "ab", "abc", "é", "😀x", "2024-02-30", "2024-02-29", "10.0.0.1", "a@b.org"}
	makerNumbers = []string{"0", "1", "1.0", "-1", "2", "3", "0.5", "1.5", "1e2", "100", "0.30", "10", "-0", "1e-2", "9007199254740991"}
	makerTypes   = []string{"null", "boolean", "integer", "number", "string", "array", "object"}
)

func pick[T any](m *maker, list []T) T { return list[m.IntN(len(list))] }

func (m *maker) number() json.Number { return json.Number(pick(m, makerNumbers)) }

func (m *maker) value(depth int) any {
	n := 7
	if depth == 0 {
		n = 5
	}
	switch m.IntN(n) {
	case 0:
		return nil
	case 1:
		return m.IntN(2) == 0
	case 2, 3:
		return m.number()
	case 4:
		return pick(m, makerTexts)
	case 5:
		list := make([]any, m.IntN(7))
		for i := range list {
			list[i] = m.value(depth - 1)
		}
		return list
	}
	object := map[string]any{}
	for range m.IntN(5) {
		object[pick(m, makerNames)] = m.value(depth - 1)
	}
	return object
}

func (m *maker) names() []any {
	set := map[string]bool{}
	list := []any{}
	for range m.IntN(3) {
		if n := pick(m, makerNames); !set[n] {
			set[n] = true
			list = append(list, n)
		}
	}
	return list
}

func (m *maker) schemas(depth int) []any {
	list := make([]any, 1+m.IntN(3))
	for i := range list {
		list[i] = m.schema(depth - 1)
	}
	return list
}

func (m *maker) byName(depth int) map[string]any {
	o := map[string]any{}
	for range 1 + m.IntN(3) {
		o[pick(m, makerNames)] = m.schema(depth - 1)
	}
	return o
}

func (m *maker) schema(depth int) any {
	if depth <= 0 {
		if m.IntN(4) > 0 {
			return map[string]any{"type": pick(m, makerTypes)}
		}
		return m.IntN(3) > 0
	}
	s := map[string]any{}
	for range 1 + m.IntN(4) {
		m.keyword(s, depth)
	}
	return s
}

// partial are the cases of keyword that make a Level partial.
var partial = []int{3, 4, 18, 25, 28, 30, 31, 32, 33, 34}

func (m *maker) keyword(s map[string]any, depth int) {
	n := m.IntN(36)
	for m.whole && slices.Contains(partial, n) {
		n = m.IntN(36)
	}
	if m.whole && m.IntN(6) == 0 {
		s[pick(m, []string{"writeOnly", "readOnly"})] = true
	}
	switch n {
	case 0, 1:
		s["type"] = pick(m, makerTypes)
	case 2:
		a, b := pick(m, makerTypes), pick(m, makerTypes)
		if a != b {
			s["type"] = []any{a, b}
		}
	case 3:
		s["enum"] = []any{m.value(1), "a", json.Number("1")}[:1+m.IntN(2)]
	case 4:
		s["const"] = m.value(1)
	case 5:
		s["minimum"] = m.number()
	case 6:
		s["maximum"] = m.number()
	case 7:
		s["exclusiveMinimum"] = m.number()
	case 8:
		s["exclusiveMaximum"] = m.number()
	case 9:
		s["multipleOf"] = json.Number(pick(m, []string{"1", "2", "0.1", "0.3", "1.5", "100", "1e-3"}))
	case 10:
		s["minLength"] = json.Number(strconv.Itoa(m.IntN(4)))
	case 11:
		s["maxLength"] = json.Number(strconv.Itoa(m.IntN(4)))
	case 12:
		s["pattern"] = pick(m, []string{"^a", "b$", "^.$", "[^a]", `\s`, `^\w*$`})
	case 13:
		s["format"] = pick(m, []string{"date", "ipv4", "email", "unknown"})
	case 14:
		s["items"] = m.schema(depth - 1)
	case 15:
		s["prefixItems"] = m.schemas(depth)
	case 16:
		s["minItems"] = json.Number(strconv.Itoa(m.IntN(4)))
	case 17:
		s["maxItems"] = json.Number(strconv.Itoa(m.IntN(4)))
	case 18:
		s["uniqueItems"] = true
	case 19, 20, 21:
		s["properties"] = m.byName(depth)
	case 22:
		s["required"] = m.names()
	case 23:
		s["additionalProperties"] = m.schema(depth - 1)
	case 24:
		s["patternProperties"] = map[string]any{pick(m, []string{"^a", "b", "."}): m.schema(depth - 1)}
	case 25:
		s["propertyNames"] = m.schema(depth - 1)
	case 26:
		s[pick(m, []string{"minProperties", "maxProperties"})] = json.Number(strconv.Itoa(m.IntN(4)))
	case 27:
		s["dependentRequired"] = map[string]any{pick(m, makerNames): m.names()}
	case 28:
		s["dependentSchemas"] = m.byName(depth)
	case 29:
		if m.whole {
			s["allOf"] = m.schemas(depth)
			break
		}
		s[pick(m, []string{"allOf", "anyOf", "oneOf"})] = m.schemas(depth)
	case 30:
		s["not"] = m.schema(depth - 1)
	case 31:
		s["if"], s["then"], s["else"] = m.schema(depth-1), m.schema(depth-1), m.schema(depth-1)
	case 32:
		s["contains"] = m.schema(depth - 1)
		if m.IntN(2) == 0 {
			s[pick(m, []string{"minContains", "maxContains"})] = json.Number(strconv.Itoa(m.IntN(3)))
		}
	case 33:
		s["unevaluatedProperties"] = m.schema(depth - 1)
	case 34:
		s["unevaluatedItems"] = m.schema(depth - 1)
	case 35:
		if m.refs > 0 {
			s["$ref"] = "#/$defs/" + strconv.Itoa(m.IntN(m.refs))
		}
	}
}

// root makes a schema with definitions that refer to later ones, and from below properties also to earlier ones.
func (m *maker) root() map[string]any {
	const count = 3
	defs := map[string]any{}
	for i := count - 1; i >= 0; i-- {
		m.refs = 0
		d, ok := m.schema(2).(map[string]any)
		if !ok {
			d = map[string]any{}
		}
		if i+1 < count && m.IntN(2) == 0 {
			d["$ref"] = "#/$defs/" + strconv.Itoa(i+1)
		}
		if m.IntN(2) == 0 {
			d["properties"] = map[string]any{pick(m, makerNames): map[string]any{"$ref": "#/$defs/" + strconv.Itoa(m.IntN(count))}}
		}
		defs[strconv.Itoa(i)] = d
	}
	m.refs = count
	s, ok := m.schema(3).(map[string]any)
	if !ok {
		s = map[string]any{}
	}
	s["$defs"] = defs
	return s
}

// both compiles a schema twice: ours, and the library's.
func both(t testing.TB, text []byte) (*schema.Schema, *jsonschema.Schema) {
	t.Helper()
	f, err := source.Parse("fuzz.json", text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	ours, err := schema.NewCompiler(schema.Options{AssertFormat: true, Resolve: inFile}).Compile(f.Root)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddResource("fuzz:///s", doc); err != nil {
		t.Fatal(err)
	}
	theirs, err := c.Compile("fuzz:///s")
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return ours, theirs
}

// FuzzCheck compares our verdicts with the library's over random schemas and documents.
func FuzzCheck(f *testing.F) {
	for seed := range uint64(300) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		m := &maker{Rand: rand.New(rand.NewPCG(seed, 0))} //nolint:gosec // the same schemas each time
		text, err := json.Marshal(m.root())
		if err != nil {
			t.Fatal(err)
		}
		ours, theirs := both(t, text)
		var d jsonstream.Doc
		for range 20 {
			v := m.value(3)
			data, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Parse(data, jsonstream.Limits{}); err != nil {
				t.Fatal(err)
			}
			found := ours.Check(&d, d.Root(), &schema.Check{})
			if err := theirs.Validate(jsonstream.Any(&d, d.Root())); (err == nil) != (found == nil) {
				t.Fatalf("schema %s\ndocument %s\nlibrary: %v\nours: %v", text, data, err, found)
			}
			for _, f := range found {
				if f.Detail == "" || f.Where == nil {
					t.Fatalf("schema %s\ndocument %s\nfinding %+v", text, data, f)
				}
			}
		}
	})
}
