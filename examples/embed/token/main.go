// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// The program token guards a handler of its own with the access tokens of one issuer and nothing else of yett: no gateway, no
// description, no other practice.
//
// It stops calls without a token, and with one that the issuer has not signed, that is meant for another API or is over. It
// does not encrypt the connection: put it behind TLS. Tokens cannot be revoked here, because there is no store.
//
//	go run ./examples/embed/token -issuer https://id.example.org -audience https://api.example.org
//	curl -H 'Authorization: Bearer …' http://127.0.0.1:8080/
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"yett/exchange"
	"yett/practice/token"
	"yett/store/memory"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to serve on")
	issuer := flag.String("issuer", "", "whose tokens are believed")
	audience := flag.String("audience", "", "name of this API in its tokens")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *listen, *issuer, *audience, nil)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "token:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. ready, if there is one, is told the address.
func run(ctx context.Context, listen, issuer, audience string, ready chan<- net.Addr) (err error) {
	var audiences []string
	if audience != "" {
		audiences = []string{audience}
	}
	tokens, err := token.New(token.Config{Issuers: []token.IssuerConfig{{Issuer: issuer, Audience: audiences}}},
		token.Options{Counters: memory.New(memory.Options{}), PublicURL: audience})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tokens.Close()) }()
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: tokens.Handler(http.HandlerFunc(hello)), ReadHeaderTimeout: 10 * time.Second}
	running, cancel := context.WithCancel(ctx)
	kept, served := make(chan error, 1), make(chan error, 1)
	go func() { kept <- tokens.Run(running) }()
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

// hello greets whoever the token names.
func hello(w http.ResponseWriter, r *http.Request) {
	x, ok := exchange.From(r.Context())
	if !ok || x.Caller == nil {
		http.Error(w, "nobody is calling", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, "hello, %s\n", x.Caller.Subject) // the client is gone: nobody is left to tell
}
