// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package store is the contract for what yett remembers: durable records (DB), short-lived counters
// (Counters), sealed columns (Sealer), and the data directory that holds the embedded ones (Dir).
//
// It stops four ways of losing state quietly: a second gateway on the same directory (Dir), an old binary on
// a newer schema (DB.Migrate), secrets that others on the machine can read (Dir.ReadOrCreateSecret), and
// limits that read before they write (Counters decides in one atomic step). It does not encrypt: what is
// sensitive passes through a Sealer before it becomes a column. It holds no driver: package sqlite opens the
// embedded DB, package memory the embedded Counters, and package storetest is the suite that each
// implementation passes.
//
// Used alone:
//
//	dir, err := store.OpenDir("yett-data") // one process at a time, mode 0700
//	db, err := sqlite.Open(ctx, dir.Path("yett.db"))
//	err = db.Migrate(ctx, "apikey", migrations)
//	err = db.InTx(ctx, func(tx *sql.Tx) error { … })
package store

import "context"

// A Sealer encrypts one column of one row at a time (OWASP API8:2023, ASVS V11). What was sealed for one
// Place does not open at another, so a row copied over another one, or a column swapped with its neighbour,
// is noticed instead of believed. It is safe for concurrent use.
type Sealer interface {
	// Seal encrypts plain for place. The same plain text sealed twice gives different bytes.
	Seal(ctx context.Context, plain []byte, place Place) ([]byte, error)
	// Open returns what was sealed for place, or an error if sealed was changed, cut, sealed with a key
	// that is gone, or sealed for another place.
	Open(ctx context.Context, sealed []byte, place Place) ([]byte, error)
}

// A Place says where a sealed value lives. Implementations bind all three names so that no two places read
// the same: {"a", "bc", "d"} is not {"ab", "c", "d"}.
type Place struct{ Table, Row, Column string }
