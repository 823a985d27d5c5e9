// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"yett/api"
	"yett/exchange"
	"yett/store"
	"yett/store/memory"
)

// A gate is a server whose requests go through a door, with all that they left behind.
type gate struct {
	*httptest.Server
	keys    *Keys
	records chan exchange.Record
	// What the upstream got with the last request that was let through.
	query, cookie, credentials string
}

func (g *gate) Do(x *exchange.Exchange) error {
	g.query, g.cookie = x.Request.Query, x.Request.Header.Get("Cookie")
	var names []string
	for _, c := range x.Credentials {
		names = append(names, c.Scheme+"="+c.Caller.Key)
	}
	g.credentials = strings.Join(names, " ")
	x.Answer.Status = http.StatusNoContent
	return nil
}

// newGate serves op behind the part that Practice builds for its API. op is nil for a door without a description.
func newGate(t *testing.T, k *Keys, counters store.Counters, op *api.Operation) *gate {
	t.Helper()
	g := &gate{keys: k, records: make(chan exchange.Record, 1000)}
	step := (&door{keys: k, counters: counters}).check
	if op != nil {
		op.API = &api.API{Name: "shop", Operations: []*api.Operation{op}}
		step = newDoor(k, counters, op.API).check
	}
	chain := &exchange.Chain{Operation: op, Request: []exchange.Link{{Practice: "apikey", Step: step}}, Upstream: g}
	g.Server = httptest.NewServer(&exchange.Server{
		Route:   func(*exchange.Exchange) (*exchange.Chain, error) { return chain, nil },
		Observe: []func(exchange.Record){func(r exchange.Record) { g.records <- r }},
	})
	t.Cleanup(g.Close)
	return g
}

