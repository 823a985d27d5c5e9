// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"yett/api"
	"yett/identity"
	"yett/problem"
)

// around serves h on both engines of net/http.
func around(t *testing.T, h http.Handler, run func(*testing.T, *rig)) {
	t.Helper()
	for _, http2 := range []bool{false, true} {
		name := "HTTP/1.1"
		if http2 {
			name = "HTTP/2"
		}
		t.Run(name, func(t *testing.T) { run(t, &rig{endpoint: listen(t, h, http2), http2: http2}) })
	}
}

func TestMiddleware(t *testing.T) {
	h := Middleware(http.HandlerFunc(echo), func(x *Exchange) error {
		if x.Request.Header.Get("Key") != "1" {
			return refuse(401, "no_key")
		}
		x.Request.Header.Del("Key")
		x.Request.Header.Set("X-Yett-Subject", "ada")
		return nil
	})
	around(t, h, func(t *testing.T, r *rig) {
		wantProblem(t, r.get(t, "/"), 401, "no_key")
		a := r.do(t, "POST", "/a%20b?c", strings.NewReader("hello"), "Key: 1", "X_Yett_Subject: eve")
		wantAnswer(t, a, 200, "hello")
		if a.Header.Get("Got-Key") != "" || a.Header.Get("Got-X-Yett-Subject") != "ada" || a.Header.Get("Got-X_yett_subject") != "" ||
			a.Header.Get("Got-Target") != "POST /a%20b?c" {
			t.Errorf("next sees what was judged: %v", a.Header)
		}
		wantProblem(t, r.get(t, "/a%2fb", "Key: 1"), 400, "ambiguous_path")
	})
}

func TestStackedHandlersShareTheExchange(t *testing.T) {
	op := &api.Operation{ID: "inner", API: &api.API{}}
	outer := &Chain{
		Request: step(func(x *Exchange) error {
			x.Caller = &identity.Caller{Subject: "ada"}
			x.Request.Header.Set("X-Yett-Subject", "ada")
			_, err := x.Request.Body.Bytes()
			return err
		}),
		Response: step(func(x *Exchange) error {
			x.Answer.Header.Set("Order", x.Answer.Header.Get("Order")+" outer")
			return nil
		}),
		Header: []func(*Exchange){func(x *Exchange) { x.Answer.Header.Set("Outer", "yes") }},
	}
	inner := &Chain{
		Operation: op,
		Request: step(func(x *Exchange) error {
			if x.Caller == nil || x.Caller.Subject != "ada" || x.Operation != op || x.Request.Header.Get("Between") != "1" || x.Request.Header.Count("Gone") != 0 {
				return refuse(500, "not_shared")
			}
			body, err := x.Request.Body.Bytes()
			if err == nil && string(body) == "bad" {
				return refuse(422, "bad_body")
			}
			return err
		}),
		Response: step(func(x *Exchange) error {
			x.Answer.Header.Set("Order", "inner")
			x.Answer.AddFilter(upper(""))
			return nil
		}),
		Header: []func(*Exchange){func(x *Exchange) { x.Answer.Header.Set("Inner", "yes") }},
	}
	between := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("Between", "1")
			r.Header.Del("Gone")
			next.ServeHTTP(w, r)
		})
	}
	around(t, outer.Handler(between(inner.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if x, ok := From(r.Context()); !ok || x.Caller.Subject != "ada" {
			t.Error("next does not find the exchange")
		}
		echo(w, r)
	})))), func(t *testing.T, r *rig) {
		a := r.do(t, "POST", "/", strings.NewReader("good"), "Gone: 1")
		wantAnswer(t, a, 200, "GOOD")
		if a.Header.Get("Order") != "inner outer" || a.Header.Get("Inner") != "yes" || a.Header.Get("Outer") != "yes" || a.Header.Get("Got-X-Yett-Subject") != "ada" {
			t.Errorf("header: %v", a.Header)
		}
		a = r.do(t, "POST", "/", strings.NewReader("bad"))
		wantProblem(t, a, 422, "bad_body")
		if a.Header.Get("Inner") != "yes" || a.Header.Get("Outer") != "yes" {
			t.Errorf("a refusal has the header steps of both: %v", a.Header)
		}
	})
}

func TestAHandlerBetweenMustNotHideTheExchange(t *testing.T) {
	inner := Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was served") }), passes)
	for name, between := range map[string]http.Handler{
		"the ResponseWriter": http.TimeoutHandler(inner, patience, ""),
		"the body":           http.MaxBytesHandler(inner, 100),
	} {
		t.Run(name, func(t *testing.T) {
			around(t, Middleware(between, passes), func(t *testing.T, r *rig) {
				if a := r.do(t, "POST", "/", strings.NewReader("x")); a.StatusCode != 500 {
					t.Errorf("got %d", a.StatusCode)
				}
			})
		})
	}
}

