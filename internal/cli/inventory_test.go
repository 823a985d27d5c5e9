// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yett/internal/cli/term"
	"yett/practice/inventory"
)

// printed is what a does print on standard output.
func printed(t *testing.T, print func(*app)) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	a := &app{stdout: f, stderr: f}
	a.out = term.On(f, term.Never, false)
	print(a)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheInventoryShowsFirstWhatAsksForADecision(t *testing.T) {
	now := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	r := inventory.Report{
		Operations: []inventory.Operation{
			{ID: "inUse", Method: "GET", Path: "/a", State: inventory.Declared, Calls: 1200, LastCalled: now},
			{ID: "closed", Method: "GET", Path: "/b", State: inventory.Disabled},
			{ID: "unused", Method: "GET", Path: "/c", State: inventory.Orphan},
			{ID: "old", Method: "GET", Path: "/d", State: inventory.Zombie, Calls: 7, LastCalled: now.Add(-3 * time.Hour), LastCaller: "acme"},
		},
		Shadow: []inventory.Shadow{
			{Method: "GET", Path: "/debug/vars", Calls: 900, LastCalled: now, Debug: true},
			{Method: "POST", Path: "/internal/refunds", Calls: 41, LastCalled: now},
		},
		Counts: inventory.Counts{Declared: 1, Orphan: 1, Zombie: 1, Disabled: 1, Shadow: 2}, OtherCalls: 12,
	}
	few := printed(t, func(a *app) { a.printInventory(r, false, now) })
	inOrder(t, few, "4 operations: 2 called, 1 never called, 1 deprecated and still called, 1 disabled", "zombie", "old", "7", "3 h", "acme", "orphan", "unused", "never",
		"disabled", "closed", "/internal/refunds", "41", "/debug/vars", "looks for a debug path", "12 calls of paths", "1 more", "yett inventory --all")
	if strings.Contains(few, "inUse") {
		t.Errorf("what asks nothing is shown:\n%s", few)
	}
	inOrder(t, printed(t, func(a *app) { a.printInventory(r, true, now) }), "zombie", "declared", "inUse", "1,200")
}

func TestWithoutAGatewayTheInventorySaysThatItKnowsCountsOnly(t *testing.T) {
	r := inventory.Report{Offline: true, Operations: []inventory.Operation{{ID: "getOrder", Method: "GET", Path: "/orders/{id}", State: inventory.Unknown, Calls: 3}}}
	text := printed(t, func(a *app) { a.printInventory(r, false, time.Now()) })
	inOrder(t, text, "No gateway runs here", "getOrder", "3")
	if strings.Contains(text, "never called") {
		t.Errorf("it tells what it cannot know:\n%s", text)
	}
}

func inOrder(t *testing.T, text string, words ...string) {
	t.Helper()
	left := text
	for _, w := range words {
		_, after, ok := strings.Cut(left, w)
		if !ok {
			t.Errorf("no %q, or not there, in\n%s", w, text)
			return
		}
		left = after
	}
}
