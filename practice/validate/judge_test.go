// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package validate

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"yett/exchange"
	"yett/view"
)

// judged is what a caller gets of an answer of the library, and the record of it.
func judged(t *testing.T, v *Validator, status int, contentType, body string) (*httptest.ResponseRecorder, exchange.Record) {
	t.Helper()
	a := library(t)
	rules := view.NewRules(a, false, func(view.Place) []*view.Edit { return nil })
	views := map[string]*view.View{}
	for _, op := range a.Operations {
		views[op.ID] = view.Compile(op, rules, v.Judge, "test")
	}
	c := &exchange.Chain{
		Request:  []exchange.Link{{Practice: "route", Step: route(t, a)}},
		Response: []exchange.Link{{Practice: "view", Step: func(x *exchange.Exchange) error { return views[x.Operation.ID].Response(x) }}},
	}
	books := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		for len(body) > 0 { // as it would come over a wire
			n := min(len(body), 32<<10)
			if _, err := io.WriteString(w, body[:n]); err != nil {
				return
			}
			body = body[n:]
		}
	})
	var record exchange.Record
	server := &exchange.Server{Observe: []func(exchange.Record){func(r exchange.Record) { record = r }}}
	w := httptest.NewRecorder()
	func() {
		defer func() {
			if gone := recover(); gone != nil && gone != http.ErrAbortHandler { // a connection that is broken off
				panic(gone)
			}
		}()
		server.Around(c.Handler(books)).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://library.example.org/books/1", nil))
	}()
	return w, record
}

// decided is what the practice says in a record.
func decided(r exchange.Record) string {
	var all []string
	for _, d := range r.Decisions {
		if d.Practice == name {
			all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s", d.Outcome, d.Code, d.Note)))
		}
	}
	return strings.Join(all, "; ")
}

func TestAnswersAreHeldAgainstTheirSchema(t *testing.T) {
	const jsonType, lines = "application/json", "application/x-ndjson"
	long := `{"title":"a","pages":[` + strings.Repeat("1,", 60_000) + `1]}`
	for _, tt := range []struct {
		name, contentType, body string
		status                  int
		code                    string // of enforce
		note, cause             string
	}{
		{"what fits", jsonType, `{"title":"a","id":7}`, 200, "", "", ""},
		{"a value of the wrong type", jsonType, `{"title":7}`, 200, "answer_invalid", "1 finding, /title type", "/title type (testdata/library.openapi.yaml:"},
		{"several", jsonType, `{"id":"hunter2","copies":[{"place":7}]}`, 200, "answer_invalid", "3 findings, first ", "/copies/*/place type"},
		{"a whole that is none", jsonType, `"hunter2"`, 200, "answer_invalid", "1 finding, the body type", "the body type"},
		{"members that nobody declared are another's matter", jsonType, `{"title":"a","hunter2":1}`, 200, "", "", ""},
		{"an undeclared answer", "text/plain", `hunter2`, 200, "", "", ""},
		{"a record among others", lines, "{\"title\":\"a\"}\n{\"title\":7}\n{\"title\":\"b\"}\n", 200, "answer_invalid", "1 finding, /title type", "/title type"},
		{"a long answer that fits", jsonType, long, 200, "", "", ""},
		{"a long answer that does not", jsonType, strings.Replace(long, "1]", `"hunter2"]`, 1), 200, "answer_invalid", "1 finding, /pages/* type", "/pages/* type"},
		{"a long answer of which not all can be told", jsonType, long, 203, "answer_unjudged", "too long to be held against all of its schema", "a value is too long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, r := judged(t, New(Defaults()), tt.status, tt.contentType, tt.body)
			if w.Code != tt.status || w.Body.String() != tt.body {
				t.Errorf("report: got %d %.200s", w.Code, w.Body)
			}
			want := ""
			if tt.code != "" {
				want = "observed " + tt.code + " " + tt.note
			}
			if got := decided(r); tt.code == "" && got != "" || !strings.HasPrefix(got, want) || strings.Contains(got, "hunter2") {
				t.Errorf("report: noted %q, want %q", got, want)
			}

			c := Defaults()
			c.Responses = Enforce
			w, r = judged(t, New(c), tt.status, tt.contentType, tt.body)
			if tt.code == "" {
				if w.Code != tt.status || w.Body.String() != tt.body || decided(r) != "" {
					t.Errorf("enforce: got %d %.200s, noted %q", w.Code, w.Body, decided(r))
				}
				return
			}
			if r.Code != tt.code || !strings.Contains(r.Cause, tt.cause) || !strings.HasPrefix(decided(r), "failed "+tt.code+" "+tt.note) {
				t.Errorf("enforce: code %q, cause %q, noted %q", r.Code, r.Cause, decided(r))
			}
			if tt.contentType == jsonType && w.Code != 502 && !r.Aborted || strings.Contains(w.Body.String()+r.Cause, "hunter2") {
				t.Errorf("enforce: got %d %.200s, cause %q", w.Code, w.Body, r.Cause)
			}
			if w.Code == 502 && (strings.Contains(w.Body.String(), "type") && !strings.Contains(w.Body.String(), `"type":"about:blank"`) || strings.Contains(w.Body.String(), "errors")) {
				t.Errorf("the caller learns of it: %s", w.Body)
			}
		})
	}
}

func TestAStreamOfBadRecordsIsOneNote(t *testing.T) {
	v := New(Defaults())
	_, r := judged(t, v, 200, "application/x-ndjson", strings.Repeat("{\"title\":7}\n", 1000))
	if got := decided(r); got != "observed answer_invalid 1000 findings, first /title type, in 1000 records" {
		t.Errorf("noted %q", got)
	}
	v.observing.Range(func(any, any) bool { t.Error("an exchange that is over is remembered"); return false })
}

func TestResponsesIsOneOfTwoWords(t *testing.T) {
	for word, ok := range map[string]bool{Report: true, Enforce: true, "off": false, "": false} {
		c := Defaults()
		if c.Responses = word; (c.Validate() == nil) != ok {
			t.Errorf("%q: %v", word, c.Validate())
		}
	}
}
