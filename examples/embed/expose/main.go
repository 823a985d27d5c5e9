// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// The program expose gives one list of people to two callers, who see different fields of it, and nothing else of yett: no
// gateway, no other practice.
//
// It stops salaries, accounts and card numbers from reaching who may not see them, and calls for the data of somebody else. It
// does not encrypt the connection, and its keys are made anew at each start: put something better in their place.
//
//	go run ./examples/embed/expose
//	curl -H 'X-API-Key: …' http://127.0.0.1:8080/people
//	curl -H 'X-API-Key: …' http://127.0.0.1:8080/people/ines
package main

import (
	"crypto/rand"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"yett/api"
	"yett/exchange"
	"yett/identity"
	"yett/practice/expose"
	"yett/problem"
)

//go:embed people.openapi.yaml
var description []byte

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to serve on")
	flag.Parse()
	callers := map[string]*identity.Caller{
		rand.Text(): {Subject: "ines"},
		rand.Text(): {Subject: "payroll", Scopes: []string{"people:pay"}},
	}
	handler, err := guarded(http.HandlerFunc(people), callers)
	if err == nil {
		for key, c := range callers {
			fmt.Fprintf(os.Stderr, "key of %s: %s\n", c.Subject, key)
		}
		server := &http.Server{Addr: *listen, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
		err = server.ListenAndServe()
	}
	fmt.Fprintln(os.Stderr, "expose:", err)
	os.Exit(1)
}

// guarded gives the answers of next to callers, who are known by their keys, each as he may see them.
func guarded(next http.Handler, callers map[string]*identity.Caller) (http.Handler, error) {
	described, err := load()
	if err != nil {
		return nil, err
	}
	router, err := api.NewRouter(described)
	if err != nil {
		return nil, err
	}
	exposer, err := expose.New(expose.Defaults(), described, expose.Options{})
	if err != nil {
		return nil, err
	}
	// What a caller may see depends on who he is and what he asks for; both are found before.
	who := func(x *exchange.Exchange) error {
		if x.Caller = callers[x.Request.Header.Get("X-API-Key")]; x.Caller == nil {
			return &problem.Error{Status: http.StatusUnauthorized, Code: "unauthenticated", Detail: "This call needs a key."}
		}
		match, params := router.Match(x.Request.Host, x.Request.Path, x.Request.Params)
		x.Request.Params, x.Operation = params, match.Operation(x.Request.Method)
		if x.Operation == nil {
			return &problem.Error{Status: http.StatusNotFound, Code: "undeclared", Detail: "There is nothing here."}
		}
		x.Operation.NameParams(x.Request.Params)
		return nil
	}
	return exchange.Middleware(exposer.Handler(next), who), nil
}

// load reads the description, which is part of the program, from a file: descriptions may refer to other files.
func load() (_ *api.API, err error) {
	dir, err := os.MkdirTemp("", "people")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "people.openapi.yaml")
	if err := os.WriteFile(path, description, 0o600); err != nil {
		return nil, err
	}
	described, _, err := api.Load(path, api.Options{})
	return described, err
}

// people is a handler that tells everybody everything.
func people(w http.ResponseWriter, r *http.Request) {
	const ines = `{"name":"Ines Ilves","email":"ines@example.org","salary":4200,"account":"DE90000000000004200001","remark":"paid with 4111111111111111"}`
	w.Header().Set("Content-Type", "application/json")
	body := ines
	if r.URL.Path == "/people" {
		body = "[" + ines + "]"
	}
	_, _ = fmt.Fprint(w, body) // the client is gone: nobody is left to tell
}
