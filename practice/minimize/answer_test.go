// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package minimize

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"yett/exchange"
)

func TestAnswersThatNobodyDeclaredDoNotLeave(t *testing.T) {
	const html = "Content-Type: text/html"
	for _, tt := range []struct {
		name, request string
		up            canned
		status        int
		code          string // "" passes
		cause         string // and in mode report, the note
	}{
		{"a declared answer", "GET /people/1", canned{200, []string{asJSON}, `{"id":1}`}, 200, "", ""},
		{"with a charset", "GET /people/1", canned{200, []string{asJSON + "; charset=utf-8"}, `{"id":1}`}, 200, "", ""},
		{"by the default", "GET /any", canned{202, []string{asJSON}, `{"id":1}`}, 202, "", ""},
		{"an undeclared good status", "GET /people/1", canned{202, []string{asJSON}, `{"id":1}`}, 502, "undeclared_status", "202 is not declared"},
		{"even without a body", "GET /people/1", canned{204, nil, ""}, 502, "undeclared_status", "204 is not declared"},
		{"to HEAD too", "HEAD /people/1", canned{204, nil, ""}, 502, "", "204 is not declared"},
		{"a redirect that is declared", "POST /people", canned{303, []string{"Location: /people/1", "Content-Length: 0"}, ""}, 303, "", ""},
		{"another redirect", "POST /people", canned{302, []string{"Location: /login"}, ""}, 502, "undeclared_status", "302 is not declared"},
		{"another media type", "GET /people/1", canned{200, []string{html}, "<p>anna</p>"}, 502, "undeclared_media_type", "200 is not declared as text/html"},
		{"another media type of HEAD", "HEAD /people/1", canned{200, []string{html}, ""}, 502, "", "200 is not declared as text/html"},
		{"HEAD with an empty media type", "HEAD /people/1", canned{200, []string{"Content-Type: "}, ""}, 502, "", "200 is not declared as a media type that cannot be read"},
		{"problem details are another type", "GET /any", canned{400, []string{"Content-Type: application/problem+json"}, `{"detail":"x"}`}, 400, "upstream_error", "400 is not declared as application/problem+json"},
		{"two media types", "GET /people/1", canned{200, []string{asJSON, html}, `{"id":1}`}, 502, "undeclared_media_type", "200 has two media types"},
		{"two in one field", "GET /free", canned{200, []string{"Content-Type: application/json, text/html"}, `{"id":1}`}, 200, "", ""},
		{"a list under a range that has a schema", "GET /range", canned{200, []string{"Content-Type: application/json, text/html"}, `{"id":1}`}, 502, "undeclared_media_type", "200 is not declared as a media type that cannot be read"},
		{"what nobody can look into", "GET /range", canned{200, []string{"Content-Type: application/octet-stream"}, `{"id":1}`}, 502, "undeclared_media_type", "200 is not declared as application/octet-stream"},
		{"a picture where one is declared", "GET /picture", canned{200, []string{"Content-Type: image/png"}, "\x89PNG"}, 200, "", ""},
		{"an empty answer", "GET /people/1", canned{200, []string{"Content-Length: 0", html}, ""}, 200, "", ""},
		{"not modified", "GET /people/1", canned{304, nil, ""}, 304, "", ""},
		{"parts that nobody asked for", "GET /any", canned{206, []string{"Content-Type: multipart/byteranges; boundary=a"}, "--a\r\n\r\n{\"password_hash\":1}\r\n--a--"}, 502, "undeclared_media_type", "206 is not declared as multipart/byteranges"},
		{"parts of a picture that nobody asked for", "GET /picture", canned{206, []string{"Content-Type: multipart/byteranges; boundary=a"}, "--a--"}, 502, "undeclared_status", "206 is not declared"},
		{"a part that nobody asked for", "GET /people/1", canned{206, []string{asJSON}, `{"id":1}`}, 502, "undeclared_status", "206 is not declared"},

		{"a declared error", "GET /people", canned{400, []string{asJSON}, `{"error":"x"}`}, 400, "", ""},
		{"a declared error of another type", "GET /people", canned{400, []string{html}, "<p>no</p>"}, 400, "upstream_error", "400 is not declared as text/html"},
		{"one that is declared without a body", "GET /people", canned{404, []string{"Content-Length: 0", html}, ""}, 404, "", ""},
		{"and has one", "GET /people", canned{404, []string{asJSON}, `{"error":"x"}`}, 404, "upstream_error", "404 is declared without a body"},
		{"an undeclared error", "GET /people/1", canned{403, []string{asJSON}, `{"error":"x"}`}, 403, "upstream_error", "403 is not declared"},
		{"an undeclared failure", "GET /people/1", canned{503, []string{asJSON}, `{"error":"x"}`}, 503, "upstream_error", "503 is not declared"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, mode := range []string{Strip, Block} {
				got := guard(t, Config{Undeclared: mode}).ask(tt.request, tt.up)
				if got.status != tt.status || got.code != tt.code || got.record.Cause != tt.cause {
					t.Errorf("%s: got %d %q, cause %q; want %d %q, cause %q", mode, got.status, got.code, got.record.Cause, tt.status, tt.code, tt.cause)
				}
				if tt.cause == "" && got.body != tt.up.body {
					t.Errorf("%s: the body is %q", mode, got.body)
				}
				if tt.cause != "" && tt.up.body != "" && strings.Contains(got.body, tt.up.body) {
					t.Errorf("%s: the body left: %q", mode, got.body)
				}
			}
			got := guard(t, Config{Undeclared: Report}).ask(tt.request, tt.up)
			if tt.up.status == http.StatusPartialContent && tt.request != "GET /picture" {
				if got.status != http.StatusBadGateway || got.code != "upstream_encoding" {
					t.Errorf("report: got %d %q, but the pass over bodies cannot look at parts", got.status, got.body)
				}
				return
			}
			if got.status != tt.up.status || got.body != tt.up.body {
				t.Errorf("report: got %d %q", got.status, got.body)
			}
			if tt.cause != "" && (!strings.HasPrefix(got.notes(), "observed ") || !strings.HasSuffix(got.notes(), ": "+tt.cause)) || tt.cause == "" && got.notes() != "" {
				t.Errorf("report: noted %q, want %q", got.notes(), tt.cause)
			}
		})
	}
}

