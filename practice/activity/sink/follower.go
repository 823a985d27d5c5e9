// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A Source is the log as a follower reads it.
type Source interface {
	// Log tells one log from another.
	Log() string
	// Last is the number of the newest record.
	Last() uint64
	// Safe is the number of the newest record that no power failure takes back. Log, Last and Safe are called while Read
	// goes on.
	Safe(context.Context) (uint64, error)
	// Read returns records whose numbers are greater than after, up to Safe, the oldest first: at most limit of them, and
	// at most limitBytes of lines unless the first alone has more. It returns none at the end.
	Read(ctx context.Context, after uint64, limit, limitBytes int) ([]Record, error)
	// Close is called once nothing is read any more.
	Close() error
}

const (
	batchRecords = 512
	batchBytes   = 1 << 20
	poll         = 250 * time.Millisecond
	firstBackOff = time.Second
	lastBackOff  = 30 * time.Second
	lastWait     = 2 * time.Second // for a sink that does not notice the end
	failingAfter = time.Minute
)

// A Follower brings what a source has to a sink: in order, each record at least once. It holds one batch in memory. What
// was sent when the process ended without remembering it is sent again.
//
// A sink without a place in this log is new. Where it begins at the beginning it has the whole log before it, for which
// it is not to blame: until it has caught up for the first time, it is never too far behind.
type Follower struct {
	Sink   Sink
	Source Source
	Cursor Cursor
	// Turn is shared by all who follow with one cursor, and has room for one: who is in it is the only one that sends and
	// remembers. Nil: there is no other.
	Turn chan struct{}
	// From is where a new sink begins: FromNow, the default, or FromBeginning.
	From string
	// Wake says that the source has grown. Without it, as with it, the source is looked at every 250 ms.
	Wake <-chan struct{}
	// MaxLag is how many numbers the sink may be behind; default 1,000,000.
	MaxLag uint64
	// OnFailure is Refuse, the default, or DropAndCount.
	OnFailure string
	// Behind is called with true once the sink is more than MaxLag behind, and with false once it has caught up to half of
	// it, or Run ends. In between new exchanges should be refused. Only under Refuse.
	Behind func(bool)
	// Skipped is told of the numbers, both ends included, that the sink will never have, and CaughtUp that it has taken all
	// that came after them. Only under DropAndCount.
	Skipped  func(from, to uint64)
	CaughtUp func()
	// Failing is called with the reason once the sink has taken nothing for a minute although there is something, and with
	// "" once it has, or Run ends.
	Failing func(why string)

	// Of the one who delivers.
	backOff time.Duration
	retryAt time.Time
	left    bool // out some that are missing in the sink

	mu     sync.Mutex
	placed bool
	place  Place
	safe   uint64    // number of the newest record that it could have
	trying time.Time // since when a step goes on; zero: none does
	state  State
}

// A State is how a follower is doing. The counts are those since Run began.
type State struct {
	Sent     uint64    `json:"sent"`
	Skipped  uint64    `json:"skipped"`  // left out because the sink was too far behind
	Rejected uint64    `json:"rejected"` // the server took the request, but not these
	Lag      uint64    `json:"lag"`      // numbers of the log that the sink does not have yet
	New      bool      `json:"new"`      // it has not caught up yet since it began at the beginning
	Behind   bool      `json:"behind"`   // new exchanges are refused
	Failing  bool      `json:"failing"`  // it has taken nothing for a minute
	LastSent time.Time `json:"last_sent,omitzero"`
	Error    string    `json:"error,omitempty"`
	Since    time.Time `json:"since,omitzero"`    // when it began to fail
	Rejects  string    `json:"rejects,omitempty"` // why records were rejected last
}

// State returns how it is doing now. It may be called at any time.
func (f *Follower) State() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.state
	s.New, s.Lag, s.LastSent = f.place.New, f.lag(), f.place.Sent
	return s
}

