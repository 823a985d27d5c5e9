// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// The program https serves a handler over TLS, with a certificate from files or with a root certificate of its own, and
// nothing else of yett: no gateway, no other practice.
//
// It stops others on the way from reading and changing what is said. It does not ask who is calling.
//
//	go run ./examples/embed/https
//	curl --cacert https-data/ca.pem https://localhost:8443/
//
// With -cert and -key, files that are replaced are used from the next handshake on.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"yett/alert"
	"yett/practice/https"
	"yett/store"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8443", "address to serve on")
	dir := flag.String("data", "https-data", "directory of the root certificate and its key")
	var c https.Config
	flag.StringVar(&c.Cert, "cert", "", "file of the certificate")
	flag.StringVar(&c.Key, "key", "", "file of its private key")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *listen, *dir, c, nil)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "https:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. ready, if there is one, is told the address.
func run(ctx context.Context, listen, path string, c https.Config, ready chan<- net.Addr) (err error) {
	data, err := store.OpenDir(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	ca, err := https.OpenLocalCA(data, data, time.Now, []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	c.HSTS = 24 * time.Hour
	alerts := &alert.Board{Log: slog.Default()}
	guard, err := https.New(c, https.Options{Local: ca, Alerts: alerts})
	if err != nil {
		return err
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if err := guard.TLS(conf); err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintln(w, "hello over", tls.VersionName(r.TLS.Version)) // the client is gone: nobody is left to tell
	})
	server := &http.Server{Handler: guard.Handler(hello), TLSConfig: conf, ReadHeaderTimeout: 10 * time.Second}
	served, kept := make(chan error, 1), make(chan error, 1)
	keeping, stop := context.WithCancel(ctx)
	go func() { served <- server.ServeTLS(l, "", "") }()
	go func() { kept <- guard.Run(keeping) }()
	defer func() {
		stop()
		err = errors.Join(err, <-kept)
	}()
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
