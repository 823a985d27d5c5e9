// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"yett/api"
	"yett/exchange"
	"yett/problem"
	"yett/view"
)

// filler makes what holds it longer than the window of 64 bytes, so that it is entered.
var filler = `"filler":"` + strings.Repeat("f", 150) + `"`

func TestALongAnswerIsHeldToTheSameGrammar(t *testing.T) {
	v := compiled(t, `{"type":"object","properties":{"a":{},"b":{},"closed":{"type":"object","properties":{"a":{}}}}}`, nil)
	wide := strings.Repeat(" ", 100)
	for _, tt := range []struct{ name, in, code string }{
		{"a name that comes twice is refused", `{"a":{` + filler + `,"x":1,` + filler[:9] + `2":1,"x":2}}`, "upstream_json"},
		{"spelt otherwise too", `{"a":{"x":1,` + filler + `,"\u0078":2,"z":3}}`, "upstream_json"},
		{"in what does not leave too", `{"undeclared":{"x":1,` + filler + `,"x":2,"z":3}}`, "upstream_json"},
		{"the same name in two objects is none", `{"a":{"x":1,` + filler + `,"o":{"x":1,` + filler + `}},"b":{"x":1,` + filler + `}}`, ""},
		{"a comma before the end of an object", `{"a":{"x":1,` + filler + `,}}`, "upstream_json"},
		{"a comma before the end of an array", `{"a":["x",{` + filler + `},]}`, "upstream_json"},
		{"a comma at the beginning", `{"a":[,"x",{` + filler + `}]}`, "upstream_json"},
		{"two commas", `{"a":["x",,{` + filler + `}]}`, "upstream_json"},
		{"no comma", `{"a":["x" {` + filler + `}]}`, "upstream_json"},
		{"no colon", `{"a" [{` + filler + `},{` + filler + `}]}`, "upstream_json"},
		{"two colons", `{"a"::[{` + filler + `},{` + filler + `}]}`, "upstream_json"},
		{"a name that is none", `{a:[{` + filler + `},{` + filler + `}]}`, "upstream_json"},
		{"the wrong bracket", `{"a":["x",{` + filler + `}}}`, "upstream_json"},
		{"too many brackets", `{"a":["x",{` + filler + `}]}]`, "upstream_json"},
		{"too few brackets", `{"a":["x",{` + filler + `},{` + filler + `}]`, "upstream_json"},
		{"a document behind the document", `{"a":["x",{` + filler + `}]}{}`, "upstream_json"},
		{"broken where nothing leaves", `{"undeclared":[{` + filler + `},tru,1]}`, "upstream_json"},
		{"broken deep where nothing leaves", `{"closed":{"undeclared":[{"a":[` + filler[9:] + `,1,[],{"b":}]}]}}`, "upstream_json"},
		{"a string that does not end where nothing leaves", `{"undeclared":"` + strings.Repeat("x", 200), "upstream_json"},
		{"a number without end", `{"a":` + strings.Repeat("1", 300) + `}`, "upstream_json"},
		{"a name without end", `{"a":1,"` + strings.Repeat("n", 300) + `":1}`, "upstream_json"},
		{"white space everywhere", wide + `{` + wide + `"a"` + wide + `:` + wide + `[` + wide + `]` + wide + `,` + wide + `"b"` + wide + `:` + wide + `{` + wide + `}` + wide + `}` + wide, ""},
		{"white space around single values", `{"a":[` + wide + `1` + wide + `,` + wide + `"x"` + wide + `,` + wide + `[1]` + wide + `]}`, ""},
		{"white space where nothing leaves", `{"undeclared":` + wide + `[` + wide + `1` + wide + `,` + wide + `"x"` + wide + `]` + wide + `}`, ""},
		{"a string alone", `"` + strings.Repeat("x", 300) + `"`, ""},
		{"a number behind much white space", wide + `12` + wide, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			whole, err := v.Pieces(new(exchange.Exchange), "application/json", []byte(tt.in), view.Sizes{LastWithBytes: true})
			if problem.Code(err) != tt.code && !strings.Contains(tt.name, "without end") {
				t.Errorf("whole: %s, %v, want %q", whole, err, tt.code)
			}
			for size := 1; size < 220; size += 1 + size/7 {
				got, err := v.Pieces(new(exchange.Exchange), "application/json", []byte(tt.in), tiny(size))
				if problem.Code(err) != tt.code || err == nil && !sameJSON(t, got, whole) {
					t.Errorf("in pieces of %d: %s, %v\nwant %s, code %q", size, got, err, whole, tt.code)
				}
			}
		})
	}
}

