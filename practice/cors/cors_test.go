// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"yett/exchange"
	"yett/problem"
)

func TestOnlyAListedOriginReads(t *testing.T) {
	careless := func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		h.Set("access-control-allow-credentials", "true")
		h.Set("Access-Control-Allow-Private-Network", "true")
		h.Set("Timing-Allow-Origin", "*")
	}
	g := newGate(t, listing(shopPage, "http://localhost:3000"), nil, careless)
	for _, tt := range []struct{ name, origin, want string }{
		{"a listed one reads", shopPage, shopPage},
		{"another listed one reads", "http://localhost:3000", "http://localhost:3000"},
		{"another one does not", "https://evil.example.net", ""},
		{"null does not", "null", ""},
		{"a longer name does not", shopPage + ".evil.example.net", ""},
		{"a longer name before it does not", "https://evilshop.example.org", ""},
		{"the domain above does not", "https://example.org", ""},
		{"a name below does not", "https://a.shop.example.org", ""},
		{"the name in clear does not", "http://shop.example.org", ""},
		{"another port does not", shopPage + ":8443", ""},
		{"the default port does not", shopPage + ":443", ""},
		{"upper case does not", "HTTPS://SHOP.EXAMPLE.ORG", ""},
		{"a slash more does not", shopPage + "/", ""},
		{"a user before it does not", "https://shop.example.org@evil.example.net", ""},
		{"two in one field do not", shopPage + " https://evil.example.net", ""},
		{"no origin, nothing to read", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, path := range []string{"/orders/1", "/nothing"} {
				var fields []string
				if tt.origin != "" {
					fields = []string{"Origin: " + tt.origin}
				}
				h := g.ask(t, "GET", path, fields...).Header
				if got := h.Get("Access-Control-Allow-Origin"); got != tt.want || len(h.Values("Access-Control-Allow-Origin")) > 1 {
					t.Errorf("%s: allowed %q, want %q", path, got, tt.want)
				}
				for _, name := range []string{"Access-Control-Allow-Credentials", "Access-Control-Allow-Private-Network", "Timing-Allow-Origin"} {
					if h.Get(name) != "" {
						t.Errorf("%s: %s is there", path, name)
					}
				}
				if h.Get("Vary") != "Origin" {
					t.Errorf("%s: Vary is %q", path, h.Values("Vary"))
				}
			}
		})
	}
}

func TestWithoutOriginsNothingOfTheUpstreamsLeaveStays(t *testing.T) {
	g := newGate(t, Defaults(), nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Vary", "Accept")
	})
	h := g.ask(t, "GET", "/orders/1", "Origin: "+shopPage).Header
	if h.Get("Access-Control-Allow-Origin") != "" || h.Get("Vary") != "Accept" {
		t.Errorf("got %v", h)
	}
	res := g.ask(t, "OPTIONS", "/orders/1", "Origin: "+shopPage, "Access-Control-Request-Method: GET")
	if res.StatusCode != http.StatusNoContent || len(allowing(res.Header)) > 0 || g.reached != 1 {
		t.Errorf("preflight: %d, %v, reached %d times", res.StatusCode, res.Header, g.reached)
	}
}

