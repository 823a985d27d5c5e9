// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"slices"
	"testing"
)

func TestHeader(t *testing.T) {
	var h Header
	h.Add("Vary", "a")
	h.Add("Accept", "x")
	h.Add("vary", "b")
	if h.Get("VARY") != "a" || h.Count("Vary") != 2 || h.Len() != 3 || !slices.Equal(h.Values("Vary"), []string{"a", "b"}) {
		t.Errorf("names are compared without case, and lines keep their order: %v", h.All())
	}
	if v, ok := h.Lookup("Cookie"); ok || v != "" {
		t.Error("found a field that is not there")
	}
	h.Set("VARY", "c")
	if !slices.Equal(h.Values("vary"), []string{"c"}) || h.Len() != 2 || h.All()[0].Value != "c" {
		t.Errorf("Set leaves one line, where the first was: %v", h.All())
	}
	h.Set("New", "")
	if v, ok := h.Lookup("new"); !ok || v != "" {
		t.Error("an empty value is a value")
	}
	h.Add("Accept", "y")
	h.DelFunc(func(f Field) bool { return f.Value == "x" })
	if !slices.Equal(h.Values("Accept"), []string{"y"}) {
		t.Errorf("DelFunc: %v", h.All())
	}
	h.Del("aCCEPT")
	if h.Count("Accept") != 0 || h.Len() != 2 {
		t.Errorf("Del: %v", h.All())
	}
	backing := h.All()
	h.Reset()
	if h.Len() != 0 || backing[0] != (Field{}) {
		t.Error("Reset keeps the strings of the last request alive")
	}
}

func TestHeaderRefusesWhatBreaksTheFraming(t *testing.T) {
	for _, f := range []Field{
		{"Host", "a"}, {"content-length", "1"}, {"Transfer-Encoding", "x"}, {"Connection", "x"}, {"Keep-Alive", "x"}, {"TE", "x"},
		{"Trailer", "x"}, {"Upgrade", "x"}, {"Expect", "x"}, {"Proxy-Connection", "x"},
		{"", "x"}, {"A B", "x"}, {"A:", "x"}, {"Ä", "x"}, {"A\r\nB", "x"},
		{"A", "x\r\nB: c"}, {"A", "x\x00"}, {"A", "\x7f"}, {"A", "x\n"},
	} {
		for name, call := range map[string]func(*Header){
			"Set": func(h *Header) { h.Set(f.Name, f.Value) }, "Add": func(h *Header) { h.Add(f.Name, f.Value) },
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s(%q, %q) went through", name, f.Name, f.Value)
					}
				}()
				call(new(Header))
			}()
		}
	}
	var h Header
	h.Set("X-!#$%&'*+.^_`|~0", "tab\tand é") // does not panic
}

func TestFoldName(t *testing.T) {
	for in, want := range map[string]string{
		"X-Yett-Subject": "X-Yett-Subject", "x_yett_subject": "X-Yett-Subject", "X.yett!Subject": "X-Yett-Subject",
		"accept": "Accept", "X_": "X-", "": "",
	} {
		if got := FoldName(in); got != want {
			t.Errorf("FoldName(%q) = %q, want %q", in, got, want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { FoldName("X-Forwarded-For") }); n > 0 {
		t.Errorf("an ordinary name costs %v allocations", n)
	}
}
