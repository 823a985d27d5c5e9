// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"time"
)

//go:embed migrations/*.sql
var migrations embed.FS

const addOperation = `INSERT INTO inventory_operations (api, operation, method, path, calls, refused, first_seen, last_called, last_caller)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
	ON CONFLICT (api, operation) DO UPDATE SET
		method = excluded.method,
		path = excluded.path,
		calls = inventory_operations.calls + excluded.calls,
		refused = inventory_operations.refused + excluded.refused,
		last_called = CASE WHEN excluded.last_called > inventory_operations.last_called THEN excluded.last_called ELSE inventory_operations.last_called END,
		last_caller = CASE WHEN excluded.last_caller = '' THEN inventory_operations.last_caller ELSE excluded.last_caller END`

const addShadow = `INSERT INTO inventory_shadow (method, path, calls, first_seen, last_called, last_caller)
	VALUES ($1, $2, $3, $4, $5, $6)
	ON CONFLICT (method, path) DO UPDATE SET
		calls = inventory_shadow.calls + excluded.calls,
		last_called = CASE WHEN excluded.last_called > inventory_shadow.last_called THEN excluded.last_called ELSE inventory_shadow.last_called END,
		last_caller = CASE WHEN excluded.last_caller = '' THEN inventory_shadow.last_caller ELSE excluded.last_caller END`

const addOther = `INSERT INTO inventory_other (one, calls) VALUES (1, $1)
	ON CONFLICT (one) DO UPDATE SET calls = inventory_other.calls + excluded.calls`

// write adds t to what is stored.
func (c *Calls) write(ctx context.Context, t tally) error {
	return c.db.InTx(ctx, func(tx *sql.Tx) error {
		err := each(ctx, tx, addOperation, t.operations, func(id operationID, n *count) []any {
			return []any{id.api, id.id, n.method, n.path, n.calls, n.refused, n.first, n.last, n.caller}
		})
		if err != nil {
			return err
		}
		err = each(ctx, tx, addShadow, t.shadow, func(e endpoint, n *count) []any {
			return []any{e.method, e.path, n.calls, n.first, n.last, n.caller}
		})
		if err != nil {
			return err
		}
		other := t.other // f runs again where the database starts over: t stays as it is
		if len(t.shadow) > 0 {
			dropped, err := trim(ctx, tx)
			if err != nil {
				return err
			}
			other += dropped
		}
		if other == 0 {
			return nil
		}
		_, err = tx.ExecContext(ctx, addOther, other)
		return err
	})
}

// each executes one statement for every element of m.
func each[K comparable](ctx context.Context, tx *sql.Tx, query string, m map[K]*count, args func(K, *count) []any) (err error) {
	if len(m) == 0 {
		return nil
	}
	stmt, err := tx.PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	for k, n := range m {
		if _, err := stmt.ExecContext(ctx, args(k, n)...); err != nil {
			return err
		}
	}
	return nil
}

// trim removes the shapes beyond MaxShadow, and returns how many calls they had. A shape that is called often is never
// among them while there are invented ones, which come once each.
func trim(ctx context.Context, tx *sql.Tx) (calls int64, err error) {
	var have int64
	if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM inventory_shadow").Scan(&have); err != nil || have <= MaxShadow {
		return 0, err
	}
	const least = "FROM inventory_shadow ORDER BY calls, last_called, method, path LIMIT $1"
	err = tx.QueryRowContext(ctx, "SELECT COALESCE(SUM(calls), 0) FROM (SELECT calls "+least+") AS least", have-MaxShadow).Scan(&calls)
	if err != nil {
		return 0, err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM inventory_shadow WHERE (method, path) IN (SELECT method, path "+least+")", have-MaxShadow)
	return calls, err
}

// A row is what the store says of an operation or a shape.
type row struct {
	operationID
	count
}

// read returns all that is stored: operations, shapes with the most calls first, and calls of other shapes.
func (c *Calls) read(ctx context.Context) (operations, shadow []row, other int64, err error) {
	operations, err = c.rows(ctx, "SELECT api, operation, method, path, calls, refused, first_seen, last_called, last_caller FROM inventory_operations ORDER BY api, operation")
	if err != nil {
		return nil, nil, 0, err
	}
	shadow, err = c.rows(ctx, "SELECT '', '', method, path, calls, 0, first_seen, last_called, last_caller FROM inventory_shadow ORDER BY calls DESC, last_called DESC, method, path")
	if err != nil {
		return nil, nil, 0, err
	}
	err = c.db.QueryRowContext(ctx, "SELECT COALESCE((SELECT calls FROM inventory_other WHERE one = 1), 0)").Scan(&other)
	return operations, shadow, other, err
}

func (c *Calls) rows(ctx context.Context, query string) (all []row, err error) {
	rows, err := c.db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.api, &r.id, &r.method, &r.path, &r.calls, &r.refused, &r.first, &r.last, &r.caller); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
