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
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// A resumption is how the log goes on from what lies on the disk. Working it out changes nothing; mend carries it out.
type resumption struct {
	tree  frontier // of all lines that count
	start frontier // before the segment
	seq   uint64
	name  string // of the last segment
	// The last segment goes on: its lines end at size, its hashes at kept, where missing ones follow.
	goesOn  bool
	size    int64
	kept    int64
	missing []byte
	notes   int64 // bytes of whole checkpoints
	gap     *Notice
	head    *Notice   // what is wrong with the head
	signed  time.Time // when the newest checkpoint was made
	first   bool      // no head was ever kept
}

// resume works out how the log goes on.
func (l *Log) resume(ctx context.Context) error {
	found, err := list(l.dir)
	if err != nil {
		return err
	}
	counted, err := readCounts(l.dir)
	if err != nil {
		return err
	}
	if n := len(found); n > 0 && found[n-1].unbegun(l.dir) {
		found = found[:n-1]
	}
	newest, err := l.loadHead(ctx)
	l.headless = err
	l.number, l.signed = 0, 0
	if newest != nil {
		l.number, l.signed = newest.at.Number, newest.at.Size
	}
	if err := adopt(l.dir, found); err != nil {
		return fmt.Errorf("records of an older version: %w", err)
	}
	r := new(resumption)
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.pending = r // whole, because readers ask for its number
	}()
	if l.headless != nil {
		// It is for reading only, until Begin has the head.
		_, err := l.lastSeq(r, found)
		return err
	}
	if err := l.readNotes(r, found); err != nil {
		return err
	}
	l.know(counted, r.signed, newest)
	if len(found) > 0 {
		err = l.resumeAt(r, found[len(found)-1], newest)
	} else if newest != nil {
		r.tree = newest.tree
	}
	if err != nil {
		return err
	}
	stopped, err := l.lastSeq(r, found)
	if err != nil {
		return err
	}
	if newest != nil {
		r.seq = max(r.seq, newest.at.Seq)
	}
	unsigned := max(0, r.tree.size-l.signed)
	r.gap = missing(r.seq, counted, stopped)
	if r.gap == nil && unsigned > 0 {
		r.gap = &Notice{Kind: KindResumed, Cause: "the process ended without closing the log; every number has its record"}
	}
	if r.gap != nil {
		r.gap.Unsigned = unsigned
	}
	if l.o.Heads != nil {
		r.first = newest == nil
		r.head = l.doubt(newest, r.seq > 0 || counted.seq > 0 || len(found) > 0)
	}
	return nil
}

// know tells the clock what time it was when the log was last written.
func (l *Log) know(counted counts, signed time.Time, newest *head) {
	known := counted.known
	if known.IsZero() {
		known = signed
	}
	if known.IsZero() && newest != nil && newest.at.Number > 0 {
		known = newest.at.Time
	}
	l.clock.set(known, counted.held)
}

// doubt says what is wrong with the head that is kept elsewhere, nil if nothing is.
func (l *Log) doubt(newest *head, any bool) *Notice {
	switch {
	case newest == nil && any:
		return &Notice{Kind: KindNoHead, Cause: "the store had no head of this log: nothing tells whether the records before this line were set back or altered"}
	case newest != nil && l.number > newest.at.Number+1: // one more is what a kill leaves
		return &Notice{Kind: KindOldHead, Cause: fmt.Sprintf("the head in the store was of checkpoint %d, and the log has %d: the store was down, or was set back", newest.at.Number, l.number)}
	}
	return nil
}

