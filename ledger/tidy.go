// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"path/filepath"
	"time"
)

// Tidy gives closed segments their index, and packs them. It is for one goroutine beside all others.
func (l *Log) Tidy(ctx context.Context) error {
	found, err := list(l.dir)
	if err != nil {
		return err
	}
	l.mu.Lock()
	open := !l.ready || l.file != nil
	l.mu.Unlock()
	if open && len(found) > 0 {
		found = found[:len(found)-1]
	}
	var all error
	for _, f := range found {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !f.tree {
			continue // Verify says what it is
		}
		if err := l.tidy(f); err != nil {
			all = errors.Join(all, fmt.Errorf("segment %s: %w", f.name, err))
		}
	}
	return all
}

func (l *Log) tidy(f files) error {
	base := filepath.Join(l.dir, f.name)
	if l.o.Index != nil && !f.index && (f.lines || f.pack) {
		s, err := readSegment(l.dir, f.name, false)
		if err != nil {
			return err
		}
		b, err := s.makeIndex(l.o.Index)
		if err != nil {
			return err
		}
		if err := writeWhole(base+indexSuffix, b); err != nil {
			return err
		}
	}
	if !f.lines {
		return nil
	}
	if err := pack(base+lineSuffix, base+packSuffix); err != nil {
		return err
	}
	return os.Remove(base + lineSuffix)
}

// makeIndex makes the index of a segment of its lines.
func (s *Segment) makeIndex(index func(iter.Seq2[[]byte, error]) ([]byte, error)) (_ []byte, err error) {
	r, err := s.Open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return index(r.Lines(0))
}

// Expirable returns how many lines stand in front that are older than the retention, in whole segments, 0 if there are none.
// Whoever removes them with Expire first writes the notice that says so, and syncs it.
//
// A segment is as old as the checkpoint that closed it, and the time is the one that is believed (see Troubles). A segment
// that says to be from the future, or from before the one in front of it, was written while the clock was wrong: the next
// one with a possible time tells.
func (l *Log) Expirable(retention time.Duration) (int64, error) {
	all, err := l.Segments()
	if err != nil {
		return 0, err
	}
	if n := len(all); n > 0 && !l.idle() {
		all = all[:n-1]
	}
	now, _ := l.clock.look()
	var before int64
	var newest time.Time
	for i := range all {
		at := l.closedAt(&all[i])
		if at.Sub(now) > leap || newest.Sub(at) > leap {
			continue
		}
		newest = at
		if now.Sub(newest) < retention {
			break
		}
		before = all[i].End()
	}
	return before, nil
}

// idle reports whether the last segment is closed too, and nothing waits for the next one. The notice makes one.
func (l *Log) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ready && l.file == nil && len(l.buf) == 0
}

// Expire removes the segments whose lines all stand before a number of lines. The last segment stays.
func (l *Log) Expire(before int64) error {
	found, err := list(l.dir)
	if err != nil {
		return err
	}
	defer l.catalog.forget()
	for i, f := range found {
		if i == len(found)-1 || l.end(found[i:]) > before {
			return nil
		}
		// The hashes last, so that what a crash leaves is still known as this segment.
		for _, suffix := range []string{indexSuffix, tornSuffix, noteSuffix, lineSuffix, packSuffix, treeSuffix} {
			if err := os.Remove(filepath.Join(l.dir, f.name+suffix)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// end returns how many lines the log has up to the end of the first of some segments. Where that cannot be read, the next
// one tells: what is damaged does not stay for ever.
func (l *Log) end(found []files) int64 {
	if s, err := readSegment(l.dir, found[0].name, false); err == nil {
		return s.End()
	}
	for _, f := range found[1:] {
		if s, err := readSegment(l.dir, f.name, true); err == nil {
			return s.Start
		}
	}
	return math.MaxInt64
}
