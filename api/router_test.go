// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"strings"
	"testing"
)

// described makes an API of operations written as "GET /orders/{id}".
func described(t testing.TB, base string, hosts []string, ops ...string) *API {
	t.Helper()
	a := &API{Name: "shop", BasePath: base, Hosts: hosts}
	for i, s := range ops {
		method, path, ok := strings.Cut(s, " ")
		if !ok {
			t.Fatalf("%q is no operation", s)
		}
		a.Operations = append(a.Operations, &Operation{API: a, Index: i, ID: s, Method: method, Path: path})
	}
	return a
}

func router(t testing.TB, apis ...*API) *Router {
	t.Helper()
	r, err := NewRouter(apis...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMatch(t *testing.T) {
	r := router(t, described(t, "", nil,
		"GET /", "GET /orders", "POST /orders", "GET /orders/", "GET /orders/{id}", "DELETE /orders/{id}",
		"GET /users/@me", "GET /users/{user}", "GET /users/{user}/keys", "GET /users/me/mail",
		"GET /files/{name}.json", "GET /files/{name}.{ext}", "GET /files/{name}",
		"GET /repos/{owner}/{repo}/compare/{base}...{head}", "GET /jobs/{job}:cancel", "GET /jobs/{job}",
		"GET /m/{a}-{b}-{c}", "GET /m/{d}", "GET /a/b/c/d", "GET /a/{x}/c/e", "GET /{w}/b/{y}/f", "GET /v{major}.{minor}/x"))
	for _, tt := range []struct {
		name, path, template string
		params               string // name=value, in order
	}{
		{"the root", "/", "/", ""},
		{"a literal", "/orders", "/orders", ""},
		{"a trailing slash is another path", "/orders/", "/orders/", ""},
		{"a parameter", "/orders/7", "/orders/{id}", "id=7"},
		{"a parameter is decoded", "/orders/a%20b%2Fc", "/orders/{id}", "id=a b/c"},
		{"a literal wins over a parameter", "/users/@me", "/users/@me", ""},
		{"an escaped literal is still the literal", "/users/%40me", "/users/@me", ""},
		{"letter case matters", "/Orders", "", ""},
		{"a literal that leads nowhere gives way to the parameter", "/users/@me/keys", "/users/{user}/keys", "user=@me"},
		{"the literal is tried first where both lead on", "/users/me/mail", "/users/me/mail", ""},
		{"two steps back are found", "/a/b/c/e", "/a/{x}/c/e", "x=b"},
		{"three steps back are found, without what was tried", "/a/b/c/f", "/{w}/b/{y}/f", "w=a y=c"},
		{"a literal suffix", "/files/a.json", "/files/{name}.json", "name=a"},
		{"a suffix may stand in the name too", "/files/a.json.json", "/files/{name}.json", "name=a.json"},
		{"two parameters in a segment", "/files/a.tar.gz", "/files/{name}.{ext}", "name=a ext=tar.gz"},
		{"no suffix leaves the whole segment", "/files/a", "/files/{name}", "name=a"},
		{"a parameter in a segment is never empty", "/files/.json", "/files/{name}", "name=.json"},
		{"three dots between parameters", "/repos/o/r/compare/v1.0...v2.0", "/repos/{owner}/{repo}/compare/{base}...{head}", "owner=o repo=r base=v1.0 head=v2.0"},
		{"parameters in a segment are decoded one by one", "/repos/o/r/compare/a%20b...c%20d", "/repos/{owner}/{repo}/compare/{base}...{head}", "owner=o repo=r base=a b head=c d"},
		{"an escaped suffix is still the suffix", "/jobs/7%3Acancel", "/jobs/{job}:cancel", "job=7"},
		{"a prefix and two parameters", "/v1.2/x", "/v{major}.{minor}/x", "major=1 minor=2"},
		{"what a failed attempt found is forgotten", "/m/1-2", "/m/{d}", "d=1-2"},
		{"an undeclared path", "/nothing", "", ""},
		{"a path that goes on too long", "/orders/7/items", "", ""},
		{"an empty segment is no parameter", "/repos//r/compare/a...b", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, params := r.Match("shop.example.org", tt.path, nil)
			var got []string
			for _, p := range params {
				got = append(got, p.Name+"="+p.Value)
			}
			if m.API == nil || m.Path != tt.template || strings.Join(got, " ") != tt.params {
				t.Errorf("Match(%q) = %q with %q, want %q with %q", tt.path, m.Path, got, tt.template, tt.params)
			}
		})
	}
}

func TestMatchKeepsTheEscapedForm(t *testing.T) {
	r := router(t, described(t, "", nil, "GET /x/{a}", "GET /y/{a}-{b}"))
	for _, tt := range []struct{ path, want string }{
		{"/x/1%2C2,3", "1%2C2,3"},
		{"/y/%C3%A9%2C-%20,", "%C3%A9%2C|%20,"},
	} {
		_, params := r.Match("", tt.path, nil)
		var raw []string
		for _, p := range params {
			raw = append(raw, p.Raw)
		}
		if got := strings.Join(raw, "|"); got != tt.want {
			t.Errorf("Match(%q): raw parameters %q, want %q", tt.path, got, tt.want)
		}
	}
}

func TestMatchAppendsBehindWhatIsThere(t *testing.T) {
	r := router(t, described(t, "", nil, "GET /x/{a}"))
	_, params := r.Match("", "/x/1", []Param{{Name: "kept"}})
	if len(params) != 2 || params[0].Name != "kept" || params[1].Name != "a" {
		t.Errorf("params = %v", params)
	}
}

func TestMethods(t *testing.T) {
	r := router(t, described(t, "", nil, "GET /a", "DELETE /a", "POST /b", "OPTIONS /b"))
	for _, tt := range []struct{ name, path, method, id, allow string }{
		{"a declared method", "/a", "DELETE", "DELETE /a", "GET, HEAD, DELETE, OPTIONS"},
		{"HEAD falls back to GET", "/a", "HEAD", "GET /a", "GET, HEAD, DELETE, OPTIONS"},
		{"no HEAD without GET", "/b", "HEAD", "", "POST, OPTIONS"},
		{"OPTIONS where it is declared", "/b", "OPTIONS", "OPTIONS /b", "POST, OPTIONS"},
		{"OPTIONS where it is not", "/a", "OPTIONS", "", "GET, HEAD, DELETE, OPTIONS"},
		{"an undeclared method", "/a", "PUT", "", "GET, HEAD, DELETE, OPTIONS"},
		{"methods are compared with case", "/a", "get", "", "GET, HEAD, DELETE, OPTIONS"},
		{"TRACE is never served", "/a", "TRACE", "", "GET, HEAD, DELETE, OPTIONS"},
		{"an undeclared path allows nothing", "/c", "GET", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, _ := r.Match("", tt.path, nil)
			id := ""
			if op := m.Operation(tt.method); op != nil {
				id = op.ID
			}
			if id != tt.id || m.Allow() != tt.allow {
				t.Errorf("%s %s: %q, allow %q; want %q, %q", tt.method, tt.path, id, m.Allow(), tt.id, tt.allow)
			}
		})
	}
}

