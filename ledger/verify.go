// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// VerifyOptions say what a log is held against.
type VerifyOptions struct {
	Key   string // public half of the signing key
	Heads Heads  // nil: none
	// Against are checkpoints that were exported before.
	Against [][]byte
	// Index is Options.Index. Nil: indexes are not looked at.
	Index func(iter.Seq2[[]byte, error]) ([]byte, error)
	// Live says that a process is writing the log now: what follows the newest checkpoint is not looked at.
	Live bool
}

// Verify reads every line, hash, checkpoint and index in dir, and changes nothing. What is not as it was is the report's
// Bad; an error says that the log could not be read at all.
func Verify(ctx context.Context, dir string, o VerifyOptions) (*Report, error) {
	v, err := note.NewVerifier(o.Key)
	if err != nil {
		return nil, errors.New("not the public key of a log")
	}
	for try := 1; ; try++ {
		before, err := names(dir)
		if err != nil {
			return nil, err
		}
		c := &verification{dir: dir, o: o, key: v, report: &Report{Gaps: []Notice{}}}
		err = c.run(ctx)
		if err != nil && try < tries {
			// Files are packed and expire meanwhile: what is wrong then may be that only.
			if after, nerr := names(dir); nerr == nil && vanished(before, after) {
				continue
			}
		}
		if bad, ok := errors.AsType[*Bad](err); ok {
			c.report.Bad = bad
			err = nil
		}
		return c.report, err
	}
}

// tries bounds how often a log that changes is read.
const tries = 5

// names returns the files of a log's segments.
func names(dir string) (map[string]bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	all := make(map[string]bool, len(entries))
	for _, e := range entries {
		name := e.Name()
		if _, _, ok := parseName(strings.TrimSuffix(name, filepath.Ext(name))); ok {
			all[name] = true
		}
	}
	return all, nil
}

// vanished reports whether a file is not there any more.
func vanished(before, after map[string]bool) bool {
	for name := range before {
		if !after[name] {
			return true
		}
	}
	return false
}

// A verification goes through a log once, from its first line to its last.
type verification struct {
	dir    string
	o      VerifyOptions
	key    note.Verifier
	report *Report
	found  []files

	tree    frontier   // of the lines
	listed  frontier   // of the hashes that the tree files list
	good    Checkpoint // the last one that the lines met; Size 0: none
	noted   Checkpoint // the last one read
	targets []target   // checkpoints from elsewhere, the smallest first
	limit   int64      // Live: lines after it are not looked at
	before  int64      // lines that may be missing at the beginning: the log says that they are removed
	seq     uint64
	clean   bool
	// unclosed says that a segment without checkpoints was read.
	unclosed bool
	suspect  *Bad // the first line that is not its hash; which of the two is wrong the next checkpoint tells

	headless bool   // the store has no head
	doubts   []*Bad // lines that say so of a start
	accepted int64  // lines that somebody vouches for all the same
}

// A target is a checkpoint that came from elsewhere.
type target struct {
	Checkpoint
	from string
}

const (
	inStore  = "the head in the store"
	exported = "the exported checkpoint"
)

func (c *verification) run(ctx context.Context) error {
	counted, err := readCounts(c.dir)
	if err != nil {
		return err
	}
	c.clean = counted.clean
	if err := c.aim(ctx); err != nil {
		return err
	}
	found, err := list(c.dir)
	if err != nil {
		return err
	}
	c.found = found
	for i, f := range found {
		if err := ctx.Err(); err != nil {
			return err
		}
		if c.done() {
			break
		}
		if err := c.segment(f, i == 0, i == len(found)-1); err != nil {
			return err
		}
	}
	return c.end(counted, len(found) > 0)
}

