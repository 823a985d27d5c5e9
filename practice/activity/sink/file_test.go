// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// records makes n records, numbered from first.
func records(first, n int) []Record {
	all := make([]Record, n)
	for i := range all {
		seq := strconv.Itoa(first + i)
		all[i] = Record{Seq: uint64(first + i), Time: time.Date(2026, 11, 23, 14, 8, 31, 204e6, time.UTC), Kind: "exchange",
			Line: []byte(`{"seq":` + seq + `,"id":"0199f3c2-5d0a-7c11-8a2e-0f1e2d3c4b5a","kind":"exchange","method":"POST","path":"/orders","status":422,` +
				`"address":"198.51.100.24","code":"body_invalid","trace":"4bf92f3577b34da6a3ce929d0e0e4736"}` + "\n")}
	}
	return all
}

func open(t *testing.T, c Config, o Options) Sink {
	t.Helper()
	s, err := Open(c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func send(t *testing.T, s Sink, batch []Record) {
	t.Helper()
	if err := s.Send(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

func lineCount(t *testing.T, name string) int {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(b, []byte("\n"))
}

func TestAFileIsBegunAnewOnceItWasMovedAway(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "records.log")
	if err := os.WriteFile(name, []byte("what was there\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, Config{Type: "file", Path: name}, Options{})
	send(t, s, records(1, 2))
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	send(t, s, records(3, 3))
	if old, now := lineCount(t, name+".1"), lineCount(t, name); old != 3 || now != 3 {
		t.Errorf("got %d and %d lines, want 3 and 3", old, now)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	send(t, s, records(6, 1))
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %04o, want 0600", info.Mode().Perm())
	}
}

func TestAFolderIsNoFile(t *testing.T) {
	if _, err := Open(Config{Type: "file", Path: t.TempDir()}, Options{}); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("got %v, want that it is not a regular file", err)
	}
}

func TestTheOutputHasOneRecordALine(t *testing.T) {
	var out bytes.Buffer
	batch := records(1, 2)
	batch = append(batch, Record{Seq: 3, Kind: "stop", Line: []byte("{\"seq\":3}\n{\"seq\":4,\"forged\":\"\x1b[2J\"}\n")})
	send(t, open(t, Config{Type: "stdout"}, Options{Stdout: &out}), batch)
	want := string(batch[0].Line) + string(batch[1].Line) + "{\"seq\":3} {\"seq\":4,\"forged\":\" [2J\"}\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestEventsOfOCSFAreSentWhereAsked(t *testing.T) {
	var out bytes.Buffer
	batch := append(records(1, 1), Record{Seq: 2, Line: []byte("no record")})
	send(t, open(t, Config{Type: "stdout", Format: "ocsf"}, Options{Stdout: &out}), batch)
	first, second, _ := strings.Cut(out.String(), "\n")
	if !strings.Contains(first, `"class_uid":4002`) || second != "no record\n" {
		t.Errorf("got %q and %q, want an HTTP Activity and the line that is no record", first, second)
	}
}

func TestAnOutputThatNobodyReadsHoldsNobodyUp(t *testing.T) {
	r, w := io.Pipe()
	s := open(t, Config{Type: "stdout", Timeout: 100 * time.Millisecond}, Options{Stdout: w})
	for range 3 { // the second waits for the write of the first
		if err := s.Send(t.Context(), records(1, 1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want that time ran out", err)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, r) }() // ends with the pipe
	send(t, s, records(1, 1))
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func TestASinkIsClosedOnceItHasEnded(t *testing.T) {
	name := filepath.Join(t.TempDir(), "records.log")
	in, let := make(chan struct{}), make(chan struct{})
	f, err := openFile(name, func(dst []byte, r *Record) []byte {
		in <- struct{}{}
		<-let
		return append(dst, r.Line...)
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &guarded{sink: f}
	sent := make(chan error, 1)
	go func() { sent <- s.Send(t.Context(), records(1, 1)) }()
	<-in
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	close(let)
	if err := <-sent; err != nil {
		t.Errorf("got %v, want the batch sent that was under way", err)
	}
	if _, err := f.f.Stat(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v, want the file closed", err)
	}
	if err := s.Send(t.Context(), records(2, 1)); !errors.Is(err, errClosed) {
		t.Errorf("got %v, want that it is closed", err)
	}
}

func TestACursorKeepsItsPlace(t *testing.T) {
	name := filepath.Join(t.TempDir(), "logs.cursor")
	c := FileCursor(name)
	if p, err := c.Load(); p != (Place{}) || err != nil {
		t.Errorf("where there is no file: got %+v and %v, want none", p, err)
	}
	for _, p := range []Place{
		{Log: "yett-1a2b3c4d+5e6f7a8b", Seq: 1, Sent: time.Date(2026, 11, 23, 14, 8, 31, 204e6, time.UTC)},
		{Log: strings.Repeat("x", 200), Seq: 18446744073709551615, New: true},
		{Log: "yett-1a2b3c4d+5e6f7a8b"},
	} {
		if err := c.Store(p); err != nil {
			t.Fatal(err)
		}
		if got, err := FileCursor(name).Load(); got != p || err != nil {
			t.Errorf("got %+v and %v, want %+v", got, err, p)
		}
	}
	if err := os.WriteFile(name, []byte("4711\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := c.Load(); p != (Place{Seq: 4711}) || err != nil {
		t.Errorf("of an older version: got %+v and %v, want 4711", p, err)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %04o, want 0600", info.Mode().Perm())
	}
	for _, text := range []string{"", "x", "-1", "{}", `{"seq":7}`, strings.Repeat("9", 40), strings.Repeat(" ", maxPlace) + `{"log":"a"}`} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Load(); err == nil || !strings.Contains(err.Error(), "remove the file") {
			t.Errorf("%q: got %+v and %v, want an error that says what to do", text, got, err)
		}
	}
}

func TestAFileIsMadeWhenItIsWritten(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "out")
	line := func(dst []byte, r *Record) []byte { return append(dst, r.Line...) }
	s, err := openFile(name, line)
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("opening left %v, %v", left, err)
	}
	if err := s.Send(t.Context(), []Record{{Seq: 1, Line: []byte("{}")}}); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(name); err != nil || !strings.Contains(string(b), "{}") {
		t.Errorf("got %q, %v", b, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := openFile(filepath.Join(dir, "gone", "out"), line); err == nil {
		t.Error("a directory that is not there is no place for a file")
	}
}
