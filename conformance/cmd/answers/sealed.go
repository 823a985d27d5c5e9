// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	_ "modernc.org/sqlite" // the service's own database

	"yett/conformance/internal/gate"
)

const sealedDescription = `openapi: 3.1.0
info: { title: people, version: "1" }
paths:
  /people/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: integer, minimum: 1, maximum: 1000000 } }]
    put:
      operationId: keep
      security: [{ key: [] }]
      x-yett-scopes: [people]
      requestBody: { required: true, content: { application/json: { schema: { $ref: "#/components/schemas/Person" } } } }
      responses: { "204": { description: kept } }
    get:
      operationId: person
      security: [{ key: [] }]
      x-yett-scopes: [people]
      responses:
        "200": { description: a person, content: { application/json: { schema: { $ref: "#/components/schemas/Person" } } } }
  /people:
    get:
      operationId: find
      security: [{ key: [] }]
      x-yett-scopes: [people]
      parameters: [{ name: email, in: query, required: true, schema: { $ref: "#/components/schemas/Email" } }]
      responses:
        "200": { description: people, content: { application/json: { schema: { type: array, items: { $ref: "#/components/schemas/Person" } } } } }
components:
  securitySchemes:
    key: { type: apiKey, in: header, name: X-API-Key }
  schemas:
    Email: { type: string, maxLength: 100, x-yett-encrypt: deterministic }
    Person:
      type: object
      required: [name]
      properties:
        id: { type: integer }
        name: { type: string, maxLength: 100 }
        email: { $ref: "#/components/schemas/Email" }
        note: { type: string, maxLength: 2000, x-yett-encrypt: randomized }
        diary: { type: string, maxLength: 2000, x-yett-encrypt: randomized }
        iban: { type: string, maxLength: 40, x-yett-encrypt: randomized, x-yett-encrypt-bind: id }
`

// A registry is a service that keeps people in SQLite, and knows nothing of sealing.
type registry struct{ db *sql.DB }

var columns = []string{"name", "email", "note", "diary", "iban"}

func openRegistry(ctx context.Context, file string) (*registry, error) {
	db, err := sql.Open("sqlite", file+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(ctx, "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, email TEXT, note TEXT, diary TEXT, iban TEXT)")
	return &registry{db}, err
}

func (s *registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.serve(w, r); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (s *registry) serve(w http.ResponseWriter, r *http.Request) error {
	id := strings.TrimPrefix(r.URL.Path, "/people/")
	if r.Method == http.MethodPut {
		var p map[string]string
		if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
			return err
		}
		_, err := s.db.ExecContext(r.Context(), "INSERT OR REPLACE INTO people VALUES (?, ?, ?, ?, ?, ?)",
			id, p["name"], p["email"], p["note"], p["diary"], p["iban"])
		if err == nil {
			w.WriteHeader(http.StatusNoContent)
		}
		return err
	}
	where, arg := "id = ?", id
	if r.URL.Path == "/people" {
		where, arg = "email = ?", r.URL.Query().Get("email")
	}
	rows, err := s.db.QueryContext(r.Context(), "SELECT id, "+strings.Join(columns, ", ")+" FROM people WHERE "+where+" ORDER BY id", arg) // #nosec G202 -- of fixed names
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	found := []map[string]any{}
	for rows.Next() {
		var n int
		var values [5]string
		if err := rows.Scan(&n, &values[0], &values[1], &values[2], &values[3], &values[4]); err != nil {
			return err
		}
		p := map[string]any{"id": n}
		for i, c := range columns {
			if values[i] != "" {
				p[c] = values[i]
			}
		}
		found = append(found, p)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	if where == "email = ?" {
		return json.NewEncoder(w).Encode(found)
	}
	if len(found) != 1 {
		return errors.New("nobody")
	}
	return json.NewEncoder(w).Encode(found[0])
}

// sealed has a service keep what it must not know.
func sealed(ctx context.Context, binary string) (t *table, err error) {
	dir, err := os.MkdirTemp("", "answers")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "people.db")
	service, err := openRegistry(ctx, file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, service.db.Close()) }()
	server := httptest.NewServer(service)
	defer server.Close()
	if err := os.WriteFile(filepath.Join(dir, "openapi.yaml"), []byte(sealedDescription), 0o600); err != nil {
		return nil, err
	}
	g, err := gate.StartConfigured(ctx, binary, dir, server.URL, "", "ratelimit: { requests: 1000000, per: 1m }\nminimize: { undeclared: strip }\n")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.Stop()) }()
	c, err := callerWith(ctx, g, "registrar", "people")
	if err != nil {
		return nil, err
	}
	t = &table{}
	if err := t.keepAndFind(ctx, c, file); err != nil {
		return nil, err
	}
	if err := t.rotateUnderLoad(ctx, g, c); err != nil {
		return nil, err
	}
	if err := t.keepAndFind(ctx, c, file); err != nil {
		return nil, err
	}
	return t, t.move(ctx, c, service)
}

// person is what is kept under an id.
func person(id int) map[string]string {
	return map[string]string{
		"name": fmt.Sprintf("Person %d", id), "email": fmt.Sprintf("grau%d@example.org", id%7), "note": fmt.Sprintf("likes clear-note-%d", id),
		"diary": fmt.Sprintf("wrote clear-diary-%d", id), "iban": fmt.Sprintf("AT-clear-iban-%d", id),
	}
}

