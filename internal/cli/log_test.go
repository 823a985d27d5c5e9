// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"yett/internal/cli/term"
	"yett/ledger"
	"yett/practice/activity"
)

func TestAReportNamesStartsThatTookOverWhatNothingProves(t *testing.T) {
	at := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	r := &ledger.Report{Records: 3, Segments: 1, First: at, Last: at,
		Heads:   []ledger.Notice{{Time: at, Cause: "the store had no head of this log"}},
		Resumed: []ledger.Notice{{Time: at}, {Time: at, Unsigned: 1093}}}
	got := printed(t, func(a *app) { a.printReport(r, "data") })
	if !strings.Contains(got, "✓ Whole: 3 records") || !strings.Contains(got, "Head: on 23 Nov 2026 14:00:00 the store had no head of this log.\n") {
		t.Errorf("got %s", got)
	}
	if strings.Count(got, "Resumed") != 1 || !strings.Contains(got, "Resumed: on 23 Nov 2026 14:00:00 after 1,093 records under no checkpoint;") {
		t.Errorf("got %s", got)
	}
}

// However a stream is cut into pieces, its records are passed on and what is missing is kept apart.
func TestWhatIsMissingInAStreamIsKeptApart(t *testing.T) {
	const stream = "{\"seq\":1,\"note\":\"{\\\"kind\\\":\\\"incomplete\\\"\"}\n{\"kind\":\"incomplete\",\"cause\":\"segment 7\"}\n{\"seq\":2}\n{\"kind\":\"incomplete\",\"cause\":\"2 records\"}\n"
	for n := 1; n <= len(stream); n++ {
		var out bytes.Buffer
		s := &logStream{w: &out}
		for piece := range slices.Chunk([]byte(stream), n) {
			if _, err := s.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
		if got := out.String(); got != "{\"seq\":1,\"note\":\"{\\\"kind\\\":\\\"incomplete\\\"\"}\n{\"seq\":2}\n" || !slices.Equal(s.missing, []string{"segment 7", "2 records"}) {
			t.Fatalf("in pieces of %d: %q, missing %q", n, got, s.missing)
		}
	}
}

func TestAnAnswerOpensWithWhatIsWrongWithTheLog(t *testing.T) {
	at := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	got := printed(t, func(a *app) {
		a.err = term.On(a.stdout, term.Never, false)
		a.warnState(activity.State{Stuck: &activity.Stuck{Since: at, Waiting: 1019}, Unreadable: []string{"segment 2026-11-22-0000: \x1b[31mred"}})
		a.periodWarning(activity.Period{Since: at, Warning: "it begins in the future"})
	})
	want := "✗ Records are not being written since 23 Nov 2026 14:00:00 UTC; 1,019 wait in memory.\n" +
		"✗ Not all of the log can be read: segment 2026-11-22-0000: ?[31mred.\n" +
		"! The period since 23 Nov 2026 14:00:00 UTC: it begins in the future.\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
