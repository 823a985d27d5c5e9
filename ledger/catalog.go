// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// A SegmentError says why a segment, or a line of it, cannot be read. The others can be: whoever reads the log goes on with
// them, and says what is missing.
type SegmentError struct {
	Segment string
	Err     error
}

func (e *SegmentError) Error() string {
	return fmt.Sprintf("segment %s: %v (yett log verify tells more)", e.Segment, e.Err)
}

// Unwrap returns why.
func (e *SegmentError) Unwrap() error { return e.Err }

// A catalog remembers the segments of a directory. What was closed is read once: with thousands of segments, a search and
// every batch of a sink would read thousands of files.
type catalog struct {
	dir string

	mu         sync.Mutex
	found      []files
	known      map[string]Segment // closed ones
	closed     []Segment          // all but the last one, where none is otherwise; nil: not known
	unreadable []*SegmentError
	changed    time.Time // what the directory said of itself when it was listed
	listed     time.Time // when that was
}

// settling is how long a listing is not trusted after a change: two changes at once bear the same time.
const settling = 2 * time.Second

// forget has the directory listed anew.
func (c *catalog) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listed = time.Time{}
}

// segments returns the segments that can be read, the oldest first, and what is wrong with the others.
func (c *catalog) segments() ([]Segment, []*SegmentError, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.list(); err != nil {
		return nil, nil, err
	}
	all := slices.Clone(c.closed)
	from := 0
	if all != nil {
		from = len(c.found) - 1
	}
	c.unreadable = nil
	for i, f := range c.found[from:] {
		if !f.tree || !f.lines && !f.pack {
			continue // Verify says what it is
		}
		s, ok := c.known[f.name]
		if !ok {
			var err error
			last := from+i == len(c.found)-1
			s, err = readSegment(c.dir, f.name, last)
			if errors.Is(err, fs.ErrNotExist) {
				continue // removed meanwhile, because of its age
			}
			if err != nil {
				c.unreadable = append(c.unreadable, &SegmentError{f.name, err})
				continue
			}
			if !last { // which may grow
				c.known[f.name] = s
			}
		}
		all = append(all, s)
	}
	if c.closed == nil && len(all) == len(c.found) && len(all) > 1 {
		c.closed = slices.Clone(all[:len(all)-1])
	}
	return all, slices.Clone(c.unreadable), nil
}

// list lists the directory, unless nothing has changed since.
func (c *catalog) list() error {
	info, err := os.Stat(c.dir)
	if errors.Is(err, fs.ErrNotExist) {
		c.found, c.closed = nil, nil
		return nil
	}
	if err != nil {
		return err
	}
	if !c.listed.IsZero() && info.ModTime().Equal(c.changed) && c.listed.Sub(c.changed) > settling {
		return nil
	}
	now := time.Now() // of the machine, as the directory's is
	c.closed = nil
	if c.found, err = list(c.dir); err != nil {
		c.listed = time.Time{}
		return err
	}
	c.listed, c.changed = now, info.ModTime()
	known := make(map[string]Segment, len(c.found))
	for _, f := range c.found {
		if s, ok := c.known[f.name]; ok {
			known[f.name] = s
		}
	}
	c.known = known
	return nil
}

// Segments returns the log's segments, the oldest first, with the lines that are in files (see Flush). Those that cannot be
// read are left out: Unreadable names them.
func (l *Log) Segments() ([]Segment, error) {
	all, _, err := l.catalog.segments()
	return all, err
}

// Unreadable returns the segments that the last Segments left out, and why.
func (l *Log) Unreadable() []*SegmentError {
	l.catalog.mu.Lock()
	defer l.catalog.mu.Unlock()
	return slices.Clone(l.catalog.unreadable)
}

// readSegment reads how a segment begins. The last one may end in half a hash.
func readSegment(dir, name string, last bool) (_ Segment, err error) {
	f, err := os.Open(filepath.Join(dir, name+treeSuffix)) // #nosec G304 -- a name that list accepted
	if err != nil {
		return Segment{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return Segment{}, err
	}
	head := make([]byte, len(treeMagic)+8+64*tlog.HashSize)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return Segment{}, err
	}
	start, _, err := cutTreeHeader(head[:n])
	if err != nil {
		return Segment{}, err
	}
	entries := info.Size() - int64(len(treeHeader(&start)))
	if entries%entrySize != 0 && !last {
		return Segment{}, errTree // its beginning, or its end, was altered
	}
	return Segment{Name: name, Start: start.size, Count: entries / entrySize, dir: dir}, nil
}
