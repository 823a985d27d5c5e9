// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// A NewerError says that the tables of a practice were made by a newer yett. Nothing was changed.
type NewerError struct {
	Practice     string
	Store, Known int64 // schema version found, newest version this binary has
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("the store is newer than this yett: %s has schema %d, this binary knows %d (start the newer yett, or restore the backup made before it ran)",
		e.Practice, e.Store, e.Known)
}

var practiceName = regexp.MustCompile(`^[a-z][a-z0-9]{0,30}$`)

// Migrate brings the tables of one practice up to date. migrations holds files like 00001_keys.sql, at its
// root or in a folder "migrations" as go:embed leaves them, each with the line "-- +goose Up" and portable
// SQL (see DB). What was applied is kept in the table yett_<practice>_migrations.
//
// Each file is applied once, whole or not at all, however many processes start at the same moment: its
// version is a primary key, written in the same transaction. (Never mark a file NO TRANSACTION: it would
// lose that.) A store that is ahead of the files is left untouched and gives a *NewerError.
func (db *DB) Migrate(ctx context.Context, practice string, migrations fs.FS) error {
	if !practiceName.MatchString(practice) {
		return fmt.Errorf("store: migrate: %q cannot name a practice", practice)
	}
	if info, err := fs.Stat(migrations, "migrations"); err == nil && info.IsDir() {
		if migrations, err = fs.Sub(migrations, "migrations"); err != nil {
			return err
		}
	}
	versions := versionTable{name: "yett_" + practice + "_migrations", dialect: db.dialect}
	provider, err := goose.NewProvider(goose.DialectCustom, db.write, migrations,
		goose.WithStore(versions), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("store: migrate %s: %w", practice, err)
	}
	sources := provider.ListSources()
	known := sources[len(sources)-1].Version

	for {
		before, err := versions.latest(ctx, db.read)
		if err != nil {
			return fmt.Errorf("store: migrate %s: %w", practice, err)
		}
		if before > known {
			return &NewerError{Practice: practice, Store: before, Known: known}
		}
		_, err = provider.Up(ctx)
		if err == nil {
			return nil
		}
		// Another process may have applied the same file first, which made ours fail and roll back. Each
		// turn of this loop sees the version grow, so it ends.
		after, aerr := versions.latest(ctx, db.read)
		if aerr != nil || after == before {
			return errors.Join(fmt.Errorf("store: migrate %s: %w", practice, err), aerr)
		}
	}
}

// versionTable records applied migrations. goose's own tables allow a version twice, and so a migration
// applied twice by two processes; here the version is the key, and the second one rolls back.
type versionTable struct {
	name    string // checked by Migrate: safe in SQL text
	dialect Dialect
}

var _ database.StoreExtender = versionTable{}

// A rower runs a query for one row: a DB, a connection or a transaction.
type rower interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// latest returns the newest applied version without creating anything; 0 for none.
func (v versionTable) latest(ctx context.Context, q rower) (int64, error) {
	exists, err := v.exists(ctx, q)
	if err != nil || !exists {
		return 0, err
	}
	var version sql.NullInt64
	err = q.QueryRowContext(ctx, "SELECT MAX(version) FROM "+v.name).Scan(&version)
	return version.Int64, err
}

func (v versionTable) exists(ctx context.Context, q rower) (bool, error) {
	query := "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = $1"
	if v.dialect == Postgres {
		query = "SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = $1"
	}
	var n int
	err := q.QueryRowContext(ctx, query, v.name).Scan(&n)
	return n > 0, err
}

func (v versionTable) Tablename() string { return v.name }

func (v versionTable) TableExists(ctx context.Context, db database.DBTxConn) (bool, error) {
	return v.exists(ctx, db)
}

func (v versionTable) CreateVersionTable(ctx context.Context, db database.DBTxConn) error {
	_, err := db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+v.name+" (version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)")
	return err
}

func (v versionTable) Insert(ctx context.Context, db database.DBTxConn, req database.InsertRequest) error {
	query := "INSERT INTO " + v.name + " (version, applied_at) VALUES ($1, $2)"
	if req.Version == 0 { // goose's mark that the table exists: no harm in two of them
		query += " ON CONFLICT (version) DO NOTHING"
	}
	_, err := db.ExecContext(ctx, query, req.Version, time.Now().UnixMilli())
	return err
}

func (v versionTable) Delete(ctx context.Context, db database.DBTxConn, version int64) error {
	_, err := db.ExecContext(ctx, "DELETE FROM "+v.name+" WHERE version = $1", version)
	return err
}

func (v versionTable) GetMigration(ctx context.Context, db database.DBTxConn, version int64) (*database.GetMigrationResult, error) {
	var at int64
	err := db.QueryRowContext(ctx, "SELECT applied_at FROM "+v.name+" WHERE version = $1", version).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, database.ErrVersionNotFound
	}
	if err != nil {
		return nil, err
	}
	return &database.GetMigrationResult{Timestamp: time.UnixMilli(at), IsApplied: true}, nil
}

func (v versionTable) GetLatestVersion(ctx context.Context, db database.DBTxConn) (int64, error) {
	var version sql.NullInt64
	if err := db.QueryRowContext(ctx, "SELECT MAX(version) FROM "+v.name).Scan(&version); err != nil {
		return 0, err
	}
	if !version.Valid {
		return 0, database.ErrVersionNotFound
	}
	return version.Int64, nil
}

func (v versionTable) ListMigrations(ctx context.Context, db database.DBTxConn) (_ []*database.ListMigrationsResult, err error) {
	rows, err := db.QueryContext(ctx, "SELECT version FROM "+v.name+" ORDER BY version DESC")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var all []*database.ListMigrationsResult
	for rows.Next() {
		m := &database.ListMigrationsResult{IsApplied: true}
		if err := rows.Scan(&m.Version); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, rows.Err()
}
