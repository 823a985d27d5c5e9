// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package sqlite opens the embedded store: a store.DB in one file.
//
// It stops losing what was acknowledged (a write that returned is on the disk: write-ahead log, fsync at each
// commit), readers that wait for writers, a file that others can read, a file that is not yett's or that a
// newer yett made, and SQL that only SQLite understands by accident (a misspelled column in double quotes is
// an error, not a string). It does not encrypt, does not keep two gateways apart (store.Dir does), and does
// not work on a network file system, where write-ahead logs are unsafe.
//
// Used alone:
//
//	db, err := sqlite.Open(ctx, "yett.db")
//	defer db.Close()
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"yett/store"
)

const (
	// application marks the file as yett's: "yett" in ASCII.
	application = 0x79657474
	// format is what this binary can read. It changes when the file itself changes meaning; the tables of
	// each practice have versions of their own (store.DB.Migrate).
	format = 1
)

// Open opens the store in the file at path, created with mode 0600 if there is none; its directory must
// exist. It leaves a file alone that others can read, that is not a yett store, or that is newer than this
// binary. Close the DB to fold the log (path-wal) back into the file.
func Open(ctx context.Context, path string) (*store.DB, error) {
	// The change to a write-ahead log does not wait for others that are opening the same new file.
	patience, cancel := context.WithTimeout(ctx, busyTimeout)
	defer cancel()
	for {
		db, err := open(ctx, path)
		if err == nil {
			return db, nil
		}
		var failure *sqlite.Error
		if errors.As(err, &failure) && failure.Code()&0xff == sqlite3.SQLITE_BUSY {
			select {
			case <-time.After(20 * time.Millisecond):
				continue
			case <-patience.Done():
			}
		}
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
}

func open(ctx context.Context, path string) (*store.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := prepare(path); err != nil {
		return nil, err
	}
	fresh, err := inspect(ctx, path)
	if err != nil {
		return nil, err
	}
	if fresh {
		if err := initialize(ctx, path); err != nil {
			return nil, err
		}
	}

	// One connection writes, so that writers queue in order instead of polling for the lock, and a pool reads.
	write, err := connect(path, 1, nil)
	if err != nil {
		return nil, err
	}
	read, err := connect(path, max(4, runtime.NumCPU()), url.Values{"_query_only": {"1"}})
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	db := store.New(store.Backend{
		Dialect: store.SQLite, Read: read, Write: write, Isolation: sql.LevelSerializable,
		// The log first: while somebody still reads what was deleted, nothing is written anew in vain.
		Scrub: []store.Chore{truncate(path), rewrite(maxRewrite), truncate(path)},
	})
	var mode string
	if err := write.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if mode != "wal" {
		return nil, errors.Join(fmt.Errorf("the file system allows no write-ahead log (journal mode %s): use a local disk", mode), db.Close())
	}
	return db, nil
}

const (
	// maxRewrite bounds what is written anew while writers wait, and takes twice its size of memory meanwhile.
	maxRewrite = 256 << 20
	// truncateMillis is how long one try waits for readers: writers wait for it.
	truncateMillis = "100"
)

// rewrite writes all rows into new pages, of a store of at most limit bytes. Zeros in the place of what is deleted are not
// enough: when SQLite moves a row to another page, its old bytes stay behind in the room between the rows of the first.
func rewrite(limit int64) store.Chore {
	return func(ctx context.Context, conn *sql.Conn) error {
		var pages, size int64
		if err := conn.QueryRowContext(ctx, "PRAGMA page_count").Scan(&pages); err != nil {
			return err
		}
		if err := conn.QueryRowContext(ctx, "PRAGMA page_size").Scan(&size); err != nil {
			return err
		}
		if pages*size > limit {
			return fmt.Errorf("the store is too large to be written anew while it is in use: %d MiB, more than %d; copies of what was "+
				"deleted may lie in its file (stop the gateway, and run VACUUM on it with sqlite3)", pages*size>>20, limit>>20)
		}
		_, err := conn.ExecContext(ctx, "VACUUM")
		return err
	}
}

// truncate folds the log back into the file and cuts it to nothing. A cut that a power failure takes back would bring the old
// pages back with it: it is made to last.
func truncate(path string) store.Chore {
	return func(ctx context.Context, conn *sql.Conn) (err error) {
		if _, err := conn.ExecContext(ctx, "PRAGMA busy_timeout = "+truncateMillis); err != nil {
			return err
		}
		defer func() {
			_, reset := conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA busy_timeout = "+busyMillis)
			err = errors.Join(err, reset)
		}()
		var busy, frames, folded int
		if err := conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &folded); err != nil {
			return err
		}
		if busy != 0 {
			return fmt.Errorf("%w: somebody still reads what was deleted, and it stays in %s-wal until then", store.ErrBusy, path)
		}
		// SQLite locks the file and its index, never the log: opening the log once more drops no lock.
		f, err := os.OpenFile(path+"-wal", os.O_RDWR, 0)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	}
}

