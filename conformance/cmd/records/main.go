// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Command records holds the log of the real binary to its word:
//
//   - Three numbers are equal: the requests that clients got an answer to, those that the service saw plus the refusals, and
//     the records; under load over HTTP/1.1 and HTTP/2, amid reloads, beside a sink that reads slowly, on a full disk, and
//     after SIGKILL, where what differs stands in a gap of known numbers.
//   - A sink that is too far behind stops new requests or is told what it has missed, as configured, and an alert stands.
//   - Random edits of its files are all noticed, with the first bad record named; so are whole segments that were taken out,
//     put in or swapped, a head that is gone or garbled, and the whole log set back.
//   - What is personal, and what clients chose, stands in no file in clear, and cannot be read once the person was shredded.
//
// The full disk is a small tmpfs, which takes the right to mount one.
//
//	go run ./cmd/records -yett ../bin/yett [-edits 10000] [-kills 10] [-only edits]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	binary := flag.String("yett", "../bin/yett", "the binary")
	edits := flag.Int("edits", 10_000, "random edits")
	kills := flag.Int("kills", 10, "how often it is killed")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "of what is random")
	only := flag.String("only", "", "the one part to run, by the beginning of its name")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Minute)
	defer cancel()
	path, err := filepath.Abs(*binary)
	if err == nil {
		fmt.Printf("records: seed %d\n", *seed)
		err = run(ctx, path, *only, *edits, *kills, *seed)
	}
	if err != nil {
		log.Fatal("records: ", err)
	}
}

func run(ctx context.Context, binary, only string, edits, kills int, seed uint64) error {
	ran := 0
	for _, part := range []struct {
		name string
		f    func(context.Context, *stand) error
	}{
		{"load, reloads, a slow sink", steady},
		{"a sink too far behind", behind},
		{"a full disk", fullDisk},
		{"SIGKILL", func(ctx context.Context, s *stand) error { return killed(ctx, s, kills, seed) }},
		{"people", people},
		{"edits", func(ctx context.Context, s *stand) error { return edited(ctx, s, edits, seed) }},
	} {
		if !strings.HasPrefix(part.name, only) {
			continue
		}
		ran++
		began := time.Now()
		dir, err := os.MkdirTemp("", "yett-records")
		if err != nil {
			return err
		}
		s, err := newStand(dir, binary)
		if err == nil {
			err = errors.Join(part.f(ctx, s), s.close())
		}
		if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		fmt.Printf("records: %s: %.1f s\n", part.name, time.Since(began).Seconds())
	}
	if ran == 0 {
		return fmt.Errorf("no part is called %q", only)
	}
	return nil
}
