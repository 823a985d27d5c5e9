// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/netip"
	"os"
	"time"

	"yett/practice/apikey"
	"yett/store"
	"yett/store/sqlite"
)

// A key is made, works, and is revoked. Keys, pepper and store live in one data directory here; programs that take
// backups keep the pepper apart from them.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "yett")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary directory
	data, err := store.OpenDir(dir)
	if err != nil {
		log.Fatal(err)
	}
	pepper, err := data.ReadOrCreateSecret("pepper", 32)
	if err != nil {
		log.Fatal(err)
	}
	db, err := sqlite.Open(ctx, data.Path("keys.db"))
	if err != nil {
		log.Fatal(err)
	}
	keys, err := apikey.New(apikey.Config{}, apikey.Options{Store: db, Pepper: pepper})
	if err != nil {
		log.Fatal(err)
	}

	key, text, err := keys.Create(ctx, apikey.NewKey{
		Client:   "partner-nord",
		Scopes:   []string{"orders:read"},
		Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		Expires:  time.Now().Add(90 * 24 * time.Hour),
	})
	if err != nil {
		log.Fatal(err)
	}
	office, cafe := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("198.51.100.9")

	caller, err := keys.Verify(ctx, text, office)
	fmt.Println(caller.Client, caller.Holds("orders:read"), caller.Holds("orders:write"), err)

	_, err = keys.Verify(ctx, text, cafe)
	invalid, _ := errors.AsType[*apikey.InvalidError](err)
	fmt.Println(invalid.Reason)

	if _, err := keys.Revoke(ctx, key.ID); err != nil {
		log.Fatal(err)
	}
	_, err = keys.Verify(ctx, text, office)
	invalid, _ = errors.AsType[*apikey.InvalidError](err)
	fmt.Println(invalid.Reason)

	if err := errors.Join(keys.Close(), db.Close(), data.Close()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// partner-nord true false <nil>
	// wrong network
	// revoked
}
