// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// behind lets a sink fall further behind than it may, under both policies, and then catch up.
func behind(ctx context.Context, s *stand) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	k := &slowSink{Listener: l, open: make(chan struct{}), seqs: make(map[uint64]bool)}
	s.atClose = append(s.atClose, l.Close)
	go k.serve()
	sink := func(policy string) string {
		return fmt.Sprintf("  sinks: [{ name: slow, type: syslog, address: \"tcp://%s\", timeout: 2s, max_lag: 1000, on_failure: %s }]\n", l.Addr(), policy)
	}
	s.extra = sink("refuse")
	if err := s.start(ctx); err != nil {
		return err
	}
	// The sink takes nothing beyond what the connection holds.
	var all count
	for began := time.Now(); all.unavailable == 0; {
		all = sum(all, s.ask(ctx, 16, func(n int64) bool { return n > 2000 }))
		if time.Since(began) > time.Minute {
			return fmt.Errorf("a sink is %d records behind, and everything passes", all.answered)
		}
	}
	if err := s.alerted(ctx, true, 15*time.Second); err != nil {
		return err
	}
	fmt.Printf("records:   refused after %d, an alert stands\n", all.ok)
	close(k.open)
	began := time.Now()
	for {
		one := s.ask(ctx, 1, func(n int64) bool { return n > 1 })
		if all = sum(all, one); one.ok > 0 {
			break
		}
		if time.Since(began) > time.Minute {
			return errors.New("the sink takes everything again, and nothing passes")
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err := s.alerted(ctx, false, 15*time.Second); err != nil {
		return err
	}
	fmt.Printf("records:   admitted again %.1f s after it began to read, the alert is over\n", time.Since(began).Seconds())
	if err := s.counted(ctx, all); err != nil {
		return err
	}
	if err := s.stop(); err != nil {
		return err
	}

	// The other policy: nobody is refused, and what is left out there is told.
	if k.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	s.atClose = append(s.atClose, k.Close)
	l = k.Listener
	s.extra = sink("drop-and-count") // nobody reads there: the system takes some megabytes by itself
	if err := s.start(ctx); err != nil {
		return err
	}
	for began := time.Now(); ; {
		more := s.ask(ctx, 16, func(n int64) bool { return n > 2000 })
		if all = sum(all, more); more.unavailable > 0 {
			return fmt.Errorf("%d were refused, although records may be left out", more.unavailable)
		}
		if s.alerted(ctx, true, time.Second) == nil {
			break
		}
		if time.Since(began) > 2*time.Minute {
			return fmt.Errorf("a sink is behind, and no alert tells: %d asked", all.answered)
		}
	}
	fmt.Println("records:   none refused where records may be left out, an alert stands")
	return s.counted(ctx, all)
}

// counted compares what clients, the service and the log have of everything so far.
func (s *stand) counted(ctx context.Context, c count) error {
	t, err := s.logged(ctx)
	if err != nil {
		return err
	}
	if seen := s.seen.Load(); c.answered != t.records+t.lost || seen != t.reached || t.lost != 0 || c.broken != 0 {
		return fmt.Errorf("the numbers differ: %+v, %+v, seen %d", c, t, seen)
	}
	return s.whole(ctx)
}

// alerted waits for the alert of a sink, or for its end.
func (s *stand) alerted(ctx context.Context, stands bool, atMost time.Duration) error {
	var out []byte
	for began := time.Now(); time.Since(began) < atMost; time.Sleep(100 * time.Millisecond) {
		var err error
		if out, err = s.yett(ctx, "", "status"); err == nil && strings.Contains(string(out), "records_sink_behind since") == stands {
			return nil
		}
	}
	return fmt.Errorf("an alert should stand: %v, and the status is %s", stands, out)
}
