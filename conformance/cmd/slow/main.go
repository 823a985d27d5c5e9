// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Command slow holds the real binary against slowhttptest: 500 connections that send their heads slowly (-H), their
// bodies slowly (-B) or read their answers slowly (-X), and beside them an honest client with a key, over TLS, on kept and
// on new connections. It fails if one honest request fails, or if the honest 99th percentile more than doubles.
//
//	go run ./cmd/slow -yett ../bin/yett [-rounds 3] [-window 10s]
//
// Windows alone and under attack take turns, and what counts is the median over the rounds: it holds on a machine that
// others use, too. A difference below 2 ms means nothing there, and is never a failure. Debian has slowhttptest.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"yett/conformance/internal/gate"
)

const (
	connections = 500
	floor       = 2 * time.Millisecond // a difference that the machine makes by itself
	worst       = 2.0                  // times the 99th percentile alone
)

// Each attack is sent where it hurts: bodies to what takes them, slow reading to an answer larger than the kernel holds.
var attacks = []struct {
	name, path string
	flags      []string
}{
	{"slow heads", "/orders", []string{"-H", "-i", "5"}},
	{"slow bodies", "/upload", []string{"-B", "-i", "5", "-s", "8192", "-f", "application/octet-stream"}},
	{"slow reading", "/large", []string{"-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "3"}},
}

const description = `openapi: 3.1.0
info: { title: slow, version: "1" }
components:
  securitySchemes: { key: { type: apiKey, in: header, name: X-API-Key } }
paths:
  /orders:
    get:
      operationId: orders
      security: [ { key: [] } ]
      responses: { "200": { description: OK, content: { text/plain: { schema: { type: string } } } } }
  /upload:
    post:
      operationId: upload
      security: []
      x-yett-public: the attack carries no key
      requestBody: { content: { "application/octet-stream": {} } }
      responses: { "204": { description: taken } }
  /large:
    get:
      operationId: large
      security: []
      x-yett-public: the attack carries no key
      responses: { "200": { description: OK, content: { application/octet-stream: {} } } }
`

func main() {
	log.SetFlags(0)
	binary := flag.String("yett", "../bin/yett", "the binary")
	rounds := flag.Int("rounds", 3, "windows alone and under attack, for each attack")
	window := flag.Duration("window", 10*time.Second, "how long one window measures")
	flag.Parse()
	// Each window has its rise and its end; the rest is the start.
	within := time.Duration(len(attacks)**rounds)*(2**window+rise+time.Minute) + 2*time.Minute
	ctx, cancel := context.WithTimeout(context.Background(), within)
	err := run(ctx, *binary, *rounds, *window)
	cancel()
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, binary string, rounds int, window time.Duration) error {
	large := make([]byte, 256<<10) // more than waits in kernels for a reader with a window of 1 KiB, and no load by itself
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/large":
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = w.Write(large) // few take it
		case "/upload":
			_, _ = io.Copy(io.Discard, r.Body) // few come to their end
			w.WriteHeader(http.StatusNoContent)
		default:
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, "none")
		}
	}))
	defer upstream.CloseClientConnections()
	g, err := gate.StartDescribed(ctx, binary, description, upstream.URL)
	if err != nil {
		return err
	}
	var errs []error
	for _, a := range attacks {
		errs = append(errs, besiege(ctx, g, a.name, a.path, a.flags, rounds, window))
	}
	return errors.Join(append(errs, g.Stop())...)
}

// rise is how long slowhttptest takes to have opened its connections, and a moment more.
const rise = 5 * time.Second

// besiege measures windows alone and under one attack, in turns.
func besiege(ctx context.Context, g *gate.Gate, name, path string, flags []string, rounds int, window time.Duration) error {
	var alone, under rows
	for range rounds {
		alone.add(honest(ctx, g, window))
		attack, err := begin(ctx, "https://"+g.Addr+path, flags, rise+window)
		if err != nil {
			return err
		}
		select {
		case <-time.After(rise):
		case <-ctx.Done():
		}
		under.add(honest(ctx, g, window))
		open, err := attack.end()
		if err != nil {
			return err
		}
		under.open = append(under.open, open)
	}
	return judge(name, alone, under)
}

