// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"yett/api"
	"yett/exchange"
	"yett/identity"
	"yett/jsonstream"
	"yett/view"
)

const (
	propertySeed = 20261129
	casesEach    = 10 // documents of one schema
	components   = 4
)

// A problem as random as these is not found again without its seed; each case has its own.
func TestAnswersAreWhatDecodingFilteringAndEncodingGives(t *testing.T) {
	cases := usualCases
	if s := os.Getenv("YETT_CASES"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		cases = n
	}
	start, dir := time.Now(), t.TempDir()
	edited, refused := 0, 0
	for i := 0; i < cases; i += casesEach {
		g := &generator{Rand: rand.New(rand.NewPCG(propertySeed, uint64(i)))}
		s := g.description()
		v, _, err := s.compile(dir)
		if err != nil && strings.Contains(err.Error(), "take too long to be told apart") {
			refused++ // one in some ten thousand is woven too closely
			continue
		}
		if err != nil {
			t.Fatalf("seed %d, case %d: %v\n%s", propertySeed, i, err, s.text())
		}
		for j := range casesEach {
			c := s.newCase(g)
			changed, err := c.run(v)
			if changed {
				edited++
			}
			if err == nil {
				continue
			}
			s, c, err = shrink(dir, s, c, err)
			t.Fatalf("seed %d, case %d: %v\nschemas %s\nscopes %q, fields %q\ndocument %s\nThe smallest that was found to fail.",
				propertySeed, i+j, err, s.text(), c.scopes, c.fields, c.document)
		}
	}
	t.Logf("seed %d: %d cases of %d schemas in %v, %d answers changed",
		propertySeed, cases, cases/casesEach, time.Since(start).Round(time.Millisecond), edited)
	if refused > 1+cases/casesEach/1000 {
		t.Errorf("%d descriptions of %d are refused", refused, cases/casesEach)
	}
	if edited < cases/4 {
		t.Errorf("only %d answers of %d had anything to change", edited, cases)
	}
}

// Which of an array and its items the description reaches first must not matter.
func TestAWordOfAnArrayMeansTheItemsBehindItsPrefix(t *testing.T) {
	for _, word := range []struct{ name, value string }{{"x-yett-encrypt", "r"}, {"x-yett-mask", "redact"}} {
		s := schemas{
			root: map[string]any{"properties": map[string]any{"a": map[string]any{"properties": map[string]any{
				"c": map[string]any{"$ref": "#/components/schemas/C1", word.name: word.value}}}}},
			components: map[string]any{"C1": map[string]any{"prefixItems": []any{map[string]any{}}}},
		}
		v, _, err := s.compile(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		c := run{schemas: s, seed: 1, scopes: []string{"s1", "s2"}, document: []byte(`{"a":{"c":["4","sealed:a"]}}`)}
		if changed, err := c.run(v); err != nil || !changed {
			t.Errorf("%s: changed %v: %v", word.name, changed, err)
		}
	}
}

// The schemas of a description: the root and what it refers to.
type schemas struct {
	root       any
	components map[string]any
}

func (s schemas) text() string {
	b, err := json.Marshal(map[string]any{"root": s.root, "components": s.components})
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (s schemas) compile(dir string) (*view.View, *api.API, error) {
	content := map[string]any{"schema": s.root}
	text, err := json.Marshal(map[string]any{
		"openapi": "3.1.0", "info": map[string]any{"title": "t", "version": "1"},
		"paths": map[string]any{"/x": map[string]any{"get": map[string]any{
			"operationId": "x", "security": []any{}, "x-yett-public": "test",
			"responses": map[string]any{"200": map[string]any{"description": "d", "content": map[string]any{
				"application/json": content, "application/x-ndjson": content, "text/event-stream": content,
			}}},
		}}},
		"components": map[string]any{"schemas": s.used()},
	})
	if err != nil {
		return nil, nil, err
	}
	path := filepath.Join(dir, "t.openapi.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, nil, err
	}
	a, _, err := api.Load(path, api.Options{})
	if err != nil {
		return nil, nil, err
	}
	judge := func(x *exchange.Exchange, j view.Judgement) error { return judged.of(x).add(j) }
	return view.Compile(a.Operations[0], view.NewRules(a, false, edits()), judge, "v"), a, nil
}

// used returns the components that the root reaches: words in others are refused.
func (s schemas) used() map[string]any {
	used, r := map[string]any{}, &reference{components: s.components}
	var look func(v any)
	look = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				name := strings.TrimPrefix(ref, "#/components/schemas/")
				if _, known := used[name]; !known && s.components[name] != nil {
					used[name] = s.components[name]
					look(used[name])
				}
			}
			for _, heir := range r.heirs(v) {
				look(map[string]any{"$ref": "#/components/schemas/" + heir})
			}
			for _, inner := range v {
				look(inner)
			}
		case []any:
			for _, inner := range v {
				look(inner)
			}
		}
	}
	look(s.root)
	return used
}

