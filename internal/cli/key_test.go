// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSpansOfTime(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want time.Duration // -1 is an error
	}{
		{"90d", 90 * 24 * time.Hour}, {"1d12h", 36 * time.Hour}, {"0s", 0}, {"24h", 24 * time.Hour}, {"0d", 0},
		{"", -1}, {"soon", -1}, {"90", -1}, {"-1d", -1}, {"-5m", -1}, {"1d-5m", -1}, {"d", -1}, {"36501d", -1}, {"1 d", -1}, {"99999999h", -1},
	} {
		got, err := span(tt.in)
		if err != nil {
			got = -1
		}
		if got != tt.want {
			t.Errorf("span(%q) = %v, want %v", tt.in, got, tt.want)
		}
	}
}

func TestTheListShowsKeysThatNeedYouAndTheBusiest(t *testing.T) {
	now := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	calls := func(n int64) *int64 { return &n }
	well := func(id string, n int64) key {
		return key{ID: id, Owner: "ines", Expires: now.AddDate(0, 6, 0), LastUsed: now, Calls30D: calls(n)}
	}
	var keys []key
	for i, id := range []string{"b0", "b1", "b2", "b3", "b4"} {
		keys = append(keys, well(id, int64(100-i)))
	}
	nobody, forever, soon, unused, replaced := well("nobody", 0), well("forever", 0), well("soon", 0), well("unused", 0), well("replaced", 0)
	nobody.Owner, forever.Expires, soon.Expires, unused.LastUsed, replaced.ReplacedBy = "", time.Time{}, now.Add(24*time.Hour), now.AddDate(0, 0, -100), "b0"
	keys = append(keys, nobody, forever, soon, unused, replaced)
	slices.Reverse(keys)
	var got []string
	for _, k := range foremost(keys, now) {
		got = append(got, k.ID)
	}
	if want := []string{"b0", "b1", "b2", "replaced", "unused", "soon", "forever", "nobody"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAnImportThatEndsEarlyIsAnError(t *testing.T) {
	const one, end = `{"id":"k1","key":"secret"}` + "\n", `{"error":{"line":2,"code":"body_invalid","detail":"client: too long."}}` + "\n"
	for _, tt := range []struct {
		name, in, out, err string
	}{
		{"whole lines pass", one + one, one + one, ""},
		{"the line that does not fit is told, not printed", one + end, one, "keys.jsonl:2: client: too long"},
		{"an answer that breaks off is no success", one + one[:9], one, "the answer broke off; 1 key made and printed; no other line of the file has made one"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			l := &keyLines{to: &b}
			for part := range slices.Chunk([]byte(tt.in), 7) { // lines come in pieces
				if _, err := l.Write(part); err != nil {
					t.Fatal(err)
				}
			}
			text := ""
			if err := l.end("keys.jsonl"); err != nil {
				text = err.Error()
			}
			if b.String() != tt.out || text != tt.err {
				t.Errorf("got %q and %q, want %q and %q", b.String(), text, tt.out, tt.err)
			}
		})
	}
}

func TestAShellReadsAWordAsItIs(t *testing.T) {
	for in, want := range map[string]string{
		"yett-data/ca.pem": "yett-data/ca.pem", "https://localhost:8443/orders/1": "https://localhost:8443/orders/1",
		"my data/ca.pem": "'my data/ca.pem'", "it's": `'it'\''s'`, "$(id)": "'$(id)'",
	} {
		if got := shellWord(in); got != want {
			t.Errorf("shellWord(%s) = %s, want %s", in, got, strings.TrimSpace(want))
		}
	}
}
