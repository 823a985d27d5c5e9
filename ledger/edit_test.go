// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// edit changes one file at random, and says how; "" where that changed nothing.
func edit(r *rand.Rand, all map[string][]byte, names []string) string {
	name := names[r.IntN(len(names))]
	b := all[name]
	if len(b) == 0 {
		return ""
	}
	at := r.IntN(len(b))
	n := min(1+r.IntN(200), len(b)-at)
	var out []byte
	what := ""
	switch r.IntN(9) {
	case 0:
		what = "a bit"
		out = bytes.Clone(b)
		out[at] ^= 1 << r.IntN(8)
	case 1:
		what = "a byte"
		out = bytes.Clone(b)
		out[at] = byte(r.UintN(256))
	case 2:
		what = "cut out"
		out = slices.Concat(b[:at], b[at+n:])
	case 3:
		what = "cut off"
		out = bytes.Clone(b[:at])
	case 4:
		what = "put in"
		junk := make([]byte, n)
		for i := range junk {
			junk[i] = byte(r.UintN(256))
		}
		out = slices.Concat(b[:at], junk, b[at:])
	case 5:
		what = "doubled"
		out = slices.Concat(b[:at+n], b[at:at+n], b[at+n:])
	case 6, 7:
		what = "lines"
		lines := bytes.SplitAfter(b, []byte{'\n'})
		i, j := r.IntN(len(lines)), r.IntN(len(lines))
		switch r.IntN(3) {
		case 0:
			lines[i], lines[j] = lines[j], lines[i]
		case 1:
			lines = slices.Delete(slices.Clone(lines), min(i, j), max(i, j))
		default:
			lines = slices.Insert(slices.Clone(lines), i, lines[j])
		}
		out = bytes.Join(lines, nil)
	default:
		what = "another file's content"
		out = bytes.Clone(all[names[r.IntN(len(names))]])
	}
	if bytes.Equal(out, b) {
		return ""
	}
	all[name] = out
	return what + " in " + name
}

// Spots know which record the verification must name first for any edit of one file.
type spots struct {
	whole  map[string][]byte
	before map[string]int64 // lines before a segment, by its name
	signed map[string]int64 // lines under the last checkpoint before a segment's own
}

func newSpots(t *testing.T, s *stand, whole map[string][]byte) *spots {
	t.Helper()
	v, err := NewVerifier(mustPublic(t, s.key))
	if err != nil {
		t.Fatal(err)
	}
	p := &spots{whole, make(map[string]int64), make(map[string]int64)}
	signed := int64(0)
	for _, tree := range trees(whole) {
		name := strings.TrimSuffix(tree, treeSuffix)
		start, _, err := cutTreeHeader(whole[tree])
		if err != nil {
			t.Fatal(err)
		}
		p.before[name], p.signed[name] = start.size, signed
		for one, rest := cutNote(whole[name+noteSuffix]); one != nil; one, rest = cutNote(rest) {
			c, err := ParseCheckpoint(one, v)
			if err != nil {
				t.Fatal(err)
			}
			signed = c.Size
		}
	}
	return p
}

func mustPublic(t *testing.T, key string) string {
	t.Helper()
	public, err := Public(key)
	if err != nil {
		t.Fatal(err)
	}
	return public
}

// record is which one must be named where a file is now, counted from 1.
func (p *spots) record(t *testing.T, name string, now []byte) int64 {
	t.Helper()
	was := p.whole[name]
	at := 0
	for at < len(was) && at < len(now) && was[at] == now[at] {
		at++
	}
	stem := strings.TrimSuffix(name, filepath.Ext(name))
	first := p.before[stem]
	switch filepath.Ext(name) {
	case lineSuffix: // the line in which it differs
		return first + int64(bytes.Count(was[:at], []byte{'\n'})) + 1
	case treeSuffix: // the line of the hash
		start, _, err := cutTreeHeader(was)
		if err != nil {
			t.Fatal(err)
		}
		return first + int64(max(0, at-len(treeHeader(&start)))/entrySize) + 1
	case noteSuffix: // the line after the last checkpoint before it
		signed := p.signed[stem]
		for one, rest := cutNote(was); one != nil && len(was)-len(rest) <= at; one, rest = cutNote(rest) {
			signed = sizeOf(t, one)
		}
		return signed + 1
	}
	return first + 1 // an index speaks of the whole segment, and a packed one is a single block here
}

func sizeOf(t *testing.T, note []byte) (size int64) {
	t.Helper()
	if _, err := fmt.Sscanf(strings.TrimPrefix(string(note), origin), "\n%d\n", &size); err != nil {
		t.Fatal(err)
	}
	return size
}

