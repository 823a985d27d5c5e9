// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Command yett is an API security gateway: one binary in front of HTTP APIs.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"yett/internal/cli"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
	return cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}
