// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"yett/api"
	"yett/identity"
	"yett/problem"
)

// conformance is what every engine must do. Each case runs with pooling, and poisoned.
var conformance = []struct {
	name  string
	http1 bool // the case is one of HTTP/1.1 only
	run   func(*testing.T, engineKind)
}{
	{"a request and its answer pass", false, testPasses},
	{"a refusal never reaches the backend", false, testRefusal},
	{"who observes records what it would refuse", false, testObserve},
	{"a reply is the answer", false, testReply},
	{"a filtered answer is held and has its length", false, testHeld},
	{"an answer beyond the hold streams through its filter", false, testBeyondHold},
	{"a filter that fails while all is held gives a clean answer", false, testReplaced},
	{"a filter that fails later breaks the answer", false, testFilterAborts},
	{"an answer that is replaced is kept for the operator", false, testOriginal},
	{"a filter that resizes passes no declared length on", false, testResizes},
	{"several filters follow one another", false, testTwoFilters},
	{"a stream is not held", false, testStream},
	{"a stream is filtered piece by piece", false, testFilteredStream},
	{"an error does not stream", false, testErrorIsHeld},
	{"answers without a body have none", false, testBodiless},
	{"an upstream that breaks off breaks the answer", false, testBrokenOff},
	{"an answer that is shorter than declared breaks", false, testShort},
	{"a status outside the protocol is not passed on", false, testStatus},
	{"a panic is a clean answer", false, testPanic},
	{"a panic after the head breaks the answer", false, testLatePanic},
	{"a panic that nobody takes goes on", false, testUnhandledPanic},
	{"a panic in answering breaks the connection", false, testPanicInHeader},
	{"what was deferred runs on every way out", false, testDefer},
	{"a body that nobody asks for streams", false, testUpload},
	{"a streamed body beyond its limit is refused", false, testStreamedLimit},
	{"a body too large by its own word is not asked for", true, testDeclaredLimit},
	{"a body error that a step swallows is refused all the same", false, testSwallowed},
	{"an observed body that is too large passes whole", false, testObservedOverlong},
	{"a broken body is refused though observed", true, testObservedBroken},
	{"a client that goes away ends the call", false, testClientGone},
	{"a client that goes away amid the answer is no failure of ours", false, testClientGoneInAnswer},
	{"a client that goes away while the upstream is silent is no failure of its", false, testClientGoneWhileWaiting},
	{"an early answer leaves nothing to the transport", false, testEarlyAnswer},
	{"fields in our name are dropped in every spelling", false, testOurFields},
	{"hop-by-hop fields stay behind", true, testHopByHop},
	{"fields that must be alone are", false, testSingletons},
	{"fields that rewrite the request are refused", false, testRewriters},
	{"the path is judged as it is forwarded", false, testTarget},
	{"a tunnel carries both ways and half closes", true, testTunnel},
	{"a tunnel ends when the client goes away", true, testTunnelClientGone},
	{"a tunnel does not wait for ever for the other side", true, testTunnelLinger},
}

func TestConformance(t *testing.T) {
	for _, e := range engines {
		for _, mode := range []struct {
			name     string
			poisoned bool
		}{{"pooled", false}, {"poisoned", true}} {
			t.Run(e.name+", "+mode.name, func(t *testing.T) {
				poisoned.Store(mode.poisoned)
				defer poisoned.Store(false)
				for _, c := range conformance {
					if c.http1 && e.http2 {
						continue
					}
					t.Run(c.name, func(t *testing.T) { c.run(t, e) })
				}
			})
		}
	}
}

