// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package source_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yett/internal/source"
)

func parse(t testing.TB, name, text string) *source.File {
	t.Helper()
	f, err := source.Parse(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func number(s string) json.Number { return json.Number(s) }

func TestYAMLIsReadByTheCoreSchemaOf12(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       any
	}{
		{"no, off, yes and on are text", "[no, off, yes, on, y, n]", []any{"no", "off", "yes", "on", "y", "n"}},
		{"true and false in three spellings are not", "[true, False, TRUE]", []any{true, false, true}},
		{"null has four spellings and an empty one", "a: [~, null, Null, NULL]\nb:", map[string]any{"a": []any{nil, nil, nil, nil}, "b": nil}},
		{"dates are text", "[2024-05-01, 2024-05-01T10:00:00Z]", []any{"2024-05-01", "2024-05-01T10:00:00Z"}},
		{"base 60 is text", "[1:30, 10:20:30]", []any{"1:30", "10:20:30"}},
		{"numbers become JSON's", "[1, +2, -03, .5, 1., 1.50, 1e3, 0o17, 0xFF, 007]", []any{number("1"), number("2"), number("-3"),
			number("0.5"), number("1"), number("1.50"), number("1e3"), number("15"), number("255"), number("7")}},
		{"large numbers keep each digit", "[123456789012345678901234567890, 0xffffffffffffffffffff]",
			[]any{number("123456789012345678901234567890"), number("1208925819614629174706175")}},
		{"what is quoted is text", `["1", 'true', "null"]`, []any{"1", "true", "null"}},
		{"blocks are text", "- |\n  12\n- >-\n  a\n  b\n", []any{"12\n", "a b"}},
		{"tags of the core schema are followed", "[!!str 1, !!int 1, !!null '', !!timestamp 2024-05-01]",
			[]any{"1", number("1"), nil, "2024-05-01"}},
		{"keys are names, whatever they look like", "{200: a, on: b, true: c, null: d, 1.0: e}",
			map[string]any{"200": "a", "on": "b", "true": "c", "null": "d", "1.0": "e"}},
		{"an alias is what its anchor is", "{a: &x [1], b: *x}", map[string]any{"a": []any{number("1")}, "b": []any{number("1")}}},
		{"a key may be an alias", "{a: &x k, *x : 1}", map[string]any{"a": "k", "k": number("1")}},
		{"a mapping is merged, own keys win", "a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}",
			map[string]any{"a": map[string]any{"k": number("1"), "l": number("2")}, "b": map[string]any{"k": number("3"), "l": number("2")}}},
		{"of several the first wins", "{<<: [{k: 1}, {k: 2, l: 3}]}", map[string]any{"k": number("1"), "l": number("3")}},
		{"<< in quotes is a key", `{"<<": 1}`, map[string]any{"<<": number("1")}},
		{"a byte order mark is not text", "\ufeffa: 1", map[string]any{"a": number("1")}},
		{"flow style is not JSON", "{a: [b, 'c'], }", map[string]any{"a": []any{"b", "c"}}},
		{"the directive of 1.1 changes nothing", "%YAML 1.1\n---\nno", "no"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, parse(t, "x.yaml", tt.text).Root.Any()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFilesThatTwoReadersMightReadOtherwiseAreRefused(t *testing.T) {
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 9; i++ {
		n, p := strconv.Itoa(i), strconv.Itoa(i-1)
		bomb += "a" + n + ": &a" + n + " [" + strings.Repeat("*a"+p+", ", 9) + "*a" + p + "]\n"
	}
	for _, tt := range []struct{ name, file, text, want string }{
		{"nothing", "x.yaml", "", "x.yaml: empty"},
		{"only a comment", "x.yaml", "# x\n", "x.yaml: empty"},
		{"two documents", "x.yaml", "--- 1\n--- 2\n", "x.yaml: 2 YAML documents (one file holds one document)"},
		{"a key twice", "x.yaml", "a: 1\nb: 2\na: 3", `x.yaml:3: key "a" is here twice (first on line 1)`},
		{"a key twice in two spellings", "x.yaml", "200: 1\n'200': 2", `x.yaml:2: key "200" is here twice (first on line 1)`},
		{"a key twice in a long mapping", "x.yaml", long("%d: 0\n", 40) + "7: 1", `x.yaml:41: key "7" is here twice (first on line 8)`},
		{"a key twice in JSON", "x.json", "{\"a\": 1,\n\"\\u0061\": 2}", `x.json:2: key "a" is here twice (first on line 1)`},
		{"a key twice in flow style", "x.yaml", `{"a": 1, "a": 2}`, `x.yaml:1: key "a" is here twice (first on line 1)`},
		{"a mapping as key", "x.yaml", "? {a: 1}\n: 2", "x.yaml:1: a key is neither text nor a number"},
		{"a tag of one's own", "x.yaml", "a: !secret x", `x.yaml:1: tag "!secret" is not supported`},
		{"a tag that is not so", "x.yaml", "a: !!int x", `x.yaml:1: "x" is not what its tag !!int says`},
		{"a tagged mapping", "x.yaml", "a: !!set {b}", `x.yaml:1: tag "!!set" is not supported`},
		{"a number that JSON does not have", "x.yaml", "a: .inf", `x.yaml:1: .inf is not a number JSON has (quote it if it is text)`},
		{"an alias of nothing", "x.yaml", "a: *b", "x.yaml:1: not YAML: unknown anchor 'b' referenced"},
		{"an alias of what is around it", "x.yaml", "a: &a\n- b: *a", "x.yaml:2: alias *a stands inside its own anchor"},
		{"aliases that multiply", "x.yaml", bomb, "x.yaml:7: more than 4000000 values once aliases are followed"},
		{"two merges", "x.yaml", "{<<: {a: 1}, <<: {b: 1}}", "x.yaml:1: merge key << is here twice (one << takes a list)"},
		{"text that is merged", "x.yaml", "<<: a", "x.yaml:1: << merges a string (only mappings can be merged)"},
		{"bad indentation", "x.yaml", "a:\n  - b\n c: 1", "x.yaml:3: not YAML: did not find expected key"},
		{"a tab", "x.yaml", "a:\n\tb: 1", "x.yaml:2: not YAML: found character that cannot start any token"},
		{"text that is not UTF-8", "x.yaml", "a: 1\nb: \xff", "x.yaml:2: not UTF-8"},
		{"deep YAML", "x.yaml", strings.Repeat("- ", 300) + "x", "x.yaml:1: not YAML: exceeded max depth of 200"},
		{"deep JSON", "x.json", strings.Repeat("[", 300), "x.json:1: nested more than 200 deep"},
		{"JSON that ends early", "x.json", "{\"a\":\n[1,", "x.json:2: not JSON: ends in the middle"},
		{"JSON with a comma too many", "x.json", "{\"a\": 1,\n}", "x.json:1: not JSON: invalid character ',' at start of value"},
		{"JSON with more behind it", "x.json", "{}\n{}", "x.json:2: text after the end of the JSON value"},
		{"YAML in a file that says JSON", "x.json", "{a: 1}", "x.json:1: not JSON: invalid character 'a' at start of value"},
		{"half a surrogate pair", "x.json", "[\n\"\\ud800\"]", `x.json:2: not JSON: invalid surrogate pair `},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := source.Parse(tt.file, []byte(tt.text))
			if err == nil {
				t.Fatal("taken")
			}
			if !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
			var e *source.Error
			if !errors.As(err, &e) {
				t.Errorf("a %T", err)
			}
		})
	}
}

func long(format string, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Replace(format, "%d", strconv.Itoa(i), 1))
	}
	return b.String()
}

