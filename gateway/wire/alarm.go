// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"sync"
	"time"
)

// An alarm rings when a call takes too long. After disarm it neither rings nor is it ringing.
type alarm struct {
	ring func() // called with the lock held

	mu    sync.Mutex
	timer *time.Timer
	until time.Time // zero: nothing is watched
}

// arm lets the alarm ring after d.
func (a *alarm) arm(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.until = time.Now().Add(d)
	if a.timer == nil {
		a.timer = time.AfterFunc(d, a.due)
	} else {
		a.timer.Reset(d)
	}
}

// disarm ends the watch.
func (a *alarm) disarm() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.until = time.Time{}
	if a.timer != nil {
		a.timer.Stop()
	}
}

// due rings, unless the call that the timer was set for is over: it may have ended, and the next one begun, while this
// goroutine started.
func (a *alarm) due() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if past(a.until) {
		a.until = time.Time{}
		a.ring()
	}
}
