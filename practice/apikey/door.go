// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"errors"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"yett/api"
	"yett/exchange"
	"yett/identity"
	"yett/problem"
	"yett/store"
)

// DefaultHeader is where a key is looked for when no description says otherwise.
const DefaultHeader = "X-API-Key"

// Check verifies the key in the header X-API-Key. Without one it does nothing. A key that is admitted becomes a
// credential of x; any other is a *problem.Error: 401 invalid_key, 429 too_many_failures, 503 cannot_decide, or 400
// repeated_credential. The caller never learns why a key is invalid; the record does.
func (k *Keys) Check(x *exchange.Exchange) error { return k.alone.check(x) }

// Require is Check for programs without package authn: it refuses a request without key too, and makes the key's holder
// the caller of x.
func (k *Keys) Require(x *exchange.Exchange) error {
	if err := k.Check(x); err != nil {
		return err
	}
	if len(x.Credentials) == 0 {
		return &problem.Error{Status: http.StatusUnauthorized, Code: "no_key", Detail: "This call needs an API key.", Header: alone[0].challenge()}
	}
	x.Caller = x.Credentials[len(x.Credentials)-1].Caller
	return nil
}

// Handler lets requests with a key through to next.
func (k *Keys) Handler(next http.Handler) http.Handler { return exchange.Middleware(next, k.Require) }

// failures is how many failing attempts an address has: 100 at once, and 100 a minute.
var failures = store.Rate{Requests: 100, Per: time.Minute}

// A door checks the keys of requests where a description says that they are.
type door struct {
	keys     *Keys
	counters store.Counters // nil: failing attempts are not limited
	places   [][]place      // by operation index; nil: the header X-API-Key alone
}

// alone is where a key is when no description says so.
var alone = []place{{schemes: []string{"apikey"}, in: "header", name: DefaultHeader}}

func newDoor(k *Keys, c store.Counters, a *api.API) *door {
	d := &door{keys: k, counters: c, places: make([][]place, len(a.Operations))}
	for _, op := range a.Operations {
		d.places[op.Index] = placesOf(op)
	}
	return d
}

func (d *door) check(x *exchange.Exchange) error {
	places := alone
	if d.places != nil && x.Operation != nil {
		places = d.places[x.Operation.Index]
	}
	for i := range places {
		if err := d.checkAt(x, &places[i]); err != nil {
			return err
		}
	}
	return nil
}

func (d *door) checkAt(x *exchange.Exchange, p *place) error {
	presented, n := p.take(x)
	switch {
	case n == 0:
		return nil
	case n > 1:
		// Two readers may each take another one.
		x.Note(p.name + " presented twice")
		return &problem.Error{Status: http.StatusBadRequest, Code: "repeated_credential", Detail: "An API key may come only once."}
	}
	// An address that cannot be read is in no network: only keys without networks work from there.
	addr, err := x.ClientAddr()
	if err != nil {
		addr = netip.Addr{}
	}
	caller, err := d.keys.Verify(x.Context(), presented, addr)
	if invalid, ok := errors.AsType[*InvalidError](err); ok {
		return d.refuse(x, p, invalid)
	}
	if err != nil {
		// The store is out of reach: neither admitted nor told to be wrong.
		x.Note("cannot tell")
		return &problem.Error{Status: http.StatusServiceUnavailable, Code: "cannot_decide", Detail: "The API key cannot be checked at the moment.",
			Header: []problem.Field{{Name: "Retry-After", Value: "1"}}, Cause: err}
	}
	x.Note(caller.Key)
	for _, scheme := range p.schemes {
		x.Credentials = append(x.Credentials, identity.Credential{Scheme: scheme, Caller: caller})
	}
	return nil
}

// refuse answers a failing attempt. Only attempts that have failed are counted, after they were judged, so a key that is
// right is admitted from any address, whatever else came from there.
func (d *door) refuse(x *exchange.Exchange, p *place, why *InvalidError) error {
	note := string(why.Reason)
	if why.ID != "" {
		note = why.ID + " " + note
	}
	x.Note(note)
	if d.counters != nil {
		taken, err := d.counters.Take(x.Context(), "apikey/failed/"+attempter(x), failures, 1)
		switch {
		case err != nil:
			// The attempt is refused either way; only its number is not known.
			x.Note(note + ", attempts not counted: " + err.Error())
		case !taken.Allowed:
			return &problem.Error{Status: http.StatusTooManyRequests, Code: "too_many_failures", Detail: "Too many calls with an invalid API key.",
				Header: []problem.Field{{Name: "Retry-After", Value: seconds(taken.RetryAfter)}}, Cause: why}
		}
	}
	return &problem.Error{Status: http.StatusUnauthorized, Code: "invalid_key", Detail: "The API key is not valid.", Header: p.challenge(), Cause: why}
}

// attempter names who fails: an IPv4 address, or an IPv6 network of 64 bits, which is what one caller has.
func attempter(x *exchange.Exchange) string {
	addr, err := x.ClientAddr()
	if err != nil {
		return "unreadable"
	}
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.String()
		}
	}
	return addr.String()
}

// seconds is d in whole seconds, rounded up.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64(math.Ceil(d.Seconds())), 10)
}
