// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package validate

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"yett/exchange"
	"yett/problem"
)

const (
	asJSON  = "Content-Type: application/json"
	asForm  = "Content-Type: application/x-www-form-urlencoded"
	asPNG   = "Content-Type: image/png"
	gzipped = "Content-Encoding: gzip"
)

// streamed is a body of unknown length.
func streamed(s string) io.Reader { return struct{ io.Reader }{strings.NewReader(s)} }

func zipped(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestParameters(t *testing.T) {
	g := guard(t, nil)
	for _, tt := range []struct {
		name, target string
		fields       []string
		code         string // "" passes
		in           string // name and place of the first finding
	}{
		{"no parameters at all pass", "/books/1", nil, "", ""},
		{"all of them pass", "/books/1?lang=de&page=2&tags=a&tags=b", []string{"X-Desk: 3", "Cookie: shelf=red; theme=dark"}, "", ""},
		{"an array with commas passes", "/books/1?tags=a,b,c", nil, "", ""},
		{"an empty value passes where it is declared", "/books/1?note=", nil, "", ""},
		{"an empty value is refused elsewhere", "/books/1?page=", nil, "parameter_invalid", "page query"},
		{"a header field that nobody declared passes", "/books/1", []string{"X-Other: x"}, "", ""},
		{"a query parameter that nobody declared is refused", "/books/1?debug=1", nil, "unknown_parameter", "debug query"},
		{"a name that is not fit to print is not repeated", "/books/1?%3Cscript%3E=1", nil, "unknown_parameter", "? query"},
		{"beside a value that does not fit it is no unknown parameter alone", "/books/1?page=0&debug=1", nil, "parameter_invalid", "page query"},
		{"a path parameter outside its range is refused", "/books/0", nil, "parameter_invalid", "id path"},
		{"a path parameter of the wrong type is refused", "/books/one", nil, "parameter_invalid", "id path"},
		{"a header field of the wrong type is refused", "/books/1", []string{"X-Desk: three"}, "parameter_invalid", "X-Desk header"},
		{"a header field that stands twice is refused", "/books/1", []string{"X-Desk: 1", "X-Desk: 2"}, "parameter_invalid", "X-Desk header"},
		{"a cookie outside its values is refused", "/books/1", []string{"Cookie: shelf=green"}, "parameter_invalid", "shelf cookie"},
		{"an array that is too long is refused", "/books/1?tags=a&tags=b&tags=c&tags=d", nil, "parameter_invalid", "tags query"},
		{"a query that cannot be split is refused", "/books/1?lang=de;page=2", nil, "parameter_invalid", "? query"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, method := range []string{"GET", "HEAD"} { // HEAD is judged as GET
				if method == "HEAD" && tt.code != "" {
					continue // it has no body to look at
				}
				a := g.ask(t, method, tt.target, nil, tt.fields...)
				if a.Code != tt.code || g.upstream.reached != (tt.code == "") {
					t.Fatalf("%s: got %d %q, reached %v; want %q", method, a.status, a.Code, g.upstream.reached, tt.code)
				}
				if tt.code == "" {
					continue
				}
				if got := a.Errors[0].Parameter + " " + a.Errors[0].In; a.status != 400 || got != tt.in {
					t.Errorf("got %d for %s, want 400 for %s", a.status, got, tt.in)
				}
			}
		})
	}
}

