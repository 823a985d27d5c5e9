// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"net/http"
	"sync"

	"yett/exchange"
	"yett/ledger"
	"yett/practice"
)

// An item is a line to be: a record, an action, or a notice of the log itself.
type item struct {
	seq    uint64
	record exchange.Record
	action *practice.Action
	notice *ledger.Notice
}

// slight reports whether i gives way where room is short: a refusal tells of what did not happen. What reached the upstream,
// and what an operator did, does not.
func (i *item) slight() bool {
	return i.action == nil && i.notice == nil && !i.record.Reached && i.record.Status >= http.StatusBadRequest
}

// A queue holds items between those who observe and the one who writes. Numbers are given under its lock, so that items
// stand in their order, and what finds no room leaves one gap of known numbers. A quarter of the room is not for refusals:
// while the disk takes nothing they are all that comes anew, and must not push out what was admitted before.
type queue struct {
	wake chan struct{} // of the writer
	most int
	line []byte // the writer's own

	mu       sync.Mutex
	items    []item
	spare    []item // the other slice, empty
	last     uint64 // number given
	from, to uint64 // numbers that found no room since the last item
}

// put queues i. It returns false where there is no room: i then has a number but will have no line.
func (q *queue) put(i item, number func() uint64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	room := q.most
	if i.slight() {
		room -= q.most / 4
	}
	if len(q.items) >= room {
		q.last = number()
		q.to = q.last
		if q.from == 0 {
			q.from = q.to
		}
		return false
	}
	q.gap(number)
	q.last = number()
	i.seq = q.last
	q.items = append(q.items, i)
	q.nudge()
	return true
}

// gap queues that numbers are missing.
func (q *queue) gap(number func() uint64) {
	if q.from == 0 {
		return
	}
	n := &ledger.Notice{Kind: ledger.KindGap, From: q.from, To: q.to, Lost: q.to - q.from + 1, Cause: "the disk or the queue was full"}
	q.from = 0
	q.last = number()
	q.items = append(q.items, item{seq: q.last, notice: n})
}

// nudge wakes the writer.
func (q *queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// get takes everything that is queued, nil if nothing is. Whoever gets something gives it back with done.
func (q *queue) get() []item {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return nil // its room stays for the next one
	}
	items := q.items
	q.items, q.spare = q.spare, nil
	return items
}

// close is get once nothing is put any more: a gap at the end is an item too.
func (q *queue) close(number func() uint64) []item {
	q.mu.Lock()
	q.gap(number)
	q.mu.Unlock()
	return q.get()
}

// done gives the slice back.
func (q *queue) done(items []item) {
	clear(items) // the records are not held
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.spare == nil {
		q.spare = items[:0]
	}
}
