// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"yett/store"
)

// A Model is the slow reference for Take: a bucket that leaks, computed again from every request ever
// admitted, in exact fractions. It knows no TAT and rounds nothing, so it shares no formula with what it
// judges.
type Model struct {
	rate     store.Rate
	admitted []admission
}

type admission struct {
	at   time.Duration
	cost int64
}

// NewModel returns the model of one key.
func NewModel(r store.Rate) *Model {
	if r.Burst == 0 {
		r.Burst = r.Requests
	}
	return &Model{rate: r}
}

// level is how full the bucket is at the instant now, in requests.
func (m *Model) level(now time.Duration) *big.Rat {
	level, last := new(big.Rat), time.Duration(0)
	leak := func(until time.Duration) {
		if until > last {
			leaked := big.NewRat(int64(until-last), int64(m.rate.Per))
			level.Sub(level, leaked.Mul(leaked, new(big.Rat).SetInt64(m.rate.Requests)))
			last = until
		}
		if level.Sign() < 0 {
			level.SetInt64(0)
		}
	}
	for _, a := range m.admitted {
		leak(a.at)
		level.Add(level, new(big.Rat).SetInt64(a.cost))
	}
	leak(now)
	return level
}

// Fits reports whether cost more fit at the instant now, which never goes back.
func (m *Model) Fits(now time.Duration, cost int64) bool {
	after := m.level(now)
	after.Add(after, new(big.Rat).SetInt64(cost))
	return after.Cmp(new(big.Rat).SetInt64(m.rate.Burst)) <= 0
}

// Admit records what was admitted.
func (m *Model) Admit(now time.Duration, cost int64) {
	m.admitted = append(m.admitted, admission{now, cost})
}

// busiest returns the window that exceeds what the rate allows (burst + requests within the window), if any:
// the promise in the words of an operator, independent of any algorithm.
func (m *Model) busiest() (from, to time.Duration, sum int64, over bool) {
	for i, first := range m.admitted {
		sum := int64(0)
		for _, a := range m.admitted[i:] {
			sum += a.cost
			allowed := new(big.Rat).SetFrac64(int64(a.at-first.at), int64(m.rate.Per))
			allowed.Mul(allowed, new(big.Rat).SetInt64(m.rate.Requests))
			allowed.Add(allowed, new(big.Rat).SetInt64(m.rate.Burst))
			if new(big.Rat).SetInt64(sum).Cmp(allowed) > 0 {
				return first.at, a.at, sum, true
			}
		}
	}
	return 0, 0, 0, false
}

// rates draws rates whose interval is a whole number of nanoseconds, where the model must agree exactly, and
// others, which may only be stricter.
func rates(t *rapid.T) store.Rate {
	return store.Rate{
		Requests: rapid.Int64Range(1, 50).Draw(t, "requests"),
		Per:      rapid.SampledFrom([]time.Duration{time.Nanosecond, 100, time.Millisecond, time.Second, time.Minute, 24 * time.Hour}).Draw(t, "per"),
		Burst:    rapid.Int64Range(0, 20).Draw(t, "burst"),
	}
}

func testModel(t *testing.T, newCounters NewCounters) {
	rapid.Check(t, func(rt *rapid.T) {
		clock := new(Clock)
		c, key := newCounters(t, clock.Now), unique("model")
		r := rates(rt)
		interval := (r.Per-1)/time.Duration(r.Requests) + 1
		exact := r.Per%time.Duration(r.Requests) == 0
		m, now := NewModel(r), time.Duration(0)
		for range rapid.IntRange(1, 40).Draw(rt, "calls") {
			if wait := time.Duration(rapid.Int64Range(0, 3*int64(interval)).Draw(rt, "wait")); rapid.Bool().Draw(rt, "later") {
				now += wait
				clock.Add(wait)
			}
			cost := rapid.Int64Range(1, 4).Draw(rt, "cost")
			got, err := c.Take(rt.Context(), key, r, cost)
			if err != nil {
				rt.Fatal(err)
			}
			fits := m.Fits(now, cost)
			if got.Allowed && !fits {
				rt.Fatalf("%+v: cost %d admitted at %v, the model refuses", r, cost, now)
			}
			if exact && fits && !got.Allowed {
				rt.Fatalf("%+v: cost %d refused at %v, the model admits", r, cost, now)
			}
			if got.Allowed {
				m.Admit(now, cost)
			} else if retry := got.RetryAfter; retry != store.Never {
				if !m.Fits(now+retry, cost) {
					rt.Fatalf("%+v: told to retry after %v, when it does not fit yet", r, retry)
				}
				if exact && m.Fits(now+retry-1, cost) {
					rt.Fatalf("%+v: told to retry after %v, when less would do", r, retry)
				}
			}
			if got.Remaining > 0 && !m.Fits(now, got.Remaining) || exact && m.Fits(now, got.Remaining+1) {
				rt.Fatalf("%+v: says %d remain at %v, the model has another number", r, got.Remaining, now)
			}
		}
		if from, to, sum, over := m.busiest(); over {
			rt.Fatalf("%+v: %d admitted from %v to %v", r, sum, from, to)
		}
	})
}
