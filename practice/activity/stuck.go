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

// sync brings everything that is written to the disk.
func (l *Log) sync(ctx context.Context) error {
	last := l.stuck.written.Load()
	err := l.ledger.Sync(ctx)
	for before := l.stuck.synced.Load(); err == nil && before < last && !l.stuck.synced.CompareAndSwap(before, last); {
		before = l.stuck.synced.Load()
	}
	return err
}