func TestVaryIsMerged(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		upstream   []string
	}{
		{"alone", "Origin", nil},
		{"behind the upstream's", "Accept-Encoding, Origin", []string{"Accept-Encoding"}},
		{"behind several lines", "Accept, Cookie, Origin", []string{"Accept", "Cookie"}},
		{"once", "accept, origin", []string{"accept, origin"}},
		{"everything already", "*", []string{"*"}},
		{"not for a name that holds it", "X-Origin, Origin", []string{"X-Origin"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGate(t, listing(shopPage), nil, func(w http.ResponseWriter, _ *http.Request) { w.Header()["Vary"] = tt.upstream })
			if got := strings.Join(g.ask(t, "GET", "/orders/1").Header.Values("Vary"), "|"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAPageReadsTheFieldsThatAreDeclaredAndOurs(t *testing.T) {
	c := listing(shopPage)
	c.Expose = []string{"X-Total-Count"}
	g := newGate(t, c, nil, func(w http.ResponseWriter, _ *http.Request) {
		for _, name := range []string{"Location", "X-Total-Count", "X-Secret", "RateLimit"} {
			w.Header().Set(name, "1")
		}
	})
	if got := g.ask(t, "POST", "/orders", "Origin: "+shopPage).Header.Get("Access-Control-Expose-Headers"); got != "RateLimit, Location, X-Total-Count" {
		t.Errorf("got %q", got)
	}
	if got := g.ask(t, "GET", "/orders/1", "Origin: "+shopPage).Header.Get("Access-Control-Expose-Headers"); got != "RateLimit, X-Total-Count" {
		t.Errorf("where Location is not declared: got %q", got)
	}
}

func allowing(h http.Header) []string {
	var all []string
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			all = append(all, name)
		}
	}
	return all
}

func TestPreflightsAreAnsweredFromTheDescription(t *testing.T) {
	c := listing(shopPage)
	c.Headers = []string{"X-Request-Id"}
	g := newGate(t, c, map[string]Config{"deleteOrder": listing("https://office.example.org")}, ok)
	for _, tt := range []struct{ name, origin, method, path, methods, headers, note string }{
		{"a body brings its type, a token its field", shopPage, "POST", "/orders", "POST", "Content-Type, Idempotency-Key, x-request-id, Authorization", ""},
		{"any of the credentials will do, and the address holds none", shopPage, "GET", "/orders/1", "GET, HEAD, PATCH", "X-API-Key, Authorization, X-Request-Id", ""},
		{"HEAD goes with GET", shopPage, "HEAD", "/orders/1", "GET, HEAD, PATCH", "X-API-Key, Authorization, X-Request-Id", ""},
		{"an undeclared method gets no fields", shopPage, "PUT", "/orders/1", "GET, HEAD, PATCH", "", "method_not_declared"},
		{"methods are told apart by case", shopPage, "patch", "/orders/1", "GET, HEAD, PATCH", "", "method_not_declared"},
		{"an operation with its own list answers for itself", "https://office.example.org", "DELETE", "/orders/1", "DELETE", "Authorization", ""},
		{"and not for origins of the wider one", shopPage, "DELETE", "/orders/1", "", "", "origin_not_allowed: " + shopPage},
		{"another origin learns nothing", "https://evil.example.net", "GET", "/orders/1", "", "", "origin_not_allowed: https://evil.example.net"},
		{"null learns nothing", "null", "GET", "/orders/1", "", "", "origin_not_allowed: null"},
		{"a long origin is cut in the record", "https://" + strings.Repeat("a", 200), "GET", "/orders/1", "", "", "origin_not_allowed: https://" + strings.Repeat("a", 92)},
		{"an origin that would change a terminal is not recorded", "https://\u009b31m", "GET", "/orders/1", "", "", "origin_not_allowed: unreadable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := g.ask(t, "OPTIONS", tt.path, "Origin: "+tt.origin, "Access-Control-Request-Method: "+tt.method,
				"Access-Control-Request-Headers: x-evil,content-type", "Access-Control-Request-Private-Network: true")
			h := res.Header
			if res.StatusCode != http.StatusNoContent || g.reached > 0 {
				t.Fatalf("status %d, the upstream was reached %d times", res.StatusCode, g.reached)
			}
			if h.Get("Access-Control-Allow-Methods") != tt.methods || h.Get("Access-Control-Allow-Headers") != tt.headers {
				t.Errorf("methods %q, headers %q", h.Get("Access-Control-Allow-Methods"), h.Get("Access-Control-Allow-Headers"))
			}
			wantOrigin, wantAge := tt.origin, "600"
			if tt.methods == "" {
				wantOrigin, wantAge = "", ""
			}
			if h.Get("Access-Control-Allow-Origin") != wantOrigin || h.Get("Access-Control-Max-Age") != wantAge {
				t.Errorf("origin %q, age %q", h.Get("Access-Control-Allow-Origin"), h.Get("Access-Control-Max-Age"))
			}
			if h.Get("Access-Control-Allow-Private-Network") != "" || h.Get("Access-Control-Allow-Credentials") != "" || h.Get("Access-Control-Expose-Headers") != "" {
				t.Errorf("more than was asked for: %v", h)
			}
			if h.Get("Vary") != "Origin, Access-Control-Request-Method, Access-Control-Request-Headers" {
				t.Errorf("Vary is %q", h.Values("Vary"))
			}
			rec := g.records[len(g.records)-1]
			i := slices.IndexFunc(rec.Decisions, func(d exchange.Decision) bool { return d.Practice == "cors" })
			if i < 0 || rec.Decisions[i].Outcome != exchange.Replied || rec.Decisions[i].Note != tt.note {
				t.Errorf("decisions %+v, want the note %q", rec.Decisions, tt.note)
			}
		})
	}
}

