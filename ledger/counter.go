// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The counter is a page of memory that is a file: what it counts survives the process, though not the machine. So after
// a process that was killed it is known how many lines never reached a file.
//
//	0   magic, 8 bytes
//	8   what the machine was booted as, 36 bytes, zeros where that is not known
//	48  last number given, 8 bytes
//	56  things under way that will take a number, 8 bytes
//	64  1 if the log was closed in order, 1 byte
//	72  the time that is known (see clock), in nanoseconds since 1970, 8 bytes, 0: none
//	80  for how long the machine's clock has kept another, in nanoseconds, 8 bytes
const (
	counterName  = "counter"
	counterSize  = 4096 // written when it is made, so that a full disk cannot take it away
	counterMagic = "yettcnt1"
)

// maxOpen bounds what can be under way.
const maxOpen = 1 << 24

// counts is what a counter says.
type counts struct {
	present bool // there is one; where not, a log is of an older version, or was tampered with
	boot    string
	seq     uint64
	open    uint64
	clean   bool
	known   time.Time
	held    time.Duration
}

func decodeCounts(b []byte) (counts, error) {
	if len(b) < counterSize || string(b[:8]) != counterMagic {
		return counts{}, errors.New("not a counter")
	}
	open := binary.NativeEndian.Uint64(b[56:])
	if open > maxOpen {
		open = 0 // nothing of that sort was ever under way
	}
	c := counts{
		present: true, boot: strings.TrimRight(string(b[8:44]), "\x00"),
		seq: binary.NativeEndian.Uint64(b[48:]), open: open, clean: b[64] == 1,
		held: time.Duration(binary.NativeEndian.Uint64(b[80:])), // #nosec G115 -- the clock bounds it
	}
	if at := int64(binary.NativeEndian.Uint64(b[72:])); at > 0 { // #nosec G115 -- as it was written
		c.known = time.Unix(0, at)
	}
	return c, nil
}

// encode is the counter's page.
func (c *counts) encode() []byte {
	b := make([]byte, counterSize)
	copy(b, counterMagic)
	copy(b[8:44], c.boot)
	binary.NativeEndian.PutUint64(b[48:], c.seq)
	binary.NativeEndian.PutUint64(b[56:], c.open)
	if c.clean {
		b[64] = 1
	}
	if !c.known.IsZero() {
		binary.NativeEndian.PutUint64(b[72:], uint64(c.known.UnixNano())) // #nosec G115 -- as it is read
	}
	binary.NativeEndian.PutUint64(b[80:], uint64(c.held)) // #nosec G115 -- as it is read
	return b
}

// readCounts reads the counter of a log. Where there is none the log counts as closed in order, which allows less; one that
// is garbled is no evidence of anything, and the numbers go on from the lines.
func readCounts(dir string) (counts, error) {
	b, err := readWhole(filepath.Join(dir, counterName), 1<<20)
	if err != nil || b == nil {
		return counts{clean: true}, err
	}
	c, err := decodeCounts(b)
	if err != nil {
		return counts{clean: true}, nil
	}
	return c, nil
}

// A counter hands out numbers. They are kept in memory; the page repeats them for those who come after the process, so that
// nobody who alters the file makes a number come twice.
type counter struct {
	seq  atomic.Uint64
	open atomic.Int64

	name string
	boot string
	page atomic.Pointer[page]

	mu    sync.Mutex // of what follows
	clean bool
	known time.Time
	held  time.Duration
}

// newCounter begins a counter that goes on after seq.
func newCounter(dir string, seq uint64, known time.Time) (*counter, error) {
	c := &counter{name: filepath.Join(dir, counterName), boot: boot(), known: known}
	c.seq.Store(seq)
	// The one that is there is used again: a full disk has no room for another.
	f, err := os.OpenFile(c.name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the counter: %w", err)
	}
	if err := c.adopt(f); err != nil {
		return nil, err
	}
	return c, syncDir(dir)
}

// adopt writes the counter to a file and goes on with that.
func (c *counter) adopt(f *os.File) error {
	err := f.Truncate(counterSize)
	if err == nil {
		_, err = f.WriteAt(c.encode(), 0)
	}
	if err = errors.Join(err, f.Sync()); err != nil {
		return errors.Join(fmt.Errorf("the counter: %w", err), f.Close())
	}
	p, err := newPage(f)
	if err != nil {
		return errors.Join(fmt.Errorf("the counter: %w", err), f.Close())
	}
	c.page.Store(p)
	p.reach(c.seq.Load()) // what was given meanwhile
	return nil
}

// encode is what the file holds.
func (c *counter) encode() []byte {
	s := counts{boot: c.boot, seq: c.seq.Load(), open: uint64(max(0, c.open.Load())), clean: c.clean, known: c.known, held: c.held} // #nosec G115 -- not negative
	return s.encode()
}

// next gives the next number.
func (c *counter) next() uint64 {
	n := c.seq.Add(1)
	c.page.Load().reach(n)
	return n
}

// under counts what is under way.
func (c *counter) under(d int64) {
	c.open.Add(d)
	c.page.Load().add(d)
}

// sync brings the numbers and what is known of the time to the disk, for the machine's own end. A file that somebody
// cut, altered or took away is made anew.
func (c *counter) sync(known time.Time, held time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.held = known, held
	return c.keep()
}

func (c *counter) keep() error {
	p := c.page.Load()
	if c.there(p) {
		if err := p.write(c.encode()); err == nil {
			return p.file.Sync()
		}
	}
	tmp := c.name + ".new"
	f, err := os.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600) // #nosec G304 -- beside the counter
	if err != nil {
		return fmt.Errorf("the counter was taken away: %w", err)
	}
	if err := c.adopt(f); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	if err := os.Rename(tmp, c.name); err != nil {
		return fmt.Errorf("the counter was taken away: %w", err)
	}
	return errors.Join(p.file.Close(), syncDir(filepath.Dir(c.name)))
}

// there reports whether the file is the one of the page, and whole.
func (c *counter) there(p *page) bool {
	named, err := os.Stat(c.name)
	if err != nil || named.Size() != counterSize {
		return false
	}
	open, err := p.file.Stat()
	return err == nil && os.SameFile(named, open)
}

// close says whether everything that has a number is in the log. Who is late may still count.
func (c *counter) close(clean bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clean = clean
	err := c.keep()
	return errors.Join(err, c.page.Load().file.Close())
}

// syncDir brings the names in a directory to the disk.
func syncDir(dir string) error {
	d, err := os.Open(dir) // #nosec G304 -- the log's own directory
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(fsyncDir(d), d.Close())
}
