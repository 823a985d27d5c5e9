// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

// rolledBack is a log whose files were set back to 61 lines, while the store knows 122.
func rolledBack(t *testing.T) *stand {
	t.Helper()
	s := newStand(t)
	s.open()
	s.write(60)
	s.close()
	old := s.snapshot()
	s.open()
	s.write(60)
	s.close()
	s.restore(old)
	return s
}

// begin opens the log and begins it.
func (s *stand) begin() error {
	s.t.Helper()
	l, err := Open(s.t.Context(), s.dir, s.options())
	if err != nil {
		return err
	}
	s.log = l
	return l.Begin()
}

func TestAGarbledHeadStopsTheLogFromGoingOn(t *testing.T) {
	s := rolledBack(t)
	right := bytes.Clone(s.h.b)
	for _, at := range []int{0, 40, len(right) - 1} {
		s.h.b = bytes.Clone(right)
		s.h.b[at] ^= 1
		garbled := bytes.Clone(s.h.b)
		before := s.snapshot()
		for range 2 {
			if err := s.begin(); err == nil || !strings.Contains(err.Error(), "restore the store") {
				t.Errorf("byte %d: began: %v", at, err)
			}
			if _, err := s.log.Newest(t.Context()); err == nil {
				t.Error("another checkpoint was given in its place")
			}
		}
		if !bytes.Equal(s.h.b, garbled) || len(s.snapshot()) != len(before) {
			t.Error("the evidence was changed")
		}
		if r := s.verify(); r.Bad == nil || r.Bad.File != "the store" {
			t.Errorf("byte %d: %+v", at, r.Bad)
		}
	}
	s.h.b = right
	s.open()
	s.write(5)
	s.close()
	if r := s.verify(); r.Bad == nil {
		t.Error("the rollback is not noticed")
	}
}

func TestAHeadThatCannotBeLoadedIsAskedForAgain(t *testing.T) {
	s := newStand(t)
	s.open()
	s.write(30)
	s.close()
	kept := bytes.Clone(s.h.b)
	s.h.err = errors.New("the database is locked")
	if err := s.begin(); err == nil || !strings.Contains(err.Error(), "locked") {
		t.Fatalf("began: %v", err)
	}
	if s.log.Seq() != 31 || !bytes.Equal(s.h.b, kept) {
		t.Errorf("number %d; the head was touched: %v", s.log.Seq(), !bytes.Equal(s.h.b, kept))
	}
	if all, err := s.log.Segments(); err != nil || len(all) == 0 {
		t.Errorf("it cannot be read: %v, %v", all, err)
	}
	s.h.err = nil
	s.log.asked = s.log.asked.Add(-headTimeout)
	if err := s.log.Begin(); err != nil {
		t.Fatal(err)
	}
	s.write(10)
	s.close()
	if r := s.verify(); r.Bad != nil || r.Records != 42 || len(r.Heads) != 0 {
		t.Errorf("got %+v, %+v", r, r.Bad)
	}
}

func TestAHangingPlaceOfHeadsIsNotWaitedFor(t *testing.T) {
	s := newStand(t)
	s.h.stop(make(chan struct{}))
	defer func() { close(s.h.stop(nil)) }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l, err := Open(ctx, s.dir, s.options())
	if err != nil || l.headless == nil {
		t.Errorf("got %v, %v", err, l.headless)
	}
}

