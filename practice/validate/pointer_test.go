// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package validate

import (
	"cmp"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"yett/api/schema"
	"yett/exchange"
	"yett/problem"
)

// found asks for what a record keeps of a refused request, and of the refusal that the client sees.
func found(t *testing.T, method, target, body string) ([]problem.Item, string) {
	t.Helper()
	g := guard(t, nil)
	var record exchange.Record
	server := &exchange.Server{Observe: []func(exchange.Record){func(r exchange.Record) { record = r }}}
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	server.Around(g.handler).ServeHTTP(w, r)
	if w.Code < 400 || w.Code >= 500 {
		t.Fatalf("got %d", w.Code)
	}
	return record.Findings, w.Body.String()
}

func TestARecordNamesWhatTheDescriptionNames(t *testing.T) {
	for _, tt := range []struct {
		name, method, target, body string
		pointer, parameter         string // as the client sees it
		declared                   string
	}{
		{"members and positions", "POST", "/loans", `{"readers":{"anna@example.org":{"books":[{"title":"a"},{"title":7}]}}}`, "/readers/anna@example.org/books/1/title", "", "/readers/*/books/1/title"},
		{"a key of a map that looks like a member", "POST", "/loans", `{"readers":{"anna":{"since":"x"}}}`, "/readers/anna/since", "", "/readers/*/since"},
		{"a key of a map that is the name of a member", "POST", "/loans", `{"readers":{"since":7}}`, "/readers/since", "", "/readers/*"},
		{"a key of a map that is a number", "POST", "/loans", `{"readers":{"4915112345678":7}}`, "/readers/4915112345678", "", "/readers/*"},
		{"a member that is not declared", "POST", "/loans", `{"anna@example.org":1}`, "/anna@example.org", "", "/*"},
		{"a name that fits a pattern", "POST", "/loans", `{"x-anna":"7"}`, "/x-anna", "", "/*"},
		{"a name with what a pointer escapes", "POST", "/loans", `{"a/b~c":"7"}`, "/a~1b~0c", "", "/a~1b~0c"},
		{"a member that is missing", "PUT", "/books/1", `{}`, "/title", "", "/title"},
		{"keys where there should be a list", "PUT", "/books/1", `{"title":"a","copies":{"anna":1}}`, "/copies", "", "/copies"},
		{"a number as a key where there should be a list", "PUT", "/books/1", `{"title":"a","copies":[{"4915112345678":1}]}`, "/copies/0/4915112345678", "", "/copies/0/*"},
		{"a name that is too long to be repeated", "POST", "/loans", `{"readers":{"` + strings.Repeat("a", 300) + `":7}}`, "/readers/" + strings.Repeat("a", 247) + "…", "", "/readers/*"},
		{"the whole body", "PUT", "/books/1", `7`, "", "", ""},
		{"a parameter", "GET", "/books/1?page=x", "", "", "page", "page"},
		{"a parameter that is not declared", "GET", "/books/1?tok_SECRETNAME=1", "", "", "tok_SECRETNAME", "*"},
		{"a parameter whose name is not fit to print", "GET", "/books/1?%1b%5b31m=1", "", "", "?", "*"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all, told := found(t, tt.method, tt.target, tt.body)
			if len(all) == 0 {
				t.Fatalf("nothing is found: %s", told)
			}
			if f := all[0]; f.Pointer != tt.pointer || f.Parameter != tt.parameter || f.Declared != tt.declared {
				t.Errorf("got pointer %q, parameter %q, declared %q; want %q, %q, %q", f.Pointer, f.Parameter, f.Declared, tt.pointer, tt.parameter, tt.declared)
			}
			if want := cmp.Or(tt.parameter, "#"+strings.TrimSuffix(tt.pointer, "…")); !strings.Contains(told, `"`+want) {
				t.Errorf("the client is not told of %s: %s", want, told)
			}
		})
	}
}

func TestANoteOfAnAnswerNamesWhatTheDescriptionNames(t *testing.T) {
	shape := loans(t)
	for pointer, want := range map[string]string{
		"/readers/anna/books/0/title":     "/readers/*/books/*/title",
		"/readers/?/books/*/copies/*/age": "/readers/*/books/*/copies/*/*",
		"/readers/since":                  "/readers/*",
		"/x-anna":                         "/*",
		"/anna/books":                     "/*/*",
		"//title":                         "/*/*",
		"/a~1b~0c":                        "/a~1b~0c",
	} {
		if got := places(shape, pointer); got != want {
			t.Errorf("%s: %s, want %s", pointer, got, want)
		}
	}
	if got := places(nil, "/title/anna"); got != "/*/*" {
		t.Errorf("where nothing is described: %s", got)
	}
}

func loans(t *testing.T) *schema.Shape {
	t.Helper()
	for _, op := range library(t).Operations {
		if op.ID == "addLoans" {
			m, ok := op.Response(http.StatusOK).For("application/json")
			if !ok {
				t.Fatal("no answer is described")
			}
			return m.Schema.Shape()
		}
	}
	t.Fatal("no such operation")
	return nil
}
