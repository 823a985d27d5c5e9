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
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
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
		"trusted_schema": "0", "temp_store": "2", "fullfsync": "1", "journal_size_limit": "67108864", "secure_delete": "1",
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

// secretOf is a text of 24 to 5,000 bytes: some fill a page, or several.
func secretOf(r *rand.Rand, id int) string {
	return fmt.Sprintf("<secret %08d>", id) + strings.Repeat("s", 8+r.IntN(40)*r.IntN(125))
}

// found returns the numbers of the secrets that lie in the files of a store.
func found(t *testing.T, path string) map[int]bool {
	t.Helper()
	all := map[int]bool{}
	for name, content := range snapshot(t, filepath.Dir(path)) {
		for _, m := range regexp.MustCompile(`<secret (\d{8})>`).FindAllStringSubmatch(content, -1) {
			id, err := strconv.Atoi(m[1])
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			all[id] = true
		}
	}
	return all
}

func TestWhatWasDeletedIsGoneFromTheFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yett.db")
	db := mustOpen(t, path)
	defer mustClose(t, db)
	mustExec(t, db, "CREATE TABLE items (id TEXT PRIMARY KEY, secret TEXT NOT NULL)")
	mustExec(t, db, "CREATE INDEX items_secret ON items (secret)")
	r := rand.New(rand.NewPCG(1, 2))
	live, next := map[string]int{}, 0
	for round := range 20 {
		err := db.InTx(t.Context(), func(tx *sql.Tx) error {
			for range 100 {
				id := fmt.Sprintf("row %d", r.IntN(300))
				if r.IntN(3) == 0 {
					delete(live, id)
					if _, err := tx.ExecContext(t.Context(), "DELETE FROM items WHERE id = $1", id); err != nil {
						return err
					}
					continue
				}
				next++
				live[id] = next
				if _, err := tx.ExecContext(t.Context(), "INSERT INTO items (id, secret) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET secret = excluded.secret", id, secretOf(r, next)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Scrub(t.Context()); err != nil {
			t.Fatal(err)
		}
		there := found(t, path)
		for id, n := range live {
			if !there[n] {
				t.Fatalf("round %d: secret %d of %s is not found: the search finds nothing", round, n, id)
			}
			delete(there, n)
		}
		if len(there) > 0 {
			t.Fatalf("round %d: %d secrets that were deleted or overwritten lie in the files, such as %d", round, len(there), slices.Sorted(maps.Keys(there))[0])
		}
	}
}

func TestWhatSomebodyStillReadsCannotBeScrubbed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yett.db")
	db := mustOpen(t, path)
	defer mustClose(t, db)
	mustExec(t, db, "CREATE TABLE items (id TEXT PRIMARY KEY)")
	mustExec(t, db, "INSERT INTO items (id) VALUES ('<secret 00000001>'), ('<secret 00000002>')")
	rows, err := db.QueryContext(t.Context(), "SELECT id FROM items")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // closed below; again is no error
	if !rows.Next() {
		t.Fatal("no rows")
	}
	mustExec(t, db, "DELETE FROM items WHERE id = '<secret 00000001>'")
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := db.Scrub(short); err == nil {
		t.Error("Scrub = nil while a reader sees the deleted row")
	}
	mustExec(t, db, "INSERT INTO items (id) VALUES ('<secret 00000003>')") // who writes had its turn
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Scrub(t.Context()); err != nil {
		t.Error(err)
	}
	if got := found(t, path); got[1] || !got[2] || !got[3] {
		t.Errorf("the files hold secrets %v, want 2 and 3", got)
	}
}

func TestALargeStoreIsNotWrittenAnewInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yett.db")
	mustClose(t, mustOpen(t, path))
	pool, err := connect(path, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	db := store.New(store.Backend{Dialect: store.SQLite, Read: pool, Write: pool, Scrub: []store.Chore{rewrite(16 << 10)}})
	defer mustClose(t, db)
	mustExec(t, db, "CREATE TABLE items (id TEXT PRIMARY KEY)")
	if err := db.Scrub(t.Context()); err != nil {
		t.Errorf("a small one: %v", err)
	}
	mustExec(t, db, "INSERT INTO items (id) VALUES ($1)", strings.Repeat("x", 20<<10))
	if err := db.Scrub(t.Context()); err == nil || !strings.Contains(err.Error(), "VACUUM") {
		t.Errorf("a large one: %v, want an error with the remedy", err)
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
