// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// freeAttempts fail without a wait; then it doubles from one second to maxWait.
	freeAttempts = 5
	maxWait      = time.Minute
	// forgetWait is how long after its last attempt an account at an address begins anew.
	forgetWait = 15 * time.Minute
	// goodFor is how long an address from which somebody logged in is not held up by what others do to the account.
	goodFor  = 24 * time.Hour
	maxWaits = 100_000
)

// attempts slows down who tries passwords: each account at each address by itself, so that the owner is not locked out by
// somebody elsewhere, and the account as a whole for addresses that never logged in to it. It counts on this node.
type attempts struct {
	mu    sync.Mutex
	waits map[string]*wait
}

type wait struct {
	failures int
	last     time.Time
	until    time.Time
	good     time.Time // the last login from here
}

// at names an account at an address; an IPv6 address stands for its /64, which is what one caller has.
func at(name string, from netip.Addr) string {
	if from.Is6() {
		from = netip.PrefixFrom(from, 64).Masked().Addr()
	}
	return from.String() + " " + name
}

// whole names an account at any address. No address is empty.
func whole(name string) string { return " " + name }

// wait returns how long an account cannot be tried from an address.
func (a *attempts) wait(name string, from netip.Addr, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.waitLocked(name, from, now)
}

func (a *attempts) waitLocked(name string, from netip.Addr, now time.Time) time.Duration {
	w := a.waits[at(name, from)]
	if w != nil && now.Before(w.until) {
		return w.until.Sub(now)
	}
	if w != nil && !w.good.IsZero() && now.Sub(w.good) < goodFor {
		return 0
	}
	if all := a.waits[whole(name)]; all != nil && now.Before(all.until) {
		return all.until.Sub(now)
	}
	return 0
}

// begin returns how long an account cannot be tried from an address, or 0, and then the attempt counts as a failing one at once:
// it takes a while to judge, and others begin meanwhile.
func (a *attempts) begin(name string, from netip.Addr, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if after := a.waitLocked(name, from, now); after > 0 {
		return after
	}
	w := a.entry(at(name, from), now)
	if now.Sub(w.last) > forgetWait {
		w.failures = 0
	}
	w.last = now
	w.failures++
	w.until = now.Add(waitAfter(w.failures))
	return 0
}

// unjudged takes back an attempt of which nobody knows whether it was right.
func (a *attempts) unjudged(name string, from netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if w := a.waits[at(name, from)]; w != nil && w.failures > 0 {
		w.failures--
		w.until = w.last.Add(waitAfter(w.failures))
	}
}

// waitAfter is how long an account at an address waits after so many failures.
func waitAfter(failures int) time.Duration {
	if failures <= freeAttempts {
		return 0
	}
	return min(maxWait, time.Second<<min(failures-freeAttempts-1, 10))
}

func (a *attempts) succeeded(name string, from netip.Addr, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.entry(at(name, from), now)
	*w = wait{last: now, good: now}
}

// block holds up an account at all addresses that never logged in to it.
func (a *attempts) block(name string, until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.entry(whole(name), until).until = until
}

// entry returns the entry of a key. Where there is no room, entries that hold nobody up give way first.
func (a *attempts) entry(key string, now time.Time) *wait {
	if w := a.waits[key]; w != nil {
		return w
	}
	if len(a.waits) >= maxWaits {
		a.makeRoom(now)
	}
	w := new(wait)
	a.waits[key] = w
	return w
}

func (a *attempts) makeRoom(now time.Time) {
	for key, w := range a.waits {
		if now.Sub(w.last) > forgetWait && now.Sub(w.good) > goodFor && !now.Before(w.until) {
			delete(a.waits, key)
		}
	}
	for key := range a.waits { // an eighth of them, whichever come first
		if len(a.waits) < maxWaits-maxWaits/8 {
			return
		}
		delete(a.waits, key)
	}
}
