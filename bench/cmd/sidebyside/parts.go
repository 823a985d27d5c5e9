// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

// backend answers the two calls that are measured, as the shop would.
func backend(ctx context.Context) error {
	answer := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = w.Write(theOrder) // the proxy is gone; nobody is left to tell
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", answer(http.StatusOK))
	mux.HandleFunc("POST /orders", answer(http.StatusCreated))
	return serve(ctx, &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}, nil)
}

// reverseProxy is the least that a Go program does to stand before a backend.
func reverseProxy(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return errors.New("reverseproxy UPSTREAM CERT KEY")
	}
	cert, err := tls.LoadX509KeyPair(args[1], args[2])
	if err != nil {
		return err
	}
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return errors.New("http.DefaultTransport is no Transport")
	}
	transport = transport.Clone()
	transport.MaxIdleConnsPerHost, transport.DisableCompression, transport.Proxy = 64, true, nil
	target := &url.URL{Scheme: "http", Host: args[0]}
	p := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: transport}
	conf := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}}
	return serve(ctx, &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}, conf)
}

// serve prints the address that it serves on, and serves until ctx ends.
func serve(ctx context.Context, server *http.Server, conf *tls.Config) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	if conf != nil {
		l = tls.NewListener(l, conf)
	}
	context.AfterFunc(ctx, func() { _ = server.Close() }) // the measurement is over
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