// A verdict is what the judge heard of one answer.
type verdict struct{ found, unjudged bool }

func (v *verdict) add(j view.Judgement) error {
	if v != nil {
		v.found, v.unjudged = v.found || len(j.Findings) > 0, v.unjudged || j.Unjudged
	}
	return nil
}

// verdicts holds the verdict of the exchange that is under way.
type verdicts struct {
	x *exchange.Exchange
	v *verdict
}

func (v *verdicts) of(x *exchange.Exchange) *verdict {
	if v.x == x {
		return v.v
	}
	return nil
}

var judged verdicts

// A run is one document for one caller.
type run struct {
	schemas  schemas
	document []byte
	scopes   []string
	fields   []string
	seed     uint64
}

func (s schemas) newCase(g *generator) run {
	c := run{schemas: s, seed: g.Uint64()}
	r := &reference{components: s.components}
	g.left = pick(g, 5, 20, 60, 60, 300)
	c.document = g.spell(g.value(r, r.here([]applied{{s.root, false}}), 0))
	for _, scope := range []string{"s1", "s2"} {
		if g.one(2) {
			c.scopes = append(c.scopes, scope)
		}
	}
	if g.one(4) {
		for range 1 + g.IntN(4) {
			path := g.name()
			for g.one(2) {
				path += "." + g.name()
			}
			c.fields = append(c.fields, path)
		}
	}
	return c
}

// run reports how the engine's answer differs from the reference's, and whether there was anything to change.
func (c run) run(v *view.View) (changed bool, err error) {
	doc, err := decoded(c.document)
	if err != nil {
		return false, fmt.Errorf("the document is not JSON: %w", err)
	}
	var w wish
	for _, f := range c.fields {
		w = append(w, strings.Split(f, "."))
	}
	want := (&reference{components: c.schemas.components, scopes: c.scopes}).answer(c.schemas.root, doc, w)
	changed = !reflect.DeepEqual(doc, want)
	check := func(how string, got []byte, err error) error {
		if err != nil {
			return fmt.Errorf("%s: %w (%w)", how, err, errors.Unwrap(err))
		}
		var strict jsonstream.Doc
		if err := strict.Parse(got, jsonstream.Limits{Depth: 1000, Values: 1 << 20}); err != nil {
			return fmt.Errorf("%s: %w: %s", how, err, got)
		}
		out, err := decoded(got)
		if err != nil {
			return fmt.Errorf("%s: %w: %s", how, err, got)
		}
		if !reflect.DeepEqual(out, want) {
			text, err := json.Marshal(want)
			return fmt.Errorf("%s:\ngot  %s\nwant %s (%v)", how, got, text, err)
		}
		return nil
	}
	rnd := rand.New(rand.NewPCG(c.seed, 0))
	x, whole := c.exchange()
	got, err := v.Pieces(x, "application/json", c.document, view.Sizes{LastWithBytes: true})
	if err := check("whole", got, err); err != nil {
		return changed, err
	}
	if !changed && !bytes.Equal(got, c.document) {
		return changed, fmt.Errorf("nothing was to be changed, and other text came out: %s", got)
	}
	for range 2 {
		small := c.small(rnd)
		x, pieces := c.exchange()
		got, err = v.Pieces(x, "application/json", c.document, small)
		how := fmt.Sprintf("in a window of %d", small.Window)
		if err := check(how, got, err); err != nil {
			return changed, err
		}
		if pieces.found && !whole.found || whole.found && !pieces.found && !pieces.unjudged {
			return changed, fmt.Errorf("%s: the judge heard %+v, and %+v of the whole", how, *pieces, *whole)
		}
	}
	return changed, c.records(v, want, check)
}

func decoded(text []byte) (out any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	err = d.Decode(&out)
	return out, err
}

