// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// The program inventory lets a handler answer what its description declares, closes one tag of it, and tells at its end who
// called what, with nothing else of yett: no gateway, no other practice.
//
// It stops calls of what is not declared and of what was closed. It asks nobody who they are.
//
//	go run ./examples/embed/inventory
//	curl http://127.0.0.1:8080/notes
//	curl http://127.0.0.1:8080/notes/export
//	curl http://127.0.0.1:8080/drafts/7
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"yett/api"
	"yett/practice/inventory"
	"yett/store/sqlite"
)

//go:embed notes.openapi.yaml
var description []byte

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to serve on")
	db := flag.String("db", "inventory.db", "file that keeps the counts")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *listen, *db, os.Stdout, nil)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "inventory:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, and then writes the inventory to out. ready, if there is one, is told the address.
func run(ctx context.Context, listen, path string, out io.Writer, ready chan<- net.Addr) (err error) {
	notes, err := load()
	if err != nil {
		return err
	}
	db, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	config := inventory.Config{Disable: inventory.Disable{Tags: []string{"dangerous"}}}
	inv, err := inventory.New(config, inventory.Options{APIs: []*api.API{notes}, Store: db})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: inv.Handler(http.HandlerFunc(list)), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second}
	served, counted := make(chan error, 1), make(chan error, 1)
	counting, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	go func() { served <- server.Serve(l) }()
	go func() { counted <- inv.Run(counting) }()
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
	end() // after the last call, so that all are written down
	return errors.Join(err, <-counted, tell(inv, out))
}

// tell writes what an operator wants to know.
func tell(inv *inventory.Inventory, out io.Writer) error {
	r, err := inv.Report(context.Background())
	if err != nil {
		return err
	}
	for _, o := range r.Operations {
		if _, err := fmt.Fprintf(out, "%s %s: %d calls\n", o.State, o.ID, o.Calls); err != nil {
			return err
		}
	}
	for _, s := range r.Shadow {
		if _, err := fmt.Fprintf(out, "shadow %s %s: %d calls\n", s.Method, s.Path, s.Calls); err != nil {
			return err
		}
	}
	return nil
}

// load reads the description, which is part of the program, from a file: descriptions may refer to other files.
func load() (_ *api.API, err error) {
	dir, err := os.MkdirTemp("", "notes")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "notes.openapi.yaml")
	if err := os.WriteFile(path, description, 0o600); err != nil {
		return nil, err
	}
	notes, _, err := api.Load(path, api.Options{Name: "notes"})
	return notes, err
}

func list(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintln(w, "buy milk") // the client is gone: nobody is left to tell
}
