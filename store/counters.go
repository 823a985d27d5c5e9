// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"
)

// Counters decide how often something may happen (OWASP API4:2023). Each call is one atomic step: whatever
// the number of callers, no more are admitted than the rate allows. Keys for Take and keys for Once never
// meet. An error means that nothing was decided; who asks refuses then, or counts locally and says so.
// Implementations are safe for concurrent use.
type Counters interface {
	// Take decides one GCRA step for key, atomically. cost is at least 1. Keep one key for one rate.
	Take(ctx context.Context, key string, r Rate, cost int64) (Taken, error)
	// Once reports whether key is seen for the first time within ttl, which refuses replays. A repeated
	// key does not lengthen its time. A key that was seen is never forgotten early: where there is no room
	// left to remember a new one, the answer is ErrFull.
	Once(ctx context.Context, key string, ttl time.Duration) (bool, error)
}

// ErrFull says that a new key cannot be remembered without forgetting a live one.
var ErrFull = errors.New("store: no room for another key")

// ErrTTL says that Once was asked for a time that is not positive.
var ErrTTL = errors.New("store: ttl is not positive")

// Never is the RetryAfter of a cost above the burst: waiting does not help.
const Never = time.Duration(math.MaxInt64)

// A Rate admits Requests each Per, evenly, and up to Burst of them at once.
type Rate struct {
	Requests int64
	Per      time.Duration
	Burst    int64 // 0 means Requests
}

// Taken is the outcome of one Take.
type Taken struct {
	Allowed    bool
	Remaining  int64         // requests of cost 1 that would be admitted now
	RetryAfter time.Duration // 0 if allowed; else when the same cost would be, or Never
	ResetAfter time.Duration // until the whole burst is available again
}

// maxBurst bounds how long a burst takes to refill, so that sums with a Unix time in nanoseconds stay within
// an int64 until the year 2190.
const maxBurst = 73 * 365 * 24 * time.Hour

// A Step is one decision of the generic cell rate algorithm (ITU-T I.371, in its virtual scheduling form),
// prepared from a rate and a cost: what remains is to compare with, and to move, the key's theoretical
// arrival time (TAT), the instant at which the key's burst is whole again. Implementations of Counters
// share it so that they cannot differ.
type Step struct {
	interval int64 // between two requests at the steady rate, in nanoseconds, rounded up
	tau      int64 // how far ahead of now the TAT may lie: burst × interval
	cost     int64
	burst    int64
}

// NewStep prepares one decision. It fails for a cost below 1, for requests or a period that are not positive,
// for a negative burst, and for a burst that takes longer than 73 years to refill. The interval between
// requests is rounded up to a whole nanosecond: a rate is never exceeded, and one faster than a request a
// nanosecond counts as that.
func NewStep(r Rate, cost int64) (Step, error) {
	burst := r.Burst
	if burst == 0 {
		burst = r.Requests
	}
	if r.Requests < 1 || r.Per < 1 || burst < 1 || cost < 1 {
		return Step{}, stepError(r, cost)
	}
	interval := (int64(r.Per)-1)/r.Requests + 1
	hi, tau := bits.Mul64(uint64(burst), uint64(interval))
	if hi != 0 || tau > uint64(maxBurst) {
		return Step{}, stepError(r, cost)
	}
	return Step{interval: interval, tau: int64(tau), cost: cost, burst: burst}, nil
}

func stepError(r Rate, cost int64) error {
	return fmt.Errorf("store: cannot take %d of %d requests per %v, burst %d", cost, r.Requests, r.Per, r.Burst)
}

// Take decides at the instant now for a key whose TAT is tat, both in nanoseconds since the same origin. It
// returns the TAT to keep: changed if the step was allowed. A TAT in the past counts as now; one further
// ahead than the burst reaches (the rate was changed, or the clock stepped back) counts as an empty bucket,
// so that nobody waits longer than the burst takes to refill.
func (s Step) Take(now, tat int64) (Taken, int64) {
	tat = min(max(tat, now), now+s.tau)
	if s.cost > s.burst {
		return s.refuse(now, tat, Never), tat
	}
	next := tat + s.cost*s.interval
	if wait := next - now - s.tau; wait > 0 {
		return s.refuse(now, tat, time.Duration(wait)), tat
	}
	return Taken{
		Allowed:    true,
		Remaining:  (s.tau - (next - now)) / s.interval,
		ResetAfter: time.Duration(next - now),
	}, next
}

func (s Step) refuse(now, tat int64, retry time.Duration) Taken {
	return Taken{
		Remaining:  (s.tau - (tat - now)) / s.interval,
		RetryAfter: retry,
		ResetAfter: time.Duration(tat - now),
	}
}