func TestBodies(t *testing.T) {
	bomb := zipped(t, `{"title":"`+strings.Repeat("x", 2<<20)+`"}`)
	large := strings.Repeat("x", 1<<20+1)
	for _, tt := range []struct {
		name, request string
		body          io.Reader
		fields        []string
		status        int
		code          string
	}{
		{"JSON that fits passes", "PUT /books/1", strings.NewReader(`{"title":"A"}`), []string{asJSON}, 200, ""},
		{"JSON by another name passes", "PUT /books/1", strings.NewReader(`{"title":"A"}`), []string{"Content-Type: application/vnd.library+json"}, 200, ""},
		{"JSON of unknown length passes", "PUT /books/1", streamed(`{"title":"A"}`), []string{asJSON}, 200, ""},
		{"compressed JSON passes", "PUT /books/1", strings.NewReader(zipped(t, `{"title":"A"}`)), []string{asJSON, gzipped}, 200, ""},
		{"a form that fits passes", "PUT /books/1", strings.NewReader("title=A&pages=1&pages=2"), []string{asForm}, 200, ""},
		{"a body that does not fit is refused", "PUT /books/1", strings.NewReader(`{"title":""}`), []string{asJSON}, 422, "body_invalid"},
		{"a member that nobody declared is refused", "PUT /books/1", strings.NewReader(`{"title":"A","role":"x"}`), []string{asJSON}, 422, "body_invalid"},
		{"a read-only member is refused", "PUT /books/1", strings.NewReader(`{"title":"A","id":2}`), []string{asJSON}, 422, "body_invalid"},
		{"a read-only field of a form is refused", "PUT /books/1", strings.NewReader("title=A&id=2"), []string{asForm}, 422, "body_invalid"},
		{"no body is refused where one is required", "PUT /books/1", nil, []string{asJSON}, 400, "body_missing"},
		{"a stream that holds nothing is no body", "PUT /books/1", streamed(""), []string{asJSON}, 400, "body_missing"},
		{"nor is one without a type", "PUT /books/1", streamed(""), nil, 400, "body_missing"},
		{"no body passes where none is required", "POST /anything", nil, nil, 200, ""},
		{"a stream that holds nothing passes there too", "POST /anything", streamed(""), []string{asJSON}, 200, ""},
		{"a body is refused where none is described", "GET /books/1", strings.NewReader("x"), nil, 400, "body_unexpected"},
		{"a stream is refused where none is described", "GET /books/1", streamed("x"), nil, 400, "body_unexpected"},
		{"a stream that holds nothing passes where none is described", "GET /books/1", streamed(""), nil, 200, ""},
		{"white space is no JSON", "PUT /books/1", strings.NewReader("  "), []string{asJSON}, 400, "json_syntax"},
		{"a type that is not declared is refused", "PUT /books/1", strings.NewReader("x"), []string{"Content-Type: text/plain"}, 415, "media_type"},
		{"a body without a type is refused", "PUT /books/1", strings.NewReader(`{"title":"A"}`), nil, 415, "media_type"},
		{"a type that cannot be read is refused", "PUT /books/1", strings.NewReader(`{"title":"A"}`), []string{"Content-Type: application/json; charset"}, 415, "media_type"},
		{"a charset that stands twice does not turn JSON into a stream of bytes", "PUT /books/1", strings.NewReader(`{"id":1}`), []string{"Content-Type: application/json; charset=utf-8; charset=utf-8"}, 415, "media_type"},
		{"another charset is refused", "PUT /books/1", strings.NewReader(`{"title":"A"}`), []string{"Content-Type: application/json; charset=latin1"}, 415, "charset"},
		{"a coding that is not undone here is refused", "PUT /books/1", strings.NewReader("x"), []string{asJSON, "Content-Encoding: br"}, 415, "content_encoding"},
		{"a body beyond the limit is refused", "PUT /books/1", strings.NewReader(large), []string{asJSON}, 413, "body_too_large"},
		{"a stream beyond the limit is refused", "PUT /books/1", streamed(large), []string{asJSON}, 413, "body_too_large"},
		{"a compression bomb is refused", "PUT /books/1", strings.NewReader(bomb), []string{asJSON, gzipped}, 413, "body_too_large"},

		{"bytes that are described pass unread", "POST /scans", strings.NewReader("\x89PNG\xff"), []string{asPNG}, 200, ""},
		{"bytes beyond the limit are refused before a part of them is sent", "POST /scans", strings.NewReader(large), []string{asPNG}, 413, "body_too_large"},
		{"a bomb does not pass as bytes", "POST /scans", strings.NewReader(bomb), []string{asPNG, gzipped}, 413, "body_too_large"},
		{"compressed bytes pass inflated", "POST /scans", strings.NewReader(zipped(t, "PNG")), []string{asPNG, gzipped}, 200, ""},
		{"a type that is described by name streams whatever its schema says", "POST /scans", strings.NewReader("<scan/>"), []string{"Content-Type: application/xml"}, 200, ""},
		{"bytes do not go round the schema of any type", "POST /anything", strings.NewReader(`{"role":"x"}`), []string{"Content-Type: application/x-any"}, 415, "media_type"},
		{"nor do bytes without a type", "POST /anything", strings.NewReader(`{"role":"x"}`), nil, 415, "media_type"},
		{"JSON is judged under any type", "POST /anything", strings.NewReader(`{"role":"x"}`), []string{asJSON}, 422, "body_invalid"},
		{"JSON that fits passes under any type", "POST /anything", strings.NewReader(`{"title":"x"}`), []string{asJSON}, 200, ""},
		{"bytes without a type pass where nothing is asked of them", "POST /bytes", strings.NewReader("\x00\x01"), nil, 200, ""},
		{"an unreadable type is refused even there", "POST /bytes", strings.NewReader("x"), []string{"Content-Type: application/json; charset=a; charset=b"}, 415, "media_type"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := guard(t, nil)
			method, path, _ := strings.Cut(tt.request, " ")
			a := g.ask(t, method, path, tt.body, tt.fields...)
			if a.status != tt.status || a.Code != tt.code || g.upstream.reached != (tt.code == "") {
				t.Errorf("got %d %q, reached %v; want %d %q", a.status, a.Code, g.upstream.reached, tt.status, tt.code)
			}
			if g.upstream.err != nil {
				t.Error(g.upstream.err)
			}
		})
	}
}

