// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package allowlist

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"yett/alert"
	"yett/internal/watch"
	"yett/practice"
)

// holds returns the files whose lists are older than they are, as the operator is told.
func holds(b *alert.Board) []string {
	var about []string
	for _, a := range b.All() {
		if a.Name == listKept && a.Over.IsZero() {
			about = append(about, filepath.Base(a.About))
		}
	}
	return about
}

func TestFilesThatChange(t *testing.T) {
	dir := t.TempDir()
	networks, deny := write(t, filepath.Join(dir, "networks"), "10.0.0.0/8\n"), write(t, filepath.Join(dir, "deny"), "10.1.0.0/16\n")
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		board := new(alert.Board)
		l, err := New(Config{NetworksFiles: []string{networks}, DenyFiles: []string{deny}}, Options{Alerts: board})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- l.Run(ctx) }()
		for _, tt := range []struct {
			name string
			do   func()
			code string // for 10.1.2.3
			kept string // the file of the alert
			find practice.Verdict
		}{
			{"as they were", func() {}, "address_denied", "", practice.Effective},
			{"nobody is denied any more", func() { write(t, deny, "# nobody\n") }, "", "", practice.Effective},
			{"a broken line keeps the list", func() { write(t, deny, "10.1.0.0/16\nten\n") }, "", "deny", practice.Weak},
			{"mended", func() { write(t, deny, "10.1.0.0/16\n") }, "address_denied", "", practice.Effective},
			{"an empty file keeps the list", func() { write(t, deny, "") }, "address_denied", "deny", practice.Weak},
			{"mended with a comment", func() { write(t, deny, "#\n") }, "", "", practice.Effective},
			{"another network is listed", func() { write(t, networks, "11.0.0.0/8\n") }, "address_not_listed", "", practice.Effective},
			{"one that is gone keeps the list", func() { remove(t, networks) }, "address_not_listed", "networks", practice.Weak},
			{"back again", func() { write(t, networks, "10.0.0.0/8\n") }, "", "", practice.Effective},
			{"an empty list of networks refuses nobody it did not", func() { write(t, networks, "\n") }, "", "networks", practice.Weak},
			{"a list of nobody refuses everyone", func() { write(t, networks, "# closed\n") }, "address_not_listed", "", practice.Effective},
			{"gone again", func() { remove(t, networks) }, "address_not_listed", "networks", practice.Weak},
		} {
			tt.do()
			time.Sleep(4 * watch.Every)
			synctest.Wait()
			code, _ := l.decide(netip.MustParseAddr("10.1.2.3"))
			kept := holds(board)
			if code != tt.code || len(kept) > 1 || (tt.kept == "") != (len(kept) == 0) || len(kept) == 1 && kept[0] != tt.kept {
				t.Errorf("%s: got code %q and alerts about %q, want %q and %q", tt.name, code, kept, tt.code, tt.kept)
			}
			if f := current(l.files); f.Verdict != tt.find || (f.Fix != "") != (tt.find == practice.Weak) {
				t.Errorf("%s: the check finds %v: %s", tt.name, f.Verdict, f.Summary)
			}
		}
		stop()
		if err := <-done; err != nil || len(holds(board)) > 0 {
			t.Errorf("ended with %v and alerts about %q", err, holds(board))
		}
	})
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Error(err)
	}
}

func TestAFileIsReadOnceAndForgottenWhenNobodyUsesIt(t *testing.T) {
	name := write(t, "list.txt", "10.0.0.0/8\n")
	known, board := new(cache), new(alert.Board)
	list := func() *List {
		l, err := New(Config{NetworksFiles: []string{name}, DenyFiles: []string{name}}, Options{files: newFiles(known, board)})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	old := list()
	if old.allow[0] != old.deny[0] {
		t.Error("one generation reads a file twice")
	}
	if next := list(); next.allow[0].now.Load() != old.allow[0].now.Load() {
		t.Error("the next generation reads a file again that has not changed")
	}
	write(t, name, "11.0.0.0/8\n11.0.0.1\n")
	next := list()
	if next.allow[0].now.Load().size() != 2 || old.allow[0].now.Load().size() != 1 {
		t.Error("a generation that is built changes the one that runs, or does not see the change")
	}
	runtime.KeepAlive(old)
	runtime.KeepAlive(next)
	old, next = nil, nil
	runtime.GC()
	other := write(t, "other.txt", "10.0.0.0/8\n")
	if _, err := known.read(other); err != nil {
		t.Fatal(err)
	}
	if len(known.sets) != 1 {
		t.Errorf("%d lists are remembered, want 1", len(known.sets))
	}
}
