// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

// A row is a keyset as it is kept.
type row struct {
	class   string
	wrapped []byte
	kek     string
	created int64
}

const selectRows = "SELECT class, wrapped, kek, created FROM encrypt_keysets"

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (v *Vault) rows(ctx context.Context) ([]row, error) { return readRows(ctx, v.db) }

func readRows(ctx context.Context, q querier) (all []row, err error) {
	rows, err := q.QueryContext(ctx, selectRows+" ORDER BY class")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.class, &r.wrapped, &r.kek, &r.created); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// readRow reads the keyset of a class; its error is sql.ErrNoRows if there is none.
func readRow(ctx context.Context, q querier, class string) (r row, err error) {
	err = q.QueryRowContext(ctx, selectRows+" WHERE class = $1", class).Scan(&r.class, &r.wrapped, &r.kek, &r.created)
	return r, err
}

// bound is what a wrapped keyset is bound to: it opens as no other class's.
func bound(class string) []byte { return []byte("yett keyset " + class) }

// asked remembers why a key-encryption key did not open: tink keeps the text of its error, and no more.
type asked struct {
	KEK
	err error
}

func (a *asked) DecryptWithContext(ctx context.Context, sealed, bound []byte) (plain []byte, err error) {
	plain, a.err = a.KEK.DecryptWithContext(ctx, sealed, bound)
	return plain, a.err
}

func unwrap(ctx context.Context, by KEK, r row) (*keys, error) {
	key := &asked{KEK: by}
	h, err := keyset.ReadWithContext(ctx, keyset.NewBinaryReader(bytes.NewReader(r.wrapped)), key, bound(r.class))
	if err != nil {
		err = cmp.Or(key.err, err)
		return nil, fmt.Errorf("the keys of %s do not open with the key-encryption key %s (%w; nothing was changed)", r.class, by.ID(), err)
	}
	return newKeys(h, time.UnixMilli(r.created))
}

func wrap(ctx context.Context, by KEK, class string, h *keyset.Handle) ([]byte, error) {
	var out bytes.Buffer
	err := h.WriteWithContext(ctx, keyset.NewBinaryWriter(&out), by, bound(class))
	return out.Bytes(), err
}

// create makes the keys of a class, or takes those that another process has made meanwhile.
func (v *Vault) create(ctx context.Context, class string, mode Mode) (*keys, error) {
	h, err := keyset.NewHandle(mode.template())
	if err != nil {
		return nil, err
	}
	wrapped, err := wrap(ctx, v.by(), class, h)
	if err != nil {
		return nil, err
	}
	if _, err := v.db.ExecContext(ctx, "INSERT INTO encrypt_keysets (class, wrapped, kek, created) VALUES ($1, $2, $3, $4) ON CONFLICT (class) DO NOTHING",
		class, wrapped, v.by().ID(), v.now().UnixMilli()); err != nil {
		return nil, err
	}
	return v.load(ctx, class)
}

// load reads the keys of a class as the store has them now; nil if it has none.
func (v *Vault) load(ctx context.Context, class string) (*keys, error) {
	r, err := readRow(ctx, v.db, class)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return unwrap(ctx, v.by(), r)
}

// maxTries bounds how often a change begins anew because another process changed the same keys meanwhile.
const maxTries = 10

// errContended is why a change of keys is given up.
var errContended = errors.New("encrypt: other processes change the keys all the time (try again)")

