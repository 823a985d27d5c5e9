// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"yett/ledger"
	"yett/practice/activity/search"
	"yett/store/sqlite"
)

// A head is the newest one in a store, read once.
type head []byte

func (h head) LoadHead(context.Context) ([]byte, error) { return h, nil }
func (head) StoreHead(context.Context, []byte) error    { return errors.New("it is only read") }

// edited changes the files of a log at random, and has each change verified: by the package, and now and then by the binary.
func edited(ctx context.Context, s *stand, n int, seed uint64) error {
	if err := s.start(ctx); err != nil {
		return err
	}
	s.ask(ctx, 8, func(n int64) bool { return n > 150 })
	time.Sleep(11 * time.Second) // closed segments are packed
	s.ask(ctx, 8, func(n int64) bool { return n > 250 })
	time.Sleep(11 * time.Second)
	s.ask(ctx, 8, func(n int64) bool { return n > 60 })
	if err := s.stop(); err != nil {
		return err
	}
	checkpoint, err := s.yett(ctx, "", "log", "checkpoint")
	if err != nil {
		return err
	}
	_, key, _ := strings.Cut(string(checkpoint), "# key ")
	db, err := sqlite.Open(ctx, filepath.Join(s.data, "yett.db"))
	if err != nil {
		return err
	}
	var newest head
	err = db.QueryRowContext(ctx, "SELECT head FROM activity_head").Scan((*[]byte)(&newest))
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	verify := func() (*ledger.Report, error) {
		return ledger.Verify(ctx, filepath.Join(s.data, "activity"), ledger.VerifyOptions{Key: strings.TrimSpace(key), Heads: newest, Index: search.Build})
	}
	dir := filepath.Join(s.data, "activity")
	all, err := snapshot(dir)
	if err != nil {
		return err
	}
	whole, err := verify()
	if err != nil || whole.Bad != nil {
		return fmt.Errorf("before any edit: %+v, %w", whole, err)
	}
	var names []string
	kinds := make(map[string]int)
	for name := range all {
		if name != "counter" {
			names = append(names, name)
			kinds[filepath.Ext(name)]++
		}
	}
	slices.Sort(names)
	fmt.Printf("records:   files: %v\n", kinds)
	random := rand.New(rand.NewPCG(seed, 2)) // #nosec G404 -- the edits, to be repeated
	told := make(map[string]int)
	done, asked, exact := 0, 0, 0
	for done < n {
		name, changed, what := edit(random, all, names)
		if bytes.Equal(changed, all[name]) {
			continue
		}
		done++
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			return err
		}
		r, err := verify()
		if err != nil {
			return fmt.Errorf("edit %d, %s in %s: %w", done, what, name, err)
		}
		if r.Bad == nil || r.Bad.Record < 1 || r.Bad.File == "" {
			return fmt.Errorf("edit %d, %s in %s, is not noticed: %+v", done, what, name, r.Bad)
		}
		if want := firstBad(all, name, changed, whole.Records); want > 0 {
			exact++
			if r.Bad.Record != want {
				return fmt.Errorf("edit %d, %s in %s: record %d is named (%s), and %d is the first", done, what, name, r.Bad.Record, r.Bad.Error(), want)
			}
		}
		told[r.Bad.What]++
		if done%max(1, n/50) == 0 {
			asked++
			out, err := s.yett(ctx, "", "log", "verify", "--json")
			var b struct{ Bad *ledger.Bad }
			if err == nil || json.Unmarshal(out, &b) != nil || b.Bad == nil || b.Bad.Record != r.Bad.Record {
				return fmt.Errorf("edit %d, %s in %s: the binary says %s, %w", done, what, name, out, err)
			}
		}
		if err := os.WriteFile(path, all[name], 0o600); err != nil {
			return err
		}
	}
	fmt.Printf("records:   %d edits, all noticed; %d of them in plain lines, each with its first record; %d asked of the binary; %v\n", done, exact, asked, told)
	if err := s.moved(dir, all, whole, verify); err != nil {
		return err
	}
	for what, h := range map[string]head{"gone": nil, "garbled": head("not a head"), "cut": newest[:len(newest)/2]} {
		r, err := ledger.Verify(ctx, dir, ledger.VerifyOptions{Key: strings.TrimSpace(key), Heads: h, Index: search.Build})
		if err != nil || r.Bad == nil {
			return fmt.Errorf("the head in the store is %s, and nobody noticed: %+v, %w", what, r, err)
		}
	}
	fmt.Println("records:   whole segments taken out, put in and swapped, and a head that is gone, garbled or cut: all noticed")
	return s.setBack(ctx, dir, all, checkpoint)
}

// firstBad is the first record that an edit of plain lines touches, 0 where the file holds none. Those that are not packed are
// the last ones.
func firstBad(all map[string][]byte, name string, now []byte, records int64) int64 {
	if filepath.Ext(name) != ".jsonl" {
		return 0
	}
	old, same := all[name], 0
	for same < min(len(old), len(now)) && old[same] == now[same] {
		same++
	}
	before := records
	for other, b := range all {
		if filepath.Ext(other) == ".jsonl" && other >= name {
			before -= int64(bytes.Count(b, []byte{'\n'}))
		}
	}
	return before + int64(bytes.Count(old[:same], []byte{'\n'})) + 1
}

