// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Show returns what is known of the key with id. Its error may be a *NotFoundError.
func (k *Keys) Show(ctx context.Context, id string) (Key, error) {
	key, err := k.find(ctx, k.db, id)
	if err != nil {
		return Key{}, k.notFound(ctx, id, err)
	}
	return key, nil
}

// A Filter chooses among the keys. The zero Filter chooses the first hundred.
type Filter struct {
	Client, Owner string // "" is any
	Working       bool   // only those that admit now
	After         string // only ids behind this one: the Next of the page before
	Limit         int    // at most; 0 means 100, and 1000 is the most
}

// A Page is some of the keys, in the order of their ids.
type Page struct {
	Keys []Key
	Next string // Filter.After of the next page, "" if this is the last
}

const (
	defaultPage = 100
	maxPage     = 1000
)

// List returns a page of the keys that f chooses.
func (k *Keys) List(ctx context.Context, f Filter) (_ Page, err error) {
	limit := f.Limit
	if limit <= 0 {
		limit = defaultPage
	}
	limit = min(limit, maxPage)
	where, args := []string{"id > $1"}, []any{f.After}
	add := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if f.Client != "" {
		add("client = $%d", f.Client)
	}
	if f.Owner != "" {
		add("owner = $%d", f.Owner)
	}
	if f.Working {
		add(working, millis(k.now()))
	}
	args = append(args, limit+1)
	rows, err := k.db.QueryContext(ctx, fmt.Sprintf("SELECT %s FROM apikey_keys WHERE %s ORDER BY id LIMIT $%d", columns, strings.Join(where, " AND "), len(args)), args...)
	if err != nil {
		return Page{}, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	p := Page{Keys: []Key{}}
	for rows.Next() {
		key, err := scan(rows)
		if err != nil {
			return Page{}, err
		}
		if len(p.Keys) == limit {
			p.Next = p.Keys[limit-1].ID
			break
		}
		p.Keys = append(p.Keys, key)
	}
	return p, rows.Err()
}

// working is Key.State in SQL: what is Live or Grace at the instant of the placeholder.
const working = "revoked = 0 AND (expires = 0 OR expires > $%[1]d) AND (replaced_by = '' OR grace_ends > $%[1]d)"

// Count is how many keys there are.
type Count struct {
	Total   int64 `json:"total"`
	Working int64 `json:"working"`
	Endless int64 `json:"-"` // working, without an end
	Unowned int64 `json:"-"` // working, without an owner
}

// Count counts the keys; with a million of them it takes a moment.
func (k *Keys) Count(ctx context.Context) (Count, error) {
	var c Count
	w := fmt.Sprintf(working, 1)
	err := k.db.QueryRowContext(ctx, "SELECT COUNT(*),"+
		" COALESCE(SUM(CASE WHEN "+w+" THEN 1 ELSE 0 END), 0),"+
		" COALESCE(SUM(CASE WHEN "+w+" AND expires = 0 AND replaced_by = '' THEN 1 ELSE 0 END), 0),"+
		" COALESCE(SUM(CASE WHEN "+w+" AND owner = '' THEN 1 ELSE 0 END), 0)"+
		" FROM apikey_keys", millis(k.now())).Scan(&c.Total, &c.Working, &c.Endless, &c.Unowned)
	return c, err
}
