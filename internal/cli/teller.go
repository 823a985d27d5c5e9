// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"yett/exchange"
	"yett/internal/cli/term"
)

// tellEvery is how often a refusal is told at most.
const tellEvery = time.Second

// A teller tells refusals and failures on a terminal while the gateway runs: one at a time, at most one a second, the
// rest counted. Ordinary traffic is silent.
type teller struct {
	screen   *term.Screen
	finished atomic.Int64 // exchanges so far

	mu      sync.Mutex
	last    time.Time
	more    int    // since last
	moreID  string // the latest of them
	pending bool   // a line about more is on its way
}

func newTeller(s *term.Screen) *teller { return &teller{screen: s} }

func (t *teller) observe(r exchange.Record) {
	t.finished.Add(1)
	if !t.screen.Terminal || r.Code == "" && !r.Aborted {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.pending || now.Sub(t.last) < tellEvery {
		t.more++
		t.moreID = r.ID
		if !t.pending {
			t.pending = true
			time.AfterFunc(tellEvery-now.Sub(t.last), t.tellMore)
		}
		return
	}
	t.last = now
	t.screen.Printf("%s\n", line(t.screen, r, now))
}

// tellMore tells how many there were since the last line.
func (t *teller) tellMore() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.screen.Printf("%s  and %d more, the latest: %s\n", strings.Repeat(" ", len(time.TimeOnly)), t.more, t.screen.Dim("yett explain "+t.moreID))
	t.more, t.moreID, t.pending, t.last = 0, "", false, time.Now()
}

// line is what is said of one exchange: when, what came of it, why, and how to learn more.
func line(s *term.Screen, r exchange.Record, now time.Time) string {
	symbol := s.Refused(s.Symbol("◆"))
	if r.Status >= 500 || r.Aborted {
		symbol = s.Broken(s.Symbol("✗"))
	}
	status := "–  "
	if r.Status != 0 {
		status = fmt.Sprintf("%3d", r.Status)
	}
	path := r.Path
	if path == "" {
		path = "(undeclared)"
	}
	return fmt.Sprintf("%s  %s %s  %-18s  %s\n%34s  %s", s.Dim(now.Format(time.TimeOnly)), symbol, status, r.Method+" "+path, reason(r),
		"", s.Dim("yett explain "+r.ID))
}

// reason says in a few words who refused and why. Refused is not failed.
func reason(r exchange.Record) string {
	by := "failed"
	if r.Status < 500 && !r.Aborted {
		by = "refused"
	}
	for _, d := range r.Decisions {
		switch d.Outcome {
		case exchange.Refused:
			by = "refused by " + d.Practice
		case exchange.Failed:
			by = "failed at " + d.Practice
		}
	}
	if len(r.Findings) > 0 {
		f := r.Findings[0]
		return fmt.Sprintf("%s: %s %s", by, place(f.Pointer, f.Parameter, f.In), f.Detail)
	}
	if r.Code == "" {
		return by + ": the connection broke off"
	}
	return by + ": " + r.Code
}
