// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package activity keeps one record of every exchange: who called what, what each practice decided, and why.
//
// It stops attacks and faults from passing unnoticed (OWASP API10:2019, ASVS V16), and, by its redaction, the log itself
// from becoming a leak. It does not stop anybody who may write the files from changing them unnoticed.
//
// Used alone, with one process for each directory:
//
//	l, err := activity.Open(dir, activity.Options{})
//	go l.Run(ctx)
//	http.Serve(listener, l.Handler(mux))
//	l.Close() // last
package activity

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"yett/exchange"
	"yett/problem"
	"yett/store"
)

// Options shape a Log; the zero value works.
type Options struct {
	Now       func() time.Time // default: time.Now
	Log       *slog.Logger     // default: nowhere
	Drop      bool             // drop and count what cannot be recorded; else refuse new exchanges
	Retention time.Duration    // older files are removed; default 90 days
	FileSize  int64            // bytes after which a new file begins; default 256 MiB
	Queue     int              // records that may wait for the disk; default 8192
	// Sealer keeps what a record holds for the operator's eyes alone: the beginning of an answer that was replaced, and a
	// value that did not fit. Nil: it is not kept.
	Sealer store.Sealer
}

// A Log is the records in one directory. It is safe for concurrent use by one process.
type Log struct {
	dir       string
	o         Options
	drop      atomic.Bool
	retention atomic.Int64
	queue     chan exchange.Record
	flush     chan chan error
	lost      atomic.Uint64 // since the last gap was written
	stuck     atomic.Bool   // the disk or the queue is full

	mu     sync.Mutex // of everything below
	seq    uint64     // of the last line, written or buffered
	broke  string     // how the log ended before, until it is written
	wrote  bool       // this process has written something
	closed bool
	file   *os.File
	day    string
	part   int
	size   int64 // of whole lines in file
	buf    []byte
}

const (
	syncEvery   = time.Second
	flushAt     = 64 << 10 // bytes that wait for the tick at most
	maxBuffered = 8 << 20  // bytes that wait for a disk which does not take them
)

// Open opens the log in dir, made with mode 0700 if there is none. A line that a crash cut off is removed from the end;
// after a crash a gap will say that records of the last second may be missing. Nothing is written before the first
// record.
func Open(dir string, o Options) (*Log, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
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
	l.adopt(o.Drop, o.Retention)
	if err := l.recover(); err != nil {
		return nil, err
	}
	return l, nil
}

// adopt takes what may change while the log is open.
func (l *Log) adopt(drop bool, retention time.Duration) {
	if retention <= 0 {
		retention = 90 * 24 * time.Hour
	}
	l.drop.Store(drop)
	l.retention.Store(int64(retention))
}

// Check refuses new exchanges while the log cannot take their records: nothing passes unrecorded.
func (l *Log) Check(*exchange.Exchange) error {
	if !l.stuck.Load() || l.drop.Load() {
		return nil
	}
	return errStuck
}

var errStuck = &problem.Error{Status: http.StatusServiceUnavailable, Code: "cannot_record",
	Detail: "The gateway cannot keep its records now.", Cause: errors.New("the activity log is full or cannot be written")}

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

// Run writes what Observe queues until ctx ends, and then what is left. It returns at once if the directory cannot be
// written.
func (l *Log) Run(ctx context.Context) error {
	l.mu.Lock()
	err := l.rotate()
	l.mu.Unlock()
	if err != nil {
		return err
	}
	// The disk is asked to keep what was written beside the loop that writes: a slow disk does not fill the queue.
	var syncer sync.WaitGroup
	defer syncer.Wait()
	background, stop := context.WithCancel(ctx)
	defer stop()
	syncer.Go(func() { l.settling(background) })
	for {
		select {
		case r := <-l.queue:
			l.write(&r)
		case done := <-l.flush:
			l.drain()
			done <- l.sync()
		case <-ctx.Done():
			l.drain()
			return l.sync()
		}
	}
}

// settling brings records to the disk every second and removes old files every hour.
func (l *Log) settling(ctx context.Context) {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	var expired time.Time
	for {
		select {
		case <-tick.C:
			l.settle()
			if now := l.o.Now(); now.Sub(expired) > time.Hour {
				expired = now
				l.expire(now)
			}
		case <-ctx.Done():
			return
		}
	}
}

// settle brings everything written to the disk. Once that works again and the queue has room, new exchanges are
// admitted.
func (l *Log) settle() {
	if err := l.sync(); err != nil {
		l.o.Log.Error("records cannot be written", "error", err.Error())
		return
	}
	if len(l.queue) <= cap(l.queue)/2 && l.stuck.Swap(false) {
		l.o.Log.Info("records are written again")
	}
}

// drain writes what is queued now.
func (l *Log) drain() {
	for {
		select {
		case r := <-l.queue:
			l.write(&r)
		default:
			return
		}
	}
}

// write puts a record into the buffer. A full buffer goes to the file at once, the rest every second.
func (l *Log) write(r *exchange.Record) {
	sealed := l.seal(r)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gap()
	if len(l.buf) > maxBuffered {
		l.lost.Add(1)
		return
	}
	l.seq++
	l.wrote = true
	l.buf = appendRecord(l.buf, l.seq, r, sealed)
	// While the disk takes nothing, only the tick tries.
	if len(l.buf) >= flushAt && !l.stuck.Load() {
		if err := l.flushLocked(); err != nil {
			l.stuck.Store(true)
		}
	}
}

// gap says in the log what is missing before the next line.
func (l *Log) gap() {
	if len(l.buf) > maxBuffered {
		return
	}
	if l.broke != "" {
		l.notice(KindGap, 0, l.broke)
		l.broke = ""
	}
	if n := l.lost.Swap(0); n > 0 {
		l.notice(KindGap, n, "the disk or the queue was full")
	}
}

func (l *Log) notice(kind string, lost uint64, cause string) {
	l.seq++
	l.wrote = true
	l.buf = appendNotice(l.buf, l.seq, l.o.Now(), kind, lost, cause)
}

// sync brings everything written so far to the disk.
func (l *Log) sync() error {
	f, err := l.flushFile()
	if err == nil && f != nil {
		// A file that was closed meanwhile was synced before.
		if err = f.Sync(); errors.Is(err, os.ErrClosed) {
			err = nil
		}
	}
	if err != nil {
		l.stuck.Store(true)
	}
	return err
}

func (l *Log) flushFile() (*os.File, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost.Load() > 0 {
		l.gap()
	}
	if err := l.lookAfter(); err != nil {
		return nil, err
	}
	if l.file == nil {
		if err := l.rotate(); err != nil {
			return nil, err
		}
	}
	err := l.flushLocked()
	return l.file, err
}

// Flush waits until everything observed so far is on the disk. Run must be running.
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

// Close writes what is left and that the log was closed in order. It is called once nothing is observed any more and
// Run has returned.
func (l *Log) Close() error {
	l.drain()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	var err error
	if l.lost.Load() > 0 {
		l.gap()
	}
	if l.wrote {
		l.notice(KindStop, 0, "")
		err = l.flushLocked()
	}
	if l.file == nil {
		return err
	}
	err = errors.Join(err, l.file.Sync(), l.file.Close())
	l.file = nil
	return err
}