// prepare creates the file if there is none, and checks what lies there already. It never opens an existing
// file: closing it again would drop the locks that this process may hold on it (POSIX advisory locks).
func prepare(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	for _, name := range []string{path, path + "-wal", path + "-shm", path + "-journal"} {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is not a file", name)
		}
		if err := store.CheckPrivate(name, info); err != nil {
			return err
		}
	}
	return nil
}

// inspect reports whether the store is still empty, and fails if it is not ours or too new. It changes
// nothing.
func inspect(ctx context.Context, path string) (fresh bool, err error) {
	params := url.Values{"mode": {"ro"}, "_busy_timeout": {busyMillis}}
	if atRest(path) {
		params.Set("immutable", "1") // a plain read-only connection would leave an empty log behind
	}
	db, err := sql.Open("sqlite", dsn(path, params))
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	// One transaction: another process may be marking the file just now.
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	var tables, app, version int
	for _, q := range []struct {
		query string
		into  *int
	}{
		{"SELECT COUNT(*) FROM sqlite_master", &tables},
		{"PRAGMA application_id", &app},
		{"PRAGMA user_version", &version},
	} {
		if err := tx.QueryRowContext(ctx, q.query).Scan(q.into); err != nil {
			return false, err
		}
	}
	if app == application {
		if version > format {
			return false, fmt.Errorf("the store is newer than this yett: format %d, this binary knows %d (start the newer yett, or restore the backup made before it ran)", version, format)
		}
		return false, nil
	}
	if app != 0 || version != 0 || tables != 0 {
		return false, errors.New("this database is not a yett store")
	}
	return true, nil
}

// atRest reports whether the file holds everything: no log beside it, no transaction to take back.
func atRest(path string) bool {
	for _, name := range []string{path + "-wal", path + "-journal"} {
		if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	info, err := os.Stat(path)
	return err == nil && info.Size() > 0
}

// initialize marks a new file as ours. That happens before the file has a write-ahead log, so that the mark
// is in the file itself from the start.
func initialize(ctx context.Context, path string) (err error) {
	db, err := sql.Open("sqlite", dsn(path, url.Values{
		"mode": {"rw"}, "_busy_timeout": {busyMillis}, "_txlock": {"immediate"},
		"_pragma": {"synchronous(FULL)", "fullfsync(1)"},
	}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", application, format))
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// busyTimeout is how long a connection waits for a lock of another process.
const busyTimeout = 10 * time.Second

var busyMillis = strconv.FormatInt(busyTimeout.Milliseconds(), 10)

func connect(path string, conns int, more url.Values) (*sql.DB, error) {
	params := url.Values{
		"mode":          {"rw"}, // never create: prepare did, with the right mode
		"_busy_timeout": {busyMillis},
		"_txlock":       {"immediate"}, // a transaction that will write says so at once: no upgrade can fail later
		"_dqs":          {"0"},
		"_defensive":    {"1"},
		"_error_rc":     {"1"},
		"_pragma": {
			"journal_mode(WAL)",
			"synchronous(FULL)", // fsync at each commit: NORMAL survives kill -9, but not a power cut
			"fullfsync(1)",      // where fsync alone leaves data in the drive's cache (macOS)
			"secure_delete(1)",  // zeros in the place of what is deleted: secrets do not stay in free pages (see rewrite)
			"foreign_keys(1)",
			"trusted_schema(0)",
			"temp_store(MEMORY)",           // no copies of rows in a shared temporary directory
			"journal_size_limit(67108864)", // a bulk load does not leave its log behind
			"cache_size(-16384)",           // 16 MiB a connection
		},
	}
	for k, v := range more {
		params[k] = v
	}
	db, err := sql.Open("sqlite", dsn(path, params))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// dsn spells an absolute path as a URI, so that ?, # and % in a directory's name stay part of it.
func dsn(path string, params url.Values) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") { // C:/data
		path = "/" + path
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: params.Encode()}
	return u.String()
}
