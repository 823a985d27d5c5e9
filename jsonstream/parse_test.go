// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jsonstream_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"yett/jsonstream"
)

func TestParseRefuses(t *testing.T) {
	small := jsonstream.Limits{Depth: 3, Members: 2, Items: 3, String: 4, Values: 6}
	covered := map[string]bool{}
	for _, tt := range []struct {
		name, text string
		code       string // "" takes it
		offset     int64
	}{
		{"an empty text", "", "syntax", 0},
		{"white space alone", " \r\n\t", "syntax", 0},
		{"a bare word", "[yes]", "syntax", 1},
		{"a comma too many in an array", "[1,]", "syntax", 2},
		{"a comma too many in an object", `{"a":1,}`, "syntax", 6},
		{"a comma missing", "[1 2]", "syntax", 3},
		{"a colon missing", `{"a" 1}`, "syntax", 5},
		{"a name without a value", `{"a"}`, "syntax", 4},
		{"a name that is no string", `{1:2}`, "syntax", 1},
		{"an object as a name", `{{}:2}`, "syntax", 1},
		{"a bracket that does not match", "[1}", "syntax", 2},
		{"a bracket that closes nothing", "]", "syntax", 0},
		{"a leading zero", "[01]", "syntax", 2},
		{"a comment", "[1/**/]", "syntax", 2},
		{"NaN", "[NaN]", "syntax", 1},
		{"a single quote", "['a']", "syntax", 1},
		{"a line break inside a string", "[\"a\nb\"]", "syntax", 3},
		{"an escape that does not exist", `["\x"]`, "syntax", 2},
		{"a \\u escape that is not hexadecimal", `["\u00g0"]`, "syntax", 2},
		{"UTF-16 without a mark", "[\x00]\x00", "syntax", 1},

		{"a text that ends inside an array", "[1,", "truncated", 3},
		{"a text that ends inside an object", `{"a":1`, "truncated", 6},
		{"a text that ends after a colon", `{"a":`, "truncated", 5},
		{"a text that ends inside a string", `["ab`, "truncated", 4},
		{"a text that ends inside an escape", `["\u00`, "truncated", 6},
		{"a text that ends inside a literal", "tru", "truncated", 3},
		{"a text that ends inside a number", "-", "truncated", 1},

		{"a second value", "1 2", "trailing_data", 2},
		{"a bracket after the end", "{} }", "trailing_data", 3},
		{"a NUL after the end", "{}\x00", "trailing_data", 2},
		{"white space after the end is no data", "{} \r\n\t", "", 0},

		{"a UTF-8 byte order mark", "\ufeff{}", "byte_order_mark", 0},
		{"a UTF-16 byte order mark", "\xff\xfe{\x00}\x00", "byte_order_mark", 0},
		{"a byte order mark after white space", " \ufeff{}", "syntax", 1},
		{"a byte order mark inside a string is a character", "\"\ufeff\"", "", 0},

		{"a stray byte in a string", "[\"a\xff\"]", "invalid_utf8", 3},
		{"a stray byte in a name", "{\"a\xff\":1}", "invalid_utf8", 3},
		{"a stray byte outside strings", "[\xe9]", "invalid_utf8", 1},
		{"an overlong slash", "\"\xc0\xaf\"", "invalid_utf8", 1},
		{"a surrogate in UTF-8", "\"\xed\xa0\x80\"", "invalid_utf8", 1},

		{"the first half of a pair alone", `["a\ud800"]`, "lone_surrogate", 3},
		{"the second half of a pair alone", `["\uDC00"]`, "lone_surrogate", 2},
		{"half a pair in a name", `{"\ud800":1}`, "lone_surrogate", 2},
		{"two first halves", `["\ud800\ud800"]`, "lone_surrogate", 2},
		{"a whole pair is a character", `"\ud83d\ude00"`, "", 0},

		{"a name twice", `{"a":1,"a":1}`, "duplicate_name", 7},
		{"a name twice, once escaped", `{"mail":1, "\u006dail":2}`, "duplicate_name", 11},
		{"the empty name twice", `{"":1,"":2}`, "duplicate_name", 6},
		{"a name twice, with a container between", `[{"a":{"a":1} , "a":2}]`, "duplicate_name", 16},
		{"a name in two objects occurs once in each", `[{"a":1},{"a":{"a":2}}]`, "", 0},
		{"names that differ in case are two", `{"a":1,"A":2}`, "", 0},

		{"more than a float64", "[1e400]", "number_out_of_range", 1},
		{"less than any float64", "[-1e309]", "number_out_of_range", 1},
		{"the first number that rounds to infinity", "1.797693134862315808e308", "number_out_of_range", 0},
		{"the largest float64", "1.7976931348623157e308", "", 0},
		{"the largest float64 written out", "17976931348623157" + strings.Repeat("0", 292), "", 0},
		{"400 digits", strings.Repeat("9", 400), "number_out_of_range", 0},
		{"a large exponent made good by the fraction", "0." + strings.Repeat("0", 400) + "1e500", "", 0},
		{"a number that rounds to zero", "1e-999999999", "", 0},
		{"an exponent that no integer holds", "1e-9999999999999999999", "number_out_of_range", 0},
		{"an exponent that wraps round to minus one", "1e-18446744073709551617", "number_out_of_range", 0},
		{"zero with an exponent that no integer holds", "0e9999999999999999999", "", 0},
		{"a number without end", "0." + strings.Repeat("1", 1099), "number_too_long", 0},
		{"the longest number", "0." + strings.Repeat("1", 1098), "", 0},

		{"one level too many", "[[[[]]]]", "too_deep", 3},
		{"one level too many in an object", `{"a":{"a":{"a":{}}}}`, "too_deep", 15},
		{"as many levels as allowed", "[[[1]]]", "", 0},
		{"levels that lie side by side", "[[[]],[[]]]", "", 0},
		{"one member too many", `{"a":1,"b":2,"c":3}`, "too_many_members", 13},
		{"as many members as allowed", `{"a":1,"b":2}`, "", 0},
		{"one item too many", "[1,2,3,4]", "too_many_items", 7},
		{"as many items as allowed", "[1,2,3]", "", 0},
		{"one value too many", "[[1,2],[3,4]]", "too_many_values", 10},
		{"as many values as allowed", "[[1,2],[3]]", "", 0},
		{"a string too long", `[1,"abcde"]`, "string_too_long", 3},
		{"a name too long", `{"abcde":1}`, "string_too_long", 1},
		{"a string too long once decoded", `"\u20ac\u20ac"`, "string_too_long", 0},
		{"a string that is short once decoded", `"\u0061\u0062\u0063\u0064"`, "", 0},
		{"a name that is short once decoded", `{"\u0061\u0062\u0063\u0064":1}`, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d jsonstream.Doc
			err := d.Parse([]byte(tt.text), small)
			if got := code(err); got != tt.code {
				t.Fatalf("Parse(%.80q): got %v, want code %q", tt.text, err, tt.code)
			}
			covered[tt.code] = true
			if tt.code == "" {
				verify(t, &d, []byte(tt.text))
				return
			}
			var se *jsonstream.SyntaxError
			if errors.As(err, &se); se.Offset != tt.offset {
				t.Errorf("Parse(%.80q): got offset %d, want %d (%v)", tt.text, se.Offset, tt.offset, err)
			}
			if d.Root() != jsonstream.None {
				t.Errorf("a refused document leaves a root behind")
			}
		})
	}

	// The list in the documentation of SyntaxError is complete: each code there but the one for 2 GiB occurred above.
	for _, c := range documentedCodes(t) {
		if !covered[c] && c != "document_too_long" {
			t.Errorf("no case for the documented code %s", c)
		}
		delete(covered, c)
	}
	if delete(covered, ""); len(covered) > 0 {
		t.Errorf("undocumented codes: %v", covered)
	}
}

