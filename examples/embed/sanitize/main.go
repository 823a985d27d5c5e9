// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// The program sanitize guards a handler that tells too much, and nothing else of yett: no gateway, no other practice.
//
// It stops the handler's stack traces, SQL errors and banners from leaving. It does not encrypt the connection: put it
// behind TLS.
//
//	go run ./examples/embed/sanitize
//	curl -i http://127.0.0.1:8080/fails
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"yett/practice/sanitize"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to serve on")
	flag.Parse()
	server := &http.Server{Addr: *listen, Handler: handler(), ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintln(os.Stderr, "sanitize:", server.ListenAndServe())
	os.Exit(1)
}

// handler is a talkative API behind a Sanitizer.
func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /fails", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Server", "shop/2.4.1")
		http.Error(w, string(debug.Stack()), http.StatusInternalServerError)
	})
	mux.HandleFunc("GET /missing", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "open /home/deploy/shop/orders/7.json: no such file", http.StatusNotFound)
	})
	mux.HandleFunc("GET /works", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, `{"works":true}`) // the client is gone: nobody is left to tell
	})
	return sanitize.New(sanitize.Config{}, sanitize.Options{}).Handler(mux)
}