func testPasses(t *testing.T, e engineKind) {
	op := &api.Operation{API: &api.API{Name: "shop", BasePath: "/v1"}, ID: "createOrder", Path: "/orders/{id}"}
	r := newRig(t, e, setup{chain: Chain{
		Operation: op,
		Request: []Link{{Practice: "one", Step: func(x *Exchange) error {
			x.Note("a note")
			x.Caller = &identity.Caller{Subject: "ada", Client: "app", Key: "k1"}
			return nil
		}}, {Practice: "two", Step: passes}},
		Response: []Link{{Practice: "three", Step: passes}},
		Header:   []func(*Exchange){func(x *Exchange) { x.Answer.Header.Set("Hsts", "on") }},
	}, server: Server{Edge: []Link{{Practice: "edge", Step: passes}}}})
	const trace = "0af7651916cd43dd8448eb211c80319c"
	a := r.do(t, "POST", "/v1/orders/7?a=b", strings.NewReader("hello"), "Traceparent: 00-"+trace+"-b7ad6b7169203331-01")
	wantAnswer(t, a, 200, "hello")
	if got := a.Header.Get("Got-Target"); got != "POST /v1/orders/7?a=b" {
		t.Errorf("the backend saw %q", got)
	}
	if a.Header.Get("Hsts") != "on" || a.ContentLength != 5 {
		t.Errorf("header steps did not run, or the length was lost: %v", a.Header)
	}
	rec := r.record(t)
	var said []string
	for _, d := range rec.Decisions {
		said = append(said, d.Practice+" "+d.Outcome.String()+" "+d.Note)
	}
	if got := strings.Join(said, ","); got != "edge passed ,route passed ,one passed a note,two passed ,three passed " {
		t.Errorf("decisions: %q", got)
	}
	if rec.Status != 200 || rec.API != "shop" || rec.Operation != "createOrder" || rec.Path != "/v1/orders/{id}" || rec.Seen != "" ||
		rec.Method != "POST" || rec.Subject != "ada" || rec.Client != "app" || rec.Key != "k1" || !rec.Address.IsLoopback() ||
		!rec.Reached || rec.Upstream <= 0 || rec.Duration < rec.Upstream || rec.BytesIn != 5 || rec.BytesOut != 5 ||
		rec.Aborted || rec.Code != "" || rec.Cause != "" || rec.Trace != trace || len(rec.ID) != 36 {
		t.Errorf("record: %+v", rec)
	}
}

func testRefusal(t *testing.T, e engineKind) {
	r := newRig(t, e, setup{chain: Chain{
		Request: []Link{{Practice: "no", Step: func(*Exchange) error {
			return &problem.Error{Status: 401, Code: "unknown_caller", Detail: "Who are you?", Cause: io.ErrNoProgress,
				Header: []problem.Field{{Name: "Www-Authenticate", Value: "Bearer"}}, Errors: []problem.Item{{Detail: "x", Rule: "r"}}}
		}}, {Practice: "later", Step: func(*Exchange) error { t.Error("a step ran behind a refusal"); return nil }}},
		Header: []func(*Exchange){func(x *Exchange) {
			if x.Outcome() == nil || x.Outcome().Code != "unknown_caller" {
				t.Error("header steps do not know the outcome")
			}
			x.Answer.Header.Set("Hsts", "on")
		}},
	}})
	a := r.get(t, "/")
	wantProblem(t, a, 401, "unknown_caller")
	if a.Header.Get("Www-Authenticate") != "Bearer" || a.Header.Get("Hsts") != "on" || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("header: %v", a.Header)
	}
	if strings.Contains(a.body, "progress") {
		t.Error("the cause reached the caller")
	}
	rec := r.record(t)
	if rec.Reached || r.reached.Load() != 0 {
		t.Error("the backend was asked")
	}
	last := rec.Decisions[len(rec.Decisions)-1]
	if rec.Status != 401 || rec.Code != "unknown_caller" || rec.Cause != io.ErrNoProgress.Error() || len(rec.Findings) != 1 ||
		last.Practice != "no" || last.Outcome != Refused || last.Code != "unknown_caller" || rec.Seen != "GET /" || rec.Aborted {
		t.Errorf("record: %+v", rec)
	}
	head := r.do(t, "HEAD", "/", nil)
	if head.StatusCode != 401 || head.body != "" || head.broken != nil || head.ContentLength <= 0 {
		t.Errorf("HEAD: %+v", head)
	}
}