// missing says which numbers have no line after the last one, nil if all have.
func missing(seq uint64, c counts, stopped bool) *Notice {
	if c.clean && c.present && c.seq == seq || seq == 0 && c.seq == 0 {
		return nil
	}
	to := max(c.seq, seq) + c.open
	switch {
	case !c.present && stopped:
		return nil // an older log, or one without a counter, that was closed in order
	case !c.present:
		return &Notice{Kind: KindGap, Cause: "the process ended without closing the log: records of its last second may be missing"}
	case to == seq && c.boot == boot() && c.boot != "":
		return nil // killed, and every number is there
	}
	n := &Notice{Kind: KindGap, Open: c.open, Cause: "the process was killed before these were written"}
	switch now := boot(); {
	case now == "" && c.boot == "":
		n.Cause = "the process or the machine ended without closing the log"
	case c.boot != now:
		n.Cause = "the machine went down: what was not yet on the disk is missing"
	}
	if to > seq {
		n.From, n.To, n.Lost = seq+1, to, to-seq
	}
	return n
}

// loadHead returns the newest head that is kept elsewhere, nil if there is none.
func (l *Log) loadHead(ctx context.Context) (*head, error) {
	if l.o.Heads == nil {
		return nil, nil
	}
	b, err := within(ctx, l.headTimeout, l.o.Heads.LoadHead)
	if err != nil {
		return nil, fmt.Errorf("the head of the log cannot be read from the store: %w", err)
	}
	if b == nil {
		return nil, nil
	}
	h, err := parseHead(b, l.verifier)
	if err != nil {
		return nil, fmt.Errorf("the head of the log in the store: %w (yett log verify tells more; restore the store, or take the head out of it: the log then goes on, and says that it was gone)", err)
	}
	return h, nil
}

// headTimeout bounds what the place of the heads may take.
const headTimeout = 5 * time.Second

// within calls f, and stops waiting for it after d even if f does not heed its context.
func within[T any](ctx context.Context, d time.Duration, f func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	type result struct {
		t   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		defer cancel()
		t, err := f(ctx)
		done <- result{t, err}
	}()
	select {
	case r := <-done:
		return r.t, r.err
	case <-ctx.Done():
	}
	select {
	case r := <-done: // both at once
		return r.t, r.err
	default:
		var none T
		return none, ctx.Err()
	}
}

// errLost says that the log cannot go on where it lies.
var errLost = errors.New("records under the newest checkpoint are gone or altered, and no head tells how to go on (move the directory away to begin a new log)")

// resumeAt goes on after the last segment.
func (l *Log) resumeAt(r *resumption, f files, newest *head) error {
	r.name = f.name
	base := filepath.Join(l.dir, f.name)
	tree, err := readWhole(base+treeSuffix, maxTree)
	if err != nil {
		return err
	}
	start, entries, err := cutTreeHeader(tree)
	if err != nil {
		return l.restart(r, newest)
	}
	r.start = start.clone()
	known := max(0, l.signed-start.size) // lines of this segment under a checkpoint
	n := int64(len(entries) / entrySize)
	if n < known {
		return l.restart(r, newest)
	}
	r.tree = start
	for i := range known {
		r.tree.add(readEntry(entries[i*entrySize:]).hash)
	}
	if newest != nil && newest.tree.size == r.tree.size && !newest.tree.equal(&r.tree) {
		return l.restart(r, newest)
	}
	if !f.lines { // packed, so it was closed
		r.size = -1
		for i := known; i < n; i++ {
			r.tree.add(readEntry(entries[i*entrySize:]).hash)
		}
		return nil
	}
	if known > 0 {
		r.size = int64(readEntry(entries[(known-1)*entrySize:]).end)
	}
	lines, err := openPlain(base + lineSuffix)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lines.Close()) }()
	if lines.Size() < r.size {
		return l.restart(r, newest)
	}
	r.goesOn = true
	return r.scan(lines, entries, known, int64(len(tree)-len(entries)))
}

