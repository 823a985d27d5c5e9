// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package ratelimit bounds how often one caller or one address may call.
//
// It stops floods, guessing and clients that run wild (OWASP API4:2023): each limit is a generic cell rate algorithm
// decided in one atomic step, so no race admits more than the limit says. It does not stop what is slow and expensive,
// nor a flood from very many addresses that each stay below the limit.
//
// Used alone, New(Config{…}, Options{Counters: memory.New(…)}).Handler(next) limits any handler by address.
package ratelimit

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"yett/exchange"
	"yett/problem"
	"yett/store"
)

// A Limiter is the limits of one level. It is safe for concurrent use.
type Limiter struct {
	counters store.Counters
	caller   store.Rate
	address  store.Rate
	scope    string // separates the counters of an operation with limits of its own
}

// Options are collaborators. Counters is needed.
type Options struct {
	Counters store.Counters
	// Scope is "" where callers share one limit, else the name of what has a limit of its own.
	Scope string
}

// New makes a Limiter.
func New(c Config, o Options) *Limiter {
	return &Limiter{
		counters: o.Counters, scope: o.Scope,
		caller:  store.Rate{Requests: c.Requests, Per: c.Per},
		address: store.Rate{Requests: c.Address.Requests, Per: c.Address.Per},
	}
}

// Handler limits next by address.
func (l *Limiter) Handler(next http.Handler) http.Handler {
	c := &exchange.Chain{
		Request: []exchange.Link{{Practice: "ratelimit", Step: l.ByAddress}},
		Header:  []func(*exchange.Exchange){Header},
	}
	return c.Handler(next)
}

// ByAddress takes one request from the address: a whole IPv4 address, or the /64 of an IPv6 address, because one client
// commands all of it.
func (l *Limiter) ByAddress(x *exchange.Exchange) error {
	who, err := network(x)
	if err != nil {
		return err
	}
	return l.take(x, "address", l.key("address", who), l.address)
}

// ByCaller takes one request from the caller: its client, or its address where nobody is known.
func (l *Limiter) ByCaller(x *exchange.Exchange) error {
	if c := x.Caller; c != nil {
		return l.take(x, "caller", l.key("caller", c.Issuer, c.Client, c.Subject), l.caller)
	}
	who, err := network(x)
	if err != nil {
		return err
	}
	return l.take(x, "caller", l.key("nobody", who), l.caller)
}

// key names a counter. Rotated keys of one client share its counter. Every part has its length before it, so that no client
// can choose a name that makes it another one. The rate is part of the name: one counter serves one rate only (see
// store.Counters), and APIs with different limits must not use up each other's.
func (l *Limiter) key(kind string, who ...string) string {
	r := l.caller
	if kind == "address" {
		r = l.address
	}
	var buf [128]byte
	b := append(append(buf[:0], "ratelimit/"...), kind...)
	b = strconv.AppendInt(append(b, '/'), r.Requests, 10)
	b = strconv.AppendInt(append(b, '/'), int64(r.Per), 10)
	b = part(b, l.scope)
	for _, w := range who {
		b = part(b, w)
	}
	return string(b)
}

func part(b []byte, s string) []byte {
	b = strconv.AppendInt(append(b, '/'), int64(len(s)), 10)
	return append(append(b, ':'), s...)
}

func network(x *exchange.Exchange) (string, error) {
	a, err := x.ClientAddr()
	if err != nil {
		return "", &problem.Error{Status: http.StatusForbidden, Code: "address_unreadable", Detail: "This cannot be called.", Cause: err}
	}
	if a.Is4() {
		return a.String(), nil
	}
	return netip.PrefixFrom(a, 64).Masked().Addr().String(), nil
}

func (l *Limiter) take(x *exchange.Exchange, policy, key string, r store.Rate) error {
	t, err := l.counters.Take(x.Context(), key, r, 1)
	if err != nil {
		// Counters that cannot be asked admit nobody: failing open would make a flood of keys a way round every limit.
		return &problem.Error{Status: http.StatusServiceUnavailable, Code: "cannot_decide",
			Detail: "Limits cannot be checked now.", Cause: err}
	}
	x.Quotas = append(x.Quotas, exchange.Quota{Policy: policy, Requests: r.Requests, Window: r.Per, Remaining: t.Remaining, Reset: t.ResetAfter})
	if t.Allowed {
		return nil
	}
	x.Note(policy)
	return &problem.Error{Status: http.StatusTooManyRequests, Code: "rate_limited",
		Detail: "Too many requests.",
		Header: []problem.Field{{Name: "Retry-After", Value: strconv.FormatInt(max(1, seconds(t.RetryAfter)), 10)}},
		Cause:  fmt.Errorf("more than %d each %v by %s", r.Requests, r.Per, policy)}
}

// Header tells the caller the tightest limit that applied, in the words of the IETF draft on RateLimit fields, instead
// of whatever the upstream says of its own.
func Header(x *exchange.Exchange) {
	h := &x.Answer.Header
	h.Del("RateLimit")
	h.Del("RateLimit-Policy")
	q := tightest(x.Quotas)
	if q == nil {
		return
	}
	var buf [64]byte
	b := append(append(append(buf[:0], '"'), q.Policy...), `";q=`...)
	b = strconv.AppendInt(b, q.Requests, 10)
	b = strconv.AppendInt(append(b, ";w="...), max(1, seconds(q.Window)), 10)
	h.Set("RateLimit-Policy", string(b))
	b = append(append(append(buf[:0], '"'), q.Policy...), `";r=`...)
	b = strconv.AppendInt(b, q.Remaining, 10)
	b = strconv.AppendInt(append(b, ";t="...), seconds(q.Reset), 10)
	h.Set("RateLimit", string(b))
}

// tightest is the quota that runs out first: the least share left.
func tightest(all []exchange.Quota) *exchange.Quota {
	var best *exchange.Quota
	for i := range all {
		q := &all[i]
		if best == nil || float64(q.Remaining)*float64(best.Requests) < float64(best.Remaining)*float64(q.Requests) {
			best = q
		}
	}
	return best
}

// seconds rounds up: whoever waits that long is admitted.
func seconds(d time.Duration) int64 {
	if d >= store.Never-time.Second {
		return int64(store.Never / time.Second)
	}
	return int64((d + time.Second - 1) / time.Second)
}
