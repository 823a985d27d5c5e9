// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"yett/store"
)

// A NewStore makes an empty store and returns a function that opens it: each call gives another handle on
// the same records, as another process would have. The suite closes what it opens.
type NewStore func(t *testing.T) (open func() *store.DB)

// DB checks an implementation of store.DB.
func DB(t *testing.T, newStore NewStore) {
	for _, tt := range []struct {
		name string
		run  func(*testing.T, NewStore)
	}{
		{"placeholders are numbered", testPlaceholders},
		{"values come back as they went in", testValues},
		{"the portable statements work", testStatements},
		{"constraints hold", testConstraints},
		{"a transaction is whole or not at all", testInTx},
		{"transactions are serializable", testSerializable},
		{"readers do not wait for a writer, nor see its work early", testReaders},
		{"queries cannot write", testReadOnly},
		{"an ended context ends the work", testContext},
		{"a scrub changes no row, beside readers and writers", testScrub},
		{"acknowledged rows are there after reopening", testReopen},
		{"migrations apply once, in order, each practice its own", testMigrate},
		{"migrations that start together apply once", testMigrateTogether},
		{"a failed migration leaves nothing behind", testMigrateFails},
		{"a store that is newer is refused and left alone", testMigrateNewer},
		{"what cannot be migrated is refused", testMigrateRefuses},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, newStore) })
	}
}

func opened(t *testing.T, open func() *store.DB) *store.DB {
	t.Helper()
	db := open()
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	if err := db.PingContext(t.Context()); err != nil {
		t.Fatalf("PingContext: %v", err)
	}
	return db
}

func exec(t *testing.T, db *store.DB, query string, args ...any) sql.Result {
	t.Helper()
	res, err := db.ExecContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return res
}

