// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package validate

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"yett/exchange"
)

// within runs f on an exchange that is open, as a step does.
func within(b *testing.B, r *http.Request, f exchange.Step) {
	b.Helper()
	w := httptest.NewRecorder()
	exchange.Middleware(new(upstream), route(b, library(b)), f).ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		b.Fatal(w.Code, w.Body)
	}
}

// BenchmarkParameters judges a GET with one parameter in the path and two in the query.
func BenchmarkParameters(b *testing.B) {
	v := New(Defaults())
	within(b, httptest.NewRequest("GET", "/books/1?lang=de&page=2", nil), func(x *exchange.Exchange) error {
		b.ReportAllocs()
		for b.Loop() {
			if err := v.Check(x); err != nil {
				return err
			}
		}
		return nil
	})
}

// book is a document of 1 KB.
var book = `{"title":"The gate in the garden wall","pages":[` + strings.Repeat("1234,", 110) + `1234],"copies":[` +
	strings.Repeat(`{"place":"Main hall, third shelf from the door"},`, 7) + `{"place":"Cellar"}]}`

// bookSchema is the description's schema for the library that is compared with.
const bookSchema = `{"type":"object","required":["title"],"additionalProperties":false,"properties":{
"id":{"type":"integer","readOnly":true},"title":{"type":"string","minLength":1,"maxLength":50},
"pin":{"type":"string","maxLength":4},"pages":{"type":"array","maxItems":200000,"items":{"type":"integer"}},
"copies":{"type":"array","items":{"type":"object","additionalProperties":false,
"properties":{"place":{"type":"string"},"lent":{"type":"boolean","readOnly":true}}}}}}`

// BenchmarkBody judges a PUT with 1 KB of JSON, reading included, beside the library jsonschema/v6, which is told the
// schema alone: it finds no duplicate names and bounds nothing.
func BenchmarkBody(b *testing.B) {
	b.Run("validate", func(b *testing.B) {
		v := New(Defaults())
		r := httptest.NewRequest("PUT", "/books/1", strings.NewReader(book))
		r.Header.Set("Content-Type", "application/json")
		data := []byte(book)
		within(b, r, func(x *exchange.Exchange) error {
			if _, err := x.Request.Body.Bytes(); err != nil {
				return err
			}
			b.ReportAllocs()
			for b.Loop() {
				x.Request.Body.Replace(data) // forgets the index
				if err := v.Check(x); err != nil {
					return err
				}
			}
			return nil
		})
	})
	b.Run("jsonschema", func(b *testing.B) {
		text, err := jsonschema.UnmarshalJSON(strings.NewReader(bookSchema))
		if err != nil {
			b.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource("book:///s", text); err != nil {
			b.Fatal(err)
		}
		s, err := c.Compile("book:///s")
		if err != nil {
			b.Fatal(err)
		}
		data := []byte(book)
		b.ReportAllocs()
		for b.Loop() {
			value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Validate(value); err != nil {
				b.Fatal(err)
			}
		}
	})
}
