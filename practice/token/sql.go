// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"yett/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// kept is where names of revocations lie, sealed.
var kept = store.Kept{Table: "token_revocations", Row: "id", Column: "sealed"}

func (r *revocations) migrate(ctx context.Context) error {
	return r.db.Migrate(ctx, "token", migrations)
}

// insert writes a revocation down, behind all others. Transactions are serializable, so that numbers become visible in their
// order.
func (r *revocations) insert(ctx context.Context, rev Revocation, m mark, sealed []byte) error {
	return r.db.InTx(ctx, func(tx *sql.Tx) error {
		var seq int64
		if err := tx.QueryRowContext(ctx, "SELECT COALESCE(MAX(seq), 0) + 1 FROM token_revocations").Scan(&seq); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO token_revocations (id, seq, kind, mark, until, created, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			rev.ID, seq, rev.Kind, m[:], rev.until(), rev.Created.UnixMilli(), sealed)
		return err
	})
}

// find asks the store for the marks of a token, and returns the latest second of issue that is refused.
func (r *revocations) find(ctx context.Context, of *marks) (until int64, found bool, err error) {
	args := make([]any, len(of))
	for i := range of {
		args[i] = of[i].mark[:]
		if of[i].kind == "" {
			args[i] = of[0].mark[:]
		}
	}
	var latest sql.NullInt64
	err = r.db.QueryRowContext(ctx, "SELECT MAX(until) FROM token_revocations WHERE mark IN ($1, $2, $3, $4, $5, $6, $7, $8)", args...).Scan(&latest)
	return latest.Int64, latest.Valid, err
}

// A seen is a row as other nodes see it.
type seen struct {
	seq   int64
	kind  string
	mark  mark
	until int64
}

// maxRead is how many rows are read at once.
const maxRead = 10_000

// since reads what was revoked after the row numbered seq, which bears last. gap says that this row is not there any more.
func (r *revocations) since(ctx context.Context, seq int64, last mark) (all []seen, gap bool, err error) {
	rows, err := r.db.QueryContext(ctx, "SELECT seq, kind, mark, until FROM token_revocations WHERE seq >= $1 ORDER BY seq LIMIT $2", seq, maxRead+1)
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	there := seq == 0
	for rows.Next() {
		var s seen
		var m []byte
		if err := rows.Scan(&s.seq, &s.kind, &m, &s.until); err != nil {
			return nil, false, err
		}
		if len(m) != len(mark{}) {
			return nil, false, fmt.Errorf("revocation %d: its mark has %d bytes", s.seq, len(m))
		}
		s.mark = mark(m)
		if s.seq == seq {
			there = s.mark == last
			continue
		}
		all = append(all, s)
	}
	return all[:min(len(all), maxRead)], !there, rows.Err()
}

// clear removes rows that are older than any token, but never the newest.
func (r *revocations) clear(ctx context.Context, now time.Time) error {
	_, err := r.db.ExecContext(ctx, "DELETE FROM token_revocations WHERE created < $1 AND seq < (SELECT MAX(seq) FROM token_revocations)",
		now.Add(-keptFor).UnixMilli())
	return err
}

// list returns the newest revocations, the newest first.
func (r *revocations) list(ctx context.Context, limit int) (all []Revocation, err error) {
	rows, err := r.db.QueryContext(ctx, "SELECT id, kind, until, created, sealed FROM token_revocations ORDER BY seq DESC LIMIT $1", limit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var rev Revocation
		var until, created int64
		var sealed []byte
		if err := rows.Scan(&rev.ID, &rev.Kind, &until, &created, &sealed); err != nil {
			return nil, err
		}
		plain, err := r.sealer.Open(ctx, sealed, kept.Place(rev.ID))
		if err != nil {
			return nil, err
		}
		var n named
		if err := json.Unmarshal(plain, &n); err != nil {
			return nil, err
		}
		rev.Issuer, rev.Name, rev.Reason, rev.By, rev.Created = n.Issuer, n.Name, n.Reason, n.By, time.UnixMilli(created).UTC()
		if until != always {
			rev.Until = time.Unix(until, 0).UTC()
		}
		all = append(all, rev)
	}
	return all, rows.Err()
}

// count counts all of them.
func (r *revocations) count(ctx context.Context) (n int64, err error) {
	err = r.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM token_revocations").Scan(&n)
	return n, err
}
