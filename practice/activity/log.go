// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package activity keeps one record of every exchange: who called what, what each practice decided, and why.
//
// It stops attacks and faults from passing unnoticed (OWASP API10:2019, ASVS V16), and, by its redaction, the log itself
// from becoming a leak. It does not stop anybody who may write the files from changing them unnoticed.
//
// Used alone:
//
//	l, err := activity.Open(dir, activity.Options{})
//	go l.Run(ctx)
//	server.Observe = append(server.Observe, l.Observe)
package activity

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"yett/exchange"
	"yett/problem"
)

// Options shape a Log; the zero value works.
type Options struct {
	Now       func() time.Time // default: time.Now
	Log       *slog.Logger     // default: nowhere
	Drop      bool             // drop and count what cannot be recorded; else refuse new exchanges
	Retention time.Duration    // older files are removed; default 90 days
	FileSize  int64            // bytes after which a new file begins; default 256 MiB
	Queue     int              // records that may wait for the disk; default 8192
}

// A Log is the records of one data directory. It is safe for concurrent use.
type Log struct {
	dir   string
	o     Options
	queue chan exchange.Record
	flush chan chan error
	lost  atomic.Uint64 // since the last gap was written
	stuck atomic.Bool   // the disk or the queue is full

	mu   sync.Mutex // of everything below
	seq  uint64
	file *os.File
	day  string
	part int
	size int64
	buf  []byte
}

const (
	suffix    = ".jsonl"
	syncEvery = time.Second
)

