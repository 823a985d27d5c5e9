// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"yett/exchange"
)

const (
	// flushEvery is how often usage is written down: what kill -9 loses at most.
	flushEvery = time.Second
	flushTime  = 20 * time.Second
	// maxTallied bounds the pairs of key and operation that are counted between two writes.
	maxTallied = 1 << 16
	// KeptDays is how many days usage is kept.
	KeptDays = 400
)

// A tally counts calls in memory until they are written down.
type tally struct {
	mu     sync.Mutex
	counts map[used]*count
	lost   int64         // calls that found no room
	full   chan struct{} // asks for a write before its time
	pruned int64         // day of the latest removal of old rows
}

type used struct {
	key, api, operation string
	day                 int64
}

type count struct {
	calls, refused int64
	refusedBy      string
	last           int64 // milliseconds
}

func (t *tally) init() {
	t.counts = make(map[used]*count)
	t.full = make(chan struct{}, 1)
}

const day = 24 * 60 * 60 // seconds

// Observe counts an exchange of a key. It waits for no disk; what it counts is written down within a second by Run, and
// by Close. Exchanges without a key count nothing, so refused keys cannot fill it; were there ever more pairs of key and
// operation in a second than it has room for, the surplus would not be counted, and the log says how much.
func (k *Keys) Observe(r exchange.Record) {
	if !ValidID(r.Key) {
		return
	}
	t := &k.usage
	u := used{key: r.Key, api: r.API, operation: r.Operation, day: r.Time.Unix() / day}
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.counts[u]
	if c == nil {
		if len(t.counts) >= maxTallied {
			t.lost++
			t.ask()
			return
		}
		// The id is a slice of the whole head of a request: a copy keeps that from staying.
		u.key = strings.Clone(u.key)
		c = new(count)
		t.counts[u] = c
		if len(t.counts) == maxTallied/2 {
			t.ask()
		}
	}
	c.calls++
	c.last = max(c.last, r.Time.UnixMilli())
	// Refused is not failed: what broke here or at the upstream is not the key's doing.
	if r.Code != "" && r.Status < 500 {
		c.refused++
		c.refusedBy = refuser(r.Decisions)
	}
}

func (t *tally) ask() {
	select {
	case t.full <- struct{}{}:
	default:
	}
}

// refuser is the practice that refused the exchange.
func refuser(decisions []exchange.Decision) string {
	for i := len(decisions) - 1; i >= 0; i-- {
		if decisions[i].Outcome == exchange.Refused {
			return decisions[i].Practice
		}
	}
	return ""
}

// write writes usage down until ctx ends, and once more then.
func (k *Keys) write(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	failing := false
	for {
		over := false
		select {
		case <-ctx.Done():
			over = true
		case <-tick.C:
		case <-k.usage.full:
		}
		// Not ctx: the last write happens because it has ended.
		wctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
		err := k.Flush(wctx)
		cancel()
		switch {
		case err != nil && !failing:
			k.log.Error("cannot write the usage of keys: it is kept in memory", "err", err)
		case err == nil && failing:
			k.log.Info("the usage of keys is written again")
		}
		failing = err != nil
		if over {
			return
		}
	}
}

// Flush writes down what has been counted, in one transaction. If that fails, the counts stay in memory.
func (k *Keys) Flush(ctx context.Context) error {
	t := &k.usage
	t.mu.Lock()
	counts, lost := t.counts, t.lost
	prune := t.pruned != k.today()
	t.counts, t.lost = make(map[used]*count), 0 // also when empty: counts is this call's alone from here on
	t.mu.Unlock()
	if lost > 0 {
		k.log.Warn("more keys and operations than can be counted: calls left out of the usage", "calls", lost)
	}
	if len(counts) == 0 {
		return nil
	}
	err := k.db.InTx(ctx, func(tx *sql.Tx) error {
		if prune {
			if _, err := tx.ExecContext(ctx, "DELETE FROM apikey_usage WHERE day < $1", k.today()-KeptDays); err != nil {
				return err
			}
		}
		return writeCounts(ctx, tx, counts)
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.giveBack(counts)
		return err
	}
	t.pruned = k.today()
	return nil
}

func (k *Keys) today() int64 { return k.now().Unix() / day }

// giveBack adds counts that could not be written to those made since.
func (t *tally) giveBack(counts map[used]*count) {
	for u, old := range counts {
		c := t.counts[u]
		switch {
		case c != nil:
			c.calls += old.calls
			c.refused += old.refused
			c.last = max(c.last, old.last)
			if c.refusedBy == "" {
				c.refusedBy = old.refusedBy
			}
		case len(t.counts) < maxTallied:
			t.counts[u] = old
		default:
			t.lost += old.calls
		}
	}
}

func writeCounts(ctx context.Context, tx *sql.Tx, counts map[used]*count) (err error) {
	add, err := tx.PrepareContext(ctx, `INSERT INTO apikey_usage (key_id, day, api, operation, calls, refused, refused_by, last_used)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (key_id, day, api, operation) DO UPDATE SET
			calls = apikey_usage.calls + excluded.calls,
			refused = apikey_usage.refused + excluded.refused,
			refused_by = CASE WHEN excluded.refused_by = '' THEN apikey_usage.refused_by ELSE excluded.refused_by END,
			last_used = CASE WHEN excluded.last_used > apikey_usage.last_used THEN excluded.last_used ELSE apikey_usage.last_used END`)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, add.Close()) }()
	last := make(map[string]int64)
	for u, c := range counts {
		if _, err := add.ExecContext(ctx, u.key, u.day, u.api, u.operation, c.calls, c.refused, c.refusedBy, c.last); err != nil {
			return err
		}
		last[u.key] = max(last[u.key], c.last)
	}
	touch, err := tx.PrepareContext(ctx, "UPDATE apikey_keys SET last_used = $1 WHERE id = $2 AND last_used < $1")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, touch.Close()) }()
	for id, at := range last {
		if _, err := touch.ExecContext(ctx, at, id); err != nil {
			return err
		}
	}
	return nil
}

