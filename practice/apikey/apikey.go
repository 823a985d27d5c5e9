// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package apikey makes, keeps and verifies API keys: one per client, hashed, scoped, counted, rotated and revoked.
//
// It stops keys that nobody issued, that have ended, were revoked (within a second, on every node) or come from a
// network they do not belong to; keys read out of a stolen store (only a keyed hash is kept); and guessing (OWASP
// API2:2023 broken authentication). It does not stop a key that was stolen and is used from where it may be used, does
// not decide which operation a caller may reach (package authn judges scopes), and lets a request without any key pass,
// because another practice may know the caller: used alone, Require refuses those as well.
//
// Used alone, in any net/http program:
//
//	keys, err := apikey.New(apikey.Config{}, apikey.Options{Store: db, Pepper: pepper})
//	go keys.Run(ctx) // caches for speed, counts usage
//	http.ListenAndServe(addr, keys.Handler(next))
package apikey

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"yett/identity"
	"yett/store"
)

// Options are what a program supplies. Store and Pepper are required.
type Options struct {
	Store *store.DB
	// Pepper is a secret of at least 32 bytes that is kept apart from the store, and the same on every node.
	Pepper []byte
	// Counters limit failing attempts of Check, Require and Handler; nil: they are not limited.
	Counters store.Counters
	Now      func() time.Time // nil: time.Now
	Log      *slog.Logger     // nil: silent
}

// Keys are the API keys of one store. They are safe for concurrent use.
type Keys struct {
	db     *store.DB
	now    func() time.Time
	log    *slog.Logger
	hashes sync.Pool // of *hasher
	nobody digest    // stands in for the hash of a key that does not exist
	cache  cache
	feed   feed
	usage  tally
	alone  door

	mu     sync.Mutex
	config Config
}

// New opens the keys of a store and makes their tables. It refuses a store whose keys were hashed with another pepper.
func New(c Config, o Options) (*Keys, error) {
	if o.Store == nil {
		return nil, errors.New("apikey: no store")
	}
	if len(o.Pepper) < 32 {
		return nil, fmt.Errorf("apikey: a pepper of %d bytes (at least 32)", len(o.Pepper))
	}
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("apikey: %w", err)
	}
	k := &Keys{db: o.Store, now: o.Now, log: o.Log, config: c}
	if k.now == nil {
		k.now = time.Now
	}
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	pepper := append([]byte(nil), o.Pepper...)
	k.hashes.New = func() any { return &hasher{mac: hmac.New(sha256.New, pepper)} }
	_, _ = rand.Read(k.nobody[:]) // never fails: crypto/rand ends the program first
	k.cache.init(maxCached)
	k.feed.init(k.now())
	k.usage.init()
	k.alone = door{keys: k, counters: o.Counters}

	ctx, cancel := context.WithTimeout(context.Background(), openTime)
	defer cancel()
	if err := k.open(ctx); err != nil {
		return nil, fmt.Errorf("apikey: %w", err)
	}
	return k, nil
}

// openTime bounds New: migrations of a large store included.
const openTime = 5 * time.Minute

// Configure takes over a changed configuration.
func (k *Keys) Configure(c Config) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.config = c
}

func (k *Keys) defaultGrace() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.config.DefaultGrace
}

// A Reason says why a key is not admitted. It is for the operator: a caller who fails learns nothing of it.
type Reason string

// The reasons of an InvalidError. The states Replaced, Expired and Revoked are reasons too.
const (
	Malformed    Reason = "malformed"
	Unknown      Reason = "unknown"
	WrongSecret  Reason = "wrong secret"
	WrongNetwork Reason = "wrong network"
)

// An InvalidError says that a key was judged and is not admitted. Any other error of Verify means that nothing could be
// judged: refuse then too, but as your own failure.
type InvalidError struct {
	ID     string // public id that was claimed, "" if the key is malformed
	Reason Reason
	Cause  error // of a malformed key
}

