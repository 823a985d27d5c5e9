// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// pollEvery is how often the feed of changes is read, and freshFor how old it may be for the cache to be
	// believed: together less than the second within which a revocation holds.
	pollEvery = 200 * time.Millisecond
	freshFor  = 750 * time.Millisecond
	// maxChanges is how many changes are taken one by one; beyond it everything is forgotten.
	maxChanges = 1000
	// keptChanges is how many changes the store keeps for nodes that lag.
	keptChanges = 10_000
)

// A feed is where this node stands in the changes that all nodes share.
type feed struct {
	base time.Time
	mu   sync.Mutex   // one poll at a time
	seq  int64        // of the newest change seen
	at   atomic.Int64 // nanoseconds from base to the latest read plus 1; 0: never read
}

func (f *feed) init(now time.Time) { f.base = now }

// fresh reports whether the feed was read a moment ago. Otherwise a revocation made elsewhere may be unknown here, and
// the cache is not believed: the store decides, and where it is out of reach, nobody is admitted.
func (f *feed) fresh(now time.Time) bool {
	at := f.at.Load()
	if at == 0 {
		return false
	}
	age := int64(now.Sub(f.base)) - (at - 1)
	return age >= 0 && age <= int64(freshFor)
}

// follow reads the feed until ctx ends.
func (k *Keys) follow(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	lost := false
	for {
		err := k.poll(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !lost:
			k.log.Error("cannot read the changes of keys: every key is looked up", "err", err)
		case err == nil && lost:
			k.log.Info("the changes of keys are read again")
		}
		lost = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// poll forgets what has changed since the last poll.
func (k *Keys) poll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	k.feed.mu.Lock()
	defer k.feed.mu.Unlock()
	at := k.now() // before the read: what is committed later is not in it
	ids, last, gap, err := k.changesSince(ctx, k.feed.seq)
	if err != nil {
		return err
	}
	switch {
	case gap || k.feed.at.Load() == 0:
		// The first read, a node that slept for long, or a store put back from a backup.
		k.cache.reset()
	case len(ids) > 0:
		k.cache.forget(ids...)
	}
	k.feed.seq = last
	k.feed.at.Store(int64(at.Sub(k.feed.base)) + 1)
	return nil
}

// changesSince returns the keys changed after seq and where the feed now ends. gap says that they are not all known.
// The change numbered seq itself must still be there: it is how a gap is seen.
func (k *Keys) changesSince(ctx context.Context, seq int64) (ids []string, last int64, gap bool, err error) {
	rows, err := k.db.QueryContext(ctx, "SELECT seq, key_id FROM apikey_changes WHERE seq >= $1 ORDER BY seq LIMIT $2", seq, maxChanges+1)
	if err != nil {
		return nil, 0, false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	last = seq
	seen := seq == 0
	for rows.Next() {
		var n int64
		var id string
		if err := rows.Scan(&n, &id); err != nil {
			return nil, 0, false, err
		}
		if n == seq {
			seen = true
			continue
		}
		ids = append(ids, id)
		last = n
	}
	if err := rows.Err(); err != nil {
		return nil, 0, false, err
	}
	if seen && len(ids) < maxChanges && last-seq == int64(len(ids)) {
		return ids, last, false, nil
	}
	err = k.db.QueryRowContext(ctx, "SELECT COALESCE(MAX(seq), 0) FROM apikey_changes").Scan(&last)
	return nil, last, true, err
}

// change tells all nodes, within tx, to forget the key. Transactions are serializable, so numbers have no gaps and become
// visible in order.
func change(ctx context.Context, tx *sql.Tx, id string) error {
	var seq int64
	if err := tx.QueryRowContext(ctx, "SELECT COALESCE(MAX(seq), 0) + 1 FROM apikey_changes").Scan(&seq); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO apikey_changes (seq, key_id) VALUES ($1, $2)", seq, id); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM apikey_changes WHERE seq <= $1", seq-keptChanges)
	return err
}