// documentedCodes returns the first words of the indented lines in the comment on SyntaxError.
func documentedCodes(t *testing.T) (codes []string) {
	t.Helper()
	source, err := os.ReadFile("error.go")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(source)) {
		if line, ok := strings.CutPrefix(line, "//\t"); ok {
			codes = append(codes, strings.Fields(line)[0])
		}
	}
	if len(codes) < 10 {
		t.Fatalf("found only the codes %v", codes)
	}
	return codes
}

func TestEmptyTextHasItsOwnExplanation(t *testing.T) {
	var d jsonstream.Doc
	if err := d.Parse(nil, jsonstream.Limits{}); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("got %v", err)
	}
}

func TestErrorsDoNotRepeatTheDocument(t *testing.T) {
	for _, text := range []string{
		`{"hunter2":hunter2}`, `{"hunter2":1,"hunter2":2}`, `["hunter2\x"]`, "[\"hunter2\xff\"]", `["hunter2\ud800"]`,
		`{} hunter2`, `{"hunter2"`, `hunter2`, `{"hunter2":1e999}`, `{"hunter2":"` + strings.Repeat("hunter2", 1<<18) + `"}`,
	} {
		var d jsonstream.Doc
		err := d.Parse([]byte(text), jsonstream.Limits{})
		if err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "hunter2") {
			t.Errorf("Parse(%.40q): got %#v", text, err)
		}
	}
}