// send writes a raw request and returns status, code and header of the answer, and the record.
func (g *gate) send(t *testing.T, target string, header ...string) (status int, code string, h http.Header, r exchange.Record) {
	t.Helper()
	g.credentials = "none"
	conn, err := net.Dial("tcp", g.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // a test connection
	req := "GET " + target + " HTTP/1.1\r\nHost: api.example.org\r\nConnection: close\r\n"
	for _, l := range header {
		req += l + "\r\n"
	}
	if _, err := io.WriteString(conn, req+"\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var p struct{ Code, Detail string }
	if len(body) > 0 {
		if err := json.Unmarshal(body, &p); err != nil {
			t.Fatalf("%v in %q", err, body)
		}
	}
	return res.StatusCode, p.Code, res.Header, <-g.records
}

// decision is what apikey decided.
func decision(r exchange.Record) exchange.Decision {
	for _, d := range r.Decisions {
		if d.Practice == "apikey" {
			return d
		}
	}
	return exchange.Decision{}
}

func TestCheck(t *testing.T) {
	k, c := newKeys(t)
	good, text := create(t, k, NewKey{})
	revoked, revokedText := create(t, k, NewKey{})
	revoke(t, k, revoked.ID)
	expired, expiredText := create(t, k, NewKey{Expires: c.Now().Add(time.Minute)})
	elsewhere, elsewhereText := create(t, k, NewKey{Networks: prefixes("192.0.2.0/24")})
	c.Add(time.Minute)
	unknownID, unknown := newKey()
	g := newGate(t, k, nil, nil)
	for _, tt := range []struct {
		name   string
		header []string
		status int
		code   string
		note   string
	}{
		{"no key: not ours to refuse", nil, 204, "", ""},
		{"a key that works", []string{"X-API-Key: " + text}, 204, "", good.ID},
		{"the field's name in lower case", []string{"x-api-key: " + text}, 204, "", good.ID},
		{"a key that nobody issued", []string{"X-API-Key: " + unknown}, 401, "invalid_key", unknownID + " unknown"},
		{"a revoked key", []string{"X-API-Key: " + revokedText}, 401, "invalid_key", revoked.ID + " revoked"},
		{"an expired key", []string{"X-API-Key: " + expiredText}, 401, "invalid_key", expired.ID + " expired"},
		{"a key from outside its networks", []string{"X-API-Key: " + elsewhereText}, 401, "invalid_key", elsewhere.ID + " wrong network"},
		{"a key with one character more", []string{"X-API-Key: " + text + "0"}, 401, "invalid_key", "malformed"},
		{"two keys in one field", []string{"X-API-Key: " + text + ", " + text}, 401, "invalid_key", "malformed"},
		{"an empty field", []string{"X-API-Key:"}, 401, "invalid_key", "malformed"},
		{"257 bytes", []string{"X-API-Key: " + strings.Repeat("A", 257)}, 401, "invalid_key", "malformed"},
		{"60,000 bytes", []string{"X-API-Key: " + strings.Repeat("A", 60_000)}, 401, "invalid_key", "malformed"},
		{"the field twice, both times right", []string{"X-API-Key: " + text, "X-API-Key: " + text}, 400, "repeated_credential", "X-API-Key presented twice"},
		{"the field twice, the first time wrong", []string{"X-API-Key: " + unknown, "x-api-key: " + text}, 400, "repeated_credential", "X-API-Key presented twice"},
		{"a key where none is described", []string{"Authorization: Bearer " + unknown}, 204, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, code, h, r := g.send(t, "/orders", tt.header...)
			if status != tt.status || code != tt.code {
				t.Errorf("got %d %q, want %d %q", status, code, tt.status, tt.code)
			}
			if got := decision(r).Note; got != tt.note {
				t.Errorf("note %q, want %q", got, tt.note)
			}
			if got := h.Get("WWW-Authenticate"); (got != "") != (tt.status == 401) {
				t.Errorf("%d with WWW-Authenticate %q", status, got)
			}
		})
	}
}

// What a caller sees must not say why a key is refused; what the operator sees must.
func TestRefusalsLookAlike(t *testing.T) {
	k, c := newKeys(t)
	revoked, revokedText := create(t, k, NewKey{})
	revoke(t, k, revoked.ID)
	_, expiredText := create(t, k, NewKey{Expires: c.Now().Add(time.Minute)})
	_, elsewhereText := create(t, k, NewKey{Networks: prefixes("192.0.2.0/24")})
	c.Add(time.Minute)
	_, unknown := newKey()
	server := httptest.NewServer(k.Handler(http.NotFoundHandler()))
	defer server.Close()
	var first string
	for _, key := range []string{unknown, revokedText, expiredText, elsewhereText, "letmein", strings.Repeat("x", 1000)} {
		req, err := http.NewRequest(http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-API-Key", key)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Fatal(err)
		}
		var p map[string]any
		if err := json.Unmarshal(body, &p); err != nil {
			t.Fatal(err)
		}
		delete(p, "instance")
		res.Header.Del("Date")
		res.Header.Del("Content-Length") // instances are of one length; compared with the body
		seen := fmt.Sprint(res.StatusCode, res.Header, p, len(body))
		if first == "" {
			first = seen
		}
		if seen != first {
			t.Errorf("two refusals differ:\n%s\n%s", first, seen)
		}
	}
}

func TestStoreOutOfReachIs503(t *testing.T) {
	k, _ := newKeys(t)
	_, text := create(t, k, NewKey{})
	g := newGate(t, k, nil, nil)
	if err := k.db.Close(); err != nil {
		t.Fatal(err)
	}
	status, code, h, r := g.send(t, "/", "X-API-Key: "+text)
	if status != 503 || code != "cannot_decide" || h.Get("Retry-After") == "" || h.Get("WWW-Authenticate") != "" {
		t.Errorf("got %d %q %v", status, code, h)
	}
	if r.Reached || g.credentials != "none" || decision(r).Outcome != exchange.Failed {
		t.Errorf("the record is %+v", r)
	}
	if status, _, _, _ := g.send(t, "/", "X-API-Key: letmein"); status != 401 {
		t.Errorf("a malformed key needs no store and got %d", status)
	}
}

func scheme(name, in, param string) *api.Scheme {
	return &api.Scheme{Name: name, Kind: api.APIKey, In: in, Param: param}
}

func oneOf(schemes ...*api.Scheme) *api.Operation {
	op := &api.Operation{ID: "op"}
	for _, s := range schemes {
		op.Security = append(op.Security, api.Requirement{{Scheme: s}})
	}
	return op
}

func TestPlaces(t *testing.T) {
	k, _ := newKeys(t)
	key, text := create(t, k, NewKey{})
	_, unknown := newKey()
	escaped := strings.ReplaceAll(url.QueryEscape(text), "y", "%79")
	header, query, cookie := scheme("H", "header", "X-API-Key"), scheme("Q", "query", "api_key"), scheme("C", "cookie", "session")
	auth := scheme("A", "header", "Authorization")
	bearer := &api.Scheme{Name: "B", Kind: api.Bearer}
	both := &api.Operation{ID: "both", Security: []api.Requirement{{{Scheme: header}, {Scheme: query}}}}
	public := &api.Operation{ID: "public", Public: "anybody may look"}
	h := func(v string) string { return "X-API-Key: " + v }
	id := key.ID
	for _, tt := range []struct {
		name        string
		op          *api.Operation
		target      string
		header      []string
		status      int
		credentials string
		query       string
		cookie      string
	}{
		{"a query parameter where the description has it", oneOf(query), "/?a=1&api_key=" + text + "&b=%2f", nil, 204, "Q=" + id, "a=1&b=%2f", ""},
		{"the parameter alone leaves an empty query", oneOf(query), "/?api_key=" + text, nil, 204, "Q=" + id, "", ""},
		{"an escaped parameter is the same parameter", oneOf(query), "/?api%5fkey=" + escaped + "&a", nil, 204, "Q=" + id, "a", ""},
		{"a parameter twice", oneOf(query), "/?api_key=" + text + "&api_key=" + text, nil, 400, "none", "", ""},
		{"a parameter twice, once escaped", oneOf(query), "/?api_key=" + text + "&%61pi_key=" + text, nil, 400, "none", "", ""},
		{"a wrong key in the query", oneOf(query), "/?api_key=" + unknown, nil, 401, "none", "", ""},
		{"a parameter without value", oneOf(query), "/?api_key", nil, 401, "none", "", ""},
		{"a parameter of other case is another one", oneOf(query), "/?API_KEY=" + text, nil, 204, "", "API_KEY=" + text, ""},
		{"a query parameter that is not described", oneOf(header), "/?X-API-Key=" + text, nil, 204, "", "X-API-Key=" + text, ""},
		{"a cookie where the description has it", oneOf(cookie), "/", []string{"Cookie: a=1; session=" + text + "; b=2"}, 204, "C=" + id, "", "a=1; b=2"},
		{"the cookie alone leaves none", oneOf(cookie), "/", []string{"Cookie: session=" + text}, 204, "C=" + id, "", ""},
		{"a cookie in the second line", oneOf(cookie), "/", []string{"Cookie: a=1", "Cookie: session=" + text}, 204, "C=" + id, "", "a=1"},
		{"a cookie twice", oneOf(cookie), "/", []string{"Cookie: session=" + text, "Cookie: session=" + unknown}, 400, "none", "", ""},
		{"a wrong cookie", oneOf(cookie), "/", []string{"Cookie: session=" + unknown}, 401, "none", "", ""},
		{"a cookie that is not described", oneOf(header), "/", []string{"Cookie: X-API-Key=" + text}, 204, "", "", "X-API-Key=" + text},
		{"one of two places is enough", oneOf(header, query), "/?api_key=" + text, nil, 204, "Q=" + id, "", ""},
		{"a wrong key in one place is refused, whatever the other holds", oneOf(header, query), "/?api_key=" + text, []string{h(unknown)}, 401, "none", "", ""},
		{"two places at once are two credentials", both, "/?api_key=" + text, []string{h(text)}, 204, "H=" + id + " Q=" + id, "", ""},
		{"two schemes at one place share its key", oneOf(query, scheme("Q2", "query", "api_key")), "/?api_key=" + text, nil, 204, "Q=" + id + " Q2=" + id, "", ""},
		{"names of fields have no case", oneOf(header, scheme("H2", "header", "x-api-key")), "/", []string{h(text)}, 204, "H=" + id + " H2=" + id, "", ""},
		{"Authorization with the key alone", oneOf(auth), "/", []string{"Authorization: " + text}, 204, "A=" + id, "", ""},
		{"Authorization with the word ApiKey", oneOf(auth), "/", []string{"Authorization: apikey " + text}, 204, "A=" + id, "", ""},
		{"Authorization with the word Bearer", oneOf(auth), "/", []string{"Authorization: Bearer " + text}, 204, "A=" + id, "", ""},
		{"a password instead of a key", oneOf(auth), "/", []string{"Authorization: Basic YTpi"}, 401, "none", "", ""},
		{"a token, where tokens are described too, is not ours", oneOf(auth, bearer), "/", []string{"Authorization: Bearer eyJ.e30.x"}, 204, "", "", ""},
		{"a wrong key is ours even there", oneOf(auth, bearer), "/", []string{"Authorization: Bearer " + unknown}, 401, "none", "", ""},
		{"a public operation reads no key", public, "/", []string{h(unknown)}, 204, "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGate(t, k, nil, tt.op)
			status, _, _, r := g.send(t, tt.target, tt.header...)
			if status != tt.status || g.credentials != tt.credentials {
				t.Errorf("got %d with credentials %q, want %d with %q", status, g.credentials, tt.status, tt.credentials)
			}
			if status == 204 && (g.query != tt.query || g.cookie != tt.cookie) {
				t.Errorf("the upstream got query %q and cookie %q, want %q and %q", g.query, g.cookie, tt.query, tt.cookie)
			}
			if b, err := json.Marshal(r); err != nil || strings.Contains(string(b), text[len(prefix)+idLen:]) {
				t.Errorf("the record holds the key (%v)", err)
			}
		})
	}
}

