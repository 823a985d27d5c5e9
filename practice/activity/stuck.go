// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"context"
	"sync/atomic"
	"time"
)

// A stuck says since when records cannot be written, and which number was.
type stuck struct {
	since   atomic.Pointer[time.Time] // nil: they can
	written atomic.Uint64             // number of the last line, in a file or before one
	synced  atomic.Uint64             // number of the last line on the disk
}

func (s *stuck) is() bool { return s.since.Load() != nil }

// begin reports whether it was not stuck before.
func (s *stuck) begin(now time.Time) bool { return s.since.CompareAndSwap(nil, &now) }

// end reports whether it was stuck before.
func (s *stuck) end() bool { return s.since.Swap(nil) != nil }

// A Stuck says that records are not being written.
type Stuck struct {
	Since   time.Time `json:"since"`
	Waiting uint64    `json:"waiting"` // in memory
}

// A State is what is wrong with the log as a whole, and with an answer from it.
type State struct {
	Stuck      *Stuck   `json:"stuck,omitempty"`
	Unreadable []string `json:"unreadable,omitempty"` // what the answer may lack
}

func (l *Log) state(unreadable []string) State {
	s := State{Unreadable: unreadable}
	if since := l.stuck.since.Load(); since != nil {
		s.Stuck = &Stuck{Since: since.UTC(), Waiting: uint64(l.queue.len()) + l.stuck.written.Load() - l.stuck.synced.Load()} // #nosec G115 -- not negative
	}
	return s
}

// wrote remembers the number of a line that is written, in a file or before one.
func (s *stuck) wrote(seq uint64) {
	if s.written.Load() == 0 {
		s.synced.Store(seq - 1) // what lies before the first one here is on the disk
	}
	s.written.Store(seq)
}

// sync brings everything that is written to the disk.
func (l *Log) sync(ctx context.Context) error {
	last := l.stuck.written.Load()
	err := l.ledger.Sync(ctx)
	for before := l.stuck.synced.Load(); err == nil && before < last && !l.stuck.synced.CompareAndSwap(before, last); {
		before = l.stuck.synced.Load()
	}
	return err
}
