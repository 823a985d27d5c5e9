// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// heads is a place for the newest head.
type heads struct {
	b   []byte
	err error // of the next calls

	mu   sync.Mutex
	hang chan struct{} // not nil: calls wait for it, and for nothing else
}

func (h *heads) LoadHead(context.Context) ([]byte, error) {
	h.wait()
	return h.b, h.err
}

func (h *heads) StoreHead(_ context.Context, b []byte) error {
	h.wait()
	if h.err == nil {
		h.b = bytes.Clone(b)
	}
	return h.err
}

func (h *heads) wait() {
	h.mu.Lock()
	c := h.hang
	h.mu.Unlock()
	if c != nil {
		<-c
	}
}

// stop has calls wait for c, and returns what they waited for before.
func (h *heads) stop(c chan struct{}) chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.hang
	h.hang = c
	return before
}

// joined is an index that every byte of every line counts in.
func joined(lines iter.Seq2[[]byte, error]) ([]byte, error) {
	var b []byte
	for line, err := range lines {
		if err != nil {
			return nil, err
		}
		b = append(b, sum(line)...)
	}
	return b, nil
}

// A stand is a log with all that belongs to it.
type stand struct {
	t    *testing.T
	dir  string
	key  string
	h    *heads
	now  time.Time
	off  time.Duration // of the clock
	size int64

	reserve int64
	log     *Log
}

func newStand(t *testing.T) *stand {
	t.Helper()
	key, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return &stand{t: t, dir: t.TempDir(), key: key, h: new(heads), now: began, reserve: -1, size: 8 << 10}
}

func (s *stand) options() Options {
	return Options{Key: s.key, Heads: s.h, Now: func() time.Time { return s.now }, Elapsed: func() time.Duration { return s.now.Sub(began) - s.off }, SegmentSize: s.size, Index: joined, Reserve: s.reserve}
}

// began is when the time of all stands begins.
var began = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// set sets the clock, while no time passes.
func (s *stand) set(ahead time.Duration) {
	s.now = s.now.Add(ahead)
	s.off += ahead
}

func (s *stand) open() *Log {
	s.t.Helper()
	l, err := Open(s.t.Context(), s.dir, s.options())
	if err != nil {
		s.t.Fatal(err)
	}
	s.log = l
	if err := l.Begin(); err != nil {
		s.t.Fatal(err)
	}
	return l
}

// write appends n lines, with a checkpoint after every tenth.
func (s *stand) write(n int) {
	s.t.Helper()
	for i := range n {
		seq := s.log.Number()
		s.now = s.now.Add(time.Millisecond)
		s.log.Write(fmt.Appendf(nil, `{"seq":%d,"id":"id-%d","time":%q,"kind":"exchange","text":"%x"}`, seq, seq, s.now.Format(time.RFC3339Nano), rand.Uint64()), seq)
		if i%10 == 9 {
			s.sync()
		}
	}
}