// records sends the document twice, each on a line of its own.
func (c run) records(v *view.View, want any, check func(string, []byte, error) error) error {
	r := &reference{components: c.schemas.components, scopes: c.scopes}
	h := r.here([]applied{{c.schemas.root, false}})
	if r.fits(h, "array") && !r.fits(h, "object") {
		return nil // it is a schema of all records together
	}
	var line bytes.Buffer
	if err := json.Compact(&line, c.document); err != nil {
		return err
	}
	line.WriteByte('\n')
	rnd := rand.New(rand.NewPCG(c.seed, 1))
	x, _ := c.exchange()
	got, err := v.Pieces(x, "application/x-ndjson", bytes.Repeat(line.Bytes(), 2), view.Sizes{Pieces: func() int { return 1 + rnd.IntN(200) }})
	if err == nil && len(got) == 0 && r.hides(h, here{}) {
		return nil // a record that may not leave is left out
	}
	one, rest, _ := bytes.Cut(got, []byte{'\n'})
	return cmp.Or(check("record", one, err), check("second record", bytes.TrimSuffix(rest, []byte{'\n'}), err))
}

func (c run) exchange() (*exchange.Exchange, *verdict) {
	x := &exchange.Exchange{Caller: &identity.Caller{Scopes: c.scopes}}
	if c.fields != nil {
		x.Answer.Select(c.fields)
	}
	judged = verdicts{x, new(verdict)}
	return x, judged.v
}

// small makes the document long, and cuts it anywhere.
func (c run) small(r *rand.Rand) view.Sizes {
	window := 64 + r.IntN(200) // no name is longer, however it is spelt
	longest := []int{1, 5, 50, 400}[r.IntN(4)]
	leaf := window + r.IntN(200)
	if strings.Contains(c.schemas.text(), sealedWord) {
		leaf = 10_000 // what is sealed is not longer than a leaf, else it is refused
	}
	return view.Sizes{
		Window: window, Leaf: leaf, Part: 120 + r.IntN(100), Overlap: 48,
		Pieces: func() int { return 1 + r.IntN(longest) },
		Flush:  r.IntN(2) == 0, LastWithBytes: r.IntN(2) == 0,
	}
}

// A generator makes schemas and documents that have to do with one another.
type generator struct {
	*rand.Rand
	seals bool // x-yett-encrypt is among the words
	left  int  // values that a document may still have
}

func (g *generator) one(of int) bool { return g.IntN(of) == 0 }

func pick[T any](g *generator, of ...T) T { return of[g.IntN(len(of))] }