// scan takes the lines after the first known ones that are whole.
func (r *resumption) scan(lines lines, entries []byte, known, header int64) error {
	br := bufio.NewReaderSize(io.NewSectionReader(lines, r.size, lines.Size()-r.size), MaxLine)
	r.kept = header + known*entrySize
	var seq uint64
	for i := known; ; i++ {
		line, err := br.ReadSlice('\n')
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		var e entry
		whole := err == nil
		if whole {
			e = entry{tlog.RecordHash(line[:len(line)-1]), uint32(r.size + int64(len(line)))} // #nosec G115 -- maxSegment
			b, ok := readBrief(line, seq)
			// The first one has nothing before it here to compare with.
			whole, seq = b.Seq != 0 && (ok || i == known), b.Seq
		}
		switch {
		case whole && (i+1)*entrySize > int64(len(entries)):
			r.missing = e.append(r.missing)
		case whole && readEntry(entries[i*entrySize:]) == e:
			r.kept += entrySize
		default:
			// From here on the machine's end, or somebody, left something else than lines.
			return nil
		}
		r.tree.add(e.hash)
		r.size = int64(e.end)
	}
}

// restart goes on from the head, in a new segment: what lies under it is not what it was.
func (l *Log) restart(r *resumption, newest *head) error {
	if newest == nil || newest.tree.size != l.signed {
		return errLost
	}
	l.o.Log.Error("records under the newest checkpoint are gone or altered; the log goes on in a new segment (yett log verify tells more)")
	r.tree, r.goesOn = newest.tree.clone(), false
	return nil
}

// readNotes takes the newest checkpoint among the segments, where it is newer than the head.
func (l *Log) readNotes(r *resumption, found []files) error {
	for i := len(found) - 1; i >= 0; i-- {
		b, err := readWhole(filepath.Join(l.dir, found[i].name+noteSuffix), maxTree)
		if err != nil {
			return err
		}
		any := false
		for rest := b; ; {
			var one []byte
			if one, rest = cutNote(rest); one == nil {
				break
			}
			if i == len(found)-1 {
				r.notes = int64(len(b) - len(rest))
			}
			if c, err := ParseCheckpoint(one, l.verifier); err == nil {
				any = true
				r.signed = c.Time
				if c.Number > l.number {
					l.number, l.signed = c.Number, c.Size
				}
			}
		}
		if any {
			return nil
		}
	}
	return nil
}

// lastSeq finds the number of the last line, and whether it says that the log was closed in order.
func (l *Log) lastSeq(r *resumption, found []files) (stopped bool, err error) {
	for i := len(found) - 1; i >= 0; i-- {
		base := filepath.Join(l.dir, found[i].name)
		var in lines
		if found[i].lines {
			in, err = openPlain(base + lineSuffix)
		} else {
			in, err = openPackedLines(base + packSuffix)
		}
		if err != nil {
			l.o.Log.Error("a segment of the records cannot be read", "segment", found[i].name, "error", err.Error())
			continue
		}
		end := in.Size()
		if i == len(found)-1 && r.goesOn {
			end = r.size
		}
		line, err := lastLine(in, end)
		if err = errors.Join(err, in.Close()); err != nil {
			return false, err
		}
		if b, _ := readBrief(line, 0); b.Seq != 0 {
			r.seq = b.Seq
			return b.Kind == KindStop, nil
		}
	}
	return false, nil
}

// lastLine returns the last line before end.
func lastLine(r io.ReaderAt, end int64) ([]byte, error) {
	for n := int64(64 << 10); ; n *= 4 {
		n = min(n, end)
		b := make([]byte, n)
		if _, err := r.ReadAt(b, end-n); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		b = bytes.TrimSuffix(b, []byte{'\n'})
		if i := bytes.LastIndexByte(b, '\n'); i >= 0 || n == end || n > 2*MaxLine {
			return b[i+1:], nil
		}
	}
}

