// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jsonstream_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"yett/jsonstream"
)

// stricter are the codes for documents that encoding/json takes and we do not.
var stricter = []string{
	"duplicate_name", "invalid_utf8", "lone_surrogate", "number_out_of_range", "number_too_long",
	"too_deep", "too_many_members", "too_many_items", "too_many_values", "string_too_long",
}

// FuzzParse compares with encoding/json: what we take it takes too, with the same value; what it takes and we refuse is
// refused for one of the reasons for which we are stricter.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", " ", "null", "-0.0e+1", `""`, `"\ud83d\ude00\u0000\/"`, "[]", "{}", `[1,"a",{"b":[true,false,null]}]`,
		`{"a":1,"\u0061":2}`, `["\ud800"]`, "\"\xff\"", "\ufeff{}", "1e400", "1e-99999999999999999999", "[1]x", `{"a"`,
		`{"":{"":[[]]}}`, "[\"\u2028\",\"\uffff\"]", strings.Repeat("[", 70) + strings.Repeat("]", 70),
	} {
		f.Add([]byte(seed))
	}
	f.Add(members(18))
	f.Add(benchmarks[0].data)
	f.Add(benchmarks[1].data)

	var d jsonstream.Doc
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		err := d.Parse(data, jsonstream.Limits{})
		if !bytes.Equal(data, before) {
			t.Fatal("Parse has changed its input")
		}
		if err != nil {
			if json.Valid(data) && !slices.Contains(stricter, code(err)) {
				t.Fatalf("encoding/json takes %q: %v", data, err)
			}
			if d.Root() != jsonstream.None {
				t.Fatal("a refused document leaves a root behind")
			}
			return
		}
		verify(t, &d, data)

		// Written out again with everything in another spelling, it is the same document.
		var e jsonstream.Doc
		again := respelled(nil, &d, d.Root())
		if err := e.Parse(again, jsonstream.Limits{}); err != nil {
			t.Fatalf("%q respelled as %q: %v", data, again, err)
		}
		if !jsonstream.Equal(&d, d.Root(), &e, e.Root()) || d.Hash(d.Root()) != e.Hash(e.Root()) {
			t.Fatalf("%q and %q differ", data, again)
		}
	})
}

// respelled appends n with all strings escaped and the members in reverse order.
func respelled(dst []byte, d *jsonstream.Doc, n jsonstream.Node) []byte {
	var parts [][]byte
	for c := d.First(n); c != jsonstream.None; c = d.Next(c) {
		var part []byte
		if d.Kind(n) == jsonstream.Object {
			part = append(escapeAll(string(d.Name(c))), ':')
		}
		parts = append(parts, respelled(part, d, c))
	}
	switch d.Kind(n) {
	case jsonstream.Object:
		slices.Reverse(parts)
		return append(append(append(dst, '{'), bytes.Join(parts, []byte(" , "))...), '}')
	case jsonstream.Array:
		return append(append(append(dst, '['), bytes.Join(parts, []byte(" , "))...), ']')
	case jsonstream.String:
		return append(dst, escapeAll(string(d.Text(n)))...)
	}
	return append(dst, d.Raw(n)...)
}