func TestNestingIsBoundedAlikeInShortAndLongAnswers(t *testing.T) {
	v := compiled(t, `{}`, nil)
	for depth, code := range map[int]string{512: "", 513: "upstream_json", 5000: "upstream_json"} {
		for _, pair := range []string{"[]", "{}"} {
			opening, inner := pair[:1], "1"
			if pair == "{}" {
				opening, inner = `{"a":`, "1"
			}
			in := strings.Repeat(opening, depth) + inner + strings.Repeat(pair[1:], depth)
			for _, s := range []view.Sizes{{LastWithBytes: true}, tiny(1), tiny(100), tiny(10_000)} {
				got, err := v.Pieces(new(exchange.Exchange), "application/json", []byte(in), s)
				if problem.Code(err) != code || err == nil && string(got) != in {
					t.Errorf("%d of %s in a window of %d: %d bytes, %v", depth, pair, s.Window, len(got), err)
				}
			}
		}
	}
}

func TestWordsOnArraysMeanTheirItems(t *testing.T) {
	mask := `"x-yett-mask":"redact"`
	strings2 := `{"type":"array",` + mask + `,"items":{"type":"string"}}`
	for _, tt := range []struct{ name, schema, in, out string }{
		{"in an array", strings2, `["a",null,"b"]`, `["***",null,"***"]`},
		{"in an array of arrays", `{"type":"array","items":` + strings2 + `}`, `[["a"],["b","c"]]`, `[["***"],["***","***"]]`},
		{"in an array of arrays that says something else", `{"type":"array","x-yett-contains":["card"],"items":` + strings2 + `}`, `[["a"],["b","c"]]`, `[["***"],["***","***"]]`},
		{"three deep", `{"type":"array","x-yett-contains":["card"],"items":{"type":"array","x-yett-contains":["card"],"items":` + strings2 + `}}`, `[[["a"]],[[]]]`, `[[["***"]],[[]]]`},
		{"in an array that holds itself", `{"$ref":"#/components/schemas/Self"}`, `[["4111"],[["4111"]]]`, `["***","***"]`},
		{"items of which nothing else is said", `{"type":"array","x-yett-encrypt":"randomized"}`, `["sealed:a",["sealed:b"]]`, `["a@",["sealed:b"]]`},
		{"items behind those of a tuple", `{"type":"array","x-yett-encrypt":"randomized","prefixItems":[{"type":"string"}]}`, `["sealed:a","sealed:b"]`, `["a@","b@"]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := described(t, tt.schema)
			v := view.Compile(a.Operations[0], view.NewRules(a, false, edits()), nil, "v")
			for _, s := range []view.Sizes{{LastWithBytes: true}, tiny(1), {Window: 4, Leaf: 100, Part: 100, Overlap: 48, Pieces: func() int { return 3 }}} {
				got, err := v.Pieces(new(exchange.Exchange), "application/json", []byte(tt.in), s)
				if err != nil || string(got) != tt.out {
					t.Errorf("in a window of %d: %s, %v\nwant %s", s.Window, got, err, tt.out)
				}
			}
		})
	}
}

func TestABodyThatMayNotLeaveIsNull(t *testing.T) {
	v := compiled(t, `{"type":["object","string"],"writeOnly":true}`, nil)
	for _, in := range []string{`{"a":1}`, `"text"`, `{"a":[` + strings.Repeat("1,", 100) + `1]}`, `"` + strings.Repeat("x", 200) + `"`} {
		for _, s := range []view.Sizes{{LastWithBytes: true}, tiny(7)} {
			if got, err := v.Pieces(new(exchange.Exchange), "application/json", []byte(in), s); err != nil || string(got) != "null" {
				t.Errorf("%s in a window of %d: %s, %v", in, s.Window, got, err)
			}
		}
	}
}

func TestNamesAreBounded(t *testing.T) {
	v := compiled(t, `{}`, nil)
	object := func(names int) string {
		var b strings.Builder
		for i := range names {
			fmt.Fprintf(&b, `,"n%d":1`, i)
		}
		return "{" + b.String()[1:] + "}"
	}
	for _, tt := range []struct {
		name, in string
		sizes    view.Sizes
		code     string
	}{
		{"many objects may have many", "[" + strings.Repeat(object(100)+",", 2500) + "1]", tiny(1000), ""},
		{"one object may have many", object(200_000), view.Sizes{}, ""},
		{"and not more", object(200_001), view.Sizes{}, "upstream_json"},
		{"nor together with those around it", strings.TrimSuffix(object(150_000), "}") + `,"in":` + object(150_000) + "}", view.Sizes{}, "upstream_json"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := v.Pieces(new(exchange.Exchange), "application/json", []byte(tt.in), tt.sizes); problem.Code(err) != tt.code {
				t.Error(err)
			}
		})
	}
}

// TestAnEditKnowsWhatStandsAroundAValue opens values that are bound to the name of their member and to what stands beside
// them.
func TestAnEditKnowsWhatStandsAroundAValue(t *testing.T) {
	open := &view.Edit{Stage: view.Open, Does: "opened", Value: func(_ *exchange.Exchange, dst []byte, v view.Value) ([]byte, bool, error) {
		if !strings.HasPrefix(string(v.Text), "sealed:") {
			return dst, false, nil
		}
		id, ok := v.Sibling("id")
		if !ok {
			return dst, false, errors.New("no id")
		}
		return fmt.Appendf(dst, `"%s of %s"`, v.Name(), id), true, nil
	}}
	a := described(t, `{"type":"object"}`)
	v := view.Compile(a.Operations[0], view.NewRules(a, false, func(view.Place) []*view.Edit { return []*view.Edit{open} }), nil, "v")
	fill := strings.Repeat(`1,`, 40) + "1"
	for _, tt := range []struct{ name, in, out string }{
		{"a member", `{"id":"i","s":"sealed:1"}`, `{"id":"i","s":"s of i"}`},
		{"a number beside it", `{"id":7,"s":"sealed:1"}`, `{"id":7,"s":"s of 7"}`},
		{"far from it", `{"id":"i","x":[` + fill + `],"s":"sealed:1"}`, `{"id":"i","x":[` + fill + `],"s":"s of i"}`},
		{"its own object counts, not the one around", `{"id":"i","x":[` + fill + `],"o":{"id":"j","s":"sealed:1"}}`, `{"id":"i","x":[` + fill + `],"o":{"id":"j","s":"s of j"}}`},
		{"items of an array", `{"id":"i","s":["sealed:1",["sealed:2"],` + fill + `,"sealed:3"]}`, `{"id":"i","s":["s of i",["s of i"],` + fill + `,"s of i"]}`},
		{"items that are objects", `{"s":[{"id":"1","a":"sealed:"},` + fill + `,{"id":"2","b":"sealed:"}]}`, `{"s":[{"id":"1","a":"a of 1"},` + fill + `,{"id":"2","b":"b of 2"}]}`},
		{"under an empty name", `{"id":"i","x":[` + fill + `],"":["sealed:1"]}`, `{"id":"i","x":[` + fill + `],"":[" of i"]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, s := range []view.Sizes{{LastWithBytes: true}, tiny(1), tiny(50), tiny(1000)} {
				got, err := v.Pieces(new(exchange.Exchange), "application/json", []byte(tt.in), s)
				if err != nil || string(got) != tt.out {
					t.Errorf("in a window of %d: %s, %v\nwant %s", s.Window, got, err, tt.out)
				}
			}
		})
	}
	t.Run("an object around is not asked", func(t *testing.T) {
		for _, s := range []view.Sizes{{LastWithBytes: true}, tiny(1), tiny(50)} {
			for _, o := range []string{`{"s":"sealed:1"}`, `{"s":"sealed:1"}` + strings.Repeat(" ", 100), `{"x":[` + fill + `],"s":"sealed:1"}`} {
				in := `{"id":"i","x":[` + fill + `],"o":` + o + `}`
				if got, err := v.Pieces(new(exchange.Exchange), "application/json", []byte(in), s); err == nil {
					t.Errorf("in a window of %d: %s", s.Window, got)
				}
			}
		}
	})
}

