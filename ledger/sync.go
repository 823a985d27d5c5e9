// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Sync brings everything to the disk, puts it under a new checkpoint, and keeps that in the segment and in Heads. A
// segment that is full, or of a day that is over, is closed.
//
// Heads may fail, or hang, for a minute: the log is whole without them, and Troubles tells. After that Sync fails, because
// nothing proves any more that the log was not set back.
func (l *Log) Sync(ctx context.Context) error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	if err := l.sync(); err != nil {
		return err
	}
	if l.due() {
		if err := l.roll(); err != nil {
			return err
		}
	}
	return l.keepHead(ctx)
}

func (l *Log) sync() error {
	l.clock.look()
	l.mu.Lock()
	err := l.spoilt
	if err != nil {
		err = l.condemn()
	}
	if err == nil {
		err = l.flush()
	}
	file, hashes, name, remembered := l.file, l.hashes, l.name, len(l.memory)
	at := mark{l.tree.clone(), l.seq, l.size, l.treeSize}
	l.mu.Unlock()
	if err != nil {
		return err
	}
	if file == nil || at.tree.size <= l.signed {
		return l.rest()
	}
	// Only Sync closes them, so they are open still.
	if err := errors.Join(file.Sync(), hashes.Sync()); err != nil {
		return l.spoil(err)
	}
	if err := l.counter.sync(l.clock.state()); err != nil {
		return err
	}
	l.mu.Lock()
	l.arrived(at, remembered)
	l.mu.Unlock()
	return l.checkpoint(at.tree, at.seq, name)
}

// maxMemory bounds the lines that are held until the disk has them.
const maxMemory = 16 << 20

// remember holds what was just written to file.
func (l *Log) remember() {
	if len(l.memory)+len(l.buf) > l.most {
		l.memory, l.over = l.memory[:0], l.seq
		return
	}
	l.memory = append(l.memory, l.buf...)
}

// arrived takes note that the disk has the segment up to a mark, with the first n bytes in memory.
func (l *Log) arrived(at mark, n int) {
	l.safe = at
	if l.over > at.seq {
		return // memory begins after that
	}
	l.over = 0
	l.memory = slices.Delete(l.memory, 0, n)
	if len(l.memory) == 0 && cap(l.memory) > 1<<20 && n < cap(l.memory)/4 { // the rush is over
		l.memory = nil
	}
}

// spoil takes note that the disk lost something after safe, and what is not known.
func (l *Log) spoil(why error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	lost := fmt.Errorf("the disk lost what was written to segment %s: %w", l.name, why)
	l.spoilt = lost
	l.o.Log.Error("the disk lost records; they are written again", "segment", l.name, "error", why.Error())
	return errors.Join(lost, l.condemn())
}

// condemn ends a segment that the disk failed for. Asked again, it would say that all is well while pages are gone (Linux
// forgets the error once it was told), and a checkpoint would speak of lines that nobody can read. So the segment is cut
// back to what was on the disk before, and what came after is written again, into the next one, from memory; what is not
// there any more is a gap. Both locks are held.
func (l *Log) condemn() error {
	err := errors.Join(l.file.Truncate(l.safe.size), l.hashes.Truncate(l.safe.treeSize))
	if err == nil {
		err = errors.Join(l.file.Sync(), l.hashes.Sync())
	}
	if err == nil && l.safe.tree.size > l.signed {
		err = l.checkpoint(l.safe.tree.clone(), l.safe.seq, l.name)
	}
	if err != nil {
		l.failing.Store(true)
		return err
	}
	l.spoilt = nil
	if err := l.letGo(); err != nil {
		l.o.Log.Warn("a condemned segment cannot be closed", "segment", l.name, "error", err.Error())
	}
	if l.safe.size == 0 {
		l.unmake()
	}
	l.again()
	return nil
}

// unmake removes a segment without lines.
func (l *Log) unmake() {
	for _, suffix := range []string{lineSuffix, noteSuffix, treeSuffix} {
		if err := os.Remove(filepath.Join(l.dir, l.name+suffix)); err != nil && !errors.Is(err, os.ErrNotExist) {
			l.o.Log.Warn("a segment without records cannot be removed", "segment", l.name, "error", err.Error())
		}
	}
	l.catalog.forget()
}

