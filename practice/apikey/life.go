// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"
)

var (
	// ErrNotFirst says that the store has had a key before.
	ErrNotFirst = errors.New("there has been a key before")
	// ErrNotLive says that a key has ended or was revoked: make a new one.
	ErrNotLive = errors.New("the key does not work any more")
	// ErrReplaced says that a key was rotated before: rotate the one that replaced it.
	ErrReplaced = errors.New("the key is replaced already")
	// ErrRotating says that a key came from a rotation whose grace is not over: a third key would work.
	ErrRotating = errors.New("the key that this one replaces still works")
)

// A NotFoundError says that no key has an id. Near is the key whose id is one slip away, nil if there is none.
type NotFoundError struct {
	ID   string
	Near *Key
}

func (e *NotFoundError) Error() string {
	s := fmt.Sprintf("there is no key %.40q", e.ID)
	if e.Near != nil {
		s += fmt.Sprintf(" (did you mean %s of %s?)", e.Near.ID, e.Near.Client)
	}
	return s
}

// MaxGrace is the longest time for which a replaced key may go on working.
const MaxGrace = 90 * 24 * time.Hour

// Create makes a key and returns it with its text, which exists nowhere else. Once it returns, the key survives the
// process and the machine. A request that makes no sense is a *FieldError.
func (k *Keys) Create(ctx context.Context, n NewKey) (Key, string, error) {
	now := k.clock()
	n, err := n.normal(now)
	if err != nil {
		return Key{}, "", err
	}
	var made Key
	var text string
	err = k.db.InTx(ctx, func(tx *sql.Tx) (err error) {
		made, text, err = k.insertOne(ctx, tx, n.key(now))
		return err
	})
	if err != nil {
		return Key{}, "", err
	}
	k.log.Info("key created", "key", made.ID, "client", made.Client)
	return made, text, nil
}

func (n NewKey) key(now time.Time) Key {
	return Key{Client: n.Client, Owner: n.Owner, Plan: n.Plan, Scopes: n.Scopes, AllScopes: n.AllScopes,
		Networks: n.Networks, Created: now, Expires: n.Expires.UTC().Truncate(time.Millisecond)}
}

// clock is now as a column can hold it.
func (k *Keys) clock() time.Time { return k.now().UTC().Truncate(time.Millisecond) }

// First is what CreateFirst makes: a key for trying out.
const (
	FirstClient = "first-key"
	FirstLife   = 24 * time.Hour
)

// CreateFirst makes a key that holds every scope and ends in 24 hours, if the store never had a key; else its error is
// ErrNotFirst. Of several callers one succeeds.
func (k *Keys) CreateFirst(ctx context.Context) (Key, string, error) {
	now := k.clock()
	var made Key
	var text string
	err := k.db.InTx(ctx, func(tx *sql.Tx) error {
		var id string
		err := tx.QueryRowContext(ctx, "SELECT id FROM apikey_keys LIMIT 1").Scan(&id)
		if err == nil {
			return ErrNotFirst
		}
		if !errors.Is(err, errNoRow) {
			return err
		}
		made, text, err = k.insertOne(ctx, tx, Key{Client: FirstClient, AllScopes: true, Created: now, Expires: now.Add(FirstLife)})
		return err
	})
	if err != nil {
		return Key{}, "", err
	}
	k.log.Info("first key created", "key", made.ID)
	return made, text, nil
}

// Rotate makes a key that replaces the one with id: same client, owner, plan, scopes and networks, and as long a life.
// The old key goes on working for grace (0 to MaxGrace) and not longer; never more than two keys of one line work.
// Errors: *NotFoundError, *FieldError, ErrNotLive, ErrReplaced, ErrRotating.
func (k *Keys) Rotate(ctx context.Context, id string, grace time.Duration) (Key, string, error) {
	if grace < 0 || grace > MaxGrace {
		return Key{}, "", &FieldError{"grace_s", fmt.Sprintf("0 to %d days", MaxGrace/(24*time.Hour))}
	}
	now := k.clock()
	var made Key
	var text string
	err := k.db.InTx(ctx, func(tx *sql.Tx) error {
		old, err := k.rotatable(ctx, tx, id, now)
		if err != nil {
			return err
		}
		next := old
		next.Created, next.Replaces, next.LastUsed = now, old.ID, time.Time{}
		if !old.Expires.IsZero() {
			next.Expires = now.Add(old.Expires.Sub(old.Created))
		}
		if made, text, err = k.insertOne(ctx, tx, next); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE apikey_keys SET replaced_by = $1, grace_ends = $2 WHERE id = $3",
			made.ID, millis(now.Add(grace)), old.ID); err != nil {
			return err
		}
		return change(ctx, tx, old.ID)
	})
	if err != nil {
		return Key{}, "", k.notFound(ctx, id, err)
	}
	k.cache.forget(id)
	k.log.Info("key rotated", "key", id, "replaced_by", made.ID, "client", made.Client, "grace", grace)
	return made, text, nil
}

