// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"yett/config"
	"yett/gateway"
)

const leaky = `openapi: 3.1.0
info: { title: leaky, version: "1" }
paths:
  /person:
    get:
      operationId: person
      security: []
      x-yett-public: test
      responses:
        "200":
          description: ok
          content:
            application/json:
              schema: { type: object, required: [id], properties: { id: { type: integer }, secret: { type: string, writeOnly: true } } }
        "201": { description: nothing is said of its body }
`

func TestAnswersAreAsTheConfigurationSays(t *testing.T) {
	const body = `{"id":"one","secret":"s","hash":"h"}`
	for _, tt := range []struct {
		name, settings string
		answer         int // of the service
		status         int
		holds, lacks   string
	}{
		{"what is not declared is left out", ``, 200, 200, `"id":"one"`, "hash"},
		{"a body of which nothing is said is left out", ``, 201, 201, "", "hash"},
		{"a status that is not declared is refused", ``, 202, 502, "undeclared_status", "hash"},
		{"what does not fit is refused where that is asked for", `validate: { responses: enforce }`, 200, 502, "answer_invalid", "hash"},
		{"who only looks refuses nothing", `validate: { mode: observe, responses: enforce }`, 200, 200, `"id":"one"`, "hash"},
		{"and leaves in what is not declared", `minimize: { mode: observe }`, 200, 200, `"hash":"h"`, "nothing"},
		{"but never what is write-only", `minimize: { mode: observe }`, 200, 200, `"id":"one"`, `"secret"`},
		{"nor where that is only reported", `minimize: { undeclared: report }`, 200, 200, `"hash":"h"`, `"secret"`},
		{"also a body of which nothing is said", `minimize: { mode: observe }`, 201, 201, `"hash":"h"`, "nothing"},
		{"and another status", `minimize: { mode: observe }`, 202, 202, `"hash":"h"`, "nothing"},
		{"what is forbidden is not told from what is not there", `sanitize: { hide_forbidden: true }`, 403, 404, "not_found", "hash"},
		{"nor the other way", `sanitize: { hide_forbidden: true }`, 404, 404, "not_found", "hash"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(tt.answer)
				_, _ = io.WriteString(w, body) // the gate may have refused it
			}))
			t.Cleanup(up.Close)
			g := stand(t, up.URL, leaky, "    "+tt.settings+"\n")
			res, got := g.do("GET", "/person", "")
			if res.StatusCode != tt.status || !strings.Contains(got, tt.holds) || strings.Contains(got, tt.lacks) {
				t.Errorf("got %d %s, want %d with %q and without %q", res.StatusCode, got, tt.status, tt.holds, tt.lacks)
			}
		})
	}
}

const texts = `openapi: 3.1.0
info: { title: texts, version: "1" }
paths:
  /text:
    get: { operationId: text, security: [], x-yett-public: test, responses: { "200": { description: ok, content: { text/plain: {}, text/csv: {} } } } }
`

// TestATextOfUnknownLengthKeepsItsSecrets writes a private key and a card in every way in which a service may write.
func TestATextOfUnknownLengthKeepsItsSecrets(t *testing.T) {
	secret, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	block := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(secret)}))
	lines := strings.SplitAfter(strings.TrimSpace(block), "\n")
	var pieces []string
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.URL.Query().Get("as"))
		for _, p := range pieces {
			_, _ = io.WriteString(w, p) // the gate may have refused it
			_ = http.NewResponseController(w).Flush()
		}
	}))
	t.Cleanup(up.Close)
	g := stand(t, up.URL, strings.Replace(texts, "responses:", "parameters: [{ name: as, in: query, schema: { type: string } }], responses:", 1), "")
	for _, tt := range []struct {
		name   string
		pieces []string
		lacks  []string
	}{
		{"a key line by line", lines, lines[1 : len(lines)-1]},
		{"a key behind much text", []string{strings.Repeat("some line of text\n", 1800) + block + strings.Repeat("more text here\n", 100)}, lines[1 : len(lines)-1]},
		{"a card in groups over two reads", []string{strings.Repeat("x", 32758) + " 4111 1111 1111 1111 " + strings.Repeat("y z ", 100)}, []string{"1111 1111"}},
		{"a card in groups, group by group", []string{"paid with 4111 ", "1111 ", "1111 ", "1111 ", "yesterday\n"}, []string{"4111 ", "1111 1111"}},
		{"a card digit by digit", strings.Split("paid with 4111111111111111 yesterday", ""), []string{"411111"}},
	} {
		for _, as := range []string{"text/plain", "text/csv", "text/plain; charset=utf-8"} {
			t.Run(tt.name+" as "+as, func(t *testing.T) {
				pieces = tt.pieces
				res, got := g.do("GET", "/text?as="+url.QueryEscape(as), "")
				if res.StatusCode != 200 || len(got) == 0 {
					t.Fatalf("got %d with %d bytes", res.StatusCode, len(got))
				}
				for _, s := range tt.lacks {
					if strings.Contains(got, strings.TrimSpace(s)) {
						t.Fatalf("%.20q leaves", s)
					}
				}
			})
		}
	}
}