// again puts the lines after safe into the buffer of a new segment.
func (l *Log) again() {
	lines, last := append(l.memory, l.buf...), l.seq
	l.tree, l.start = l.safe.tree.clone(), l.safe.tree.clone()
	l.memory, l.buf, l.treeBuf = nil, nil, nil
	if l.over > l.safe.seq {
		// The last of the lost numbers is the notice's own: those after it are given already.
		n := Notice{Seq: l.over, Time: l.o.Now(), Kind: KindGap, Lost: l.over - l.safe.seq, Cause: "the disk lost them after they were written, this number among them"}
		if l.over > l.safe.seq+1 {
			n.From, n.To = l.safe.seq+1, l.over-1
		}
		l.write(n.line(), n.Seq)
	}
	l.over = 0
	for len(lines) > 0 {
		line := lines
		if i := slices.Index(lines, '\n'); i >= 0 {
			line, lines = lines[:i], lines[i+1:]
		} else {
			lines = nil
		}
		l.write(line, last)
	}
	l.seq = last
}

// letGo closes the files of the open segment.
func (l *Log) letGo() error {
	err := errors.Join(l.file.Close(), l.hashes.Close())
	if l.notes != nil {
		err = errors.Join(err, l.notes.Close())
	}
	l.file, l.hashes, l.notes, l.size, l.treeSize = nil, nil, nil, 0, 0
	return err
}

// due reports whether the open segment should be closed: it is full, or its day is over. A day of real time ends it too,
// because its name may be of a clock that was ahead.
func (l *Log) due() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file != nil && (l.size >= l.o.SegmentSize || l.o.Now().UTC().Format(time.DateOnly) > l.name[:len(time.DateOnly)] ||
		l.o.Elapsed()-l.opened >= 24*time.Hour || l.taken())
}

// taken reports whether somebody moved or removed a file of the open segment. What follows then stands in a new one.
func (l *Log) taken() bool {
	for _, f := range []file{l.file, l.hashes} {
		open, err := f.Stat()
		if err != nil {
			return true
		}
		if named, err := os.Stat(f.Name()); err != nil || !os.SameFile(open, named) {
			l.o.Log.Error("a file of the records was taken away; a new segment begins", "file", filepath.Base(f.Name()))
			return true
		}
	}
	return false
}

// roll closes the open segment with everything in it under a checkpoint.
func (l *Log) roll() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.flush(); err != nil {
		return err
	}
	if l.tree.size > l.signed {
		if err := errors.Join(l.file.Sync(), l.hashes.Sync()); err != nil {
			l.spoilt = fmt.Errorf("the disk lost what was written to segment %s: %w", l.name, err)
			return l.spoilt // the next Sync condemns it
		}
		l.arrived(mark{l.tree.clone(), l.seq, l.size, l.treeSize}, len(l.memory))
		if err := l.checkpoint(l.tree.clone(), l.seq, l.name); err != nil {
			return err
		}
	}
	l.start = l.tree.clone()
	return l.letGo()
}

// rest keeps the time that is known of a log that nobody writes to, now and then.
func (l *Log) rest() error {
	if l.counter == nil || l.o.Elapsed()-l.remembered < 10*time.Minute {
		return nil
	}
	l.remembered = l.o.Elapsed()
	return l.counter.sync(l.clock.state())
}

// checkpoint signs the tree as it lies on the disk.
func (l *Log) checkpoint(tree frontier, seq uint64, name string) error {
	c := Checkpoint{Size: tree.size, Root: tree.root(), Number: l.number + 1, Seq: seq, Time: l.o.Now().UTC().Truncate(time.Millisecond)}
	signed, err := c.sign(l.signer)
	if err != nil {
		return err
	}
	if l.notes == nil {
		notes, err := l.openFile(filepath.Join(l.dir, name+noteSuffix), os.O_WRONLY|os.O_CREATE)
		if err != nil {
			return err
		}
		info, err := notes.Stat()
		if err != nil {
			return errors.Join(err, notes.Close())
		}
		l.notes, l.noted = notes, info.Size()
		l.names.Store(true)
	}
	if l.names.Swap(false) {
		if err := syncDir(l.dir); err != nil {
			l.names.Store(true)
			return err
		}
	}
	// A note that fails is written again at the same place, every byte of it: none of it is taken for written.
	note := append(slices.Clone(signed), '\n')
	if _, err := l.notes.WriteAt(note, l.noted); err != nil {
		return errors.Join(err, l.notes.Truncate(l.noted))
	}
	if err := l.notes.Sync(); err != nil {
		return errors.Join(err, l.notes.Truncate(l.noted))
	}
	l.noted += int64(len(note))
	l.number, l.signed = c.Number, c.Size
	l.unkept = &head{signed, c, tree}
	return nil
}
