// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"yett/exchange"
	"yett/jsonstream"
	"yett/problem"
	"yett/view"
)

// forms are the ways in which a body is read.
var forms = []string{"application/json", "application/x-ndjson", "text/event-stream", "text/plain"}

// FuzzAnswers takes any bytes as an answer, in any pieces.
func FuzzAnswers(f *testing.F) {
	for i, seed := range []string{
		"", " ", "null", `"4111"`, `{"id":1,"debug":{"a":[1,2]},"name":"a"}`, `{"items":[{"n":1,"x":2},{"note":"4111"}],"tags":["a"]}`,
		`{"secret":"s","card":"c","sealed":"sealed:abc","free":{"xx-4111-xx":1,"k":[[[4111]]]}}`, `{"id":1,"\u0069d":2}`, `[1,]`, `{"a":1,}`, `{"x":},"id":1}`,
		`{"x":[` + strings.Repeat(`{"a":"]}"},`, 30) + `1],"id":1}`, strings.Repeat(`[`, 80) + strings.Repeat(`]`, 80), `"` + strings.Repeat(`\ud83d\ude00\n`, 50) + `4111"`,
		"{\"id\":1,\"x\":2}\n{\"id\":2}\r\n\n{", "\x1e{\"id\":1}\n", "data: {\"id\":1,\ndata: \"x\":2}\n\n: c\r\rid: 4111\r\n\r\n", "\ufeffdata: [DONE]\n\ndata\n", "a 4111 b\xff\xf0\x9f",
		strings.Repeat("4111", 100), strings.Repeat("4111 ", 100),
	} {
		for form := range forms {
			f.Add([]byte(seed), uint8(form), uint8(i*7), uint8(i*13))
		}
	}
	views := []*view.View{compiled(f, things, nil), compiled(f, `{"type":"array","items":`+things+`}`, nil), compiled(f, `{}`, nil)}
	f.Fuzz(func(t *testing.T, body []byte, form, piece, window uint8) {
		contentType := forms[int(form)%len(forms)]
		v := views[int(window)%len(views)]
		small := view.Sizes{
			Window: 1 + int(window), Leaf: 64 + int(window), Part: 160, Overlap: 48,
			Pieces: func() int { return 1 + int(piece) }, LastWithBytes: piece%2 == 0,
		}
		x := new(exchange.Exchange)
		whole, wholeErr := v.Pieces(x, contentType, body, view.Sizes{LastWithBytes: true})
		got, err := v.Pieces(x, contentType, body, small)
		for _, e := range []error{wholeErr, err} {
			if e != nil && problem.Code(e) != "upstream_json" {
				t.Fatalf("%v", e)
			}
		}
		switch contentType {
		case "application/json":
			checkJSON(t, body, got, err, whole, wholeErr)
		case "application/x-ndjson":
			checkLines(t, got, err)
			if (err == nil) != (wholeErr == nil) && !tooLong(err) || err == nil && !bytes.Equal(got, whole) {
				t.Fatalf("%q: %q, %v\nat once: %q, %v", body, got, err, whole, wholeErr)
			}
		case "text/event-stream":
			if (err == nil) != (wholeErr == nil) && !tooLong(err) || err == nil && !bytes.Equal(got, whole) {
				t.Fatalf("%q: %q, %v\nat once: %q, %v", body, got, err, whole, wholeErr)
			}
		case "text/plain":
			if err == nil && (!bytes.Equal(got, whole) || bytes.Contains(got, []byte("4111"))) {
				t.Fatalf("%q: %q\nat once: %q", body, got, whole)
			}
		}
	})
}

func tooLong(err error) bool {
	return err != nil && strings.Contains(problem.From(err).Cause.Error(), "too long")
}