// aim takes the checkpoints from elsewhere.
func (c *verification) aim(ctx context.Context) error {
	for _, b := range c.o.Against {
		p, err := ParseCheckpoint(b, c.key)
		if err != nil {
			return fmt.Errorf("the checkpoint to compare with: %w", err)
		}
		c.targets = append(c.targets, target{*p, exported})
	}
	if c.o.Heads != nil {
		b, err := c.o.Heads.LoadHead(ctx)
		if err != nil {
			return err
		}
		c.headless = b == nil
		if b != nil {
			h, err := parseHead(b, c.key)
			if err != nil {
				return &Bad{What: BadNotes, File: "the store", Record: 1, Detail: "the head in the store was not signed with the key of this log"}
			}
			if h.at.Size > 0 {
				c.targets = append(c.targets, target{h.at, inStore})
			}
			c.limit = h.at.Size
		}
	}
	slices.SortFunc(c.targets, func(a, b target) int { return int(a.Size - b.Size) })
	return nil
}

// done reports whether a live log was read as far as its newest checkpoint.
func (c *verification) done() bool { return c.o.Live && c.limit > 0 && c.tree.size >= c.limit }

// bad is what is wrong with the line at which the verification stands.
func (c *verification) bad(what, file string, record int64, detail string) *Bad {
	b := &Bad{What: what, File: file, Record: record + 1, Detail: detail, Whole: c.good.Size, Checkpoint: c.good.Number, Signed: c.good.Time}
	b.Whole = max(b.Whole, min(c.report.Before, record))
	return b
}

// segment reads one segment.
func (c *verification) segment(f files, first, last bool) error {
	base := filepath.Join(c.dir, f.name)
	if last && f.unbegun(c.dir) {
		return nil
	}
	if !f.tree {
		return c.bad(BadHashes, f.name+treeSuffix, c.tree.size, "the hashes of this segment are gone")
	}
	b, err := readWhole(base+treeSuffix, maxTree)
	if err != nil {
		return err
	}
	start, entries, err := cutTreeHeader(b)
	if err != nil {
		return c.bad(BadHashes, f.name+treeSuffix, c.tree.size, "the beginning of the list of hashes was altered")
	}
	if err := c.junction(f, first, &start); err != nil {
		return err
	}
	s := &segmentCheck{verification: c, f: f, last: last, entries: entries, first: c.tree.size}
	if s.notes, err = c.readNotes(f, last); err != nil {
		return err
	}
	if !f.lines && !f.pack && c.tree.size == c.report.Before {
		// Being removed because of its age; the end tells whether the log says so.
		for i := 0; i+entrySize <= len(entries); i += entrySize {
			c.tree.add(readEntry(entries[i:]).hash)
		}
		c.listed, c.report.Before = c.tree.clone(), c.tree.size
		c.pass()
		return nil
	}
	if !f.lines && !f.pack {
		return c.bad(Missing, f.name+lineSuffix, c.tree.size, "the lines of this segment are gone")
	}
	c.report.Segments++
	if f.pack {
		if err := s.readPacked(base + packSuffix); err != nil {
			return err
		}
	}
	if f.lines {
		// A packed copy may stand beside it, after a crash in between.
		if f.pack {
			if err := s.again(base + lineSuffix); err != nil {
				return err
			}
		} else if err := s.readPlain(base); err != nil {
			return err
		}
	}
	if c.suspect != nil {
		c.suspect.Suspect = max(c.suspect.Suspect, c.tree.size-c.good.Size)
		return c.suspect
	}
	if last || c.done() {
		// It has an index only if it is closed.
		if f.index {
			return c.index(f)
		}
		return nil
	}
	if c.noted.Number == 0 && !f.notes {
		c.unclosed = true // of an older version, if no checkpoint came before the next one
	} else if c.good.Size != c.tree.size {
		return c.bad(BadNotes, f.name+noteSuffix, c.good.Size, "the checkpoint that closed the segment is gone")
	}
	return c.index(f)
}