func TestCredentialsAreAllowedOnlyWhereTheyAreSet(t *testing.T) {
	g := newGate(t, withCookies(listing(shopPage)), map[string]Config{"createOrder": listing(shopPage)}, ok)
	for path, want := range map[string]string{"/orders/1": "true", "/orders": ""} {
		for _, fields := range [][]string{{"Origin: " + shopPage}, {"Origin: " + shopPage, "Access-Control-Request-Method: POST"}} {
			method := "POST"
			if path != "/orders" {
				method = "GET"
			}
			if len(fields) > 1 {
				method, fields[1] = "OPTIONS", "Access-Control-Request-Method: "+method
			}
			if got := g.ask(t, method, path, fields...).Header.Get("Access-Control-Allow-Credentials"); got != want {
				t.Errorf("%s %s: %q, want %q", method, path, got, want)
			}
		}
	}
}

func TestAForeignPageDoesNotActWithWhatTheBrowserAdds(t *testing.T) {
	const cookie, cross, same = "Cookie: session=1", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"
	open, closed := withCookies(listing(shopPage)), listing(shopPage)
	for _, tt := range []struct {
		name, method string
		config       Config
		fields       []string
		code         string
	}{
		{"another site", "POST", open, []string{cross, cookie, "Origin: https://evil.example.net"}, "cross_origin_refused"},
		{"a neighbour", "POST", open, []string{same, cookie, "Origin: https://evil.example.org"}, "cross_origin_refused"},
		{"no word of the origin", "POST", open, []string{cross, cookie}, "cross_origin_refused"},
		{"null", "POST", open, []string{cross, cookie, "Origin: null"}, "cross_origin_refused"},
		{"null, without Fetch metadata", "POST", open, []string{cookie, "Origin: null"}, "cross_origin_refused"},
		{"another origin, without Fetch metadata", "POST", open, []string{cookie, "Origin: https://evil.example.net"}, "cross_origin_refused"},
		{"the public host in clear, without Fetch metadata", "POST", open, []string{cookie, "Origin: http://api.example.org"}, "cross_origin_refused"},
		{"the word twice", "POST", open, []string{"Sec-Fetch-Site: same-origin", cross, cookie}, "cross_origin_refused"},
		{"a word that nobody knows", "POST", open, []string{"Sec-Fetch-Site: near", cookie}, "cross_origin_refused"},
		{"an empty word", "POST", open, []string{"Sec-Fetch-Site: ", cookie}, "cross_origin_refused"},
		{"any change", "PATCH", open, []string{cross, cookie}, "cross_origin_refused"},
		{"a method of one's own", "BREW", open, []string{cross, cookie}, "cross_origin_refused"},
		{"a stored password", "POST", open, []string{cross, "Authorization: basic YTpi"}, "cross_origin_refused"},
		{"the account of the machine", "POST", open, []string{cross, "Authorization: Negotiate YTpi"}, "cross_origin_refused"},
		{"a listed origin that may not use cookies", "POST", closed, []string{cross, cookie, "Origin: " + shopPage}, "cross_origin_refused"},
		{"no origin is listed", "POST", Defaults(), []string{cross, cookie, "Origin: " + shopPage}, "cross_origin_refused"},
		{"a listed origin that may", "POST", open, []string{cross, cookie, "Origin: " + shopPage}, ""},
		{"a listed origin that may, without Fetch metadata", "POST", open, []string{cookie, "Origin: " + shopPage}, ""},
		{"nothing that the browser added", "POST", open, []string{cross, "Origin: https://evil.example.net"}, ""},
		{"a token that a script wrote", "POST", open, []string{cross, "Authorization: Bearer abc"}, ""},
		{"the API's own page", "POST", closed, []string{"Sec-Fetch-Site: same-origin", cookie}, ""},
		{"the visitor", "POST", closed, []string{"Sec-Fetch-Site: none", cookie}, ""},
		{"the public address, without Fetch metadata", "POST", closed, []string{cookie, "Origin: https://api.example.org"}, ""},
		{"no browser", "POST", closed, []string{cookie}, ""},
		{"reading", "GET", closed, []string{cross, cookie, "Origin: https://evil.example.net"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := New(tt.config, Options{PublicURL: "https://api.example.org"})
			var got error
			h := exchange.Middleware(http.HandlerFunc(ok), func(x *exchange.Exchange) error { got = p.Check(x); return nil })
			r := httptest.NewRequest(tt.method, "http://gate.internal/orders", nil)
			for _, f := range tt.fields {
				name, value, _ := strings.Cut(f, ": ")
				r.Header.Add(name, value)
			}
			h.ServeHTTP(httptest.NewRecorder(), r)
			if problem.Code(got) != tt.code {
				t.Errorf("got %v, want %q", got, tt.code)
			}
		})
	}
}