func TestAMissingHeadIsNamedForGood(t *testing.T) {
	s := rolledBack(t)
	s.h.b = nil
	if r := s.verify(); r.Bad == nil || r.Bad.What != Unproven || r.Bad.Record != 62 || r.Bad.File != "the store" {
		t.Fatalf("before the next start: %+v", r.Bad)
	}
	for i := range 2 {
		s.open()
		all := s.log.Troubles()
		if told := len(all) == 1 && all[0].Kind == TroubleUnproven; told != (i == 0) {
			t.Errorf("start %d: trouble %v", i, all)
		}
		s.write(20)
		s.close()
	}
	r := s.verify()
	if b := r.Bad; b == nil || b.What != Unproven || b.Seq == 0 || len(r.Heads) != 1 || r.Heads[0].Kind != KindNoHead || b.Record < 62 || b.Record > 63 {
		t.Fatalf("after it: %+v, %+v", r.Bad, r.Heads)
	}
	// Somebody knows why, and compares with what is so from then on.
	exported, _ := cutNote(s.h.b)
	exported = bytes.Clone(exported)
	if r := s.verify(exported); r.Bad != nil || len(r.Heads) != 1 {
		t.Errorf("compared with a later checkpoint: %+v", r.Bad)
	}
	s.open()
	at := s.log.tree.size
	s.log.WriteNotice(Notice{Seq: s.log.Number(), Kind: KindAccepted, Before: at, Cause: "the store came from a backup"})
	s.write(10)
	s.close()
	if r := s.verify(); r.Bad != nil || len(r.Heads) != 1 {
		t.Errorf("accepted: %+v, %+v", r.Bad, r.Heads)
	}
	// It holds for what was before it only.
	s.h.b = nil
	s.open()
	s.write(10)
	s.close()
	if r := s.verify(); r.Bad == nil || r.Bad.Record <= at || len(r.Heads) != 2 {
		t.Errorf("gone once more: %+v, %+v", r.Bad, r.Heads)
	}
}

func TestLinesWithoutCheckpointsProveNothing(t *testing.T) {
	s := newStand(t)
	s.size = 1 << 30
	s.open()
	s.write(30)
	s.close()
	// Altered, hashed anew, and made to look as if no checkpoint had ever been there.
	name := segmentName("2026-11-23", 0)
	all := s.snapshot()
	s.restore(map[string][]byte{name + lineSuffix: bytes.ReplaceAll(all[name+lineSuffix], []byte("id-7"), []byte("id-8"))})
	s.h.b = nil
	s.open()
	s.write(5)
	s.close()
	if r := s.verify(); r.Bad == nil || r.Bad.What != Unproven {
		t.Errorf("got %+v", r.Bad)
	}
}

func TestAnOlderHeadIsWrittenDown(t *testing.T) {
	s := newStand(t)
	s.open()
	s.write(30)
	s.close()
	backup := bytes.Clone(s.h.b)
	s.open()
	s.write(60)
	s.close()
	s.h.b = backup
	s.open()
	s.write(10)
	s.close()
	r := s.verify()
	if r.Bad != nil || len(r.Heads) != 1 || r.Heads[0].Kind != KindOldHead {
		t.Errorf("got %+v, %+v", r.Bad, r.Heads)
	}
}

func TestAKillBetweenFilesAndStoreIsNoDoubt(t *testing.T) {
	s := newStand(t)
	s.open()
	before := bytes.Clone(s.h.b) // of no lines yet
	s.write(5)
	s.sync()
	s.kill()
	s.h.b = before
	s.open()
	s.write(10)
	s.close()
	if r := s.verify(); r.Bad != nil || len(r.Heads) != 0 {
		t.Errorf("got %+v, %+v", r.Bad, r.Heads)
	}
}

func TestALogThatNeverHadAPlaceOfHeadsTakesOne(t *testing.T) {
	s := newStand(t)
	o := s.options()
	o.Heads = nil
	l, err := Open(t.Context(), s.dir, o)
	if err != nil {
		t.Fatal(err)
	}
	s.log = l
	if err := l.Begin(); err != nil {
		t.Fatal(err)
	}
	s.write(20)
	s.close()
	s.open() // begins all the same
	s.write(20)
	s.close()
	exported, _ := cutNote(s.h.b)
	if r := s.verify(bytes.Clone(exported)); r.Bad != nil || r.Records != 43 {
		t.Errorf("got %+v, %+v", r, r.Bad)
	}
}

