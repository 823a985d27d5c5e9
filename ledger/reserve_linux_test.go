// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// smallDisk moves the log to a disk of its own.
func (s *stand) smallDisk(size string) {
	s.t.Helper()
	disk := s.dir
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size="+size+",mode=0700"); err != nil {
		s.t.Skip("no disk can be made here:", err)
	}
	s.t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			s.t.Error(err)
		}
	})
	s.dir = filepath.Join(disk, "log")
}

// fillDisk leaves no room.
func (s *stand) fillDisk() {
	s.t.Helper()
	f, err := os.Create(filepath.Join(filepath.Dir(s.dir), "ballast"))
	if err != nil {
		s.t.Fatal(err)
	}
	for b := make([]byte, 64<<10); len(b) > 0; {
		if _, err := f.Write(b); err != nil {
			b = b[:len(b)/2]
		}
	}
	if err := f.Close(); err != nil {
		s.t.Fatal(err)
	}
}

func TestRetentionFreesAFullDisk(t *testing.T) {
	s := newStand(t)
	s.smallDisk("4m")
	s.size, s.reserve = 64<<10, 0
	l := s.open()
	s.days(10)
	s.fillDisk()
	for range 3000 { // they wait in memory
		seq := l.Number()
		l.Write(fmt.Appendf(nil, `{"seq":%d,"kind":"exchange","text":%200d}`, seq, seq), seq)
	}
	if err := l.Sync(t.Context()); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	notices := 0
	room := false // in the queue
	retire := func() error {
		return l.Retire(t.Context(), day, func(n *Notice) bool {
			if room {
				notices++
				n.Seq = l.Number()
				l.WriteNotice(*n)
			}
			return room
		}, l.Sync)
	}
	if err := retire(); err == nil {
		t.Error("it was removed without a word")
	}
	room = true
	if err := retire(); err != nil {
		t.Fatal(err)
	}
	if all, err := l.Segments(); err != nil || notices != 1 || all[0].Start < 80 {
		t.Errorf("%d notices, %v, %v", notices, all, err)
	}
	if info, err := os.Stat(filepath.Join(s.dir, reserveName)); err == nil && allocated(info) == 0 {
		t.Errorf("the reserve is empty: %v", info)
	}
	s.write(10)
	s.close()
	if r := s.verify(); r.Bad != nil || r.Before < 80 || r.Lost != 0 {
		t.Errorf("got %+v, %+v", r, r.Bad)
	}
}

func TestOneNoticeHoweverOftenTheDiskFails(t *testing.T) {
	s := newStand(t)
	l := s.open()
	s.days(5)
	notices := 0
	broken := errors.New("broken")
	for range 4 {
		err := l.Retire(t.Context(), day, func(n *Notice) bool {
			notices++
			n.Seq = l.Number()
			l.WriteNotice(*n)
			return true
		}, func(context.Context) error { return broken })
		if !errors.Is(err, broken) {
			t.Fatal(err)
		}
	}
	if all, err := l.Segments(); err != nil || all[0].Start != 0 || notices != 1 {
		t.Errorf("%d notices, %v, %v", notices, all, err)
	}
}

func TestTheReserveLeavesAsMuchAsItTakes(t *testing.T) {
	s := newStand(t)
	s.smallDisk("4m")
	s.reserve = 0
	s.open()
	info, err := os.Stat(filepath.Join(s.dir, reserveName))
	if err != nil {
		t.Fatal(err)
	}
	if n := allocated(info); n < 1<<20 || n > 2<<20 || info.Size() != 0 || info.Mode().Perm() != 0o600 {
		t.Errorf("%d bytes are held, of 4 MiB: %v", n, info.Mode())
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(s.dir, &disk); err != nil {
		t.Fatal(err)
	}
	if free := int64(disk.Bavail) * disk.Bsize; free < allocated(info) {
		t.Errorf("%d bytes are free, and %d held", free, allocated(info))
	}
	if _, err := os.Stat(filepath.Join(s.dir, reserveName+".new")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a second one is left", err)
	}
}

func TestAReserveThatIsGoneIsMadeAgain(t *testing.T) {
	s := newStand(t)
	s.reserve = 1 << 20
	s.open()
	name := filepath.Join(s.dir, reserveName)
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	s.write(3)
	if err := s.log.Retire(t.Context(), day, nil, nil); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(name); err != nil || allocated(info) < 1<<20 {
		t.Errorf("got %v, %v", info, err)
	}
	s.close()
}