func TestNodesKnowTheirPlace(t *testing.T) {
	const yaml = "a: &x\n  - é: 1\n  - b/c~d: {e: 2}\nf: *x\ng: {<<: {h: 3}}\n"
	const js = "{\"a\": [\n  {\"é\": 1},\n {\"b/c~d\": {\"e\": 2}}], \"g\": {\"h\": 3}}"
	for _, tt := range []struct {
		name, file, text, pointer, at, where string
		column                               int
	}{
		{"the root", "x.yaml", yaml, "", "", "x.yaml:1", 1},
		{"a value", "x.yaml", yaml, "/a/0/é", "/a/0/é", "x.yaml:2", 8},
		{"below an escaped key", "x.yaml", yaml, "/a/1/b~1c~0d/e", "/a/1/b~1c~0d/e", "x.yaml:3", 16},
		{"an alias is where its anchor is", "x.yaml", yaml, "/f/1/b~1c~0d", "/a/1/b~1c~0d", "x.yaml:3", 12},
		{"what is merged is where it is written", "x.yaml", yaml, "/g/h", "/g/h", "x.yaml:5", 13},
		{"the root of JSON", "x.json", js, "", "", "x.json:1", 1},
		{"a value in JSON, counted in characters", "x.json", js, "/a/0/é", "/a/0/é", "x.json:2", 9},
		{"on the next line", "x.json", js, "/a/1/b~1c~0d/e", "/a/1/b~1c~0d/e", "x.json:3", 18},
		{"behind it", "x.json", js, "/g/h", "/g/h", "x.json:3", 35},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n, ok := parse(t, tt.file, tt.text).Root.At(tt.pointer)
			if !ok {
				t.Fatal("not found")
			}
			if got := n.Pointer(); got != tt.at {
				t.Errorf("pointer %s, want %s", got, tt.at)
			}
			if got := n.Where().String(); got != tt.where || n.Column != tt.column {
				t.Errorf("at %s, column %d; want %s, %d", got, n.Column, tt.where, tt.column)
			}
		})
	}
	for _, pointer := range []string{"a", "/b", "/a/2", "/a/-1", "/a/00", "/a/x", "/a/0/é/x"} {
		if n, ok := parse(t, "x.yaml", yaml).Root.At(pointer); ok {
			t.Errorf("%s leads to %s", pointer, n.Pointer())
		}
	}
}

