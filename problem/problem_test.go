// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package problem_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"yett/problem"
)

// A document is a problem as a caller reads it.
type document struct {
	Type, Title, Detail, Instance, Code string
	Status                              int
	Errors                              []struct{ Pointer, Parameter, In, Detail *string }
}

func read(t testing.TB, data []byte) document {
	t.Helper()
	var d document
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		t.Fatalf("%q: %v", data, err)
	}
	if !utf8.Valid(data) {
		t.Errorf("%q is not UTF-8", data)
	}
	return d
}

func TestAppendJSON(t *testing.T) {
	e := &problem.Error{Status: 422, Code: "body_invalid", Detail: "It <b>\"does\"</b> not\nfit.", Cause: errors.New("secret cause"),
		Errors: []problem.Item{
			{Pointer: "/a b/é~1", Detail: "too long", Where: "secret.yaml:1", Rule: "secretRule"},
			{Detail: "is required"},
			{Parameter: "id", In: "path", Detail: "is no number"},
		}}
	data := e.AppendJSON([]byte("before"), "urn:uuid:1")
	text, ok := strings.CutPrefix(string(data), "before")
	if !ok {
		t.Fatal("it does not append")
	}
	const want = `{"type":"about:blank","title":"Unprocessable Entity","status":422,` +
		`"detail":"It \u003cb\u003e\"does\"\u003c/b\u003e not\u000afit.","instance":"urn:uuid:1","code":"body_invalid","errors":[` +
		`{"pointer":"#/a%20b/%C3%A9~1","detail":"too long"},{"pointer":"#","detail":"is required"},` +
		`{"parameter":"id","in":"path","detail":"is no number"}]}` + "\n"
	if text != want {
		t.Errorf("got  %swant %s", text, want)
	}
	if d := read(t, []byte(text)); d.Detail != e.Detail {
		t.Errorf("the detail is read back as %q", d.Detail)
	}
}

func TestAppendJSONBoundsTheFindings(t *testing.T) {
	e := &problem.Error{Status: 799, Errors: make([]problem.Item, 3*problem.MaxItems)}
	d := read(t, e.AppendJSON(nil, ""))
	if len(d.Errors) != problem.MaxItems || d.Title == "" {
		t.Errorf("got %d findings, title %q", len(d.Errors), d.Title)
	}
}

func TestFragments(t *testing.T) {
	for pointer, want := range map[string]string{
		"":            "#",
		"/":           "#/",
		"/c%d":        "#/c%25d",
		"/e^f":        "#/e%5Ef",
		"/g|h":        "#/g%7Ch",
		"/i\\j":       "#/i%5Cj",
		"/k\"l":       "#/k%22l",
		"/ ":          "#/%20",
		"/m~0n":       "#/m~0n",
		"/#<>[]`{}":   "#/%23%3C%3E%5B%5D%60%7B%7D",
		"/!$&'()*+,;": "#/!$&'()*+,;",
		"/\x7f\xff":   "#/%7F%FF",
	} {
		e := &problem.Error{Errors: []problem.Item{{Pointer: pointer}}}
		got := *read(t, e.AppendJSON(nil, "")).Errors[0].Pointer
		if got != want {
			t.Errorf("%q became %q, want %q", pointer, got, want)
		}
	}
}

func TestCodes(t *testing.T) {
	refused := &problem.Error{Status: 403, Code: "forbidden", Cause: io.ErrUnexpectedEOF}
	for _, tt := range []struct {
		name   string
		err    error
		code   string
		status int
	}{
		{"a refusal has its own", refused, "forbidden", 403},
		{"a wrapped refusal too", fmt.Errorf("step: %w", refused), "forbidden", 403},
		{"any other error is ours", io.EOF, "internal", 500},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := problem.Code(tt.err); got != tt.code {
				t.Errorf("Code = %q", got)
			}
			if got := problem.From(tt.err); got.Code != tt.code || got.Status != tt.status || !errors.Is(tt.err, got.Cause) {
				t.Errorf("From = %+v", got)
			}
		})
	}
	if problem.Code(nil) != "" {
		t.Error("nil has a code")
	}
	if !errors.Is(refused, io.ErrUnexpectedEOF) || refused.Error() != "403 forbidden: unexpected EOF" {
		t.Errorf("the record loses the cause: %v", refused)
	}
	if got := (&problem.Error{Status: 403, Code: "forbidden"}).Error(); got != "403 forbidden" {
		t.Errorf("Error() = %q", got)
	}
}

func TestInternalErrorsTellNothing(t *testing.T) {
	secret := errors.New("dial 10.0.0.7: password hunter2")
	text := string(problem.From(secret).AppendJSON(nil, "urn:uuid:1"))
	if strings.Contains(text, "10.0.0.7") || strings.Contains(text, "hunter2") {
		t.Errorf("the caller reads %s", text)
	}
}

func TestWrite(t *testing.T) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "text/html")
	e := &problem.Error{Status: 401, Code: "unknown_caller", Header: []problem.Field{{Name: "WWW-Authenticate", Value: "Bearer"}, {Name: "WWW-Authenticate", Value: "Basic"}}}
	if err := problem.Write(w, "urn:uuid:1", e); err != nil {
		t.Fatal(err)
	}
	res := w.Result()
	if res.StatusCode != 401 || res.Header.Get("Content-Type") != problem.ContentType || res.Header.Get("Cache-Control") != "no-store" ||
		len(res.Header.Values("WWW-Authenticate")) != 2 || res.ContentLength != int64(w.Body.Len()) {
		t.Errorf("got %d %v", res.StatusCode, res.Header)
	}
	if d := read(t, w.Body.Bytes()); d.Instance != "urn:uuid:1" || d.Status != 401 {
		t.Errorf("got %+v", d)
	}
	if err := problem.Write(gone{w}, "", e); err == nil {
		t.Error("the error of the write is lost")
	}
}

type gone struct{ http.ResponseWriter }

func (gone) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// FuzzAppendJSON holds that the document is inert JSON whatever stands in its texts, and means what went in.
func FuzzAppendJSON(f *testing.F) {
	f.Add("plain", "/a/0")
	f.Add("\"\\</script>&\x00\x1f\x7f\u2028é", "/%\"#\\\xff")
	f.Add("\xff\xc0\xed\xa0\x80", "\xf0\x9f\x98\x80")
	f.Fuzz(func(t *testing.T, text, pointer string) {
		e := &problem.Error{Status: 400, Code: text, Detail: text, Errors: []problem.Item{{Pointer: pointer, Detail: text}, {Parameter: "p" + text, In: text}}}
		data := e.AppendJSON(nil, text)
		if strings.ContainsAny(string(data), "<>&\x7f") {
			t.Errorf("%q is not inert", data)
		}
		d := read(t, data)
		want := strings.ToValidUTF8(text, "\uFFFD")
		if utf8.ValidString(text) && (d.Detail != want || d.Code != want || d.Instance != want || *d.Errors[0].Detail != want || *d.Errors[1].Parameter != "p"+want) {
			t.Errorf("%q was read back as %q", text, d.Detail)
		}
		u, err := url.Parse(*d.Errors[0].Pointer)
		if err != nil || u.Fragment != pointer {
			t.Errorf("pointer %q was read back as %q, %v", pointer, u.Fragment, err)
		}
	})
}