// value runs a query for one value.
func value[T any](t *testing.T, db *store.DB, query string, args ...any) T {
	t.Helper()
	var v T
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

func testPlaceholders(t *testing.T, newStore NewStore) {
	db := opened(t, newStore(t))
	exec(t, db, "CREATE TABLE words (a TEXT NOT NULL, b TEXT NOT NULL, c TEXT NOT NULL)")
	exec(t, db, "INSERT INTO words (a, b, c) VALUES ($3, $1, $2)", "one", "two", "three")
	if got := value[string](t, db, "SELECT a || ' ' || b || ' ' || c FROM words"); got != "three one two" {
		t.Errorf("out of order: %q", got)
	}
	if got := value[int](t, db, "SELECT COUNT(*) FROM words WHERE (a = $2 OR b = $1) AND b = $1 AND c <> $2", "one", "three"); got != 1 {
		t.Errorf("repeated: %d rows, want 1", got)
	}
	cols, args := make([]string, 12), make([]any, 12)
	for i := range cols {
		cols[i], args[i] = fmt.Sprintf("CAST($%d AS TEXT)", 12-i), fmt.Sprint(i+1)
	}
	if got := value[string](t, db, "SELECT "+strings.Join(cols, " || '.' || "), args...); got != "12.11.10.9.8.7.6.5.4.3.2.1" {
		t.Errorf("two digits: %q", got)
	}
}

func testValues(t *testing.T, newStore NewStore) {
	db := opened(t, newStore(t))
	exec(t, db, `CREATE TABLE vals (id TEXT PRIMARY KEY, s TEXT, n BIGINT, f DOUBLE PRECISION, b BOOLEAN, raw BYTEA)`)
	type row struct {
		S   sql.NullString
		N   sql.NullInt64
		F   sql.NullFloat64
		B   sql.NullBool
		Raw []byte
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	text := func(s string) sql.NullString { return sql.NullString{String: s, Valid: true} }
	for name, want := range map[string]row{
		"nothing":         {},
		"zeros":           {text(""), sql.NullInt64{Valid: true}, sql.NullFloat64{Valid: true}, sql.NullBool{Valid: true}, []byte{}},
		"the largest":     {text("ß𝄞\n\"'$1;--"), sql.NullInt64{Int64: math.MaxInt64, Valid: true}, sql.NullFloat64{Float64: math.MaxFloat64, Valid: true}, sql.NullBool{Bool: true, Valid: true}, all},
		"the smallest":    {text(strings.Repeat("long ", 10_000)), sql.NullInt64{Int64: math.MinInt64, Valid: true}, sql.NullFloat64{Float64: 0.1, Valid: true}, sql.NullBool{Bool: true, Valid: true}, []byte("12")},
		"numbers as text": {text("007"), sql.NullInt64{Int64: 1 << 53, Valid: true}, sql.NullFloat64{Float64: 3, Valid: true}, sql.NullBool{Valid: true}, []byte("0x10")},
	} {
		t.Run(name, func(t *testing.T) {
			exec(t, db, "INSERT INTO vals (id, s, n, f, b, raw) VALUES ($1, $2, $3, $4, $5, $6)", name, want.S, want.N, want.F, want.B, want.Raw)
			var got row
			err := db.QueryRowContext(t.Context(), "SELECT s, n, f, b, raw FROM vals WHERE id = $1", name).
				Scan(&got.S, &got.N, &got.F, &got.B, &got.Raw)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if got := value[int](t, db, "SELECT COUNT(*) FROM vals WHERE raw = $1", all); got != 1 {
		t.Errorf("%d rows found by their bytes, want 1", got)
	}
}

func testStatements(t *testing.T, newStore NewStore) {
	db := opened(t, newStore(t))
	exec(t, db, `CREATE TABLE visits (name TEXT PRIMARY KEY, n BIGINT NOT NULL, open BOOLEAN NOT NULL DEFAULT TRUE)`)
	exec(t, db, `CREATE UNIQUE INDEX visits_open ON visits (n) WHERE open`)
	for range 3 {
		exec(t, db, `INSERT INTO visits (name, n) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET n = visits.n + excluded.n`, "ann", 2)
	}
	res := exec(t, db, `INSERT INTO visits (name, n) VALUES ($1, 9) ON CONFLICT (name) DO NOTHING`, "ann")
	if n, err := res.RowsAffected(); err != nil || n != 0 {
		t.Errorf("DO NOTHING affected %d rows, %v; want 0", n, err)
	}
	var n int64
	err := db.InTx(t.Context(), func(tx *sql.Tx) error {
		return tx.QueryRowContext(t.Context(), `UPDATE visits SET n = n + 1 WHERE name = $1 AND open RETURNING n`, "ann").Scan(&n)
	})
	if err != nil || n != 7 {
		t.Errorf("UPDATE … RETURNING gave %d, %v; want 7", n, err)
	}
	exec(t, db, `UPDATE visits SET open = FALSE WHERE name = $1`, "ann")
	exec(t, db, `INSERT INTO visits (name, n) VALUES ('bob', 7), ('cy', 8)`)
	got := value[string](t, db, `WITH top AS (SELECT name, n FROM visits ORDER BY n DESC, name LIMIT 1 OFFSET 1)
		SELECT CASE WHEN n > 5 THEN lower(name) ELSE COALESCE(NULL, '-') END FROM top`)
	if got != "ann" {
		t.Errorf("WITH … CASE gave %q, want ann", got)
	}
	rows, err := db.QueryContext(t.Context(), `SELECT name FROM visits ORDER BY name`)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Error(err)
		}
		names = append(names, name)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"ann", "bob", "cy"}, names); diff != "" {
		t.Errorf("QueryContext (-want +got):\n%s", diff)
	}
}

func testConstraints(t *testing.T, newStore NewStore) {
	db := opened(t, newStore(t))
	exec(t, db, `CREATE TABLE owner (id TEXT PRIMARY KEY, age BIGINT NOT NULL CHECK (age >= 0))`)
	exec(t, db, `CREATE TABLE pet (id TEXT PRIMARY KEY, owner TEXT NOT NULL REFERENCES owner (id) ON DELETE CASCADE)`)
	exec(t, db, `INSERT INTO owner (id, age) VALUES ('ann', 30)`)
	exec(t, db, `INSERT INTO pet (id, owner) VALUES ('rex', 'ann')`)
	for name, query := range map[string]string{
		"a key twice":                   `INSERT INTO owner (id, age) VALUES ('ann', 31)`,
		"a value that fails its check":  `INSERT INTO owner (id, age) VALUES ('bob', -1)`,
		"no value where one is needed":  `INSERT INTO owner (id, age) VALUES ('bob', NULL)`,
		"a reference to nothing":        `INSERT INTO pet (id, owner) VALUES ('tom', 'bob')`,
		"double quotes around a string": `INSERT INTO owner (id, age) VALUES ("bob", 1)`,
		"a column that does not exist":  `UPDATE owner SET size = 1`,
		"arguments that are missing":    `INSERT INTO owner (id, age) VALUES ($1, $2)`,
	} {
		if _, err := db.ExecContext(t.Context(), query); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	exec(t, db, `DELETE FROM owner WHERE id = 'ann'`)
	if got := value[int](t, db, `SELECT COUNT(*) FROM pet`); got != 0 {
		t.Errorf("%d pets after their owner left, want 0", got)
	}
}

func testInTx(t *testing.T, newStore NewStore) {
	db := opened(t, newStore(t))
	exec(t, db, `CREATE TABLE notes (id TEXT PRIMARY KEY)`)
	add := func(ids ...string) func(*sql.Tx) error {
		return func(tx *sql.Tx) error {
			for _, id := range ids {
				if _, err := tx.ExecContext(t.Context(), `INSERT INTO notes (id) VALUES ($1)`, id); err != nil {
					return err
				}
			}
			return nil
		}
	}
	if err := db.InTx(t.Context(), add("a", "b")); err != nil {
		t.Fatal(err)
	}
	wrong := errors.New("wrong")
	err := db.InTx(t.Context(), func(tx *sql.Tx) error {
		if err := add("c")(tx); err != nil {
			return err
		}
		return wrong
	})
	if err != wrong { // as it is, not wrapped
		t.Errorf("InTx = %v, want the error of f as it is", err)
	}
	if err := db.InTx(t.Context(), add("d", "a")); err == nil {
		t.Error("InTx with a key twice: no error")
	}
	func() {
		defer func() {
			if got := recover(); got != "panic of f" {
				t.Errorf("recovered %v, want the panic of f", got)
			}
		}()
		err := db.InTx(t.Context(), func(tx *sql.Tx) error {
			if err := add("e")(tx); err != nil {
				return err
			}
			panic("panic of f")
		})
		t.Errorf("InTx returned %v after a panic", err)
	}()
	if got := value[int](t, db, `SELECT COUNT(*) FROM notes`); got != 2 {
		t.Errorf("%d rows, want the 2 that were committed", got)
	}
	if err := db.InTx(t.Context(), add("f")); err != nil {
		t.Errorf("after failures and a panic: %v", err)
	}
}

func testSerializable(t *testing.T, newStore NewStore) {
	open := newStore(t)
	dbs := []*store.DB{opened(t, open), opened(t, open)}
	exec(t, dbs[0], `CREATE TABLE account (id TEXT PRIMARY KEY, n BIGINT NOT NULL)`)
	exec(t, dbs[0], `INSERT INTO account (id, n) VALUES ('a', 0)`)
	const workers, rounds = 6, 15
	together(workers, func(i int) {
		for range rounds {
			err := dbs[i%2].InTx(t.Context(), func(tx *sql.Tx) error {
				var n int64
				if err := tx.QueryRowContext(t.Context(), `SELECT n FROM account WHERE id = $1`, "a").Scan(&n); err != nil {
					return err
				}
				_, err := tx.ExecContext(t.Context(), `UPDATE account SET n = $1 WHERE id = $2`, n+1, "a")
				return err
			})
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	if got := value[int](t, dbs[0], `SELECT n FROM account`); got != workers*rounds {
		t.Errorf("%d increments kept, want %d", got, workers*rounds)
	}
}

func testReaders(t *testing.T, newStore NewStore) {
	db := opened(t, newStore(t))
	exec(t, db, `CREATE TABLE items (id TEXT PRIMARY KEY)`)
	exec(t, db, `INSERT INTO items (id) VALUES ('old')`)
	err := db.InTx(t.Context(), func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(t.Context(), `INSERT INTO items (id) VALUES ('new')`); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		for range 20 {
			var n int
			if err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM items`).Scan(&n); err != nil {
				return fmt.Errorf("read beside an open transaction: %w", err)
			}
			if n != 1 {
				return fmt.Errorf("a reader saw %d rows, want the 1 that is committed", n)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := value[int](t, db, `SELECT COUNT(*) FROM items`); got != 2 {
		t.Errorf("%d rows right after the commit, want 2", got)
	}
}

func testReadOnly(t *testing.T, newStore NewStore) {
	db := opened(t, newStore(t))
	if db.Dialect() == store.Postgres {
		t.Log("PostgreSQL has one pool: that queries only read is kept by running this suite on SQLite")
		return
	}
	exec(t, db, `CREATE TABLE items (id TEXT PRIMARY KEY)`)
	var id string
	if err := db.QueryRowContext(t.Context(), `INSERT INTO items (id) VALUES ('a') RETURNING id`).Scan(&id); err == nil {
		t.Error("QueryRowContext wrote a row, want an error")
	}
}

func testContext(t *testing.T, newStore NewStore) {
	db := opened(t, newStore(t))
	exec(t, db, `CREATE TABLE items (id TEXT PRIMARY KEY)`)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, execErr := db.ExecContext(ended, `INSERT INTO items (id) VALUES ('a')`)
	txErr := db.InTx(ended, func(*sql.Tx) error { return nil })
	var n int
	for what, err := range map[string]error{
		"ExecContext": execErr, "InTx": txErr,
		"QueryRowContext": db.QueryRowContext(ended, `SELECT COUNT(*) FROM items`).Scan(&n),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with an ended context = %v, want context.Canceled", what, err)
		}
	}

	// One that ends halfway takes the whole transaction back, and the next one has its turn.
	ctx, cancel := context.WithCancel(t.Context())
	err := db.InTx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO items (id) VALUES ('b')`)
		cancel()
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("InTx = %v, want context.Canceled", err)
	}
	exec(t, db, `INSERT INTO items (id) VALUES ('c')`)
	if got := value[int](t, db, `SELECT COUNT(*) FROM items`); got != 1 {
		t.Errorf("%d rows, want 1", got)
	}
}

func testScrub(t *testing.T, newStore NewStore) {
	open := newStore(t)
	db, other := opened(t, open), opened(t, open)
	exec(t, db, `CREATE TABLE items (id TEXT PRIMARY KEY, n BIGINT NOT NULL)`)
	for i := range 50 {
		exec(t, db, `INSERT INTO items (id, n) VALUES ($1, $2)`, fmt.Sprint(i), i)
	}
	exec(t, db, `DELETE FROM items WHERE n >= 40`)
	together(3, func(i int) {
		for j := range 5 {
			switch i {
			case 0:
				if err := db.Scrub(t.Context()); err != nil {
					t.Error(err)
				}
			case 1:
				exec(t, other, `UPDATE items SET n = n + 1000 WHERE id = $1`, fmt.Sprint(j))
			default:
				if got := value[int](t, other, `SELECT COUNT(*) FROM items`); got != 40 {
					t.Errorf("%d rows beside a scrub, want 40", got)
				}
			}
		}
	})
	if got := value[int](t, other, `SELECT SUM(n) FROM items`); got != 780+5000 {
		t.Errorf("the sum is %d, want 5780", got)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Scrub(ended); db.Dialect() == store.SQLite && !errors.Is(err, context.Canceled) {
		t.Errorf("Scrub with an ended context = %v, want context.Canceled", err)
	}
}

func testReopen(t *testing.T, newStore NewStore) {
	open := newStore(t)
	db := open()
	exec(t, db, `CREATE TABLE items (id TEXT PRIMARY KEY)`)
	exec(t, db, `INSERT INTO items (id) VALUES ('a')`)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if got := value[string](t, opened(t, open), `SELECT id FROM items`); got != "a" {
		t.Errorf("found %q after reopening, want a", got)
	}
}

func file(sql string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte("-- +goose Up\n" + sql + "\n")}
}

func testMigrate(t *testing.T, newStore NewStore) {
	open := newStore(t)
	db := opened(t, open)
	files := fstest.MapFS{
		"00001_list.sql":  file(`CREATE TABLE alpha_list (id TEXT PRIMARY KEY); INSERT INTO alpha_list (id) VALUES ('from 1');`),
		"00002_count.sql": file(`ALTER TABLE alpha_list ADD COLUMN n BIGINT NOT NULL DEFAULT 0; UPDATE alpha_list SET n = n + 1;`),
	}
	other := fstest.MapFS{"migrations/00001_list.sql": file(`CREATE TABLE beta_list (id TEXT PRIMARY KEY);`)}
	for range 3 {
		if err := db.Migrate(t.Context(), "alpha", files); err != nil {
			t.Fatal(err)
		}
		if err := db.Migrate(t.Context(), "beta", other); err != nil {
			t.Fatal(err)
		}
	}
	files["00003_again.sql"] = file(`UPDATE alpha_list SET n = n + 10;`)
	db = opened(t, open)
	for range 2 {
		if err := db.Migrate(t.Context(), "alpha", files); err != nil {
			t.Fatal(err)
		}
	}
	if got := value[int](t, db, `SELECT n FROM alpha_list WHERE id = 'from 1'`); got != 11 {
		t.Errorf("n = %d, want 11: each migration once", got)
	}
	if got := value[int](t, db, `SELECT COUNT(*) FROM beta_list`); got != 0 {
		t.Errorf("beta has %d rows, want 0", got)
	}
	if got := value[int](t, db, `SELECT MAX(version) FROM yett_alpha_migrations`); got != 3 {
		t.Errorf("alpha is at %d, want 3", got)
	}
}

func testMigrateTogether(t *testing.T, newStore NewStore) {
	for range 3 {
		open := newStore(t)
		files := fstest.MapFS{"00001_list.sql": file(`CREATE TABLE IF NOT EXISTS alpha_list (id TEXT PRIMARY KEY, n BIGINT NOT NULL); INSERT INTO alpha_list (id, n) VALUES ('a', 0) ON CONFLICT (id) DO NOTHING;`)}
		for v := 2; v < 8; v++ { // none of these fails by itself if it runs twice
			files[fmt.Sprintf("%05d_add.sql", v)] = file(`UPDATE alpha_list SET n = n + 1;`)
		}
		dbs := []*store.DB{opened(t, open), opened(t, open), opened(t, open)}
		together(6, func(i int) {
			if err := dbs[i%3].Migrate(t.Context(), "alpha", files); err != nil {
				t.Error(err)
			}
		})
		if got := value[int](t, dbs[0], `SELECT n FROM alpha_list`); got != 6 {
			t.Fatalf("n = %d, want 6: each migration once", got)
		}
	}
}

func testMigrateFails(t *testing.T, newStore NewStore) {
	db := opened(t, newStore(t))
	files := fstest.MapFS{
		"00001_list.sql":  file(`CREATE TABLE alpha_list (id TEXT PRIMARY KEY);`),
		"00002_wrong.sql": file(`INSERT INTO alpha_list (id) VALUES ('half'); INSERT INTO nowhere (id) VALUES ('wrong');`),
	}
	for range 2 {
		err := db.Migrate(t.Context(), "alpha", files)
		if err == nil || !strings.Contains(err.Error(), "alpha") || !strings.Contains(err.Error(), "nowhere") {
			t.Errorf("Migrate = %v, want an error that names practice and table", err)
		}
	}
	if got := value[int](t, db, `SELECT COUNT(*) FROM alpha_list`); got != 0 {
		t.Errorf("%d rows of the failed migration, want 0", got)
	}
	files["00002_wrong.sql"] = file(`INSERT INTO alpha_list (id) VALUES ('whole');`)
	if err := db.Migrate(t.Context(), "alpha", files); err != nil {
		t.Errorf("once mended: %v", err)
	}
}

func testMigrateNewer(t *testing.T, newStore NewStore) {
	db := opened(t, newStore(t))
	files := fstest.MapFS{
		"00001_list.sql": file(`CREATE TABLE alpha_list (id TEXT PRIMARY KEY);`),
		"00007_more.sql": file(`CREATE TABLE alpha_more (id TEXT PRIMARY KEY);`),
	}
	if err := db.Migrate(t.Context(), "alpha", files); err != nil {
		t.Fatal(err)
	}
	older := fstest.MapFS{
		"00001_list.sql": files["00001_list.sql"],
		"00005_drop.sql": file(`DROP TABLE alpha_more;`),
	}
	err := db.Migrate(t.Context(), "alpha", older)
	want := store.NewerError{Practice: "alpha", Store: 7, Known: 5}
	var newer *store.NewerError
	if !errors.As(err, &newer) || *newer != want {
		t.Errorf("Migrate = %v, want %v", err, &want)
	}
	if got := value[int](t, db, `SELECT COUNT(*) FROM alpha_more`); got != 0 {
		t.Errorf("%d rows in a table that must still be there, empty", got)
	}
	if got := value[int](t, db, `SELECT MAX(version) FROM yett_alpha_migrations`); got != 7 {
		t.Errorf("alpha is at %d, want 7 as before", got)
	}
}

func testMigrateRefuses(t *testing.T, newStore NewStore) {
	db := opened(t, newStore(t))
	good := fstest.MapFS{"00001_list.sql": file(`CREATE TABLE alpha_list (id TEXT PRIMARY KEY);`)}
	for _, tt := range []struct {
		name, practice string
		files          fstest.MapFS
	}{
		{"a practice without a name", "", good},
		{"a name that is SQL", `a;drop table x`, good},
		{"a name with capitals", "Alpha", good},
		{"no migrations", "alpha", fstest.MapFS{"README.md": file("")}},
		{"one version twice", "alpha", fstest.MapFS{"1_a.sql": file("SELECT 1;"), "01_b.sql": file("SELECT 1;")}},
	} {
		if err := db.Migrate(t.Context(), tt.practice, tt.files); err == nil {
			t.Errorf("%s: no error", tt.name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Migrate(ctx, "alpha", good); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v, want context.Canceled", err)
	}
}