func testObserve(t *testing.T, e engineKind) {
	r := newRig(t, e, setup{chain: Chain{Request: []Link{{Practice: "no", Observe: true,
		Step: func(*Exchange) error { return refuse(403, "forbidden") }}}}})
	wantAnswer(t, r.get(t, "/"), 200, "")
	rec := r.record(t)
	if last := rec.Decisions[len(rec.Decisions)-1]; last.Outcome != Observed || last.Code != "forbidden" || rec.Code != "" {
		t.Errorf("record: %+v", rec)
	}
}

func testReply(t *testing.T, e engineKind) {
	for _, tt := range []struct {
		name  string
		chain Chain
		asked bool
	}{
		{"before the backend", Chain{Request: step(func(*Exchange) error {
			return Reply(http.StatusAccepted, []Field{{"Vary", "Origin"}, {"Vary", "Cookie"}}, []byte("later"))
		})}, false},
		{"in place of its answer", Chain{Response: step(func(x *Exchange) error {
			x.Answer.AddFilter(upper(""))
			return Reply(http.StatusAccepted, []Field{{"Vary", "Origin"}, {"Vary", "Cookie"}}, []byte("later"))
		})}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, e, setup{chain: tt.chain, backend: says("text/plain", "backend")})
			a := r.get(t, "/")
			wantAnswer(t, a, 202, "later")
			if v := a.Header.Values("Vary"); len(v) != 2 || a.Header.Get("Backend") != "" {
				t.Errorf("header: %v", a.Header)
			}
			rec := r.record(t)
			if last := rec.Decisions[len(rec.Decisions)-1]; last.Outcome != Replied || rec.Status != 202 || rec.Code != "" || rec.Reached != tt.asked || rec.BytesOut != 5 {
				t.Errorf("record: %+v", rec)
			}
			if a := r.do(t, "HEAD", "/", nil); a.StatusCode != 202 || a.body != "" || a.ContentLength != 5 {
				t.Errorf("HEAD: %+v", a)
			}
		})
	}
}

func testHeld(t *testing.T, e engineKind) {
	r := newRig(t, e, setup{chain: filtered(func() *filterFunc { return upper("") }), backend: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.(http.Flusher).Flush() // no length
		_, _ = io.WriteString(w, `"abc"`)
	}})
	a := r.get(t, "/")
	wantAnswer(t, a, 200, `"ABC"`)
	if a.ContentLength != 5 {
		t.Errorf("the length of a held answer is known: got %d", a.ContentLength)
	}
}

func testBeyondHold(t *testing.T, e engineKind) {
	long := strings.Repeat("abcdefgh", maxHeld)
	r := newRig(t, e, setup{chain: filtered(func() *filterFunc { return upper("") }), backend: says("application/json", long)})
	wantAnswer(t, r.get(t, "/"), 200, strings.ToUpper(long))
	if rec := r.record(t); rec.BytesOut != int64(len(long)) || rec.Aborted {
		t.Errorf("record: %+v", rec)
	}
}

func testReplaced(t *testing.T, e engineKind) {
	text := strings.Repeat("a", maxHeld/2) + "secret"
	r := newRig(t, e, setup{chain: filtered(func() *filterFunc { return upper("secret") }), backend: says("application/json", text)})
	a := r.get(t, "/")
	wantProblem(t, a, 502, "filtered")
	if a.Header.Get("Backend") != "" {
		t.Error("a field of the backend's answer stands in ours")
	}
	if rec := r.record(t); rec.Aborted || rec.Code != "filtered" || rec.Status != 502 {
		t.Errorf("record: %+v", rec)
	}
}

func testFilterAborts(t *testing.T, e engineKind) {
	text := strings.Repeat("a", 4*maxHeld) + "secret"
	r := newRig(t, e, setup{chain: filtered(func() *filterFunc { return upper("secret") }), backend: says("application/json", text)})
	a := r.get(t, "/")
	if a.broken == nil || strings.Contains(a.body, "problem") || strings.Contains(a.body, "secret") {
		t.Errorf("got a whole answer of %d bytes, %v", len(a.body), a.broken)
	}
	if rec := r.record(t); !rec.Aborted || rec.Code != "filtered" || rec.Status != 200 {
		t.Errorf("record: %+v", rec)
	}
}