func TestCompressedBodiesAreForwardedAsTheyWereJudged(t *testing.T) {
	g := guard(t, nil)
	for request, plain := range map[string]string{"PUT /books/1": `{"title":"A"}`, "POST /scans": "PNG"} {
		method, path, _ := strings.Cut(request, " ")
		typ := asJSON
		if path == "/scans" {
			typ = asPNG
		}
		g.ask(t, method, path, strings.NewReader(zipped(t, plain)), typ, gzipped)
		if g.upstream.body != plain || g.upstream.header.Get("Content-Encoding") != "" {
			t.Errorf("%s: the upstream got %q, %q", request, g.upstream.body, g.upstream.header.Get("Content-Encoding"))
		}
	}
}

func TestStreamsEndAtTheLimit(t *testing.T) {
	g := guard(t, func(c *Config) { c.Body = 1000 })
	g.ask(t, "POST", "/scans", streamed(strings.Repeat("x", 1001)), asPNG)
	if problem.Code(g.upstream.err) != "body_too_large" {
		t.Errorf("the upstream read %d bytes, then %v", len(g.upstream.body), g.upstream.err)
	}
}

func TestReadOnlyMembersAreTakenOutWhereThatIsAskedFor(t *testing.T) {
	g := guard(t, func(c *Config) { c.ReadOnly = Strip })
	for _, tt := range []struct{ name, typ, sent, got, code string }{
		{"at the top", asJSON, `{"id": 7, "title":"A"}`, `{"title":"A"}`, ""},
		{"in the middle and at the end", asJSON, `{"title":"A","id":7,"pages":[1]}`, `{"title":"A","pages":[1]}`, ""},
		{"within arrays", asJSON, `{"title":"A","copies":[{"lent":true},{"place":"B","lent":false}]}`, `{"title":"A","copies":[{},{"place":"B"}]}`, ""},
		{"whatever spelling the name has", asJSON, `{"title":"A","\u0069d":7}`, `{"title":"A"}`, ""},
		{"values keep their bytes", asJSON, `{"title":"caf\u00e9 \/ ", "id":1, "pages":[1.0, 2e0]}`, `{"title":"caf\u00e9 \/ ","pages":[1.0,2e0]}`, ""},
		{"nothing is written anew where there is none", asJSON, "{ \"title\" : \"A\" }\n", "{ \"title\" : \"A\" }\n", ""},
		{"what else does not fit is refused", asJSON, `{"id":7}`, "", "body_invalid"},
		{"a member that nobody declared is refused", asJSON, `{"title":"A","id":7,"role":"x"}`, "", "body_invalid"},
		{"a form cannot be written anew, so it is refused", asForm, "title=A&id=7", "", "body_invalid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := g.ask(t, "PUT", "/books/1", strings.NewReader(tt.sent), tt.typ, "Content-Digest: sha-256=:x:", "X-Other: kept")
			if a.Code != tt.code || g.upstream.body != tt.got {
				t.Fatalf("got %q, and the upstream %q; want %q, %q", a.Code, g.upstream.body, tt.code, tt.got)
			}
			if tt.code != "" {
				return
			}
			digest, changed := g.upstream.header.Get("Content-Digest"), tt.sent != tt.got
			if (digest == "") != changed || g.upstream.header.Get("X-Other") != "kept" {
				t.Errorf("the upstream got the digest %q, changed %v", digest, changed)
			}
		})
	}
}

