// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yett/store"
	"yett/store/sqlite"
)

func openDB(t *testing.T) *store.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "yett.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestAWriteInsideATransactionFailsInsteadOfHanging(t *testing.T) {
	db := openDB(t)
	db.SetBusy(50 * time.Millisecond)
	err := db.InTx(t.Context(), func(*sql.Tx) error {
		_, err := db.ExecContext(t.Context(), "CREATE TABLE items (id TEXT)")
		return err
	})
	if !errors.Is(err, store.ErrBusy) {
		t.Errorf("InTx = %v, want ErrBusy", err)
	}
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE items (id TEXT)"); err != nil {
		t.Errorf("the next write: %v", err)
	}
}

func TestTransactionsThatConflictStartOver(t *testing.T) {
	conflict := errors.New("conflict")
	pool, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "yett.db"))
	if err != nil {
		t.Fatal(err)
	}
	db := store.New(store.Backend{
		Dialect: store.SQLite, Read: pool, Write: pool, Isolation: sql.LevelSerializable,
		Retry: func(err error) bool { return errors.Is(err, conflict) },
	})
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, tt := range []struct {
		name             string
		conflicts, tries int
		want             error
	}{
		{"none", 0, 1, nil},
		{"two and then success", 2, 3, nil},
		{"for ever", 1000, 10, conflict},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tries := 0
			err := db.InTx(t.Context(), func(*sql.Tx) error {
				if tries++; tries <= tt.conflicts {
					return conflict
				}
				return nil
			})
			if err != tt.want || tries != tt.tries {
				t.Errorf("InTx = %v after %d tries, want %v after %d", err, tries, tt.want, tt.tries)
			}
		})
	}
}

func TestANewerStoreSaysWhatToDo(t *testing.T) {
	got := (&store.NewerError{Practice: "apikey", Store: 7, Known: 5}).Error()
	for _, want := range []string{"newer than this yett", "apikey has schema 7", "knows 5", "start the newer yett"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q does not say %q", got, want)
		}
	}
}
