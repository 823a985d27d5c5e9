// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"sync"
	"time"

	"yett/exchange"
	"yett/internal/cli/term"
)

// A teller tells refusals and failures on a terminal while the gateway runs: one line each, at most one a second, the
// rest counted. Ordinary traffic is silent.
type teller struct {
	screen *term.Screen
	mu     sync.Mutex
	last   time.Time
	more   int
}

func newTeller(s *term.Screen) *teller { return &teller{screen: s} }

func (t *teller) observe(r exchange.Record) {
	if !t.screen.Terminal || r.Code == "" && !r.Aborted {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if now.Sub(t.last) < time.Second {
		t.more++
		return
	}
	t.last = now
	symbol := t.screen.Refused(t.screen.Symbol("◆"))
	if r.Status >= 500 || r.Aborted {
		symbol = t.screen.Broken(t.screen.Symbol("✗"))
	}
	path := r.Path
	if path == "" {
		path = "(undeclared)"
	}
	line := fmt.Sprintf("%s  %s %d  %-4s %-20s %s", t.screen.Dim(now.Format("15:04:05")), symbol, r.Status, r.Method, path, reason(r))
	if t.more > 0 {
		line += fmt.Sprintf(", and %d more", t.more)
		t.more = 0
	}
	t.screen.Println(line)
	t.screen.Println("          " + t.screen.Dim("yett explain "+r.ID))
}

// reason says in a few words who refused and why.
func reason(r exchange.Record) string {
	by := "upstream"
	for _, d := range r.Decisions {
		if d.Outcome == exchange.Refused {
			by = "refused by " + d.Practice
		}
	}
	if len(r.Findings) > 0 {
		f := r.Findings[0]
		at := f.Pointer
		if f.Parameter != "" {
			at = f.Parameter
		}
		return fmt.Sprintf("%s: %s %s", by, at, f.Detail)
	}
	return by + ": " + r.Code
}
