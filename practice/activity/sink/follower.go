// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sink

import (
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
	// Safe is the number of the newest record that no power failure takes back.
	Safe(context.Context) (uint64, error)
	// Read returns records whose numbers are greater than after, up to Safe, the oldest first: at most limit of them, and
	// at most limitBytes of lines unless the first alone has more. It returns none at the end.
	Read(ctx context.Context, after uint64, limit, limitBytes int) ([]Record, error)
}

const (
	batchRecords = 512
	batchBytes   = 1 << 20
	poll         = 250 * time.Millisecond
	firstBackOff = time.Second
	lastBackOff  = 30 * time.Second
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
	// Skipped is told of the numbers, both ends included, that the sink will never have. Only under DropAndCount.
	Skipped func(from, to uint64)

	place   Place
	behind  bool
	backOff time.Duration
	retryAt time.Time

	mu    sync.Mutex
	state State
}

// A State is how a follower is doing. The counts are those since Run began.
type State struct {
	Sent     uint64    `json:"sent"`
	Skipped  uint64    `json:"skipped"`  // left out because the sink was too far behind
	Rejected uint64    `json:"rejected"` // the server took the request, but not these
	Lag      uint64    `json:"lag"`      // numbers of the log that the sink does not have yet
	New      bool      `json:"new"`      // it has not caught up yet since it began at the beginning
	Behind   bool      `json:"behind"`   // new exchanges are refused
	Error    string    `json:"error,omitempty"`
	Since    time.Time `json:"since,omitzero"`    // when it began to fail
	Rejects  string    `json:"rejects,omitempty"` // why records were rejected last
}

// State returns how it is doing now. It may be called at any time.
func (f *Follower) State() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

// Run follows until ctx ends, and returns nil then. It is an error if the cursor cannot be read. The sink is not closed.
func (f *Follower) Run(ctx context.Context) error {
	if err := f.find(ctx); err != nil {
		return err
	}
	defer f.setBehind(false)
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
		f.judgeLag(ctx)
		for more := true; more && ctx.Err() == nil && !time.Now().Before(f.retryAt); {
			var err error
			more, err = f.step(ctx)
			if ctx.Err() == nil {
				f.note(err)
			}
			f.judgeLag(ctx)
		}
	}
}

// find works out where the sink is, and remembers it where it was not known.
func (f *Follower) find(ctx context.Context) error {
	p, err := f.Cursor.Load()
	if err != nil {
		return fmt.Errorf("where the sink was: %w", err)
	}
	last := f.Source.Last()
	known := p
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
	if f.place = p; p != known {
		f.note(f.store())
	}
	return nil
}

// step brings one batch to the sink. It reports whether there may be another.
func (f *Follower) step(ctx context.Context) (bool, error) {
	batch, err := f.Source.Read(ctx, f.place.Seq, batchRecords, batchBytes)
	if err != nil {
		return false, fmt.Errorf("read the log: %w", err)
	}
	if len(batch) == 0 {
		return false, nil
	}
	to := batch[len(batch)-1].Seq
	if to <= f.place.Seq {
		return false, fmt.Errorf("read the log: record %d came after %d", to, f.place.Seq) // going on would never end
	}
	err = f.Sink.Send(ctx, batch)
	rejected, taken := errors.AsType[*RejectedError](err)
	if err != nil && !taken {
		return false, err
	}
	f.count(func(s *State) {
		s.Sent += uint64(len(batch))
		if taken {
			n := min(rejected.Count, uint64(len(batch)))
			s.Sent, s.Rejected, s.Rejects = s.Sent-n, s.Rejected+n, rejected.Reason
		}
	})
	f.place.Seq, f.place.Sent = to, time.Now().UTC().Truncate(time.Millisecond)
	return true, f.store()
}

// store remembers the place. Where that fails the follower goes on all the same, after a pause: records then come twice.
func (f *Follower) store() error {
	if err := f.Cursor.Store(f.place); err != nil {
		return fmt.Errorf("remember where the sink is: %w", err)
	}
	return nil
}

// note remembers how a step ended, and when the next may begin.
func (f *Follower) note(err error) {
	if err == nil {
		f.backOff, f.retryAt = 0, time.Time{}
		f.count(func(s *State) { s.Error, s.Since = "", time.Time{} })
		return
	}
	f.backOff = min(max(2*f.backOff, firstBackOff), lastBackOff)
	wait := f.backOff
	if busy, ok := errors.AsType[*BusyError](err); ok {
		wait = max(busy.After, firstBackOff)
	}
	f.retryAt = time.Now().Add(wait)
	f.count(func(s *State) {
		if s.Error == "" {
			s.Since = time.Now()
		}
		s.Error = err.Error()
	})
}

// judgeLag compares the sink with the log, and acts where it is too far behind.
func (f *Follower) judgeLag(ctx context.Context) {
	last, err := f.Source.Safe(ctx)
	if err != nil {
		return // reading the log will say so
	}
	top := f.MaxLag
	if top == 0 {
		top = defaultLag
	}
	lag := last - min(f.place.Seq, last)
	if lag <= top/2 {
		f.place.New = false
	}
	switch {
	case f.place.New:
	case f.OnFailure == DropAndCount:
		if lag > top {
			lag = f.skip(last, top/2)
		}
	case lag > top:
		f.setBehind(true)
	case lag <= top/2:
		f.setBehind(false)
	}
	f.count(func(s *State) { s.Lag, s.New = lag, f.place.New })
}

// skip leaves out what is before the last records, and returns how many are left.
func (f *Follower) skip(last, left uint64) uint64 {
	from, to := f.place.Seq+1, last-left
	f.place.Seq = to
	f.count(func(s *State) { s.Skipped += to - from + 1 })
	if f.Skipped != nil {
		f.Skipped(from, to)
	}
	if err := f.store(); err != nil {
		f.note(err)
	}
	return left
}

// setBehind tells a change, once.
func (f *Follower) setBehind(behind bool) {
	if f.behind == behind {
		return
	}
	f.behind = behind
	f.count(func(s *State) { s.Behind = behind })
	if f.Behind != nil {
		f.Behind(behind)
	}
}

func (f *Follower) count(change func(*State)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.state)
}