func TestTheJudgeIsAskedOnceForEachBodyOrRecord(t *testing.T) {
	fill := strings.Repeat(`1,`, 40) + "1"
	for _, tt := range []struct {
		name, schema, contentType, in string
		asked                         string // findings, or "unjudged", of each time
	}{
		{"not where all fits", things, "application/json", `{"id":1,"free":{"a":[` + fill + `]}}`, ""},
		{"nor where as many are there as must be", `{"properties":{"a":{"minItems":41,"maxItems":41}}}`, "application/json", `{"a":[` + fill + `]}`, ""},
		{"with all that does not fit in a short one", things, "application/json", `{"id":"1","name":2}`, "/id /name"},
		{"with the first that does not fit in a long one", `{"properties":{"a":{"maxItems":1},"b":{"type":"string"}}}`, "application/json", `{"a":[` + fill + `],"b":1}`, "/a"},
		{"with what is missing in a long one", `{"required":["b"],"properties":{"a":{}}}`, "application/json", `{"a":[` + fill + `]}`, "/b"},
		{"where a long one cannot be judged whole", `{"anyOf":[{"type":"string"},{"properties":{"a":{}}}]}`, "application/json", `{"a":[` + fill + `,` + fill + `]}`, "unjudged"},
		{"for each record", things, "application/x-ndjson", "{}\n{\"id\":1}\n{\"id\":\"1\"}\n", "/id|/id"},
		{"for each event", things, "text/event-stream", "data: {}\n\ndata: {}\n\n", "/id|/id"},
		{"of what does not leave too", `{"properties":{"s":{"type":"array","writeOnly":true,"items":{"type":"string"}}}}`, "application/json", `{"s":["a",` + fill + `]}`, "/s/*"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var asked []string
			v := compiled(t, tt.schema, func(_ *exchange.Exchange, j view.Judgement) error {
				var found []string
				for _, f := range j.Findings {
					found = append(found, f.Pointer)
				}
				if len(found) == 0 && j.Unjudged {
					found = append(found, "unjudged")
				}
				asked = append(asked, strings.Join(found, " "))
				return nil
			})
			if _, err := v.Pieces(new(exchange.Exchange), tt.contentType, []byte(tt.in), tiny(30)); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(asked, "|"); got != tt.asked {
				t.Errorf("asked of %q, want %q", got, tt.asked)
			}
		})
	}
}

