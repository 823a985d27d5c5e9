// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yett/api"
	"yett/exchange"
	"yett/jsonstream"
	"yett/problem"
	"yett/view"
)

// common are the components of all descriptions.
const common = `"Card":{"type":"string"},"Self":{"type":"array","x-yett-mask":"redact","items":{"$ref":"#/components/schemas/Self"}},
	"Item":{"type":"object","properties":{"id":{"type":"integer"},"name":{"type":"string"},"card":{"type":"string","x-yett-mask":"redact"},
		"tags":{"type":"array","items":{"type":"string"}},"more":{"type":"array","items":{"$ref":"#/components/schemas/Item"}}}}`

// described is the API of a description whose one operation answers 200 with schema, as JSON and in other forms.
func described(t testing.TB, schema string) *api.API {
	t.Helper()
	text := fmt.Sprintf(`{"openapi":"3.1.0","info":{"title":"t","version":"1"},
		"paths":{"/things":{"get":{"operationId":"things","security":[],"x-yett-public":"test","responses":{"200":{"description":"d","content":{
			"application/json":{"schema":%[1]s},"application/x-ndjson":{"schema":%[1]s},"application/json-seq":{"schema":%[1]s},"text/event-stream":{"schema":%[1]s},"text/plain":{}}}}}}},
		"components":{"schemas":{%[2]s}}}`, schema, common)
	path := filepath.Join(t.TempDir(), "t.openapi.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	a, _, err := api.Load(path, api.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// strict drops what is not declared and what is write-only, masks what x-yett-mask stands on, and stars out "4111".
func strict() func(view.Place) []*view.Edit {
	drop := &view.Edit{Practice: "minimize", Stage: view.Strip, Does: "removed", Drop: true}
	mask := &view.Edit{Practice: "expose", Stage: view.Mask, Does: "masked",
		Value: func(_ *exchange.Exchange, dst []byte, _ view.Value) ([]byte, bool, error) {
			return append(dst, `"***"`...), true, nil
		}}
	watch := &view.Edit{Practice: "expose", Stage: view.Watch, Does: "found",
		Text: func(_ *exchange.Exchange, dst, _, text []byte) ([]byte, bool, error) {
			if !bytes.Contains(text, []byte("4111")) {
				return dst, false, nil
			}
			return append(dst, bytes.ReplaceAll(text, []byte("4111"), []byte("****"))...), true, nil
		}}
	open := &view.Edit{Practice: "encrypt", Stage: view.Open, Does: "opened",
		Value: func(_ *exchange.Exchange, dst []byte, v view.Value) ([]byte, bool, error) {
			rest, ok := bytes.CutPrefix(v.Text, []byte("sealed:"))
			return append(append(append(dst, '"'), rest...), '"'), ok, nil
		}}
	return func(p view.Place) []*view.Edit {
		switch {
		case p.Undeclared, p.Shape.WriteOnly():
			return []*view.Edit{drop}
		case p.Words("x-yett-mask") != nil:
			return []*view.Edit{mask}
		case p.Words("x-yett-encrypt") != nil:
			return []*view.Edit{open}
		}
		return []*view.Edit{watch}
	}
}

func compiled(t testing.TB, schema string, judge view.Judge) *view.View {
	a := described(t, schema)
	return view.Compile(a.Operations[0], view.NewRules(a, false, strict()), judge, "v")
}

const things = `{"type":"object","required":["id"],"properties":{
	"id":{"type":"integer"},"name":{"type":"string"},"secret":{"type":"string","writeOnly":true},
	"card":{"type":"string","x-yett-mask":"redact"},"sealed":{"type":"string","x-yett-encrypt":"randomized"},
	"tags":{"type":"array","x-yett-mask":"redact","items":{"type":"string"}},
	"items":{"type":"array","items":{"type":"object","properties":{"n":{"type":"integer"},"note":{"type":"string"}}}},
	"free":{"type":"object"}}}`

func TestOneAnswer(t *testing.T) {
	v := compiled(t, things, nil)
	for _, tt := range []struct{ name, in, out string }{
		{"what is declared passes to the letter", `{ "id": 1,  "name":"a" }`, `{ "id": 1,  "name":"a" }`},
		{"what is not declared is left out", `{"id":1,"debug":{"a":[1,2]},"name":"a"}`, `{"id":1,"name":"a"}`},
		{"at the beginning", `{"x":1, "y":2, "id":1}`, `{"id":1}`},
		{"at the end", `{"id":1,"x":1,"y":2}`, `{"id":1}`},
		{"everything", `{"x":1,"y":2}`, `{}`},
		{"around what stays", `{"x":1,"id":1,"y":2,"name":"n","z":3}`, `{"id":1,"name":"n"}`},
		{"under an escaped name", `{"id":1,"\u0064ebug":1}`, `{"id":1}`},
		{"a declared name may be escaped", `{"\u0069d":1}`, `{"\u0069d":1}`},
		{"write-only members are left out", `{"id":1,"secret":"s"}`, `{"id":1}`},
		{"masked", `{"id":1,"card":"4111","name":"n"}`, `{"id":1,"card":"***","name":"n"}`},
		{"a word on an array means its items", `{"id":1,"tags":["a","b"]}`, `{"id":1,"tags":"***"}`},
		{"opened, and then looked at no more", `{"id":1,"sealed":"sealed:abc"}`, `{"id":1,"sealed":"abc"}`},
		{"a text where there is an object", `{"id":1,"free":"{\"id\":1}"}`, `{"id":1,"free":null}`},
		{"a text where there is a list", `{"id":1,"items":"[1]"}`, `{"id":1,"items":null}`},
		{"a number where there is an object", `{"free":41115}`, `{"free":null}`},
		{"true where there is an object", `{"free":true,"items":false}`, `{"free":null,"items":null}`},
		{"null where there is an object", `{"free":null}`, `{"free":null}`},
		{"a text in a list of objects", `{"items":["{}",{"n":1}]}`, `{"items":[null,{"n":1}]}`},
		{"a number where there is a text", `{"name":5}`, `{"name":5}`},
		{"a text alone", `"{\"id\":1}"`, `null`},
		{"in items", `{"items":[{"n":1,"x":2},{"x":2,"n":1},{"x":1}]}`, `{"items":[{"n":1},{"n":1},{}]}`},
		{"watched", `{"items":[{"note":"a 4111 b"}],"free":{"k":["4111"],"n":41111}}`, `{"items":[{"note":"a **** b"}],"free":{"k":["****"],"n":"****1"}}`},
		{"a name that is data goes with its value", `{"free":{"x-4111-x":1,"a":2}}`, `{"free":{"a":2}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := v.Preview(new(exchange.Exchange), 200, "application/json", []byte(tt.in))
			if err != nil || string(got) != tt.out {
				t.Errorf("got %s, %v\nwant %s", got, err, tt.out)
			}
		})
	}
}

func TestBrokenAnswersAreRefused(t *testing.T) {
	v := compiled(t, things, nil)
	for _, in := range []string{`{"id":1`, `{"id":1,"id":2}`, `{"id":1}x`, "\ufeff{}", `{"id":"\ud800"}`, `{"id":1e999}`, "{\"id\":\"\xff\"}", `[1,]`} {
		if got, err := v.Preview(new(exchange.Exchange), 200, "application/json", []byte(in)); problem.Code(err) != "upstream_json" {
			t.Errorf("%s: got %s, %v", in, got, err)
		}
	}
}

// through sends body through a View in pieces of a size.
func through(t testing.TB, v *view.View, contentType string, body []byte, size int) ([]byte, error) {
	t.Helper()
	return v.Pieces(new(exchange.Exchange), contentType, body, view.Sizes{Pieces: func() int { return size }})
}

func TestLongAnswersComeOutTheSame(t *testing.T) {
	v := compiled(t, things, nil)
	var in, out strings.Builder
	in.WriteString(`{"debug":[`)
	for i := range 20_000 {
		if i > 0 {
			in.WriteByte(',')
		}
		fmt.Fprintf(&in, `{"deep":"%d"}`, i%1000)
	}
	in.WriteString(`],"id":1,"items":[`)
	out.WriteString(`{"id":1,"items":[`)
	for i := range 20_000 {
		if i > 0 {
			in.WriteByte(',')
			out.WriteByte(',')
		}
		fmt.Fprintf(&in, ` {"n":%d, "x":[{"a":"]}"}],"note":"a\"4111"}`, i%1000)
		fmt.Fprintf(&out, `{"n":%d,"note":"a\"****"}`, i%1000)
	}
	in.WriteString(`], "tags":["a"], "free":{"big":"`)
	out.WriteString(`],"tags":"***","free":{"big":"`)
	big := strings.Repeat(`0123456789\u00e9\n😀`, 150_000)
	in.WriteString(big + `4111` + big + `"},"name":"z"}`)
	out.WriteString(big + `****` + big + `"},"name":"z"}`)
	for _, size := range []int{977, 32 << 10, 1 << 20} {
		got, err := through(t, v, "application/json", []byte(in.String()), size)
		if err != nil {
			t.Fatalf("in pieces of %d: %v", size, err)
		}
		var a, b jsonstream.Doc
		if err := a.Parse(got, jsonstream.Limits{Values: 1 << 24, String: 1 << 24}); err != nil {
			t.Fatal(err)
		}
		if err := b.Parse([]byte(out.String()), jsonstream.Limits{Values: 1 << 24, String: 1 << 24}); err != nil {
			t.Fatal(err)
		}
		if !jsonstream.Equal(&a, a.Root(), &b, b.Root()) {
			t.Errorf("in pieces of %d: %d bytes come out, %d are wanted: %.200s", size, len(got), out.Len(), got)
		}
	}
}