func (g *generator) name() string {
	if g.one(40) {
		return pick(g, "xx-4111-xx", "4111-4111", "4111")
	}
	if g.one(12) {
		return pick(g, "", "a/b", "~0", `"`, `\`, "naïve", "日本", "😀", "\x00", "x y")
	}
	return pick(g, "a", "b", "c", "id", "x-1", "x-2", "abc")
}

func (g *generator) pattern() string {
	return pick(g, "^x-", "^[a-c]$", "^.{2,}$", "b", "ï|日", "^x-1", "41")
}

func (g *generator) description() schemas {
	s := schemas{components: map[string]any{}}
	g.seals = g.one(3)
	for i := range components {
		s.components["C"+strconv.Itoa(i)] = g.schema(0, i)
	}
	s.root = g.schema(0, -1)
	if g.one(3) {
		g.inherit(s.components)
	}
	return s
}

// inherit gives a component heirs for alternatives, which those before it may be: its own references lead to those behind it.
func (g *generator) inherit(all map[string]any) {
	to := 1 + g.IntN(components-1)
	s, ok := all["C"+strconv.Itoa(to)].(map[string]any)
	if !ok {
		return
	}
	delete(s, "anyOf")
	delete(s, "oneOf")
	ref := "#/components/schemas/C" + strconv.Itoa(to)
	for i := range to {
		heir, ok := all["C"+strconv.Itoa(i)].(map[string]any)
		if !ok || g.one(3) {
			continue
		}
		way := map[string]any{"$ref": ref}
		if g.one(3) {
			way = map[string]any{"allOf": []any{way}}
		}
		heir["allOf"] = append(list(heir, "allOf"), way)
	}
	s["discriminator"] = map[string]any{"propertyName": "id"}
	r := &reference{components: all}
	mapping := map[string]any{}
	for i, name := range r.heirs(s) {
		if r.leads(all[name], s, map[any]bool{}) {
			delete(s, "discriminator") // in another way than by inheriting: such an heir is none
			return
		}
		mapping[pick(g, "a", "ß", "x"+strconv.Itoa(i))+strconv.Itoa(i)] = "#/components/schemas/" + name
	}
	s["discriminator"] = map[string]any{"propertyName": "id", "mapping": mapping}
}

// leads reports whether a schema applies to the same value because another does.
func (r *reference) leads(from any, to map[string]any, seen map[any]bool) bool {
	s, ok := from.(map[string]any)
	key := applied{schema: from}.key()
	if !ok || seen[key] {
		return false
	}
	seen[key] = true
	next := slices.Concat(r.certain(s), alternatives(s), r.conditional(s))
	if not, ok := s["not"]; ok {
		next = append(next, not)
	}
	return key == applied{schema: to}.key() || slices.ContainsFunc(next, func(t any) bool { return r.leads(t, to, seen) })
}

// schema makes a schema. References to components above must be of a higher number where they apply to the same value:
// that leads nowhere in a circle. Below, they may lead anywhere.
func (g *generator) schema(depth, above int) any {
	switch {
	case g.one(25):
		return true
	case g.one(60):
		return false
	case g.one(15):
		return map[string]any{}
	}
	s := map[string]any{}
	kind := pick(g, "object", "object", "object", "object", "array", "array", "string", "string", "integer", "number", "boolean", "null")
	if depth > 4 {
		kind = pick(g, "string", "integer", "boolean")
	}
	if !g.one(4) {
		s["type"] = kind
		if g.one(8) {
			s["type"] = []any{kind, pick(g, "null", "string", "object", "array")}
		}
		if l, ok := s["type"].([]any); ok && l[0] == l[1] {
			s["type"] = kind
		}
	}
	switch kind {
	case "object":
		g.object(s, depth)
	case "array":
		g.array(s, depth)
	case "string":
		if g.one(6) {
			s["enum"] = []any{"a", "4111", "ß"}
		}
	}
	if g.one(20) {
		s["const"] = pick(g, any("a"), any(map[string]any{"a": "a"}), any([]any{}))
	}
	above = g.composed(s, depth, above)
	g.words(s)
	if above+1 < components && (g.one(8) || depth > 0 && len(s) < 2) {
		s["$ref"] = "#/components/schemas/C" + strconv.Itoa(above+1+g.IntN(components-above-1))
	}
	return s
}

func (g *generator) words(s map[string]any) {
	if g.one(20) {
		s[visibleWord] = []any{pick(g, "s1", "s2")}
	}
	if g.one(14) {
		s[maskWord] = "redact"
	}
	if g.seals && g.one(8) {
		s[sealedWord] = "randomized"
	}
	if g.one(14) {
		s["x-yett-contains"] = []any{"card"}
	}
	if g.one(25) {
		s["writeOnly"] = true
	}
}

func (g *generator) object(s map[string]any, depth int) {
	if !g.one(5) {
		members := map[string]any{}
		for range 1 + g.IntN(4) {
			members[g.name()] = g.schema(depth+1, -1)
		}
		s["properties"] = members
		if g.one(3) {
			s["required"] = []any{g.name()}
		}
	}
	if g.one(6) {
		members := map[string]any{}
		for range 1 + g.IntN(2) {
			members[g.pattern()] = g.schema(depth+1, -1)
		}
		s["patternProperties"] = members
	}
	more := "additionalProperties"
	if g.one(8) {
		more = "unevaluatedProperties"
	}
	switch g.IntN(10) {
	case 0:
		s[more] = false
	case 1:
		s[more] = true
	case 2, 3:
		s[more] = g.schema(depth+1, -1)
	}
	if g.one(15) {
		s["minProperties"] = 2
	}
	if g.one(25) {
		s["dependentSchemas"] = map[string]any{g.name(): g.schema(depth+1, components)}
	}
	if g.one(30) {
		s["propertyNames"] = map[string]any{"maxLength": 2}
	}
}

func (g *generator) array(s map[string]any, depth int) {
	if !g.one(6) {
		s["items"] = g.schema(depth+1, -1)
	}
	if g.one(5) {
		s["prefixItems"] = []any{g.schema(depth+1, -1), g.schema(depth+1, -1)}
	}
	if s["items"] == nil && g.one(4) { // behind items it applies to nothing
		s["unevaluatedItems"] = g.schema(depth+1, -1)
	}
	if g.one(12) {
		s["maxItems"] = 1
	}
	if g.one(25) {
		s["uniqueItems"] = true
	}
}

// composed adds schemas that apply to the same value.
func (g *generator) composed(s map[string]any, depth, above int) int {
	for _, k := range []string{"allOf", "anyOf", "oneOf"} {
		if !g.one(9) {
			continue
		}
		all := []any{}
		for range 1 + g.IntN(3) {
			all = append(all, g.schema(depth+1, above))
		}
		if g.one(4) && above+1 < components {
			all = []any{}
			for i := above + 1; i < components; i++ {
				all = append(all, map[string]any{"$ref": "#/components/schemas/C" + strconv.Itoa(i)})
			}
			if k == "oneOf" {
				s["discriminator"] = map[string]any{"propertyName": "id", "mapping": map[string]any{"a": "#/components/schemas/C3"}}
			}
		}
		s[k] = all
	}
	if g.one(30) {
		s["if"], s["then"] = g.schema(depth+1, above), g.schema(depth+1, above)
		if g.one(2) {
			s["else"] = g.schema(depth+1, above)
		}
	}
	if g.one(30) {
		s["not"] = map[string]any{"properties": map[string]any{g.name(): map[string]any{"type": "integer"}}} // declares nothing
	}
	return above
}

// A member is one of an object, which keeps the order of its members.
type member struct {
	name  string
	value any
}

// value makes a value that mostly fits what applies at a place.
func (g *generator) value(r *reference, h here, depth int) any {
	kind := ""
	for _, e := range h.all {
		if s, ok := e.schema.(map[string]any); ok && (kind == "" || g.one(2)) {
			switch t := s["type"].(type) {
			case string:
				kind = t
			case []any:
				kind = pick(g, t...).(string)
			}
			if s["properties"] != nil && kind == "" {
				kind = "object"
			}
		}
	}
	if kind == "" || g.one(12) {
		kind = pick(g, "object", "object", "array", "array", "string", "string", "integer", "number", "boolean", "null")
	}
	if g.left--; depth > 9 || g.left < 0 {
		kind = pick(g, "string", "integer", "null")
	}
	switch kind {
	case "object":
		return g.members(r, h, depth)
	case "array":
		if g.one(300) {
			return g.deep()
		}
		items := []any{}
		for range g.IntN(pick(g, 1, 3, 5, 5, 20)) {
			if g.left < 0 {
				break
			}
			items = append(items, g.value(r, r.item(h, len(items)), depth+1))
		}
		return items
	case "string":
		return g.text()
	case "integer":
		return json.RawMessage(pick(g, "0", "7", "-1", "4111", "41114111", "9007199254740993"))
	case "number":
		return json.RawMessage(pick(g, "0.5", "-0", "1e3", "4.111", "14111.25", "1E-7"))
	case "boolean":
		return g.one(2)
	}
	return nil
}

func (g *generator) members(r *reference, h here, depth int) []member {
	var members []member
	has := func(name string) bool {
		return slices.ContainsFunc(members, func(m member) bool { return m.name == name })
	}
	var names []string
	for _, e := range h.all {
		if s, ok := e.schema.(map[string]any); ok {
			names = slices.AppendSeq(names, maps.Keys(named(s, "properties")))
		}
	}
	slices.Sort(names)
	for range g.IntN(3) {
		names = append(names, g.name())
	}
	g.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names {
		if has(name) || g.left < 0 || g.one(4) {
			continue
		}
		at, _ := r.member(h, name)
		members = append(members, member{name, g.value(r, at, depth+1)})
	}
	return members
}

func (g *generator) text() string {
	switch g.IntN(8) {
	case 0:
		return seal + g.text()
	case 1:
		return "a" + needle + "b"
	case 2:
		return strings.Repeat(pick(g, "0123456789", "é\n", `"\`, "😀x", "\u2028"), g.IntN(60)) + pick(g, needle, "", "411") +
			strings.Repeat(pick(g, "x", needle+" ", "\x01"), g.IntN(90))
	case 3:
		return g.name()
	}
	return pick(g, "", "a", "4111", "ß", "{}[],:", "\U0010FFFF")
}

func (g *generator) deep() any {
	var v any = g.text()
	for range 20 + g.IntN(100) {
		if g.one(2) {
			v = []any{v}
		} else {
			v = []member{{g.name(), v}}
		}
	}
	return v
}

// spell writes a value, with white space and escapes here and there.
func (g *generator) spell(v any) []byte {
	var b bytes.Buffer
	b.WriteString(g.space())
	g.write(&b, v)
	b.WriteString(g.space())
	return b.Bytes()
}

func (g *generator) space() string {
	if !g.one(8) {
		return ""
	}
	return pick(g, " ", "\n", "\t", "\r\n  ")
}

func (g *generator) write(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case json.RawMessage:
		b.Write(v)
	case string:
		g.quote(b, v)
	case []any:
		b.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(g.space())
			g.write(b, item)
			b.WriteString(g.space())
		}
		if len(v) == 0 {
			b.WriteString(g.space())
		}
		b.WriteByte(']')
	case []member:
		b.WriteByte('{')
		b.WriteString(g.space())
		for i, m := range v {
			if i > 0 {
				b.WriteByte(',')
				b.WriteString(g.space())
			}
			g.quote(b, m.name)
			b.WriteString(g.space())
			b.WriteByte(':')
			b.WriteString(g.space())
			g.write(b, m.value)
			b.WriteString(g.space())
		}
		b.WriteByte('}')
	}
}

