// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package watch notices that files have changed.
//
// It looks at them again and again instead of asking the system for events: that works alike on every system, on
// network file systems and with the links that orchestrators swap, and costs microseconds a second for the few files
// it is meant for. It compares time, size and identity, not contents.
package watch

import (
	"context"
	"os"
	"slices"
	"time"
)

// Every is how often files are looked at.
const Every = 500 * time.Millisecond

// A Set is files as they were at one moment.
type Set struct {
	names []string
	seen  []os.FileInfo // nil: there was none
}

// Files looks at files. Take the Set before reading them: a change in between is then noticed.
func Files(names ...string) *Set {
	s := new(Set)
	s.Add(names...)
	return s
}

// Add looks at more files. It is called before Run.
func (s *Set) Add(names ...string) {
	for _, name := range names {
		if !slices.Contains(s.names, name) {
			s.names = append(s.names, name)
			s.seen = append(s.seen, look(name))
		}
	}
}

// Names returns the files of the set.
func (s *Set) Names() []string { return s.names }

func (s *Set) look() []os.FileInfo {
	all := make([]os.FileInfo, len(s.names))
	for i, name := range s.names {
		all[i] = look(name)
	}
	return all
}

// look returns nil for a file that cannot be looked at: that is a state like any other, and who reads it tells why.
func look(name string) os.FileInfo {
	info, err := os.Stat(name)
	if err != nil {
		return nil
	}
	return info
}

func same(a, b []os.FileInfo) bool {
	return slices.EqualFunc(a, b, func(a, b os.FileInfo) bool {
		if a == nil || b == nil {
			return a == nil && b == nil
		}
		return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
	})
}

// Run calls changed each time the files have changed and then rested for one look, so that a pair that is being
// replaced is read whole, until ctx ends. changed runs in Run's goroutine.
func (s *Set) Run(ctx context.Context, changed func()) {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	moving := false
	last := s.seen
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := s.look()
		switch {
		case !same(now, last):
			moving = true
		case moving:
			moving = false
			s.seen = now
			changed()
		}
		last = now
	}
}
