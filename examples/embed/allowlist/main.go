// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// The program allowlist guards a handler of its own with a list of networks and nothing else of yett: no gateway, no
// other practice.
//
// It stops callers outside the networks, also where a proxy stands before it. It does not know who is calling.
//
//	go run ./examples/embed/allowlist --networks 127.0.0.0/8,192.0.2.0/24
//	curl http://127.0.0.1:8080/
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"time"

	"yett/exchange"
	"yett/practice/allowlist"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to serve on")
	networks := flag.String("networks", "127.0.0.0/8", "networks that may call, with commas between")
	file := flag.String("networks-file", "", "a file with more networks, one a line; it is read again when it changes")
	proxies := flag.String("proxies", "", "networks of proxies that may speak for others")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *listen, *networks, *file, *proxies, nil)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "allowlist:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. ready, if there is one, is told the address.
func run(ctx context.Context, listen, networks, file, proxies string, ready chan<- net.Addr) error {
	allowed, err := prefixes(networks)
	if err != nil {
		return err
	}
	config := allowlist.Config{Networks: &allowed}
	if file != "" {
		config.NetworksFiles = []string{file}
	}
	if config.TrustedProxies, err = prefixes(proxies); err != nil {
		return err
	}
	if err := config.Validate(); err != nil {
		return err
	}
	list, err := allowlist.New(config, allowlist.Options{})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: list.Handler(http.HandlerFunc(greet)), ReadHeaderTimeout: 10 * time.Second}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 2)
	go func() {
		if err := list.Run(ctx); err != nil { // follows the file, and ends with ctx
			served <- err
		}
	}()
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

func prefixes(list string) ([]netip.Prefix, error) {
	out := []netip.Prefix{}
	for one := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' }) {
		p, err := netip.ParsePrefix(one)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// greet says whose address counted.
func greet(w http.ResponseWriter, r *http.Request) {
	x, ok := exchange.From(r.Context())
	if !ok {
		http.Error(w, "the list was left out", http.StatusInternalServerError)
		return
	}
	addr, err := x.ClientAddr()
	if err != nil {
		http.Error(w, "nobody is calling", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, "hello, %s\n", addr) // the client is gone: nobody is left to tell
}
