// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"strings"
	"time"

	"yett/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Where sealed values lie.
var (
	userHashes  = store.Kept{Table: "authn_users", Row: "name", Column: "hash"}
	signingKeys = store.Kept{Table: "authn_signing_keys", Row: "kid", Column: "sealed"}
)

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

const userColumns = "name, client, scopes, created, disabled"

func scanUser(row interface{ Scan(...any) error }, more ...any) (User, error) {
	var u User
	var scopes string
	var created, disabled int64
	err := row.Scan(append([]any{&u.Name, &u.Client, &scopes, &created, &disabled}, more...)...)
	u.Scopes, u.Created = strings.Fields(scopes), time.UnixMilli(created).UTC()
	if disabled != 0 {
		u.Disabled = time.UnixMilli(disabled).UTC()
	}
	return u, err
}

// find returns a user and the hash of the password; ErrNoUser if there is none.
func (u *Users) find(ctx context.Context, q querier, name string) (User, string, error) {
	var sealed []byte
	user, err := scanUser(q.QueryRowContext(ctx, "SELECT "+userColumns+", hash FROM authn_users WHERE name = $1", name), &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return user, "", ErrNoUser
	}
	if err != nil {
		return user, "", err
	}
	hash, err := u.sealer.Open(ctx, sealed, userHashes.Place(name))
	return user, string(hash), err
}

// List returns all users by their names.
func (u *Users) List(ctx context.Context) (all []User, err error) {
	rows, err := u.db.QueryContext(ctx, "SELECT "+userColumns+" FROM authn_users ORDER BY name")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		user, err := scanUser(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, user)
	}
	return all, rows.Err()
}

func (u *Users) insert(ctx context.Context, n User, sealed []byte) error {
	return u.db.InTx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, "INSERT INTO authn_users ("+userColumns+", hash) VALUES ($1, $2, $3, $4, 0, $5) ON CONFLICT (name) DO NOTHING",
			n.Name, n.Client, strings.Join(n.Scopes, " "), n.Created.UnixMilli(), sealed)
		if err := one(res, err, ErrTaken); err != nil {
			return err
		}
		return count(ctx, tx)
	})
}

// update changes one user, and tells all nodes.
func (u *Users) update(ctx context.Context, statement string, args ...any) error {
	return u.db.InTx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, statement, args...)
		if err := one(res, err, ErrNoUser); err != nil {
			return err
		}
		return count(ctx, tx)
	})
}

func one(res sql.Result, err, none error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		err = none
	}
	return err
}

func count(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO authn_changes (one, seq) VALUES (1, 1) ON CONFLICT (one) DO UPDATE SET seq = authn_changes.seq + 1")
	return err
}

// changes counts the changes of users.
func (u *Users) changes(ctx context.Context) (seq int64, err error) {
	err = u.db.QueryRowContext(ctx, "SELECT COALESCE((SELECT seq FROM authn_changes WHERE one = 1), 0)").Scan(&seq)
	return seq, err
}