func testResizes(t *testing.T, e engineKind) {
	long := strings.Repeat("ab", 2*maxHeld)
	r := newRig(t, e, setup{backend: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "262144")
		_, _ = io.WriteString(w, long)
	}, chain: filtered(func() *filterFunc {
		return &filterFunc{resizes: true, f: func(dst, chunk []byte, _, last bool) ([]byte, error) {
			if dst = append(dst, chunk...); last {
				dst = append(dst, "more"...)
			}
			return dst, nil
		}}
	})})
	wantAnswer(t, r.get(t, "/"), 200, long+"more")
	if a := r.do(t, "HEAD", "/", nil); a.ContentLength != -1 || a.StatusCode != 200 {
		t.Errorf("HEAD tells a length that GET has not: %d", a.ContentLength)
	}
}

func testTwoFilters(t *testing.T, e engineKind) {
	long := strings.Repeat("ab", maxHeld)
	r := newRig(t, e, setup{backend: says("application/json", long), chain: Chain{Response: step(func(x *Exchange) error {
		x.Answer.AddFilter(upper(""))
		x.Answer.AddFilter(&filterFunc{f: func(dst, chunk []byte, _, _ bool) ([]byte, error) {
			for _, c := range chunk {
				if c == 'A' {
					c = 'x'
				}
				dst = append(dst, c)
			}
			return dst, nil
		}})
		return nil
	})}})
	wantAnswer(t, r.get(t, "/"), 200, strings.Repeat("xB", maxHeld))
}

// testStream reads the first event before the second is sent.
func testStream(t *testing.T, e engineKind) { eventStream(t, e, Chain{}, "data: one\n\n") }
func testFilteredStream(t *testing.T, e engineKind) {
	eventStream(t, e, filtered(func() *filterFunc { return upper("") }), "DATA: ONE\n\n")
}

func eventStream(t *testing.T, e engineKind, chain Chain, first string) {
	next := make(chan bool)
	r := newRig(t, e, setup{chain: chain, backend: func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		_, _ = io.WriteString(w, "data: one\n\n")
		w.(http.Flusher).Flush()
		select {
		case <-next:
		case <-req.Context().Done():
		}
	}})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", r.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got := make([]byte, len(first))
	if _, err := io.ReadFull(res.Body, got); err != nil || string(got) != first {
		t.Fatalf("got %q, %v", got, err)
	}
	close(next)
	if rest, err := io.ReadAll(res.Body); err != nil || len(rest) > 0 {
		t.Errorf("got %q, %v", rest, err)
	}
}

func testErrorIsHeld(t *testing.T, e engineKind) {
	r := newRig(t, e, setup{chain: filtered(func() *filterFunc { return upper("secret") }), backend: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(400)
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, "a secret")
	}})
	wantProblem(t, r.get(t, "/"), 502, "filtered")
}

func testBodiless(t *testing.T, e engineKind) {
	for _, chain := range []Chain{{}, filtered(func() *filterFunc { return upper("") })} {
		r := newRig(t, e, setup{chain: chain, backend: func(w http.ResponseWriter, req *http.Request) {
			switch req.URL.Path {
			case "/204":
				w.WriteHeader(204)
			case "/304":
				w.Header().Set("Etag", `"1"`)
				w.WriteHeader(304)
			default:
				w.Header().Set("Content-Length", "5")
				_, _ = io.WriteString(w, "12345")
			}
		}})
		for _, tt := range []struct {
			method, path string
			status       int
			length       int64
		}{{"GET", "/204", 204, 0}, {"GET", "/304", 304, -1}, {"HEAD", "/", 200, 5}, {"GET", "/", 200, 5}} {
			a := r.do(t, tt.method, tt.path, nil)
			if a.broken != nil || a.StatusCode != tt.status || tt.method == "HEAD" && (a.body != "" || a.ContentLength != tt.length) {
				t.Errorf("%s %s: %+v", tt.method, tt.path, a)
			}
			if tt.status != 200 && a.Header.Get("Content-Length") != "" {
				t.Errorf("%s %s has a length", tt.method, tt.path)
			}
			if rec := r.record(t); rec.Status != tt.status || rec.Aborted {
				t.Errorf("record: %+v", rec)
			}
		}
	}
}