// TestATextThatNobodyLooksAtIsNotKeptWaiting reads the first line before the second one is written.
func TestATextThatNobodyLooksAtIsNotKeptWaiting(t *testing.T) {
	read := make(chan struct{})
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "one\n") // the test reads it
		_ = http.NewResponseController(w).Flush()
		select {
		case <-read:
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, "two\n")
	}))
	t.Cleanup(up.Close)
	g := stand(t, up.URL, texts, "    expose: { detect: [] }\n")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", g.url("/text"), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := g.h1.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	first := make([]byte, 4)
	if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "one\n" {
		t.Fatalf("got %q, %v", first, err)
	}
	close(read)
	if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "two\n" {
		t.Errorf("got %q, %v", rest, err)
	}
}

const tagged = `openapi: 3.1.0
info: { title: tagged, version: "1" }
paths:
  /one:
    get:
      operationId: one
      security: []
      x-yett-public: test
      responses:
        "200": { description: ok, content: { application/json: { schema: { $ref: "#/components/schemas/One" } } } }
    put:
      operationId: change
      security: []
      x-yett-public: test
      responses:
        "200": { description: ok, content: { application/json: { schema: { $ref: "#/components/schemas/One" } } } }
        "204": { description: ok }
components:
  schemas:
    One: { type: object, properties: { id: { type: integer }, secret: { type: string, writeOnly: true } } }
`

// A taggedService answers with an entity tag and remembers what it was asked under.
type taggedService struct {
	mu     sync.Mutex
	status int
	header http.Header
	asked  http.Header
}

func (s *taggedService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = r.Header.Clone()
	w.Header()["Content-Type"] = nil
	for name, values := range s.header {
		w.Header()[name] = values
	}
	w.WriteHeader(s.status)
	if s.status == http.StatusOK || s.status == http.StatusPartialContent {
		_, _ = io.WriteString(w, `{"id":1,"secret":"s"}`) // the gate may have refused it
	}
}

// answers sets what comes next.
func (s *taggedService) answers(status int, fields ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.header = status, http.Header{}
	for i := 0; i < len(fields); i += 2 {
		s.header.Add(fields[i], fields[i+1])
	}
}

// under is what the service was asked under.
func (s *taggedService) under(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.asked.Values(name), " | ")
}

