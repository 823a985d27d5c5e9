// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// The program encrypt keeps notes in a store of its own, sealed, and uses nothing else of yett: no gateway, no
// description, no other practice.
//
// It stops whoever copies the store from reading a note: the key lies in another place. It does not ask who is calling.
//
//	openssl rand -base64 32 > kek; chmod 600 kek
//	go run ./examples/embed/encrypt -kek kek
//	curl -d 'milk, bread' http://127.0.0.1:8080/monday
//	curl http://127.0.0.1:8080/monday
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"yett/practice"
	"yett/practice/encrypt"
	"yett/store"
	"yett/store/sqlite"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to serve on")
	file := flag.String("store", "notes.db", "file of the notes")
	kek := flag.String("kek", "kek", "file of the key-encryption key")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *listen, *file, *kek, nil)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "encrypt:", err)
		os.Exit(1)
	}
}

// notes keeps a sealed note for each path.
type notes struct {
	db     *store.DB
	sealer store.Sealer
}

var kept = store.Kept{Table: "notes", Row: "id", Column: "text"}

func open(ctx context.Context, db *store.DB, file string) (*notes, *encrypt.Vault, error) {
	kek, err := encrypt.ReadKEK(practice.SecretFile(file))
	if err != nil {
		return nil, nil, err
	}
	vault, err := encrypt.Open(ctx, encrypt.Options{Store: db, KEK: kek})
	if err != nil {
		return nil, nil, err
	}
	n := &notes{db: db}
	if n.sealer, err = vault.Class(ctx, "notes", kept); err != nil {
		return nil, nil, err
	}
	_, err = db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS notes (id TEXT PRIMARY KEY, text BYTEA NOT NULL)")
	return n, vault, err
}

// run serves until ctx ends. ready, if there is one, is told the address.
func run(ctx context.Context, listen, file, kek string, ready chan<- net.Addr) (err error) {
	db, err := sqlite.Open(ctx, file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	n, vault, err := open(ctx, db, kek)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: n, ReadHeaderTimeout: 10 * time.Second}
	running, cancel := context.WithCancel(ctx)
	rotated, served := make(chan error, 1), make(chan error, 1)
	go func() { rotated <- vault.Run(running) }()
	go func() { served <- server.Serve(l) }()
	if ready != nil {
		ready <- l.Addr()
	}
	select {
	case <-ctx.Done():
		drain, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer done()
		err = server.Shutdown(drain)
	case err = <-served:
	}
	cancel()
	return errors.Join(err, <-rotated)
}

func (n *notes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimPrefix(r.URL.Path, "/")
	var err error
	if r.Method == http.MethodPost {
		err = n.write(r.Context(), id, http.MaxBytesReader(w, r.Body, 64<<10))
	} else {
		var text []byte
		if text, err = n.read(r.Context(), id); err == nil {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = w.Write(text) // the caller may be gone
		}
	}
	if errors.Is(err, sql.ErrNoRows) {
		http.Error(w, "there is no such note", http.StatusNotFound)
	} else if err != nil {
		fmt.Fprintln(os.Stderr, err)
		http.Error(w, "it does not work at the moment", http.StatusInternalServerError)
	}
}

func (n *notes) write(ctx context.Context, id string, body io.Reader) error {
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	sealed, err := n.sealer.Seal(ctx, text, kept.Place(id))
	if err != nil {
		return err
	}
	_, err = n.db.ExecContext(ctx, "INSERT INTO notes (id, text) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET text = excluded.text", id, sealed)
	return err
}

func (n *notes) read(ctx context.Context, id string) ([]byte, error) {
	var sealed []byte
	if err := n.db.QueryRowContext(ctx, "SELECT text FROM notes WHERE id = $1", id).Scan(&sealed); err != nil {
		return nil, err
	}
	return n.sealer.Open(ctx, sealed, kept.Place(id))
}