// junction holds the beginning of a segment against the end of the one before.
func (c *verification) junction(f files, first bool, start *frontier) error {
	switch {
	case first:
		c.report.Before = start.size
		c.tree, c.listed = start.clone(), start.clone()
		c.pass()
	case start.size < c.report.Before:
		return c.bad(Moved, f.name+treeSuffix, c.lowest(), "the segment belongs before the first one")
	case start.size > c.tree.size:
		return c.bad(Missing, f.name+treeSuffix, c.tree.size, fmt.Sprintf("records %d to %d, between two segments, are gone", c.tree.size+1, start.size))
	case !start.equal(&c.tree):
		return c.bad(BadHashes, f.name+treeSuffix, c.tree.size, "the beginning of the list of hashes does not continue the segment before")
	}
	return nil
}

// lowest returns how many lines stand before the segment that says to be the first.
func (c *verification) lowest() int64 {
	low := c.report.Before
	for _, f := range c.found {
		if s, err := readSegment(c.dir, f.name, true); err == nil {
			low = min(low, s.Start)
		}
	}
	return low
}

// pass leaves out checkpoints that speak of removed lines only.
func (c *verification) pass() {
	for len(c.targets) > 0 && c.targets[0].Size <= c.tree.size {
		c.targets = c.targets[1:]
	}
}

// readNotes reads the checkpoints of a segment.
func (c *verification) readNotes(f files, last bool) ([]Checkpoint, error) {
	b, err := readWhole(filepath.Join(c.dir, f.name+noteSuffix), maxTree)
	if err != nil {
		return nil, err
	}
	var all []Checkpoint
	for rest := b; len(rest) > 0; {
		var one []byte
		var p *Checkpoint
		if one, rest = cutNote(rest); one != nil {
			p, err = ParseCheckpoint(one, c.key)
		}
		before := c.noted
		if one == nil && last && (!c.clean || c.o.Live) {
			break // being written, or cut off by a crash; the head tells whether one is gone
		}
		switch {
		case one == nil || err != nil:
			return nil, c.bad(BadNotes, f.name+noteSuffix, before.Size, fmt.Sprintf("the checkpoint after number %d was altered", before.Number))
		case before.Number != 0 && (p.Number != before.Number+1 || p.Size <= before.Size), before.Number == 0 && (c.report.Before == 0 || c.unclosed) && p.Number != 1:
			return nil, c.bad(BadNotes, f.name+noteSuffix, before.Size, fmt.Sprintf("checkpoint %d follows number %d", p.Number, before.Number))
		}
		c.noted = *p
		c.report.Checkpoints++
		all = append(all, *p)
	}
	return all, nil
}

// index makes the index of a closed segment anew, and compares.
func (c *verification) index(f files) error {
	if c.o.Index == nil {
		return nil
	}
	if !f.index {
		c.report.Unindexed++
		return nil
	}
	name := filepath.Join(c.dir, f.name+indexSuffix)
	have, err := readWhole(name, maxTree)
	if err != nil {
		return err
	}
	s, err := readSegment(c.dir, f.name, false)
	if err != nil {
		return err
	}
	want, err := s.makeIndex(c.o.Index)
	if err != nil {
		return err
	}
	if !bytes.Equal(have, want) {
		return c.bad(BadIndex, f.name+indexSuffix, s.Start, "the index is not the one of its lines, which are whole (remove it, and the next start makes it anew)")
	}
	return nil
}

