// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package activity keeps one record of every exchange: who called what, what each practice decided, and why; and of every
// administrative action.
//
// It stops attacks and faults from passing unnoticed (OWASP API10:2019, ASVS V16); it stops records from being altered
// unnoticed, because they are lines of a ledger; and, by its redaction, the log itself from becoming a leak. It does not
// stop anybody who holds the signing key and the store from writing another history: only a checkpoint that was exported
// before tells that.
//
// Used alone, with one process for each directory:
//
//	l, err := activity.Open(ctx, dir, activity.Options{})
//	go l.Run(ctx)
//	http.Serve(listener, l.Handler(mux))
//	l.Close() // last
package activity

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"yett/alert"
	"yett/exchange"
	"yett/ledger"
	"yett/practice"
	"yett/practice/activity/search"
	"yett/problem"
	"yett/store"
)

// Options shape a Log; the zero value works.
type Options struct {
	Now         func() time.Time // default: time.Now
	Log         *slog.Logger     // default: nowhere
	Drop        bool             // drop and count what cannot be recorded; else refuse new exchanges
	Retention   time.Duration    // older segments are removed; default 90 days
	SegmentSize int64            // bytes after which a new segment begins; default 64 MiB
	Queue       int              // records that may wait for the disk; default 8192
	// Key signs the checkpoints (see ledger.NewKey). Empty: one is made beside the log, mode 0600, where whoever can
	// write the log can read it too.
	Key   string
	Heads ledger.Heads // keep the newest checkpoint elsewhere; nil: nowhere
	// Sealer keeps what a record holds for the operator's eyes alone: the cause of a refusal, the beginning of an answer
	// that was replaced, and a value that did not fit. Nil: the cause stands in clear, and the rest is not kept.
	Sealer store.Sealer
	// People keep what a record says of a person under a key of that person's own. Nil: subjects stand in clear.
	People *People
	// Hide names what is replaced by a pseudonym for good: Subjects, Addresses. It needs People.
	Hide []string
	// Alerts are told when records cannot be written. Nil: nobody.
	Alerts *alert.Board
}

// A Log is the records in one directory. It is safe for concurrent use by one process.
type Log struct {
	dir       string
	o         Options
	ledger    *ledger.Log
	public    string // half of the signing key
	drop      atomic.Bool
	retention atomic.Int64
	hide      atomic.Uint32
	stuck     stuck        // the disk or the queue is full
	behind    atomic.Int32 // sinks that may not fall further behind
	queue     queue
	flush     chan chan error
	running   atomic.Bool // Run writes; else whoever holds alone
	alone     sync.Mutex
	closed    sync.Once

	servers  sync.Map // *http.Server → chan struct{}: see ending
	sinks    sinks
	indexing sync.Mutex // of live
	live     live
}

const (
	syncEvery   = time.Second
	tidyEvery   = 10 * time.Second
	maxBuffered = 8 << 20 // bytes that wait for a disk which does not take them
)