// TestAConditionIsNeverLostOnItsWay holds what the service is asked under against what the caller said.
func TestAConditionIsNeverLostOnItsWay(t *testing.T) {
	s := &taggedService{}
	up := httptest.NewServer(s)
	t.Cleanup(up.Close)
	g := stand(t, up.URL, tagged, "")
	s.answers(200, "Content-Type", "application/json", "ETag", `"a"`)
	res, _ := g.do("GET", "/one", "")
	own := res.Header.Get("ETag")
	if own == "" || own == `"a"` {
		t.Fatalf("the tag is %q", own)
	}
	other := `"abc--yaaaaaaaaaaaa"` // looks like one of ours and is none
	for _, tt := range []struct {
		method, name string
		said         []string
		want         string
	}{
		{"PUT", "If-Match", []string{own}, `"a"`},
		{"PUT", "If-Match", []string{"W/" + own}, `W/"a"`},
		{"PUT", "If-Match", []string{"*"}, "*"},
		{"PUT", "If-Match", []string{`"abc"`}, `"abc"`},
		{"PUT", "If-Match", []string{`W/"abc"`}, `W/"abc"`},
		{"PUT", "If-Match", []string{`""`}, `""`},
		{"PUT", "If-Match", []string{`"x,y"`}, `"x,y"`},
		{"PUT", "If-Match", []string{`5`}, `5`},
		{"PUT", "If-Match", []string{`abc`}, `abc`},
		{"PUT", "If-Match", []string{`"a`}, `"a`},
		{"PUT", "If-Match", []string{`w/"a"`}, `w/"a"`},
		{"PUT", "If-Match", []string{`"a", b`}, `"a", b`},
		{"PUT", "If-Match", []string{`b, "a"`}, `b, "a"`},
		{"PUT", "If-Match", []string{`b, ` + own}, `b, "a"`},
		{"PUT", "If-Match", []string{own + `, b`}, `"a", b`},
		{"PUT", "If-Match", []string{`"x" ` + own}, `"x" ` + own},
		{"PUT", "If-Match", []string{`"x"`, own}, `"x", "a"`},
		{"PUT", "If-Match", []string{own, `b`, `*`}, `"a", b, *`},
		{"PUT", "If-Match", []string{`"x"`, `"y"`}, `"x" | "y"`},
		{"PUT", "If-None-Match", []string{"*"}, "*"},
		{"PUT", "If-None-Match", []string{`"abc"`}, `"abc"`},
		{"PUT", "If-None-Match", []string{`5`}, `5`},
		{"PUT", "If-None-Match", []string{own}, `"a"`},
		{"GET", "If-Match", []string{own}, `"a"`},
		{"GET", "If-Match", []string{`5`}, `5`},
		{"GET", "If-None-Match", []string{own}, `"a"`},
		{"GET", "If-None-Match", []string{"*"}, "*"},
		{"GET", "If-None-Match", []string{`"abc"`}, ""},
		{"GET", "If-None-Match", []string{`5`}, ""},
		{"GET", "If-None-Match", []string{`5, ` + own}, `"a"`},
		{"GET", "If-None-Match", []string{`"abc"`, own}, `"a"`},
		{"HEAD", "If-None-Match", []string{`"abc"`}, ""},
	} {
		t.Run(tt.method+" "+tt.name+" "+strings.Join(tt.said, " and "), func(t *testing.T) {
			var fields []string
			for _, value := range tt.said {
				fields = append(fields, tt.name, value)
			}
			if res, got := g.do(tt.method, "/one", "", fields...); res.StatusCode != 200 {
				t.Fatalf("got %d %s", res.StatusCode, got)
			}
			if got := s.under(tt.name); got != tt.want {
				t.Errorf("the service is asked under %s, want %s", got, tt.want)
			}
		})
	}
	if g.do("PUT", "/one", "", "If-Match", other); s.under("If-Match") == "" {
		t.Error("a tag of no view is left out")
	}
}