// end holds the whole against what is known from elsewhere.
func (c *verification) end(counted counts, any bool) error {
	size := c.tree.size
	c.report.Seq = c.seq
	c.report.Records = size - c.report.Before
	c.report.Unsigned = size - max(c.good.Size, c.report.Before)
	if c.suspect != nil {
		return c.suspect
	}
	if len(c.targets) > 0 {
		t := c.targets[len(c.targets)-1]
		b := c.bad(RolledBack, c.dir, size, fmt.Sprintf("%s of %s speaks of %d records; there are %d", t.from, t.Time.Format("2 Jan 2006 15:04:05"), t.Size, size))
		b.Suspect = t.Size - size
		return b
	}
	if c.report.Before > c.before {
		return c.bad(Missing, c.dir, c.before, fmt.Sprintf("records %d to %d are gone, and not because of their age", c.before+1, c.report.Before))
	}
	for _, b := range c.doubts {
		if b.Record > c.accepted {
			return b
		}
	}
	if c.headless && any && c.accepted < size {
		return c.bad(Unproven, "the store", size, "the store has no head of this log: nothing tells whether the files were set back or altered "+wayOn)
	}
	if counted.present && counted.clean && !c.o.Live && c.report.Unsigned > 0 && c.noted.Number > 0 {
		return c.bad(BadNotes, c.dir, c.good.Size, "the log was closed in order, and yet its last records are under no checkpoint")
	}
	if !c.o.Live && any {
		c.report.Unsynced = missing(c.seq, counted, !counted.present)
	}
	return nil
}

// A segmentCheck reads the lines of one segment.
type segmentCheck struct {
	*verification
	f       files
	last    bool
	first   int64 // lines before the segment
	entries []byte
	notes   []Checkpoint
	at      int64 // bytes of lines read

	odd       int64 // line of the segment that is the suspect
	elsewhere int64 // where its hash is listed, -1: nowhere
}

func (s *segmentCheck) readPlain(base string) error {
	in, err := openPlain(base + lineSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return s.readPacked(base + packSuffix) // packed meanwhile
	}
	if err != nil {
		return err
	}
	err = s.read(in, s.f.name+lineSuffix)
	return errors.Join(err, in.Close())
}

func (s *segmentCheck) readPacked(name string) error {
	in, err := openPacked(name)
	if errors.Is(err, errPack) {
		return s.bad(BadPack, s.f.name+packSuffix, s.first, "the end of the packed file was altered")
	}
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	whole, err := in.check()
	if errors.Is(err, errPack) {
		// The lines before the bad block are whole; name the first one in it.
		n := int64(0)
		for n < int64(len(s.entries)/entrySize) && int64(readEntry(s.entries[n*entrySize:]).end) <= whole {
			n++
		}
		b := s.bad(BadPack, s.f.name+packSuffix, s.first+n, "a block of the packed file was altered")
		b.Byte = whole
		return b
	}
	if err != nil {
		return err
	}
	return s.read(in, s.f.name+packSuffix)
}

// read goes through the lines of a segment.
func (s *segmentCheck) read(in lines, file string) error {
	n := int64(len(s.entries) / entrySize)
	br := bufio.NewReaderSize(io.NewSectionReader(in, 0, in.Size()), MaxLine)
	for i := int64(0); ; i++ {
		if s.done() {
			return nil
		}
		line, err := br.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return s.short(i, n, file)
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		if s.suspect == nil {
			why := s.line(i, n, line, err == nil, file)
			if why != nil && s.torn(in) { // after a crash
				return nil
			}
			if why != nil {
				why.Byte = s.at
				if why.File == "" {
					why.File = file
				}
				s.suspect, s.odd = why, i
			}
		}
		s.at += int64(len(line))
		h := tlog.RecordHash(bytes.TrimSuffix(line, []byte{'\n'}))
		s.name(i, n, h)
		s.tree.add(h)
		if i < n {
			s.listed.add(readEntry(s.entries[i*entrySize:]).hash)
		} else {
			s.listed.add(h)
		}
		if err := s.met(file); err != nil {
			return err
		}
	}
}

// torn reports whether what follows is what an unclean end left: nothing vouches for it, and the log was not closed.
func (s *segmentCheck) torn(in lines) bool {
	if !s.last || s.clean && !s.o.Live || s.tree.size < s.noted.Size || len(s.targets) > 0 {
		return false
	}
	s.report.Torn = in.Size() - s.at
	return true
}