func TestARangeThatWasAskedForIsOfTheWhole(t *testing.T) {
	s := guard(t, Defaults())
	for _, tt := range []struct {
		name, request string
		up            canned
		status        int
		code          string
	}{
		{"a part of a picture", "GET /picture", canned{206, []string{"Content-Type: image/png", "Content-Range: bytes 0-3/9"}, "\x89PNG"}, 206, ""},
		{"parts of a picture", "GET /picture", canned{206, []string{"Content-Type: multipart/byteranges; boundary=a"}, "--a--"}, 206, ""},
		{"of another type", "GET /picture", canned{206, []string{"Content-Type: text/html"}, "<p>"}, 502, "undeclared_media_type"},
		{"nor under a default", "GET /any", canned{206, []string{"Content-Type: multipart/byteranges; boundary=a"}, "--a--"}, 502, "undeclared_media_type"},
		{"nor of another type", "GET /any", canned{206, []string{"Content-Type: image/png"}, "--a--"}, 502, "undeclared_media_type"},
		{"no part of JSON is asked for", "GET /people/1", canned{206, []string{"Content-Type: multipart/byteranges; boundary=a"}, "--a--"}, 502, "undeclared_status"},
		{"beyond the end", "GET /picture", canned{416, []string{"Content-Range: bytes */9", "Content-Type: text/html"}, "<p>nginx</p>"}, 416, "upstream_error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := s.ask(tt.request, tt.up, "Range: bytes=0-3")
			if got.status != tt.status || got.code != tt.code || got.code == "" && got.body != tt.up.body {
				t.Errorf("got %d %q %q, want %d %q", got.status, got.code, got.body, tt.status, tt.code)
			}
			if tt.status == 416 && got.header.Get("Content-Range") != "bytes */9" {
				t.Error("the length of the whole is lost")
			}
		})
	}
}

func TestAnErrorKeepsWhatItsStatusSays(t *testing.T) {
	fields := []string{"WWW-Authenticate: Basic realm=a", "www-authenticate: Bearer", "Retry-After: 7", "Allow: GET", "Accept-Patch: application/json",
		"Set-Cookie: a=b", "X-Own: secret", "Location: /x", "Content-Range: bytes */9", "Allow: " + strings.Repeat("x", 2000)}
	got := guard(t, Defaults()).ask("GET /people/1", canned{401, append(fields, asJSON), `{"error":"x"}`})
	for name, want := range map[string]string{"Www-Authenticate": "Basic realm=a, Bearer", "Retry-After": "7", "Allow": "GET", "Accept-Patch": "application/json",
		"Set-Cookie": "", "X-Own": "", "Location": "", "Content-Range": ""} {
		if v := strings.Join(got.header.Values(name), ", "); v != want {
			t.Errorf("%s: %q, want %q", name, v, want)
		}
	}
}

