// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestExplainSaysWhatAPageWouldMeet(t *testing.T) {
	g := newGate(t, listing(shopPage), map[string]Config{"updateOrder": withCookies(listing(shopPage))}, ok)
	if len(g.gateway.Routes) != 1 {
		t.Fatal("there is no route")
	}
	for _, tt := range []struct {
		name, origin, method, path  string
		answers, preflight, cookies bool
		says                        string
	}{
		{"a listed origin", shopPage, "post", "/orders", true, true, false, "Idempotency-Key"},
		{"a template is a path too", shopPage, "GET", "/orders/{id}", true, true, false, "X-API-Key"},
		{"cookies where they are set", shopPage, "PATCH", "/orders/1", true, true, true, "cors.credentials is true"},
		{"an undeclared method", shopPage, "PUT", "/orders/1", true, false, false, "PUT is not declared"},
		{"another origin", "https://evil.example.net", "POST", "/orders", false, false, false, "add it to cors.origins"},
		{"another scheme", "http://shop.example.org", "POST", "/orders", false, false, false, "in clear"},
		{"another port", shopPage + ":8443", "POST", "/orders", false, false, false, "another port"},
		{"null", "null", "POST", "/orders", false, false, false, "sandboxed"},
		{"a slash too many", shopPage + "/", "POST", "/orders", false, false, false, "ends in a slash"},
		{"an undeclared path", shopPage, "GET", "/nothing", false, false, false, "not declared"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := url.Values{"origin": {tt.origin}, "method": {tt.method}, "path": {tt.path}}
			w := httptest.NewRecorder()
			g.gateway.Routes[0].Handler.ServeHTTP(w, httptest.NewRequest("GET", "/explain/cors?"+q.Encode(), nil))
			var e Explanation
			if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
				t.Fatal(err)
			}
			if e.Answers.OK != tt.answers || e.Preflight.OK != tt.preflight || e.Cookies.OK != tt.cookies || !strings.Contains(w.Body.String(), tt.says) {
				t.Errorf("got %s", w.Body)
			}
		})
	}
	w := httptest.NewRecorder()
	g.gateway.Routes[0].Handler.ServeHTTP(w, httptest.NewRequest("GET", "/explain/cors?path=nothing", nil))
	if w.Code != http.StatusBadRequest {
		t.Errorf("a path that is none: %d", w.Code)
	}
}

// What explain says must be what a browser meets.
func TestExplainAndTheGateAgree(t *testing.T) {
	g := newGate(t, listing(shopPage), map[string]Config{"deleteOrder": listing("https://office.example.org")}, ok)
	for _, origin := range []string{shopPage, "https://office.example.org", "https://evil.example.net", "null"} {
		for _, call := range []string{"POST /orders", "GET /orders/1", "PUT /orders/1", "DELETE /orders/1"} {
			method, path, _ := strings.Cut(call, " ")
			q := url.Values{"origin": {origin}, "method": {method}, "path": {path}}
			w := httptest.NewRecorder()
			g.gateway.Routes[0].Handler.ServeHTTP(w, httptest.NewRequest("GET", "/explain/cors?"+q.Encode(), nil))
			var e Explanation
			if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
				t.Fatal(err)
			}
			h := g.ask(t, "OPTIONS", path, "Origin: "+origin, "Access-Control-Request-Method: "+method).Header
			if e.Answers.OK != (h.Get("Access-Control-Allow-Origin") == origin) ||
				strings.Join(e.Methods, ", ") != h.Get("Access-Control-Allow-Methods") || strings.Join(e.Headers, ", ") != h.Get("Access-Control-Allow-Headers") {
				t.Errorf("%s from %s: explain says %+v, the gate %v", call, origin, e, h)
			}
		}
	}
}