// line compares one line with its hash, and with the line before.
func (s *segmentCheck) line(i, n int64, line []byte, whole bool, file string) *Bad {
	record := s.first + i
	if !whole {
		return s.bad(Altered, "", record, "what stands there is not a whole line")
	}
	text := line[:len(line)-1]
	h := tlog.RecordHash(text)
	b, follows := readBrief(text, s.seq)
	follows = follows || i == 0 && s.report.Before == s.first && b.Seq != 0 || record == 0 && b.Seq != 0
	if i < n && readEntry(s.entries[i*entrySize:]).hash != h {
		bad := s.bad(Altered, "", record, "the record does not match its leaf")
		bad.Seq, bad.ID = b.Seq, b.ID
		s.elsewhere = s.find(h, n)
		return bad
	}
	if i < n && int64(readEntry(s.entries[i*entrySize:]).end) != s.at+int64(len(line)) {
		bad := s.bad(BadHashes, s.f.name+treeSuffix, record, "the place of the record was altered; the record is whole")
		return bad
	}
	if i >= n && !(s.last && (!s.clean || s.o.Live)) {
		return s.bad(Inserted, "", record, "a record stands here that is in no list of hashes")
	}
	if !follows {
		bad := s.bad(Altered, "", record, fmt.Sprintf("its number is %d after %d", b.Seq, s.seq))
		bad.Seq, bad.ID = b.Seq, b.ID
		return bad
	}
	s.seq = b.Seq
	s.count(&b, file)
	return nil
}

// count takes what a whole line says for the report.
func (s *segmentCheck) count(b *brief, file string) {
	r := s.report
	if r.First.IsZero() {
		r.First = b.Time
	}
	r.Last = b.Time
	if b.Unsigned > 0 && len(r.Resumed) < 1000 {
		r.Resumed = append(r.Resumed, b.Notice)
	}
	switch b.Kind {
	case KindGap:
		r.Lost += b.Lost
		if len(r.Gaps) < 1000 {
			r.Gaps = append(r.Gaps, b.Notice)
		}
	case KindExpired:
		s.before = max(s.before, b.Before)
	case KindNoHead:
		bad := s.bad(Unproven, file, s.tree.size, "the log began here without a head in the store: nothing tells whether the records before were set back or altered "+wayOn)
		bad.Seq, bad.Byte = b.Seq, s.at
		if len(s.doubts) < 1000 {
			s.doubts = append(s.doubts, bad)
		}
		s.head(b)
	case KindOldHead:
		s.head(b)
	case KindAccepted:
		s.accepted = max(s.accepted, min(b.Before, s.tree.size))
	}
}

// wayOn is how an operator who knows why the head was gone gets a clean report again.
const wayOn = "(if you know why: start the gateway, and yett log accept --note \"why\")"

func (s *segmentCheck) head(b *brief) {
	if len(s.report.Heads) < 1000 {
		s.report.Heads = append(s.report.Heads, b.Notice)
	}
}

// find looks for the hash of a line in the list, -1 if it is not there.
func (s *segmentCheck) find(h tlog.Hash, n int64) int64 {
	for j := range n {
		if readEntry(s.entries[j*entrySize:]).hash == h {
			return j
		}
	}
	return -1
}

// name says what happened to the odd line, once the one behind it, line i, is known.
func (s *segmentCheck) name(i, n int64, h tlog.Hash) {
	b := s.suspect
	if b == nil || b.What != Altered || i != s.odd+1 || s.odd >= n {
		return
	}
	leaf := func(j int64) tlog.Hash {
		if j < n {
			return readEntry(s.entries[j*entrySize:]).hash
		}
		return tlog.Hash{}
	}
	switch j := s.elsewhere; {
	case h == leaf(s.odd) && j < 0:
		b.What, b.Detail = Inserted, "a record was put in before this one"
	case j > s.odd && h == leaf(j+1):
		b.What, b.Detail = Missing, fmt.Sprintf("records %d to %d are gone", s.first+s.odd+1, s.first+j)
		b.Seq, b.ID = 0, ""
	case j >= 0:
		b.What, b.Detail = Moved, fmt.Sprintf("record %d stands here", s.first+j+1)
	}
}

