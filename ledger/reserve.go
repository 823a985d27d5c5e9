// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// The reserve is room on the disk that nothing is written to. Old lines may be removed only after the log has said so, and
// a full disk takes no line: so the room is given back then, and taken again once there is some.
const (
	reserveName  = "reserve"
	reserveSize  = 16 << 20  // what may wait for a full disk, and the notice behind it
	reserveLeast = 256 << 10 // less is no help
)

// holdRoom is keepReserve, and says once that there is none.
func (l *Log) holdRoom() {
	err := l.keepReserve()
	if err != nil && !l.roomless.Swap(true) {
		l.o.Log.Warn("no room can be held for the notice without which a full disk stays full", "error", err.Error())
	}
	if err == nil {
		l.roomless.Store(false)
	}
}

// keepReserve holds the room, if it is not held yet. At least as much stays free, and where there is not, less is held.
func (l *Log) keepReserve() error {
	if l.o.Reserve < 0 {
		return nil
	}
	name := filepath.Join(l.dir, reserveName)
	if info, err := os.Stat(name); err == nil && allocated(info) > 0 {
		return nil
	}
	var err error
	for size := l.o.Reserve; size >= min(reserveLeast, l.o.Reserve); size = size / 4 * 3 {
		if err = reserve(name+".new", size); err == nil {
			err = reserve(name, size)
		}
		if rerr := os.Remove(name + ".new"); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			return errors.Join(err, rerr)
		}
		if err == nil {
			return nil
		}
		if rerr := os.Remove(name); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			return errors.Join(err, rerr)
		}
	}
	return err
}

// reserve makes a file that takes room on the disk.
func reserve(name string, size int64) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) // #nosec G304 -- a fixed name in the log's own directory
	if err != nil {
		return err
	}
	return errors.Join(allocate(f, size), f.Close())
}

// fill writes zeros, where room cannot be had otherwise.
func fill(f *os.File, size int64) error {
	zeros := make([]byte, 256<<10)
	for at := int64(0); at < size; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at); err != nil {
			return err
		}
	}
	return f.Sync()
}

// spend gives the room back.
func (l *Log) spend() error {
	if err := os.Remove(filepath.Join(l.dir, reserveName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Retire removes segments that are older than the retention (see Expirable). Before that the log says so: say queues the
// notice, and reports whether it could; flush brings everything queued to the disk. It is said once, however often that
// fails, and a disk that is full gets the reserve for it. It is for one goroutine beside all others.
func (l *Log) Retire(ctx context.Context, retention time.Duration, say func(*Notice) bool, flush func(context.Context) error) error {
	before, err := l.Expirable(retention)
	if err != nil {
		return err
	}
	if before == 0 {
		if !l.failing.Load() {
			l.holdRoom()
		}
		return nil
	}
	if l.failing.Load() {
		if err := l.spend(); err != nil {
			return err
		}
		if err := flush(ctx); err != nil {
			return err
		}
	}
	if before > l.retiring {
		if !say(&Notice{Kind: KindExpired, Before: before, Time: l.o.Now()}) {
			return errors.New("there is no room for the notice that records are removed")
		}
		l.retiring = before
	}
	if err := flush(ctx); err != nil {
		return err
	}
	if err := l.Expire(before); err != nil {
		return err
	}
	l.holdRoom()
	return nil
}
