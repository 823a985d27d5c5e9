// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
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
// place in it. Records that still wait for the disk are found too. An exchange that went on for more than two days is
// not found by its id.
func (l *Log) Find(id string) (*Entry, error) {
	u, err := uuid.Parse(strings.TrimPrefix(strings.TrimSpace(id), "urn:uuid:"))
	if err != nil || u.Version() != 7 {
		return nil, ErrNotFound
	}
	want := []byte(`{"id":"` + u.String() + `"`)
	if e, err := l.waiting(want); e != nil || err != nil {
		return e, err
	}
	sec, nsec := u.Time().UnixTime()
	began := time.Unix(sec, nsec).UTC()
	files, err := l.files()
	if err != nil {
		return nil, err
	}
	// A record stands where its exchange ended: on the same day or a later one.
	from := began.Add(-slack).Truncate(24 * time.Hour)
	for _, name := range files {
		day, _, _ := parseName(filepath.Base(name))
		if day.Before(from) || day.After(from.AddDate(0, 0, 3)) {
			continue
		}
		if e, err := findIn(name, want, began); err != nil || e != nil {
			return e, err
		}
	}
	return nil, ErrNotFound
}

// waiting looks among the lines that no file has yet.
func (l *Log) waiting(want []byte) (*Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := bytes.Index(l.buf, want)
	if i < 0 {
		return nil, nil
	}
	line, _, _ := bytes.Cut(l.buf[i:], []byte{'\n'})
	e := new(Entry)
	return e, json.Unmarshal(line, e)
}

// slack is how far the lines of a file may stand out of the order in which their exchanges ended.
const slack = time.Minute

// findIn looks for a line in one file: a binary search by the time of its end leads near it, and a scan finds it.
func findIn(name string, want []byte, began time.Time) (_ *Entry, err error) {
	f, err := os.Open(name) // #nosec G304 -- a name that parseName accepted, in the log's own directory
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	first := sort.Search(int(size/block)+1, func(i int) bool {
		t, ok := endAfter(f, int64(i)*block)
		return !ok || !t.Before(began.Add(-slack))
	})
	from := int64(max(0, first-1)) * block
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return nil, err
	}
	return scan(bufio.NewReaderSize(f, block), want)
}

// endAfter returns when the exchange of the first whole line after an offset ended. Ends are in order, beginnings are
// not: a long exchange stands behind short ones that began later.
func endAfter(f *os.File, offset int64) (time.Time, bool) {
	b := make([]byte, block)
	n, _ := f.ReadAt(b, offset) // a short read is the end of the file
	b = b[:n]
	if offset > 0 {
		_, b, _ = bytes.Cut(b, []byte{'\n'})
	}
	line, _, whole := bytes.Cut(b, []byte{'\n'})
	var e struct {
		Time       time.Time `json:"time"`
		DurationUS int64     `json:"duration_us"`
	}
	if !whole || json.Unmarshal(line, &e) != nil {
		return time.Time{}, false
	}
	return e.Time.Add(time.Duration(e.DurationUS) * time.Microsecond), true
}

// scan looks for the line that begins with want, up to the end of the file. Where it begins in the middle of a line,
// that one is not it.
func scan(r *bufio.Reader, want []byte) (*Entry, error) {
	for {
		line, err := r.ReadSlice('\n')
		if err == nil && bytes.HasPrefix(line, want) {
			e := new(Entry)
			return e, json.Unmarshal(line, e)
		}
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
	}
}

// Last returns the newest n records, the oldest of them first. Lines that cannot be read are left out.
func (l *Log) Last(n int) ([]Entry, error) {
	files, err := l.files()
	if err != nil {
		return nil, err
	}
	var out []Entry
	for _, name := range slices.Backward(files) {
		if len(out) >= n {
			break
		}
		err := backwards(name, func(line []byte) bool {
			var e Entry
			if json.Unmarshal(line, &e) == nil {
				out = append(out, e)
			}
			return len(out) < n
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Reverse(out)
	return out, nil
}