// mend carries out what resume worked out.
func (l *Log) mend() error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.pending
	base := filepath.Join(l.dir, r.name)
	l.name = r.name
	if r.goesOn && l.file == nil {
		file, err := l.openFile(base+lineSuffix, os.O_RDWR)
		if err != nil {
			return err
		}
		hashes, err := l.openFile(base+treeSuffix, os.O_RDWR)
		if err != nil {
			return errors.Join(err, file.Close())
		}
		err = keepTorn(file, r.size, base+tornSuffix)
		if err == nil {
			err = errors.Join(file.Truncate(r.size), hashes.Truncate(r.kept))
		}
		if err == nil {
			_, err = hashes.WriteAt(r.missing, r.kept)
		}
		if err == nil {
			if err = os.Truncate(base+noteSuffix, r.notes); errors.Is(err, os.ErrNotExist) {
				err = nil
			}
		}
		if err == nil {
			err = errors.Join(file.Sync(), hashes.Sync())
		}
		if err != nil {
			return errors.Join(err, file.Close(), hashes.Close())
		}
		l.file, l.hashes, l.size, l.treeSize = file, hashes, r.size, r.kept+int64(len(r.missing))
	}
	seq := r.seq
	if r.gap != nil && r.gap.To > seq {
		seq = r.gap.To
	}
	if r.first && r.head == nil {
		if err := l.firstHead(); err != nil {
			return err
		}
	}
	known, _ := l.clock.state()
	counter, err := newCounter(l.dir, seq, known)
	if err != nil {
		return err
	}
	l.counter = counter
	l.opened = l.o.Elapsed()
	l.names.Store(true)
	l.tree, l.start, l.seq = r.tree, r.start, r.seq
	if !r.goesOn {
		l.start = r.tree.clone()
	}
	l.safe = mark{r.tree.clone(), r.seq, l.size, l.treeSize}
	for _, n := range []*Notice{r.gap, r.head} {
		if n != nil {
			one := *n
			one.Seq, one.Time = l.Number(), l.o.Now()
			l.write(one.line(), one.Seq)
		}
	}
	if r.head != nil && r.head.Kind == KindNoHead {
		text := r.head.Cause + " " + wayOn
		l.unproven.Store(&text)
	}
	l.pending, l.ready = nil, true
	l.holdRoom()
	return nil
}

// firstHead keeps the head of a log without lines: one that has lines and no head was tampered with.
func (l *Log) firstHead() error {
	h := head{at: Checkpoint{Time: l.o.Now().UTC().Truncate(time.Millisecond)}}
	var err error
	if h.signed, err = h.at.sign(l.signer); err != nil {
		return err
	}
	_, err = within(context.Background(), l.headTimeout, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, l.o.Heads.StoreHead(ctx, h.encode())
	})
	if err != nil {
		return fmt.Errorf("the head of the log cannot be kept in the store: %w", err)
	}
	return nil
}

// keepTorn keeps what follows the last line: it is no line, but it may be evidence.
func keepTorn(lines file, size int64, name string) (err error) {
	info, err := lines.Stat()
	if err != nil || info.Size() <= size {
		return err
	}
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600) // #nosec G304 -- a segment's name
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.NewSectionReader(lines, size, info.Size()-size))
	return errors.Join(err, out.Sync(), out.Close())
}

// adopt gives segments of older versions, which were lines only, their hashes.
func adopt(dir string, found []files) error {
	var tree frontier
	for i := range found {
		base := filepath.Join(dir, found[i].name)
		if found[i].tree || !found[i].lines {
			return nil // this version made it, and all that follow
		}
		b := treeHeader(&tree)
		lines, err := openPlain(base + lineSuffix)
		if err != nil {
			return err
		}
		br := bufio.NewReaderSize(io.NewSectionReader(lines, 0, lines.Size()), MaxLine)
		for end := 0; ; {
			line, err := br.ReadSlice('\n')
			if errors.Is(err, io.EOF) {
				break // what a crash cut off has no end
			}
			if err != nil {
				return errors.Join(err, lines.Close())
			}
			end += len(line)
			e := entry{tlog.RecordHash(line[:len(line)-1]), uint32(end)} // #nosec G115 -- files had 256 MiB
			tree.add(e.hash)
			b = e.append(b)
		}
		if err := errors.Join(lines.Close(), writeWhole(base+treeSuffix, b)); err != nil {
			return err
		}
		found[i].tree = true
	}
	return nil
}
