// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// A Dialect names the database behind a DB, for the rare statement that cannot be portable.
type Dialect string

// The dialects that the suite in storetest knows.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// ErrBusy says that a write waited too long for its turn: a transaction is stuck, or code inside InTx writes
// through the DB instead of through its transaction.
var ErrBusy = errors.New("store: no turn to write")

// busyAfter is how long a write waits for its turn.
const busyAfter = 15 * time.Second

// A DB is durable records behind database/sql. Each practice owns its tables, prefixes them with its name,
// and creates them by Migrate. It is safe for concurrent use.
//
// Reads (QueryContext, QueryRowContext) see the last committed state and never wait for a writer. Writes
// (ExecContext, InTx) are durable when they return: they survive the process and the machine. A statement
// that writes and returns rows (INSERT … RETURNING) is a write: run it inside InTx.
//
// SQL is written once for SQLite and PostgreSQL:
//
//   - placeholders are $1, $2 …, in any order, repeated at will;
//   - columns are TEXT, BIGINT, DOUBLE PRECISION, BOOLEAN or BYTEA. Instants are BIGINT, Unix time in
//     milliseconds or finer; ids are TEXT, without NUL. BYTEA takes and gives []byte, and does not tell
//     empty from NULL when read;
//   - INSERT … ON CONFLICT (key) DO UPDATE SET x = excluded.x, DO NOTHING, RETURNING, TRUE and FALSE, CASE,
//     COALESCE, LIMIT and OFFSET, WITH, and partial indexes are common to both;
//   - not portable, and not used: AUTOINCREMENT and SERIAL, FOR UPDATE (InTx makes it needless), INSERT OR
//     REPLACE, LIKE without lower(), date functions, double quotes around strings.
type DB struct {
	dialect     Dialect
	read, write *sql.DB
	tx          sql.TxOptions
	retry       func(error) bool
	scrub       []Chore
	busy        time.Duration
}

// A Backend is what a driver package hands to New.
type Backend struct {
	Dialect Dialect
	// Read serves queries; Write serves statements and transactions. They may be one and the same.
	Read, Write *sql.DB
	// Isolation makes transactions serializable: the level for which the database does that.
	Isolation sql.IsolationLevel
	// Retry reports that a transaction failed only because of another one. Nil: that cannot happen.
	Retry func(error) bool
	// Scrub is what DB.Scrub does, in order. Nil: nothing that a program could do.
	Scrub []Chore
}

// A Chore is work over a connection that may write. One that wraps ErrBusy is tried again, after others had their turn.
type Chore func(context.Context, *sql.Conn) error

// New makes a DB of the connections that a driver package opened.
func New(b Backend) *DB {
	retry := b.Retry
	if retry == nil {
		retry = func(error) bool { return false }
	}
	return &DB{
		dialect: b.Dialect, read: b.Read, write: b.Write,
		tx: sql.TxOptions{Isolation: b.Isolation}, retry: retry, scrub: b.Scrub, busy: busyAfter,
	}
}

// Dialect says which database this is.
func (db *DB) Dialect() Dialect { return db.dialect }

// QueryContext runs a query that reads.
func (db *DB) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return db.read.QueryContext(ctx, query, args...)
}

// QueryRowContext runs a query that reads at most one row.
func (db *DB) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return db.read.QueryRowContext(ctx, query, args...)
}

// ExecContext runs one statement that writes, in a transaction of its own.
func (db *DB) ExecContext(ctx context.Context, query string, args ...any) (_ sql.Result, err error) {
	conn, err := db.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer giveBack(conn, &err)
	return conn.ExecContext(ctx, query, args...)
}

// InTx runs f in one serializable transaction: as if no other ran at the same time. An error or a panic of f
// rolls it back; f's error is returned as it is. On a database that resolves conflicts by starting over, f
// runs more than once, so it must change nothing but tx. Inside f, write through tx alone.
func (db *DB) InTx(ctx context.Context, f func(tx *sql.Tx) error) error {
	const attempts = 10
	for attempt := 1; ; attempt++ {
		err := db.inTx(ctx, f)
		if err == nil || attempt == attempts || !db.retry(err) || ctx.Err() != nil {
			return err
		}
	}
}

func (db *DB) inTx(ctx context.Context, f func(tx *sql.Tx) error) (err error) {
	conn, err := db.turn(ctx)
	if err != nil {
		return err
	}
	defer giveBack(conn, &err)
	tx, err := conn.BeginTx(ctx, &db.tx)
	if err != nil {
		return err
	}
	done := false
	defer func() {
		if !done { // f failed or panicked
			if rerr := tx.Rollback(); rerr != nil && !errors.Is(rerr, sql.ErrTxDone) {
				err = errors.Join(err, rerr)
			}
		}
	}()
	if err := f(tx); err != nil {
		return err
	}
	done = true
	err = tx.Commit()
	if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
		return ctx.Err() // which rolled it back before Commit was called
	}
	return err
}

// chorePause is how long others have their turn between two tries of a Chore.
const chorePause = 100 * time.Millisecond

// Scrub makes the database's own files forget what was deleted or overwritten before the call: nothing of it is found in
// them when Scrub returns nil. Call it after the write, outside of any transaction, where a secret must be gone from the disk
// and not from the tables alone. An error takes no deletion back: tell it, and call again.
//
// It is dear: SQLite writes the whole store anew, while other writers wait. A reader that still sees the old rows is waited
// for as long as a writer waits for its turn; then the error is ErrBusy. For PostgreSQL it does nothing: what VACUUM, the log
// and its archive keep there is the operator's business. Nowhere does it reach backups, replicas, or blocks that a file system
// has freed.
func (db *DB) Scrub(ctx context.Context) error {
	for _, chore := range db.scrub {
		if err := db.insist(ctx, chore); err != nil {
			return fmt.Errorf("store: scrub: %w", err)
		}
	}
	return nil
}

// insist tries a chore until it is not busy.
func (db *DB) insist(ctx context.Context, chore Chore) error {
	for deadline := time.Now().Add(db.busy); ; {
		err := db.try(ctx, chore)
		if !errors.Is(err, ErrBusy) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-time.After(chorePause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (db *DB) try(ctx context.Context, chore Chore) (err error) {
	conn, err := db.turn(ctx)
	if err != nil {
		return err
	}
	defer giveBack(conn, &err)
	return chore(ctx, conn)
}

// turn waits for a connection that may write.
func (db *DB) turn(ctx context.Context) (*sql.Conn, error) {
	wait, cancel := context.WithTimeoutCause(ctx, db.busy, ErrBusy)
	defer cancel()
	conn, err := db.write.Conn(wait)
	if err != nil && errors.Is(context.Cause(wait), ErrBusy) {
		return nil, fmt.Errorf("%w within %v", ErrBusy, db.busy)
	}
	return conn, err
}

// giveBack ends a turn. An error that is there already stays as it is.
func giveBack(conn *sql.Conn, err *error) {
	if cerr := conn.Close(); cerr != nil {
		*err = errors.Join(*err, cerr)
	}
}

// PingContext reports whether the database answers, for readers and for writers.
func (db *DB) PingContext(ctx context.Context) error {
	return errors.Join(db.read.PingContext(ctx), db.write.PingContext(ctx))
}

// Close ends all connections after the queries in flight.
func (db *DB) Close() error {
	if db.read == db.write {
		return db.write.Close()
	}
	// Readers first: the last connection of SQLite to close folds the log back into the file.
	return errors.Join(db.read.Close(), db.write.Close())
}
