// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// The program apikey guards a handler of its own with API keys and nothing else of yett: no gateway, no description, no
// other practice.
//
// It stops calls without a key, and with one that is unknown, ended or revoked. It does not encrypt the connection: put
// it behind TLS. On its first start it prints a key to begin with.
//
//	go run ./examples/embed/apikey
//	curl -H 'X-API-Key: yett_…' http://127.0.0.1:8080/
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"yett/exchange"
	"yett/practice/apikey"
	"yett/store"
	"yett/store/memory"
	"yett/store/sqlite"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to serve on")
	dir := flag.String("data", "apikey-data", "directory of the keys and their pepper")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *listen, *dir, os.Stdout, nil)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "apikey:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. ready, if there is one, is told the address.
func run(ctx context.Context, listen, path string, out io.Writer, ready chan<- net.Addr) (err error) {
	data, err := store.OpenDir(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	pepper, err := data.ReadOrCreateSecret("pepper", 32)
	if err != nil {
		return err
	}
	db, err := sqlite.Open(ctx, data.Path("keys.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	keys, err := apikey.New(apikey.Config{}, apikey.Options{Store: db, Pepper: pepper, Counters: memory.New(memory.Options{})})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, keys.Close()) }()
	if err := first(ctx, keys, out); err != nil {
		return err
	}

	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: exchange.Middleware(http.HandlerFunc(hello), keys.Require), ReadHeaderTimeout: 10 * time.Second}
	running, cancel := context.WithCancel(ctx)
	kept, served := make(chan error, 1), make(chan error, 1)
	go func() { kept <- keys.Run(running) }()
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
	return errors.Join(err, <-kept)
}

// first prints a key, the first time that the program runs.
func first(ctx context.Context, keys *apikey.Keys, out io.Writer) error {
	_, text, err := keys.CreateFirst(ctx)
	if errors.Is(err, apikey.ErrNotFirst) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, text)
	return err
}

// hello greets the client whose key it was.
func hello(w http.ResponseWriter, r *http.Request) {
	x, ok := exchange.From(r.Context())
	if !ok || x.Caller == nil {
		http.Error(w, "nobody is calling", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, "hello, %s\n", x.Caller.Client) // the client is gone: nobody is left to tell
}
