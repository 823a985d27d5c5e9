// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"yett/exchange"
	"yett/problem"
	"yett/view"
)

// tiny makes short texts long ones.
func tiny(size int) view.Sizes {
	return view.Sizes{Window: 64, Leaf: 64, Part: 128, Overlap: 48, Pieces: func() int { return size }}
}

func TestAFindingIsFoundWhereverTextsAreCut(t *testing.T) {
	v := compiled(t, `{"type":"object"}`, nil)
	for _, tt := range []struct{ name, around string }{
		{"letters", "abc"}, {"characters of two, three and four bytes", "é日😀"}, {"blanks", " "}, {"other digits", "114"}, {"quotes and backslashes", `"\`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for at := range 130 {
				body := strings.Repeat(tt.around, at) + "4111" + strings.Repeat(tt.around, 100)
				want := strings.ReplaceAll(body, "4111", "****")
				for _, size := range []int{1, 64} {
					got, err := v.Pieces(new(exchange.Exchange), "text/plain", []byte(body), tiny(size))
					if err != nil || string(got) != want {
						t.Fatalf("text of %d, in pieces of %d: got %q, %v\nwant %q", at, size, got, err, want)
					}
					quoted, err := jsontext.AppendQuote(nil, body)
					if err != nil {
						t.Fatal(err)
					}
					got, err = v.Pieces(new(exchange.Exchange), "application/json", fmt.Appendf(nil, `{"a":%s}`, quoted), tiny(size))
					if text, e := unquoted(got); err != nil || e != nil || text != want {
						t.Fatalf("string of %d, in pieces of %d: got %s, %v\nwant %q", at, size, got, err, want)
					}
				}
			}
		})
	}
}

// unquoted is what the string in {"a":"…"} says.
func unquoted(doc []byte) (string, error) {
	text, err := jsontext.AppendUnquote(nil, bytes.TrimSuffix(bytes.TrimPrefix(doc, []byte(`{"a":`)), []byte("}")))
	return string(text), err
}

func TestEscapesAreNotCut(t *testing.T) {
	v := compiled(t, `{"type":"object"}`, nil)
	r := rand.New(rand.NewPCG(1, 1))
	parts := []string{`\u0034111`, `4\u00311\u0031`, `\\`, `\"`, `\ud83d\ude00`, `\uD83D\uDE00`, `é`, `😀`, `x`, `\n`, `\/`, `\u0000`, ` `}
	for i := range 2000 {
		var b strings.Builder
		for b.Len() < 100+i%400 {
			b.WriteString(parts[r.IntN(len(parts))])
		}
		in := `{"a":"` + b.String() + `"}`
		want, err := unquoted([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		want = strings.ReplaceAll(want, "4111", "****")
		got, err := v.Pieces(new(exchange.Exchange), "application/json", []byte(in), tiny(1+r.IntN(90)))
		if text, e := unquoted(got); err != nil || e != nil || text != want {
			t.Fatalf("%s: got %s, %v, %v\nwant %q", in, got, err, e, want)
		}
	}
}

func TestWhatIsNoTextInsideALongStringIsRefused(t *testing.T) {
	v := compiled(t, `{"type":"object","properties":{"a":{"type":"string"}}}`, nil)
	for _, tt := range []struct{ name, bad string }{
		{"half a pair", `\ud83d`}, {"the other half", `\ude00`}, {"an unknown escape", `\x`}, {"bad hex", `\u12g4`}, {"a control character", "\n"}, {"a byte that is no UTF-8", "\xff"},
		{"a character cut off", "\xf0\x9f\x98"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, member := range []string{"a", "undeclared"} {
				for at := range 150 {
					in := `{"` + member + `":"` + strings.Repeat("x", at) + tt.bad + strings.Repeat("y", 150) + `"}`
					if got, err := v.Pieces(new(exchange.Exchange), "application/json", []byte(in), tiny(1+at%50)); problem.Code(err) != "upstream_json" {
						t.Fatalf("%s: got %s, %v", in, got, err)
					}
				}
			}
		})
	}
}

func TestTextThatIsAllFindingsIsStarredOut(t *testing.T) {
	v := compiled(t, `{"type":"object"}`, nil)
	for _, between := range []string{"\n", " ", ",", ";", "|x|"} {
		body := strings.Repeat("4111"+between, 500)
		got, err := v.Pieces(new(exchange.Exchange), "text/csv", []byte(body), tiny(40))
		if want := strings.ReplaceAll(body, "4111", "****"); err != nil || string(got) != want {
			t.Errorf("between %q: %v\ngot  %.100s\nwant %.100s", between, err, got, want)
		}
	}
}

// observing returns the edits of strict, none of which does anything but count. Those that refuse say so each time.
func observing(refuse bool) func(view.Place) []*view.Edit {
	all, made := strict(), map[*view.Edit]*view.Edit{}
	return func(p view.Place) (list []*view.Edit) {
		for _, e := range all(p) {
			if made[e] == nil {
				own := *e
				own.Observe = true
				if refuse {
					no := errors.New("no")
					own.Value = func(_ *exchange.Exchange, dst []byte, _ view.Value) ([]byte, bool, error) { return dst, false, no }
					if find := e.Text; find != nil {
						own.Text = func(x *exchange.Exchange, dst, name, text []byte) ([]byte, bool, error) {
							if _, found, _ := find(x, nil, name, text); found {
								return dst, false, no
							}
							return dst, false, nil
						}
					}
				}
				made[e] = &own
			}
			list = append(list, made[e])
		}
		return list
	}
}

// TestATextIsNotCutWhereItIsFlushed has a finding that goes over several lines come line by line.
func TestATextIsNotCutWhereItIsFlushed(t *testing.T) {
	const key = "BEGIN\nline one\nline two\nEND"
	watch := &view.Edit{Practice: "expose", Stage: view.Watch, Does: "found",
		Text: func(_ *exchange.Exchange, dst, _, text []byte) ([]byte, bool, error) {
			if !bytes.Contains(text, []byte(key)) {
				return dst, false, nil
			}
			return append(dst, bytes.ReplaceAll(text, []byte(key), []byte("[key]"))...), true, nil
		}}
	a := described(t, `{"type":"object"}`)
	v := view.Compile(a.Operations[0], view.NewRules(a, false, func(view.Place) []*view.Edit { return []*view.Edit{watch} }), nil, "v")
	for at := range 120 {
		around := strings.Repeat("x\n", at)
		s := tiny(6)
		s.Flush = true
		got, err := v.Pieces(new(exchange.Exchange), "text/plain", []byte(around+key+"\n"+around), s)
		if want := around + "[key]\n" + around; err != nil || string(got) != want {
			t.Fatalf("behind %d lines: got %q, %v", at, got, err)
		}
	}
}

func TestObserversCountAndChangeNothing(t *testing.T) {
	long := strings.Repeat("some text 4111 and more, ", 100)
	for _, tt := range []struct {
		name, contentType, body string
		did                     map[string]int
	}{
		{"in a short answer", "application/json", `{"x":{"y":"4111"},"id":1,"card":"c","secret":"s","name":"4111","items":[{"note":"4111","z":4111}]}`,
			map[string]int{"removed": 3, "masked": 1, "found": 4}},
		{"in text", "text/plain", long, map[string]int{"found": 1}},
		{"in records", "application/x-ndjson", "{\"x\":1}\n{\"name\":\"4111\"}\n", map[string]int{"removed": 1, "found": 1}},
		{"in a long string", "application/json", `{"name":"` + long + `","card":"` + long + `"}`, map[string]int{"masked": 1, "found": 1}},
		{"in a long value that is not declared", "application/json", `{"x":[` + strings.Repeat(`"4111",`, 200) + `1]}`, map[string]int{"removed": 1, "found": 200}},
	} {
		for _, refuse := range []bool{false, true} {
			for size := range 60 {
				s := view.Sizes{LastWithBytes: true}
				if size > 0 {
					s = tiny(size)
				}
				did := map[string]int{}
				s.Did = func(what string, times int, _ []string) { did[what] += times }
				a := described(t, things)
				v := view.Compile(a.Operations[0], view.NewRules(a, false, observing(refuse)), nil, "v")
				got, err := v.Pieces(new(exchange.Exchange), tt.contentType, []byte(tt.body), s)
				if err != nil || string(got) != tt.body {
					t.Fatalf("%s, refusing %v, in pieces of %d: %v\ngot  %s\nwant %s", tt.name, refuse, size, err, got, tt.body)
				}
				for what, times := range tt.did {
					if strings.HasPrefix(tt.name, "in text") || strings.HasPrefix(tt.name, "in a long string") {
						times = max(times, min(did[what], 100)) // once for each piece of a text
					}
					if did[what] != times {
						t.Errorf("%s, refusing %v, in pieces of %d: %q %d times, want %d (%v)", tt.name, refuse, size, what, did[what], times, did)
					}
				}
				if size == 0 {
					break
				}
			}
		}
	}
}

func TestWhatWasDoneIsCountedWhereItWas(t *testing.T) {
	v := compiled(t, things, nil)
	body := []byte(`{"x":1,"items":[{"n":1,"y":1},{"n":2,"y":1},{"n":3,"k4111222233334444":1,"a/b":{}}],"card":"1","name":"4111 4111"}`)
	want := "removed 5: /x /items/*/y /items/*/? · masked 1: /card · found 1: /name"
	for _, s := range []view.Sizes{{LastWithBytes: true}, tiny(1), tiny(13), tiny(1000)} {
		var did []string
		s.Did = func(what string, times int, paths []string) {
			did = append(did, fmt.Sprintf("%s %d: %s", what, times, strings.Join(paths, " ")))
		}
		if _, err := v.Pieces(new(exchange.Exchange), "application/json", body, s); err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(want, " · ") {
			if !slices.Contains(did, part) {
				t.Errorf("in a window of %d: %q, want %q", s.Window, did, part)
			}
		}
	}
}

// TestAPieceCostsABoundedNumberOfLooks has texts that are hard to cut: one finding without end, and findings side by side.
func TestAPieceCostsABoundedNumberOfLooks(t *testing.T) {
	runs := regexp.MustCompile(`x{3,}|\+-\+`)
	looked := 0
	watch := &view.Edit{Practice: "expose", Stage: view.Watch, Does: "found",
		Text: func(_ *exchange.Exchange, dst, _, text []byte) ([]byte, bool, error) {
			looked += len(text)
			if !runs.Match(text) {
				return dst, false, nil
			}
			return append(dst, runs.ReplaceAll(text, []byte("*"))...), true, nil
		}}
	a := described(t, `{"type":"object"}`)
	v := view.Compile(a.Operations[0], view.NewRules(a, false, func(view.Place) []*view.Edit { return []*view.Edit{watch} }), nil, "v")
	for _, tt := range []struct{ name, body, want, code string }{
		{"ordinary text", strings.Repeat("some text, ", 50_000), strings.Repeat("some text, ", 50_000), ""},
		{"a finding without end", strings.Repeat("x", 500_000), "", "upstream_json"},
		{"findings side by side", strings.Repeat("+-+", 100_000), strings.Repeat("*", 100_000), ""},
		{"findings with little between", strings.Repeat("xxxx,", 100_000), strings.Repeat("*,", 100_000), ""},
		{"long findings", strings.Repeat(strings.Repeat("x", 14_000)+" ", 30), strings.Repeat("* ", 30), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			looked = 0
			got, err := v.Pieces(new(exchange.Exchange), "text/plain", []byte(tt.body), view.Sizes{Pieces: func() int { return 32 << 10 }})
			if problem.Code(err) != tt.code || err == nil && string(got) != tt.want {
				t.Fatalf("got %.40s (%d bytes), %v", got, len(got), err)
			}
			const window, most = 64 << 10, 20
			if pieces := 1 + len(tt.body)/(32<<10); looked > most*window*pieces || tt.code != "" && looked > most*window {
				t.Errorf("%d bytes of text are looked at %d times over", len(tt.body), looked/len(tt.body))
			}
		})
	}
}