func TestAnAbsentNodeAnswers(t *testing.T) {
	var n *source.Node
	if _, ok := n.At(""); ok || n.Get("a") != nil || n.Key("a") != nil || n.Parent() != nil || n.Pointer() != "" || n.Where() != (source.Where{}) {
		t.Error("nil answers as if it were there")
	}
	root := parse(t, "x.yaml", "a: [1]").Root
	if root.Get("b") != nil || root.Get("a").Get("a") != nil || root.Key("b") != nil {
		t.Error("there is something where nothing is")
	}
	if k := root.Key("a"); k.Text != "a" || k.Line != 1 || root.Get("a").Parent() != root {
		t.Errorf("key %+v", k)
	}
}

func TestExcerptsAreCut(t *testing.T) {
	f := parse(t, "x.yaml", "a: 1\r\nb: "+strings.Repeat("é", 300)+"\nc: 3\nd: 4")
	want := []source.Line{{Number: 1, Text: "a: 1"}, {Number: 2, Text: "b: " + strings.Repeat("é", 197) + "…"}, {Number: 3, Text: "c: 3"}}
	if diff := cmp.Diff(want, f.Excerpt(2, 1)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]source.Line{{Number: 4, Text: "d: 4"}}, f.Excerpt(4, 0)); diff != "" {
		t.Error(diff)
	}
	if got := f.Excerpt(9, 2); got != nil {
		t.Errorf("lines outside the file: %v", got)
	}
}

func TestALongLineOfJSONIsReadInOnePass(t *testing.T) {
	text := "[" + strings.Repeat(`{"a":"é"},`, 200_000) + "0]"
	start := time.Now()
	f := parse(t, "x.json", text)
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
	if last := f.Root.Items[200_000]; last.Column != 200_000*len(`{"a":"e"},`)+2 {
		t.Errorf("column %d", last.Column)
	}
}

// FuzzParse compares JSON with the standard library, and looks for text that upsets the reader of YAML.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":[1,2,{"b":null}]}`, "a: &x {b: 1}\nc: {<<: *x}", "- |\n  a\n- >\n  b", "{a: b}", "&a [*a]", "? a\n: b", "!!str 1", "\"\\ud83d\\ude00\"", "[1e400]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		start := time.Now()
		defer func() {
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("%d bytes took %v", len(data), took)
			}
		}()
		if _, err := source.Parse("x.yaml", data); err != nil {
			var e *source.Error
			if !errors.As(err, &e) || e.What == "" {
				t.Fatalf("error %#v", err)
			}
		}
		file, err := source.Parse("x.json", data)
		if text := bytes.TrimLeft(data, "\ufeff \t\r\n"); err != nil || text[0] != '{' && text[0] != '[' {
			return
		}
		dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
		dec.UseNumber()
		var want any
		if err := dec.Decode(&want); err != nil {
			t.Fatalf("%s: we take it, the standard library says %v", data, err)
		}
		if diff := cmp.Diff(want, file.Root.Any()); diff != "" {
			t.Error(diff)
		}
		walk(t, file, file.Root)
	})
}

func walk(t *testing.T, f *source.File, n *source.Node) {
	if got, ok := f.Root.At(n.Pointer()); !ok || got != n {
		t.Errorf("%s leads elsewhere", n.Pointer())
	}
	if n.Line < 1 || n.Line > len(f.Excerpt(1, 1<<30)) || n.Column < 1 {
		t.Errorf("%s at line %d, column %d", n.Pointer(), n.Line, n.Column)
	}
	for _, c := range n.Items {
		walk(t, f, c)
	}
}
