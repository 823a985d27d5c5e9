// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"time"

	"yett/store"
)

// The kinds of revocations: what names the tokens that are taken back.
const (
	ByID      = "id"      // one token, by its jti
	BySubject = "subject" // those of one subject
	ByClient  = "client"  // those of one client
	All       = "all"     // those of an issuer, or of all
)

// A Revocation takes tokens back. There is no way to take a revocation back: a new token is the way.
type Revocation struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Name   string `json:"name,omitempty"`   // jti, subject or client
	Issuer string `json:"issuer,omitempty"` // "": every issuer's
	Reason string `json:"reason,omitempty"`
	By     string `json:"by"` // who took them back: an administrator, whom the admin API has admitted
	// Until is the last second of issue (iat) that is refused; zero: whenever it was issued.
	Until   time.Time `json:"until,omitzero"`
	Created time.Time `json:"created"`
}

// NewRevocation is what an operator asks for: the tokens of an id, a subject or a client, or all; and those of them that were
// issued before a moment. Where none is given, that is in a minute, because clocks may differ by that much: no token that was
// issued by now is missed. Of one id, all are taken back.
type NewRevocation struct {
	ID, Subject, Client string
	IssuedBefore        time.Time
	Issuer, Reason      string
}

// A FieldError says which part of a request makes no sense.
type FieldError struct{ Field, Problem string }

func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }

const (
	maxRevoked = maxName // whatever is admitted can be taken back
	maxReason  = 200
	// keptFor is how long a revocation is kept: longer than any token may live, whatever max_age was or will be.
	keptFor = (365 + 1) * 24 * time.Hour
	always  = int64(math.MaxInt64)
)

// normal makes a Revocation of what was asked for.
func (n NewRevocation) normal(now time.Time) (Revocation, error) {
	r := Revocation{ID: rand.Text(), Kind: All, Issuer: n.Issuer, Reason: n.Reason, By: "admin", Created: now.UTC().Truncate(time.Millisecond)}
	for _, by := range []struct{ kind, name string }{{ByID, n.ID}, {BySubject, n.Subject}, {ByClient, n.Client}} {
		if by.name == "" {
			continue
		}
		if r.Name != "" {
			return r, &FieldError{by.kind, "only one of id, subject and client at a time"}
		}
		if len(by.name) > maxRevoked {
			return r, &FieldError{by.kind, fmt.Sprintf("at most %d bytes", maxRevoked)}
		}
		r.Kind, r.Name = by.kind, by.name
	}
	switch {
	case len(n.Issuer) > maxRevoked:
		return r, &FieldError{"issuer", fmt.Sprintf("at most %d bytes", maxRevoked)}
	case len(n.Reason) > maxReason || strings.ContainsFunc(n.Reason, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return r, &FieldError{"reason", fmt.Sprintf("one line of at most %d bytes", maxReason)}
	case r.Kind == ByID && !n.IssuedBefore.IsZero():
		return r, &FieldError{"issued_before", "a token is taken back by its id whenever it was issued (leave one out)"}
	case r.Kind == ByID:
		return r, nil
	case r.Kind == All && n.IssuedBefore.IsZero():
		return r, &FieldError{"issued_before", "name an id, a subject, a client or a moment"}
	case n.IssuedBefore.After(now.Add(time.Minute)):
		return r, &FieldError{"issued_before", "lies in the future: tokens that are not made yet would be refused"}
	}
	// An issuer's clock may be ahead of ours: what it has issued by now may say that it will be issued in a minute.
	r.Until = now.UTC().Add(maxLeeway).Truncate(time.Second)
	if !n.IssuedBefore.IsZero() {
		// iat counts in seconds: what was issued in the very second of the moment was not issued before it.
		r.Until = n.IssuedBefore.UTC().Add(-time.Nanosecond).Truncate(time.Second)
	}
	return r, nil
}

func (r *Revocation) until() int64 {
	if r.Until.IsZero() {
		return always
	}
	return r.Until.Unix()
}

type revocationOptions struct {
	Store  *store.DB
	Sealer store.Sealer
	Pepper []byte // at least 32 bytes, kept apart from the store
	Now    func() time.Time
	Log    *slog.Logger
}

// revocations is the table of what was taken back, and what this node knows of it: marks in memory, believed while the
// table was read a moment ago.
type revocations struct {
	db     *store.DB
	sealer store.Sealer
	now    func() time.Time
	log    *slog.Logger
	macs   sync.Pool
	feed   feed

	mu       sync.RWMutex
	known    map[mark]int64 // the last second of issue that is refused
	kinds    map[string]int // how many marks there are of each
	most     int            // marks that memory takes
	overflow bool           // there are more: the store is asked for each token
}

// A mark stands for a kind, an issuer and a name.
type mark [sha256.Size]byte

// maxKnown is how many marks are held in memory: about 100 MB.
const maxKnown = 1_000_000

func openRevocations(ctx context.Context, o revocationOptions) (*revocations, error) {
	if o.Sealer == nil || len(o.Pepper) < 32 {
		return nil, errors.New("revocations need a sealer, and a pepper of at least 32 bytes")
	}
	r := &revocations{db: o.Store, sealer: o.Sealer, now: o.Now, log: o.Log, known: make(map[mark]int64), kinds: make(map[string]int), most: maxKnown}
	pepper := append([]byte(nil), o.Pepper...)
	r.macs.New = func() any { return hmac.New(sha256.New, pepper) }
	r.feed.base = r.now()
	return r, r.migrate(ctx)
}

// markOf is the mark of a name, each part behind its length, so that no two read the same.
func (r *revocations) markOf(kind, issuer, name string) (m mark) {
	mac := r.macs.Get().(interface {
		Write([]byte) (int, error)
		Sum([]byte) []byte
		Reset()
	})
	defer r.macs.Put(mac)
	mac.Reset()
	b := make([]byte, 0, 128)
	for _, s := range []string{kind, issuer, name} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s))) // #nosec G115 -- texts of a token, far below 4 GiB
		b = append(b, s...)
	}
	_, _ = mac.Write(b) // a hash never fails
	mac.Sum(m[:0])
	return m
}

