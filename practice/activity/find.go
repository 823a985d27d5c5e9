// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/google/uuid"
)

// ErrNotFound says that there is no record of an id.
var ErrNotFound = errors.New("there is no record of this id")

// Find returns the record of an id, with or without the prefix urn:uuid:. The time in the id leads to the file and the
// place in it, so that the cost does not grow with the log.
func (l *Log) Find(id string) (*Entry, error) {
	u, err := uuid.Parse(strings.TrimPrefix(strings.TrimSpace(id), "urn:uuid:"))
	if err != nil || u.Version() != 7 {
		return nil, ErrNotFound
	}
	sec, nsec := u.Time().UnixTime()
	began := time.Unix(sec, nsec).UTC()
	want := []byte(`"id":"` + u.String() + `"`)
	// The day of the record is that of its end: a long exchange stands in a later file.
	for day := range 3 {
		files, err := filepath.Glob(filepath.Join(l.dir, began.AddDate(0, 0, day).Format(time.DateOnly)+"-*"+suffix))
		if err != nil {
			return nil, err
		}
		for _, name := range files {
			if e, err := findIn(name, want, began); err != nil || e != nil {
				return e, err
			}
		}
	}
	return nil, ErrNotFound
}

// slack is how far records of one file may stand out of the order of their beginnings.
const slack = 2 * time.Minute

// findIn looks for a line in one file: a binary search by time leads near it, and a scan finds it.
func findIn(name string, want []byte, began time.Time) (_ *Entry, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	const block = maxLine
	blocks := int(info.Size()/block) + 1
	first := sort.Search(blocks, func(i int) bool {
		t, ok := timeAfter(f, int64(i)*block)
		return !ok || !t.Before(began.Add(-slack))
	})
	from := int64(max(0, first-1)) * block
	if _, err := f.Seek(from, 0); err != nil {
		return nil, err
	}
	return scan(f, want, from > 0)
}

// timeAfter returns the time of the first whole line after an offset.
func timeAfter(f *os.File, offset int64) (time.Time, bool) {
	b := make([]byte, 2*maxLine)
	n, _ := f.ReadAt(b, offset) // a short read is the end of the file
	b = b[:n]
	if offset > 0 {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return time.Time{}, false
		}
		b = b[i+1:]
	}
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return time.Time{}, false
	}
	var e struct {
		Time time.Time `json:"time"`
	}
	if json.Unmarshal(b[:i], &e) != nil {
		return time.Time{}, false
	}
	return e.Time, true
}

// scan looks for the line with want, up to the end of the file.
func scan(f *os.File, want []byte, partial bool) (*Entry, error) {
	var found *Entry
	var failed error
	err := readLines(f, func(line []byte) bool {
		if partial { // the first line begins in the middle
			partial = false
			return true
		}
		if !bytes.Contains(line, want) {
			return true
		}
		found = new(Entry)
		failed = json.Unmarshal(line, found)
		return false
	})
	if err = errors.Join(err, failed); err != nil {
		return nil, err
	}
	return found, nil
}

// Last returns the newest n records, the oldest of them first.
func (l *Log) Last(n int) ([]Entry, error) {
	files, err := l.files()
	if err != nil {
		return nil, err
	}
	var out []Entry
	for _, name := range slices.Backward(files) {
		var some []Entry
		err := lines(name, func(line []byte) bool {
			var e Entry
			if json.Unmarshal(line, &e) == nil {
				some = append(some, e)
				if len(some) > 2*n {
					some = append(some[:0], some[len(some)-n:]...)
				}
			}
			return true
		})
		if err != nil {
			return nil, err
		}
		out = append(some, out...)
		if len(out) >= n {
			break
		}
	}
	if len(out) > n {
		out = out[len(out)-n:]
	}
	return out, nil
}
