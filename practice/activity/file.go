// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A file's name is its day and its number within the day: 2026-11-23-0000.jsonl. The names sort by time.
const suffix = ".jsonl"

func fileName(day string, part int) string { return fmt.Sprintf("%s-%04d%s", day, part, suffix) }

// parseName reads a file's name. Other files in the directory are not ours.
func parseName(name string) (day time.Time, part int, ok bool) {
	stem, ok := strings.CutSuffix(name, suffix)
	if !ok || len(stem) < len(time.DateOnly)+2 || stem[len(time.DateOnly)] != '-' {
		return day, 0, false
	}
	day, err := time.Parse(time.DateOnly, stem[:len(time.DateOnly)])
	if err != nil {
		return day, 0, false
	}
	part, err = strconv.Atoi(stem[len(time.DateOnly)+1:])
	return day, part, err == nil && fileName(stem[:len(time.DateOnly)], part) == name
}

// files lists the log's files, the oldest first.
func (l *Log) files() ([]string, error) {
	entries, err := os.ReadDir(l.dir) // sorted; no pattern, because the directory may hold characters of one
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if _, _, ok := parseName(e.Name()); ok {
			names = append(names, filepath.Join(l.dir, e.Name()))
		}
	}
	return names, nil
}

// recover goes on where the log ends: with the next number, on no earlier day, behind the last whole line.
func (l *Log) recover() error {
	files, err := l.files()
	if err != nil || len(files) == 0 {
		return err
	}
	newest := files[len(files)-1]
	day, part, _ := parseName(filepath.Base(newest))
	l.day, l.part = day.Format(time.DateOnly), part
	torn, err := cutTorn(newest)
	if err != nil {
		return err
	}
	// A crash may have left the newest file empty; the numbers go on all the same.
	for i := len(files) - 1; i >= 0; i-- {
		last, err := lastLine(files[i])
		if err != nil {
			return err
		}
		if last == nil {
			continue
		}
		var e Entry
		if err := json.Unmarshal(last, &e); err != nil {
			return fmt.Errorf("%s: the last line is not a record: %w (move the file away to begin a new one)", files[i], err)
		}
		l.seq = e.Seq
		if torn || e.Kind != KindStop {
			l.broke = "the process ended without closing the log: records of its last second may be missing"
		}
		return nil
	}
	return nil
}

// cutTorn removes a line that has no end from the end of a file, and reports whether there was one.
func cutTorn(name string) (torn bool, err error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0o600) // #nosec G304 -- a name that parseName accepted, in the log's own directory
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return false, err
	}
	end := size
	for b := make([]byte, block); end > 0; {
		n := min(end, block)
		if _, err := f.ReadAt(b[:n], end-n); err != nil {
			return false, err
		}
		i := int64(bytes.LastIndexByte(b[:n], '\n'))
		end -= n - (i + 1)
		if i >= 0 {
			break
		}
	}
	if end == size {
		return false, nil
	}
	return true, errors.Join(f.Truncate(end), f.Sync())
}

// lastLine returns the last line of a file, nil where it has none.
func lastLine(name string) (last []byte, err error) {
	err = backwards(name, func(line []byte) bool {
		last = bytes.Clone(line)
		return false
	})
	return last, err
}

// block is how much of a file is read at a time. A line is shorter: its texts are bounded and so is their number.
const block = 256 << 10

// backwards calls f for the lines of a file, the last one first; f returns false to stop. What follows the last line
// feed is still being written and no line.
func backwards(name string, f func([]byte) bool) (err error) {
	file, err := os.Open(name) // #nosec G304 -- a name that parseName accepted, in the log's own directory
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	at, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	var tail []byte // the end of a line whose beginning lies before at
	whole := false  // a line feed was seen
	for at > 0 {
		n := min(at, block)
		at -= n
		b := make([]byte, n, int(n)+len(tail))
		if _, err := file.ReadAt(b, at); err != nil {
			return err
		}
		b = append(b, tail...)
		for {
			i := bytes.LastIndexByte(b, '\n')
			if i < 0 {
				break
			}
			if line := b[i+1:]; whole && len(line) > 0 && !f(line) {
				return nil
			}
			whole, b = true, b[:i]
		}
		if !whole && len(b) > 2*block {
			return fmt.Errorf("%s: not a log: no line ends within %d bytes", name, 2*block)
		}
		tail = b
	}
	if whole && len(tail) > 0 {
		f(tail)
	}
	return nil
}

// rotate has a file open for today: a new one on a new day, or when the old one is full. Days never go back, so that the order of the files is the order of the records whatever the clock does.
func (l *Log) rotate() error {
	day := max(l.o.Now().UTC().Format(time.DateOnly), l.day)
	if l.file != nil && l.day == day && l.size < l.o.FileSize {
		return nil
	}
	part := l.part
	if l.day != day {
		part = 0
	}
	for ; ; part++ {
		f, err := os.OpenFile(filepath.Join(l.dir, fileName(day, part)), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		size, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			return errors.Join(err, f.Close())
		}
		if size >= l.o.FileSize {
			if err := f.Close(); err != nil {
				return err
			}
			continue
		}
		old := l.file
		l.file, l.size, l.day, l.part = f, size, day, part
		if old != nil {
			return errors.Join(old.Sync(), old.Close())
		}
		return nil
	}
}

// lookAfter lets go of a file that was moved or removed from outside, so that the next record begins a new one.
func (l *Log) lookAfter() error {
	if l.file == nil {
		return nil
	}
	open, err := l.file.Stat()
	if err != nil {
		return err
	}
	named, err := os.Stat(l.file.Name())
	if err == nil && os.SameFile(open, named) {
		return nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	l.o.Log.Error("the file of the records was taken away; a new one begins", "file", filepath.Base(l.file.Name()))
	old := l.file
	l.file = nil
	return errors.Join(old.Sync(), old.Close())
}

// flushLocked writes what is buffered. Where that fails, the same bytes are written again next time, at the same place.
func (l *Log) flushLocked() error {
	if len(l.buf) == 0 {
		return nil
	}
	if err := l.rotate(); err != nil {
		return err
	}
	if _, err := l.file.WriteAt(l.buf, l.size); err != nil {
		// What was written of it is taken back, so that no line stands there in half.
		return errors.Join(err, l.file.Truncate(l.size))
	}
	l.size += int64(len(l.buf))
	if cap(l.buf) > 1<<20 {
		l.buf = nil
	}
	l.buf = l.buf[:0]
	return nil
}

// expire removes files whose last record is older than the retention. The newest file stays, because the numbers go on
// from its last line.
func (l *Log) expire(now time.Time) {
	files, err := l.files()
	if err != nil {
		l.o.Log.Error("old records cannot be listed", "error", err.Error())
		return
	}
	for i, name := range files {
		day, _, _ := parseName(filepath.Base(name))
		if i == len(files)-1 || now.Sub(day) < time.Duration(l.retention.Load())+24*time.Hour {
			return
		}
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			l.o.Log.Error("old records cannot be removed", "file", filepath.Base(name), "error", err.Error())
		}
	}
}
