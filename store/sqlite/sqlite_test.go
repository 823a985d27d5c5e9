// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"yett/store"
	"yett/store/storetest"
)

func TestDB(t *testing.T) {
	storetest.DB(t, func(t *testing.T) func() *store.DB {
		path := filepath.Join(t.TempDir(), "yett.db")
		return func() *store.DB { return mustOpen(t, path) }
	})
}

func mustOpen(t testing.TB, path string) *store.DB {
	t.Helper()
	db, err := Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func mustClose(t testing.TB, db *store.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustExec(t testing.TB, db *store.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(context.Background(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func TestConnectionsAreSetUp(t *testing.T) {
	db := mustOpen(t, filepath.Join(t.TempDir(), "yett.db"))
	defer mustClose(t, db)
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": busyMillis,
		"application_id": strconv.Itoa(application), "user_version": strconv.Itoa(format),
		"trusted_schema": "0", "temp_store": "2", "fullfsync": "1", "journal_size_limit": "67108864",
	} {
		var read, write string
		if err := db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&read); err != nil {
			t.Fatal(err)
		}
		err := db.InTx(t.Context(), func(tx *sql.Tx) error {
			return tx.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&write)
		})
		if err != nil {
			t.Fatal(err)
		}
		if read != want || write != want {
			t.Errorf("%s = %s for readers and %s for the writer, want %s", pragma, read, write, want)
		}
	}
}

func TestFilesArePrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no file modes")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "yett.db")
	db := mustOpen(t, path)
	mustExec(t, db, "CREATE TABLE items (id TEXT PRIMARY KEY)")
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("%s has mode %04o, want 0600", filepath.Base(name), got)
		}
	}
	mustClose(t, db)
	for _, name := range []string{path + "-wal", path} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, 0o640); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "mode 0640") || !strings.Contains(err.Error(), "chmod go= "+name) {
			t.Errorf("%s with mode 0640: Open = %v, want an error with the remedy", filepath.Base(name), err)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// snapshot returns what lies in a directory.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		files[d.Name()] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestFilesThatAreNotOursAreRefusedAndLeftAlone(t *testing.T) {
	raw := func(statements string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			if err := prepare(path); err != nil {
				t.Fatal(err)
			}
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(statements); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		name string
		make func(t *testing.T, path string)
		want string
	}{
		{"a newer format", func(t *testing.T, path string) {
			mustClose(t, mustOpen(t, path))
			raw(fmt.Sprintf("PRAGMA user_version = %d", format+1))(t, path)
		}, "newer than this yett: format 2, this binary knows 1"},
		{"another program's database", raw("CREATE TABLE theirs (id TEXT)"), "not a yett store"},
		{"another program's database without tables", raw("PRAGMA application_id = 7"), "not a yett store"},
		{"no database at all", func(t *testing.T, path string) {
			if err := os.WriteFile(path, bytes.Repeat([]byte("text\n"), 1000), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "not a database"},
		{"a folder", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "is not a file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "yett.db")
			tt.make(t, path)
			before := snapshot(t, dir)
			db, err := Open(t.Context(), path)
			if err == nil {
				mustClose(t, db)
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("Open = %v, want an error with %q and the path", err, tt.want)
			}
			after := snapshot(t, dir)
			if fmt.Sprint(before) != fmt.Sprint(after) {
				t.Errorf("Open changed the folder: %d files before, %d after", len(before), len(after))
			}
		})
	}
}

func TestANewerFormatThatIsStillInTheLogIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yett.db")
	mustClose(t, mustOpen(t, path))
	newer, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := newer.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := newer.Exec(fmt.Sprintf("PRAGMA user_version = %d", format+1)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "newer than this yett") {
		t.Errorf("Open = %v, want it refused as newer", err)
	}
}

func TestAnyFolderNameWorks(t *testing.T) {
	for _, name := range []string{"with space", "what?mode=memory", "100%25", "a#b", "ünï", "a&b=c;d"} {
		if runtime.GOOS == "windows" && strings.Contains(name, "?") {
			continue // no such name there
		}
		dir := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "yett.db")
		db := mustOpen(t, path)
		mustExec(t, db, "CREATE TABLE items (id TEXT PRIMARY KEY)")
		mustClose(t, db)
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%q: the store is not in its file: %v", name, err)
		}
	}
}

