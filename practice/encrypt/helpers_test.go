// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"yett/practice"
	"yett/store"
	"yett/store/sqlite"
)

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// A rig is a store with a table of secrets, and a data directory.
type rig struct {
	t    testing.TB
	db   *store.DB
	dir  *store.Dir
	now  *clock
	kept store.Kept
}

func newRig(t testing.TB) *rig {
	t.Helper()
	return openRig(t, filepath.Join(t.TempDir(), "data"))
}

func openRig(t testing.TB, path string) *rig {
	t.Helper()
	dir, err := store.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(context.Background(), dir.Path("yett.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(db.Close(), dir.Close()); err != nil {
			t.Error(err)
		}
	})
	r := &rig{t: t, db: db, dir: dir, now: &clock{at: time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)}, kept: store.Kept{Table: "notes", Row: "id", Column: "text"}}
	_, err = db.ExecContext(context.Background(), "CREATE TABLE IF NOT EXISTS notes (id TEXT PRIMARY KEY, text BYTEA NOT NULL)")
	r.ok(err)
	return r
}

func (r *rig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func key(t testing.TB, b byte) KEK {
	t.Helper()
	k, err := NewKEK(bytes.Repeat([]byte{b}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (r *rig) open(k KEK) *Vault {
	r.t.Helper()
	v, err := Open(r.t.Context(), Options{Store: r.db, Files: r.dir, KEK: k, Now: r.now.Now})
	r.ok(err)
	return v
}

func (r *rig) class(v *Vault, name string, kept ...store.Kept) store.Sealer {
	r.t.Helper()
	s, err := v.Class(r.t.Context(), name, kept...)
	r.ok(err)
	return s
}

// put seals a note.
func (r *rig) put(s store.Sealer, id, text string) {
	r.t.Helper()
	sealed, err := s.Seal(r.t.Context(), []byte(text), r.kept.Place(id))
	r.ok(err)
	_, err = r.db.ExecContext(r.t.Context(), "INSERT INTO notes (id, text) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET text = excluded.text", id, sealed)
	r.ok(err)
}

// sealed is a note as it lies in the store.
func (r *rig) sealed(id string) []byte {
	r.t.Helper()
	var b []byte
	r.ok(r.db.QueryRowContext(r.t.Context(), "SELECT text FROM notes WHERE id = $1", id).Scan(&b))
	return b
}

func (r *rig) get(s store.Sealer, id string) string {
	r.t.Helper()
	plain, err := s.Open(r.t.Context(), r.sealed(id), r.kept.Place(id))
	r.ok(err)
	return string(plain)
}

func (r *rig) keysets() map[string]string {
	r.t.Helper()
	rows, err := readRows(r.t.Context(), r.db)
	r.ok(err)
	all := make(map[string]string)
	for _, row := range rows {
		all[row.class] = row.kek + " " + string(row.wrapped)
	}
	return all
}

// reopen opens the vault of a directory as the gateway does, and panics where it cannot.
func reopen(dir *store.Dir) (*Vault, *store.DB) {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, dir.Path("yett.db"))
	if err != nil {
		panic(err)
	}
	k, err := open(Config{}, &practice.Env{Store: db, Data: dir, Now: time.Now})
	if err != nil {
		panic(err)
	}
	return k.vault, db
}