func (e *InvalidError) Error() string {
	s := string(e.Reason)
	if e.ID != "" {
		s = e.ID + " " + s
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *InvalidError) Unwrap() error { return e.Cause }

// lookupTime bounds how long a request waits for the store.
const lookupTime = 2 * time.Second

// Verify returns who stands behind the key presented from addr, or an *InvalidError. The zero addr is unknown, and in no
// network.
//
// The secret of a key is looked up once and then remembered, for a bounded number of keys and only while the feed of
// changes is at most a second old; whether the key has ended, is revoked or may be used from addr is judged every time.
// A wrong secret costs the same work as an unknown id. The cost does not depend on the number of keys.
func (k *Keys) Verify(ctx context.Context, presented string, addr netip.Addr) (*identity.Caller, error) {
	id, err := ParseKey(presented)
	if err != nil {
		return nil, &InvalidError{Reason: Malformed, Cause: err}
	}
	sum := k.hash(presented)
	now := k.now()
	var e *entry
	if k.feed.fresh(now) {
		e = k.cache.get(id, &sum)
	}
	known := e != nil
	generation := k.cache.generation()
	if !known {
		if e, err = k.lookUp(ctx, id, &sum); err != nil {
			return nil, err
		}
	}
	if s := e.key.State(now); s != Live && s != Grace {
		return nil, &InvalidError{ID: id, Reason: Reason(s)}
	}
	if !e.key.admitsFrom(addr) {
		return nil, &InvalidError{ID: id, Reason: WrongNetwork}
	}
	if !known {
		k.cache.put(e, generation)
	}
	return e.caller, nil
}

// lookUp returns the key with id from the store if sum is its hash, else an *InvalidError.
func (k *Keys) lookUp(ctx context.Context, id string, sum *digest) (*entry, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	// An id that nobody has answers with a hash as well, and is compared, so that it costs what a wrong secret costs.
	stored, err := k.findHash(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("look up key %s: %w", id, err)
	}
	if subtle.ConstantTimeCompare(sum[:], stored) != 1 {
		reason := WrongSecret
		if subtle.ConstantTimeCompare(k.nobody[:], stored) == 1 {
			reason = Unknown
		}
		return nil, &InvalidError{ID: id, Reason: reason}
	}
	key, err := k.find(ctx, k.db, id)
	if err != nil {
		return nil, fmt.Errorf("look up key %s: %w", id, err)
	}
	return &entry{hash: *sum, key: key, caller: &identity.Caller{
		Subject: key.Client, Client: key.Client, Key: key.ID, Issuer: "yett",
		Scopes: key.Scopes, AllScopes: key.AllScopes, Expires: key.Ends(),
	}}, nil
}

// A digest is a keyed hash of a key.
type digest [sha256.Size]byte

// A hasher computes digests without allocating.
type hasher struct {
	mac hash.Hash
	in  [keyLen]byte
	sum digest
}

// hash returns HMAC-SHA256(pepper, key). Keys have 256 bits, so a slow hash would only help who floods us.
func (k *Keys) hash(key string) digest {
	h := k.hashes.Get().(*hasher)
	defer k.hashes.Put(h)
	n := copy(h.in[:], key)
	h.mac.Reset()
	_, _ = h.mac.Write(h.in[:n]) // a hash never fails
	h.mac.Sum(h.sum[:0])
	clear(h.in[:])
	return h.sum
}

// mark tells one pepper from another without giving either away. No key has its form.
func (k *Keys) mark() digest { return k.hash("pepper") }

// Run keeps the cache fresh and writes usage down until ctx ends. Without it every key is looked up in the store, and
// usage is written only by Close.
func (k *Keys) Run(ctx context.Context) error {
	var both sync.WaitGroup
	both.Go(func() { k.follow(ctx) })
	both.Go(func() { k.write(ctx) })
	both.Wait()
	return nil
}

var _ io.Closer = (*Keys)(nil)

// Close writes down the usage that is still in memory. Use the store for nothing after it.
func (k *Keys) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	if err := k.Flush(ctx); err != nil {
		return fmt.Errorf("apikey: write usage: %w", err)
	}
	return nil
}
