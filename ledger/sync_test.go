// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A disk is one that fails as Linux lets it fail: what was written since the last Sync is gone, the error is told once, and
// the next Sync says that all is well.
type disk struct {
	fail string // suffix of the files whose next Sync fails
	cut  bool   // they cannot be cut either
	lost int    // how often it failed
}

var errIO = errors.New("input/output error")

func (d *disk) open(name string, flag int) (file, error) {
	f, err := openFile(name, flag)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	return &diskFile{file: f, d: d, synced: info.Size()}, err
}

type diskFile struct {
	file
	d      *disk
	synced int64
}

func (f *diskFile) Truncate(size int64) error {
	if f.d.cut {
		return errIO
	}
	return f.file.Truncate(size)
}

func (f *diskFile) Sync() error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if f.d.fail == filepath.Ext(f.Name()) {
		f.d.fail = ""
		f.d.lost++
		// The pages are gone: zeros stand there.
		if _, err := f.WriteAt(make([]byte, info.Size()-f.synced), f.synced); err != nil {
			return err
		}
		return errIO
	}
	f.synced = info.Size()
	return f.file.Sync()
}

func TestWhatTheDiskLosesIsWrittenAgain(t *testing.T) {
	for _, suffix := range []string{lineSuffix, treeSuffix, noteSuffix} {
		for _, before := range []int{0, 25, 40} {
			t.Run(fmt.Sprintf("%s after %d", suffix, before), func(t *testing.T) {
				s := newStand(t)
				s.size = 1 << 20
				l := s.open()
				d := new(disk)
				l.openFile = d.open
				if before > 0 {
					s.write(before)
					s.sync()
				}
				d.fail = suffix
				for range 12 {
					seq := l.Number()
					l.Write(fmt.Appendf(nil, `{"seq":%d,"id":"a","kind":"exchange"}`, seq), seq)
				}
				if err := l.Flush(); err != nil {
					t.Fatal(err)
				}
				seq := l.Number()
				l.Write(fmt.Appendf(nil, `{"seq":%d,"id":"waits","kind":"exchange"}`, seq), seq)
				if err := l.Sync(t.Context()); !errors.Is(err, errIO) {
					t.Fatalf("the disk failed: %v", err)
				}
				if r := s.verify(); r.Bad != nil {
					t.Errorf("at once: %+v", r.Bad)
				}
				s.sync()
				s.write(10)
				s.close()
				r := s.verify()
				if r.Bad != nil || r.Records != int64(before+12+1+10+1) || r.Lost != 0 || d.lost != 1 {
					t.Errorf("got %+v, %+v; it failed %d times", r, r.Bad, d.lost)
				}
			})
		}
	}
}

func TestASegmentThatCannotBeCutIsNotSigned(t *testing.T) {
	s := newStand(t)
	l := s.open()
	d := new(disk)
	l.openFile = d.open
	s.write(5)
	s.sync()
	signed := bytes.Clone(s.h.b)
	d.fail, d.cut = lineSuffix, true
	s.writeOnly(5)
	for range 3 {
		if err := l.Sync(t.Context()); !errors.Is(err, errIO) {
			t.Fatalf("the disk failed: %v", err)
		}
		s.writeOnly(1)
		if err := l.Flush(); err == nil {
			t.Error("lines are written to it")
		}
	}
	if !bytes.Equal(s.h.b, signed) {
		t.Error("a checkpoint was made")
	}
	d.cut = false
	s.sync()
	s.close()
	if r := s.verify(); r.Bad != nil || r.Records != 14 || r.Lost != 0 {
		t.Errorf("got %+v, %+v", r, r.Bad)
	}
}

