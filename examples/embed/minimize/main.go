// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// The program minimize answers with whole rows of its table and lets leave of them what its OpenAPI description declares,
// with nothing else of yett: no gateway, no other practice.
//
// It stops members that nobody declared, and takes fields for callers who want less. It asks nobody who they are and does
// not encrypt the connection.
//
//	go run ./examples/embed/minimize
//	curl 'http://127.0.0.1:8080/staff?fields=room'
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
	"yett/practice/minimize"
	"yett/problem"
)

//go:embed staff.openapi.yaml
var description []byte

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to serve on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *listen, nil)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "minimize:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. ready, if there is one, is told the address.
func run(ctx context.Context, listen string, ready chan<- net.Addr) error {
	handler, err := guarded(http.HandlerFunc(staff))
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

// guarded lets of the answers of next leave what the description declares.
func guarded(next http.Handler) (http.Handler, error) {
	a, err := load()
	if err != nil {
		return nil, err
	}
	router, err := api.NewRouter(a)
	if err != nil {
		return nil, err
	}
	// An answer is judged by its operation; what finds the operation comes before.
	route := func(x *exchange.Exchange) error {
		match, params := router.Match(x.Request.Host, x.Request.Path, x.Request.Params)
		x.Request.Params, x.Operation = params, match.Operation(x.Request.Method)
		if x.Operation == nil {
			return &problem.Error{Status: http.StatusNotFound, Code: "undeclared", Detail: "There is nothing here."}
		}
		return nil
	}
	return exchange.Middleware(minimize.New(minimize.Defaults()).Handler(next), route), nil
}

// load reads the description, which is part of the program, from a file: descriptions may refer to other files.
func load() (_ *api.API, err error) {
	dir, err := os.MkdirTemp("", "staff")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "staff.openapi.yaml")
	if err := os.WriteFile(path, description, 0o600); err != nil {
		return nil, err
	}
	a, _, err := api.Load(path, api.Options{})
	return a, err
}

// staff is the handler. It hides nothing.
func staff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, err := io.WriteString(w, `[
  {"name": "Greta Grau", "room": 7, "phone": "0171", "salary": 5400, "pin": "4711"},
  {"name": "Hugo Hollis", "room": 8, "phone": "0172", "salary": 5100, "pin": "4712"}
]`)
	if err != nil {
		fmt.Fprintln(os.Stderr, "minimize: answer:", err)
	}
}
