// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// trees names the tree files of a log, the oldest first.
func trees(all map[string][]byte) []string {
	var names []string
	for name := range all {
		if filepath.Ext(name) == treeSuffix {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestOneBadSegmentHidesNoOther(t *testing.T) {
	s := newStand(t)
	s.open()
	s.write(300)
	s.sync()
	whole := s.snapshot()
	names := trees(whole)
	if len(names) < 4 {
		t.Fatalf("%d segments", len(names))
	}
	right, err := s.log.Segments()
	if err != nil {
		t.Fatal(err)
	}
	size := len(treeMagic) + 8 // of a header without hashes
	for _, tt := range []struct {
		name  string
		which int
		spoil func(b []byte) []byte
	}{
		{"the oldest has another magic", 0, func(b []byte) []byte { b[3] ^= 1; return b }},
		{"the oldest says that lines stand before it", 0, func(b []byte) []byte { b[size-1] ^= 1; return b }},
		{"one in the middle begins with more hashes than it has", 1, func(b []byte) []byte { b[len(treeMagic)] ^= 0x3f; return b }},
		{"one in the middle is empty", 1, func([]byte) []byte { return nil }},
		{"one in the middle ends in half a hash", 2, func(b []byte) []byte { return b[:len(b)-5] }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spoilt := make(map[string][]byte)
			for n, b := range whole {
				spoilt[n] = bytes.Clone(b)
			}
			spoilt[names[tt.which]] = tt.spoil(spoilt[names[tt.which]])
			s.restore(spoilt)
			defer s.restore(whole)
			l, err := Open(t.Context(), s.dir, s.options())
			if err != nil {
				t.Fatal(err)
			}
			all, err := l.Segments()
			if err != nil {
				t.Fatal(err)
			}
			if want := slices.Delete(slices.Clone(right), tt.which, tt.which+1); !slices.Equal(all, want) {
				t.Errorf("got %v, want %v", all, want)
			}
			bad := l.Unreadable()
			if len(bad) != 1 || bad[0].Segment != right[tt.which].Name {
				t.Fatalf("unreadable: %v", bad)
			}
			// What was listed before says so when it is opened.
			r, err := right[tt.which].Open()
			if err == nil {
				_, err = r.Line(right[tt.which].Count - 1)
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
			if e, ok := errors.AsType[*SegmentError](err); tt.which < 2 && (!ok || e.Segment != right[tt.which].Name) {
				t.Errorf("opened: %v", err)
			}
			if n, err := l.Expirable(time.Hour); err != nil {
				t.Errorf("expirable: %d, %v", n, err)
			}
		})
	}
	if all, err := s.log.Segments(); err != nil || !slices.Equal(all, right) || len(s.log.Unreadable()) != 0 {
		t.Errorf("mended: %v, %v", all, err)
	}
	// It expires as the others do.
	b := bytes.Clone(whole[names[0]])
	b[3] ^= 1
	if err := os.WriteFile(filepath.Join(s.dir, names[0]), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.log.Expire(right[1].End()); err != nil {
		t.Fatal(err)
	}
	if all, err := s.log.Segments(); err != nil || !slices.Equal(all, right[2:]) {
		t.Errorf("after the removal: %v, %v", all, err)
	}
}

func TestClosedSegmentsAreReadOnce(t *testing.T) {
	s := newStand(t)
	s.open()
	s.write(200)
	s.sync()
	first, err := s.log.Segments()
	if err != nil {
		t.Fatal(err)
	}
	// Nobody changes what is closed, so nobody notices that it is changed here: it is not read again.
	b, err := os.ReadFile(filepath.Join(s.dir, first[0].Name+treeSuffix))
	if err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if err := os.WriteFile(filepath.Join(s.dir, first[0].Name+treeSuffix), b, 0o600); err != nil {
		t.Fatal(err)
	}
	s.write(5)
	if err := s.log.Flush(); err != nil {
		t.Fatal(err)
	}
	second, err := s.log.Segments()
	if err != nil {
		t.Fatal(err)
	}
	if len(second) < len(first) || second[0] != first[0] || second[len(second)-1].End() != 205 {
		t.Errorf("got %v, then %v", first, second)
	}
	// A listing is kept while the directory says that nothing changed.
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(s.dir, old, old); err != nil {
		t.Fatal(err)
	}
	if _, err := s.log.Segments(); err != nil {
		t.Fatal(err)
	}
	listed := s.log.catalog.listed
	if _, err := s.log.Segments(); err != nil || s.log.catalog.listed != listed {
		t.Errorf("it was listed again: %v", err)
	}
	if err := os.Remove(filepath.Join(s.dir, first[0].Name+lineSuffix)); err != nil {
		t.Fatal(err)
	}
	if all, err := s.log.Segments(); err != nil || len(all) != len(second)-1 {
		t.Errorf("after a removal: %v, %v", all, err)
	}
}

func BenchmarkSegments(b *testing.B) {
	dir := b.TempDir()
	header := treeHeader(&frontier{})
	for i := range 5000 {
		base := filepath.Join(dir, segmentName(time.Date(2026, 1, 1+i/300, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), i%300))
		for _, suffix := range []string{treeSuffix, packSuffix, indexSuffix, noteSuffix} {
			if err := os.WriteFile(base+suffix, header, 0o600); err != nil {
				b.Fatal(err)
			}
		}
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(dir, old, old); err != nil {
		b.Fatal(err)
	}
	c := catalog{dir: dir}
	for b.Loop() {
		if _, _, err := c.segments(); err != nil {
			b.Fatal(err)
		}
	}
}
