// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import "testing"

// The writer asks until nothing is left, so it finds the queue empty each time; its room must outlive that, or every few
// requests would pay for making it anew.
func TestTheRoomOfTheQueueIsUsedAgain(t *testing.T) {
	q := queue{most: 8192, wake: make(chan struct{}, 1)}
	var seq uint64
	number := func() uint64 { seq++; return seq }
	some := func() {
		for range 64 {
			q.put(item{}, number)
		}
	}
	round := func() {
		some()
		for items := q.get(); len(items) > 0; items = q.get() {
			if len(items) == 64 && seq%128 == 64 {
				some() // as requests do while the writer writes
			}
			q.done(items)
		}
	}
	round() // both slices have grown
	if n := testing.AllocsPerRun(100, round); n > 0 {
		t.Errorf("128 records and an empty queue made room %v times", n)
	}
}