func TestWhatIsInNoMemoryIsAGap(t *testing.T) {
	s := newStand(t)
	s.size = 1 << 30
	l := s.open()
	d := new(disk)
	l.openFile = d.open
	s.write(5)
	s.sync()
	d.fail = lineSuffix
	l.most = 16 << 10
	long := strings.Repeat("x", 900)
	for range 25 {
		seq := l.Number()
		l.Write(fmt.Appendf(nil, `{"seq":%d,"id":"a","kind":"exchange","text":%q}`, seq, long), seq)
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Sync(t.Context()); !errors.Is(err, errIO) {
		t.Fatalf("the disk failed: %v", err)
	}
	s.sync()
	s.write(5)
	s.close()
	r := s.verify()
	if r.Bad != nil || r.Lost == 0 || r.Records-2+int64(r.Lost) != 5+25+5 || len(r.Gaps) != 1 || r.Gaps[0].From != 6 || r.Seq != 36 {
		t.Errorf("got %+v, %+v", r, r.Bad)
	}
}

// writeOnly appends n lines.
func (s *stand) writeOnly(n int) {
	for range n {
		seq := s.log.Number()
		s.log.Write(fmt.Appendf(nil, `{"seq":%d,"id":"a","kind":"exchange"}`, seq), seq)
	}
}

// headTrouble returns what the log says of the place of its heads.
func (s *stand) headTrouble() string {
	for _, t := range s.log.Troubles() {
		if t.Kind == TroubleHead {
			return t.Summary
		}
	}
	return ""
}

func TestAStoreThatFailsIsToldAndThenStopsTheLog(t *testing.T) {
	for _, tt := range []struct {
		name        string
		spoil, mend func(h *heads)
	}{
		{"with errors", func(h *heads) { h.err = errors.New("locked") }, func(h *heads) { h.err = nil }},
		{"by hanging", func(h *heads) { h.stop(make(chan struct{})) }, func(h *heads) { close(h.stop(nil)) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStand(t)
			l := s.open()
			s.write(5)
			s.sync()
			if tt.name == "by hanging" {
				l.headTimeout = 10 * time.Millisecond
			}
			tt.spoil(s.h)
			s.writeOnly(5)
			s.sync() // the log is whole without it
			if l.signed != 10 || s.headTrouble() == "" {
				t.Errorf("%d lines are signed; trouble %q", l.signed, s.headTrouble())
			}
			s.now = s.now.Add(59 * time.Second)
			s.sync()
			s.now = s.now.Add(2 * time.Second)
			for range 2 { // whether or not anything is new
				if err := l.Sync(t.Context()); err == nil {
					t.Error("nobody would stop")
				}
			}
			s.writeOnly(5)
			if err := l.Sync(t.Context()); err == nil || l.signed != 15 {
				t.Errorf("%v; %d lines are signed", err, l.signed)
			}
			tt.mend(s.h)
			l.headTimeout = headTimeout
			for l.storing != nil && len(l.storing) == 0 {
				time.Sleep(time.Millisecond) // until it has returned
			}
			s.sync()
			if h, err := l.loadHead(t.Context()); err != nil || h.at.Size != 15 || s.headTrouble() != "" {
				t.Errorf("mended: %+v, %v, trouble %q", h, err, s.headTrouble())
			}
			s.close()
			if r := s.verify(); r.Bad != nil || r.Records != 16 {
				t.Errorf("got %+v, %+v", r, r.Bad)
			}
		})
	}
}

func TestLinesAreFlushedWhileOthersAreSynced(t *testing.T) {
	s := newStand(t)
	s.size = 2 << 10
	l := s.open()
	d := new(disk)
	l.openFile = d.open
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range 300 {
			s.writeOnly(1)
			if err := l.Flush(); err != nil && !errors.Is(err, errIO) {
				t.Error(err)
			}
		}
	}()
	for over := false; !over; {
		select {
		case <-ended:
			over = true
		default:
		}
		if err := l.Sync(t.Context()); err != nil {
			t.Error(err)
		}
	}
	s.close()
	if r := s.verify(); r.Bad != nil || r.Records != 301 || r.Lost != 0 {
		t.Errorf("got %+v, %+v", r, r.Bad)
	}
}
