// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Command answers holds what leaves the real binary against what may leave, with real services behind it.
//
//	go run ./cmd/answers -yett ../bin/yett
//
// nginx gives one document to two callers who see different things of it: conditions, parts, HEAD, digests and content codings
// must be right for each. The careless shop is asked for everything it has, by callers with and without the scopes for it.
// A thousand answers hold cards, account numbers, keys and tokens, and what only looks like them. A service keeps fields that it
// must not know: its database is searched for them, while keys are rotated under load. An answer of 100 MB passes, and the memory of the process is watched.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"yett/conformance/internal/gate"
)

func main() {
	log.SetFlags(0)
	binary := flag.String("yett", "../bin/yett", "the binary")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	passed, failed := 0, 0
	for _, part := range []struct {
		name string
		run  func(context.Context, string) (*table, error)
	}{
		{"nginx", conditions},
		{"shop", shopAnswers},
		{"seeded", seeded},
		{"sealed", sealed},
		{"long", longAnswer},
	} {
		t, err := part.run(ctx, *binary)
		if err != nil {
			log.Fatalf("answers: %s: %v", part.name, err)
		}
		for _, f := range t.failures {
			fmt.Printf("answers: %s: %s\n", part.name, f)
		}
		fmt.Printf("answers: %s: %d of %d cases right\n", part.name, t.passed, t.passed+len(t.failures))
		passed, failed = passed+t.passed, failed+len(t.failures)
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}

// A table is what the cases of one part have shown.
type table struct {
	passed   int
	failures []string
}

// check notes one case. Its name says what ought to be.
func (t *table) check(name string, ok bool, saw ...any) {
	if ok {
		t.passed++
		return
	}
	t.failures = append(t.failures, fmt.Sprintf("%s: saw %v", name, saw))
}

// A caller is somebody with a key.
type caller struct {
	name   string
	client *http.Client
	base   string
	key    string
	scopes []string // beside those of the operations
}

// A reply is an answer, read whole.
type reply struct {
	status int
	header http.Header
	body   string
}

// do sends a request with fields in pairs.
func (c *caller) do(ctx context.Context, method, path, body string, fields ...string) (*reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if c.key != "" {
		req.Header.Set("X-API-Key", c.key)
	}
	for i := 0; i+1 < len(fields); i += 2 {
		req.Header.Add(fields[i], fields[i+1])
	}
	res, err := c.client.Do(req)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(io.LimitReader(res.Body, 256<<20))
	return &reply{res.StatusCode, res.Header, string(got)}, errors.Join(err, res.Body.Close())
}

// callerWith makes a key with scopes.
func callerWith(ctx context.Context, g *gate.Gate, name string, scopes ...string) (*caller, error) {
	args := []string{"key", "create", "--client", name, "--owner", "test"}
	for _, s := range scopes {
		args = append(args, "--scope", s)
	}
	out, err := g.Run(ctx, args...)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	client := g.Client()
	client.Transport.(*http.Transport).DisableCompression = true
	c := &caller{name: name, client: client, base: "https://localhost:" + g.Port()}
	for line := range bytes.Lines([]byte(out)) {
		if l := strings.TrimSpace(string(line)); strings.HasPrefix(l, "yett_") {
			c.key = l
		}
	}
	if c.key == "" {
		return nil, fmt.Errorf("no key in %q", out)
	}
	return c, nil
}
