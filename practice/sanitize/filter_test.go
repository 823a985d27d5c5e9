// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"yett/exchange"
	"yett/problem"
)

// filtered sends text through a filter in pieces of size bytes.
func filtered(t testing.TB, c Config, status int, text string, size int) (string, error) {
	t.Helper()
	x := &exchange.Exchange{}
	x.Answer.Status = status
	f := newFilter(x, New(c, Options{}))
	defer f.release()
	var out []byte
	for len(text) > size {
		var err error
		if out, err = f.Filter(out, []byte(text[:size]), false, false); err != nil {
			return "", err
		}
		text = text[size:]
	}
	out, err := f.Filter(out, []byte(text), false, true)
	return string(out), err
}

var sizes = []int{1, 7, 64, 333, 1 << 20}

// around are what a leak may be embedded in: alone, and far behind and before other text.
func around(text string) []string {
	far := strings.Repeat("Lorem ipsum dolor sit amet, consectetur. ", 60)
	return []string{text, far + "\n" + text, text + "\n" + far}
}

func TestHonestAnswersAreUntouched(t *testing.T) {
	if len(honest) < 40 {
		t.Fatalf("only %d documents", len(honest))
	}
	for i, doc := range honest {
		for _, text := range around(doc) {
			for _, size := range sizes {
				if got, err := filtered(t, Config{}, 200, text, size); err != nil || got != text {
					t.Errorf("document %d in pieces of %d: %.200s became %.200s, %v", i, size, doc, got, err)
				}
			}
		}
	}
}

func TestLeaksInErrorsAreReplaced(t *testing.T) {
	if len(leaking) < 40 {
		t.Fatalf("only %d documents", len(leaking))
	}
	for _, tt := range leaking {
		t.Run(tt.name, func(t *testing.T) {
			for _, text := range around(tt.text) {
				for _, size := range sizes {
					_, err := filtered(t, Config{}, 404, text, size)
					p, ok := errors.AsType[*problem.Error](err)
					if !ok || p.Code != "upstream_leak" || p.Status != 404 {
						t.Errorf("in pieces of %d: got %v", size, err)
					}
				}
			}
		})
	}
}

func TestLeaksInGoodAnswersAreMaskedAndTheirFormStays(t *testing.T) {
	for _, tt := range leaking {
		t.Run(tt.name, func(t *testing.T) {
			for _, text := range around(tt.text) {
				for _, size := range sizes {
					got, err := filtered(t, Config{}, 200, text, size)
					if err != nil || len(got) != len(text) {
						t.Fatalf("in pieces of %d: %d bytes became %d, %v", size, len(text), len(got), err)
					}
					if strings.Contains(got, tt.found) != tt.weak {
						t.Errorf("in pieces of %d: %q is there or not, and should not be so: %.300s", size, tt.found, got)
					}
				}
			}
			if json.Valid([]byte(tt.text)) {
				if got, _ := filtered(t, Config{}, 200, tt.text, 9); !json.Valid([]byte(got)) {
					t.Errorf("no longer JSON: %s", got)
				}
			}
		})
	}
}

