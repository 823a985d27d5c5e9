// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
)

// lines are the bytes of a segment's lines, packed or not.
type lines interface {
	io.ReaderAt
	Size() int64
	Close() error
}

// plain are lines that are not packed. What is written while they are read is not among them.
type plain struct {
	*os.File
	size int64
}

func (p plain) Size() int64 { return p.size }

func openPlain(name string) (lines, error) {
	f, err := os.Open(name) // #nosec G304 -- a segment's name in the log's own directory
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return plain{f, info.Size()}, nil
}

// A Segment is some of the log's lines, in one file. The last one may still grow.
type Segment struct {
	Name  string
	Start int64 // lines before it
	Count int64

	dir string
}

// End is the number of lines up to its last one.
func (s *Segment) End() int64 { return s.Start + s.Count }

// IndexFile is where the segment's index lies, once it is closed.
func (s *Segment) IndexFile() string { return filepath.Join(s.dir, s.Name+indexSuffix) }

// A Reader reads the lines of one segment. It is for one goroutine.
type Reader struct {
	lines lines
	tree  *os.File
	base  int64 // where the entries begin in tree
	count int64
	name  string
}

// Open opens the segment for reading.
func (s *Segment) Open() (_ *Reader, err error) {
	base := filepath.Join(s.dir, s.Name)
	r := &Reader{count: s.Count, name: s.Name}
	if r.tree, err = os.Open(base + treeSuffix); err != nil { // #nosec G304 -- a segment's name in the log's own directory
		return nil, &SegmentError{s.Name, err}
	}
	head := make([]byte, len(treeMagic)+8+64*len(entry{}.hash))
	n, err := r.tree.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(&SegmentError{s.Name, err}, r.tree.Close())
	}
	f, _, err := cutTreeHeader(head[:n])
	if err == nil && f.size != s.Start {
		err = errTree // altered since
	}
	if err == nil {
		r.base = int64(len(treeHeader(&f)))
		r.lines, err = openPlain(base + lineSuffix)
		if errors.Is(err, os.ErrNotExist) {
			r.lines, err = openPackedLines(base + packSuffix)
		}
	}
	if err != nil {
		return nil, errors.Join(&SegmentError{s.Name, err}, r.tree.Close())
	}
	return r, nil
}

func openPackedLines(name string) (lines, error) {
	p, err := openPacked(name)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Close closes the files.
func (r *Reader) Close() error { return errors.Join(r.lines.Close(), r.tree.Close()) }

func (r *Reader) fail(format string, args ...any) error {
	return &SegmentError{r.name, fmt.Errorf(format, args...)}
}

// MaxLine bounds a line, in bytes.
const MaxLine = 1 << 20

// Line returns line i of the segment, without its line feed. Its hash is not compared: Verify does that.
func (r *Reader) Line(i int64) ([]byte, error) {
	if i < 0 || i >= r.count {
		return nil, io.EOF
	}
	from, to, err := r.place(i)
	if err != nil {
		return nil, err
	}
	if to <= from || to-from > MaxLine {
		return nil, r.fail("line %d has no place", i)
	}
	b := make([]byte, to-from)
	if _, err := r.lines.ReadAt(b, from); err != nil {
		return nil, r.fail("line %d: %w", i, err)
	}
	return bytes.TrimSuffix(b, []byte{'\n'}), nil
}

// place returns where a line begins and ends.
func (r *Reader) place(i int64) (from, to int64, err error) {
	if i == 0 {
		to, err = r.end(0)
		return 0, to, err
	}
	var b [2 * entrySize]byte
	if _, err := r.tree.ReadAt(b[:], r.base+(i-1)*entrySize); err != nil {
		return 0, 0, r.fail("the place of line %d: %w", i, err)
	}
	return int64(readEntry(b[:]).end), int64(readEntry(b[entrySize:]).end), nil
}

// end returns where a line ends; -1 is before the first one.
func (r *Reader) end(i int64) (int64, error) {
	if i < 0 {
		return 0, nil
	}
	b := make([]byte, entrySize)
	if _, err := r.tree.ReadAt(b, r.base+i*entrySize); err != nil {
		return 0, r.fail("the place of line %d: %w", i, err)
	}
	return int64(readEntry(b).end), nil
}

// Lines yields the lines of the segment from line i on, without their line feeds. A line is good until the next one.
func (r *Reader) Lines(i int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		from, err := r.end(i - 1)
		if err != nil {
			yield(nil, err)
			return
		}
		br := bufio.NewReaderSize(io.NewSectionReader(r.lines, from, r.lines.Size()-from), MaxLine)
		for ; i < r.count; i++ {
			line, err := br.ReadSlice('\n')
			if err != nil {
				yield(nil, r.fail("line %d: %w", i, err))
				return
			}
			if !yield(line[:len(line)-1], nil) {
				return
			}
		}
	}
}