func (c *caller) keep(ctx context.Context, id int) error {
	body, err := json.Marshal(person(id))
	if err != nil {
		return err
	}
	res, err := c.do(ctx, "PUT", fmt.Sprintf("/people/%d", id), string(body), "Content-Type", "application/json")
	if err == nil && res.status != 204 {
		err = fmt.Errorf("keep %d: %d %s", id, res.status, res.body)
	}
	return err
}

// reads reports whether a person is read as it was kept.
func (c *caller) reads(ctx context.Context, id int) (bool, string, error) {
	res, err := c.do(ctx, "GET", fmt.Sprintf("/people/%d", id), "")
	if err != nil {
		return false, "", err
	}
	var got map[string]any
	if res.status != 200 || json.Unmarshal([]byte(res.body), &got) != nil {
		return false, fmt.Sprint(res.status, res.body), nil
	}
	for name, value := range person(id) {
		if got[name] != value {
			return false, res.body, nil
		}
	}
	return true, "", nil
}

const people = 70

func (t *table) keepAndFind(ctx context.Context, c *caller, file string) error {
	for id := 1; id <= people; id++ {
		if err := c.keep(ctx, id); err != nil {
			return err
		}
		ok, saw, err := c.reads(ctx, id)
		if err != nil {
			return err
		}
		t.check("a person is read as it was written", ok, saw)
	}
	for n := range 7 {
		email := fmt.Sprintf("grau%d@example.org", n)
		res, err := c.do(ctx, "GET", "/people?email="+strings.ReplaceAll(email, "@", "%40"), "")
		if err != nil {
			return err
		}
		var found []map[string]any
		if err := json.Unmarshal([]byte(res.body), &found); err != nil {
			return fmt.Errorf("%d %s: %w", res.status, res.body, err)
		}
		right := len(found) >= people/7
		for _, p := range found {
			right = right && p["email"] == email
		}
		t.check("everybody with an address is found by it", right, res.body)
	}
	var disk []byte
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(file + suffix)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		disk = append(disk, b...)
	}
	t.check("the database holds the names, which are not sealed", bytes.Contains(disk, []byte("Person 7")))
	for _, word := range []string{"clear-note", "clear-diary", "clear-iban", "@example.org"} {
		t.check("the database does not hold "+word, !bytes.Contains(disk, []byte(word)))
	}
	return nil
}

// rotateUnderLoad rotates the keys ten times while people are written and read.
func (t *table) rotateUnderLoad(ctx context.Context, g *gate.Gate, c *caller) error {
	var calls, wrong atomic.Int64
	var first atomic.Value
	stop := make(chan struct{})
	var load sync.WaitGroup
	for worker := range 4 {
		load.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				id := 1 + (worker*17+n)%people
				if n%3 == 0 {
					if err := c.keep(ctx, id); err != nil {
						wrong.Add(1)
						first.CompareAndSwap(nil, err.Error())
					}
				}
				ok, saw, err := c.reads(ctx, id)
				if err != nil || !ok {
					wrong.Add(1)
					first.CompareAndSwap(nil, fmt.Sprint(saw, err))
				}
				calls.Add(1)
			}
		})
	}
	for range 10 {
		out, err := g.Run(ctx, "encrypt", "rotate")
		if err != nil {
			close(stop)
			load.Wait()
			return fmt.Errorf("%w: %s", err, out)
		}
	}
	close(stop)
	load.Wait()
	fmt.Printf("answers: sealed: %d people read during 10 rotations, %d of them wrong\n", calls.Load(), wrong.Load())
	t.check("rotation under load loses nothing", wrong.Load() == 0 && calls.Load() > 0, first.Load())
	for id := 1; id <= people; id++ {
		ok, saw, err := c.reads(ctx, id)
		if err != nil {
			return err
		}
		t.check("what was sealed before is read after", ok, saw)
	}
	return nil
}

// move moves sealed values where they do not belong, as whoever can write to the database would.
func (t *table) move(ctx context.Context, c *caller, s *registry) error {
	for _, m := range []struct{ name, query string }{
		{"to another field of the same mode", "UPDATE people SET diary = note WHERE id = 3"},
		{"to a field of another mode", "UPDATE people SET note = email WHERE id = 4"},
		{"to another row, where it is bound", "UPDATE people SET iban = (SELECT iban FROM people WHERE id = 6) WHERE id = 5"},
		{"with one letter changed", "UPDATE people SET note = substr(note, 1, length(note) - 3) || 'AAA' WHERE id = 8"},
	} {
		if _, err := s.db.ExecContext(ctx, m.query); err != nil {
			return err
		}
		id := map[string]int{"3": 3, "4": 4, "5": 5, "8": 8}[m.query[len(m.query)-1:]]
		res, err := c.do(ctx, "GET", fmt.Sprintf("/people/%d", id), "")
		if err != nil {
			return err
		}
		t.check("a value does not open when it is moved "+m.name, res.status == 502 && strings.Contains(res.body, "sealed_value") &&
			!strings.Contains(res.body, "clear") && !strings.Contains(res.body, "yett1"), res.status, res.body)
	}
	if _, err := s.db.ExecContext(ctx, "UPDATE people SET note = (SELECT note FROM people WHERE id = 10) WHERE id = 9"); err != nil {
		return err
	}
	res, err := c.do(ctx, "GET", "/people/9", "")
	if err != nil {
		return err
	}
	t.check("an unbound one opens in another row, as is documented", res.status == 200 && strings.Contains(res.body, "clear-note-10"), res.status, res.body)
	return nil
}