func testBrokenOff(t *testing.T, e engineKind) {
	for _, length := range []string{"", "100000"} {
		r := newRig(t, e, setup{backend: func(w http.ResponseWriter, _ *http.Request) {
			if length != "" {
				w.Header().Set("Content-Length", length)
			}
			_, _ = io.WriteString(w, "begun")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}})
		if a := r.get(t, "/"); a.broken == nil {
			t.Errorf("the client takes a part for the whole: %q", a.body)
		}
		if rec := r.record(t); !rec.Aborted || rec.Code != "upstream_broke_off" {
			t.Errorf("record: %+v", rec)
		}
	}
}

func testShort(t *testing.T, e engineKind) {
	for _, text := range []string{"short", "much longer than told"} {
		r := newRig(t, e, setup{upstream: canned(func(x *Exchange) error {
			x.Answer.Status, x.Answer.Length = 200, 10
			x.Answer.SetBody(io.NopCloser(strings.NewReader(text)))
			return nil
		})})
		if a := r.get(t, "/"); a.broken == nil {
			t.Errorf("%q came as a whole answer", a.body)
		}
		if rec := r.record(t); !rec.Aborted || rec.Code != "internal" {
			t.Errorf("record: %+v", rec)
		}
	}
}

func testStatus(t *testing.T, e engineKind) {
	for _, status := range []int{0, 99, 103, 600, 1000} {
		r := newRig(t, e, setup{upstream: canned(func(x *Exchange) error { x.Answer.Status = status; return nil })})
		wantProblem(t, r.get(t, "/"), 502, "upstream_status")
	}
}

func testPanic(t *testing.T, e engineKind) {
	for _, chain := range []Chain{{Request: step(func(*Exchange) error { panic("boo") })}, {Response: step(func(*Exchange) error { panic([]int{1}) })}} {
		r := newRig(t, e, setup{chain: chain})
		wantProblem(t, r.get(t, "/"), 500, "internal")
		rec := r.record(t)
		if last := rec.Decisions[len(rec.Decisions)-1]; last.Code != "panic" || last.Outcome != Failed || rec.Status != 500 || rec.Aborted {
			t.Errorf("record: %+v", rec)
		}
	}
}

func testLatePanic(t *testing.T, e engineKind) {
	r := newRig(t, e, setup{backend: says("application/json", strings.Repeat("a", 4*maxHeld)+"secret"),
		chain: filtered(func() *filterFunc {
			return &filterFunc{f: func(dst, chunk []byte, _, _ bool) ([]byte, error) {
				if strings.Contains(string(chunk), "secret") {
					panic("boo")
				}
				return append(dst, chunk...), nil
			}}
		})})
	if a := r.get(t, "/"); a.broken == nil {
		t.Error("the client takes a part for the whole")
	}
	if rec := r.record(t); !rec.Aborted || rec.Code != "internal" || rec.Status != 200 {
		t.Errorf("record: %+v", rec)
	}
}

func testUnhandledPanic(t *testing.T, e engineKind) {
	var deferred atomic.Bool
	r := newRig(t, e, setup{unsafe: true, chain: Chain{Request: step(func(x *Exchange) error {
		x.Defer(func() { deferred.Store(true) })
		panic("boo")
	})}})
	if a := r.get(t, "/"); a.broken == nil {
		t.Errorf("got %d %q", a.StatusCode, a.body)
	}
	if rec := r.record(t); !rec.Aborted || rec.Status != 0 || !deferred.Load() {
		t.Errorf("record: %+v, deferred %v", rec, deferred.Load())
	}
}

func testPanicInHeader(t *testing.T, e engineKind) {
	r := newRig(t, e, setup{chain: Chain{Header: []func(*Exchange){func(*Exchange) { panic("boo") }}}})
	if a := r.get(t, "/"); a.broken == nil {
		t.Errorf("got %d %q", a.StatusCode, a.body)
	}
	if rec := r.record(t); !rec.Aborted || rec.Status != 0 {
		t.Errorf("record: %+v", rec)
	}
}

