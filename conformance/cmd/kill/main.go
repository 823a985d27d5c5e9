// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Command kill ends the real binary by SIGKILL at random moments, again and again, while keys are made, rotated and revoked,
// tokens are taken back, and the keys that seal the store are changed. After each end it starts it again on the same data
// and fails if that takes more than two seconds, if something that was acknowledged is not there, if something revoked works
// again, or if what was on its way is neither old nor new.
//
//	go run ./cmd/kill -yett ../bin/yett [-n 100]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

func main() {
	log.SetFlags(0)
	binary := flag.String("yett", "../bin/yett", "the binary")
	n := flag.Int("n", 100, "how often it is killed")
	within := flag.Duration("ready", 2*time.Second, "longest start")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the random moments")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(*n)*10*time.Second+time.Minute)
	defer cancel()
	if err := run(ctx, *binary, *n, *within, *seed); err != nil {
		log.Fatal("kill: ", err)
	}
}

func run(ctx context.Context, binary string, n int, within time.Duration, seed uint64) (err error) {
	dir, err := os.MkdirTemp("", "yett-kill")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("{}")) // the gate may be gone
	}))
	defer up.Close()
	binary, err = filepath.Abs(binary)
	if err != nil {
		return err
	}
	g, err := prepare(dir, binary, up.URL)
	if err != nil {
		return err
	}
	w := &world{gate: g, random: rand.New(rand.NewPCG(seed, 1))}
	fmt.Printf("kill: %d times, seed %d\n", n, seed)
	var starts []time.Duration
	for round := range n + 1 {
		took, err := g.start(ctx)
		if err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		starts = append(starts, took)
		last := round == n
		if err := w.verify(ctx, last); err != nil {
			return errors.Join(fmt.Errorf("round %d: %w", round, err), g.kill())
		}
		if !last {
			w.stir(ctx, time.Duration(20+w.random.IntN(600))*time.Millisecond)
		} else {
			err = g.kill()
		}
		if err != nil {
			return err
		}
	}
	slices.Sort(starts)
	worst := starts[len(starts)-1]
	fmt.Printf("kill: killed %d times amid %d creations, %d rotations and %d revocations of keys, %d revocations of tokens, %d changes of sealing keys\n",
		n, w.done["create"], w.done["rotate"], w.done["revoke"], w.done["token"], w.done["seal"]+w.done["kek"])
	fmt.Printf("kill: %d were on their way: %d had happened, %d had not; %d requests were asked\n", w.doubtful, w.happened, w.doubtful-w.happened, w.asked)
	fmt.Printf("kill: ready after %v at most, %v in the middle\n", worst.Round(time.Millisecond), starts[len(starts)/2].Round(time.Millisecond))
	if worst > within {
		return fmt.Errorf("a start took %v, more than %v", worst, within)
	}
	fmt.Println("kill: everything acknowledged is there, nothing revoked works")
	return nil
}

// A state is what is known of a credential.
type state uint8

const (
	works state = iota
	refused
	doubt // something was on its way when the process ended
)

// A credential is a key or a token that was handed out.
type credential struct {
	header, value string
	id            string // of a key
	jti           string // of a token
	state         state
	round         int
}

// A world is what the clients know.
type world struct {
	gate   *gate
	random *rand.Rand

	mu       sync.Mutex
	all      []*credential
	round    int
	done     map[string]int
	doubtful int
	happened int
	asked    int
}

// recent is how many rounds a credential is looked at after every start. Older ones are looked at by chance, and at the end.
const recent = 3

// verify asks the gate about the credentials. What is in doubt must be one thing or the other, and stays that.
func (w *world) verify(ctx context.Context, all bool) error {
	w.round++
	for _, c := range w.all {
		if !all && w.round-c.round > recent && w.random.IntN(20) > 0 {
			continue
		}
		status, err := w.gate.ask(ctx, c.header, c.value)
		if err != nil {
			return err
		}
		w.asked++
		admitted := status == http.StatusOK
		switch {
		case status != http.StatusOK && status != http.StatusUnauthorized && status != http.StatusTooManyRequests:
			return fmt.Errorf("%s%s is answered %d", c.id, c.jti, status)
		case c.state == works && !admitted:
			return fmt.Errorf("%s%s was acknowledged in round %d and is answered %d", c.id, c.jti, c.round, status)
		case c.state == refused && admitted:
			return fmt.Errorf("%s%s was revoked in round %d and works", c.id, c.jti, c.round)
		case c.state == doubt:
			if w.doubtful++; admitted {
				c.state = works
			} else {
				c.state = refused
				w.happened++
			}
		}
	}
	return nil
}

// stir has clients change things until the process is killed, after a time.
func (w *world) stir(ctx context.Context, after time.Duration) {
	if w.done == nil {
		w.done = make(map[string]int)
	}
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					w.change(ctx)
				}
			}
		})
	}
	time.Sleep(after)
	// Killed first: what is on its way then must not be told to stop.
	if err := w.gate.kill(); err != nil {
		log.Print("kill: ", err)
	}
	close(stop)
	clients.Wait()
}

// change does one thing. A credential that it is done to is in doubt until it is acknowledged.
func (w *world) change(ctx context.Context) {
	w.mu.Lock()
	what := []string{"create", "create", "create", "rotate", "revoke", "token", "token", "seal", "kek"}[w.random.IntN(9)]
	var c *credential
	switch what {
	case "rotate", "revoke":
		c = w.pick(func(c *credential) bool { return c.id != "" })
	case "token":
		var err error
		if c, err = w.gate.token(w.round); err == nil {
			w.all = append(w.all, c)
		}
	}
	if c == nil && (what == "rotate" || what == "revoke") {
		what = "create"
	}
	if c != nil {
		c.state, c.round = doubt, w.round
	}
	w.mu.Unlock()

	made, err := w.gate.change(ctx, what, c)

	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		return // killed amid it, or about to be
	}
	w.done[what]++
	if c != nil {
		c.state = refused
	}
	if made != nil {
		made.round = w.round
		w.all = append(w.all, made)
	}
}

// pick chooses a credential that works.
func (w *world) pick(fit func(*credential) bool) *credential {
	if len(w.all) == 0 {
		return nil
	}
	from := w.random.IntN(len(w.all))
	for i := range w.all {
		if c := w.all[(from+i)%len(w.all)]; c.state == works && fit(c) {
			return c
		}
	}
	return nil
}
