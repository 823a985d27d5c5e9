// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"yett/exchange"
	"yett/identity"
	"yett/problem"
	"yett/view"
)

// A service answers with a status and fields, and remembers what it was asked under.
type service struct {
	status int
	fields []string // "Name: value"
	body   string
	asked  http.Header
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked = r.Header.Clone()
	w.Header()["Content-Type"] = nil
	for _, f := range s.fields {
		name, value, _ := strings.Cut(f, ": ")
		w.Header()[name] = append(w.Header()[name], value)
	}
	w.WriteHeader(s.status)
	_, _ = io.WriteString(w, s.body) // of HEAD and 304 there is none
}

// viewed puts the steps of a View before s. Callers with the field X-Scope hold that scope.
func viewed(v *view.View, s *service) http.Handler {
	c := &exchange.Chain{
		Request: []exchange.Link{
			{Practice: "test", Step: func(x *exchange.Exchange) error {
				if scope, ok := x.Request.Header.Lookup("X-Scope"); ok {
					x.Caller = &identity.Caller{Scopes: []string{scope}}
				}
				return nil
			}},
			{Practice: "view", Step: v.Request},
		},
		Response: []exchange.Link{{Practice: "view", Step: v.Response}, {Practice: "view", Step: v.Guard}},
	}
	return c.Handler(s)
}

func ask(h http.Handler, method string, fields ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://things.example.org/things", nil)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// byScope is things with a member that the scope "admin" sees.
func byScope(t *testing.T) *view.View {
	a := described(t, strings.Replace(things, `"id":`, `"inner":{"type":"string","x-yett-visible":["admin"]},"id":`, 1))
	return view.Compile(a.Operations[0], view.NewRules(a, false, edits()), nil, "v")
}

const thing = `{"id":1,"inner":"i","debug":true}`

func TestTheHeadSaysWhatIsTrueOfWhatLeaves(t *testing.T) {
	s := &service{}
	h := viewed(byScope(t), s)
	fields := []string{"Content-Type: application/json", `ETag: "version-1"`, "Content-Md5: A", "Digest: A", "Content-Digest: A", "Repr-Digest: A", "Accept-Ranges: bytes", "Content-Length: " + fmt.Sprint(len(thing))}
	for _, tt := range []struct {
		name, method string
		status       int
		fields       []string
		length       string
	}{
		{"an answer", "GET", 200, fields, fmt.Sprint(len(`{"id":1}`))},
		{"its head alone", "HEAD", 200, fields, ""},
		{"its head without a media type", "HEAD", 200, fields[1:], ""},
		{"what has not changed", "GET", 304, fields[:len(fields)-1], ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.status, s.fields, s.body = tt.status, tt.fields, thing
			w := ask(h, tt.method)
			if w.Code != tt.status || w.Header().Get("Content-Length") != tt.length {
				t.Errorf("got %d of length %q, want %d of %q", w.Code, w.Header().Get("Content-Length"), tt.status, tt.length)
			}
			for _, name := range []string{"Content-MD5", "Digest", "Content-Digest", "Repr-Digest", "Accept-Ranges", "Content-Range"} {
				if got := w.Header().Get(name); got != "" {
					t.Errorf("%s: %s leaves", name, got)
				}
			}
			if tag := w.Header().Get("ETag"); tag == "" || strings.Contains(tag, "version-1") {
				t.Errorf("the tag is %q", tag)
			}
		})
	}
}

func TestCachesAreToldWhoseAnAnswerIs(t *testing.T) {
	s := &service{status: 200, body: thing}
	h := viewed(byScope(t), s)
	for _, tt := range []struct {
		name   string
		fields []string
		want   string
	}{
		{"nothing said", nil, ""},
		{"shared", []string{"Cache-Control: public, max-age=60"}, "private, max-age=60"},
		{"for shared caches alone", []string{"Cache-Control: max-age=60, s-maxage=600"}, "private, max-age=60"},
		{"and what they do when it is old", []string{"Cache-Control: proxy-revalidate, max-age=1"}, "private, max-age=1"},
		{"in other letters", []string{"Cache-Control: Public, S-MaxAge=600"}, "private"},
		{"on two lines", []string{"Cache-Control: s-maxage=1", "Cache-Control: max-age=2"}, "private, max-age=2"},
		{"already private", []string{"Cache-Control: private, max-age=3"}, "private, max-age=3"},
		{"private of single fields", []string{`Cache-Control: private="Set-Cookie", max-age=3`}, "private, max-age=3"},
		{"not stored", []string{"Cache-Control: no-store"}, "no-store"},
		{"by a date", []string{"Expires: Thu, 01 Dec 2094 16:00:00 GMT"}, "private"},
		{"by another name", []string{"Cdn-Cache-Control: max-age=60", "Surrogate-Control: max-age=60"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.fields = append([]string{"Content-Type: application/json"}, tt.fields...)
			w := ask(h, "GET")
			if got := strings.Join(w.Header().Values("Cache-Control"), " | "); got != tt.want {
				t.Errorf("Cache-Control: %s, want %s", got, tt.want)
			}
			if w.Header().Get("Cdn-Cache-Control")+w.Header().Get("Surrogate-Control") != "" {
				t.Error("shared caches are spoken to")
			}
		})
	}
}