func TestABodyThatNobodyDescribedIsTakenOff(t *testing.T) {
	up := canned{201, []string{asJSON, `ETag: "new"`, "Content-Digest: x=:eA==:", "Location: /people/2"}, `{"id":2,"password_hash":"x"}`}
	for _, tt := range []struct {
		mode   string
		status int
		code   string
		body   string
		notes  string
	}{
		{Strip, 201, "", "", "edited : body removed: 201 is declared without a body"},
		{Block, 502, "undeclared_body", "", "refused undeclared_body: 201 is declared without a body"},
		{Report, 201, "", up.body, "observed undeclared_body: 201 is declared without a body"},
	} {
		t.Run(tt.mode, func(t *testing.T) {
			got := guard(t, Config{Undeclared: tt.mode}).ask("POST /people", up)
			if got.status != tt.status || got.code != tt.code || got.code == "" && got.body != tt.body || !strings.Contains(got.notes(), tt.notes) && got.code == "" {
				t.Errorf("got %d %q %q, noted %q", got.status, got.code, got.body, got.notes())
			}
			if tt.mode == Strip && (got.header.Get("Content-Type") != "" || got.header.Get("Content-Digest") != "" || got.header.Get("Location") == "" || got.header.Get("ETag") == "") {
				t.Errorf("fields %v", got.header)
			}
		})
	}
}

func TestABodyOfUnknownLengthIsRefusedOnlyWhereThereIsOne(t *testing.T) {
	for _, tt := range []struct {
		mode, body string
		status     int
	}{{Strip, "", 201}, {Strip, "x", 201}, {Block, "", 201}, {Block, "x", 502}} {
		var record exchange.Record
		up := upstream(func(x *exchange.Exchange) {
			x.Answer.Status, x.Answer.Length = 201, -1
			x.Answer.SetBody(io.NopCloser(strings.NewReader(tt.body)))
		})
		m := New(Config{Undeclared: tt.mode})
		w := serve(t, m, up, "POST /people", &record)
		if w.Code != tt.status || w.Code == 201 && w.Body.Len() > 0 {
			t.Errorf("%s of %q: got %d %q", tt.mode, tt.body, w.Code, w.Body)
		}
		said := false
		for _, d := range record.Decisions {
			said = said || d.Practice == name && strings.Contains(d.Note, "without a body")
		}
		if said != (tt.body != "") {
			t.Errorf("%s of %q: %+v", tt.mode, tt.body, record.Decisions)
		}
	}
}

// An endless body is not read to its end, which would be never.
func TestABodyThatIsTakenOffIsNotWaitedFor(t *testing.T) {
	var record exchange.Record
	body := &endless{closed: make(chan bool)}
	w := serve(t, New(Defaults()), upstream(func(x *exchange.Exchange) {
		x.Answer.Status, x.Answer.Length = 201, -1
		x.Answer.Header.Set("Content-Type", "text/event-stream")
		x.Answer.SetBody(body)
	}), "POST /people", &record)
	if w.Code != 201 || w.Body.Len() > 0 || body.read != 1 {
		t.Errorf("got %d %q, %d bytes read", w.Code, w.Body, body.read)
	}
	select {
	case <-body.closed:
	case <-time.After(10 * time.Second):
		t.Error("the body is still open")
	}
}

type endless struct {
	read   int
	closed chan bool
}

func (e *endless) Read(p []byte) (int, error) {
	if e.read++; e.read > 1<<20 {
		return 0, errors.New("it is read to its end")
	}
	p[0] = 'x'
	return 1, nil
}

func (e *endless) Close() error { close(e.closed); return nil }

// upstream is an API behind a proxy, whose body has not been read when the answer is judged.
type upstream func(*exchange.Exchange)

// Do answers.
func (u upstream) Do(x *exchange.Exchange) error { u(x); return nil }

func serve(t *testing.T, m *Minimizer, up exchange.Upstream, request string, record *exchange.Record) *httptest.ResponseRecorder {
	t.Helper()
	find := route(t, store(t))
	c := &exchange.Chain{Upstream: up, Request: []exchange.Link{{Practice: "route", Step: find}, {Practice: name, Step: m.Request}},
		Response: []exchange.Link{{Practice: name, Step: m.Response}}, Header: []func(*exchange.Exchange){m.Header}}
	s := &exchange.Server{Route: func(*exchange.Exchange) (*exchange.Chain, error) { return c, nil },
		Observe: []func(exchange.Record){func(r exchange.Record) { *record = r }}}
	method, target, _ := strings.Cut(request, " ")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(method, "https://store.example.org"+target, http.NoBody))
	return w
}
