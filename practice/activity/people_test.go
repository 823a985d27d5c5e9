// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"yett/store/sqlite"
)

// The key-encryption key lies beside the store, so a sealed key that is left anywhere in its files is a key.
func TestTheKeyOfAShreddedPersonIsInNoFileOfTheStore(t *testing.T) {
	dir := t.TempDir()
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "yett.db"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := OpenPeople(t.Context(), db, newGCM(t), make([]byte, 32), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	// So many that pages of the table were split, and in several transactions.
	const people = 400
	for i := range people {
		if err := p.meet(t.Context(), map[string]bool{fmt.Sprint("person ", i): true}); err != nil {
			t.Fatal(err)
		}
	}
	shred := map[string][]byte{} // by subject
	for i := 3; i < people; i += 40 {
		s := fmt.Sprint("person ", i)
		var key []byte
		if err := db.QueryRowContext(t.Context(), "SELECT secret FROM activity_people WHERE mac = $1", p.mac("subject", s)).Scan(&key); err != nil {
			t.Fatal(err)
		}
		shred[s] = key
	}
	for s := range shred {
		if who, err := p.Shred(t.Context(), s); err != nil || who == "" {
			t.Fatalf("shred %s: %q, %v", s, who, err)
		}
	}
	look := func(when string) {
		t.Helper()
		files, err := os.ReadDir(dir)
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			for s, key := range shred {
				if bytes.Contains(b, key) {
					t.Errorf("%s: the sealed key of %s is still in %s", when, s, f.Name())
				}
			}
		}
	}
	look("while the store is open")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	look("after it was closed")
}
