// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// days writes a few records on each of n days.
func (s *stand) days(n int) {
	s.t.Helper()
	for range n {
		s.write(10)
		s.now = s.now.Add(day)
		s.sync()
	}
}

func (s *stand) expirable(retention time.Duration) int64 {
	s.t.Helper()
	n, err := s.log.Expirable(retention)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// clockTrouble returns what the log says of the clock.
func (s *stand) clockTrouble() string {
	for _, t := range s.log.Troubles() {
		if t.Kind == TroubleClock {
			return t.Summary
		}
	}
	return ""
}

func TestAClockThatIsAheadRemovesNothing(t *testing.T) {
	for _, tt := range []struct {
		name string
		step func(s *stand)
		left int64 // lines that may be removed while it is ahead, of 50, with a retention of 90 days
	}{
		{"five years, while the log runs", func(s *stand) { s.set(5 * year) }, 0},
		{"five years, and a restart", func(s *stand) { s.set(5 * year); s.close(); s.open() }, 0},
		{"five years, before a start after a kill", func(s *stand) { s.kill(); s.set(5 * year); s.open() }, 0},
		{"five years, and killed at every start", func(s *stand) {
			s.set(5 * year)
			for range 5 {
				s.kill()
				s.open()
				s.write(1)
				s.sync()
				s.now = s.now.Add(time.Minute)
			}
		}, 0},
		{"five years, for an hour at each of ten starts", func(s *stand) {
			for range 10 {
				s.close()
				s.set(5 * year)
				s.open()
				s.now = s.now.Add(time.Hour)
				s.write(1)
				s.sync()
				s.set(-5 * year)
				s.sync()
				if got := s.clockTrouble(); got != "" {
					s.t.Errorf("once it is right again: %s", got)
				}
			}
		}, 0},
		{"100 years, back, and then five", func(s *stand) { s.set(100 * year); s.sync(); s.set(-100 * year); s.sync(); s.set(5 * year) }, 0},
		{"91 days really pass", func(s *stand) { s.now = s.now.Add(91 * day) }, 50},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStand(t)
			s.open()
			s.days(5)
			tt.step(s)
			s.write(1)
			s.sync()
			if got := s.expirable(90 * day); got != tt.left {
				t.Errorf("%d lines are old, want %d", got, tt.left)
			}
		})
	}
}

func TestAClockIsBelievedOnceItHasKeptItsTimeForADay(t *testing.T) {
	s := newStand(t)
	s.open()
	s.days(5)
	s.close()
	// Idle for so long: the clock is right, but nothing tells that yet.
	s.set(120 * day)
	s.open()
	s.write(1)
	s.sync()
	if got := s.clockTrouble(); !strings.Contains(got, "120.0 days ahead") || !strings.Contains(got, "24h0m0s more") {
		t.Errorf("trouble: %q", got)
	}
	for range 11 {
		s.now = s.now.Add(2 * time.Hour) // runs of two hours, with restarts between
		s.sync()
		if s.expirable(90*day) != 0 {
			t.Fatal("too early")
		}
		s.close()
		s.open()
	}
	s.now = s.now.Add(2*time.Hour + time.Minute)
	s.sync()
	if got := s.clockTrouble(); got != "" {
		t.Errorf("after a day: %s", got)
	}
	if got := s.expirable(90 * day); got < 50 {
		t.Errorf("%d lines are old, want the first 50 at least", got)
	}
	if got := s.expirable(300 * day); got != 0 {
		t.Errorf("%d lines are older than 300 days", got)
	}
}

func TestRetentionHoldsAfterAWrongClock(t *testing.T) {
	for _, tt := range []struct {
		name  string
		ahead time.Duration
	}{{"ahead", 5 * year}, {"behind", -20 * year}} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStand(t)
			s.size = 512
			s.open()
			s.days(2)
			s.set(tt.ahead)
			s.write(5)
			s.sync()
			s.set(-tt.ahead)
			s.write(1)
			s.sync()
			wrong := s.log.tree.size
			if got := s.expirable(30 * day); got != 0 {
				t.Fatalf("%d lines are old at once", got)
			}
			for range 5 {
				s.days(2)
			}
			if got := s.expirable(5 * day); got < wrong || got >= s.log.tree.size-5 {
				t.Errorf("%d lines are old, want %d at least, and not those of the last five days", got, wrong)
			}
			s.close()
			if r := s.verify(); r.Bad != nil {
				t.Error(r.Bad)
			}
		})
	}
}

func TestTheLastSegmentExpiresToo(t *testing.T) {
	s := newStand(t)
	s.open()
	s.write(30)
	s.now = s.now.Add(100 * day)
	s.sync() // its day is over
	before := s.expirable(90 * day)
	if before != 30 {
		t.Fatalf("%d lines are old, want 30", before)
	}
	s.log.WriteNotice(Notice{Seq: s.log.Number(), Kind: KindExpired, Before: before})
	s.sync()
	if err := s.log.Expire(before); err != nil {
		t.Fatal(err)
	}
	s.close()
	if r := s.verify(); r.Bad != nil || r.Before != 30 || r.Records != 2 {
		t.Errorf("got %+v, %+v", r, r.Bad)
	}
}

func TestASegmentEndsAfterADayWhateverItsName(t *testing.T) {
	s := newStand(t)
	s.set(5 * year)
	s.open()
	s.write(3)
	s.set(-5 * year)
	first := s.log.name
	s.now = s.now.Add(25 * time.Hour)
	s.sync()
	s.write(1)
	s.sync()
	if s.log.name == first {
		t.Errorf("%s goes on", first)
	}
	s.close()
}

func TestABadListOfCheckpointsKeepsNothingForEver(t *testing.T) {
	s := newStand(t)
	s.open()
	s.days(10)
	all, err := s.log.Segments()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(s.dir, all[1].Name+noteSuffix)
	if err := errors.Join(os.Remove(name), os.Mkdir(name, 0o700)); err != nil {
		t.Fatal(err)
	}
	if got := s.expirable(5 * day); got <= all[1].End() {
		t.Errorf("%d lines are old, want more than %d", got, all[1].End())
	}
}