func TestFailingAttemptsAreLimited(t *testing.T) {
	k, c := newKeys(t)
	_, text := create(t, k, NewKey{})
	g := newGate(t, k, memory.New(memory.Options{Now: c.Now}), nil)
	_, unknown := newKey()
	for i := range 100 {
		if status, _, _, _ := g.send(t, "/", "X-API-Key: "+unknown); status != 401 {
			t.Fatalf("attempt %d: %d, want 401", i+1, status)
		}
	}
	status, code, h, _ := g.send(t, "/", "X-API-Key: "+unknown)
	if status != 429 || code != "too_many_failures" {
		t.Errorf("attempt 101: %d %q, want 429", status, code)
	}
	if n, err := strconv.Atoi(h.Get("Retry-After")); err != nil || n != 1 {
		t.Errorf("Retry-After %q, want 1", h.Get("Retry-After"))
	}
	if status, _, _, _ := g.send(t, "/", "X-API-Key: "+text); status != 204 {
		t.Errorf("the right key got %d from the address that failed", status)
	}
	c.Add(600 * time.Millisecond)
	if status, _, _, _ := g.send(t, "/", "X-API-Key: letmein"); status != 401 {
		t.Errorf("when one attempt is free again: %d, want 401", status)
	}
	if status, _, _, _ := g.send(t, "/", "X-API-Key: letmein"); status != 429 {
		t.Errorf("and one more: %d, want 429", status)
	}
}

