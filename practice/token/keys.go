// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"yett/internal/watch"
	"yett/jose"
)

const (
	// keysFor is how long keys go on serving that could not be read again.
	keysFor = 24 * time.Hour
	// soonest and latest bound when keys are read again, whatever the issuer says of caching.
	soonest, latest = 5 * time.Minute, 15 * time.Minute
	// readTime bounds one reading, of the metadata and of the keys.
	readTime = 5 * time.Second
	// skew is how far ahead of ours an issuer's clock may be when it publishes a key.
	skew = time.Minute
)

// A keyring holds the keys of one issuer and reads them again: when they are due, and when none of them fits a token, be it
// that its id is not known, or that the key of its id is another one by now. However many tokens do, one reading runs at a time, and at most one begins in a cool-down. Nobody holds a lock
// while waiting for one.
type keyring struct {
	// read asks the issuer, or the file. It says for how long the answer may be kept. An answer that holds no keys is an error
	// too, but with a set.
	read func(context.Context) (*jose.Set, time.Duration, error)
	now  func() time.Time
	told func(error) // hears of each reading, nil if it went well
	file string      // where the keys lie; "": the issuer is asked

	held   atomic.Pointer[ring] // nil: never read
	mu     sync.Mutex
	flight *flight
	began  time.Time // of the latest reading, one that failed included
	failed error     // by the latest reading
}

// A ring is the keys of one answer.
type ring struct {
	set   *jose.Set
	began time.Time // of the reading: a key made later is not in it
	due   time.Time
	seen  os.FileInfo // of the file, before the reading; nil where there is none
}

// A flight is one reading.
type flight struct {
	began time.Time
	done  chan struct{}
	err   error // when done
}

// limits are how long requests wait and issuers rest.
type limits struct{ cooldown, budget time.Duration }

// fresh returns the keys, nil where there are none or where they are too old to be believed.
func (k *keyring) fresh(now time.Time) *ring {
	r := k.held.Load()
	if r == nil || now.Sub(r.began) > keysFor {
		return nil
	}
	return r
}

// holds reports whether a key that verified a token is still one of the issuer's.
func (k *keyring) holds(thumbprint string, cooldown time.Duration) bool {
	now := k.now()
	r := k.fresh(now)
	if r == nil {
		return false
	}
	if now.After(r.due) {
		k.fetch(cooldown)
	}
	return r.set.Has(thumbprint)
}

// find returns the key that look finds among the issuer's keys. Where it finds none, its error says why, and is the answer once
// no newer set can hold the key. iat and arrived are when the token says it was made, and when it came.
func (k *keyring) find(ctx context.Context, iat, arrived time.Time, l limits, look func(*jose.Set) (*jose.Key, error)) (*jose.Key, error) {
	now := k.now()
	r := k.fresh(now)
	var why error
	if r != nil {
		if now.After(r.due) {
			k.fetch(l.cooldown) // and nobody waits for it
		}
		var key *jose.Key
		if key, why = look(r.set); why == nil {
			return key, nil
		}
		if k.unchanged(r) {
			return nil, why // what the file does not hold is nobody's
		}
	}
	f := k.fetch(l.cooldown)
	if f != nil {
		if err := f.wait(ctx, l.budget); err != nil {
			return nil, undecided(time.Second, err)
		}
		if f.err != nil {
			return nil, undecided(l.cooldown, fmt.Errorf("keys of the issuer: %w", f.err))
		}
	}
	next := k.fresh(k.now())
	if next == nil {
		return nil, undecided(k.rest(l.cooldown), errors.New("keys of the issuer could not be read"))
	}
	if next != r {
		var key *jose.Key
		if key, why = look(next.set); why == nil {
			return key, nil
		}
	}
	if f != nil && !f.began.Before(arrived) || k.unchanged(next) {
		return nil, why
	}
	if k.file != "" {
		// It was changed by hand, perhaps long after the token was made.
		return nil, undecided(k.rest(l.cooldown), fmt.Errorf("%w, and %s has changed since it was read", why, k.file))
	}
	if iat.IsZero() || iat.After(next.began.Add(-skew)) {
		// The token may be newer than the keys: a wrong 401 would have the client throw a good token away. A forger who says so
		// gets 503 in the place of 401, and learns nothing by it.
		return nil, undecided(k.rest(l.cooldown), fmt.Errorf("%w, and the keys may have changed since they were read", why))
	}
	return nil, why
}

