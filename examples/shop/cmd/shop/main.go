// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Command shop serves the careless shop of package shop, to be put behind a gateway:
//
//	shop --listen 127.0.0.1:9000
//
// It listens on loopback only, since everything in it is meant to be broken into. It prints nothing on standard output;
// the address goes to standard error. It serves until SIGINT or SIGTERM and then exits 0; 1 means that it could
// not serve, 2 that the command line is wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"yett/examples/shop"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stderr)
	stop()
	os.Exit(code)
}

// run serves until ctx ends, tells stderr what there is to tell, and returns the exit code.
func run(ctx context.Context, args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("shop", flag.ContinueOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", "127.0.0.1:9000", "loopback `address` to listen on; port 0 takes a free one")
	file := flags.String("file", "", "keep the database in a new `file` (default: in memory)")
	verbose := flags.Bool("verbose", false, "tell each request on standard error")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		tell(stderr, "shop: unexpected %q", flags.Arg(0))
		return 2
	}
	if err := loopback(*listen); err != nil {
		tell(stderr, "shop: --listen: %v", err)
		return 2
	}
	options := shop.Options{File: *file}
	if *verbose {
		options.Log = slog.New(slog.NewTextHandler(stderr, nil))
	}
	if err := serve(ctx, *listen, options, stderr); err != nil {
		tell(stderr, "shop: %v", err)
		return 1
	}
	return 0
}

// tell writes a line. Where standard error is gone there is nobody left to tell.
func tell(stderr io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(stderr, format+"\n", args...)
}

// loopback reports an error unless address is one that only this machine can reach.
func loopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("%q can be reached by others, and the shop is made to be broken into (try 127.0.0.1:9000)", address)
}

func serve(ctx context.Context, address string, options shop.Options, stderr io.Writer) (err error) {
	s, err := shop.New(options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	tell(stderr, "a careless shop on http://%s", l.Addr())
	server := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		return errors.Join(err, server.Close())
	}
	return nil
}
