// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The files of a segment.
const (
	lineSuffix  = ".jsonl"
	packSuffix  = ".seg"
	treeSuffix  = ".tree"
	noteSuffix  = ".notes"
	indexSuffix = ".idx"
	tornSuffix  = ".torn" // what an unclean end left that is no line
)

// A segment's name is its day and its number within the day: 2026-11-23-0000. The names sort by time.
func segmentName(day string, part int) string { return fmt.Sprintf("%s-%04d", day, part) }

// parseName reads a segment's name. Other files in the directory are not ours.
func parseName(name string) (day time.Time, part int, ok bool) {
	if len(name) < len(time.DateOnly)+2 || name[len(time.DateOnly)] != '-' {
		return day, 0, false
	}
	day, err := time.Parse(time.DateOnly, name[:len(time.DateOnly)])
	if err != nil {
		return day, 0, false
	}
	part, err = strconv.Atoi(name[len(time.DateOnly)+1:])
	return day, part, err == nil && segmentName(name[:len(time.DateOnly)], part) == name
}

// files says which files a segment has.
type files struct {
	name                            string
	lines, pack, tree, notes, index bool
}

// unbegun reports whether the segment's first line never came: a crash, while its files were made.
func (f *files) unbegun(dir string) bool {
	if f.lines || f.pack || f.notes || !f.tree {
		return false
	}
	b, err := readWhole(filepath.Join(dir, f.name+treeSuffix), maxTree)
	if err != nil {
		return false
	}
	_, entries, err := cutTreeHeader(b)
	return err != nil && len(b) < len(treeMagic)+8 || err == nil && len(entries) == 0
}

// list returns the segments of a directory, the oldest first.
func list(dir string) ([]files, error) {
	entries, err := os.ReadDir(dir) // no pattern, because the directory may hold characters of one
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []files
	for _, e := range entries { // sorted
		suffix := filepath.Ext(e.Name())
		name := strings.TrimSuffix(e.Name(), suffix)
		if _, _, ok := parseName(name); !ok {
			continue
		}
		i, found := slices.BinarySearchFunc(all, name, func(f files, name string) int { return strings.Compare(f.name, name) })
		if !found {
			all = slices.Insert(all, i, files{name: name})
		}
		switch suffix {
		case lineSuffix:
			all[i].lines = true
		case packSuffix:
			all[i].pack = true
		case treeSuffix:
			all[i].tree = true
		case noteSuffix:
			all[i].notes = true
		case indexSuffix:
			all[i].index = true
		}
	}
	return all, nil
}

// maxTree bounds the file of hashes that is read into memory: that of the most lines a segment can hold.
const maxTree = 1 << 30

// readWhole reads a file of bounded size. A file that is not there reads as nil.
func readWhole(name string, most int64) ([]byte, error) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if info.Size() > most {
		return nil, fmt.Errorf("%s: %d bytes are more than %d", name, info.Size(), most)
	}
	return os.ReadFile(name) // #nosec G304 -- a segment's name in the log's own directory
}

// writeWhole puts a file in place, whole or not at all.
func writeWhole(name string, data []byte) (err error) {
	tmp := name + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) // #nosec G304 -- as above
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return errors.Join(os.Rename(tmp, name), syncDir(filepath.Dir(name)))
}