func TestInnerHandlersSetTheLimitOfTheBody(t *testing.T) {
	limit := func(n int64) Step { return func(x *Exchange) error { x.Request.Body.Limit = n; return nil } }
	small := strings.Repeat("a", 2000)
	wide := Middleware(Middleware(http.HandlerFunc(echo), limit(1<<20)), limit(10))
	around(t, wide, func(t *testing.T, r *rig) {
		wantAnswer(t, r.do(t, "POST", "/", strings.NewReader(small)), 200, small)
	})
	refusing := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			w.WriteHeader(problem.From(err).Status)
		}
	})
	around(t, Middleware(Middleware(refusing, limit(10)), limit(1<<20)), func(t *testing.T, r *rig) {
		wantAnswer(t, r.do(t, "POST", "/", strings.NewReader(small)), 413, "")
		wantAnswer(t, r.do(t, "POST", "/", struct{ io.Reader }{strings.NewReader(small)}), 413, "")
	})
}

func TestHandlersOfANormalKindWork(t *testing.T) {
	for _, chain := range []*Chain{{}, {Response: step(func(x *Exchange) error { x.Answer.AddFilter(upper("secret")); return nil })}} {
		second := make(chan bool)
		mux := http.NewServeMux()
		mux.HandleFunc("/nothing", func(http.ResponseWriter, *http.Request) {})
		mux.HandleFunc("/204", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })
		mux.HandleFunc("/early", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(103)
			w.WriteHeader(201)
			w.WriteHeader(500)
			_, _ = io.WriteString(w, "X")
		})
		mux.HandleFunc("/sse", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "DATA\n\n")
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			select {
			case <-second:
			case <-r.Context().Done():
			}
		})
		mux.HandleFunc("/abort", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("X", 2*maxHeld))
			panic(http.ErrAbortHandler)
		})
		mux.HandleFunc("/short", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "200000")
			_, _ = io.WriteString(w, strings.Repeat("X", 2*maxHeld))
		})
		mux.HandleFunc("/hijack", func(w http.ResponseWriter, _ *http.Request) {
			if _, _, err := http.NewResponseController(w).Hijack(); err == nil {
				t.Error("a handler can go round the pass")
			}
			w.WriteHeader(500)
		})
		around(t, chain.Handler(mux), func(t *testing.T, r *rig) {
			wantAnswer(t, r.get(t, "/nothing"), 200, "")
			wantAnswer(t, r.get(t, "/204"), 204, "")
			wantAnswer(t, r.get(t, "/early"), 201, "X")
			wantAnswer(t, r.get(t, "/hijack"), 500, "")
			for _, path := range []string{"/abort", "/short"} {
				if a := r.get(t, path); a.broken == nil {
					t.Errorf("%s came whole", path)
				}
			}
			res, err := r.client.Get(r.url + "/sse")
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if _, err := io.ReadFull(res.Body, make([]byte, 6)); err != nil {
				t.Error(err)
			}
			second <- true
			if rest, err := io.ReadAll(res.Body); err != nil || len(rest) > 0 {
				t.Errorf("%q, %v", rest, err)
			}
		})
	}
}

// TestAReverseProxyBehind is the usual program. Its transport reads the body after the handler has returned.
func TestAReverseProxyBehind(t *testing.T) {
	poisoned.Store(true)
	defer poisoned.Store(false)
	back := newBackend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/early" {
			w.WriteHeader(202)
			return
		}
		echo(w, r)
	})
	target, err := url.Parse(back.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Transport: back.transport, Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(502) }}
	for name, s := range map[string]Step{"streamed": passes, "buffered": func(x *Exchange) error { _, err := x.Request.Body.Bytes(); return err }} {
		t.Run(name, func(t *testing.T) {
			around(t, Middleware(proxy, s), func(t *testing.T, r *rig) {
				text := strings.Repeat("a", 1<<20)
				wantAnswer(t, r.do(t, "POST", "/", strings.NewReader(text)), 200, text)
				for range 3 {
					r.do(t, "POST", "/early", strings.NewReader(text)) // may break the sender's connection
					wantAnswer(t, r.do(t, "POST", "/", strings.NewReader("next")), 200, "next")
				}
			})
		})
	}
}

// TestALateWriterMeetsAClosedDoor has a handler leave a goroutine behind: it must not write into the next answer.
func TestALateWriterMeetsAClosedDoor(t *testing.T) {
	var late http.ResponseWriter
	h := Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { late = w }), passes)
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	if _, err := late.Write([]byte("leak")); err == nil {
		t.Error("it wrote into an exchange that had ended")
	}
	late.WriteHeader(500)
	if err := http.NewResponseController(late).Flush(); err == nil {
		t.Error("it flushed an exchange that had ended")
	}
}

func TestAround(t *testing.T) {
	records := make(chan Record, 8)
	s := &Server{
		Edge:    []Link{{Practice: "edge", Step: passes}},
		Header:  []func(*Exchange){func(x *Exchange) { x.Answer.Header.Set("Hsts", "on") }},
		Observe: []func(Record){func(r Record) { records <- r }},
	}
	around(t, s.Around(http.HandlerFunc(echo)), func(t *testing.T, r *rig) {
		if a := r.get(t, "/"); a.StatusCode != 200 || a.Header.Get("Hsts") != "on" {
			t.Errorf("got %d %v", a.StatusCode, a.Header)
		}
		if rec := receive(t, records); rec.Status != 200 || rec.Decisions[0].Practice != "edge" || rec.Seen != "GET /" {
			t.Errorf("record: %+v", rec)
		}
	})
}

