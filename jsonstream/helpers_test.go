// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jsonstream_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"yett/jsonstream"
)

// code returns the code of an error of Parse, "" for nil.
func code(err error) string {
	if err == nil {
		return ""
	}
	var se *jsonstream.SyntaxError
	if !errors.As(err, &se) {
		return fmt.Sprintf("not a SyntaxError: %v", err)
	}
	return se.Code
}

func parse(t testing.TB, text string) *jsonstream.Doc {
	t.Helper()
	d := new(jsonstream.Doc)
	if err := d.Parse([]byte(text), jsonstream.Limits{}); err != nil {
		t.Fatalf("Parse(%.200q): %v", text, err)
	}
	return d
}

// escapeAll returns s as a JSON string in which every character is an escape.
func escapeAll(s string) []byte {
	b := []byte{'"'}
	for _, u := range utf16.Encode([]rune(s)) {
		b = fmt.Appendf(b, `\u%04x`, u)
	}
	return append(b, '"')
}

// verify compares the index of data, every method of it, with what encoding/json reads.
func verify(t testing.TB, d *jsonstream.Doc, data []byte) {
	t.Helper()
	want, err := decode(data)
	if err != nil {
		t.Fatalf("taken, but encoding/json refuses %.200q: %v", data, err)
	}
	root := d.Root()
	want = rounded(want)
	if got := rounded(jsonstream.Any(d, root)); !reflect.DeepEqual(got, want) {
		t.Fatalf("Any of %.200q\ngot  %#v\nwant %#v", data, got, want)
	}
	if d.Parent(root) != jsonstream.None || d.Next(root) != jsonstream.None || d.Name(root) != nil {
		t.Fatal("the root has a parent, a sibling or a name")
	}
	verifyNode(t, d, root, want)
}

func verifyNode(t testing.TB, d *jsonstream.Doc, n jsonstream.Node, want any) {
	t.Helper()
	pointer := string(d.AppendPointer(nil, n))
	if got := resolve(d, pointer); got != n {
		t.Fatalf("pointer %.200q leads to node %d, not %d", pointer, got, n)
	}
	if raw, err := decode(d.Raw(n)); err != nil || !reflect.DeepEqual(rounded(raw), want) {
		t.Fatalf("Raw at %.200q is %.200q (%v), want %#v", pointer, d.Raw(n), err, want)
	}
	if !d.Equal(n, n) {
		t.Fatalf("the value at %.200q is not equal to itself", pointer)
	}
	kind, length := jsonstream.Null, 0
	switch want := want.(type) {
	case bool:
		kind = jsonstream.False
		if want {
			kind = jsonstream.True
		}
	case json.Number:
		kind = jsonstream.Number
	case string:
		kind = jsonstream.String
		if string(d.Text(n)) != want || d.Text(n) == nil || d.StringLen(n) != utf8.RuneCountInString(want) {
			t.Fatalf("Text at %.200q is %.200q of length %d, want %.200q", pointer, d.Text(n), d.StringLen(n), want)
		}
	case []any:
		kind, length = jsonstream.Array, len(want)
		c := d.First(n)
		for i := range want {
			if d.Parent(c) != n || d.Name(c) != nil {
				t.Fatalf("item %d at %.200q: parent %d, name %q", i, pointer, d.Parent(c), d.Name(c))
			}
			verifyNode(t, d, c, want[i])
			c = d.Next(c)
		}
		if c != jsonstream.None {
			t.Fatalf("array at %.200q does not end", pointer)
		}
	case map[string]any:
		kind, length = jsonstream.Object, len(want)
		count := 0
		for c := d.First(n); c != jsonstream.None; c = d.Next(c) {
			name := d.Name(c)
			value, ok := want[string(name)]
			if !ok || name == nil || d.Parent(c) != n || d.Member(n, string(name)) != c {
				t.Fatalf("member %q at %.200q is not in place", name, pointer)
			}
			verifyNode(t, d, c, value)
			count++
		}
		if count != length || d.Member(n, "\x00no such name") != jsonstream.None {
			t.Fatalf("object at %.200q has %d members, want %d", pointer, count, length)
		}
	}
	if d.Kind(n) != kind || d.Len(n) != length || (d.First(n) == jsonstream.None) != (length == 0) {
		t.Fatalf("%.200q is a %s of %d children, want a %s of %d", pointer, d.Kind(n), d.Len(n), kind, length)
	}
	if kind != jsonstream.String && d.Text(n) != nil {
		t.Fatalf("%.200q is a %s with text", pointer, kind)
	}
}

func decode(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	if err == nil && !json.Valid(data) {
		err = errors.New("not valid as a whole")
	}
	return v, err
}

// rounded replaces the numbers that a float64 takes for zero by 0: Any may do so too.
func rounded(v any) any {
	switch v := v.(type) {
	case json.Number:
		if f, err := v.Float64(); err == nil && f == 0 {
			return json.Number("0")
		}
	case []any:
		for i := range v {
			v[i] = rounded(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = rounded(v[k])
		}
	}
	return v
}

// resolve follows a JSON Pointer in d by the methods of d alone.
func resolve(d *jsonstream.Doc, pointer string) jsonstream.Node {
	n := d.Root()
	if pointer == "" {
		return n
	}
	for _, token := range strings.Split(pointer, "/")[1:] {
		if d.Kind(n) == jsonstream.Object {
			n = d.Member(n, strings.NewReplacer("~1", "/", "~0", "~").Replace(token))
			continue
		}
		i, err := strconv.Atoi(token)
		if err != nil {
			return jsonstream.None
		}
		for n = d.First(n); i > 0; i-- {
			n = d.Next(n)
		}
	}
	return n
}