// TestNothingOfOneAnswerIsInTheNext has many goroutines share passes; run it with -race.
func TestNothingOfOneAnswerIsInTheNext(t *testing.T) {
	views := []*view.View{compiled(t, things, nil), compiled(t, people, nil), compiled(t, `{"type":"object"}`, nil)}
	type answer struct {
		v                 *view.View
		contentType, body string
		want              string
	}
	var answers []answer
	for i, v := range views {
		for contentType, body := range map[string]string{
			"application/json":     `{"id":1,"x":"secret","name":"4111","people":[{"id":1,"card":"c","debug":{"a":1}}],"items":[{"n":1,"y":2}],"free":{"a":"4111"}}`,
			"application/x-ndjson": "{\"id\":1,\"x\":2}\n{\"id\":2,\"name\":\"4111\"}\n",
			"text/event-stream":    "data: {\"id\":1,\"x\":2}\n\n: c\ndata: {\"id\":2,\"name\":\"4111\"}\n\n",
			"text/plain":           strings.Repeat("some 4111 text ", 30+i),
		} {
			want, err := v.Pieces(new(exchange.Exchange), contentType, []byte(body), view.Sizes{LastWithBytes: true})
			if err != nil {
				t.Fatal(err)
			}
			answers = append(answers, answer{v, contentType, body, string(want)})
		}
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 1))
			for range 300 {
				a := answers[r.IntN(len(answers))]
				s := tiny(1 + r.IntN(40))
				if r.IntN(2) == 0 {
					s = view.Sizes{Pieces: func() int { return 1 + r.IntN(40) }}
				}
				body := a.body
				broken := r.IntN(4) == 0
				if broken {
					body = body[:len(body)/2] // it is left in the middle
				}
				got, err := a.v.Pieces(new(exchange.Exchange), a.contentType, []byte(body), s)
				if !broken && (err != nil || string(got) != a.want && !sameJSON(nil, got, []byte(a.want))) {
					t.Errorf("%s: %s, %v\nwant %s", a.contentType, got, err, a.want)
				}
			}
		})
	}
	wg.Wait()
}

// sameJSON reports whether two documents say the same. What is no JSON is not the same.
func sameJSON(t testing.TB, a, b []byte) bool {
	x, errX := decoded(a)
	y, errY := decoded(b)
	if t != nil && (errX != nil || errY != nil) {
		t.Errorf("%v, %v: %s", errX, errY, a)
	}
	return errX == nil && errY == nil && equalJSON(x, y)
}

// served is a program that passes the answers of h through v.
func served(t *testing.T, a *api.API, v *view.View, h http.HandlerFunc) *httptest.Server {
	chain := &exchange.Chain{
		Operation: a.Operations[0],
		Request:   []exchange.Link{{Practice: "view", Step: v.Request}},
		Response:  []exchange.Link{{Practice: "view", Step: v.Response}},
	}
	s := httptest.NewServer(chain.Handler(h))
	t.Cleanup(s.Close)
	return s
}