func TestStoresThatOpenTogetherAgree(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yett.db")
	errs := make(chan error)
	for range 8 {
		go func() {
			db, err := Open(context.Background(), path)
			if err == nil {
				err = db.Close()
			}
			errs <- err
		}()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestOpenWaitsForAnotherThatIsOpening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yett.db")
	if err := prepare(path); err != nil {
		t.Fatal(err)
	}
	if err := initialize(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	tx, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := tx.QueryRow("SELECT COUNT(*) FROM sqlite_master").Scan(&n); err != nil {
		t.Fatal(err)
	}
	opened := make(chan error)
	go func() {
		db, err := Open(context.Background(), path)
		if err == nil {
			err = db.Close()
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		t.Fatalf("Open did not wait: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	if err := errors.Join(tx.Rollback(), other.Close()); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Errorf("Open = %v after the other had gone", err)
	}
}

// load inserts rows with the ids from … from+n-1.
func load(tx *sql.Tx, from, n int) (err error) {
	stmt, err := tx.Prepare("INSERT INTO items (id, name) VALUES ($1, $2)")
	if err != nil {
		return err
	}
	defer func() {
		if cerr := stmt.Close(); err == nil {
			err = cerr
		}
	}()
	for i := from; i < from+n; i++ {
		if _, err := stmt.Exec(i, "the name of item "+strconv.Itoa(i)); err != nil {
			return err
		}
	}
	return nil
}

// crashPath tells a copy of the test binary to write until it is killed.
const crashPath = "YETT_STORE_CRASH"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashPath); path != "" {
		writeUntilKilled(path)
		return
	}
	os.Exit(m.Run())
}

// writeUntilKilled writes pairs of rows, one transaction each, and prints an id once its pair is committed.
func writeUntilKilled(path string) {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx := context.Background()
	db, err := Open(ctx, path)
	if err != nil {
		fail(err)
	}
	if _, err := db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS items (id BIGINT PRIMARY KEY, name TEXT NOT NULL)"); err != nil {
		fail(err)
	}
	var last int
	if err := db.QueryRowContext(ctx, "SELECT COALESCE(MAX(id), 0) FROM items").Scan(&last); err != nil {
		fail(err)
	}
	for id := last + 1; ; id += 2 {
		if err := db.InTx(ctx, func(tx *sql.Tx) error { return load(tx, id, 2) }); err != nil {
			fail(err)
		}
		fmt.Println(id + 1)
	}
}

func TestAcknowledgedRowsSurviveKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yett.db")
	for round := range 4 {
		acknowledged := writeAndKill(t, path, 20+50*round)
		db := mustOpen(t, path)
		var count, last int
		if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*), MAX(id) FROM items").Scan(&count, &last); err != nil {
			t.Fatal(err)
		}
		if last < acknowledged {
			t.Errorf("round %d: row %d was acknowledged, the last one found is %d", round, acknowledged, last)
		}
		if count != last || count%2 != 0 {
			t.Errorf("round %d: %d rows up to id %d, want whole transactions without gaps", round, count, last)
		}
		var ok string
		if err := db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&ok); err != nil || ok != "ok" {
			t.Errorf("round %d: integrity: %s, %v", round, ok, err)
		}
		mustClose(t, db)
	}
}

// writeAndKill starts a writer, kills it after n acknowledgements, and returns the last id it acknowledged.
func writeAndKill(t *testing.T, path string, n int) (last int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), crashPath+"="+path)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for i := 0; lines.Scan(); i++ {
		if i == n {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		id, err := strconv.Atoi(lines.Text())
		if err != nil { // the last line may be cut
			break
		}
		last = max(last, id)
	}
	if err := cmd.Wait(); err == nil || last < n {
		t.Fatalf("the writer ended by itself after %d: %v %s", last, err, stderr.String())
	}
	return last
}

// BenchmarkBulk inserts a million rows in one transaction.
func BenchmarkBulk(b *testing.B) {
	for range b.N {
		db := mustOpen(b, filepath.Join(b.TempDir(), "yett.db"))
		mustExec(b, db, "CREATE TABLE items (id BIGINT PRIMARY KEY, name TEXT NOT NULL)")
		if err := db.InTx(b.Context(), func(tx *sql.Tx) error { return load(tx, 0, 1_000_000) }); err != nil {
			b.Fatal(err)
		}
		mustClose(b, db)
	}
}

func BenchmarkWrite(b *testing.B) {
	db := mustOpen(b, filepath.Join(b.TempDir(), "yett.db"))
	defer mustClose(b, db)
	mustExec(b, db, "CREATE TABLE items (id BIGINT PRIMARY KEY, name TEXT NOT NULL)")
	for i := range b.N {
		mustExec(b, db, "INSERT INTO items (id, name) VALUES ($1, $2)", i, "one")
	}
}

func BenchmarkRead(b *testing.B) {
	db := mustOpen(b, filepath.Join(b.TempDir(), "yett.db"))
	defer mustClose(b, db)
	mustExec(b, db, "CREATE TABLE items (id BIGINT PRIMARY KEY, name TEXT NOT NULL)")
	if err := db.InTx(b.Context(), func(tx *sql.Tx) error { return load(tx, 0, 10_000) }); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for i := 0; p.Next(); i++ {
			var name string
			if err := db.QueryRowContext(context.Background(), "SELECT name FROM items WHERE id = $1", i%10_000).Scan(&name); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