// marks are all marks that a token falls under, with and without its issuer. They are made once for each token that is
// remembered.
type marks [8]struct {
	kind string // "": none
	mark mark
}

func (r *revocations) marksOf(issuer string, v *verified) *marks {
	if m := v.marks.Load(); m != nil {
		return m
	}
	m := new(marks)
	n := 0
	for _, by := range []struct{ kind, name string }{{ByID, v.id}, {BySubject, subjectOf(v)}, {ByClient, v.client}, {All, ""}} {
		if by.name == "" && by.kind != All {
			continue
		}
		for _, iss := range []string{issuer, ""} {
			m[n].kind, m[n].mark = by.kind, r.markOf(by.kind, iss, by.name)
			n++
		}
	}
	v.marks.Store(m)
	return m
}

// subjectOf is the subject that the record and the upstream see: a client that calls for itself is its own.
func subjectOf(v *verified) string { return cmp.Or(v.subject, v.client) }

// check returns errRevoked if a token was taken back, or another error if that cannot be told.
func (r *revocations) check(issuer string, v *verified) error {
	if r.feed.fresh(r.now()) {
		if revoked, ok := r.remembered(issuer, v); ok {
			if revoked {
				return errRevoked
			}
			return nil
		}
	}
	return r.ask(issuer, v)
}

// remembered judges a token by what is in memory; ok says that everything is.
func (r *revocations) remembered(issuer string, v *verified) (revoked, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.overflow || len(r.known) == 0 {
		return false, !r.overflow
	}
	of := r.marksOf(issuer, v)
	for i := range of {
		if m := &of[i]; m.kind != "" && r.kinds[m.kind] > 0 {
			if until, found := r.known[m.mark]; found && refused(v, until) {
				return true, true
			}
		}
	}
	return false, true
}

// refused reports whether a token falls under a revocation up to a second. One that does not say when it was issued does.
func refused(v *verified, until int64) bool {
	return v.issuedAt.IsZero() || v.issuedAt.Unix() <= until
}

// askTime bounds how long a request waits for the store.
const askTime = 2 * time.Second

// ask looks a token up in the store.
func (r *revocations) ask(issuer string, v *verified) error {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	until, found, err := r.find(ctx, r.marksOf(issuer, v))
	if err != nil {
		return err
	}
	if found && refused(v, until) {
		return errRevoked
	}
	return nil
}

// revoke takes tokens back. When it returns, this is durable, and seen by the next request here.
func (r *revocations) revoke(ctx context.Context, n NewRevocation) (Revocation, error) {
	rev, err := n.normal(r.now())
	if err != nil {
		return rev, err
	}
	plain, err := json.Marshal(named{rev.Issuer, rev.Name, rev.Reason, rev.By})
	if err != nil {
		return rev, err
	}
	sealed, err := r.sealer.Seal(ctx, plain, kept.Place(rev.ID))
	if err != nil {
		return rev, err
	}
	m := r.markOf(rev.Kind, rev.Issuer, rev.Name)
	if err := r.insert(ctx, rev, m, sealed); err != nil {
		return rev, err
	}
	r.mu.Lock()
	r.learn(rev.Kind, m, rev.until())
	r.mu.Unlock()
	r.log.Info("tokens revoked", "revocation", rev.ID, "kind", rev.Kind)
	return rev, nil
}

// named is the sealed part of a revocation.
type named struct{ Issuer, Name, Reason, By string }

// learn remembers a mark. r.mu is held.
func (r *revocations) learn(kind string, m mark, until int64) {
	old, ok := r.known[m]
	switch {
	case ok:
		r.known[m] = max(old, until)
	case len(r.known) >= r.most:
		r.overflow = true
	default:
		r.known[m] = until
		r.kinds[kind]++
	}
}