func TestRefusalsPointAndTellNothing(t *testing.T) {
	g := guard(t, nil)
	a := g.ask(t, "PUT", "/books/1", strings.NewReader(`{"title":"A","pin":"hunter2","copies":[{"lent":true}]}`), asJSON)
	var at []string
	for _, e := range a.Errors {
		at = append(at, e.Pointer)
	}
	if got := strings.Join(at, " "); a.status != 422 || got != "#/pin #/copies/0/lent" {
		t.Errorf("got %d at %s", a.status, got)
	}
	for _, secret := range []string{"hunter2", "maxLength", "readOnly", "yaml", "library"} {
		if strings.Contains(a.text, secret) {
			t.Errorf("the answer tells %q: %s", secret, a.text)
		}
	}

	many := `{"title":"A"`
	for i := range 30 {
		many += fmt.Sprintf(`,"m%d":1`, i)
	}
	if a := g.ask(t, "PUT", "/books/1", strings.NewReader(many+"}"), asJSON); len(a.Errors) != problem.MaxItems {
		t.Errorf("%d findings, want %d", len(a.Errors), problem.MaxItems)
	}
}

func TestRefusalsTellTheOperatorTheRule(t *testing.T) {
	v := New(Defaults())
	for _, tt := range []struct{ target, body, code, rule string }{
		{"/books/1", "{}", "body_invalid", "required"},
		{"/books/0", "{}", "parameter_invalid", "schema"},
		{"/books/1", "", "body_missing", "required"},
	} {
		var found *problem.Error
		h := exchange.Middleware(new(upstream), route(t, library(t)), func(x *exchange.Exchange) error {
			found = problem.From(v.Check(x))
			return found
		})
		r := httptest.NewRequest("PUT", tt.target, strings.NewReader(tt.body))
		r.Header.Set("Content-Type", "application/json")
		h.ServeHTTP(httptest.NewRecorder(), r)
		if found.Code != tt.code || found.Errors[0].Rule != tt.rule || !strings.Contains(found.Errors[0].Where, "library.openapi.yaml:") {
			t.Errorf("%s %q: got %+v", tt.target, tt.body, found)
		}
	}
}

func TestLimitsOnJSON(t *testing.T) {
	zeros := strings.Repeat("0,", 150_000) + "0"
	for _, tt := range []struct {
		name, body string
		change     func(*Config)
		code       string
	}{
		{"depth", `{"title":"A","copies":[{}]}`, func(c *Config) { c.Depth = 2 }, "json_too_deep"},
		{"members", `{"title":"A","pages":[]}`, func(c *Config) { c.Members = 1 }, "json_too_many_members"},
		{"items", `{"title":"A","pages":[1,2]}`, func(c *Config) { c.Items = 1 }, "json_too_many_items"},
		{"string", `{"title":"AAAAAA"}`, func(c *Config) { c.String = 5 }, "json_string_too_long"},
		{"items as they stand", `{"title":"A","pages":[` + zeros + `]}`, nil, "json_too_many_items"},
		{"items raised reach as far as they say", `{"title":"A","pages":[` + zeros + `]}`, func(c *Config) { c.Items = 150_001 }, ""},
		{"body", `{"title":"A"}`, func(c *Config) { c.Body = 12 }, "body_too_large"},
		{"body of exactly that size", `{"title":"A"}`, func(c *Config) { c.Body = 13 }, ""},
		{"body of none", `x`, func(c *Config) { c.Body = 0 }, "body_too_large"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := guard(t, tt.change)
			if a := g.ask(t, "PUT", "/books/1", strings.NewReader(tt.body), asJSON); a.Code != tt.code {
				t.Errorf("got %q, want %q", a.Code, tt.code)
			}
		})
	}
}

func TestWithoutAnOperationNothingPasses(t *testing.T) {
	if got := problem.Code(New(Defaults()).Check(new(exchange.Exchange))); got != "no_operation" {
		t.Errorf("got %q", got)
	}
}

func TestConfigurations(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string // in the error; "" is well
	}{
		{"the defaults are well", func(*Config) {}, ""},
		{"no body at all is well", func(c *Config) { c.Body = 0 }, ""},
		{"a body without end is not", func(c *Config) { c.Body = 1<<63 - 1 }, "body:"},
		{"depth begins at 1", func(c *Config) { c.Depth = 0 }, "depth:"},
		{"depth ends where recursion would", func(c *Config) { c.Depth = 1001 }, "depth:"},
		{"members begin at 1", func(c *Config) { c.Members = 0 }, "members:"},
		{"items begin at 1", func(c *Config) { c.Items = -1 }, "items:"},
		{"items end", func(c *Config) { c.Items = 1 << 40 }, "items:"},
		{"a string has at least a byte", func(c *Config) { c.String = 0 }, "string:"},
		{"read_only is one of two words", func(c *Config) { c.ReadOnly = "ignore" }, "read_only:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Defaults()
			tt.change(&c)
			err := c.Validate()
			if (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