// moved takes out, puts in and swaps whole segments: all files of each.
func (s *stand) moved(dir string, all map[string][]byte, whole *ledger.Report, verify func() (*ledger.Report, error)) error {
	var segments []string
	for name := range all {
		if stem, ok := strings.CutSuffix(name, ".tree"); ok {
			segments = append(segments, stem)
		}
	}
	slices.Sort(segments)
	if len(segments) < 4 {
		return fmt.Errorf("%d segments are too few to move them", len(segments))
	}
	try := func(what string, change func(map[string][]byte)) error {
		changed := maps.Clone(all)
		change(changed)
		if err := restore(dir, changed); err != nil {
			return err
		}
		r, err := verify()
		if err != nil || r.Bad == nil || r.Bad.Record < 1 || r.Bad.Record > whole.Records+1 {
			return fmt.Errorf("%s: not noticed: %+v, %w", what, r, err)
		}
		return restore(dir, all)
	}
	files := func(stem string) (names []string) {
		for name := range all {
			if strings.HasPrefix(name, stem+".") {
				names = append(names, name)
			}
		}
		return names
	}
	for i, stem := range segments {
		if i > 0 && i < len(segments)-1 {
			err := try("segment "+stem+" taken out", func(m map[string][]byte) {
				for _, name := range files(stem) {
					delete(m, name)
				}
			})
			if err != nil {
				return err
			}
		}
		next := segments[(i+1)%len(segments)]
		err := try("segments "+stem+" and "+next+" swapped", func(m map[string][]byte) {
			for _, name := range append(files(stem), files(next)...) {
				delete(m, name)
			}
			for _, name := range files(stem) {
				m[next+strings.TrimPrefix(name, stem)] = all[name]
			}
			for _, name := range files(next) {
				m[stem+strings.TrimPrefix(name, next)] = all[name]
			}
		})
		if err != nil {
			return err
		}
		err = try("segment "+stem+" put in once more at the end", func(m map[string][]byte) {
			last := segments[len(segments)-1]
			for _, name := range files(stem) {
				m[last[:len(last)-4]+"9999"+strings.TrimPrefix(name, stem)] = all[name]
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// setBack puts an older state of all files in place, and then of the store as well.
func (s *stand) setBack(ctx context.Context, dir string, old map[string][]byte, _ []byte) error {
	store, err := snapshot(s.data)
	if err != nil {
		return err
	}
	if err := s.start(ctx); err != nil {
		return err
	}
	s.ask(ctx, 8, func(n int64) bool { return n > 100 })
	if err := s.stop(); err != nil {
		return err
	}
	exported, err := s.yett(ctx, "", "log", "checkpoint")
	if err != nil {
		return err
	}
	file := filepath.Join(s.dir, "exported")
	if err := errors.Join(os.WriteFile(file, exported, 0o600), restore(dir, old)); err != nil {
		return err
	}
	if out, err := s.yett(ctx, "", "log", "verify"); err == nil || !strings.Contains(string(out)+err.Error(), "Rolled back") {
		return fmt.Errorf("all files were set back, and nobody noticed: %s, %w", out, err)
	}
	if err := restore(s.data, store); err != nil {
		return err
	}
	if err := s.whole(ctx); err != nil {
		return fmt.Errorf("files and store set back together should look whole: %w", err)
	}
	if out, err := s.yett(ctx, "", "log", "verify", "--against", file); err == nil || !strings.Contains(string(out)+err.Error(), "Rolled back") {
		return fmt.Errorf("files and store were set back, and the exported checkpoint does not tell: %s, %w", out, err)
	}
	fmt.Println("records:   set back: the store's head tells, and an exported checkpoint where the store was set back too")
	return nil
}

// snapshot reads the files of a directory, not those of directories in it.
func snapshot(dir string) (map[string][]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	all := make(map[string][]byte)
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		if all[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func restore(dir string, all map[string][]byte) error {
	now, err := snapshot(dir)
	if err != nil {
		return err
	}
	for name := range now {
		if _, ok := all[name]; !ok {
			err = errors.Join(err, os.Remove(filepath.Join(dir, name)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), all[name], 0o600))
	}
	return err
}

// edit changes one file.
func edit(r *rand.Rand, all map[string][]byte, names []string) (name string, out []byte, what string) {
	name = names[r.IntN(len(names))]
	b := all[name]
	if len(b) == 0 {
		return name, b, ""
	}
	at := r.IntN(len(b))
	n := min(1+r.IntN(500), len(b)-at)
	switch r.IntN(8) {
	case 0:
		out = bytes.Clone(b)
		out[at] ^= 1 << r.IntN(8)
		return name, out, "a bit"
	case 1:
		out = bytes.Clone(b)
		for i := range n {
			out[at+i] = byte(r.UintN(256))
		}
		return name, out, "some bytes"
	case 2:
		return name, slices.Concat(b[:at], b[at+n:]), "a cut"
	case 3:
		return name, b[:at:at], "the end cut off"
	case 4:
		return name, slices.Concat(b[:at], b[max(0, at-n):at], b[at:]), "an insertion"
	}
	lines := bytes.SplitAfter(b, []byte{'\n'})
	i, j := r.IntN(len(lines)), r.IntN(len(lines))
	switch r.IntN(3) {
	case 0:
		lines[i], lines[j] = lines[j], lines[i]
		what = "two lines swapped"
	case 1:
		lines = slices.Delete(lines, i, min(i+1+r.IntN(3), len(lines)))
		what = "lines taken out"
	default:
		lines = slices.Insert(lines, i, bytes.Clone(lines[j]))
		what = "a line put in"
	}
	return name, bytes.Join(lines, nil), what
}