func TestAConditionHoldsForTheViewOfWhoAsks(t *testing.T) {
	s := &service{status: 200, fields: []string{"Content-Type: application/json", `ETag: "version-1"`}, body: thing}
	h := viewed(byScope(t), s)
	mine, theirs := ask(h, "GET").Header().Get("ETag"), ask(h, "GET", "X-Scope: admin").Header().Get("ETag")
	if mine == theirs || mine == "" {
		t.Fatalf("the tags are %q and %q", mine, theirs)
	}
	const date = "Thu, 01 Dec 2094 16:00:00 GMT"
	for _, tt := range []struct {
		name, method string
		said         []string
		want         map[string]string // what the service is asked under
	}{
		{"the own tag", "GET", []string{"If-None-Match: " + mine}, map[string]string{"If-None-Match": `"version-1"`}},
		{"that of another view", "GET", []string{"If-None-Match: " + theirs}, map[string]string{"If-None-Match": ""}},
		{"nor by a date then", "GET", []string{"If-None-Match: " + theirs, "If-Modified-Since: " + date}, map[string]string{"If-None-Match": "", "If-Modified-Since": ""}},
		{"a date alone", "GET", []string{"If-Modified-Since: " + date}, map[string]string{"If-Modified-Since": ""}},
		{"both", "GET", []string{"If-None-Match: " + theirs + ", " + mine}, map[string]string{"If-None-Match": `"version-1"`}},
		{"a change may be bound to either", "PUT", []string{"If-Match: " + theirs}, map[string]string{"If-Match": `"version-1"`}},
		{"and to a date", "PUT", []string{"If-Unmodified-Since: " + date}, map[string]string{"If-Unmodified-Since": date}},
		{"a part", "GET", []string{"Range: bytes=0-3", "If-Range: " + mine}, map[string]string{"Range": "", "If-Range": ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ask(h, tt.method, tt.said...)
			for name, want := range tt.want {
				if got := strings.Join(s.asked.Values(name), " | "); got != want {
					t.Errorf("%s: the service is asked under %q, want %q", name, got, want)
				}
			}
		})
	}
}

// TestADateGrantsNothingThatATagHasRefused has one view for all callers.
func TestADateGrantsNothingThatATagHasRefused(t *testing.T) {
	s := &service{status: 200, fields: []string{"Content-Type: application/json", `ETag: "version-1"`}, body: thing}
	h := viewed(compiled(t, things, nil), s)
	const date = "Thu, 01 Dec 2094 16:00:00 GMT"
	for _, tt := range []struct{ tag, date string }{
		{"", date}, {`"other"`, ""}, {"5", ""}, {ask(h, "GET").Header().Get("ETag"), date},
	} {
		said := []string{"If-Modified-Since: " + date}
		if tt.tag != "" {
			said = append(said, "If-None-Match: "+tt.tag)
		}
		if ask(h, "GET", said...); s.asked.Get("If-Modified-Since") != tt.date {
			t.Errorf("with the tag %q the service is asked for what has changed since %q", tt.tag, s.asked.Get("If-Modified-Since"))
		}
	}
}

func TestAPartIsRefused(t *testing.T) {
	for _, contentType := range []string{"application/json", "application/x-ndjson", "text/plain", "multipart/byteranges; boundary=a", "image/png", ""} {
		s := &service{status: 206, fields: []string{"Content-Type: " + contentType, "Content-Range: bytes 0-9/40"}, body: thing[:10]}
		w := ask(viewed(byScope(t), s), "GET", "Range: bytes=0-9")
		if w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), "upstream_encoding") || strings.Contains(w.Body.String(), `"id"`) || w.Header().Get("Content-Range") != "" {
			t.Errorf("%q: got %d %s", contentType, w.Code, w.Body)
		}
	}
}

func TestABodyThatNothingDescribesIsForWhoMaySeeAll(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		fields []string
		want   int
	}{
		{"described", 200, []string{"Content-Type: application/json"}, 200},
		{"another status", 201, []string{"Content-Type: application/json"}, 502},
		{"another media type", 200, []string{"Content-Type: application/pdf"}, 502},
		{"none", 200, nil, 502},
		{"an error", 400, []string{"Content-Type: application/json", "Retry-After: 7"}, 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &service{status: tt.status, fields: tt.fields, body: `{"inner":"i"}`}
			h := viewed(byScope(t), s)
			w := ask(h, "GET")
			if w.Code != tt.want || strings.Contains(w.Body.String(), "inner") {
				t.Errorf("got %d %s, want %d", w.Code, w.Body, tt.want)
			}
			if tt.status == 400 && (w.Header().Get("Retry-After") != "7" || w.Header().Get("Content-Type") != problem.ContentType) {
				t.Errorf("the head is %v", w.Header())
			}
		})
	}
}
