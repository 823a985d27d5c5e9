// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// equal compares the three numbers of a run in which nothing may be missing.
func (s *stand) equal(ctx context.Context, c count) error {
	t, err := s.logged(ctx)
	if err != nil {
		return err
	}
	seen := s.seen.Load()
	fmt.Printf("records:   %d answered, %d seen and %d refused, %d records (%d over HTTP/2), %d lost\n", c.answered, seen, t.refused, t.records, t.two, t.lost)
	if err := s.each(t); err != nil {
		return err
	}
	if t.two == 0 {
		return errors.New("nothing was asked over HTTP/2")
	}
	if c.broken != 0 || c.answered != t.records+t.lost || seen != t.reached || t.lost != 0 {
		return fmt.Errorf("the numbers differ: %+v, %+v, seen %d", c, t, seen)
	}
	return s.whole(ctx)
}

// each holds every single request against the log: one that was answered has its record, once, or lies in a gap; one that was
// not may have a record; and nobody else has.
func (s *stand) each(t tally) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	missing := int64(0)
	for trace, answered := range s.answers {
		if n := t.traces[trace]; n > 1 {
			return fmt.Errorf("request %s has %d records", trace, n)
		} else if n == 0 && answered {
			missing++
		}
	}
	for trace := range t.traces {
		if _, asked := s.answers[trace]; !asked {
			return fmt.Errorf("there is a record of %s, and nobody asked that", trace)
		}
	}
	if missing > t.lost {
		return fmt.Errorf("%d requests were answered and have no record, but only %d numbers stand in gaps", missing, t.lost)
	}
	fmt.Printf("records:   of %d requests, each held against the log: %d that were answered lie in gaps\n", len(s.answers), missing)
	return nil
}

// A slowSink is a syslog server that reads nothing for a while, and then everything.
type slowSink struct {
	net.Listener
	open chan struct{}
	mu   sync.Mutex
	seqs map[uint64]bool
}

func (k *slowSink) serve() {
	for {
		c, err := k.Accept()
		if err != nil {
			return
		}
		go k.read(c)
	}
}

func (k *slowSink) read(c net.Conn) {
	defer func() { _ = c.Close() }() // it was only read
	<-k.open
	r := bufio.NewReader(c)
	for {
		length, err := r.ReadString(' ')
		n, aerr := strconv.Atoi(strings.TrimSpace(length))
		if err != nil || aerr != nil || n > 1<<20 {
			return
		}
		frame := make([]byte, n)
		if _, err := io.ReadFull(r, frame); err != nil {
			return
		}
		var e struct{ Seq uint64 }
		if i := strings.IndexByte(string(frame), '{'); i >= 0 && json.Unmarshal(frame[i:], &e) == nil {
			k.mu.Lock()
			k.seqs[e.Seq] = true
			k.mu.Unlock()
		}
	}
}

// steady has clients ask while the configuration is reloaded and a sink reads nothing.
func steady(ctx context.Context, s *stand) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	k := &slowSink{Listener: l, open: make(chan struct{}), seqs: make(map[uint64]bool)}
	s.atClose = append(s.atClose, l.Close)
	go k.serve()
	s.extra = fmt.Sprintf("  sinks: [{ type: syslog, address: \"tcp://%s\", timeout: 60s }]\n", l.Addr())
	if err := s.start(ctx); err != nil {
		return err
	}
	asked := make(chan count, 1)
	var done atomic.Bool
	go func() { asked <- s.ask(ctx, 16, func(int64) bool { return done.Load() }) }()
	for i := range 10 {
		time.Sleep(300 * time.Millisecond)
		if err := s.configure(fmt.Sprintf("  retention: %dd\n", 30+i)); err != nil {
			return err
		}
		if _, err := s.yett(ctx, "", "reload"); err != nil {
			return err
		}
	}
	done.Store(true)
	c := <-asked
	if err := s.equal(ctx, c); err != nil {
		return err
	}
	close(k.open)
	want := uint64(c.answered)
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		k.mu.Lock()
		n, gone := uint64(len(k.seqs)), uint64(0)
		for seq := uint64(1); seq <= n; seq++ {
			if !k.seqs[seq] {
				gone++
			}
		}
		k.mu.Unlock()
		if n >= want && gone == 0 {
			fmt.Printf("records:   the slow sink has all of %d, %.1f s after it began to read\n", n, time.Since(began).Seconds())
			return nil
		}
		if time.Since(began) > time.Minute {
			return fmt.Errorf("the slow sink has %d of %d, with %d holes", n, want, gone)
		}
	}
}

