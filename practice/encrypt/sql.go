// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
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

func unwrap(ctx context.Context, by KEK, r row) (*keys, error) {
	h, err := keyset.ReadWithContext(ctx, keyset.NewBinaryReader(bytes.NewReader(r.wrapped)), by, bound(r.class))
	if err != nil {
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

// edit changes the keys of a class as the store has them, in one transaction. change returns the new keyset and when its
// primary key was made, or nil to leave it. v.mu is held.
func (v *Vault) edit(ctx context.Context, c *class, change func(*keys) (*keyset.Handle, time.Time, error)) error {
	var next *keys
	err := v.db.InTx(ctx, func(tx *sql.Tx) error {
		next = nil
		r, err := readRow(ctx, tx, c.name)
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
		wrapped, err := wrap(ctx, v.by(), c.name, h)
		if err != nil {
			return err
		}
		if next, err = newKeys(h, created); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE encrypt_keysets SET wrapped = $1, kek = $2, created = $3 WHERE class = $4",
			wrapped, v.by().ID(), created.UnixMilli(), c.name)
		return err
	})
	if err == nil && next != nil {
		c.keys.Store(next) // only what is durable seals
	}
	return err
}

// rewrap wraps every keyset by another key-encryption key, all or none.
func (v *Vault) rewrap(ctx context.Context, by KEK) error {
	return v.db.InTx(ctx, func(tx *sql.Tx) error {
		rows, err := readRows(ctx, tx)
		if err != nil {
			return err
		}
		for _, r := range rows {
			c := v.classes[r.class]
			if c == nil {
				return fmt.Errorf("encrypt: the keys of %s came while they were wrapped anew (try again)", r.class)
			}
			wrapped, err := wrap(ctx, by, r.class, c.keys.Load().handle)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "UPDATE encrypt_keysets SET wrapped = $1, kek = $2 WHERE class = $3", wrapped, by.ID(), r.class); err != nil {
				return err
			}
		}
		return nil
	})
}