// again stops the gateway and starts another one on the same files.
func (g *gate) again() {
	g.t.Helper()
	g.h1.CloseIdleConnections()
	g.h2.CloseIdleConnections()
	if err := errors.Join(g.stop(), g.Close()); err != nil {
		g.t.Fatal(err)
	}
	file, err := config.Load(filepath.Join(g.dir, "yett.yaml"), gateway.Practices())
	if err != nil {
		g.t.Fatal(err)
	}
	if g.Gateway, err = gateway.New(g.t.Context(), file, gateway.Options{}); err != nil {
		g.t.Fatal(err)
	}
	if err := g.Listen(); err != nil {
		g.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	g.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	g.connect()
}

// TestAnEntityTagTellsNothingOfWhatIsHidden has a service whose tags are a hash of all that it answers.
func TestAnEntityTagTellsNothingOfWhatIsHidden(t *testing.T) {
	const hash = "5d41402abc4b2a76b9719d911017c592"
	s := &taggedService{}
	up := httptest.NewServer(s)
	t.Cleanup(up.Close)
	g := stand(t, up.URL, tagged, "")
	tag := func(method, path string) string {
		t.Helper()
		res, _ := g.do(method, path, "")
		got := res.Header.Get("ETag")
		if strings.Contains(got, hash[:8]) {
			t.Errorf("%s %s: the tag is %s", method, path, got)
		}
		for _, name := range []string{"Repr-Digest", "Content-Digest", "Digest", "Content-MD5"} {
			if res.Header.Get(name) != "" {
				t.Errorf("%s %s: %s leaves", method, path, name)
			}
		}
		return got
	}
	digests := []string{"Repr-Digest", "sha-256=:AAAA:", "Content-Digest", "sha-256=:AAAA:", "Digest", "md5=A", "Content-MD5", "A"}
	answers := func(status int, contentType, etag string) {
		fields := append([]string{"ETag", etag}, digests...)
		if contentType != "" {
			fields = append(fields, "Content-Type", contentType)
		}
		s.answers(status, fields...)
	}
	answers(200, "application/json", `"`+hash+`"`)
	own := tag("GET", "/one")
	if again := tag("GET", "/one"); own == "" || again != own {
		t.Errorf("the tag is %s, and then %s", own, again)
	}
	if head := tag("HEAD", "/one"); head != own {
		t.Errorf("HEAD has the tag %s, want %s", head, own)
	}
	if less := tag("GET", "/one?fields=id"); less == own || strings.HasPrefix(less, own[:20]) {
		t.Errorf("less of the document has the tag %s, all of it %s", less, own)
	}
	answers(200, "application/json", `W/"`+hash+`"`)
	if weak := tag("GET", "/one"); weak != "W/"+own {
		t.Errorf("a weak tag is %s, want W/%s", weak, own)
	}
	answers(304, "", `"`+hash+`"`)
	if same := tag("GET", "/one"); same != own {
		t.Errorf("304 has the tag %s, want %s", same, own)
	}
	answers(200, "", `"`+hash+`"`)
	if head := tag("HEAD", "/one"); head != own {
		t.Errorf("HEAD without a media type has the tag %s, want %s", head, own)
	}
	answers(204, "", `"`+hash+`"`)
	changed := tag("PUT", "/one")
	if changed == "" {
		t.Error("behind a change there is no tag")
	}
	for _, bad := range []string{"abc", `"abc`, `"` + strings.Repeat("x", 300) + `"`, `"a", "b"`} {
		answers(200, "application/json", bad)
		if got := tag("GET", "/one"); got != "" {
			t.Errorf("of %.20q %q leaves", bad, got)
		}
	}
	for _, long := range []string{"", strings.Repeat("x", 31), strings.Repeat("x", 32), strings.Repeat("x", 256)} {
		answers(200, "application/json", `"`+long+`"`)
		got := tag("GET", "/one")
		if g.do("PUT", "/one", "", "If-Match", got); s.under("If-Match") != `"`+long+`"` || len(got) > 400 {
			t.Errorf("a tag of %d bytes becomes %.60s, and then %.60s", len(long), got, s.under("If-Match"))
		}
	}

	answers(200, "application/json", `"`+hash+`"`)
	holds := func(when string) {
		t.Helper()
		for _, seen := range []string{own, changed} {
			if g.do("PUT", "/one", "", "If-Match", seen); s.under("If-Match") != `"`+hash+`"` {
				t.Errorf("%s a change is asked for under %s", when, s.under("If-Match"))
			}
		}
	}
	holds("at first")
	g.write("yett.yaml", g.read("yett.yaml")+"    minimize: { sparse: false }\n")
	if _, err := g.Reload(); err != nil {
		t.Fatal(err)
	}
	holds("after a reload")
	g.again()
	holds("after a restart")
	if again := tag("GET", "/one"); again == own {
		t.Error("another configuration has the same tag")
	}
}

// TestATagOfWhatIsNotHiddenStays has nothing that is hidden from anybody.
func TestATagOfWhatIsNotHiddenStays(t *testing.T) {
	s := &taggedService{}
	up := httptest.NewServer(s)
	t.Cleanup(up.Close)
	g := stand(t, up.URL, strings.Replace(tagged, ", writeOnly: true", "", 1), "    expose: { detect: [] }\n    minimize: { undeclared: report }\n")
	s.answers(200, "Content-Type", "application/json", "ETag", `"a"`)
	if res, _ := g.do("GET", "/one", ""); res.Header.Get("ETag") != `"a"` {
		t.Errorf("the tag is %s", res.Header.Get("ETag"))
	}
	if g.do("GET", "/one", "", "If-None-Match", `"a", "b"`); s.under("If-None-Match") != `"a", "b"` {
		t.Errorf("the service is asked under %s", s.under("If-None-Match"))
	}
	if res, _ := g.do("GET", "/one?fields=id", ""); res.Header.Get("ETag") == `"a"` {
		t.Error("less of the document has the tag of all of it")
	}
}

const scoped = `openapi: 3.1.0
info: { title: scoped, version: "1" }
paths:
  /one:
    get:
      operationId: one
      security: [{ key: [] }]
      x-yett-scopes: [read]
      responses:
        "200": { description: ok, content: { application/json: { schema: { $ref: "#/components/schemas/One" } }, image/png: {} } }
        "404": { description: no, content: { application/problem+json: { schema: { type: object, properties: { title: { type: string } } } } } }
        "409": { description: no }
  /free:
    get:
      operationId: free
      security: [{ key: [] }]
      x-yett-scopes: [read]
      responses: { "200": { description: ok, content: { application/json: { schema: { type: object, properties: { id: { type: integer } } } } } } }
components:
  securitySchemes:
    key: { type: apiKey, in: header, name: X-API-Key, x-yett-scopes: [read, admin] }
  schemas:
    One: { type: object, properties: { id: { type: integer }, secret: { type: string, x-yett-visible: [admin] } } }
`

// scopes makes an API key with scopes.
func (g *gate) scopes(scopes ...string) string {
	g.t.Helper()
	var made struct{ Key string }
	if err := g.admin.Call(g.t.Context(), http.MethodPost, "/keys", map[string]any{"client": "acme", "scopes": scopes}, &made); err != nil {
		g.t.Fatal(err)
	}
	return made.Key
}

// TestWhatIsNotForEverybodyDoesNotLeaveInAnotherForm has minimize only look.
func TestWhatIsNotForEverybodyDoesNotLeaveInAnotherForm(t *testing.T) {
	for _, setting := range []string{"minimize: { undeclared: report }", "minimize: { mode: observe }", "minimize: { off: test }"} {
		var answer canned
		up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = answer.types
			for _, f := range answer.fields {
				name, value, _ := strings.Cut(f, ": ")
				w.Header().Add(name, value)
			}
			w.WriteHeader(answer.status)
			if answer.chunked {
				_ = http.NewResponseController(w).Flush()
			}
			_, _ = io.WriteString(w, answer.body) // the gate may have refused it
		}))
		t.Cleanup(up.Close)
		g := stand(t, up.URL, scoped, "    "+setting+"\n")
		reader, admin := g.scopes("read"), g.scopes("read", "admin")
		const body = `{"id":1,"secret":"LEAK"}`
		asJSON := []string{"application/json"}
		for _, tt := range []struct {
			name, path string
			answer     canned
			reader     int // what a caller without the scope gets
		}{
			{"what is described", "/one", canned{status: 200, types: asJSON, body: body}, 200},
			{"another good status", "/one", canned{status: 201, types: asJSON, body: body}, 502},
			{"in chunks", "/one", canned{status: 203, types: asJSON, body: body, chunked: true}, 502},
			{"of text", "/one", canned{status: 200, types: []string{"text/plain"}, body: body}, 502},
			{"of XML", "/one", canned{status: 200, types: []string{"application/xml"}, body: body}, 502},
			{"of two types", "/one", canned{status: 200, types: []string{"application/json", "text/plain"}, body: body}, 502},
			{"of none", "/one", canned{status: 200, body: body}, 502},
			{"of none, in chunks", "/one", canned{status: 200, body: body, chunked: true}, 502},
			{"another error", "/one", canned{status: 400, types: asJSON, body: body, fields: []string{"Retry-After: 7"}}, 400},
			{"an error of another type", "/one", canned{status: 404, types: asJSON, body: body}, 404},
			{"an error that has no body", "/one", canned{status: 409, types: asJSON, body: body}, 409},
			{"a picture where one is described", "/one", canned{status: 200, types: []string{"image/png"}, body: "LEAK"}, 200},
			{"nothing, of another status", "/one", canned{status: 201, fields: []string{"Content-Length: 0"}}, 201},
			{"nothing, in chunks", "/one", canned{status: 201, chunked: true}, 201},
			{"where nothing is restricted", "/free", canned{status: 201, types: asJSON, body: `{"id":1}`}, 201},
		} {
			t.Run(setting+" "+tt.name, func(t *testing.T) {
				answer = tt.answer
				res, got := g.do("GET", tt.path, "", "X-API-Key", reader)
				if res.StatusCode != tt.reader || strings.Contains(got, "LEAK") && tt.answer.types[0] != "image/png" {
					t.Errorf("without the scope: got %d %s, want %d", res.StatusCode, got, tt.reader)
				}
				if slices.Contains(tt.answer.fields, "Retry-After: 7") && res.Header.Get("Retry-After") != "7" {
					t.Error("what the error says is lost")
				}
				if res, got := g.do("GET", tt.path, "", "X-API-Key", admin); res.StatusCode != tt.answer.status || got != tt.answer.body {
					t.Errorf("with the scope: got %d %s, want %d", res.StatusCode, got, tt.answer.status)
				}
			})
		}
	}
}

