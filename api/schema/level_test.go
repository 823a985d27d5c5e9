// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"yett/api/schema"
	"yett/internal/source"
	"yett/jsonstream"
)

// Pieces judges a document as a reader of a long answer does: containers that in names as a pointer are taken apart, all
// other values are documents of their own.
type pieces struct {
	t     testing.TB
	doc   *jsonstream.Doc
	apart func(pointer string) bool
	check *schema.Check
	found []schema.Finding
	// partial is set where a container that was taken apart could not be judged wholly.
	partial bool
}

func (p *pieces) add(pointer string, found []schema.Finding) {
	for _, f := range found {
		f.Pointer = pointer + f.Pointer
		p.found = append(p.found, f)
	}
}

func (p *pieces) judge(l schema.Level, n jsonstream.Node, pointer string) {
	kind := p.doc.Kind(n)
	if kind < jsonstream.Object || !p.apart(pointer) {
		var one jsonstream.Doc
		if err := one.Parse(p.doc.Raw(n), jsonstream.Limits{}); err != nil {
			p.t.Fatal(err)
		}
		p.add(pointer, l.Check(&one, one.Root(), p.check))
		return
	}
	p.partial = p.partial || l.Partial()
	p.add(pointer, l.Type(kind))
	i := 0
	for c := p.doc.First(n); c != jsonstream.None; c = p.doc.Next(c) {
		if kind == jsonstream.Array {
			p.judge(l.Item(i), c, pointer+"/"+strconv.Itoa(i))
		} else {
			p.judge(l.Member(p.doc.Name(c)), c, pointer+"/"+string(p.doc.Name(c)))
		}
		i++
	}
	p.add(pointer, l.End(kind, i, func(name string) bool { return p.doc.Member(n, name) != jsonstream.None }))
}

// set makes the findings comparable. Where two rules say the same of one place, a whole check reports the first.
func set(found []schema.Finding) map[string]bool {
	all := map[string]bool{}
	for _, f := range found {
		all[fmt.Sprintf("%s %s: %s, sensitive %v, value %s", f.Pointer, f.Keyword, f.Detail, f.Sensitive, f.Value)] = true
	}
	return all
}

// withoutTooLong leaves out what lies in arrays that whole found too long: a whole check does not look at their items.
func withoutTooLong(found, whole []schema.Finding) (rest []schema.Finding) {
	for _, f := range found {
		inside := false
		for _, g := range whole {
			inside = inside || g.Keyword == "maxItems" && strings.HasPrefix(f.Pointer, g.Pointer+"/")
		}
		if !inside {
			rest = append(rest, f)
		}
	}
	return rest
}

