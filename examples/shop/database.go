// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package shop

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

//go:embed schema.sql
var schema string

// What a query may cost the machine. The shop is careless with its customers, not with its host.
const (
	queryTime = 10 * time.Second
	queryRows = 20_000
)

// A row is a table's row by column name, the careless way to carry one: whatever is in it goes out.
type row map[string]any

// A database is one SQLite connection that everybody shares.
type database struct {
	mu      sync.Mutex // one query at a time: what ends a slow one ends all on the connection
	pool    *sql.DB
	conn    *sql.Conn           // held for good: with a database in memory the connection is the database
	columns map[string][]string // by table, in the order of the schema
}

// A queryError says which query failed and who asked.
type queryError struct {
	query string
	cause error
	stack string
}

func (e *queryError) Error() string { return e.cause.Error() }
func (e *queryError) Unwrap() error { return e.cause }

// An image is what the driver's connections can read themselves from and write themselves to.
type image interface {
	Serialize() ([]byte, error)
	Deserialize([]byte) error
}

// seeded is the file of a database with all seeds. It is made once for all shops of a program.
var seeded = sync.OnceValues(func() (file []byte, err error) {
	d, err := connect(":memory:")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if _, err := d.query(schema); err != nil {
		return nil, err
	}
	if err := d.learn(); err != nil {
		return nil, err
	}
	if err := seed(d); err != nil {
		return nil, err
	}
	err = d.conn.Raw(func(c any) error {
		file, err = c.(image).Serialize()
		return err
	})
	return file, err
})

// openDatabase makes a database with all seeds, in memory or in a new file.
func openDatabase(file string) (_ *database, err error) {
	seeds, err := seeded()
	if err != nil {
		return nil, fmt.Errorf("shop: seeds: %w", err)
	}
	name := ":memory:"
	if file != "" {
		name = file
		if err := create(file, seeds); err != nil {
			return nil, fmt.Errorf("shop: new database: %w", err)
		}
	}
	d, err := connect(name)
	if err != nil {
		return nil, fmt.Errorf("shop: open database: %w", err)
	}
	if file == "" {
		err = d.conn.Raw(func(c any) error { return c.(image).Deserialize(seeds) })
	}
	if err == nil {
		err = d.learn()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("shop: open database: %w", err), d.close())
	}
	return d, nil
}

// create writes a file that must not exist.
func create(file string, content []byte) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}

// connect opens the one connection to a database by SQLite's name for it.
func connect(name string) (*database, error) {
	pool, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, err
	}
	d := &database{pool: pool, columns: make(map[string][]string)}
	d.conn, err = pool.Conn(context.Background())
	if err == nil {
		// An injected ATTACH would reach other files of this machine. None may be attached.
		_, err = sqlite.Limit(d.conn, sqlite3.SQLITE_LIMIT_ATTACHED, 0)
	}
	if err == nil {
		_, err = d.query("PRAGMA synchronous = OFF") // a demonstration survives no power cut
	}
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// learn reads which columns the tables have.
func (d *database) learn() error {
	columns, err := d.query("SELECT t.name AS t, c.name AS c FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' ORDER BY t.name, c.cid")
	if err != nil {
		return err
	}
	for _, c := range columns {
		table := c["t"].(string)
		d.columns[table] = append(d.columns[table], c["c"].(string))
	}
	return nil
}

// query runs any statement and returns all its rows.
func (d *database) query(query string, args ...any) (_ []row, err error) {
	defer func() {
		if err != nil {
			err = &queryError{query, err, string(debug.Stack())}
		}
	}()
	d.mu.Lock()
	defer d.mu.Unlock()
	// Not the request's context: a statement once begun is finished, whoever has gone away.
	ctx, cancel := context.WithTimeout(context.Background(), queryTime)
	defer cancel()
	rows, err := d.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var all []row
	values, places := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		places[i] = &values[i]
	}
	for rows.Next() {
		if len(all) == queryRows {
			return nil, fmt.Errorf("more than %d rows", queryRows)
		}
		if err := rows.Scan(places...); err != nil {
			return nil, err
		}
		r := make(row, len(names))
		for i, n := range names {
			r[n] = values[i]
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// insert stores whichever members of the rows are columns of the table, and returns the last row's id.
// All rows have the members of the first.
func (d *database) insert(table string, rows ...row) (int64, error) {
	names, values := d.known(table, rows[0])
	for _, r := range rows[1:] {
		_, more := d.known(table, r)
		values = append(values, more...)
	}
	marks := "(?" + strings.Repeat(", ?", len(names)-1) + ")"
	made, err := d.query("INSERT INTO "+table+" ("+strings.Join(names, ", ")+") VALUES "+marks+strings.Repeat(", "+marks, len(rows)-1)+" RETURNING id", values...)
	if err != nil {
		return 0, err
	}
	return made[len(made)-1]["id"].(int64), nil
}

// update overwrites whichever of r's members are columns of the table. The id stays.
func (d *database) update(table string, id any, r row) error {
	names, values := d.known(table, r)
	if i := slices.Index(names, "id"); i >= 0 {
		names, values = slices.Delete(names, i, i+1), slices.Delete(values, i, i+1)
	}
	if len(names) == 0 {
		return nil
	}
	_, err := d.query("UPDATE "+table+" SET "+strings.Join(names, " = ?, ")+" = ? WHERE id = ?", append(values, id)...)
	return err
}

// known picks the members of r that are columns. Objects and arrays become JSON text.
func (d *database) known(table string, r row) (names []string, values []any) {
	for _, c := range d.columns[table] {
		v, ok := r[c]
		if !ok {
			continue
		}
		switch v.(type) {
		case map[string]any, []any:
			text, err := json.Marshal(v)
			if err != nil {
				panic(err) // what was decoded from JSON can be encoded again
			}
			v = string(text)
		}
		names, values = append(names, c), append(values, v)
	}
	return names, values
}

func (d *database) close() error {
	var err error
	if d.conn != nil {
		err = d.conn.Close()
	}
	return errors.Join(err, d.pool.Close())
}
