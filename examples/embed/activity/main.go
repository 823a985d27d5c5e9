// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// The program activity keeps a record of every request to a handler, and is nothing else of yett: no gateway, no other
// practice.
//
// It stops requests from passing unnoticed. It does not refuse any, unless they cannot be recorded.
//
//	go run ./examples/embed/activity
//	curl http://127.0.0.1:8080/
//	cat activity-data/*.jsonl
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

	"yett/practice/activity"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to serve on")
	dir := flag.String("data", "activity-data", "directory of the records")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *listen, *dir, nil)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "activity:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. ready, if there is one, is told the address.
func run(ctx context.Context, listen, path string, ready chan<- net.Addr) (err error) {
	log, err := activity.Open(ctx, path, activity.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, "hello") // the client is gone: nobody is left to tell
	})
	server := &http.Server{Handler: log.Handler(hello), ReadHeaderTimeout: 10 * time.Second}
	writing, stop := context.WithCancel(context.WithoutCancel(ctx)) // until the last request is over
	written, served := make(chan error, 1), make(chan error, 1)
	go func() { written <- log.Run(writing) }()
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
	stop()
	return errors.Join(err, <-written)
}
