// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ocsf

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Each record in testdata stands beside the event that it becomes.
func TestARecordBecomesItsEvent(t *testing.T) {
	names, err := filepath.Glob("testdata/*.record")
	if err != nil || len(names) < 8 {
		t.Fatalf("got %d records, error %v", len(names), err)
	}
	for _, name := range names {
		stem := strings.TrimSuffix(name, ".record")
		t.Run(strings.ReplaceAll(filepath.Base(stem), "-", " "), func(t *testing.T) {
			line, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Append([]byte("before "), line)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Append([]byte("before "), line)
			if err != nil || !bytes.Equal(got, again) {
				t.Errorf("the second time: got %s and %v", again, err)
			}
			got, ok := bytes.CutPrefix(got, []byte("before "))
			if !ok || bytes.ContainsAny(got, "\n") {
				t.Errorf("got %q, want one line behind what was there", got)
			}
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, got, "", "  "); err != nil {
				t.Fatal(err)
			}
			pretty.WriteByte('\n')
			if *update {
				if err := os.WriteFile(stem+".event", pretty.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(stem + ".event")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), pretty.String()); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(pretty.String(), "c2VhbGVk") {
				t.Error("the sealed part is in the event")
			}
		})
	}
}

func TestWhatIsNoRecordIsRefusedAndLeavesNothing(t *testing.T) {
	for _, tt := range []struct{ name, line, want string }{
		{"nothing", "", "not a record"},
		{"half a line", `{"seq":7,"kind":"exch`, "not a record"},
		{"a list", `[1]`, "not a record"},
		{"no kind", `{"seq":7}`, "names no kind"},
		{"a number that does not fit", `{"seq":-1,"kind":"exchange"}`, "not a record"},
		{"two objects", `{"kind":"stop"}{"kind":"stop"}`, "not a record"},
		{"a very long line", `{"kind":"` + strings.Repeat("x", maxLine) + `"}`, "at most"},
		{"very deep", `{"kind":"x","y":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, "not a record"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Append([]byte("before"), []byte(tt.line))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
			if string(got) != "before" {
				t.Errorf("got %q, want what was there", got)
			}
		})
	}
}