func judge(name string, alone, under rows) error {
	var errs []error
	fmt.Printf("%s, %v connections at once: honest failures %d alone, %d under attack, of %d requests\n",
		name, slices.Max(under.open), alone.failed, under.failed, under.asked)
	if under.failed > 0 || alone.failed > 0 {
		errs = append(errs, fmt.Errorf("%s: %d honest requests failed: %w", name, under.failed+alone.failed, errors.Join(alone.why, under.why)))
	}
	for _, kind := range []string{kept, fresh} {
		p50, p99 := alone.median(kind, 0.5), alone.median(kind, 0.99)
		u50, u99 := under.median(kind, 0.5), under.median(kind, 0.99)
		ratio := float64(u99) / float64(p99)
		fmt.Printf("  %s connections: p50 %v to %v (%.2f times), p99 %v to %v (%.2f times)\n",
			kind, p50.Round(10*time.Microsecond), u50.Round(10*time.Microsecond), float64(u50)/float64(p50),
			p99.Round(10*time.Microsecond), u99.Round(10*time.Microsecond), ratio)
		if ratio > worst && u99-p99 > floor {
			errs = append(errs, fmt.Errorf("%s: the 99th percentile on %s connections is %.1f times what it is alone", name, kind, ratio))
		}
	}
	if slices.Max(under.open) < connections/2 {
		errs = append(errs, fmt.Errorf("%s: slowhttptest never held more than %d connections: this was no attack", name, slices.Max(under.open)))
	}
	return errors.Join(errs...)
}

// Kinds of connections of the honest client.
const kept, fresh = "kept", "new"

// A row is what one window measured.
type row struct {
	took   map[string][]time.Duration // by kind
	asked  int
	failed int
	why    error // the first failure
}

// rows are the windows of one side.
type rows struct {
	all           []row
	asked, failed int
	why           error
	open          []int // connections of the attack, at most
}

func (r *rows) add(w row) {
	r.all = append(r.all, w)
	r.asked += w.asked
	r.failed += w.failed
	if r.why == nil {
		r.why = w.why
	}
}

// median is that of a percentile over the windows.
func (r *rows) median(kind string, p float64) time.Duration {
	var all []time.Duration
	for _, w := range r.all {
		if t := slices.Sorted(slices.Values(w.took[kind])); len(t) > 0 {
			all = append(all, t[int(p*float64(len(t)-1))])
		}
	}
	if len(all) == 0 {
		return 1 // every request failed, which is told
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// honest asks at a steady pace for the length of a window, on kept and on new connections.
func honest(ctx context.Context, g *gate.Gate, window time.Duration) row {
	w := row{took: make(map[string][]time.Duration)}
	var mu sync.Mutex
	var group sync.WaitGroup
	for kind, every := range map[string]time.Duration{kept: 10 * time.Millisecond, fresh: 25 * time.Millisecond} {
		group.Go(func() {
			client := g.Client()
			client.Transport.(*http.Transport).DisableKeepAlives = kind == fresh
			defer client.CloseIdleConnections()
			if kind == kept {
				_ = ask(ctx, client, g) // the first has to connect; if it fails so does the next
			}
			tick := time.NewTicker(every)
			defer tick.Stop()
			for end := time.Now().Add(window); time.Now().Before(end) && ctx.Err() == nil; <-tick.C {
				began := time.Now()
				err := ask(ctx, client, g)
				took := time.Since(began)
				mu.Lock()
				w.asked++
				if err != nil {
					if w.failed++; w.why == nil {
						w.why = err
					}
				} else {
					w.took[kind] = append(w.took[kind], took)
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return w
}

func ask(ctx context.Context, client *http.Client, g *gate.Gate) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+g.Addr+"/orders", nil)
	if err != nil {
		return err
	}
	req.Header.Set("X-API-Key", g.Key)
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("honest request: %s", res.Status)
	}
	return nil
}

// A siege is a running slowhttptest.
type siege struct {
	cmd  *exec.Cmd
	done chan struct{}
	out  strings.Builder
}

// begin starts an attack that lasts.
func begin(ctx context.Context, url string, flags []string, lasts time.Duration) (*siege, error) {
	args := append([]string{"-u", url, "-c", strconv.Itoa(connections), "-r", "200", "-p", "3", "-v", "1",
		"-l", strconv.Itoa(int(lasts.Seconds()) + 1)}, flags...)
	s := &siege{cmd: exec.CommandContext(ctx, "slowhttptest", args...), done: make(chan struct{})}
	s.cmd.Stdout = &s.out
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = s.cmd.Wait() // its code tells how the server fared, which is for us to judge
		close(s.done)
	}()
	return s, nil
}

// end waits for the attack's own end and returns how many connections it held at most.
func (s *siege) end() (int, error) {
	select {
	case <-s.done:
	case <-time.After(30 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
	most := 0
	for line := range strings.Lines(s.out.String()) {
		fields := strings.Fields(strings.NewReplacer("\x1b[0m", " ", "\x1b[1;32m", " ", ":", " ").Replace(line))
		if len(fields) == 2 && fields[0] == "connected" {
			if n, err := strconv.Atoi(fields[1]); err == nil {
				most = max(most, n)
			}
		}
	}
	if s.out.Len() == 0 {
		return 0, errors.New("slowhttptest said nothing")
	}
	return most, nil
}