// edit changes the keys of a class as the store has them. change returns the new keyset and when its primary key was made, or
// nil to leave it; it may be called again. A server that keeps the key-encryption key is asked outside of any transaction, so
// nobody waits for it to write. v.changing is held.
func (v *Vault) edit(ctx context.Context, c *class, change func(*keys) (*keyset.Handle, time.Time, error)) error {
	for range maxTries {
		r, err := readRow(ctx, v.db, c.name)
		if err != nil {
			return err
		}
		old, err := unwrap(ctx, v.by(), r)
		if err != nil {
			return err
		}
		h, created, err := change(old)
		if h == nil || err != nil {
			return err
		}
		next, err := newKeys(h, created)
		if err != nil {
			return err
		}
		n := row{class: c.name, kek: v.by().ID(), created: created.UnixMilli()}
		if n.wrapped, err = wrap(ctx, v.by(), c.name, h); err != nil {
			return err
		}
		swapped, err := v.swap(ctx, []row{r}, []row{n})
		if err != nil {
			return err
		}
		if swapped {
			c.keys.Store(next) // only what is durable seals
			return nil
		}
	}
	return errContended
}

// rewrap wraps every keyset of the store by another key-encryption key, all or none: as the store has it, which may hold keys
// that other processes made. from are the key-encryption keys that may have wrapped them.
func (v *Vault) rewrap(ctx context.Context, by KEK, from ...KEK) error {
	for range maxTries {
		rows, err := v.rows(ctx)
		if err != nil {
			return err
		}
		next := slices.Clone(rows)
		for i, r := range rows {
			k, err := unwrapAny(ctx, from, r)
			if err != nil {
				return err
			}
			next[i].kek = by.ID()
			if next[i].wrapped, err = wrap(ctx, by, r.class, k.handle); err != nil {
				return err
			}
		}
		if swapped, err := v.swapAll(ctx, rows, next); swapped || err != nil {
			return err
		}
	}
	return errContended
}

// unwrapAny opens a keyset by that of some key-encryption keys which wrapped it. A server may have another address than it had
// then: whether the keyset is its own, it says itself.
func unwrapAny(ctx context.Context, by []KEK, r row) (*keys, error) {
	for _, k := range by {
		if k.ID() == r.kek {
			return unwrap(ctx, k, r)
		}
	}
	wrong := &WrongKEKError{Class: r.class, Want: r.kek, Got: ids(by), server: strings.Contains(r.kek, atServer)}
	for _, k := range by {
		if _, ok := k.(*remote); !ok || !wrong.server {
			continue
		}
		opened, err := unwrap(ctx, k, r)
		if err == nil {
			return opened, nil
		}
		if _, ok := errors.AsType[*refusedError](err); !ok {
			return nil, err
		}
		wrong.Err = err
	}
	return nil, wrong
}

func ids(all []KEK) string {
	var names []string
	for _, k := range all {
		names = append(names, k.ID())
	}
	return strings.Join(names, " and ")
}

// swap puts rows in the place of old ones, in one transaction. It reports false, and changes nothing, where the store does not
// hold one of the old ones any more.
func (v *Vault) swap(ctx context.Context, old, next []row) (swapped bool, err error) {
	err = v.db.InTx(ctx, func(tx *sql.Tx) error {
		swapped, err = swapIn(ctx, tx, old, next)
		return err
	})
	return swapped && err == nil, err
}

// swapAll is swap where old must be all that the store holds.
func (v *Vault) swapAll(ctx context.Context, old, next []row) (swapped bool, err error) {
	err = v.db.InTx(ctx, func(tx *sql.Tx) error {
		swapped = false
		now, err := readRows(ctx, tx)
		if err != nil || len(now) != len(old) {
			return err
		}
		swapped, err = swapIn(ctx, tx, old, next)
		return err
	})
	return swapped && err == nil, err
}

func swapIn(ctx context.Context, tx *sql.Tx, old, next []row) (bool, error) {
	for i := range old {
		now, err := readRow(ctx, tx, old[i].class)
		if err != nil || !bytes.Equal(now.wrapped, old[i].wrapped) {
			return false, err
		}
	}
	for _, n := range next {
		if _, err := tx.ExecContext(ctx, "UPDATE encrypt_keysets SET wrapped = $1, kek = $2, created = $3 WHERE class = $4", n.wrapped, n.kek, n.created, n.class); err != nil {
			return false, err
		}
	}
	return true, nil
}
