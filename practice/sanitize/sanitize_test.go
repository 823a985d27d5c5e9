// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// answered is what a client gets of an answer behind a Sanitizer.
func answered(c Config, o Options, status int, body string, fields ...string) *httptest.ResponseRecorder {
	h := New(c, o).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(fields); i += 2 {
			w.Header().Add(fields[i], fields[i+1])
		}
		if w.Header().Get("Content-Type") == "" {
			w.Header().Set("Content-Type", "application/json")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://api.example.org/x", nil))
	return w
}

var options = Options{Upstream: "http://shop.internal:9000/base", PublicURL: "https://api.example.org"}

func TestErrorsTellNothing(t *testing.T) {
	for _, tt := range []struct {
		name   string
		c      Config
		status int
		body   string
		want   int
		code   string // "" the body passes
	}{
		{"a failure is replaced whatever it says", Config{}, 500, `{"ok":true}`, 500, "upstream_error"},
		{"its status stays", Config{}, 503, "", 503, "upstream_error"},
		{"a plain refusal passes", Config{}, 404, `{"error":"no such order"}`, 404, ""},
		{"a refusal that leaks is replaced", Config{}, 404, leaking[0].text, 404, "upstream_leak"},
		{"one frame is enough in an error", Config{}, 400, "\n    at f (/app/a.js:1:2)", 400, "upstream_leak"},
		{"a path is enough in an error", Config{}, 400, "open /home/deploy/shop/a.txt", 400, "upstream_leak"},
		{"a path is data in a good answer", Config{}, 200, "open /home/deploy/shop/a.txt", 200, ""},
		{"forbidden is forbidden", Config{}, 403, "{}", 403, ""},
		{"unless it is hidden", Config{HideForbidden: true}, 403, "{}", 404, "not_found"},
		{"then unknown looks the same", Config{HideForbidden: true}, 404, "{}", 404, "not_found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := answered(tt.c, options, tt.status, tt.body, "X-Own", "secret", "Retry-After", "7")
			if w.Code != tt.want {
				t.Errorf("got %d, want %d", w.Code, tt.want)
			}
			if tt.code == "" && w.Body.String() != tt.body || tt.code != "" && !strings.Contains(w.Body.String(), `"code":"`+tt.code+`"`) {
				t.Errorf("got %s", w.Body)
			}
			if tt.code != "" && w.Header().Get("X-Own") != "" {
				t.Error("a field of the replaced answer is left")
			}
			if tt.status >= 500 && w.Header().Get("Retry-After") != "7" {
				t.Error("Retry-After is lost")
			}
			if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Content-Security-Policy") == "" {
				t.Errorf("fields %v", w.Header())
			}
		})
	}
}

func TestHiddenAnswersAreTheSameButForTheirID(t *testing.T) {
	a := answered(Config{HideForbidden: true}, options, 403, "{}", "X-Own", "1")
	b := answered(Config{HideForbidden: true}, options, 404, `{"x":1}`, "Etag", "2")
	strip := func(s string) string { i := strings.Index(s, "urn:uuid:"); return s[:i] + s[i+45:] }
	if strip(a.Body.String()) != strip(b.Body.String()) || len(a.Header()) != len(b.Header()) {
		t.Errorf("%s %v\n%s %v", a.Body, a.Header(), b.Body, b.Header())
	}
}

func TestFieldsTellNothing(t *testing.T) {
	for _, tt := range []struct {
		name, field, value string
		status             int
		want               string
	}{
		{"the server's name goes", "Server", "nginx/1.25", 200, ""},
		{"in any case", "x-POWERED-by", "PHP/8", 200, ""},
		{"whole families go", "X-Debug-Anything", "1", 200, ""},
		{"long names too", "X-Envoy-Decorator-Operation", "1", 200, ""},
		{"a field to be removed goes", "X-Shard", "7", 200, ""},
		{"other fields stay", "X-Total-Count", "7", 200, "7"},
		{"the upstream becomes the public address", "Location", "http://shop.internal:9000/base/orders/7?a=b", 200, "https://api.example.org/orders/7?a=b"},
		{"without its name too", "Location", "/base/orders/7", 200, "/orders/7"},
		{"escapes stay as they are", "Location", "/base/a%2Fb", 200, "/a%2Fb"},
		{"a path that only begins alike stays", "Location", "/basement", 200, "/basement"},
		{"the public address stays", "Location", "https://api.example.org/orders/7", 200, "https://api.example.org/orders/7"},
		{"another site stays", "Location", "https://pay.example.com/", 200, "https://pay.example.com/"},
		{"another internal port is refused", "Location", "http://shop.internal:9001/", 502, ""},
		{"the called name with another port is not the called one", "Location", "http://localhost:9001/", 502, ""},
		{"a private address is refused", "Location", "http://10.0.0.7/", 502, ""},
		{"a carrier's address is refused", "Location", "http://100.64.0.7/", 502, ""},
		{"IPv4 written as IPv6 is refused", "Location", "http://[::ffff:10.0.0.7]/", 502, ""},
		{"a name without a dot is refused", "Content-Location", "http://db/", 502, ""},
		{"a service of a cluster is refused", "Link", `<http://orders.shop.svc/x>; rel="next"`, 502, ""},
		{"links are rewritten", "Link", `<http://shop.internal:9000/base/?p=2>; rel="next", </base/?p=9>; rel="last"`, 200, `<https://api.example.org/?p=2>; rel="next", </?p=9>; rel="last"`},
		{"an unreadable address is refused", "Location", "http://[::1", 502, ""},
		{"a cookie loses an internal domain", "Set-Cookie", "a=b; Domain=.shop.internal; Secure", 200, "a=b; Secure"},
		{"a cookie keeps a public one", "Set-Cookie", "a=b; Domain=example.org; Secure", 200, "a=b; Domain=example.org; Secure"},
		{"Refresh goes", "Refresh", "0; url=http://db/", 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := answered(Config{Remove: []string{"x-shard"}}, options, 200, "{}", tt.field, tt.value)
			if got := w.Header().Get(tt.field); w.Code != tt.status || got != tt.want {
				t.Errorf("got %d %q, want %d %q", w.Code, got, tt.status, tt.want)
			}
			if tt.status == 502 && !strings.Contains(w.Body.String(), `"code":"internal_address"`) {
				t.Errorf("got %s", w.Body)
			}
		})
	}
}

func TestPagesKeepTheirOwnPolicy(t *testing.T) {
	for kind, want := range map[string]string{"text/html; charset=utf-8": "own", "application/json": "default-src 'none'; frame-ancestors 'none'", "image/svg+xml": "default-src 'none'; frame-ancestors 'none'"} {
		w := answered(Config{}, options, 200, "", "Content-Type", kind, "Content-Security-Policy", "own")
		if got := w.Header().Get("Content-Security-Policy"); got != want {
			t.Errorf("%s: got %q", kind, got)
		}
	}
}

func TestAnswersThatAreNoTextAreLeftAlone(t *testing.T) {
	if w := answered(Config{}, options, 404, leaking[0].text, "Content-Type", "image/png"); w.Body.String() != leaking[0].text {
		t.Errorf("got %s", w.Body)
	}
}

func TestAConfigurationIsJudged(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    Config
		ok   bool
	}{
		{"nothing", Config{}, true},
		{"known kinds", Config{Allow: Kinds, Remove: []string{"X-A"}}, true},
		{"an unknown kind", Config{Allow: []Kind{"stacktrace"}}, false},
		{"no field name", Config{Remove: []string{"a b"}}, false},
	} {
		if err := tt.c.Validate(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
