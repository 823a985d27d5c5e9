// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"yett/store"
)

const (
	batch = 200
	// settleAfter is how long after a rotation the old keys stay: whoever took one before writes with it until then. A write
	// waits at most 15 seconds for its turn.
	settleAfter = 2 * time.Minute
	settleEvery = 30 * time.Second
)

// Rotate gives a class a new key and seals all its values anew, while they are read and written. It may be broken off at any
// moment: values under the old key and under the new one both open, and Run, or the next Rotate, goes on. It returns how
// many values it sealed. The old keys are removed by Run, minutes later, when no value needs them; those of a class whose
// values cannot be written again stay. The key of a deterministic class is not replaced, it is wrapped anew.
func (v *Vault) Rotate(ctx context.Context, name string) (int, error) {
	c := v.named(name)
	if c == nil {
		return 0, fmt.Errorf("there is no class %.40q", name)
	}
	if err := v.renew(ctx, c); err != nil {
		return 0, err
	}
	if c.keys.Load().mode() == Deterministic {
		v.log.Info("key wrapped anew; equal values stay equal", "class", name)
		return 0, nil
	}
	v.log.Info("keys rotated", "class", name)
	return v.sweep(ctx, c)
}

// renew gives a class a new primary key.
func (v *Vault) renew(ctx context.Context, c *class) error {
	v.changing.Lock()
	defer v.changing.Unlock()
	return v.edit(ctx, c, func(old *keys) (*keyset.Handle, time.Time, error) {
		if old.mode() == Deterministic {
			return old.handle, old.created, nil
		}
		m := keyset.NewManagerFromHandle(old.handle)
		id, err := m.Add(Randomized.template())
		if err == nil {
			err = m.SetPrimary(id)
		}
		if err != nil {
			return nil, time.Time{}, err
		}
		h, err := m.Handle()
		return h, v.now(), err
	})
}

// stays reports whether a rotation leaves the key of a class in place.
func (v *Vault) stays(name string) bool {
	c := v.named(name)
	return c != nil && c.keys.Load().mode() == Deterministic
}

// Names lists the classes.
func (v *Vault) Names() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Sorted(maps.Keys(v.classes))
}

// sweep seals every value anew that is not under the primary key. It may take minutes: nobody waits for it but another one of
// the same class.
func (v *Vault) sweep(ctx context.Context, c *class) (n int, err error) {
	c.sweeping.Lock()
	defer c.sweeping.Unlock()
	for _, k := range c.places() {
		var done int
		if k.File != "" {
			done, err = v.resealFile(ctx, c, k)
		} else {
			done, err = v.resealColumn(ctx, c, k)
		}
		if n += done; err != nil {
			return n, fmt.Errorf("encrypt: seal %s anew: %w", c.name, err)
		}
	}
	return n, nil
}

func (v *Vault) resealFile(ctx context.Context, c *class, k store.Kept) (n int, err error) {
	_, err = v.files.Reseal(k.File, func(sealed []byte) ([]byte, error) {
		if bytes.HasPrefix(sealed, c.keys.Load().primary[:]) {
			return nil, nil
		}
		n = 1
		return c.reseal(ctx, sealed, k.Place(""))
	})
	return n, err
}

func (c *class) reseal(ctx context.Context, sealed []byte, place store.Place) ([]byte, error) {
	plain, err := c.Open(ctx, sealed, place)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	return c.Seal(ctx, plain, place)
}

// A value is one that is to be sealed anew.
type value struct {
	row    string
	sealed []byte
	anew   []byte // nil: it does not open
}

// resealColumn goes through a column in the order of its rows. A value that does not open stays as it is and is told: it
// keeps the old keys.
func (v *Vault) resealColumn(ctx context.Context, c *class, k store.Kept) (n int, err error) {
	var broken error
	for after := ""; ; {
		values, err := v.older(ctx, c, k, after)
		if err != nil || len(values) == 0 {
			return n, errors.Join(broken, err)
		}
		after = values[len(values)-1].row
		// Before the transaction: a key that another process made may have to be asked for.
		for i, old := range values {
			if values[i].anew, err = c.reseal(ctx, old.sealed, k.Place(old.row)); err != nil {
				broken = err
			}
		}
		if err := v.db.InTx(ctx, func(tx *sql.Tx) error { return replaceValues(ctx, tx, k, values) }); err != nil {
			return n, err
		}
		n += len(values)
	}
}