// Open opens the log in dir, made with mode 0700 if there is none. Nothing is written before the first record, and then
// what a crash cut off is mended; see package ledger.
func Open(ctx context.Context, dir string, o Options) (*Log, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Queue <= 0 {
		o.Queue = 8192
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if o.Key == "" {
		var err error
		if o.Key, err = ownKey(filepath.Join(dir, "signing.key")); err != nil {
			return nil, err
		}
	}
	l := &Log{dir: dir, o: o, flush: make(chan chan error), queue: queue{most: o.Queue, wake: make(chan struct{}, 1)}}
	l.adopt(o.Drop, o.Retention, o.Hide)
	var err error
	if l.public, err = ledger.Public(o.Key); err != nil {
		return nil, err
	}
	l.ledger, err = ledger.Open(ctx, dir, ledger.Options{
		Key: o.Key, Heads: o.Heads, Now: o.Now, Log: o.Log, SegmentSize: o.SegmentSize, Index: search.Build,
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// ownKey returns the signing key in a file, made on the first call.
func ownKey(name string) (string, error) {
	b, err := os.ReadFile(name) // #nosec G304 -- a fixed name in the log's own directory
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return string(b), err
	}
	key, err := ledger.NewKey()
	if err != nil {
		return "", err
	}
	return key, os.WriteFile(name, []byte(key), 0o600)
}

// adopt takes what may change while the log is open.
func (l *Log) adopt(drop bool, retention time.Duration, hide []string) {
	if retention <= 0 {
		retention = 90 * 24 * time.Hour
	}
	l.drop.Store(drop)
	l.retention.Store(int64(retention))
	l.hide.Store(hidden(hide))
}

// Check refuses new exchanges while the log cannot take their records: nothing passes unrecorded. An exchange that it has
// seen counts as under way until it is observed.
func (l *Log) Check(*exchange.Exchange) error {
	if err := l.ledger.Begin(); err != nil {
		return l.refuse(err)
	}
	l.ledger.Enter()
	if l.stuck.is() {
		return l.refuse(errStuck)
	}
	if l.behind.Load() > 0 {
		return l.refuse(errBehind)
	}
	return nil
}

var (
	errStuck  = errors.New("the activity log is full or cannot be written")
	errBehind = errors.New("a sink of the activity log is too far behind")
)

func (l *Log) refuse(why error) error {
	if l.drop.Load() {
		return nil // fail open, because the operator chose it: the log says how many are missing
	}
	return &problem.Error{Status: http.StatusServiceUnavailable, Code: "cannot_record",
		Detail: "The gateway cannot keep its records now.", Cause: why}
}

// Handler records next. Run must be running.
func (l *Log) Handler(next http.Handler) http.Handler {
	s := &exchange.Server{
		Edge:    []exchange.Link{{Practice: "activity", Step: l.Check}},
		Observe: []func(exchange.Record){l.Observe},
	}
	return s.Around(next)
}

// Observe queues the record of an exchange. It never waits for the disk.
func (l *Log) Observe(r exchange.Record) {
	if numbered, _ := l.take(item{record: r}); !numbered {
		return
	}
	if len(r.Decisions) > 0 && r.Decisions[0].Practice == "activity" {
		l.ledger.Leave() // Check has seen it
	}
}

// Act queues what an operator did.
func (l *Log) Act(a practice.Action) { l.take(item{action: &a}) }

// Acting refuses what an operator is about to do while it could not be recorded.
func (l *Log) Acting() error {
	if err := l.ledger.Begin(); err != nil {
		return l.refuse(err)
	}
	if l.stuck.is() {
		return l.refuse(errStuck)
	}
	return nil
}

// take gives an item its number and queues it. An item that has a number but found no room is part of a gap.
func (l *Log) take(i item) (numbered, queued bool) {
	if err := l.ledger.Begin(); err != nil {
		// Without a counter nothing has a number; new exchanges are refused.
		if l.stuck.begin(l.o.Now()) {
			l.o.Log.Error("records cannot be written", "error", err.Error())
		}
		return false, false
	}
	queued = l.queue.put(i, l.ledger.Number)
	if !queued {
		l.stuck.begin(l.o.Now())
	}
	return true, queued
}

// Run writes what Observe queues until ctx ends, and then what is left. It returns at once if the directory cannot be
// written.
func (l *Log) Run(ctx context.Context) error {
	if err := l.ledger.Begin(); err != nil {
		return fmt.Errorf("the log in %s: %w", l.dir, err)
	}
	l.running.Store(true)
	defer l.running.Store(false)
	// The disk is asked to keep what was written beside the loop that writes: a slow disk does not fill the queue.
	var beside sync.WaitGroup
	defer beside.Wait()
	background, stop := context.WithCancel(ctx)
	defer stop()
	beside.Go(func() { l.every(background, syncEvery, l.settle) })
	beside.Go(func() { l.every(background, tidyEvery, l.tidy) })
	for {
		select {
		case <-l.queue.wake:
			l.write(ctx)
		case done := <-l.flush:
			l.write(ctx)
			done <- l.sync(ctx)
		case <-ctx.Done():
			last := context.WithoutCancel(ctx)
			l.write(last)
			return l.sync(last)
		}
	}
}

func (l *Log) every(ctx context.Context, d time.Duration, f func(context.Context)) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			f(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// settle brings everything written to the disk. Once that works again and the queue has room, new exchanges are
// admitted.
func (l *Log) settle(ctx context.Context) {
	if err := l.sync(ctx); err != nil {
		if ctx.Err() != nil {
			return
		}
		l.stuck.begin(l.o.Now())
		l.o.Log.Error("records cannot be written", "error", err.Error())
		if l.o.Alerts != nil {
			l.o.Alerts.Raise(stuckAlert, "", "records cannot be written: "+err.Error())
		}
		return
	}
	l.queue.nudge() // what waited for the disk
	if l.queue.len() <= l.o.Queue/2 && l.stuck.end() {
		l.o.Log.Info("records are written again")
		if l.o.Alerts != nil {
			l.o.Alerts.Clear(stuckAlert, "")
		}
	}
}

const (
	stuckAlert      = "records_not_written"
	unreadableAlert = "records_unreadable"
	clockAlert      = "records_clock"
	headAlert       = "records_head_not_kept"
	unprovenAlert   = "records_unproven"
)

// troubles tells of what is wrong although records are written.
func (l *Log) troubles() {
	if l.o.Alerts == nil {
		return
	}
	now := make(map[string]string)
	for _, t := range l.ledger.Troubles() {
		now[t.Kind] = t.Summary
	}
	for kind, name := range map[string]string{
		ledger.TroubleUnreadable: unreadableAlert, ledger.TroubleClock: clockAlert, ledger.TroubleHead: headAlert, ledger.TroubleUnproven: unprovenAlert,
	} {
		if summary, wrong := now[kind]; wrong {
			l.o.Alerts.Raise(name, "", summary)
		} else {
			l.o.Alerts.Clear(name, "")
		}
	}
}

// tidy gives closed segments their index, packs them, and removes old ones.
func (l *Log) tidy(ctx context.Context) {
	if err := l.ledger.Tidy(ctx); err != nil {
		if ctx.Err() == nil {
			l.o.Log.Error("old records cannot be packed", "error", err.Error())
		}
	} else if l.o.Alerts != nil {
		l.o.Alerts.Clear(indexAlert, "")
	}
	l.troubles()
	if err := l.warm(); err != nil && ctx.Err() == nil {
		l.o.Log.Error("the newest records cannot be indexed", "error", err.Error())
	}
	if l.o.People != nil {
		if err := l.o.People.Scrub(ctx); err != nil && ctx.Err() == nil {
			l.o.Log.Error("the key of a shredded person may still lie in the files of the store", "error", err.Error())
		}
	}
	err := l.ledger.Retire(ctx, time.Duration(l.retention.Load()), func(n *ledger.Notice) bool {
		_, queued := l.take(item{notice: n})
		return queued
	}, l.Flush)
	if err != nil && ctx.Err() == nil {
		l.o.Log.Error("old records cannot be removed", "error", err.Error())
	}
}

// write brings what is queued into the ledger's buffer. While the disk takes nothing, the queue fills up.
func (l *Log) write(ctx context.Context) { l.writeAll(ctx, l.queue.get) }

func (l *Log) writeAll(ctx context.Context, get func() []item) {
	for l.ledger.Waiting() < maxBuffered {
		items := get()
		if len(items) == 0 {
			return
		}
		l.prepare(ctx, items)
		for i := range items {
			l.writeItem(ctx, &items[i])
			// While the disk takes nothing, only settle tries.
			if l.ledger.Full() && !l.stuck.is() {
				if err := l.ledger.Flush(); err != nil {
					l.stuck.begin(l.o.Now())
				}
			}
		}
		l.queue.done(items)
	}
}

func (l *Log) writeItem(ctx context.Context, i *item) {
	defer l.stuck.wrote(i.seq)
	switch {
	case i.notice != nil:
		i.notice.Seq = i.seq
		l.ledger.WriteNotice(*i.notice)
	case i.action != nil:
		person, sealed := l.sealAction(ctx, i.action)
		l.queue.line = appendAction(l.queue.line[:0], i.seq, i.action, person, sealed)
		l.ledger.Write(l.queue.line, i.seq)
	default:
		l.queue.line = l.appendRecord(ctx, l.queue.line[:0], i.seq, &i.record)
		l.ledger.Write(l.queue.line, i.seq)
	}
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

// flushed is Flush, also where nothing runs: then the caller writes.
func (l *Log) flushed(ctx context.Context) error {
	if l.running.Load() {
		return l.Flush(ctx)
	}
	l.alone.Lock()
	defer l.alone.Unlock()
	l.write(ctx)
	if n := l.queue.len(); n > 0 {
		return errStuck
	}
	return l.sync(ctx)
}

// Close writes what is left and that the log was closed in order. It is called once nothing is observed any more and
// Run has returned.
func (l *Log) Close() (err error) {
	l.closed.Do(func() {
		ctx, done := context.WithTimeout(context.Background(), 30*time.Second)
		defer done()
		l.writeAll(ctx, func() []item { return l.queue.close(l.ledger.Number) })
		err = l.ledger.Close(ctx)
	})
	return err
}
