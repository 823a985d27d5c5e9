// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Command h2spec holds the real binary against h2spec, the conformance cases for HTTP/2 servers, and compares it with
// the engine it is built on: it fails if a case fails at yett that passes at plain net/http.
//
//	go run ./cmd/h2spec -yett ../bin/yett
//
// Both are asked over TLS, at the same time: cases wait for the most part. A case that fails at yett only is asked once
// more at both, for it may have waited too long on a busy machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/fatih/color"
	"github.com/summerwind/h2spec/config"
	"github.com/summerwind/h2spec/generic"
	"github.com/summerwind/h2spec/hpack"
	"github.com/summerwind/h2spec/http2"
	"github.com/summerwind/h2spec/spec"

	"yett/conformance/internal/gate"
)

// within bounds the whole run.
const within = 5 * time.Minute

func main() {
	log.SetFlags(0)
	binary := flag.String("yett", "../bin/yett", "the binary")
	ask := flag.String("ask", "", "only print the failures at this port, one a line (the program calls itself so)")
	sections := flag.String("sections", "", "with -ask: the cases, comma-separated; empty: all")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	var err error
	if *ask != "" {
		err = cases(*ask, *sections)
	} else {
		err = run(ctx, *binary)
	}
	cancel()
	if err != nil {
		log.Fatal(err)
	}
}

// Anybody may call: what is compared is HTTP/2. POST is there because cases send bodies.
const description = `openapi: 3.1.0
info: { title: h2spec, version: "1" }
paths:
  /:
    get: &any
      operationId: get
      security: []
      x-yett-public: the conformance cases carry no key
      responses: { "200": { description: OK, content: { text/plain: { schema: { type: string } } } } }
    head: { <<: *any, operationId: head }
    post:
      <<: *any
      operationId: post
      requestBody: { content: { "*/*": {} } }
`

func run(ctx context.Context, binary string) error {
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // cases break their bodies off
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "conformance")
	})
	upstream := httptest.NewServer(answer)
	defer upstream.Close()
	plain := httptest.NewUnstartedServer(answer)
	plain.EnableHTTP2 = true
	plain.Config.ErrorLog = log.New(io.Discard, "", 0) // that cases break rules is their sense
	plain.StartTLS()
	defer plain.Close()
	g, err := gate.StartDescribed(ctx, binary, description, upstream.URL)
	if err != nil {
		return err
	}
	err = compare(ctx, g.Addr, plain.Listener.Addr().String())
	return errors.Join(err, g.Stop())
}

func compare(ctx context.Context, yett, plain string) error {
	ours, theirs, err := both(ctx, yett, plain, "")
	if err != nil {
		return err
	}
	if again := ours.worse(theirs); len(again) > 0 {
		o, t, err := both(ctx, yett, plain, strings.Join(again, ","))
		if err != nil {
			return err
		}
		for _, id := range again {
			delete(ours.failed, id)
		}
		for id, why := range o.failed {
			ours.failed[id] = why
		}
		for id := range t.failed {
			theirs.failed[id] = ""
		}
	}
	worse := ours.worse(theirs)
	for id, why := range theirs.failed {
		if _, ok := ours.failed[id]; ok {
			fmt.Printf("fails at both: %s %s\n", id, why)
		}
	}
	for _, id := range worse {
		fmt.Printf("fails at yett only: %s %s\n", id, ours.failed[id])
	}
	fmt.Printf("h2spec 2.2.1: yett passes %s, net/http passes %s\n", ours, theirs)
	if len(worse) > 0 {
		return fmt.Errorf("%d cases fail at yett that pass at net/http", len(worse))
	}
	return nil
}

// A verdict is what h2spec says of one server.
type verdict struct {
	passed, skipped, total int
	failed                 map[string]string // why, by the case's id
}

func (v verdict) String() string {
	return fmt.Sprintf("%d of %d (%d skipped, %d failed)", v.total-v.skipped-len(v.failed), v.total, v.skipped, len(v.failed))
}

// worse returns what fails here and not there.
func (v verdict) worse(than verdict) []string {
	var all []string
	for id := range v.failed {
		if _, ok := than.failed[id]; !ok {
			all = append(all, id)
		}
	}
	return all
}

// both asks two servers at the same time, each in a process of its own: h2spec has one terminal, and ends the process
// when it cannot connect.
func both(ctx context.Context, yett, plain, sections string) (ours, theirs verdict, err error) {
	done := make(chan error, 1)
	go func() {
		var err error
		theirs, err = asked(ctx, plain, sections)
		done <- err
	}()
	ours, err = asked(ctx, yett, sections)
	return ours, theirs, errors.Join(err, <-done)
}

func asked(ctx context.Context, addr, sections string) (verdict, error) {
	v := verdict{failed: make(map[string]string)}
	self, err := os.Executable()
	if err != nil {
		return v, err
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return v, err
	}
	out, err := exec.CommandContext(ctx, self, "-ask", port, "-sections", sections).Output()
	if err != nil {
		return v, fmt.Errorf("h2spec at %s: %w", addr, err)
	}
	for line := range strings.Lines(string(out)) {
		id, why, _ := strings.Cut(strings.TrimSpace(line), "\t")
		what, id, ok := strings.Cut(id, " ")
		if !ok {
			continue
		}
		switch what {
		case passed:
			v.passed++
		case skipped:
			v.skipped++
		case failed:
			v.failed[id] = why
		default:
			continue
		}
		v.total++
	}
	if v.total == 0 {
		return v, fmt.Errorf("h2spec at %s: no case was run", addr)
	}
	return v, nil
}

const passed, skipped, failed = "passed:", "skipped:", "failed:"

// cases runs h2spec at a port and prints a line for each case.
func cases(port, sections string) error {
	n, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	c := &config.Config{Host: "127.0.0.1", Port: n, Path: "/", TLS: true, Insecure: true, Timeout: 2 * time.Second, MaxHeaderLen: 4000, Strict: true}
	if sections != "" {
		c.Sections = strings.Split(sections, ",")
	}
	color.NoColor = true
	for _, g := range []*spec.TestGroup{generic.Spec(), http2.Spec(), hpack.Spec()} {
		g.Test(c)
		tell(g)
	}
	return nil
}

func tell(g *spec.TestGroup) {
	for _, t := range append(append([]*spec.TestCase(nil), g.Tests...), g.StrictTests...) {
		if t.Result == nil {
			continue
		}
		what, why := passed, ""
		switch {
		case t.Result.Skipped:
			what = skipped
		case t.Result.Failed:
			what, why = failed, strings.ReplaceAll(fmt.Sprintf("%s: %v", t.Desc, t.Result.Error), "\n", "; ")
		}
		fmt.Printf("\n%s %s/%d\t%s", what, g.ID(), t.Result.Sequence, why)
	}
	fmt.Println()
	for _, sub := range g.Groups {
		tell(sub)
	}
}