// A canned answer of the service.
type canned struct {
	status  int
	types   []string
	fields  []string
	body    string
	chunked bool
}

func TestFieldsAreOfGoodAnswers(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"title":"gone","id":1}`)
	}))
	t.Cleanup(up.Close)
	g := stand(t, up.URL, scoped, "")
	if res, got := g.do("GET", "/one?fields=id", "", "X-API-Key", g.scopes("read")); res.StatusCode != 404 || got != `{"title":"gone"}` {
		t.Errorf("got %d %s", res.StatusCode, got)
	}
}

// TestRecordsLeaveOneByOne reads the first record before the second one is written.
func TestRecordsLeaveOneByOne(t *testing.T) {
	forms := map[string]string{
		"application/x-ndjson":      "%s\n",
		"application/ndjson":        "%s\n",
		"application/jsonl":         "%s\n",
		"application/x-jsonl":       "%s\n",
		"application/json-lines":    "%s\n",
		"application/jsonlines":     "%s\r\n",
		"application/x-json-stream": "%s\n",
		"application/stream+json":   "%s\n",
		"application/json-seq":      "\x1e%s\n",
		"application/geo+json-seq":  "\x1e%s\n",
	}
	media := ""
	for mediaType := range forms {
		media += mediaType + `: { schema: { $ref: "#/components/schemas/One" } }, `
	}
	description := strings.Replace(tagged, `application/json: {`, media+`application/json: {`, 1)
	var mediaType string
	var read chan struct{}
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		_, _ = fmt.Fprintf(w, forms[mediaType], `{"id":1,"secret":"s","x":"y"}`) // the test reads it
		_ = http.NewResponseController(w).Flush()
		select {
		case <-read:
		case <-r.Context().Done():
		}
		_, _ = fmt.Fprintf(w, forms[mediaType], `{"id":2,"secret":"s"}`)
	}))
	t.Cleanup(up.Close)
	g := stand(t, up.URL, description, "")
	for as, form := range forms {
		t.Run(as, func(t *testing.T) {
			mediaType, read = as, make(chan struct{})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, "GET", g.url("/one"), nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := g.h1.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			want := fmt.Sprintf(form, `{"id":1}`)
			first := make([]byte, len(want))
			if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != want {
				t.Fatalf("got %d %q, %v", res.StatusCode, first, err)
			}
			close(read)
			if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != fmt.Sprintf(form, `{"id":2}`) {
				t.Errorf("got %q, %v", rest, err)
			}
		})
	}
}

func TestCodingsOnSeveralLinesAreOne(t *testing.T) {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := io.WriteString(w, `{"id":1,"secret":"s"}`); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var codings []string
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header()["Content-Encoding"] = codings
		_, _ = w.Write(z.Bytes()) // the gate may have refused it
	}))
	t.Cleanup(up.Close)
	g := stand(t, up.URL, tagged, "")
	for _, tt := range []struct {
		codings []string
		status  int
	}{
		{[]string{"gzip"}, 200},
		{[]string{"identity", "gzip"}, 200},
		{[]string{"gzip", "identity"}, 200},
		{[]string{"identity, gzip"}, 200},
		{[]string{"", "gzip"}, 200},
		{[]string{"gzip", "gzip"}, 502},
		{[]string{"gzip, br"}, 502},
		{[]string{"identity", "unknown"}, 502},
	} {
		t.Run(strings.Join(tt.codings, " and "), func(t *testing.T) {
			codings = tt.codings
			res, got := g.do("GET", "/one", "")
			if res.StatusCode != tt.status || tt.status == 200 && (got != `{"id":1}` || res.Header.Get("Content-Encoding") != "") {
				t.Errorf("got %d %q, coding %q", res.StatusCode, got, res.Header["Content-Encoding"])
			}
		})
	}
}
