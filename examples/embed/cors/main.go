// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// The program cors lets pages of one origin call a handler from the browser, with nothing else of yett: no gateway, no
// other practice.
//
// It stops pages of other origins from reading answers and from acting with cookies. It does not know who is calling.
//
//	go run ./examples/embed/cors --origin https://shop.example.org
//	curl -i -H 'Origin: https://shop.example.org' http://127.0.0.1:8080/
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"yett/practice/cors"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to serve on")
	origin := flag.String("origin", "http://localhost:3000", "whose pages may call")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *listen, *origin, nil)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cors:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. ready, if there is one, is told the address.
func run(ctx context.Context, listen, origin string, ready chan<- net.Addr) error {
	config := cors.Defaults()
	config.Origins = []string{origin}
	if err := config.Validate(); err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	policy := cors.New(config, cors.Options{})
	server := &http.Server{Handler: policy.Handler(http.HandlerFunc(greet)), ReadHeaderTimeout: 10 * time.Second}
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

func greet(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintln(w, "hello") // the client is gone: nobody is left to tell
}
