// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// The program validate guards a handler of its own with an OpenAPI description and nothing else of yett: no gateway, no
// other practice.
//
// It stops requests that do not fit the description. It asks nobody who they are and does not encrypt the connection.
//
//	go run ./examples/embed/validate
//	curl -X PUT -H 'Content-Type: application/json' -d '{"text": "hello", "author": "me"}' http://127.0.0.1:8080/notes/1
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
	"yett/exchange"
	"yett/practice/validate"
	"yett/problem"
)

//go:embed notes.openapi.yaml
var description []byte

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to serve on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *listen, nil)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "validate:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. ready, if there is one, is told the address.
func run(ctx context.Context, listen string, ready chan<- net.Addr) error {
	handler, err := guarded(http.HandlerFunc(keep))
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	if ready != nil {
		ready <- l.Addr()
	}
	select {
	case <-ctx.Done():
		drain, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer done()
		return server.Shutdown(drain)
	case err := <-served:
		return err
	}
}

// guarded lets to next what the description admits.
func guarded(next http.Handler) (http.Handler, error) {
	notes, err := load()
	if err != nil {
		return nil, err
	}
	router, err := api.NewRouter(notes)
	if err != nil {
		return nil, err
	}
	// The validator judges a request by its operation; what finds the operation comes before it.
	route := func(x *exchange.Exchange) error {
		match, params := router.Match(x.Request.Host, x.Request.Path, x.Request.Params)
		x.Request.Params, x.Operation = params, match.Operation(x.Request.Method)
		if x.Operation == nil {
			return &problem.Error{Status: http.StatusNotFound, Code: "undeclared", Detail: "There is nothing here."}
		}
		return nil
	}
	return exchange.Middleware(next, route, validate.New(validate.Defaults()).Check), nil
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
	notes, _, err := api.Load(path, api.Options{})
	return notes, err
}

// keep is the handler: whatever comes here fits the description.
func keep(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		http.Error(w, "the body broke off", http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