func TestDefaultsOfLimits(t *testing.T) {
	for _, tt := range []struct {
		code string
		text func(n int) string
		most int
	}{
		{"too_deep", func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }, 64},
		{"too_many_members", func(n int) string { return string(members(n)) }, 10_000},
		{"too_many_items", func(n int) string { return "[" + strings.Repeat("1,", n-1) + "1]" }, 100_000},
		{"string_too_long", func(n int) string { return `"` + strings.Repeat("a", n) + `"` }, 1 << 20},
		{"too_many_values", func(n int) string {
			return "[" + strings.Repeat("[1],", n/2-1) + "[]" + strings.Repeat(",[]", n%2) + "]"
		}, 200_000},
	} {
		for _, zero := range []int{0, -1} {
			l := jsonstream.Limits{Depth: zero, Members: zero, Items: zero, String: zero, Values: zero}
			var d jsonstream.Doc
			if err := d.Parse([]byte(tt.text(tt.most)), l); err != nil {
				t.Errorf("%d of %s: %v", tt.most, tt.code, err)
			}
			if err := d.Parse([]byte(tt.text(tt.most+1)), l); code(err) != tt.code {
				t.Errorf("%d of %s: got %v", tt.most+1, tt.code, err)
			}
		}
	}
}

func TestDepthHasACeilingThatNoLimitRaises(t *testing.T) {
	nested := func(n int) []byte {
		return append(bytes.Repeat([]byte("["), n), bytes.Repeat([]byte("]"), n)...)
	}
	l := jsonstream.Limits{Depth: 1 << 30}
	var d jsonstream.Doc
	if err := d.Parse(nested(1_000), l); err != nil {
		t.Errorf("1,000 deep: %v", err)
	}
	if !d.Equal(d.Root(), d.Root()) || d.Hash(d.Root()) == 0 || jsonstream.Any(&d, d.Root()) == nil {
		t.Error("a document 1,000 deep cannot be read")
	}
	if err := d.Parse(nested(1_001), l); code(err) != "too_deep" {
		t.Errorf("1,001 deep: got %v, want too_deep", err)
	}
	if err := d.Parse(bytes.Repeat([]byte(`{"a":`), 1<<20), l); code(err) != "too_deep" {
		t.Errorf("a million deep and cut off: got %v, want too_deep", err)
	}
}

func TestDuplicatesAreFoundInLargeObjects(t *testing.T) {
	for _, size := range []int{2, 15, 16, 17, 18, 64, 65, 1000} {
		for _, first := range []int{0, (size - 1) / 2, size - 2} {
			data := members(size)
			last := fmt.Sprintf(`"member-%d"`, size-1)
			at := bytes.LastIndex(data, []byte(last))
			twice := fmt.Sprintf(`"\u006Dember-%d"`, first)
			data = append(append(bytes.Clone(data[:at]), twice...), data[at+len(last):]...)

			var d jsonstream.Doc
			err := d.Parse(data, jsonstream.Limits{})
			var se *jsonstream.SyntaxError
			if !errors.As(err, &se) || se.Code != "duplicate_name" || se.Offset != int64(at) {
				t.Errorf("%d members, last is first number %d again: got %v, want duplicate_name at %d", size, first, err, at)
			}
		}
	}
}

// Comparing each name with each would be two thousand million comparisons, twice; hashed it takes milliseconds.
func TestManyMembersTakeLinearTime(t *testing.T) {
	const n = 64_000
	data := members(n)
	var d jsonstream.Doc
	start := time.Now()
	if err := d.Parse(data, jsonstream.Limits{Members: n}); err != nil {
		t.Fatal(err)
	}
	for i := d.First(d.Root()); i != jsonstream.None; i = d.Next(i) {
		if d.Member(d.Root(), string(d.Name(i))) != i {
			t.Fatal("a member is not found")
		}
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("%d members took %v", n, took)
	}
}

func TestParseAllocatesNothingOnceWarm(t *testing.T) {
	for _, bm := range benchmarks {
		var d jsonstream.Doc
		allocs := testing.AllocsPerRun(20, func() {
			if err := d.Parse(bm.data, jsonstream.Limits{}); err != nil {
				t.Fatal(err)
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations a document", bm.name, allocs)
		}
	}
}

func TestParseLeavesItsInputAlone(t *testing.T) {
	data := []byte(`{"a\n":["x\ty","z",1.5e3]} `)
	before := bytes.Clone(data)
	var d jsonstream.Doc
	if err := d.Parse(data, jsonstream.Limits{}); err != nil {
		t.Fatal(err)
	}
	n := d.Member(d.Root(), "a\n")
	for _, lent := range [][]byte{d.Raw(n), d.Name(n), d.Raw(d.First(n)), d.Text(d.First(n)), d.Text(d.Next(d.First(n)))} {
		_ = append(lent, '!')
	}
	if !bytes.Equal(data, before) {
		t.Errorf("the document became %q", data)
	}
	if got := string(d.Text(d.First(n))); got != "x\ty" {
		t.Errorf("a decoded string became %q", got)
	}
}
