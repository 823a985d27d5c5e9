// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// The hosts that pages call. The browser is told where each of them is.
const (
	hostOn   = "api.example.org"  // yett
	hostOff  = "off.example.org"  // yett with cors off
	hostBare = "bare.example.org" // the careless upstream itself
)

const shopPage = "https://shop.example.org"

// An attempt is one request that a page makes, and what is wanted of it.
type attempt struct {
	Page  string         `json:"page"`
	Frame string         `json:"frame"`
	URL   string         `json:"url"`
	Init  map[string]any `json:"init"`

	what, at string
	want     string // "reads 200", "reads nothing", "reached", "not reached"
	holds    string // what the page must have read, in the body
	field    string // a field that the page must have read
	reaches  string // the path that the upstream did or did not see
}

func (a *attempt) from() string {
	switch a.Frame {
	case "sandbox":
		return "null (a sandboxed frame of " + a.Page + ")"
	case "data":
		return "null (a data: frame of " + a.Page + ")"
	}
	return a.Page
}

// origin is what the browser must say of where the request came from.
func (a *attempt) origin() string {
	if a.Frame == "sandbox" || a.Frame == "data" {
		return "null"
	}
	return a.Page
}

// met reports whether the answer is the one that is wanted. saw is the answer in words.
func (a *attempt) met(got *answer, saw string) bool {
	if saw != a.want || got.Broken != "" || !strings.Contains(got.Body, a.holds) {
		return false
	}
	if a.field != "" && got.Fields[strings.ToLower(a.field)] == "" {
		return false
	}
	return got.Origin == a.origin() // else the page is not the one that it is thought to be
}

// A world is where everything is.
type world struct {
	ports map[string]string // of the hosts that are called
	keys  map[string]string // that admit there
	web   *pages
	next  int
}

// rules lead the browser to this machine, whatever names it calls.
func (w *world) rules() string {
	var all []string
	for host, port := range w.ports {
		all = append(all, fmt.Sprintf("MAP %s:443 127.0.0.1:%s", host, port))
	}
	return strings.Join(append(all, w.web.rules()), ",")
}

// request is one that a page makes at a host. {n} in the path becomes a number of its own.
func (w *world) request(page, frame, host, what, path string, init map[string]any) *attempt {
	w.next++
	path = strings.ReplaceAll(path, "{n}", fmt.Sprint(w.next))
	all := map[string]any{}
	for k, v := range init {
		all[k] = v
	}
	if h, ok := init["headers"].(map[string]string); ok {
		mine := map[string]string{}
		for k, v := range h {
			mine[k] = strings.ReplaceAll(v, "{key}", w.keys[host])
		}
		all["headers"] = mine
	}
	return &attempt{Page: page, Frame: frame, URL: "https://" + host + path, Init: all, what: what, at: host}
}

var (
	plain   = map[string]any{}
	cookies = map[string]any{"credentials": "include"}
	key     = map[string]any{"headers": map[string]string{"X-API-Key": "{key}"}}
)

func (w *world) cases() []*attempt {
	var all []*attempt
	good := func(page, what, path string, init map[string]any, want, holds, field string) {
		a := w.request(page, "", hostOn, what, path, init)
		a.want, a.holds, a.field = want, holds, field
		all = append(all, a)
	}
	order := map[string]any{"method": "POST", "body": `{"note":"two"}`,
		"headers": map[string]string{"X-API-Key": "{key}", "Content-Type": "application/json", "Idempotency-Key": "1"}}
	good(shopPage, "a public answer", "/window", plain, "reads 200", "secret", "RateLimit")
	good(shopPage, "a public answer with cookies", "/window", cookies, "reads 200", "session=1", "")
	good(shopPage, "with a key, after a preflight that has none", "/orders/{n}", key, "reads 200", "secret", "RateLimit")
	good(shopPage, "an order, after a preflight", "/orders", order, "reads 201", "secret", "Location")
	good(shopPage, "a refusal: no key", "/orders/{n}", plain, "reads 401", "unauthenticated", "WWW-Authenticate")
	good(shopPage, "a refusal: undeclared path", "/nothing", plain, "reads 404", "undeclared_path", "")
	good(shopPage, "a refusal: undeclared method", "/window", map[string]any{"method": "POST"}, "reads 405", "undeclared_method", "Allow")
	good(shopPage, "the last one that the limit admits", "/rare", plain, "reads 200", "secret", "")
	good(shopPage, "a refusal: the limit is used up", "/rare", plain, "reads 429", "rate_limited", "Retry-After")
	good("http://localhost:"+w.web.port(), "a public answer", "/window", plain, "reads 200", "secret", "")

	// attack is asked of yett, and of host, which must let it happen.
	attack := func(page, frame, host, what, path string, init map[string]any) {
		a := w.request(page, frame, hostOn, what, path, init)
		a.want = "reads nothing"
		b := w.request(page, frame, host, what, path, init)
		b.want, b.holds = "reads 200", "secret"
		all = append(all, a, b)
	}
	for _, page := range w.web.strangers() {
		attack(page, "", hostOff, "a public answer", "/window", plain)
		attack(page, "", hostOff, "a public answer with cookies", "/window", cookies)
		attack(page, "", hostBare, "with a key that it stole", "/orders/{n}", key)
	}
	attack("https://evil.example.net", "sandbox", hostOff, "a public answer", "/window", plain)
	attack("https://evil.example.net", "sandbox", hostBare, "with a key", "/orders/{n}", key)
	attack(shopPage, "sandbox", hostOff, "a public answer", "/window", plain)
	attack(shopPage, "data", hostOff, "a public answer", "/window", plain)
	attack("https://evil.example.net", "", hostBare, "a refusal", "/orders/{n}", plain)
	attack(shopPage, "", hostBare, "an undeclared method", "/orders/{n}", map[string]any{"method": "PUT"})
	attack(shopPage, "", hostBare, "a field that is not declared", "/window", map[string]any{"headers": map[string]string{"X-Other": "1"}})
	attack(shopPage, "", hostBare, "a type where there is no body", "/window", map[string]any{"headers": map[string]string{"Content-Type": "application/json"}})

	// A change needs no answer to do harm: what counts is whether the upstream saw it.
	for _, page := range []string{"https://evil.example.net", "https://evil.example.org", "http://shop.example.org"} {
		all = append(all, w.change(page, "form", hostOn, "not reached"), w.change(page, "form", hostOff, "reached"))
	}
	// Chromium sends no cookies of another site with fetch, but a neighbour is the same site.
	all = append(all, w.change("https://evil.example.org", "", hostOn, "not reached"), w.change("https://evil.example.org", "", hostOff, "reached"))
	return append(all, w.change(shopPage, "form", hostOn, "reached"), w.change(shopPage, "", hostOn, "reached"))
}

// change is one with cookies that needs no preflight.
func (w *world) change(page, frame, host, want string) *attempt {
	what := "a change with cookies by fetch"
	if frame == "form" {
		what = "a change with cookies by a form"
	}
	a := w.request(page, frame, host, what, "/notes/{n}",
		map[string]any{"method": "POST", "mode": "no-cors", "credentials": "include", "body": "hello", "headers": map[string]string{"Content-Type": "text/plain"}})
	a.reaches, a.want = strings.TrimPrefix(a.URL, "https://"+host), want
	return a
}
