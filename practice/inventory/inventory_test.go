// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"yett/api"
	"yett/exchange"
)

func TestOnlyWhatIsDeclaredAndOpenExists(t *testing.T) {
	closed := Config{Disable: Disable{Operations: []string{"putNote"}, Tags: []string{"old"}}}
	db := newStore(t)
	for _, tt := range []struct {
		name           string
		config         Config
		method, target string
		status         int
		code           string
	}{
		{"a declared operation passes", closed, "GET", "/v1/notes/1", 200, ""},
		{"HEAD passes where GET does", closed, "HEAD", "/v1/notes/1", 200, ""},
		{"a template that begins with a parameter passes", closed, "GET", "/v1/letters/1/raw", 200, ""},
		{"an operation disabled by id is not there", closed, "PUT", "/v1/notes/1", 404, "operation_disabled"},
		{"an operation disabled by tag is not there", closed, "POST", "/v1/export", 404, "operation_disabled"},
		{"nor is it for HEAD", closed, "HEAD", "/v1/notes/1/history", 404, ""},
		{"nothing is disabled where nothing is named", Config{}, "POST", "/v1/export", 200, ""},
		{"an undeclared path is not there", Config{}, "GET", "/v1/drafts", 404, "undeclared_path"},
		{"nor is a path outside the base", Config{}, "GET", "/notes/1", 404, "undeclared_path"},
		{"an undeclared method is refused", Config{}, "DELETE", "/v1/notes/1", 405, "undeclared_method"},
		{"TRACE is refused", Config{}, "TRACE", "/v1/notes/1", 405, "undeclared_method"},
		{"OPTIONS tells the methods", Config{}, "OPTIONS", "/v1/notes/1", 204, ""},
		{"a declared debug path is not there", Config{}, "GET", "/v1/debug/notes", 404, "debug_path"},
		{"a debug path that fits a template is not there", Config{}, "GET", "/v1/debug/pprof/raw", 404, "debug_path"},
		{"nor is one in capitals", Config{}, "GET", "/v1/Actuator/env/raw", 404, "debug_path"},
		{"nor is a file that was deployed by mistake", Config{}, "GET", "/v1/.git/config/raw", 404, "debug_path"},
		{"nor is one with its dot escaped", Config{}, "GET", "/v1/%2Egit/config/raw", 404, "debug_path"},
		{"the word further behind is a value", Config{}, "GET", "/v1/notes/debug", 200, ""},
		{"a word that only begins so is another word", Config{}, "GET", "/v1/debugging/1/raw", 200, ""},
		{"metrics is an honest word", Config{}, "GET", "/v1/metrics/1/raw", 200, ""},
		{"a debug path is there for a reason", Config{AllowDebug: "for the operators' own dashboard"}, "GET", "/v1/debug/notes", 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			up := new(upstream)
			w := call(inventoryOn(t, db, tt.config).Handler(up), tt.method, tt.target)
			var doc struct{ Code, Detail string }
			if tt.code != "" {
				if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
					t.Fatalf("%v in %s", err, w.Body)
				}
			}
			if w.Code != tt.status || doc.Code != tt.code || (up.reached == 1) != (tt.status == 200) {
				t.Errorf("%s %s: got %d %q, reached %d times; want %d %q", tt.method, tt.target, w.Code, doc.Code, up.reached, tt.status, tt.code)
			}
			if tt.status == 404 && tt.code != "" && doc.Detail != "There is nothing here." {
				t.Errorf("what was closed answers %q, unlike what never was", doc.Detail)
			}
			if (w.Code == 405 || w.Code == 204) && w.Header().Get("Allow") != "GET, HEAD, PUT, OPTIONS" {
				t.Errorf("Allow: %q", w.Header().Get("Allow"))
			}
		})
	}
}

