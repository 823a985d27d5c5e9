// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

//go:embed migrations/*.sql
var migrations embed.FS

// open makes the tables, and refuses a store that another pepper belongs to: every key would look unknown.
func (k *Keys) open(ctx context.Context) error {
	if err := k.db.Migrate(ctx, "apikey", migrations); err != nil {
		return err
	}
	mark := k.mark()
	if _, err := k.db.ExecContext(ctx, "INSERT INTO apikey_pepper (one, mark) VALUES (1, $1) ON CONFLICT (one) DO NOTHING", mark[:]); err != nil {
		return err
	}
	var stored []byte
	if err := k.db.QueryRowContext(ctx, "SELECT mark FROM apikey_pepper WHERE one = 1").Scan(&stored); err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(stored, mark[:]) != 1 {
		return errors.New("the keys in this store were hashed with another pepper (put the pepper file back that belongs to it)")
	}
	return nil
}

// errNoRow says that there is no such key.
var errNoRow = sql.ErrNoRows

// A querier is a store or a transaction in it.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// findHash reads the hash of one key, or takes k.nobody for one that there is not: the same work, the same answer.
func (k *Keys) findHash(ctx context.Context, id string) (stored []byte, err error) {
	err = k.db.QueryRowContext(ctx, "SELECT COALESCE((SELECT hash FROM apikey_keys WHERE id = $1), $2)", id, k.nobody[:]).Scan(&stored)
	if err == nil && len(stored) != len(digest{}) {
		err = fmt.Errorf("its hash has %d bytes", len(stored))
	}
	return stored, err
}

const columns = "id, client, owner, plan, scopes, all_scopes, networks, created, expires, revoked, replaces, replaced_by, grace_ends, last_used"

// find reads one key; its error is errNoRow if there is none.
func (k *Keys) find(ctx context.Context, q querier, id string) (Key, error) {
	return scan(q.QueryRowContext(ctx, "SELECT "+columns+" FROM apikey_keys WHERE id = $1", id))
}

// scan reads the columns of one row.
func scan(row interface{ Scan(...any) error }) (Key, error) {
	var (
		key              Key
		scopes, networks string
		instants         [5]int64
	)
	err := row.Scan(&key.ID, &key.Client, &key.Owner, &key.Plan, &scopes, &key.AllScopes, &networks,
		&instants[0], &instants[1], &instants[2], &key.Replaces, &key.ReplacedBy, &instants[3], &instants[4])
	if err != nil {
		return Key{}, err
	}
	for i, t := range []*time.Time{&key.Created, &key.Expires, &key.Revoked, &key.GraceEnds, &key.LastUsed} {
		*t = instant(instants[i])
	}
	key.Scopes = strings.Fields(scopes)
	for n := range strings.FieldsSeq(networks) {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			// A network that cannot be read must not become "from anywhere".
			return Key{}, fmt.Errorf("key %s: %w", key.ID, err)
		}
		key.Networks = append(key.Networks, p)
	}
	return key, nil
}

const insertSQL = "INSERT INTO apikey_keys (" + columns + ", hash)" +
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, '', 0, 0, $11) ON CONFLICT (id) DO NOTHING"

// insert writes new keys down under ids that are free, and tells made of each with the text to hand out.
func (k *Keys) insert(ctx context.Context, tx *sql.Tx, keys []Key, made func(Key, string)) (err error) {
	stmt, err := tx.PrepareContext(ctx, insertSQL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	for _, key := range keys {
		key, text, err := k.insertAs(ctx, stmt, key)
		if err != nil {
			return err
		}
		made(key, text)
	}
	return nil
}

// insertOne is insert for one key.
func (k *Keys) insertOne(ctx context.Context, tx *sql.Tx, key Key) (made Key, text string, err error) {
	err = k.insert(ctx, tx, []Key{key}, func(k Key, t string) { made, text = k, t })
	return made, text, err
}

// insertAs tries ids until one is free.
func (k *Keys) insertAs(ctx context.Context, stmt *sql.Stmt, key Key) (Key, string, error) {
	// With a million keys one id in a thousand is taken: twenty in a row are not chance.
	for range 20 {
		id, text := newKey()
		sum := k.hash(text)
		key.ID = id
		res, err := stmt.ExecContext(ctx, key.ID, key.Client, key.Owner, key.Plan, strings.Join(key.Scopes, " "), key.AllScopes,
			joinNetworks(key.Networks), millis(key.Created), millis(key.Expires), key.Replaces, sum[:])
		if err != nil {
			return Key{}, "", err
		}
		if n, err := res.RowsAffected(); err != nil {
			return Key{}, "", err
		} else if n == 1 {
			return key, text, nil
		}
	}
	return Key{}, "", errors.New("no free id found")
}

func joinNetworks(networks []netip.Prefix) string {
	if len(networks) == 0 {
		return ""
	}
	words := make([]string, len(networks))
	for i, n := range networks {
		words[i] = n.String()
	}
	return strings.Join(words, " ")
}

// near returns the key whose id is one slip away from id: a character too few, too many, wrong, or two swapped.
func (k *Keys) near(ctx context.Context, id string) (Key, bool, error) {
	if len(id) < idLen-1 || len(id) > idLen+1 {
		return Key{}, false, nil
	}
	slips := slips(id)
	if len(slips) == 0 {
		return Key{}, false, nil
	}
	key, err := scan(k.db.QueryRowContext(ctx, "SELECT "+columns+" FROM apikey_keys WHERE id IN ("+places(len(slips))+") ORDER BY revoked, id LIMIT 1", slips...))
	if errors.Is(err, errNoRow) {
		return Key{}, false, nil
	}
	return key, err == nil, err
}

// slips lists the valid ids that one slip makes of, or into, id.
func slips(id string) []any {
	seen := make(map[string]bool)
	var out []any
	add := func(s string) {
		if ValidID(s) && !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	for i := range len(id) + 1 {
		for j := range len(base32) {
			c := base32[j : j+1]
			add(id[:i] + c + id[i:])
			if i < len(id) {
				add(id[:i] + c + id[i+1:])
			}
		}
		if i < len(id) {
			add(id[:i] + id[i+1:])
		}
		if i+1 < len(id) {
			add(id[:i] + id[i+1:i+2] + id[i:i+1] + id[i+2:])
		}
	}
	return out
}

// places is the list of n placeholders.
func places(n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		if i > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "$%d", i)
	}
	return b.String()
}

// millis is an instant as a column, 0 for none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