func (s *stand) sync() {
	s.t.Helper()
	if err := s.log.Sync(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) close() {
	s.t.Helper()
	if err := s.log.Close(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) verify(against ...[]byte) *Report {
	s.t.Helper()
	public, err := Public(s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := Verify(s.t.Context(), s.dir, VerifyOptions{Key: public, Heads: s.h, Index: joined, Against: against})
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// snapshot returns all files.
func (s *stand) snapshot() map[string][]byte {
	s.t.Helper()
	all := make(map[string][]byte)
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(s.dir, e.Name()))
		if err != nil {
			s.t.Fatal(err)
		}
		all[e.Name()] = b
	}
	return all
}

// newest names the last segment.
func newest(all map[string][]byte) string {
	var last string
	for name := range all {
		if stem := strings.TrimSuffix(name, filepath.Ext(name)); name != counterName {
			last = max(last, stem)
		}
	}
	return last
}

// restore puts all files back.
func (s *stand) restore(all map[string][]byte) {
	s.t.Helper()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		if _, ok := all[e.Name()]; !ok {
			if err := os.Remove(filepath.Join(s.dir, e.Name())); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	for name, b := range all {
		if have, err := os.ReadFile(filepath.Join(s.dir, name)); err != nil || !bytes.Equal(have, b) {
			if err := os.WriteFile(filepath.Join(s.dir, name), b, 0o600); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

func TestALogThatNobodyTouchedIsWhole(t *testing.T) {
	s := newStand(t)
	for run := range 3 {
		s.open()
		s.write(200)
		if run == 1 {
			if err := s.log.Tidy(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		s.close()
		s.now = s.now.Add(20 * time.Hour)
	}
	r := s.verify()
	if r.Bad != nil {
		t.Fatal(r.Bad)
	}
	if r.Records != 603 || r.Seq != 603 || r.Unsigned != 0 || len(r.Gaps) != 0 || r.Unsynced != nil || r.Segments < 4 {
		t.Errorf("got %+v", r)
	}
	if all, err := s.log.Segments(); err != nil || all[len(all)-1].End() != 603 {
		t.Errorf("segments: %v, %v", all, err)
	}
}

func TestEveryLineCanBeReadPackedOrNot(t *testing.T) {
	s := newStand(t)
	s.open()
	s.write(300)
	if err := s.log.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.log.Flush(); err != nil {
		t.Fatal(err)
	}
	all, err := s.log.Segments()
	if err != nil {
		t.Fatal(err)
	}
	n, packedOnes := uint64(0), 0
	for _, g := range all {
		r, err := g.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := r.lines.(*packed); ok {
			packedOnes++
		}
		i := int64(0)
		for line, err := range r.Lines(0) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			if one, err := r.Line(i); err != nil || !bytes.Equal(one, line) || !bytes.HasPrefix(line, fmt.Appendf(nil, `{"seq":%d,`, n)) {
				t.Fatalf("line %d: %s, %s, %v", n, line, one, err)
			}
			i++
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n != 300 || packedOnes == 0 || packedOnes == len(all) {
		t.Errorf("%d lines, %d of %d segments packed", n, packedOnes, len(all))
	}
	s.close()
}

// kill ends the log as SIGKILL does: what was flushed and counted is there, the rest is not.
func (s *stand) kill() {
	s.t.Helper()
	s.log = nil
}

func TestAfterAKillTheGapIsKnown(t *testing.T) {
	s := newStand(t)
	s.open()
	s.write(50)
	for range 3 {
		s.log.Enter()
	}
	for range 7 {
		seq := s.log.Number()
		s.log.Write(fmt.Appendf(nil, `{"seq":%d,"kind":"exchange"}`, seq), seq)
	}
	if err := s.log.Flush(); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		s.log.Number()
	}
	s.kill()
	r := s.verify()
	if r.Bad != nil {
		t.Fatal(r.Bad)
	}
	if u := r.Unsynced; r.Unsigned != 7 || u == nil || u.From != 58 || u.To != 65 || u.Lost != 8 || u.Open != 3 {
		t.Fatalf("before the next start: %+v, %+v", r, r.Unsynced)
	}
	s.open()
	s.write(5)
	s.close()
	r = s.verify()
	if r.Bad != nil {
		t.Fatal(r.Bad)
	}
	if r.Unsynced != nil || r.Lost != 8 || len(r.Gaps) != 1 || r.Gaps[0].From != 58 || r.Gaps[0].To != 65 || r.Gaps[0].Seq != 66 || r.Seq != 72 {
		t.Errorf("after it: %+v", r)
	}
}

func TestWhatAMachinesEndLeavesIsCutOff(t *testing.T) {
	for _, tt := range []struct {
		name string
		tail func(lines, tree []byte) ([]byte, []byte)
		kept uint64
	}{
		{"half a line", func(l, h []byte) ([]byte, []byte) { return l[:len(l)-9], h }, 54},
		{"lines without hashes", func(l, h []byte) ([]byte, []byte) { return l, h[:len(h)-2*entrySize-7] }, 55},
		{"hashes without lines", func(l, h []byte) ([]byte, []byte) { return l[:bytes.LastIndexByte(l[:len(l)-1], '\n')+1], h }, 54},
		{"zeros in place of the last line", func(l, h []byte) ([]byte, []byte) {
			at := bytes.LastIndexByte(l[:len(l)-1], '\n') + 1
			return append(l[:at:at], make([]byte, len(l)-at)...), h
		}, 54},
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
			s.kill()
			all := s.snapshot()
			last := newest(all)
			all[last+lineSuffix], all[last+treeSuffix] = tt.tail(all[last+lineSuffix], all[last+treeSuffix])
			s.restore(all)
			if r := s.verify(); r.Bad != nil {
				t.Fatal(r.Bad)
			}
			s.open()
			if s.log.tree.size < int64(tt.kept) || s.log.pending != nil {
				t.Errorf("%d lines were kept, want %d", s.log.tree.size, tt.kept)
			}
			s.write(5)
			s.close()
			if r := s.verify(); r.Bad != nil || r.Records+int64(r.Lost) != int64(r.Seq) || r.Lost != 55-tt.kept {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func TestOldSegmentsExpireAndTheLogSaysSo(t *testing.T) {
	s := newStand(t)
	s.size = 1 << 30
	s.open()
	s.write(100)
	s.now = s.now.AddDate(0, 0, 1)
	s.write(10)
	s.write(90)
	s.now = s.now.Add(30*24*time.Hour - time.Minute)
	if before, err := s.log.Expirable(30 * 24 * time.Hour); err != nil || before != 0 {
		t.Fatalf("while the youngest line of the segment is young: %d, %v", before, err)
	}
	s.now = s.now.Add(2 * time.Minute)
	before, err := s.log.Expirable(30 * 24 * time.Hour)
	if err != nil || before != 110 {
		t.Fatalf("expirable: %d, %v", before, err)
	}
	kept := s.snapshot()
	s.log.WriteNotice(Notice{Seq: s.log.Number(), Kind: KindExpired, Before: before})
	s.sync()
	if err := s.log.Expire(before); err != nil {
		t.Fatal(err)
	}
	s.close()
	if r := s.verify(); r.Bad != nil || r.Before != 110 || r.Records != 92 {
		t.Fatalf("got %+v", r)
	}
	// A crash amid the removal.
	all := s.snapshot()
	for name, b := range kept {
		if strings.HasPrefix(name, "2026-11-23") && strings.HasSuffix(name, treeSuffix) {
			all[name] = b
		}
	}
	s.restore(all)
	if r := s.verify(); r.Bad != nil || r.Before != 110 {
		t.Fatalf("amid the removal: %+v", r)
	}
	// More is removed than the log says.
	for name := range all {
		if strings.HasPrefix(name, "2026-11-23") || strings.HasPrefix(name, "2026-11-24") {
			delete(all, name)
		}
	}
	s.restore(all)
	if r := s.verify(); r.Bad == nil {
		t.Error("more was removed than the log says, and nobody noticed")
	}
}

func TestARolledBackLogIsNoticed(t *testing.T) {
	s := newStand(t)
	s.open()
	s.write(60)
	s.close()
	old, oldHead := s.snapshot(), bytes.Clone(s.h.b)
	s.open()
	s.write(60)
	s.close()
	exported, _ := cutNote(s.h.b)
	exported = bytes.Clone(exported)
	s.restore(old)
	if r := s.verify(); r.Bad == nil || r.Bad.What != RolledBack || r.Bad.Record != 62 {
		t.Errorf("against the head: %+v", r.Bad)
	}
	s.h.b = oldHead
	if r := s.verify(); r.Bad != nil {
		t.Errorf("with the head set back too: %+v", r.Bad)
	}
	if r := s.verify(exported); r.Bad == nil || r.Bad.What != RolledBack {
		t.Errorf("against an exported checkpoint: %+v", r.Bad)
	}
	// Another history of the same length.
	s.open()
	s.write(60)
	s.close()
	if r := s.verify(exported); r.Bad == nil || r.Bad.What != RolledBack {
		t.Errorf("another history: %+v", r.Bad)
	}
	if r := s.verify(); r.Bad != nil {
		t.Errorf("by itself: %+v", r.Bad)
	}
}

func TestALogWhoseEndIsGoneGoesOnFromTheHead(t *testing.T) {
	s := newStand(t)
	s.open()
	s.write(60)
	s.close()
	all := s.snapshot()
	last := newest(all)
	all[last+lineSuffix] = all[last+lineSuffix][:200]
	s.restore(all)
	s.open()
	s.write(20)
	s.close()
	if r := s.verify(); r.Bad == nil || r.Bad.What == RolledBack || r.Bad.Record > 61 {
		t.Errorf("got %+v", r.Bad)
	}
	s.h.b = nil
	s.restore(all)
	if _, err := Open(t.Context(), s.dir, Options{Key: s.key}); err != errLost {
		t.Errorf("without a head: %v", err)
	}
}

func TestLinesOfOlderVersionsGetHashes(t *testing.T) {
	s := newStand(t)
	for i, text := range []string{
		"{\"id\":\"a\",\"seq\":1,\"kind\":\"exchange\"}\n{\"seq\":2,\"kind\":\"stop\"}\n",
		"{\"id\":\"b\",\"seq\":3,\"kind\":\"exchange\"}\n{\"seq\":4,\"kind\":\"gap\",\"lost\":7}\n{\"id\":\"c\",\"seq\":5,\"kind\":\"exchange\"}\n{\"id\":\"d\",\"se",
	} {
		if err := os.WriteFile(filepath.Join(s.dir, segmentName("2026-11-22", i)+lineSuffix), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.open()
	s.write(20)
	s.close()
	r := s.verify()
	if r.Records != 5+2+20+1 || r.Seq != 28 || r.Gaps[0].Lost != 7 || r.Gaps[1].Lost != 0 {
		t.Errorf("got %+v", r)
	}
	// Lines are lines: that they had no checkpoints because they are old, nothing tells.
	if r.Bad == nil || r.Bad.What != Unproven || r.Bad.Record != 7 {
		t.Errorf("got %+v", r.Bad)
	}
	exported, _ := cutNote(s.h.b)
	if r := s.verify(bytes.Clone(exported)); r.Bad != nil {
		t.Errorf("from then on: %+v", r.Bad)
	}
}

func TestAFullDiskLosesNothingThatWasKept(t *testing.T) {
	s := newStand(t)
	l := s.open()
	s.write(10)
	// The directory cannot take a new segment.
	s.now = s.now.AddDate(0, 0, 1)
	s.sync()
	if err := os.Chmod(s.dir, 0o500); err != nil {
		t.Fatal(err)
	}
	seq := l.Number()
	l.Write(fmt.Appendf(nil, `{"seq":%d,"kind":"exchange"}`, seq), seq)
	err := l.Sync(t.Context())
	if os.Geteuid() != 0 && err == nil {
		t.Error("a segment was made in a directory that nobody may write")
	}
	if err := os.Chmod(s.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.write(10)
	s.close()
	if r := s.verify(); r.Bad != nil || r.Records != 22 {
		t.Errorf("got %+v", r)
	}
}

func TestTheFirstBadRecordIsNamed(t *testing.T) {
	s := newStand(t)
	s.size = 1 << 30
	s.open()
	s.write(100)
	s.close()
	whole := s.snapshot()
	name := segmentName("2026-11-23", 0)
	lines := bytes.SplitAfter(whole[name+lineSuffix], []byte{'\n'})
	at := func(f func(l [][]byte) [][]byte) []byte { return bytes.Join(f(slices.Clone(lines)), nil) }
	for _, tt := range []struct {
		name, what string
		record     int64
		lines      []byte
	}{
		{"a status is changed", Altered, 42, at(func(l [][]byte) [][]byte {
			l[41] = bytes.Replace(l[41], []byte("exchange"), []byte("exchanga"), 1)
			return l
		})},
		{"a line is taken out", Missing, 42, at(func(l [][]byte) [][]byte { return slices.Delete(l, 41, 42) })},
		{"ten lines are taken out", Missing, 42, at(func(l [][]byte) [][]byte { return slices.Delete(l, 41, 51) })},
		{"the last lines are taken out", Missing, 92, at(func(l [][]byte) [][]byte { return l[:91] })},
		{"a line is put in", Inserted, 42, at(func(l [][]byte) [][]byte { return slices.Insert(l, 41, []byte("{\"seq\":42}\n")) })},
		{"two neighbours are swapped", Moved, 42, at(func(l [][]byte) [][]byte { l[41], l[42] = l[42], l[41]; return l })},
		{"two lines are swapped", Moved, 42, at(func(l [][]byte) [][]byte { l[41], l[77] = l[77], l[41]; return l })},
		{"a line is repeated", Moved, 42, at(func(l [][]byte) [][]byte { return slices.Insert(l, 41, l[20]) })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all := maps.Clone(whole)
			all[name+lineSuffix] = tt.lines
			s.restore(all)
			b := s.verify().Bad
			if b == nil || b.What != tt.what || b.Record != tt.record || b.Whole > tt.record-1 || b.Whole < tt.record-11 {
				t.Errorf("got %+v, want %s at %d", b, tt.what, tt.record)
			}
		})
	}
	t.Run("a line and its hash are changed", func(t *testing.T) {
		all := maps.Clone(whole)
		all[name+lineSuffix] = at(func(l [][]byte) [][]byte {
			l[41] = bytes.Replace(l[41], []byte("exchange"), []byte("exchanga"), 1)
			return l
		})
		changed := bytes.SplitAfter(all[name+lineSuffix], []byte{'\n'})[41]
		tree := bytes.Clone(all[name+treeSuffix])
		i := len(treeMagic) + 8 + 41*entrySize
		old := readEntry(tree[i:])
		copy(tree[i:], entry{tlog.RecordHash(bytes.TrimSuffix(changed, []byte{10})), old.end}.append(nil))
		all[name+treeSuffix] = tree
		s.restore(all)
		if b := s.verify().Bad; b == nil || b.Record != 41 || b.Suspect != 10 || b.Whole != 40 {
			t.Errorf("got %+v", b)
		}
	})
	t.Run("a hash is changed", func(t *testing.T) {
		all := maps.Clone(whole)
		tree := bytes.Clone(all[name+treeSuffix])
		tree[len(treeMagic)+8+41*entrySize] ^= 1
		all[name+treeSuffix] = tree
		s.restore(all)
		if b := s.verify().Bad; b == nil || b.What != BadHashes || b.Record != 42 {
			t.Errorf("got %+v", b)
		}
	})
	t.Run("a segment is removed", func(t *testing.T) {
		all := maps.Clone(whole)
		for n := range all {
			if strings.HasPrefix(n, name) {
				delete(all, n)
			}
		}
		s.restore(all)
		if b := s.verify().Bad; b == nil || b.Record != 1 {
			t.Errorf("got %+v", b)
		}
	})
}

func TestNobodyReadsTheKeyInAnError(t *testing.T) {
	if _, err := Open(t.Context(), t.TempDir(), Options{Key: "PRIVATE+KEY+a+b+secret"}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func TestOpenChangesNothing(t *testing.T) {
	s := newStand(t)
	s.open()
	s.write(30)
	if err := s.log.Flush(); err != nil {
		t.Fatal(err)
	}
	s.log.Number()
	s.kill()
	before := s.snapshot()
	if _, err := Open(t.Context(), s.dir, Options{Key: s.key, Heads: s.h}); err != nil {
		t.Fatal(err)
	}
	after := s.snapshot()
	if !maps.EqualFunc(before, after, bytes.Equal) {
		t.Error("a log that nobody writes to was changed")
	}
	info, err := os.Stat(filepath.Join(s.dir, counterName))
	if err != nil || info.Mode().Perm() != fs.FileMode(0o600) {
		t.Errorf("the counter: %v, %v", info.Mode(), err)
	}
}

func TestWhoIsLateMayStillCount(t *testing.T) {
	s := newStand(t)
	s.open()
	s.write(3)
	s.close()
	runtime.GC()
	s.log.Enter()
	late := s.log.Number() // with the memory gone, this ended the process
	s.log.Leave()
	s.open()
	s.write(1)
	s.close()
	if r := s.verify(); r.Bad != nil || r.Lost == 0 {
		t.Errorf("number %d has no line, and nothing says so: %+v", late, r)
	}
}