// edited is a log of two runs, partly packed, and its files but the counter.
func edited(t *testing.T) (s *stand, names []string, p *spots) {
	t.Helper()
	s = newStand(t)
	for range 2 {
		s.open()
		s.write(150)
		if err := s.log.Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.write(50)
		s.close()
	}
	if r := s.verify(); r.Bad != nil {
		t.Fatal(r.Bad)
	}
	whole := s.snapshot()
	for name := range whole {
		if name != counterName {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return s, names, newSpots(t, s, whole)
}

func TestEveryEditIsNoticedAndItsFirstRecordNamed(t *testing.T) {
	s, names, p := edited(t)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	kinds := make(map[string]int)
	for range 600 {
		all := maps.Clone(p.whole)
		what := edit(r, all, names)
		if what == "" {
			continue
		}
		s.restore(all)
		rep := s.verify()
		if rep.Bad == nil {
			t.Fatalf("seed %d: %s was not noticed", seed, what)
		}
		for _, name := range names {
			if bytes.Equal(all[name], p.whole[name]) {
				continue
			}
			if want := p.record(t, name, all[name]); rep.Bad.Record != want || rep.Bad.File == "" {
				t.Fatalf("seed %d: %s: want record %d, got %+v", seed, what, want, rep.Bad)
			}
		}
		kinds[rep.Bad.What]++
	}
	s.restore(p.whole)
	if r := s.verify(); r.Bad != nil {
		t.Fatal(r.Bad)
	}
	t.Log(kinds)
}

// suffixes are those of all files of a segment.
var suffixes = []string{lineSuffix, packSuffix, treeSuffix, noteSuffix, indexSuffix}

// move puts the files of one segment, if there are any, under another name.
func move(from map[string][]byte, name string, to map[string][]byte, other string) {
	for _, suffix := range suffixes {
		delete(to, other+suffix)
		if b, ok := from[name+suffix]; ok {
			to[other+suffix] = b
		}
	}
}

func TestWholeSegmentsCannotBeMoved(t *testing.T) {
	s, names, p := edited(t)
	var stems []string
	for _, tree := range trees(p.whole) {
		stems = append(stems, strings.TrimSuffix(tree, treeSuffix))
	}
	end := func(i int) int64 { // lines up to the end of a segment
		if i+1 < len(stems) {
			return p.before[stems[i+1]]
		}
		return sizeOf(t, s.h.b)
	}
	if len(stems) < 4 || end(len(stems)-1) < 400 {
		t.Fatalf("%d segments", len(stems))
	}
	try := func(what string, want int64, change func(all map[string][]byte)) {
		t.Helper()
		all := maps.Clone(p.whole)
		change(all)
		s.restore(all)
		if b := s.verify().Bad; b == nil || b.Record != want {
			t.Errorf("%s: want record %d, got %+v", what, want, b)
		}
	}
	for _, name := range names {
		if filepath.Ext(name) == indexSuffix {
			continue // it can be made again, and the report counts it
		}
		try("without "+name, p.before[strings.TrimSuffix(name, filepath.Ext(name))]+1, func(all map[string][]byte) { delete(all, name) })
	}
	for i, stem := range stems {
		first := p.before[stem]
		try(fmt.Sprintf("without segment %d", i), first+1, func(all map[string][]byte) { move(nil, "", all, stem) })
		try(fmt.Sprintf("segment %d once more, at the end", i), end(len(stems)-1)+1, func(all map[string][]byte) { move(p.whole, stem, all, "2026-12-24-0000") })
		want := int64(1) // the beginning is not where the log begins
		if i == 0 {
			want = end(0) + 1 // it is, and comes again
		}
		try(fmt.Sprintf("segment %d once more, at the beginning", i), want, func(all map[string][]byte) { move(p.whole, stem, all, "2026-11-01-0000") })
		try(fmt.Sprintf("segment %d once more, behind itself", i), end(i)+1, func(all map[string][]byte) {
			for k := len(stems) - 1; k > i; k-- { // the others one further
				move(p.whole, stems[k], all, "2026-12-24-"+fmt.Sprintf("%04d", k))
				move(nil, "", all, stems[k])
			}
			move(p.whole, stem, all, "2026-12-23-0000")
		})
		for j := range i {
			try(fmt.Sprintf("segments %d and %d swapped", j, i), p.before[stems[j]]+1, func(all map[string][]byte) {
				move(p.whole, stem, all, stems[j])
				move(p.whole, stems[j], all, stem)
			})
		}
	}
	last := end(len(stems)-1) + 1
	for _, suffix := range []string{lineSuffix, packSuffix, noteSuffix, indexSuffix} {
		try("a file "+suffix+" alone at the end", last, func(all map[string][]byte) { all["2026-12-24-0000"+suffix] = []byte("x\n") })
	}
	s.restore(p.whole)
	if r := s.verify(); r.Bad != nil {
		t.Fatal(r.Bad)
	}
}

func TestABadBlockOfAPackedSegmentNamesItsFirstRecord(t *testing.T) {
	s := newStand(t)
	s.size = 400 << 10
	s.open()
	for s.log.name == "" || s.log.file != nil {
		for range 500 {
			seq := s.log.Number()
			s.log.Write(fmt.Appendf(nil, `{"seq":%d,"id":"a","kind":"exchange","text":"%x"}`, seq, rand.Uint64()), seq)
		}
		s.sync()
	}
	if err := s.log.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.close()
	whole := s.snapshot()
	name := strings.TrimSuffix(trees(whole)[0], treeSuffix)
	f, err := openPacked(filepath.Join(s.dir, name+packSuffix))
	if err != nil {
		t.Fatal(err)
	}
	if f.blocks() < 3 {
		t.Fatalf("%d blocks", f.blocks())
	}
	_, entries, err := cutTreeHeader(whole[name+treeSuffix])
	if err != nil {
		t.Fatal(err)
	}
	for i := range f.blocks() {
		at, raw := f.at(i)
		lines := int64(0)
		for n := int64(0); n < int64(len(entries)/entrySize) && int64(readEntry(entries[n*entrySize:]).end) <= raw; n++ {
			lines++
		}
		all := maps.Clone(whole)
		b := bytes.Clone(all[name+packSuffix])
		b[at+blockHead+7] ^= 1
		all[name+packSuffix] = b
		s.restore(all)
		if bad := s.verify().Bad; bad == nil || bad.What != BadPack || bad.Record != lines+1 {
			t.Errorf("block %d: want record %d, got %+v", i, lines+1, bad)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