func TestAnEmptyLogIsWhole(t *testing.T) {
	s := newStand(t)
	if r := s.verify(); r.Bad != nil {
		t.Error(r.Bad)
	}
	s.open()
	if r := s.verify(); r.Bad != nil || len(s.h.b) == 0 {
		t.Errorf("begun: %+v, a head of %d bytes", r.Bad, len(s.h.b))
	}
	if signed, err := s.log.Newest(t.Context()); signed != nil || err != nil {
		t.Errorf("a checkpoint of nothing: %s, %v", signed, err)
	}
	s.kill()
	s.open()
	s.write(1)
	s.close()
	if r := s.verify(); r.Bad != nil || len(r.Heads) != 0 {
		t.Errorf("got %+v, %+v", r.Bad, r.Heads)
	}
	// Everything is gone, but not the counter.
	s.restore(map[string][]byte{counterName: s.snapshot()[counterName]})
	s.h.b = nil
	s.open()
	s.write(1)
	s.close()
	if r := s.verify(); r.Bad == nil || r.Bad.What != Unproven {
		t.Errorf("all files and the head are gone: %+v", r.Bad)
	}
}

func TestLinesThatWereUnderNoCheckpointAreCounted(t *testing.T) {
	s := newStand(t)
	s.size = 1 << 30
	s.open()
	s.write(10)
	early := bytes.Clone(s.h.b)
	s.write(90)
	s.writeOnly(3)
	if err := s.log.Flush(); err != nil {
		t.Fatal(err)
	}
	s.kill()
	all := s.snapshot()
	s.open()
	s.write(1)
	s.close()
	r := s.verify()
	if r.Bad != nil || len(r.Gaps) != 0 || len(r.Resumed) != 1 || r.Resumed[0].Unsigned != 3 || r.Resumed[0].Kind != KindResumed {
		t.Errorf("after a kill: %+v, %+v", r, r.Bad)
	}
	// An early head is put back, and what stands after it is altered and passes for the last second's.
	name := segmentName("2026-11-23", 0)
	one, _ := cutNote(all[name+noteSuffix])
	all[name+noteSuffix] = all[name+noteSuffix][:len(one)+1]
	all[name+lineSuffix] = bytes.ReplaceAll(all[name+lineSuffix], []byte("id-77"), []byte("id-78"))
	all[name+treeSuffix] = all[name+treeSuffix][:len(treeMagic)+8+10*entrySize]
	s.restore(all)
	s.h.b = bytes.Clone(early)
	s.open()
	s.write(1)
	s.close()
	if r := s.verify(); len(r.Resumed) != 1 || r.Resumed[0].Unsigned != 93 {
		t.Errorf("93 lines were taken over, and nothing says so: %+v, %+v", r.Resumed, r.Bad)
	}
	// After an orderly end there are none.
	all = s.snapshot()
	one, _ = cutNote(all[name+noteSuffix])
	all[name+noteSuffix] = all[name+noteSuffix][:len(one)+1]
	s.restore(all)
	s.h.b = early
	if r := s.verify(); r.Bad == nil || r.Bad.What != BadNotes || r.Bad.Record != 11 {
		t.Errorf("got %+v", r.Bad)
	}
}

func TestReadersAskWhileTheHeadIsAskedForAgain(t *testing.T) {
	s := newStand(t)
	s.open()
	s.write(30)
	s.close()
	s.h.err = errors.New("locked")
	if err := s.begin(); err == nil {
		t.Fatal("began")
	}
	s.h.err = nil
	s.log.asked = s.log.asked.Add(-headTimeout)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range 1000 {
			if n := s.log.Seq(); n != 31 {
				t.Errorf("number %d", n)
				return
			}
		}
	}()
	if err := s.log.Begin(); err != nil {
		t.Error(err)
	}
	<-ended
}
