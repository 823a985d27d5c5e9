// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// The program authn has an OpenAPI description decide who may call a handler, and nothing else of yett: no gateway, no
// other practice.
//
// It stops callers that are not known, and callers without the scope that the description asks for. Its one login is here
// for the example: a program verifies credentials in its own way and hands them on. Put it behind TLS.
//
//	LOGIN=ines:secret go run ./examples/embed/authn
//	curl -u ines:secret http://127.0.0.1:8080/files
package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"yett/api"
	"yett/exchange"
	"yett/identity"
	"yett/practice/authn"
	"yett/problem"
	"yett/store/memory"
)

//go:embed files.openapi.yaml
var description []byte

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to serve on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *listen, os.Getenv("LOGIN"), nil)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "authn:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. ready, if there is one, is told the address.
func run(ctx context.Context, listen, login string, ready chan<- net.Addr) error {
	handler, err := guarded(login, http.HandlerFunc(greet))
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
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

// guarded lets to next whom the description admits.
func guarded(login string, next http.Handler) (http.Handler, error) {
	name, _, ok := strings.Cut(login, ":")
	if !ok || name == "" {
		return nil, errors.New("LOGIN is not name:password")
	}
	files, err := load()
	if err != nil {
		return nil, err
	}
	router, err := api.NewRouter(files)
	if err != nil {
		return nil, err
	}
	route := func(x *exchange.Exchange) error {
		match, params := router.Match(x.Request.Host, x.Request.Path, x.Request.Params)
		x.Request.Params, x.Operation = params, match.Operation(x.Request.Method)
		if x.Operation == nil {
			return &problem.Error{Status: http.StatusNotFound, Code: "undeclared", Detail: "There is nothing here."}
		}
		return nil
	}
	caller := &identity.Caller{Subject: name, Client: name, Scopes: []string{"files:read"}}
	want := sha256.Sum256([]byte("Basic " + base64.StdEncoding.EncodeToString([]byte(login))))
	// What verifies comes before what judges. A wrong password is no credential, and the guard does the rest.
	verify := func(x *exchange.Exchange) error {
		got := sha256.Sum256([]byte(x.Request.Header.Get("Authorization")))
		if subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
			x.Credentials = append(x.Credentials, identity.Credential{Scheme: "login", Caller: caller})
		}
		return nil
	}
	guard := authn.New(authn.Config{Realm: "files"}, authn.Options{API: files, Counters: memory.New(memory.Options{})})
	return exchange.Middleware(next, route, verify, guard.Check), nil
}

// load reads the description, which is part of the program, from a file: descriptions may refer to other files.
func load() (_ *api.API, err error) {
	dir, err := os.MkdirTemp("", "files")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "files.openapi.yaml")
	if err := os.WriteFile(path, description, 0o600); err != nil {
		return nil, err
	}
	files, _, err := api.Load(path, api.Options{})
	return files, err
}

// greet says who was admitted. The credential itself never comes here.
func greet(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, "subject %q, authorization %q\n", r.Header.Get("X-Yett-Subject"), r.Header.Get("Authorization")) // the client is gone: nobody is left to tell
}
