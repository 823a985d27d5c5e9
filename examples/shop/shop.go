// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package shop is a careless web shop: a small HTTP API whose flaws are real, to be put behind a gateway.
//
// It stops nothing, on purpose. Stack traces, injectable SQL, mass assignment, over-exposed fields, forgotten
// endpoints and more really work here; README.md lists them, and the tests prove each one. What it does not do is
// harm the machine it runs on: its database is its own and can reach no other file, and it dials nobody. All its
// customers, cards and passwords are invented.
//
// Use it as the upstream of a demonstration or a test:
//
//	s, err := shop.New(shop.Options{})
//	…
//	defer s.Close()
//	http.ListenAndServe("127.0.0.1:9000", s.Handler())
//
// Never let it listen where strangers can reach it, and never copy its Go code. What is worth copying is its
// description, shop.openapi.yaml: it says honestly what the shop is for, with a bound on every value.
package shop

import (
	"cmp"
	_ "embed"
	"log/slog"
	"net/http"
	"slices"
)

//go:embed shop.openapi.yaml
var description []byte

// Description returns the shop's OpenAPI 3.1 description, as YAML. The caller owns the copy.
func Description() []byte { return slices.Clone(description) }

// Options are what a program may supply. The zero Options work.
type Options struct {
	// File keeps the database in a new file at this path, for those who want to see what a copy of it tells.
	// A file that exists is refused, not overwritten. Empty keeps the database in memory.
	File string
	// Log receives one line for each request. Nil: nothing is written anywhere.
	Log *slog.Logger
}

// A Shop is one careless shop with its own database. It is safe for concurrent use.
type Shop struct {
	db      *database
	file    string
	handler http.Handler
}

// New opens a shop with its seeds in place: the same products, customers, orders and reviews each time.
func New(o Options) (*Shop, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	db, err := openDatabase(o.File)
	if err != nil {
		return nil, err
	}
	s := &Shop{db: db, file: cmp.Or(o.File, ":memory:")}
	s.handler = careless(o.Log, s.routes())
	return s, nil
}

// Handler serves the shop's API.
func (s *Shop) Handler() http.Handler { return s.handler }

// Close ends the shop and forgets a database in memory. A database in a file stays where it is.
func (s *Shop) Close() error { return s.db.close() }