func replaceValues(ctx context.Context, tx *sql.Tx, k store.Kept, values []value) error {
	for _, v := range values {
		if v.anew == nil {
			continue
		}
		// A value that was changed meanwhile is under the new key already.
		if _, err := tx.ExecContext(ctx, "UPDATE "+k.Table+" SET "+k.Column+" = $1 WHERE "+k.Row+" = $2 AND "+k.Column+" = $3", // #nosec G202 -- names of our own tables
			v.anew, v.row, v.sealed); err != nil {
			return err
		}
	}
	return nil
}

// older reads values that are not under the primary key.
func (v *Vault) older(ctx context.Context, c *class, k store.Kept, after string) (all []value, err error) {
	primary := c.keys.Load().primary
	rows, err := v.db.QueryContext(ctx, "SELECT "+k.Row+", "+k.Column+" FROM "+k.Table+ // #nosec G202 -- names of our own tables
		" WHERE "+k.Row+" > $1 AND length("+k.Column+") > 0 AND substr("+k.Column+", 1, 5) <> $2 ORDER BY "+k.Row+" LIMIT $3", after, primary[:], batch)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var o value
		if err := rows.Scan(&o.row, &o.sealed); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, rows.Err()
}

// countOlder counts the values that are not under the primary key of current.
func (v *Vault) countOlder(ctx context.Context, current *keys, kept []store.Kept) (n int, err error) {
	primary := current.primary
	for _, k := range kept {
		if k.File != "" {
			_, err = v.files.Reseal(k.File, func(sealed []byte) ([]byte, error) {
				if !bytes.HasPrefix(sealed, primary[:]) {
					n++
				}
				return nil, nil
			})
		} else {
			var m int
			err = v.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+k.Table+" WHERE length("+k.Column+") > 0 AND substr("+k.Column+", 1, 5) <> $1", primary[:]).Scan(&m) // #nosec G202 -- names of our own tables
			n += m
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// settle brings rotations to their end: what a broken-off one left is sealed anew, and keys that no value needs are removed.
func (v *Vault) settle(ctx context.Context) error {
	var all []error
	for _, name := range v.Names() {
		all = append(all, v.settleClass(ctx, name))
	}
	if v.residue.Load() {
		if err := v.scrub(ctx); err != nil {
			all = append(all, fmt.Errorf("keys and values that were replaced may still lie on the disk: %w", err))
		}
	}
	return errors.Join(all...)
}

func (v *Vault) settleClass(ctx context.Context, name string) error {
	c := v.named(name)
	k, kept := c.keys.Load(), c.places()
	if k.handle.Len() == 1 || len(kept) == 0 {
		return nil
	}
	if _, err := v.sweep(ctx, c); err != nil {
		return err
	}
	if v.now().Sub(k.created) < settleAfter {
		return nil
	}
	if left, err := v.countOlder(ctx, k, kept); left > 0 || err != nil {
		return err
	}
	v.changing.Lock()
	defer v.changing.Unlock()
	if len(c.places()) != len(kept) {
		return nil // one more was named, which was not looked at
	}
	v.residue.Store(true)
	return v.edit(ctx, c, func(old *keys) (*keyset.Handle, time.Time, error) {
		info := old.handle.KeysetInfo()
		if info.GetPrimaryKeyId() != k.handle.KeysetInfo().GetPrimaryKeyId() {
			return nil, time.Time{}, nil // another process rotates: its turn
		}
		m := keyset.NewManagerFromHandle(old.handle)
		for _, i := range info.GetKeyInfo() {
			if i.GetKeyId() != info.GetPrimaryKeyId() {
				if err := m.Delete(i.GetKeyId()); err != nil {
					return nil, time.Time{}, err
				}
			}
		}
		h, err := m.Handle()
		return h, old.created, err
	})
}

// Run brings rotations to their end until ctx ends.
func (v *Vault) Run(ctx context.Context) error {
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	for {
		if err := v.settle(ctx); err != nil && ctx.Err() == nil {
			v.log.Error("a rotation of keys cannot be brought to its end", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