// brokenCounters are counters whose server is gone: those in memory never are.
type brokenCounters struct{ store.Counters }

func (brokenCounters) Take(context.Context, string, store.Rate, int64) (store.Taken, error) {
	return store.Taken{}, errors.New("connection refused")
}

func TestFailingAttemptsAreRefusedWhereTheyCannotBeCounted(t *testing.T) {
	k, _ := newKeys(t)
	g := newGate(t, k, brokenCounters{}, nil)
	status, code, _, r := g.send(t, "/", "X-API-Key: letmein")
	if status != 401 || code != "invalid_key" {
		t.Errorf("got %d %q, want 401", status, code)
	}
	if note := decision(r).Note; !strings.Contains(note, "not counted") {
		t.Errorf("the note %q does not tell it", note)
	}
}

// Nothing that is logged, at any level, holds a key.
func TestLogsHoldNoKey(t *testing.T) {
	var log strings.Builder
	db := newStore(t)
	k, err := New(Config{}, Options{Store: db, Pepper: testPepper, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	key, text := create(t, k, NewKey{})
	g := newGate(t, k, nil, nil)
	g.send(t, "/", "X-API-Key: "+text)
	g.send(t, "/", "X-API-Key: "+text+"0")
	next, nextText := rotate(t, k, key.ID, 0)
	revoke(t, k, next.ID)
	if !strings.Contains(log.String(), key.ID) {
		t.Fatal("the log does not name the key: the test looks at the wrong place")
	}
	for _, s := range []string{text[len(prefix)+idLen:], nextText[len(prefix)+idLen:]} {
		if strings.Contains(log.String(), s) {
			t.Error("the log holds a key")
		}
	}
}