// unchanged reports whether the keys lie in a file, and it is still as it was when r was read from it.
func (k *keyring) unchanged(r *ring) bool {
	if k.file == "" || r.seen == nil {
		return false
	}
	now := stat(k.file)
	return now != nil && os.SameFile(now, r.seen) && now.Size() == r.seen.Size() && now.ModTime().Equal(r.seen.ModTime())
}

// stat returns nil for a file that cannot be looked at: who reads it tells why.
func stat(name string) os.FileInfo {
	info, err := os.Stat(name)
	if err != nil {
		return nil
	}
	return info
}

// rest is how much of the cool-down is left.
func (k *keyring) rest(cooldown time.Duration) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	return max(time.Second, cooldown-k.now().Sub(k.began))
}

// fetch returns the reading that runs, or begins one; nil while the issuer rests. A file that could be read needs no rest: it is
// read once for each change. It does not end with the request that
// began it, because others wait for it too; readTime bounds it.
func (k *keyring) fetch(cooldown time.Duration) *flight {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.flight != nil {
		return k.flight
	}
	now := k.now()
	rests := k.file == "" || k.failed != nil
	if rests && !k.began.IsZero() && now.Sub(k.began) < cooldown && !now.Before(k.began) {
		return nil
	}
	f := &flight{began: now, done: make(chan struct{})}
	k.flight, k.began = f, now
	go k.fly(f)
	return f
}

func (k *keyring) fly(f *flight) {
	ctx, cancel := context.WithTimeout(context.Background(), readTime)
	defer cancel()
	var seen os.FileInfo
	if k.file != "" {
		seen = stat(k.file) // a change while it is read is then noticed
	}
	set, keep, err := k.read(ctx)
	if set != nil {
		// What the issuer has withdrawn is gone with the old ring, and with it every token that it verified.
		k.held.Store(&ring{set: set, began: f.began, due: k.now().Add(jittered(min(max(keep, soonest), latest))), seen: seen})
	}
	k.told(err)
	k.mu.Lock()
	k.flight, k.failed = nil, err
	k.mu.Unlock()
	if set == nil {
		f.err = err
	}
	close(f.done)
}

// wait waits for f, no longer than budget and ctx.
func (f *flight) wait(ctx context.Context, budget time.Duration) error {
	timer := time.NewTimer(budget)
	defer timer.Stop()
	select {
	case <-f.done:
		return nil
	case <-timer.C:
		return fmt.Errorf("the issuer did not answer within %v", budget)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run reads the keys at once and whenever they are due, and a file when it has changed, until ctx ends.
func (k *keyring) run(ctx context.Context, cooldown func() time.Duration) {
	k.mu.Lock()
	failed := k.failed
	k.mu.Unlock()
	if failed != nil {
		k.told(failed) // what held in the generation before holds still
	}
	changed := make(chan struct{}, 1)
	var watching sync.WaitGroup
	if k.file != "" {
		set := watch.Files(k.file)
		watching.Go(func() {
			set.Run(ctx, func() {
				select {
				case changed <- struct{}{}:
				default: // it will be read anyway
				}
			})
		})
		changed <- struct{}{} // it may have changed since it was read
	}
	defer watching.Wait()
	for {
		timer := time.NewTimer(k.next(cooldown()))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-changed:
			timer.Stop()
			k.flyNow(ctx)
		case <-timer.C:
			if f := k.fetch(cooldown()); f != nil {
				select {
				case <-f.done:
				case <-ctx.Done():
				}
			}
		}
	}
}

// flyNow reads the keys whatever the cool-down says: a file has changed.
func (k *keyring) flyNow(ctx context.Context) {
	for range 2 { // a reading that runs may have begun before the change
		f := k.fetch(0)
		select {
		case <-f.done:
		case <-ctx.Done():
			return
		}
	}
}

// next is how long run rests.
func (k *keyring) next(cooldown time.Duration) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	switch r := k.held.Load(); {
	case r != nil && k.failed == nil:
		return r.due.Sub(now)
	case k.began.IsZero():
		return 0
	}
	// After a failure the issuer rests somewhat longer than requests may make it.
	return k.began.Add(jittered(cooldown + time.Second)).Sub(now)
}

// jittered takes up to a tenth off d, so that many nodes do not ask at the same moment.
func jittered(d time.Duration) time.Duration {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(d/10)+1))
	if err != nil { // crypto/rand ends the program first
		return d
	}
	return d - time.Duration(n.Int64())
}