func testDefer(t *testing.T, e engineKind) {
	for _, tt := range []struct {
		name string
		then Step
		back http.HandlerFunc
	}{
		{"a good answer", passes, nil},
		{"a refusal", func(*Exchange) error { return refuse(400, "no") }, nil},
		{"a reply", func(*Exchange) error { return Reply(204, nil, nil) }, nil},
		{"a panic", func(*Exchange) error { panic("boo") }, nil},
		{"a panic in what was deferred", func(x *Exchange) error { x.Defer(func() { panic("boo") }); return nil }, nil},
		{"a broken answer", passes, func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			order := make(chan int, 4)
			r := newRig(t, e, setup{backend: tt.back, chain: Chain{Request: step(func(x *Exchange) error {
				x.Defer(func() { order <- 1 })
				x.Defer(func() { order <- 2 })
				return tt.then(x)
			})}})
			r.get(t, "/")
			r.record(t) // is made behind everything deferred
			if len(order) != 2 || <-order != 2 || <-order != 1 {
				t.Error("what was deferred did not run once each, the last first")
			}
		})
	}
}

func testOurFields(t *testing.T, e engineKind) {
	r := newRig(t, e, setup{chain: Chain{Request: step(func(x *Exchange) error { x.Request.Header.Set("X-Yett-Subject", "ada"); return nil })}})
	a := r.get(t, "/", "X-Yett-Subject: eve", "x-yett-scopes: all", "X_Yett_Client: eve", "X.Yett.Subject: eve", "x_yett-key: eve",
		"Transfer_Encoding: chunked", "Api_key: kept")
	wantAnswer(t, a, 200, "")
	for name, values := range a.Header {
		if strings.Contains(strings.ToLower(name), "yett") && (name != "Got-X-Yett-Subject" || len(values) != 1 || values[0] != "ada") ||
			strings.Contains(name, "Transfer_") {
			t.Errorf("the backend saw %s: %v", name, values)
		}
	}
	if a.Header.Get("Got-Api_key") != "kept" {
		t.Errorf("an ordinary field with an underscore was lost: %v", a.Header)
	}
}

func testHopByHop(t *testing.T, e engineKind) {
	r := newRig(t, e, setup{})
	a := r.get(t, "/", "Connection: close, X-Mine, Authorization, Cookie", "X-Mine: 1", "Keep-Alive: 1", "Proxy-Connection: 1",
		"Te: trailers", "Authorization: Basic x", "Cookie: a=b", "X-Other: 2")
	for _, name := range []string{"Connection", "X-Mine", "Keep-Alive", "Proxy-Connection", "Te", "Upgrade", "Trailer"} {
		if v := a.Header.Get("Got-" + name); v != "" && v != "close" {
			t.Errorf("%s: %q was passed on", name, v)
		}
	}
	if a.Header.Get("Got-Authorization") == "" || a.Header.Get("Got-Cookie") == "" || a.Header.Get("Got-X-Other") != "2" {
		t.Errorf("a field was lost: %v", a.Header)
	}
}

func testSingletons(t *testing.T, e engineKind) {
	r := newRig(t, e, setup{})
	for _, name := range singletons {
		wantProblem(t, r.get(t, "/", name+": a", name+": b"), 400, "repeated_field")
		if rec := r.record(t); rec.Reached || rec.Code != "repeated_field" {
			t.Errorf("record: %+v", rec)
		}
	}
	wantAnswer(t, r.get(t, "/", "Accept: a", "Accept: b"), 200, "")
}

func testRewriters(t *testing.T, e engineKind) {
	r := newRig(t, e, setup{})
	for _, name := range []string{"X-HTTP-Method-Override", "x-http-method", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL", "X_HTTP_Method_Override"} {
		wantProblem(t, r.get(t, "/", name+": DELETE"), 400, "rewriting_field")
	}
	if r.reached.Load() != 0 {
		t.Error("the backend was asked")
	}
}