// Open opens the log in dir, made with mode 0700 if there is none. A line that a crash cut off is removed from the end
// of the newest file and told as a gap.
func Open(dir string, o Options) (*Log, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Retention <= 0 {
		o.Retention = 90 * 24 * time.Hour
	}
	if o.FileSize <= 0 {
		o.FileSize = 256 << 20
	}
	if o.Queue <= 0 {
		o.Queue = 8192
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	l := &Log{dir: dir, o: o, queue: make(chan exchange.Record, o.Queue), flush: make(chan chan error)}
	return l, l.recover()
}

// recover goes on where the newest file ends.
func (l *Log) recover() error {
	files, err := l.files()
	if err != nil || len(files) == 0 {
		return err
	}
	newest := files[len(files)-1]
	f, err := os.OpenFile(newest, os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // nothing is left to be written; Truncate and Sync told their errors
	last, end, err := lastLine(f)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if end < info.Size() {
		if err := errors.Join(f.Truncate(end), f.Sync()); err != nil {
			return err
		}
		l.lost.Add(1)
	}
	if last != nil {
		var e Entry
		if err := json.Unmarshal(last, &e); err != nil {
			return fmt.Errorf("%s: the last line is not a record: %w", newest, err)
		}
		l.seq = e.Seq
	}
	return nil
}

// maxLine bounds one record in a file.
const maxLine = 64 << 10

// lastLine returns the last whole line of f and where it ends.
func lastLine(f *os.File) (line []byte, end int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	from := max(0, info.Size()-2*maxLine)
	tail := make([]byte, info.Size()-from)
	if _, err := f.ReadAt(tail, from); err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	whole := strings.LastIndexByte(string(tail), '\n') + 1
	if whole == 0 {
		return nil, from, nil
	}
	start := strings.LastIndexByte(string(tail[:whole-1]), '\n') + 1
	return tail[start : whole-1], from + int64(whole), nil
}

// files lists the log's files, the oldest first.
func (l *Log) files() ([]string, error) {
	return filepath.Glob(filepath.Join(l.dir, "*"+suffix)) // sorted, and the names sort by time
}

// Check refuses new exchanges while the log cannot take their records: nothing passes unrecorded.
func (l *Log) Check(*exchange.Exchange) error {
	if l.o.Drop || !l.stuck.Load() {
		return nil
	}
	return &problem.Error{Status: http.StatusServiceUnavailable, Code: "cannot_record",
		Detail: "The gateway cannot keep its records now.", Cause: errors.New("the activity log is full or cannot be written")}
}

// Handler records next. Run must be running.
func (l *Log) Handler(next http.Handler) http.Handler {
	s := &exchange.Server{
		Edge:    []exchange.Link{{Practice: "activity", Step: l.Check}},
		Observe: []func(exchange.Record){l.Observe},
	}
	return s.Around(next)
}

// Observe queues the record of an exchange. It never waits.
func (l *Log) Observe(r exchange.Record) {
	select {
	case l.queue <- r:
	default:
		l.lost.Add(1)
		l.stuck.Store(true)
	}
}

// Run writes what Observe queues until ctx ends, and then what is left.
func (l *Log) Run(ctx context.Context) error {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	var last time.Time
	for {
		select {
		case r := <-l.queue:
			l.write(r)
		case done := <-l.flush:
			l.drain()
			done <- l.sync()
		case <-tick.C:
			l.settle()
			if now := l.o.Now(); now.Sub(last) > time.Hour {
				last = now
				l.expire(now)
			}
		case <-ctx.Done():
			l.drain()
			return errors.Join(l.sync(), l.close())
		}
	}
}

// drain writes what is queued now.
func (l *Log) drain() {
	for {
		select {
		case r := <-l.queue:
			l.write(r)
		default:
			return
		}
	}
}

// settle brings everything to the disk. Once that works again and the queue has room, new exchanges are admitted.
func (l *Log) settle() {
	err := l.sync()
	if err != nil {
		l.o.Log.Error("records cannot be written", "error", err.Error())
		l.stuck.Store(true)
		return
	}
	if len(l.queue) < cap(l.queue)/2 && l.stuck.Swap(false) {
		l.o.Log.Info("records are written again")
	}
}

// write puts a record into the buffer. Whole buffers go to the file at once, the rest every second.
func (l *Log) write(r exchange.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gap()
	e := entry(r)
	l.put(&e)
	if len(l.buf) >= maxLine {
		if err := l.flushLocked(); err != nil {
			l.stuck.Store(true)
		}
	}
}

// gap says in the log how many exchanges before it were not recorded.
func (l *Log) gap() {
	if n := l.lost.Swap(0); n > 0 {
		l.put(&Entry{Time: l.o.Now().UTC(), Kind: "gap", Lost: n})
	}
}

// maxBuffered bounds what waits for a disk that does not take it.
const maxBuffered = 8 << 20

func (l *Log) put(e *Entry) {
	if len(l.buf) > maxBuffered {
		l.lost.Add(1)
		return
	}
	l.seq++
	e.Seq = l.seq
	b, err := appendLine(l.buf, e)
	if err != nil { // a value that JSON cannot say; the record type has none
		l.lost.Add(1)
		return
	}
	l.buf = b
}

// sync brings everything written so far to the disk.
func (l *Log) sync() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gap()
	if err := l.flushLocked(); err != nil {
		return err
	}
	if l.file == nil {
		return nil
	}
	return l.file.Sync()
}

func (l *Log) flushLocked() error {
	if len(l.buf) == 0 {
		return nil
	}
	if err := l.rotate(); err != nil {
		return err
	}
	n, err := l.file.Write(l.buf)
	if err != nil {
		// What was written of it is taken back, so that no line stands there in half.
		return errors.Join(err, l.file.Truncate(l.size))
	}
	l.size += int64(n)
	if cap(l.buf) > 1<<20 {
		l.buf = nil
	}
	l.buf = l.buf[:0]
	return nil
}

// rotate begins a new file on a new day, or when the file is full.
func (l *Log) rotate() error {
	day := l.o.Now().UTC().Format(time.DateOnly)
	if l.file != nil && l.day == day && l.size < l.o.FileSize {
		return nil
	}
	if l.day != day {
		l.day, l.part = day, 0
	}
	for {
		f, err := os.OpenFile(filepath.Join(l.dir, fmt.Sprintf("%s-%04d%s", day, l.part, suffix)), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err != nil {
			return errors.Join(err, f.Close())
		}
		if info.Size() < l.o.FileSize {
			old := l.file
			l.file, l.size = f, info.Size()
			if old != nil {
				return errors.Join(old.Sync(), old.Close())
			}
			return nil
		}
		if err := f.Close(); err != nil {
			return err
		}
		l.part++
	}
}

func (l *Log) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	f := l.file
	l.file, l.day = nil, ""
	return f.Close()
}

// expire removes files whose newest record is older than the retention.
func (l *Log) expire(now time.Time) {
	files, err := l.files()
	if err != nil {
		l.o.Log.Error("old records cannot be listed", "error", err.Error())
		return
	}
	for _, name := range files {
		day, err := time.Parse(time.DateOnly, strings.SplitN(filepath.Base(name), suffix, 2)[0][:len(time.DateOnly)])
		if err != nil || now.Sub(day) < l.o.Retention+24*time.Hour {
			continue
		}
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			l.o.Log.Error("old records cannot be removed", "file", filepath.Base(name), "error", err.Error())
		}
	}
}

// Flush waits until everything observed so far is on the disk.
func (l *Log) Flush(ctx context.Context) error {
	done := make(chan error, 1)
	select {
	case l.flush <- done:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lines calls f for each line of a file; f returns false to stop.
func lines(name string, f func([]byte) bool) (err error) {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return readLines(file, f)
}

// readLines calls f for each line of r; f returns false to stop.
func readLines(r io.Reader, f func([]byte) bool) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, maxLine), 16*maxLine)
	for s.Scan() {
		if !f(s.Bytes()) {
			return nil
		}
	}
	return s.Err()
}
