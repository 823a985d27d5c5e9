// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import "testing"

func TestMediaType(t *testing.T) {
	for _, tt := range []struct{ name, in, typ, charset, boundary string }{
		{"a plain type", "application/json", "application/json", "", ""},
		{"letter case is lowered", "Application/JSON; Charset=UTF-8", "application/json", "utf-8", ""},
		{"a quoted charset", `application/json;charset="utf-8"`, "application/json", "utf-8", ""},
		{"a boundary keeps its case", "multipart/form-data; boundary=AbC", "multipart/form-data", "", "AbC"},
		{"a quoted boundary may hold what no token may", `multipart/form-data; boundary="a b:c"`, "multipart/form-data", "", "a b:c"},
		{"empty parameters are passed over", "text/plain; ; charset=utf-8;", "text/plain", "utf-8", ""},
		{"other parameters do not matter", "application/json; v=1; charset=utf-8", "application/json", "utf-8", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			typ, charset, boundary, ok := mediaType(tt.in)
			if !ok || typ != tt.typ || charset != tt.charset || boundary != tt.boundary {
				t.Errorf("mediaType(%q) = %q, %q, %q, %v", tt.in, typ, charset, boundary, ok)
			}
		})
	}
	for _, in := range []string{
		"", "json", "/json", "application/", "a b/c", "application/json, text/plain", "application/json; charset",
		"application/json; charset=utf-8; charset=utf-16", "multipart/form-data; boundary=a; boundary=b",
		`multipart/form-data; boundary="a`, `multipart/form-data; boundary="a"b`, `multipart/form-data; boundary="a\"b"`, "a/b; charset=",
	} {
		if typ, _, _, ok := mediaType(in); ok {
			t.Errorf("mediaType(%q) = %q, want it refused", in, typ)
		}
	}
}

func TestBodyFor(t *testing.T) {
	b := &Body{Media: []*Media{{Type: "*/*"}, {Type: "application/*"}, {Type: "application/json"}, {Type: "image/*"}}}
	for _, tt := range []struct{ name, in, want string }{
		{"the type itself wins", "application/json; charset=utf-8", "application/json"},
		{"then the range", "application/xml", "application/*"},
		{"a suffix does not make it the same type", "application/problem+json", "application/*"},
		{"then anything", "text/plain", "*/*"},
		{"a range is of its own kind only", "imagery/png", "*/*"},
		{"no type is anything", "", "*/*"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if m, ok := b.For(tt.in); !ok || m.Type != tt.want {
				t.Errorf("For(%q) = %v, %v; want %s", tt.in, m, ok, tt.want)
			}
		})
	}
	for _, in := range []string{"", "text/plain", "application", "application/*x"} {
		if m, ok := (&Body{Media: b.Media[1:]}).For(in); ok && in != "application/*x" {
			t.Errorf("For(%q) = %s, want none", in, m.Type)
		}
	}
	if _, ok := (*Body)(nil).For("application/json"); ok {
		t.Error("an operation without a body takes none")
	}
}

func TestResponseFor(t *testing.T) {
	o := &Operation{Responses: []*Response{{Status: "default"}, {Status: "4XX", code: -4}, {Status: "404", code: 404}}}
	for status, want := range map[int]string{404: "404", 400: "4XX", 500: "default", 99: "", 1000: ""} {
		got := ""
		if r := o.Response(status); r != nil {
			got = r.Status
		}
		if got != want {
			t.Errorf("Response(%d) = %q, want %q", status, got, want)
		}
	}
	if r := (&Operation{}).Response(200); r != nil {
		t.Errorf("Response(200) of nothing = %v", r)
	}
}

func TestFormOf(t *testing.T) {
	for in, want := range map[string]Form{
		"application/json": JSON, "application/merge-patch+json; charset=utf-8": JSON, "application/x-www-form-urlencoded": URLEncoded,
		"multipart/form-data; boundary=x": Multipart, "text/plain": Text, "application/octet-stream": Opaque, "": Opaque, "application/jsonx": Opaque,
	} {
		if got := FormOf(in); got != want {
			t.Errorf("FormOf(%q) = %d, want %d", in, got, want)
		}
	}
}
