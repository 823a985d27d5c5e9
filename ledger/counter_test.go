// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestWhereTheBootIsNotKnown: not every system tells one run of the machine from another.
func TestWhereTheBootIsNotKnown(t *testing.T) {
	for _, tt := range []struct {
		name string
		tail func(lines, tree []byte) ([]byte, []byte)
		kept uint64
	}{
		{"nothing else is wrong", func(l, h []byte) ([]byte, []byte) { return l, h }, 55},
		{"half a line", func(l, h []byte) ([]byte, []byte) { return l[:len(l)-9], h }, 54},
		{"lines without hashes", func(l, h []byte) ([]byte, []byte) { return l, h[:len(h)-2*entrySize] }, 55},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStand(t)
			s.open()
			s.write(50)
			for range 5 {
				seq := s.log.Number()
				s.log.Write(fmt.Appendf(nil, `{"seq":%d,"kind":"exchange"}`, seq), seq)
			}
			if err := s.log.Flush(); err != nil {
				t.Fatal(err)
			}
			for range 7 {
				s.log.Number()
			}
			s.kill()
			all := s.snapshot()
			copy(all[counterName][8:44], make([]byte, 36))
			last := newest(all)
			all[last+lineSuffix], all[last+treeSuffix] = tt.tail(all[last+lineSuffix], all[last+treeSuffix])
			s.restore(all)
			r := s.verify()
			if r.Bad != nil || r.Unsynced == nil || r.Unsynced.From != tt.kept+1 || r.Unsynced.To != 62 {
				t.Fatalf("before the next start: %+v, %+v", r.Bad, r.Unsynced)
			}
			s.open()
			if n := s.log.Number(); n != 64 {
				t.Errorf("number %d, want 64: one to 62 were given, and the gap has one", n)
			}
		})
	}
	t.Run("nor now", func(t *testing.T) {
		c := counts{present: true, boot: "", seq: 7}
		if n := missing(7, c, false); n == nil || n.Lost != 0 {
			t.Errorf("a machine that may have gone down: %+v", n)
		}
	})
}

func TestACounterThatIsCutEndsNothing(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(t *testing.T, name string)
	}{
		{"cut to nothing", func(t *testing.T, name string) {
			if err := os.Truncate(name, 0); err != nil {
				t.Fatal(err)
			}
		}},
		{"cut, and long again with zeros", func(t *testing.T, name string) {
			if err := os.Truncate(name, 0); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(name, counterSize); err != nil {
				t.Fatal(err)
			}
		}},
		{"removed", func(t *testing.T, name string) {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}},
		{"set back", func(t *testing.T, name string) {
			f, err := os.OpenFile(name, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt([]byte{1, 0, 0, 0, 0, 0, 0, 0}, 48); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStand(t)
			s.open()
			s.write(20)
			s.log.Enter()
			tt.spoil(t, filepath.Join(s.dir, counterName))
			s.log.Enter()
			s.log.Leave()
			if n := s.log.Number(); n != 21 {
				t.Errorf("number %d, want 21", n)
			}
			s.log.Write([]byte(`{"seq":21,"id":"a","kind":"exchange"}`), 21)
			s.sync()
			c, err := readCounts(s.dir)
			if err != nil || !c.present || c.seq != 21 || c.boot != boot() {
				t.Errorf("after the next Sync: %+v, %v", c, err)
			}
			s.log.Number()
			s.kill()
			if r := s.verify(); r.Bad != nil || r.Unsynced == nil || r.Unsynced.From != 22 || r.Unsynced.To < 22 {
				t.Errorf("after a kill: %+v, %+v", r.Bad, r.Unsynced)
			}
		})
	}
}

func TestNumbersComeOnceWhateverHappensToTheCounter(t *testing.T) {
	s := newStand(t)
	l := s.open()
	name := filepath.Join(s.dir, counterName)
	const each = 2000
	var running sync.WaitGroup
	got := make([][]uint64, 4)
	for i := range got {
		running.Go(func() {
			for range each {
				l.Enter()
				got[i] = append(got[i], l.Number())
				l.Leave()
			}
		})
	}
	for range 20 {
		if err := os.Truncate(name, 0); err != nil {
			t.Error(err)
		}
		if err := l.counter.sync(l.clock.state()); err != nil {
			t.Error(err)
		}
	}
	running.Wait()
	seen := make(map[uint64]bool)
	for _, all := range got {
		for _, n := range all {
			if seen[n] {
				t.Fatalf("number %d came twice", n)
			}
			seen[n] = true
		}
	}
	if len(seen) != len(got)*each || !seen[uint64(len(got)*each)] {
		t.Errorf("%d numbers", len(seen))
	}
}

func TestAGarbledCounterIsNoEvidence(t *testing.T) {
	s := newStand(t)
	s.open()
	s.write(20)
	s.close()
	if err := os.WriteFile(filepath.Join(s.dir, counterName), bytes.Repeat([]byte("x"), counterSize), 0o600); err != nil {
		t.Fatal(err)
	}
	s.open()
	if n := s.log.Number(); n != 22 {
		t.Errorf("number %d, want 22", n)
	}
}

func BenchmarkNumber(b *testing.B) {
	c, err := newCounter(b.TempDir(), 0, began)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		c.under(1)
		c.next()
		c.under(-1)
	}
}