func testTarget(t *testing.T, e engineKind) {
	r := newRig(t, e, setup{})
	if got := r.get(t, "/%61b%3a?q=%zz").Header.Get("Got-Target"); got != "GET /ab%3A?q=%zz" {
		t.Errorf("the backend saw %q", got)
	}
	r.record(t)
	for _, path := range []string{"/a%2fb", "/a/../b", "/%2e/a"} {
		wantProblem(t, r.get(t, path), 400, "ambiguous_path")
		rec := r.record(t)
		if len(rec.Decisions) != 1 || rec.Decisions[0].Outcome != Refused {
			t.Errorf("one decision is enough: %+v", rec.Decisions)
		}
	}
	allowed := newRig(t, e, setup{chain: Chain{Allow: api.EncodedSlash}})
	if got := allowed.get(t, "/a%2fb").Header.Get("Got-Target"); got != "GET /a%2Fb" {
		t.Errorf("the backend saw %q", got)
	}
}

func testClientGone(t *testing.T, e engineKind) {
	called, ended := make(chan bool, 1), make(chan error, 1)
	r := newRig(t, e, setup{upstream: canned(func(x *Exchange) error {
		called <- true
		<-x.Context().Done()
		ended <- x.Context().Err()
		return ClientGone(x.Context().Err())
	})})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-called; cancel() }()
	req, err := http.NewRequestWithContext(ctx, "GET", r.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := r.client.Do(req); err == nil {
		_ = res.Body.Close()
		t.Fatal("it was answered")
	}
	receive(t, ended)
	if rec := r.record(t); rec.Status != 0 || !rec.Aborted || rec.Code != "" {
		t.Errorf("record: %+v", rec)
	}
}

func testClientGoneInAnswer(t *testing.T, e engineKind) {
	for _, chain := range []Chain{{}, filtered(func() *filterFunc { return upper("") })} {
		gone := make(chan bool)
		r := newRig(t, e, setup{chain: chain, backend: func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			piece := strings.Repeat("a", 2*maxHeld)
			for {
				if _, err := io.WriteString(w, piece); err != nil {
					break
				}
			}
			<-req.Context().Done()
			close(gone)
		}})
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, "GET", r.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := r.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(res.Body, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		cancel()
		_ = res.Body.Close()
		receive(t, gone)
		if rec := r.record(t); rec.Status != 200 || !rec.Aborted || rec.Code != "" {
			t.Errorf("record: %+v", rec)
		}
	}
}

func testClientGoneWhileWaiting(t *testing.T, e engineKind) {
	waiting := make(chan bool, 1)
	r := newRig(t, e, setup{upstream: canned(func(x *Exchange) error {
		x.Answer.Status = 200
		x.Answer.SetBody(io.NopCloser(readerFunc(func([]byte) (int, error) {
			waiting <- true
			<-x.Context().Done()
			return 0, x.Context().Err()
		})))
		return nil
	})})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-waiting; cancel() }()
	req, err := http.NewRequestWithContext(ctx, "GET", r.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := r.client.Do(req); err == nil {
		_ = res.Body.Close()
	}
	if rec := r.record(t); !rec.Aborted || rec.Code != "" {
		t.Errorf("record: %+v", rec)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// testEarlyAnswer has the backend answer before it has read the body: http.Transport then still reads it, while the
// exchange ends and the next one begins.
func testEarlyAnswer(t *testing.T, e engineKind) {
	for _, read := range []bool{false, true} { // streamed, and from our buffer
		r := newRig(t, e, setup{
			chain: Chain{Request: step(func(x *Exchange) error {
				x.Request.Body.Limit = 8 << 20
				if !read {
					return nil
				}
				_, err := x.Request.Body.Bytes()
				return err
			})},
			backend: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) },
		})
		done := make(chan bool)
		for range 2 {
			go func() {
				defer func() { done <- true }()
				for range 3 {
					// An early answer may break the sender's connection: what counts is that nothing is shared.
					r.do(t, "POST", "/", strings.NewReader(strings.Repeat("a", 512<<10)))
				}
			}()
		}
		for range 2 {
			select {
			case <-done:
			case <-time.After(3 * patience):
				t.Fatal("stuck")
			}
		}
	}
}
