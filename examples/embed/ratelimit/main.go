// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// The program ratelimit bounds how often one address may call a handler, with nothing else of yett: no gateway, no other
// practice.
//
// It stops floods from one address. It does not know who is calling, and its counters live as long as the program.
//
//	go run ./examples/embed/ratelimit --requests 5 --per 1m
//	curl -i http://127.0.0.1:8080/
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

	"yett/practice/ratelimit"
	"yett/store/memory"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to serve on")
	requests := flag.Int64("requests", 60, "how many requests an address has")
	per := flag.Duration("per", time.Minute, "in what time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *listen, ratelimit.Rate{Requests: *requests, Per: *per}, nil)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "ratelimit:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. ready, if there is one, is told the address.
func run(ctx context.Context, listen string, rate ratelimit.Rate, ready chan<- net.Addr) error {
	config := ratelimit.Defaults()
	config.Address = rate
	if err := config.Validate(); err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	limiter := ratelimit.New(config, ratelimit.Options{Counters: memory.New(memory.Options{})})
	server := &http.Server{Handler: limiter.Handler(http.HandlerFunc(greet)), ReadHeaderTimeout: 10 * time.Second}
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