func (k *Keys) rotatable(ctx context.Context, tx *sql.Tx, id string, now time.Time) (Key, error) {
	old, err := k.find(ctx, tx, id)
	if err != nil {
		return Key{}, err
	}
	if old.ReplacedBy != "" {
		return Key{}, fmt.Errorf("%w (by %s)", ErrReplaced, old.ReplacedBy)
	}
	if s := old.State(now); s != Live {
		return Key{}, fmt.Errorf("%w (%s)", ErrNotLive, s)
	}
	if old.Replaces == "" {
		return old, nil
	}
	before, err := k.find(ctx, tx, old.Replaces)
	if err != nil {
		return Key{}, err
	}
	if before.State(now) == Grace {
		return Key{}, fmt.Errorf("%w (%s until %s)", ErrRotating, before.ID, before.Ends().Format(time.RFC3339))
	}
	return old, nil
}

// Revoke ends the key with id for good, here at once and on every node within a second. Revoking twice changes nothing.
// Its error may be a *NotFoundError.
func (k *Keys) Revoke(ctx context.Context, id string) (Key, error) {
	now := k.clock()
	var key Key
	err := k.db.InTx(ctx, func(tx *sql.Tx) (err error) {
		if key, err = k.find(ctx, tx, id); err != nil || !key.Revoked.IsZero() {
			return err
		}
		key.Revoked = now
		if _, err := tx.ExecContext(ctx, "UPDATE apikey_keys SET revoked = $1 WHERE id = $2", millis(now), id); err != nil {
			return err
		}
		return change(ctx, tx, id)
	})
	if err != nil {
		return Key{}, k.notFound(ctx, id, err)
	}
	k.cache.forget(id)
	k.log.Info("key revoked", "key", id, "client", key.Client)
	return key, nil
}

// notFound turns errNoRow into a *NotFoundError that knows the nearest id.
func (k *Keys) notFound(ctx context.Context, id string, err error) error {
	if !errors.Is(err, errNoRow) {
		return err
	}
	e := &NotFoundError{ID: id}
	near, ok, err := k.near(ctx, id)
	if err != nil {
		return err
	}
	if ok {
		e.Near = &near
	}
	return e
}

// importBatch is how many keys one transaction of Import makes.
const importBatch = 5000

// Import makes many keys, for who moves here from elsewhere: the old keys cannot be taken over, since nobody but their
// holders has them. Keys are made in batches, each in one transaction; made is told of each key after its batch is
// durable, and never of one that is not. Import ends at the first error, be it of the sequence, of a NewKey (a
// *FieldError) or of made, and returns how many keys exist and made was told of. A batch with a bad member makes no key.
func (k *Keys) Import(ctx context.Context, keys iter.Seq2[NewKey, error], made func(Key, string) error) (int, error) {
	type pair struct {
		key  Key
		text string
	}
	now := k.clock()
	total := 0
	batch := make([]Key, 0, importBatch)
	flush := func() error {
		var done []pair
		err := k.db.InTx(ctx, func(tx *sql.Tx) error {
			done = done[:0]
			return k.insert(ctx, tx, batch, func(key Key, text string) { done = append(done, pair{key, text}) })
		})
		if err != nil {
			return err
		}
		batch = batch[:0]
		for _, p := range done {
			if err := made(p.key, p.text); err != nil {
				return err
			}
			total++
		}
		return nil
	}
	for n, err := range keys {
		if err == nil {
			n, err = n.normal(now)
		}
		if err != nil {
			return total, err
		}
		if batch = append(batch, n.key(now)); len(batch) == importBatch {
			if err := flush(); err != nil {
				return total, err
			}
		}
	}
	if len(batch) > 0 {
		if err := flush(); err != nil {
			return total, err
		}
	}
	k.log.Info("keys imported", "keys", total)
	return total, nil
}