func TestHostsAndBasePaths(t *testing.T) {
	one := described(t, "/v1", nil, "GET /x", "GET /")
	two := described(t, "/v2/api", nil, "GET /x")
	hosted := described(t, "/v3", []string{"Shop.Example.org", "::1"}, "GET /x")
	other := described(t, "/v3", []string{"other.example.org:8443"}, "GET /x")
	r := router(t, one, two, hosted, other)
	for _, tt := range []struct {
		name, host, path string
		api              *API
		template         string
	}{
		{"below a base path", "", "/v1/x", one, "/x"},
		{"below a longer base path", "", "/v2/api/x", two, "/x"},
		{"an escaped base path is still the base path", "", "/v%32/api/x", two, "/x"},
		{"the root of a base path", "", "/v1/", one, "/"},
		{"a base path without its slash is undeclared", "", "/v1", one, ""},
		{"a name that only begins like the base path", "", "/v10/x", nil, ""},
		{"half a base path is no API", "", "/v2/x", nil, ""},
		{"no base path is no API", "", "/x", nil, ""},
		{"an API with hosts needs one of them", "", "/v3/x", nil, ""},
		{"hosts are compared without case, port and final dot", "SHOP.example.org.:8443", "/v3/x", hosted, "/x"},
		{"a bracketed address is a host", "[::1]:8443", "/v3/x", hosted, "/x"},
		{"a bracketed address without port too", "[::1]", "/v3/x", hosted, "/x"},
		{"another host has its own API there", "other.example.org", "/v3/x", other, "/x"},
		{"an API without hosts answers on a named host too", "other.example.org", "/v1/x", one, "/x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, _ := r.Match(tt.host, tt.path, nil)
			if m.API != tt.api || m.Path != tt.template {
				t.Errorf("Match(%q, %q): base %v template %q", tt.host, tt.path, m.API, m.Path)
			}
		})
	}
}

func TestOverlappingAPIsAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name          string
		base, other   string
		hosts, hosts2 []string
		overlap       bool
	}{
		{"the same base path", "/v1", "/v1", nil, nil, true},
		{"one base path below the other", "/v1", "/v1/x", nil, nil, true},
		{"the root is above everything", "", "/v1", nil, nil, true},
		{"different base paths", "/v1", "/v2", nil, nil, false},
		{"a base path that begins with the same letters", "/v1", "/v10", nil, nil, false},
		{"different hosts", "", "", []string{"a.example.org"}, []string{"b.example.org"}, false},
		{"one host in common", "", "", []string{"a.example.org"}, []string{"b.example.org", "A.example.org:8443"}, true},
		{"every host holds the named one", "", "", nil, []string{"b.example.org"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewRouter(described(t, tt.base, tt.hosts, "GET /x"), described(t, tt.other, tt.hosts2, "GET /x"))
			if (err != nil) != tt.overlap {
				t.Errorf("NewRouter: %v, want overlap %v", err, tt.overlap)
			}
		})
	}
}

func TestBacktrackingIsBounded(t *testing.T) {
	// Every subset of eleven segments as literals, all other segments as parameters: a path of a's that fails
	// at the end would be tried 2^11 times.
	var ops []string
	for i := range 1 << 11 {
		p := "GET "
		for b := range 11 {
			if i&(1<<b) != 0 {
				p += "/a"
			} else {
				p += fmt.Sprintf("/{p%d}", b)
			}
		}
		ops = append(ops, p+"/end")
	}
	r := router(t, described(t, "", nil, ops...))
	good, _ := r.Match("", strings.Repeat("/a", 11)+"/end", nil)
	if good.Path != strings.Repeat("/a", 11)+"/end" {
		t.Errorf("the literal path was matched as %q", good.Path)
	}
	// Without a bound this takes 4,095 steps. With it, what remains is to find the way back.
	w := walk{steps: maxSteps}
	if l := w.node(&r.any.tree.root, strings.Repeat("/a", 11)+"/other"); l != nil || w.steps >= 0 || w.steps < -20 {
		t.Errorf("matched %v after %d steps, want nothing after about %d", l, maxSteps-w.steps, maxSteps)
	}
}

// BenchmarkMatch shows that routing costs the same with ten operations as with a thousand.
func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{10, 1000} {
		var ops []string
		for i := range n {
			ops = append(ops, fmt.Sprintf("GET /repos/{owner}/{repo}/thing%d/{id}", i))
		}
		r := router(b, described(b, "", nil, ops...))
		b.Run(fmt.Sprintf("%d operations", n), func(b *testing.B) {
			b.ReportAllocs()
			params := make([]Param, 0, 8)
			for b.Loop() {
				m, p := r.Match("shop.example.org", "/repos/octocat/hello-world/thing7/1347", params[:0])
				if m.Operation("GET") == nil || len(p) != 3 {
					b.Fatal("no match")
				}
			}
		})
	}
}