func TestNamesThatNothingHasAreAnError(t *testing.T) {
	db := newStore(t)
	for _, tt := range []struct {
		name   string
		config Config
		want   string // part of the error
	}{
		{"a misspelt operation", Config{Disable: Disable{Operations: []string{"putNote", "getNoet"}}}, `disable.operations[1]: no operation is called "getNoet" (did you mean getNote?)`},
		{"a misspelt tag", Config{Disable: Disable{Tags: []string{"note"}}}, `disable.tags[0]: no operation carries the tag "note" (did you mean notes?)`},
		{"nothing near", Config{Disable: Disable{Tags: []string{"customers"}}}, `"customers"`},
		{"twice", Config{Disable: Disable{Tags: []string{"old", "old"}}}, "disable.tags[1]"},
		{"empty", Config{Disable: Disable{Operations: []string{" "}}}, "disable.operations[0]: nothing is named"},
		{"no reason", Config{AllowDebug: "True"}, `allow_debug: "True" is no reason (write why)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(tt.config, Options{APIs: []*api.API{notes(t)}, Store: db})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if err != nil && tt.name == "nothing near" && strings.Contains(err.Error(), "did you mean") {
				t.Errorf("it guesses: %v", err)
			}
		})
	}
}

func TestAnAPIAddsToWhatTheGatewayDisables(t *testing.T) {
	a := notes(t)
	c := newCatalogue([]*api.API{a})
	gateway := Config{Disable: Disable{Tags: []string{"old"}}}
	own := Config{Disable: Disable{Operations: []string{"getNote"}}} // as merged: the key replaces the gateway's
	if err := c.configureAll(gateway); err != nil {
		t.Fatal(err)
	}
	if err := c.configureAPI(own, a); err != nil {
		t.Fatal(err)
	}
	for _, op := range a.Operations {
		want := op.ID == "getNote" || op.ID == "export" || op.ID == "oldHistory"
		if c.disabled[op] != want {
			t.Errorf("%s: disabled %v, want %v", op.ID, c.disabled[op], want)
		}
	}
	op := a.Operations[0]
	for _, merged := range []Config{own, gateway} {
		if err := c.configureOperation(merged, op); err != nil {
			t.Errorf("an operation that inherits: %v", err)
		}
	}
	if err := c.configureOperation(Config{Disable: Disable{Operations: []string{"putNote"}}}, op); err == nil {
		t.Error("an operation's block disables another one, and nobody notices")
	}
	if err := c.configureAPI(Config{Disable: Disable{Operations: []string{"putNot"}}}, a); err == nil || !strings.HasPrefix(err.Error(), "disable.operations[0]: ") {
		t.Errorf("a misspelt name at the API: %v", err)
	}
}

func TestTheHandlerCountsWhatItServesAndWhatItRefuses(t *testing.T) {
	inv := newInventory(t, Config{Disable: Disable{Operations: []string{"putNote"}}})
	h := inv.Handler(new(upstream))
	for _, target := range []string{"GET /v1/notes/1", "HEAD /v1/notes/2", "OPTIONS /v1/notes/1", "GET /v1/notes/1/history", "PUT /v1/notes/1",
		"GET /v1/drafts/4711?secret=1", "TRACE /v1/notes/1", "GET " + probe, "GET /.env"} {
		method, path, _ := strings.Cut(target, " ")
		call(h, method, path)
	}
	r := report(t, inv)
	for _, want := range []Operation{
		{ID: "getNote", State: Declared, Calls: 2}, {ID: "putNote", State: Disabled, Refused: 1}, {ID: "oldHistory", State: Zombie, Calls: 1},
		{ID: "export", State: Orphan},
	} {
		if got := r.operation(t, want.ID); got.State != want.State || got.Calls != want.Calls || got.Refused != want.Refused || got.LastCalled.IsZero() != (want.Calls == 0) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if len(r.Shadow) != 2 || r.shape("GET", "/v1/drafts/{…}").Calls != 1 || !r.shape("GET", "/.env").Debug || r.shape("GET", "/v1/drafts/{…}").Debug {
		t.Errorf("shadow: %+v", r.Shadow)
	}
	if want := (Counts{Declared: 1, Orphan: 3, Zombie: 1, Disabled: 1, Shadow: 2}); r.Counts != want {
		t.Errorf("counts: %+v, want %+v", r.Counts, want)
	}
}

func TestACheckWithoutAnOperationRefuses(t *testing.T) {
	up := new(upstream)
	if w := call(exchange.Middleware(up, newInventory(t, Config{}).Check), "GET", "/v1/notes/1"); w.Code != http.StatusNotFound || up.reached != 0 {
		t.Errorf("got %d, reached %d times", w.Code, up.reached)
	}
}
