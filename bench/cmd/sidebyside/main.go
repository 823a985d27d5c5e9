// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Command sidebyside measures what one request costs yett, httputil.ReverseProxy and nginx, side by side in one run.
//
// It starts all three before one backend, sends each the same requests in interleaved rounds, and divides the processor
// time of each proxy's processes by the requests that were answered. See the README of this module.
//
// Exit codes: 0 measured, 1 something failed, 2 something that is needed is missing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "sidebyside:", err)
	if errors.Is(err, errMissing) {
		os.Exit(2)
	}
	os.Exit(1)
}

var errMissing = errors.New("is missing")

// run measures, or plays one of the parts that need a process of their own.
func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "backend":
			return backend(ctx)
		case "reverseproxy":
			return reverseProxy(ctx, args[1:])
		case "load":
			return load(ctx, args[1:])
		}
	}
	flags := flag.NewFlagSet("sidebyside", flag.ExitOnError)
	name := flags.String("name", time.Now().Format(time.DateOnly), "`name` of the file in results")
	n := flags.Int("n", 10_000, "requests in each cell of each round")
	rounds := flags.Int("rounds", 3, "interleaved rounds")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *n < 100 || *n > 1_000_000 || *rounds < 1 || *rounds > 99 || filepath.Base(*name) != *name {
		return errors.New("-n is 100 to 1000000, -rounds 1 to 99, -name a plain name")
	}
	return measure(ctx, *name, *n, *rounds)
}

// measure runs everything and writes the report.
func measure(ctx context.Context, name string, n, rounds int) (err error) {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("processor times are read from /proc, which %w here: this needs Linux", errMissing)
	}
	if _, err := nginxProgram(); err != nil {
		return fmt.Errorf("nginx %w: apt-get install nginx-light", errMissing)
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sidebyside-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s := &scene{dir: dir, root: root}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.open(ctx); err != nil {
		return err
	}
	t, err := s.rounds(ctx, n, rounds)
	if err != nil {
		return err
	}
	text := t.report(time.Now())
	fmt.Print(text)
	file := filepath.Join(root, "bench", "results", name+".md")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil { //nolint:gosec // a report is for everybody
		return err
	}
	fmt.Printf("\nwritten to results/%s.md\n", name)
	return nil
}

// moduleRoot is the folder of the gate's own module, above this one.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	root := filepath.Dir(filepath.Dir(strings.TrimSpace(string(out))))
	if _, err := os.Stat(filepath.Join(root, "cmd", "yett", "main.go")); err != nil {
		return "", errors.New("run this in the folder bench of yett's repository")
	}
	return root, nil
}

// rounds sends every kind of request through every peer, round by round, in rotating order.
func (s *scene) rounds(ctx context.Context, n, rounds int) (*table, error) {
	t := newTable(n, rounds)
	for r := range rounds + 1 {
		for _, k := range kinds {
			for i := range s.peers {
				p := s.peers[(i+r)%len(s.peers)]
				count := n
				if r == 0 {
					count = max(100, n/5) // to warm up; not counted
				}
				cost, err := s.cell(ctx, p, k, count)
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", p.name, k.name, err)
				}
				if r > 0 {
					t.add(p.name, k.name, cost)
					fmt.Fprintf(os.Stderr, "round %d  %-4s  %-12s  %6.1f µs\n", r, k.name, p.name, cost)
				}
			}
		}
	}
	t.versions = s.versions(ctx)
	return t, nil
}

// cell is one measurement: the microseconds of processor time that p took for one answered request.
func (s *scene) cell(ctx context.Context, p *peer, k kind, n int) (float64, error) {
	before, err := processorTime(p.pid())
	if err != nil {
		return 0, err
	}
	if err := s.send(ctx, p, k, n); err != nil {
		return 0, err
	}
	after, err := processorTime(p.pid())
	if err != nil {
		return 0, err
	}
	return float64((after - before).Nanoseconds()) / 1000 / float64(n), nil
}