func (g *generator) quote(b *bytes.Buffer, s string) {
	escaping := g.one(6)
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c > 0xFFFF && (escaping && g.one(3)):
			c -= 0x10000
			fmt.Fprintf(b, `\u%04x\u%04X`, 0xD800+c>>10, 0xDC00+c&0x3FF)
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(pick(g, `\n`, `\u000a`))
		case c < ' ' || c <= 0xFFFF && escaping && g.one(3):
			fmt.Fprintf(b, `\u%04X`, c)
		case c == '/' && g.one(2):
			b.WriteString(`\/`)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
}

// shrink takes away what the failure does not need, as long as it takes less than a minute.
func shrink(dir string, s schemas, c run, err error) (schemas, run, error) {
	end := time.Now().Add(time.Minute)
	fails := func(s schemas, c run) error {
		v, _, err := s.compile(dir)
		if err != nil {
			return nil
		}
		c.schemas = s
		for i := range uint64(20) { // how it is cut may matter
			c.seed += i
			if _, err := c.run(v); err != nil {
				return err
			}
		}
		return nil
	}
	var doc any
	if json.Unmarshal(c.document, &doc) == nil {
		plain := c
		plain.document, _ = json.Marshal(doc) // it was JSON
		if e := fails(s, plain); e != nil {
			c, err = plain, e
		} else {
			doc = nil // how it is spelt matters
		}
	}
	late := func() bool { return time.Now().After(end) }
	for smaller := true; smaller && !late(); {
		smaller = false
		for _, less := range lesser(map[string]any{"root": s.root, "components": s.components}) {
			m := less.(map[string]any)
			comps, ok := m["components"].(map[string]any)
			if root := m["root"]; ok && root != nil && !late() {
				if e := fails(schemas{root, comps}, c); e != nil {
					s, err, smaller = schemas{root, comps}, e, true
					break
				}
			}
		}
		if doc == nil || late() {
			continue
		}
		for _, less := range lesser(doc) {
			try := c
			try.document, _ = json.Marshal(less)
			if e := fails(s, try); e != nil {
				c, doc, err, smaller = try, less, e, true
				break
			}
		}
	}
	if e := fails(s, run{document: c.document, scopes: c.scopes, seed: c.seed}); e != nil {
		c.fields, err = nil, e
	}
	return s, c, err
}

// lesser returns v with one thing taken away, in all ways there are.
func lesser(v any) (all []any) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.SortedFunc(maps.Keys(v), cmp.Compare[string]) {
			less := maps.Clone(v)
			delete(less, k)
			all = append(all, less)
			for _, inner := range lesser(v[k]) {
				less := maps.Clone(v)
				less[k] = inner
				all = append(all, less)
			}
		}
	case []any:
		for i := range v {
			all = append(all, slices.Delete(slices.Clone(v), i, i+1))
			for _, inner := range lesser(v[i]) {
				less := slices.Clone(v)
				less[i] = inner
				all = append(all, less)
			}
		}
	case string:
		if len(v) > 1 {
			all = append(all, v[:len(v)/2], v[len(v)/2:])
		}
	}
	return all
}