func checkJSON(t *testing.T, body, got []byte, err error, whole []byte, wholeErr error) {
	t.Helper()
	if len(bytes.TrimSpace(body)) == 0 {
		return // nothing is no document
	}
	var doc jsonstream.Doc
	strict := jsonstream.Limits{Depth: 512, Members: 1 << 20, Items: 1 << 20, Values: 1 << 20}
	valid := doc.Parse(body, strict) == nil
	switch {
	case valid != json.Valid(body) && valid:
		t.Fatalf("%q is taken, and is not JSON", body)
	case valid != (wholeErr == nil):
		t.Fatalf("%q: strictly JSON %v, whole: %v", body, valid, wholeErr)
	case valid != (err == nil) && !(valid && tooLong(err)):
		t.Fatalf("%q: strictly JSON %v, in pieces: %v", body, valid, err)
	case err != nil:
		return
	}
	for _, out := range [][]byte{whole, got} {
		if err := doc.Parse(out, strict); err != nil {
			t.Fatalf("%q becomes %q: %v", body, out, err)
		}
	}
	if !sameJSON(t, whole, got) {
		t.Fatalf("%q: whole %q\nin pieces %q", body, whole, got)
	}
}

func checkLines(t *testing.T, got []byte, err error) {
	t.Helper()
	if err != nil {
		return
	}
	var doc jsonstream.Doc
	for line := range bytes.SplitSeq(got, []byte{'\n'}) {
		line = bytes.TrimSpace(bytes.TrimLeft(line, "\x1e"))
		if len(line) == 0 {
			continue
		}
		if err := doc.Parse(line, jsonstream.Limits{Depth: 512}); err != nil {
			t.Fatalf("the record %q: %v", line, err)
		}
	}
}

// TestJSONTestSuite sends the files of nst's JSONTestSuite through an answer that says nothing of its body.
func TestJSONTestSuite(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(suite(t, "json"), "test_parsing", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in the suite: %v", err)
	}
	// Names that come twice are JSON to the suite, and two readings to us.
	refused := []string{"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}
	// These are nested deeper than an answer may be, and are no JSON anyway: n_structure_100000_opening_arrays.json,
	// n_structure_open_array_object.json. Of those that are, i_structure_500_nested_arrays.json is within the 512.
	taken := []string{"i_structure_500_nested_arrays.json"}
	v := compiled(t, `{}`, nil)
	seen := map[byte]int{}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			seen[name[0]]++
			for _, s := range []view.Sizes{{LastWithBytes: true}, {}, tiny(1), tiny(3), {Window: 1, Leaf: 1, Part: 160, Overlap: 48, Pieces: func() int { return 1 }}} {
				got, err := v.Pieces(new(exchange.Exchange), "application/json", data, s)
				switch {
				case len(data) == 0:
					if len(got) > 0 {
						t.Errorf("of nothing comes %q", got)
					}
				case (name[0] == 'n' || slices.Contains(refused, name)) && problem.Code(err) != "upstream_json":
					t.Errorf("in a window of %d: %.100q is taken as %.100q, %v", s.Window, data, got, err)
				case (name[0] == 'y' && !slices.Contains(refused, name) || slices.Contains(taken, name)) && (err != nil || !sameJSON(t, got, data)):
					if s.Window > 0 && tooLong(err) {
						continue // a number or name longer than this window
					}
					t.Errorf("in a window of %d: %.100q becomes %.100q, %v", s.Window, data, got, err)
				}
			}
		})
	}
	if seen['n'] < 188 || seen['y'] < 95 {
		t.Errorf("saw %d n, %d y files, want at least 188 and 95", seen['n'], seen['y'])
	}
}

// suite returns the folder of an outside suite: below $YETT_SUITES, or below shared/data beside the repository.
func suite(t *testing.T, name string) string {
	t.Helper()
	if dir := os.Getenv("YETT_SUITES"); dir != "" {
		return filepath.Join(dir, name)
	}
	dir := filepath.Join("..", "..", "shared", "data", name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no outside suite %q: set YETT_SUITES to the folder that holds it; the tables beside this test cover the rules", name)
	}
	return dir
}
