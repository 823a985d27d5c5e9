// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jsonstream_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yett/jsonstream"
)

// suite returns the folder of an outside suite: below $YETT_SUITES, or below shared/data beside the repository.
func suite(t *testing.T, name string) string {
	t.Helper()
	if dir := os.Getenv("YETT_SUITES"); dir != "" {
		return filepath.Join(dir, name)
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		candidate := filepath.Join(dir, "..", "shared", "data", name)
		if _, err := os.Stat(candidate); err == nil {
			return candidate
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Skipf("no outside suite %q: set YETT_SUITES to the folder that holds it; the tables beside this test cover the rules", name)
		}
		dir = parent
	}
}

// free is what we decide where JSONTestSuite leaves the reader free; "" takes the document. Each line above a group is
// the reason for it.
var free = map[string]string{
	// Every reader makes the same float64 of them.
	"i_number_double_huge_neg_exp.json":   "",
	"i_number_real_underflow.json":        "",
	"i_number_too_big_neg_int.json":       "",
	"i_number_too_big_pos_int.json":       "",
	"i_number_very_big_negative_int.json": "",
	// Infinity to some readers, an error to others.
	"i_number_huge_exp.json":            "number_out_of_range",
	"i_number_neg_int_huge_exp.json":    "number_out_of_range",
	"i_number_pos_double_huge_exp.json": "number_out_of_range",
	"i_number_real_neg_overflow.json":   "number_out_of_range",
	"i_number_real_pos_overflow.json":   "number_out_of_range",
	// Half a pair becomes U+FFFD, a byte sequence that is not UTF-8, or an error, depending on the reader.
	"i_object_key_lone_2nd_surrogate.json":                "lone_surrogate",
	"i_string_1st_surrogate_but_2nd_missing.json":         "lone_surrogate",
	"i_string_1st_valid_surrogate_2nd_invalid.json":       "lone_surrogate",
	"i_string_incomplete_surrogate_and_escape_valid.json": "lone_surrogate",
	"i_string_incomplete_surrogate_pair.json":             "lone_surrogate",
	"i_string_incomplete_surrogates_escape_valid.json":    "lone_surrogate",
	"i_string_invalid_lonely_surrogate.json":              "lone_surrogate",
	"i_string_invalid_surrogate.json":                     "lone_surrogate",
	"i_string_inverted_surrogates_U+1D11E.json":           "lone_surrogate",
	"i_string_lone_second_surrogate.json":                 "lone_surrogate",
	// JSON between systems is UTF-8 (RFC 8259, section 8.1): no other encoding, no mended bytes, no overlong forms.
	"i_string_UTF-16LE_with_BOM.json":              "byte_order_mark",
	"i_structure_UTF-8_BOM_empty_object.json":      "byte_order_mark",
	"i_string_UTF-8_invalid_sequence.json":         "invalid_utf8",
	"i_string_UTF8_surrogate_U+D800.json":          "invalid_utf8",
	"i_string_invalid_utf-8.json":                  "invalid_utf8",
	"i_string_iso_latin_1.json":                    "invalid_utf8",
	"i_string_lone_utf8_continuation_byte.json":    "invalid_utf8",
	"i_string_not_in_unicode_range.json":           "invalid_utf8",
	"i_string_overlong_sequence_2_bytes.json":      "invalid_utf8",
	"i_string_overlong_sequence_6_bytes.json":      "invalid_utf8",
	"i_string_overlong_sequence_6_bytes_null.json": "invalid_utf8",
	"i_string_truncated-utf-8.json":                "invalid_utf8",
	"i_string_utf16BE_no_BOM.json":                 "syntax",
	"i_string_utf16LE_no_BOM.json":                 "syntax",
	// Deeper than our 64.
	"i_structure_500_nested_arrays.json": "too_deep",
}

func TestJSONTestSuite(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(suite(t, "json"), "test_parsing", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in the suite: %v", err)
	}
	onPurpose := map[string]string{
		"y_object_duplicated_key.json":           "duplicate_name",
		"y_object_duplicated_key_and_value.json": "duplicate_name",
	}
	seen := map[byte]int{}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			seen[name[0]]++
			var d jsonstream.Doc
			got := code(d.Parse(data, jsonstream.Limits{}))
			switch name[0] {
			case 'n':
				if got == "" {
					t.Errorf("%q was taken", data)
				}
			case 'y':
				if got != onPurpose[name] {
					t.Errorf("%q: got code %q, want %q", data, got, onPurpose[name])
				}
			default:
				if want, ok := free[name]; !ok || got != want {
					t.Errorf("%.80q: got code %q, want %q (listed: %t)", data, got, want, ok)
				}
			}
			if got == "" {
				verify(t, &d, data)
			}
		})
	}
	if seen['n'] < 188 || seen['y'] < 95 || seen['i'] != len(free) {
		t.Errorf("saw %d n, %d y, %d i files, want at least 188, 95, and %d", seen['n'], seen['y'], seen['i'], len(free))
	}
}

func TestNaughtyStringsComeBackUnchanged(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(suite(t, "naughty-strings"), "blns.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	var d jsonstream.Doc
	if err := d.Parse(data, jsonstream.Limits{}); err != nil {
		t.Fatal(err)
	}
	n := d.First(d.Root())
	for i, s := range want {
		if got := string(d.Text(n)); got != s {
			t.Errorf("string %d: got %q, want %q", i, got, s)
		}
		n = d.Next(n)
	}
	if n != jsonstream.None {
		t.Errorf("%d strings are too few", len(want))
	}

	// The same strings as names, escaped as much as JSON allows.
	var b strings.Builder
	names := map[string]bool{}
	for _, s := range want {
		if names[s] {
			continue
		}
		names[s] = true
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.Write(escapeAll(s))
		b.WriteString(":1")
	}
	if err := d.Parse([]byte("{"+b.String()+"}"), jsonstream.Limits{}); err != nil {
		t.Fatal(err)
	}
	for s := range names {
		if n := d.Member(d.Root(), s); string(d.Name(n)) != s || n == jsonstream.None {
			t.Errorf("member %q is not found", s)
		}
	}
}