func TestAClientCertificateIsAddedByTheBrowserToo(t *testing.T) {
	p := New(Defaults(), Options{})
	for _, certificates := range [][]*x509.Certificate{nil, {{}}} {
		r := httptest.NewRequest("POST", "https://gate.example.org/", nil)
		r.TLS = &tls.ConnectionState{PeerCertificates: certificates}
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		w := httptest.NewRecorder()
		p.Handler(http.HandlerFunc(ok)).ServeHTTP(w, r)
		if (w.Code == http.StatusForbidden) != (len(certificates) > 0) {
			t.Errorf("with %d certificates: %d", len(certificates), w.Code)
		}
	}
}

func TestAloneItAnswersPreflightsOfAHandler(t *testing.T) {
	c := listing(shopPage)
	c.Headers = []string{"X-Token"}
	reached := 0
	h := New(c, Options{Methods: []string{"GET", "PUT"}}).Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	for _, tt := range []struct{ method, headers string }{{"PUT", "X-Token"}, {"DELETE", ""}} {
		r := httptest.NewRequest("OPTIONS", "/", nil)
		r.Header.Set("Origin", shopPage)
		r.Header.Set("Access-Control-Request-Method", tt.method)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		got := w.Header()
		if w.Code != http.StatusNoContent || got.Get("Access-Control-Allow-Methods") != "GET, PUT" || got.Get("Access-Control-Allow-Headers") != tt.headers ||
			got.Get("Access-Control-Allow-Origin") != shopPage || reached > 0 {
			t.Errorf("%s: %d, %v, reached %d times", tt.method, w.Code, got, reached)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("OPTIONS", "/", nil))
	if reached != 1 {
		t.Error("an OPTIONS that is no preflight is the handler's")
	}
}