func get(t *testing.T, url string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func TestAFaultBeforeTheFirstByteIsAnAnswerAndLaterBreaksIt(t *testing.T) {
	a := described(t, people)
	v := view.Compile(a.Operations[0], view.NewRules(a, false, strict()), nil, "v")
	for _, tt := range []struct {
		name   string
		body   []byte
		status int
	}{
		{"short", []byte(`{"total":1,"people":[`), http.StatusBadGateway},
		{"long", append(persons(strictPerson, 1<<20), 'x'), http.StatusOK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := served(t, a, v, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				for piece := range slices.Chunk(tt.body, 32<<10) {
					_, _ = w.Write(piece) // refused at the end
				}
			})
			res := get(t, s.URL)
			got, err := io.ReadAll(res.Body)
			if res.StatusCode != tt.status {
				t.Errorf("status %d, want %d", res.StatusCode, tt.status)
			}
			if broken := tt.status == http.StatusOK; broken != (err != nil) {
				t.Errorf("%d bytes and %v", len(got), err)
			}
			if bytes.Contains(got, []byte("hunter2")) {
				t.Error("what is write-only has left")
			}
		})
	}
}

// TestMemoryDoesNotGrowWithTheAnswer sends answers of up to 100 MB through a program and watches its heap.
func TestMemoryDoesNotGrowWithTheAnswer(t *testing.T) {
	const mostGrowth = 10 << 20
	a := described(t, `{"anyOf":[{"type":"array","items":{"$ref":"#/components/schemas/Item"}},{"type":"object","properties":{"items":{"type":"array","items":{"$ref":"#/components/schemas/Item"}},"text":{"type":"string"}}}]}`)
	v := view.Compile(a.Operations[0], view.NewRules(a, false, strict()), nil, "v")
	item := []byte(`{"id":123456,"name":"some name or other","debug":{"shard":[1,2,3],"took":"12ms"},"card":"4000001234567899","tags":["a","b"],"more":[{"card":"x","id":1,"x":[{}]}]}`)
	kept := `{"id":123456,"name":"some name or other","card":"***","tags":["a","b"],"more":[{"card":"***","id":1}]}`
	many := bytes.Repeat(append(item, ','), 400)
	for _, tt := range []struct {
		name, begin, end, what string
		piece                  []byte
		size                   int
		want                   func(n int) int // length of the answer to n pieces
	}{
		{name: "an array of objects", begin: "[", piece: many, end: string(item) + "]", size: longAnswer, want: func(n int) int { return 2 + (400*n+1)*(len(kept)+1) - 1 }},
		{name: "an array in an object", begin: `{"undeclared":1,"items":[`, piece: many, end: string(item) + `],"z":2}`, size: longAnswer, want: func(n int) int { return len(`{"items":[`) + (400*n+1)*(len(kept)+1) - 1 + len(`]}`) }},
		{name: "a string in an object", begin: `{"text":"`, piece: []byte(strings.Repeat(`some \u00e9 text \n`, 3000)), end: `"}`, size: longAnswer * 3 / 10, want: func(n int) int { return len(`{"text":""}`) + 3000*n*len(`some \u00e9 text \n`) }},
		{name: "what does not leave", begin: `{"x":{"a":[`, piece: many, end: string(item) + `]}}`, size: longAnswer, want: func(int) int { return 2 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := tt.size / len(tt.piece)
			arrived := make(chan struct{})
			s := served(t, a, v, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, tt.begin)
				for i := range n {
					if _, err := w.Write(tt.piece); err != nil {
						t.Error(err)
						return
					}
					if i == n/2 && tt.want(n) > 1<<20 {
						select {
						case <-arrived:
						case <-time.After(time.Minute):
							t.Error("half of it is sent, and none has arrived")
						}
					}
				}
				_, _ = io.WriteString(w, tt.end)
			})
			runtime.GC()
			base, most := heap(), uint64(0)
			stop, stopped := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(stopped)
				for tick := time.Tick(time.Millisecond); ; {
					most = max(most, heap())
					select {
					case <-stop:
						return
					case <-tick:
					}
				}
			}()
			res := get(t, s.URL)
			got := 0
			buf := make([]byte, 64<<10)
			var err error
			for err == nil {
				var k int
				if k, err = res.Body.Read(buf); got == 0 && k > 0 {
					close(arrived)
				}
				got += k
			}
			close(stop)
			<-stopped
			if err != io.EOF || got != tt.want(n) {
				t.Errorf("%d bytes of %d, %v", got, tt.want(n), err)
			}
			if most > base+mostGrowth {
				t.Errorf("the heap has grown by %d MiB", (most-base)>>20)
			}
			t.Logf("%d MB, of which %d MB left; the heap grew by %d KiB at most", tt.size>>20, got>>20, (max(most, base)-base)>>10)
		})
	}
}

// heap is how many bytes the objects on the heap have, those included that are garbage.
func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
