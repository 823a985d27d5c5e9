// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"yett/practice/encrypt"
	"yett/store"
	"yett/store/sqlite"
)

// A value is sealed for its row, and opens in no other.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "yett")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary directory
	db, err := sqlite.Open(ctx, filepath.Join(dir, "notes.db"))
	if err != nil {
		log.Fatal(err)
	}
	key := make([]byte, 32) // kept apart from the store
	if _, err := rand.Read(key); err != nil {
		log.Fatal(err)
	}
	kek, err := encrypt.NewKEK(key)
	if err != nil {
		log.Fatal(err)
	}
	vault, err := encrypt.Open(ctx, encrypt.Options{Store: db, KEK: kek})
	if err != nil {
		log.Fatal(err)
	}
	notes, err := vault.Class(ctx, "notes", store.Kept{Table: "notes", Row: "id", Column: "text"})
	if err != nil {
		log.Fatal(err)
	}

	place := store.Place{Table: "notes", Row: "7", Column: "text"}
	sealed, err := notes.Seal(ctx, []byte("the safe is behind the picture"), place)
	if err != nil {
		log.Fatal(err)
	}
	plain, err := notes.Open(ctx, sealed, place)
	fmt.Println(string(plain), err)
	place.Row = "8"
	_, err = notes.Open(ctx, sealed, place)
	fmt.Println(err)
	if err := db.Close(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// the safe is behind the picture <nil>
	// encrypt: a value of notes does not open at notes.text (it was changed, moved, or its key is gone)
}