// fullDisk fills the disk of the data directory amid requests, and empties it again.
func fullDisk(ctx context.Context, s *stand) error {
	disk := filepath.Join(s.dir, "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=48m,mode=0700"); err != nil {
		fmt.Printf("records:   left out: no tmpfs can be mounted here (%v)\n", err)
		return nil
	}
	s.atClose = append(s.atClose, func() error { return syscall.Unmount(disk, 0) })
	s.data = filepath.Join(disk, "data")
	if err := s.start(ctx); err != nil {
		return err
	}
	before := s.ask(ctx, 16, func(n int64) bool { return n > 3000 })
	ballast := filepath.Join(disk, "ballast")
	if err := fill(ballast); err != nil {
		return err
	}
	// Some pass until the log notices; from the first refusal on, none does.
	var during count
	refusing := int64(0)
	for began := time.Now(); time.Since(began) < 5*time.Second; {
		c := s.ask(ctx, 16, func(n int64) bool { return n > 160 })
		during = sum(during, c)
		if refusing > 0 && c.ok > 0 {
			return fmt.Errorf("%d requests passed after the first refusal", c.ok)
		}
		if c.ok == 0 && c.unavailable > 0 {
			refusing += c.unavailable
		}
	}
	if refusing == 0 {
		return errors.New("the disk is full, and everything passes")
	}
	if err := os.Remove(ballast); err != nil {
		return err
	}
	began := time.Now()
	var after count
	for after.ok == 0 {
		if after = sum(after, s.ask(ctx, 1, func(n int64) bool { return n > 1 })); time.Since(began) > 20*time.Second {
			return errors.New("the disk has room again, and nothing passes")
		}
		time.Sleep(50 * time.Millisecond)
	}
	fmt.Printf("records:   %d answered 503 while the disk was full; whole again after %.1f s without a restart\n", refusing, time.Since(began).Seconds())
	after = sum(after, s.ask(ctx, 16, func(n int64) bool { return n > 3000 }))
	c := sum(before, sum(during, after))
	t, err := s.logged(ctx)
	if err != nil {
		return err
	}
	seen := s.seen.Load()
	fmt.Printf("records:   %d answered, %d seen and %d refused, %d records, %d numbers in gaps\n", c.answered, seen, t.refused, t.records, t.lost)
	if c.answered != t.records+t.lost || seen != t.reached || c.broken != 0 {
		return fmt.Errorf("the numbers differ: %+v, %+v, seen %d", c, t, seen)
	}
	if err := s.whole(ctx); err != nil {
		return err
	}
	return s.stop()
}

func sum(a, b count) count {
	return count{a.answered + b.answered, a.ok + b.ok, a.unavailable + b.unavailable, a.broken + b.broken}
}

// fill takes all the room there is.
func fill(name string) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304 -- a name made here
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for b := make([]byte, 1<<20); len(b) > 0; {
		if _, err := f.Write(b); errors.Is(err, syscall.ENOSPC) {
			b = b[:len(b)/2]
		} else if err != nil {
			return err
		}
	}
	return nil
}

// killed kills the binary amid requests, again and again.
func killed(ctx context.Context, s *stand, n int, seed uint64) error {
	random := rand.New(rand.NewPCG(seed, 1)) // #nosec G404 -- the moments, to be repeated
	var all count
	for i := range n {
		if err := s.start(ctx); err != nil {
			return err
		}
		var done atomic.Bool
		asked := make(chan count, 1)
		go func() { asked <- s.ask(ctx, 16, func(int64) bool { return done.Load() }) }()
		time.Sleep(time.Duration(100+random.IntN(2500)) * time.Millisecond)
		if err := s.kill(); err != nil {
			return err
		}
		done.Store(true)
		all = sum(all, <-asked)
		// Before the next start, too: nobody wrote since, and nothing is mended.
		out, err := s.yett(ctx, "", "log", "verify")
		if err != nil {
			return fmt.Errorf("after kill %d: %w", i+1, err)
		}
		if i == 0 {
			fmt.Printf("records:   after the first: %s", out)
		}
	}
	if err := s.start(ctx); err != nil {
		return err
	}
	all = sum(all, s.ask(ctx, 4, func(n int64) bool { return n > 100 }))
	if err := s.stop(); err != nil {
		return err
	}
	t, err := s.logged(ctx)
	if err != nil {
		return err
	}
	seen := s.seen.Load()
	fmt.Printf("records:   killed %d times: %d answered and %d broken off, %d seen, %d records, %d numbers in gaps, %d of them under way\n",
		n, all.answered, all.broken, seen, t.records, t.lost, t.open)
	switch {
	case all.answered > t.records+t.lost:
		return errors.New("more were answered than stand in records and gaps")
	case seen > t.reached+t.lost:
		return errors.New("the service saw more than stand in records and gaps")
	case t.records+t.lost > all.answered+all.broken:
		return errors.New("more stand in records and gaps than were asked")
	}
	if err := s.each(t); err != nil {
		return err
	}
	return s.whole(ctx)
}