func TestFieldsOfAHandlerAroundAreReplaced(t *testing.T) {
	inner := Middleware(http.HandlerFunc(says("text/plain", "x")), passes)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Own", "1")
		inner.ServeHTTP(w, r)
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if got := w.Header().Values("Content-Type"); len(got) != 1 || got[0] != "text/plain" || w.Header().Get("Own") != "1" {
		t.Errorf("header: %v", w.Header())
	}
}

func TestClientAddr(t *testing.T) {
	x := &Exchange{}
	if _, err := x.ClientAddr(); err == nil {
		t.Error("a peer without an address has none")
	}
	x.Peer = netip.MustParseAddrPort("[::ffff:192.0.2.1]:9")
	if a, err := x.ClientAddr(); err != nil || a != netip.MustParseAddr("192.0.2.1") {
		t.Errorf("IPv4 written as IPv6: %v, %v", a, err)
	}
	x.SetClientAddr(netip.MustParseAddr("fe80::1%eth0"), nil)
	if a, err := x.ClientAddr(); err != nil || a != netip.MustParseAddr("fe80::1") {
		t.Errorf("zone: %v, %v", a, err)
	}
	x.SetClientAddr(netip.Addr{}, io.ErrNoProgress)
	if _, err := x.ClientAddr(); err != io.ErrNoProgress {
		t.Errorf("an unreadable address stays unreadable: %v", err)
	}
}

func TestTrace(t *testing.T) {
	const id = "0af7651916cd43dd8448eb211c80319c"
	for in, kept := range map[string]bool{
		"00-" + id + "-b7ad6b7169203331-01":                       true,
		"00-00000000000000000000000000000000-b7ad6b7169203331-01": false,
		"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01": false,
		"01-" + id + "-b7ad6b7169203331-01":                       false,
		"00-" + id:                                                false,
		"":                                                        false,
		"00-" + id[:31] + "\"-b7ad6b7169203331-01":                false,
	} {
		x := &Exchange{}
		x.Request.Header.Add("Traceparent", in)
		x.trace()
		if (x.Trace == id) != kept || len(x.Trace) != 32 || !lowerHex(x.Trace) {
			t.Errorf("%q gave %q", in, x.Trace)
		}
	}
}

func TestSplitHost(t *testing.T) {
	for in, want := range map[string][2]string{
		"a": {"a", ""}, "a:80": {"a", "80"}, "[::1]": {"[::1]", ""}, "[::1]:80": {"[::1]", "80"}, "": {"", ""}, "a:": {"a", ""},
	} {
		if host, port := splitHost(in); [2]string{host, port} != want {
			t.Errorf("splitHost(%q) = %q, %q", in, host, port)
		}
	}
}

func TestOutcomeWords(t *testing.T) {
	for o := Passed; o <= Failed; o++ {
		text, err := o.MarshalText()
		var back Outcome
		if err != nil || back.UnmarshalText(text) != nil || back != o {
			t.Errorf("%v became %v", o, back)
		}
	}
	var o Outcome
	if err := o.UnmarshalText([]byte("whatever")); err != nil || o != Failed {
		t.Errorf("an unknown word is %v", o)
	}
}

func BenchmarkServe(b *testing.B) {
	ok := canned(func(x *Exchange) error {
		x.Answer.Status, x.Answer.Length = 200, 2
		x.Answer.Header.Add("Content-Type", "application/json")
		x.Answer.SetBody(io.NopCloser(strings.NewReader("{}")))
		return nil
	})
	var links []Link
	for range 20 {
		links = append(links, Link{Practice: "step", Step: passes})
	}
	for _, bb := range []struct {
		name  string
		links []Link
	}{{"no steps", nil}, {"20 steps", links}} {
		b.Run(bb.name, func(b *testing.B) {
			var last time.Time
			chain := &Chain{Request: bb.links, Upstream: ok}
			s := &Server{Route: func(*Exchange) (*Chain, error) { return chain, nil }, Observe: []func(Record){func(r Record) { last = r.Time }}}
			req := httptest.NewRequest("GET", "/orders/7?a=b", nil)
			for _, name := range []string{"Accept", "User-Agent", "Authorization", "Traceparent", "Accept-Encoding", "Origin"} {
				req.Header.Set(name, "some value")
			}
			w := &sink{header: make(http.Header)}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				s.ServeHTTP(w, req)
			}
			_ = last
		})
	}
}

type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }

func TestAHandlerGetsTheQueryAsItWasJudged(t *testing.T) {
	var got string
	next := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.URL.RawQuery })
	h := Middleware(next, func(x *Exchange) error {
		x.Request.Query = "email=sealed"
		return nil
	})
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/people?email=clear", nil))
	if got != "email=sealed" {
		t.Errorf("the handler got %q", got)
	}
}