func compileText(t testing.TB, text []byte) *schema.Schema {
	t.Helper()
	f, err := source.Parse("schema.json", text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	s, err := schema.NewCompiler(schema.Options{AssertFormat: true, Resolve: inFile}).Compile(f.Root)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

// FuzzLevel takes documents apart at random and compares the verdict on the pieces with that on the whole.
func FuzzLevel(f *testing.F) {
	for seed := range uint64(600) {
		f.Add(seed, seed%2 == 0)
	}
	f.Fuzz(func(t *testing.T, seed uint64, whole bool) {
		m := &maker{Rand: rand.New(rand.NewPCG(seed, 1)), whole: whole} //nolint:gosec // the same schemas each time
		text, err := json.Marshal(m.root())
		if err != nil {
			t.Fatal(err)
		}
		s := compileText(t, text)
		c := &schema.Check{Direction: schema.Response, Max: 100_000}
		for range 20 {
			data, err := json.Marshal(m.value(4))
			if err != nil {
				t.Fatal(err)
			}
			var d jsonstream.Doc
			if err := d.Parse(data, jsonstream.Limits{}); err != nil {
				t.Fatal(err)
			}
			p := &pieces{t: t, doc: &d, check: c, apart: func(string) bool { return m.IntN(4) > 0 }}
			p.judge(s.Level(), d.Root(), "")
			if whole && p.partial {
				t.Fatalf("schema %s\ndocument %s\nis partial", text, data)
			}
			found := s.Check(&d, d.Root(), c)
			want, got := set(withoutTooLong(found, found)), set(withoutTooLong(p.found, found))
			if !p.partial {
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("schema %s\ndocument %s\n%s", text, data, diff)
				}
			}
			for finding := range got {
				if !want[finding] {
					t.Fatalf("schema %s\ndocument %s\nonly in pieces: %s\nwhole: %v", text, data, finding, want)
				}
			}
		}
	})
}

func TestALongAnswerIsJudgedInPieces(t *testing.T) {
	for _, tt := range []struct {
		name, schema, document string
		want                   []string
		partial                bool
	}{
		{"what fits is not reported", `{type: object, required: [a], properties: {a: {type: array, items: {type: integer}}}}`, `{"a":[1,2]}`, nil, false},
		{"a container of the wrong type is known by its first byte", `{properties: {a: {type: string}}}`, `{"a":[1]}`,
			[]string{"/a type: must be a string"}, false},
		{"and nothing more is asked of it", `{properties: {a: {type: string, items: {type: string}, minItems: 3}}}`, `{"a":[1]}`,
			[]string{"/a type: must be a string"}, false},
		{"an enum of texts admits none", `{properties: {a: {enum: [x, y]}}}`, `{"a":{}}`,
			[]string{"/a enum: is not one of the allowed values"}, false},
		{"one of containers leaves it open", `{properties: {a: {enum: [{}, x]}}}`, `{"a":{"b":1}}`, nil, true},
		{"what is closed out is pointed at, long or short", `{properties: {a: {}}, additionalProperties: false}`, `{"a":1,"b":2,"c":[]}`,
			[]string{"/b additionalProperties: is not declared", "/c additionalProperties: is not declared"}, false},
		{"false is never allowed", `{properties: {a: false}}`, `{"a":[]}`, []string{"/a false: is not allowed"}, false},
		{"what is required is missed at the end", `{required: [a/b, c]}`, `{"c":1}`, []string{"/a~1b required: is required"}, false},
		{"so is what depends on another", `{dependentRequired: {a: [b], x: [y]}}`, `{"a":1}`, []string{"/b required: is required"}, false},
		{"members are counted", `{minProperties: 2, maxProperties: 0}`, `{"a":1}`,
			[]string{" minProperties: must have at least 2 members", " maxProperties: must have at most 0 members"}, false},
		{"items are counted", `{items: {minItems: 3}, maxItems: 1}`, `[[1], [1, 2, 3]]`,
			[]string{"/0 minItems: must have at least 3 items", " maxItems: must have at most 1 item"}, false},
		{"the first items have rules of their own", `{prefixItems: [{type: string}, {}], items: {type: integer}}`, `[1, "a", "b"]`,
			[]string{"/0 type: must be a string", "/2 type: must be an integer"}, false},
		{"all of allOf applies, through references", `{allOf: [{$ref: '#/$defs/x'}, {required: [b]}], $defs: {x: {$ref: '#/$defs/y', minProperties: 1}, y: {properties: {a: {type: string}}}}}`,
			`{"a":1}`, []string{"/a type: must be a string", "/b required: is required"}, false},
		{"two parts that speak of one member both count", `{allOf: [{properties: {a: {minimum: 3}}}, {patternProperties: {a: {maximum: 0}}}]}`,
			`{"a":1}`, []string{"/a minimum: must be at least 3", "/a maximum: must be at most 0"}, false},
		{"what does not fit is not looked at further", `{allOf: [{type: string, allOf: [{required: [a]}]}]}`, `{}`, []string{" type: must be a string"}, false},
		{"what only the caller sets is not missed, wherever that is said", account, `{"id":"x","name":"x","owner":"x","kind":1}`, nil, false},
		{"what only the API sets is", account, `{"name":"x","owner":"x","kind":1}`, []string{"/id required: is required"}, false},
		{"what lies in what is secret is secret", `{properties: {p: {writeOnly: true, items: {minItems: 1, items: {type: string}}}}}`, `{"p":[[1],[]]}`,
			[]string{"/p/0/0 type: must be a string (sensitive)", "/p/1 minItems: must have at least 1 item (sensitive)"}, false},
		{"alternatives wait for the whole", `{anyOf: [{required: [a]}, {required: [b]}]}`, `{}`, nil, true},
		{"so does what nothing else evaluates", `{unevaluatedProperties: false}`, `{"a":1}`, nil, true},
		{"and that items differ", `{uniqueItems: true}`, `[1, 1]`, nil, true},
		{"a value that is here whole is judged by all", `{items: {anyOf: [{type: string}, {type: "null"}]}}`, `["a", null, 1]`,
			[]string{"/2 anyOf: fits none of the allowed forms"}, false},
		{"no more than ten findings at the end", "required: " + list(12, "'a%d'"), `{}`, repeat(10, "/a%d required: is required"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d jsonstream.Doc
			if err := d.Parse([]byte(tt.document), jsonstream.Limits{}); err != nil {
				t.Fatal(err)
			}
			s := compile(t, schema.OpenAPI31, tt.schema)
			p := &pieces{t: t, doc: &d, check: &schema.Check{Direction: schema.Response}, apart: func(string) bool { return true }}
			p.judge(s.Level(), d.Root(), "")
			var got []string
			for _, f := range p.found {
				line := fmt.Sprintf("%s %s: %s", f.Pointer, f.Keyword, f.Detail)
				if f.Sensitive {
					line += " (sensitive)"
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || p.partial != tt.partial {
				t.Errorf("partial %v, want %v; %s", p.partial, tt.partial, diff)
			}
		})
	}
}

func TestPointersOfAPieceBeginAtIt(t *testing.T) {
	l := compile(t, schema.OpenAPI31, `{items: {properties: {a: {type: string}}, required: [b]}}`).Level().Item(0)
	var d jsonstream.Doc
	if err := d.Parse([]byte(`[{"a":1}]`), jsonstream.Limits{}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range l.Check(&d, d.First(d.Root()), &schema.Check{Closed: true}) {
		got = append(got, f.Pointer+" "+f.Where.Where().String())
	}
	if diff := cmp.Diff([]string{"/a schema.yaml:1", "/b schema.yaml:1"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhereNothingIsDescribedNothingIsWrong(t *testing.T) {
	var none *schema.Schema
	for name, l := range map[string]schema.Level{
		"no schema":     none.Level(),
		"not described": compile(t, schema.OpenAPI31, `{properties: {a: {}}}`).Level().Member([]byte("b")).Member([]byte("c")).Item(7),
	} {
		var d jsonstream.Doc
		if err := d.Parse([]byte(`{"a":[1]}`), jsonstream.Limits{}); err != nil {
			t.Fatal(err)
		}
		found := append(l.Check(&d, d.Root(), &schema.Check{Direction: schema.Response, Closed: true}), l.Type(jsonstream.Array)...)
		found = append(found, l.End(jsonstream.Object, 3, func(string) bool { return false })...)
		if len(found) > 0 || l.Partial() {
			t.Errorf("%s: partial %v, found %v", name, l.Partial(), found)
		}
	}
}

// The parts of a schema that the library judges as a whole are not known one by one.
func TestWhatTheLibraryJudgesIsPartial(t *testing.T) {
	l := compile(t, schema.OpenAPI31, `
components: {schemas: {
schema: {type: object, required: [b], properties: {tree: {$ref: 'https://example.org/tree'}}},
Tree: {$id: 'https://example.org/tree', type: object, required: [value]}}}
`).Level()
	tree := l.Member([]byte("tree"))
	if l.Partial() || !tree.Partial() {
		t.Errorf("partial: %v, and below %v", l.Partial(), tree.Partial())
	}
	if found := tree.End(jsonstream.Object, 0, func(string) bool { return false }); found != nil {
		t.Errorf("found %v", found)
	}
}

func TestASchemaOfTooManyPartsIsRefused(t *testing.T) {
	text := "$ref: '#/$defs/0'\n$defs:\n" + strings.Join(repeat(1100, "  %d: {$ref: '#/$defs/next', description: x}"), "\n")
	for i := range 1100 {
		text = strings.Replace(text, "next", strconv.Itoa(i+1), 1)
	}
	f, err := source.Parse("schema.yaml", []byte(text+"\n  1100: {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = schema.NewCompiler(schema.Options{Resolve: inFile}).Compile(f.Root)
	if err == nil || !strings.Contains(err.Error(), "schema.yaml:1: the schema is composed of more than 1000 others") {
		t.Errorf("got %v", err)
	}
}