// short judges a segment whose lines end at i where n hashes are listed.
func (s *segmentCheck) short(i, n int64, file string) error {
	if int64(len(s.entries))%entrySize != 0 && (s.clean && !s.o.Live || !s.last) {
		return s.bad(BadHashes, s.f.name+treeSuffix, s.first+min(i, n), "the list of hashes ends in half of one")
	}
	if s.suspect != nil || i >= n {
		return nil
	}
	if s.last && (!s.clean || s.o.Live) && s.tree.size >= s.noted.Size && len(s.targets) == 0 {
		return nil // hashes that reached the disk before their lines
	}
	if s.good.Size == s.tree.size && len(s.notes) == 0 && i > 0 {
		return s.bad(BadHashes, s.f.name+treeSuffix, s.first+i, "more hashes are listed than the segment has records")
	}
	b := s.bad(Missing, file, s.first+i, fmt.Sprintf("records %d to %d are gone from the end of the segment", s.first+i+1, s.first+n))
	b.Byte = s.at
	return b
}

// met compares the tree with the checkpoints of its size.
func (s *segmentCheck) met(file string) error {
	for len(s.notes) > 0 && s.notes[0].Size <= s.tree.size {
		p := s.notes[0]
		s.notes = s.notes[1:]
		if err := s.hold(p, file, fmt.Sprintf("checkpoint %d", p.Number)); err != nil {
			return err
		}
	}
	for len(s.targets) > 0 && s.targets[0].Size == s.tree.size {
		t := s.targets[0]
		s.targets = s.targets[1:]
		if s.suspect == nil && s.tree.root() != t.Root {
			b := s.bad(RolledBack, file, s.good.Size, fmt.Sprintf("the records are another history than that of %s of %s", t.from, t.Time.Format("2 Jan 2006 15:04:05")))
			b.Suspect = t.Size - s.good.Size
			return b
		}
		if t.from == exported && s.suspect == nil {
			s.accepted = max(s.accepted, t.Size) // it was made by whoever compares with it
		}
		if t.from == inStore && s.suspect == nil {
			if t.Number > s.noted.Number {
				return s.bad(BadNotes, s.f.name+noteSuffix, s.good.Size, fmt.Sprintf("checkpoint %d, which the store knows, is gone", t.Number))
			}
		}
	}
	return nil
}

// hold compares the tree with one checkpoint of its segment.
func (s *segmentCheck) hold(p Checkpoint, file, what string) error {
	if p.Size != s.tree.size {
		return s.bad(BadNotes, s.f.name+noteSuffix, s.good.Size, what+" does not belong to this segment")
	}
	if s.suspect == nil && s.tree.root() == p.Root {
		s.good = p
		return nil
	}
	b := s.suspect
	switch {
	case b == nil && s.listed.root() == p.Root:
		b = s.bad(Altered, file, s.good.Size, "the records and "+what+" differ")
	case b == nil:
		b = s.bad(Altered, file, s.good.Size, fmt.Sprintf("records %d to %d and their hashes are not those under %s", s.good.Size+1, p.Size, what))
	case s.tree.root() == p.Root:
		// The lines are right, so the list is not.
		b.What, b.File = BadHashes, s.f.name+treeSuffix
		b.Detail = "the hash of the record was altered; the record is whole"
	}
	b.Suspect = p.Size - s.good.Size
	return b
}

// again holds the lines of a segment that is also there packed against the same hashes.
func (s *segmentCheck) again(name string) error {
	in, err := openPlain(name)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	br := bufio.NewReaderSize(io.NewSectionReader(in, 0, in.Size()), MaxLine)
	for i := int64(0); i < int64(len(s.entries)/entrySize); i++ {
		line, err := br.ReadSlice('\n')
		if err != nil || tlog.RecordHash(line[:len(line)-1]) != readEntry(s.entries[i*entrySize:]).hash {
			return s.bad(Altered, s.f.name+lineSuffix, s.first+i, "the record does not match its leaf")
		}
	}
	return nil
}