// Run follows until ctx ends, and returns nil then. It is an error if the cursor cannot be read. The sink is not closed.
//
// What reads and sends does so beside, and the lag is judged whatever becomes of it: a disk has no deadline. One that
// hangs holds up the end for two seconds; it then has the turn until it ends, so that the next one waits for it.
func (f *Follower) Run(ctx context.Context) error {
	ended := make(chan error, 1)
	go func() { ended <- f.deliver(ctx) }()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	defer f.setBehind(false)
	defer f.setFailing("")
	for {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			select {
			case err := <-ended:
				return err
			case <-time.After(lastWait):
				return nil
			}
		case <-tick.C:
			f.judge(ctx)
			f.judgeFailure(time.Now())
		}
	}
}

// deliver brings records to the sink until ctx ends.
func (f *Follower) deliver(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, f.Source.Close()) }()
	if _, err := f.find(ctx); err != nil { // how far behind it is does not wait for the turn
		return err
	}
	if !f.enter(ctx) {
		return nil
	}
	defer f.leave()
	moved, err := f.find(ctx) // who had the turn may have gone on
	if err != nil {
		return err
	}
	if moved {
		err = f.store()
	}
	f.note(err)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.Wake:
		case <-timer.C:
		}
		timer.Reset(poll)
		f.skip(ctx)
		for more := true; more && !time.Now().Before(f.retryAt); {
			var err error
			f.change(func() { f.trying = time.Now() })
			more, err = f.step(ctx)
			f.change(func() { f.trying = time.Time{} })
			if ctx.Err() != nil {
				return nil // Run may have ended long ago: nothing is told any more
			}
			f.note(err)
			f.skip(ctx)
		}
	}
}

// errTurn says what a follower waits for.
var errTurn = errors.New("the last batch of the configuration before has not ended")

