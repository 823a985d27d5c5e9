// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A feed is where this node stands in the table that all nodes share.
type feed struct {
	base time.Time
	mu   sync.Mutex   // one read at a time
	seq  int64        // of the newest row seen
	mark mark         // of that row
	at   atomic.Int64 // nanoseconds from base to the latest read, plus 1; 0: never
}

const (
	pollEvery = 200 * time.Millisecond
	// freshFor is how old a read may be for memory to be believed: with pollEvery less than the second within which a
	// revocation holds everywhere.
	freshFor   = 750 * time.Millisecond
	clearEvery = time.Hour
)

// fresh reports whether the table was read a moment ago. Otherwise what was taken back elsewhere may be unknown here: the
// store is asked for each token, and where it is out of reach, nothing is admitted.
func (f *feed) fresh(now time.Time) bool {
	at := f.at.Load()
	age := int64(now.Sub(f.base)) - (at - 1)
	return at != 0 && age >= 0 && age <= int64(freshFor)
}

// run reads what other nodes revoke until ctx ends.
func (r *revocations) run(ctx context.Context) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	lost := false
	var cleared time.Time
	for {
		err := r.poll(ctx)
		if now := r.now(); err == nil && now.Sub(cleared) > clearEvery {
			cleared = now
			err = r.clear(ctx, now)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !lost:
			r.log.Error("revocations cannot be read: the store is asked for each token", "err", err)
		case err == nil && lost:
			r.log.Info("revocations are read again")
		}
		lost = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// poll learns what was revoked since the last poll.
func (r *revocations) poll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	r.feed.mu.Lock()
	defer r.feed.mu.Unlock()
	for {
		at := r.now() // before the read: what is committed later is not in it
		rows, gap, err := r.since(ctx, r.feed.seq, r.feed.mark)
		if err != nil {
			return err
		}
		if gap {
			// The row was cleared for its age, or the store was put back from a backup. All that is there is read again;
			// what is known stays, because nothing that was revoked comes back.
			r.feed.seq = 0
			continue
		}
		r.mu.Lock()
		for i := range rows {
			r.learn(rows[i].kind, rows[i].mark, rows[i].until)
			r.feed.seq, r.feed.mark = rows[i].seq, rows[i].mark
		}
		r.mu.Unlock()
		if len(rows) < maxRead {
			r.feed.at.Store(int64(at.Sub(r.feed.base)) + 1)
			return nil
		}
	}
}