func TestAnOperationMayTalkOfWhatIsItsData(t *testing.T) {
	text := leaking[0].text
	if got, err := filtered(t, Config{Allow: []Kind{StackTrace}}, 200, text, 50); err != nil || got != text {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestTwoFramesFarFromEachOtherAreTwoQuotations(t *testing.T) {
	one := "\n    at find (/app/a.js:1:2)\n"
	text := one + strings.Repeat("x ", window) + one
	for _, size := range sizes {
		if got, err := filtered(t, Config{}, 200, text, size); err != nil || got != text {
			t.Errorf("in pieces of %d it was masked", size)
		}
	}
}

func TestLinesOfAStreamDoNotWait(t *testing.T) {
	x := &exchange.Exchange{}
	x.Answer.Status = 200
	f := newFilter(x, New(Config{}, Options{}))
	defer f.release()
	for i := range 3 {
		event := fmt.Sprintf("data: %d\n\n", i)
		if got, err := f.Filter(nil, []byte(event), true, false); err != nil || string(got) != event {
			t.Errorf("event %d: got %q, %v", i, got, err)
		}
	}
	got, err := f.Filter(nil, []byte("data:     at f (/a.js:1:2)\ndata:     at g (/b.js:1:2)\n\n"), true, false)
	if err != nil || strings.Contains(string(got), "b.js") {
		t.Errorf("two frames in one event left as %q, %v", got, err)
	}
	if got, err := f.Filter(nil, []byte(strings.Repeat("x", maxLine+1)), true, false); err != nil || len(got) != maxLine+1 {
		t.Errorf("a line without end: %d bytes left, %v", len(got), err)
	}
}

func TestMaskingKeepsEscapesTagsAndEntities(t *testing.T) {
	for _, tt := range []struct{ name, text, whole, want string }{
		{"escapes stay", `\tabc\u0041\"x`, `\tabc\u0041\"x`, `\t***\u0041\"*`},
		{"a match that begins inside an escape", `\tabc`, `tabc`, `\t***`},
		{"a match that begins inside a long escape", `\u0041bc`, `41bc`, `\u0041**`},
		{"a backslash of its own", `\\tabc`, `tabc`, `\\****`},
		{"tags and entities stay", `a<b>1</b>&lt;c`, `a<b>1</b>&lt;c`, `*<b>*</b>&lt;*`},
		{"other scripts stay", `aä€b`, `aä€b`, `*ä€*`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := []byte(tt.text)
			from := len(tt.text) - len(tt.whole)
			if mask(b, from, len(b)); string(b) != tt.want {
				t.Errorf("got %s, want %s", b, tt.want)
			}
		})
	}
}

// FuzzFilter looks for a text on which the verdict depends on how it was cut, or whose form is broken.
func FuzzFilter(f *testing.F) {
	for _, tt := range leaking {
		f.Add(tt.text, uint64(1), true)
		f.Add(tt.text, uint64(2), false)
	}
	f.Fuzz(func(t *testing.T, text string, seed uint64, bad bool) {
		status := 200
		if bad {
			status = 404
		}
		want, wantErr := filtered(t, Config{}, status, text, max(1, len(text)))
		got, err := filtered(t, Config{}, status, text, 1+rand.New(rand.NewPCG(seed, 0)).IntN(400)) // #nosec G404 -- cuts, not secrets
		if got != want || (err == nil) != (wantErr == nil) {
			t.Errorf("cut, it is %q, %v; whole, %q, %v", got, err, want, wantErr)
		}
		if err == nil && (len(got) != len(text) || json.Valid([]byte(text)) && !json.Valid([]byte(got))) {
			t.Errorf("%q became %q", text, got)
		}
	})
}

func benchmark(b *testing.B, text string) {
	s := New(Config{}, Options{})
	dst := make([]byte, 0, 2*len(text)+window)
	chunk := []byte(text)
	x := &exchange.Exchange{}
	x.Answer.Status = 200
	f := newFilter(x, s)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		f.done, f.framed, f.kept = 0, false, f.kept[:0]
		var err error
		if dst, err = f.Filter(dst[:0], chunk, false, true); err != nil {
			b.Fatal(err)
		}
	}
}

func product(n int) string {
	var s strings.Builder
	s.WriteString(`{"products":[`)
	for i := 0; s.Len() < n; i++ {
		fmt.Fprintf(&s, `{"id":%d,"name":"Cast iron pan, 28 cm","category":"kitchen","price":2900,"created":"2026-11-23T14:08:31Z"},`, i)
	}
	return s.String()[:n-2] + "]}"
}

func BenchmarkFilter1KB(b *testing.B)  { benchmark(b, product(1<<10)) }
func BenchmarkFilter64KB(b *testing.B) { benchmark(b, product(64<<10)) }

// The worst that a text can do: nothing but anchors.
func BenchmarkFilterAnchors(b *testing.B) { benchmark(b, strings.Repeat(" a.js:1:2", 7000)) }