// enter waits for the turn.
func (f *Follower) enter(ctx context.Context) bool {
	if f.Turn == nil {
		return true
	}
	select {
	case f.Turn <- struct{}{}:
		return true
	default:
	}
	f.fails(errTurn)
	select {
	case f.Turn <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (f *Follower) leave() {
	if f.Turn != nil {
		<-f.Turn
	}
}

// find works out where the sink is, and whether the cursor says otherwise.
func (f *Follower) find(ctx context.Context) (moved bool, err error) {
	was, err := f.Cursor.Load()
	if err != nil {
		return false, fmt.Errorf("where the sink was: %w", err)
	}
	p, last := was, f.Source.Last()
	switch log := f.Source.Log(); {
	case p.Log == log, p.Log == "" && p.Seq > 0: // an older version wrote down no log
		// The log may have lost its end, or be a copy from before. What takes those numbers now is new to the sink.
		p.Log, p.Seq = log, min(p.Seq, last)
	case f.From == FromBeginning:
		p = Place{Log: log, New: true}
	default:
		if safe, err := f.Source.Safe(ctx); err == nil { // else begin after what is written so far
			last = safe
		}
		p = Place{Log: log, Seq: last}
	}
	f.change(func() { f.place, f.placed = p, true })
	return p != was, nil
}

// where returns the place, which only the one who delivers changes.
func (f *Follower) where() Place {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.place
}

// step brings one batch to the sink. It reports whether there may be another.
func (f *Follower) step(ctx context.Context) (bool, error) {
	at := f.where().Seq
	batch, err := f.Source.Read(ctx, at, batchRecords, batchBytes)
	if err != nil {
		return false, fmt.Errorf("read the log: %w", err)
	}
	if len(batch) == 0 {
		f.caughtUp()
		return false, nil
	}
	to := batch[len(batch)-1].Seq
	if to <= at {
		return false, fmt.Errorf("read the log: record %d came after %d", to, at) // going on would never end
	}
	err = f.Sink.Send(ctx, batch)
	rejected, taken := errors.AsType[*RejectedError](err)
	if err != nil && !taken {
		return false, err
	}
	f.change(func() {
		f.state.Sent += uint64(len(batch))
		if taken {
			n := min(rejected.Count, uint64(len(batch)))
			f.state.Sent, f.state.Rejected, f.state.Rejects = f.state.Sent-n, f.state.Rejected+n, rejected.Reason
		}
		f.place.Seq, f.place.Sent = to, time.Now().UTC().Truncate(time.Millisecond)
	})
	return true, f.store()
}

// store remembers the place. Where that fails the follower goes on all the same, after a pause: records then come twice.
func (f *Follower) store() error {
	if err := f.Cursor.Store(f.where()); err != nil {
		return fmt.Errorf("remember where the sink is: %w", err)
	}
	return nil
}

// note remembers how a step ended, and when the next may begin.
func (f *Follower) note(err error) {
	if err == nil {
		f.backOff, f.retryAt = 0, time.Time{}
		f.change(func() { f.state.Error, f.state.Since = "", time.Time{} })
		return
	}
	f.backOff = min(max(2*f.backOff, firstBackOff), lastBackOff)
	wait := f.backOff
	if busy, ok := errors.AsType[*BusyError](err); ok {
		wait = max(busy.After, firstBackOff)
	}
	f.retryAt = time.Now().Add(wait)
	f.fails(err)
}

// fails remembers why it does not go on.
func (f *Follower) fails(err error) {
	f.change(func() {
		if f.state.Error == "" {
			f.state.Since = time.Now()
		}
		f.state.Error = err.Error()
	})
}

// most is how far behind the sink may be.
func (f *Follower) most() uint64 { return cmp.Or(f.MaxLag, defaultLag) }

// lag is how many numbers the sink does not have yet. The lock is held.
func (f *Follower) lag() uint64 { return f.safe - min(f.place.Seq, f.safe) }

// measure looks how far behind the sink is, and whether that counts.
func (f *Follower) measure(ctx context.Context) (lag uint64, counts bool) {
	safe, err := f.Source.Safe(ctx)
	if err != nil {
		return 0, false // reading the log says so
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.safe = max(f.safe, safe)
	lag = f.lag()
	if lag <= f.most()/2 {
		f.place.New = false
	}
	return lag, f.placed && !f.place.New
}

// judge has new exchanges refused while the sink is too far behind.
func (f *Follower) judge(ctx context.Context) {
	switch lag, counts := f.measure(ctx); {
	case !counts || f.OnFailure == DropAndCount:
	case lag > f.most():
		f.setBehind(true)
	case lag <= f.most()/2:
		f.setBehind(false)
	}
}

// skip leaves out all but half of what the sink may be behind, where it is too far behind.
func (f *Follower) skip(ctx context.Context) {
	lag, counts := f.measure(ctx)
	if !counts || f.OnFailure != DropAndCount || lag <= f.most() {
		return
	}
	at := f.where().Seq
	from, to := at+1, at+lag-f.most()/2
	f.change(func() {
		f.place.Seq = to
		f.state.Skipped += to - from + 1
	})
	f.left = true
	if f.Skipped != nil {
		f.Skipped(from, to)
	}
	if err := f.store(); err != nil {
		f.note(err)
	}
}

// caughtUp tells once that nothing is left to be sent after some was left out.
func (f *Follower) caughtUp() {
	if !f.left {
		return
	}
	f.left = false
	if f.CaughtUp != nil {
		f.CaughtUp()
	}
}

// judgeFailure looks whether the sink takes anything. A Send that never comes back fails without an error.
func (f *Follower) judgeFailure(now time.Time) {
	f.mu.Lock()
	if !f.trying.IsZero() && f.state.Error == "" && now.Sub(f.trying) >= failingAfter {
		f.state.Error, f.state.Since = "a batch under way does not end", f.trying
	}
	why := ""
	if f.state.Error != "" && now.Sub(f.state.Since) >= failingAfter {
		why = f.state.Error
	}
	f.mu.Unlock()
	f.setFailing(why)
}

// setFailing tells a change, once. It is for Run alone.
func (f *Follower) setFailing(why string) {
	f.mu.Lock()
	was := f.state.Failing
	f.state.Failing = why != ""
	f.mu.Unlock()
	if was != (why != "") && f.Failing != nil {
		f.Failing(why)
	}
}

// setBehind tells a change, once. It is for Run alone.
func (f *Follower) setBehind(behind bool) {
	f.mu.Lock()
	was := f.state.Behind
	f.state.Behind = behind
	f.mu.Unlock()
	if was != behind && f.Behind != nil {
		f.Behind(behind)
	}
}

func (f *Follower) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}