// Usage is how a key was used over some days.
type Usage struct {
	Days       []DayUsage       `json:"days"`       // the newest first; days without calls are left out
	Operations []OperationUsage `json:"operations"` // the busiest first
	Calls      int64            `json:"calls"`
	Refused    int64            `json:"refused"`
}

// DayUsage is one day in UTC.
type DayUsage struct {
	Day       string `json:"day"` // 2026-11-23
	Calls     int64  `json:"calls"`
	Refused   int64  `json:"refused"`
	RefusedBy string `json:"refused_by,omitzero"` // practice of a refusal in the operation refused most
	Operation string `json:"operation,omitzero"`  // that operation
}

// OperationUsage is one operation over all the days.
type OperationUsage struct {
	API       string    `json:"api,omitzero"`
	Operation string    `json:"operation"`
	Calls     int64     `json:"calls"`
	Refused   int64     `json:"refused"`
	RefusedBy string    `json:"refused_by,omitzero"`
	LastUsed  time.Time `json:"last_used"`
}

// Usage returns how the key with id was used in the last days (1 to KeptDays), up to the latest second. Its error may be
// a *NotFoundError or a *FieldError.
func (k *Keys) Usage(ctx context.Context, id string, days int) (_ Usage, err error) {
	if days < 1 || days > KeptDays {
		return Usage{}, &FieldError{"days", fmt.Sprintf("1 to %d", KeptDays)}
	}
	if _, err := k.Show(ctx, id); err != nil {
		return Usage{}, err
	}
	from := k.today() - int64(days) + 1
	u := Usage{Days: []DayUsage{}, Operations: []OperationUsage{}}
	if err := k.usageByDay(ctx, &u, id, from); err != nil {
		return Usage{}, err
	}
	rows, err := k.db.QueryContext(ctx, `SELECT api, operation, SUM(calls), SUM(refused), MAX(refused_by), MAX(last_used)
		FROM apikey_usage WHERE key_id = $1 AND day >= $2 GROUP BY api, operation ORDER BY SUM(calls) DESC, api, operation`, id, from)
	if err != nil {
		return Usage{}, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var o OperationUsage
		var last int64
		if err := rows.Scan(&o.API, &o.Operation, &o.Calls, &o.Refused, &o.RefusedBy, &last); err != nil {
			return Usage{}, err
		}
		o.LastUsed = instant(last)
		u.Operations = append(u.Operations, o)
	}
	return u, rows.Err()
}

func (k *Keys) usageByDay(ctx context.Context, u *Usage, id string, from int64) (err error) {
	rows, err := k.db.QueryContext(ctx, `SELECT day, calls, refused, refused_by, operation
		FROM apikey_usage WHERE key_id = $1 AND day >= $2 ORDER BY day DESC, refused DESC, operation`, id, from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var d DayUsage
		var at int64
		if err := rows.Scan(&at, &d.Calls, &d.Refused, &d.RefusedBy, &d.Operation); err != nil {
			return err
		}
		d.Day = time.Unix(at*day, 0).UTC().Format(time.DateOnly)
		if d.Refused == 0 {
			d.Operation = ""
		}
		u.Calls += d.Calls
		u.Refused += d.Refused
		if n := len(u.Days); n > 0 && u.Days[n-1].Day == d.Day {
			u.Days[n-1].Calls += d.Calls
			u.Days[n-1].Refused += d.Refused
			continue
		}
		u.Days = append(u.Days, d)
	}
	return rows.Err()
}

// calls returns how often each of keys was called in the last days.
func (k *Keys) calls(ctx context.Context, keys []Key, days int64) (_ map[string]int64, err error) {
	out := make(map[string]int64, len(keys))
	if len(keys) == 0 {
		return out, nil
	}
	args := make([]any, len(keys), len(keys)+1)
	for i := range keys {
		args[i] = keys[i].ID
	}
	args = append(args, k.today()-days+1)
	rows, err := k.db.QueryContext(ctx, fmt.Sprintf("SELECT key_id, SUM(calls) FROM apikey_usage WHERE key_id IN (%s) AND day >= $%d GROUP BY key_id", places(len(keys)), len(args)), args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id string
		var n int64
		if err := rows.Scan(&id, &n); err != nil {
			return nil, err
		}
		out[id] = n
	}
	return out, rows.Err()
}
