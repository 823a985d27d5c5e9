// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"yett/alert"
	"yett/ledger"
	"yett/practice/activity/sink"
	"yett/store"
)

// A source reads the log in the order of its numbers. Who reads on from where the last batch ended, as sinks do, reads on in
// the open segment, and in those after it that were there when they were listed. Read and Close are for one goroutine.
type source struct {
	l      *Log
	end    func(context.Context) (uint64, error) // what is read goes up to this number
	firsts map[string]uint64                     // number of the first line, by segment

	all   []ledger.Segment
	at    int            // which of them is open
	open  *ledger.Reader // nil: none
	next  int64          // line of it that is read next
	after uint64         // number of the line before that one
}

// newSource reads whatever is written, as soon as it is.
func newSource(l *Log) *source { return &source{l: l, end: l.written, firsts: make(map[string]uint64)} }

// newSafeSource reads what lies under a checkpoint: what left the machine is then in the log whatever happens to it.
func newSafeSource(l *Log) *source {
	s := newSource(l)
	s.end = l.sinks.signed.number(l)
	return s
}

// Log is the name of the key that signs.
func (s *source) Log() string {
	name, rest, _ := strings.Cut(s.l.public, "+")
	sum, _, _ := strings.Cut(rest, "+")
	return name + "+" + sum
}

// Last is the number of the newest line, in a file or on the way there.
func (s *source) Last() uint64 { return s.l.ledger.Seq() }

// Safe is the number of the newest line that is read.
func (s *source) Safe(ctx context.Context) (uint64, error) { return s.end(ctx) }

// written brings to the files what they do not have yet, and returns the number of the newest line there.
func (l *Log) written(context.Context) (uint64, error) {
	seq := l.ledger.Seq()
	return seq, l.ledger.Flush() // what no file took nobody reads
}

// signed is the newest number under a checkpoint, which all sinks go by.
type signed struct {
	mu     sync.Mutex
	seq    uint64
	err    error
	looked time.Time // for a newer one
	waits  time.Time // since when there are lines after it
}

const (
	lookEvery  = 250 * time.Millisecond
	signWithin = 10 * time.Second // a checkpoint is made each second
)

func (s *signed) number(l *Log) func(context.Context) (uint64, error) {
	return func(ctx context.Context) (uint64, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		now := time.Now()
		switch {
		case l.ledger.Seq() <= s.seq:
			s.err, s.waits = nil, time.Time{}
		case now.Sub(s.looked) >= lookEvery:
			s.looked = now
			s.err = s.look(ctx, l, now)
		}
		return s.seq, s.err
	}
}

// look looks for a newer checkpoint. Its absence is an error only where there should be one by now.
func (s *signed) look(ctx context.Context, l *Log, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	newest, err := l.newest(ctx)
	if err != nil {
		return err
	}
	switch {
	case newest > s.seq:
		s.seq, s.waits = newest, now
	case s.waits.IsZero():
		s.waits = now
	case l.ledger.Writing() && now.Sub(s.waits) > signWithin:
		return fmt.Errorf("the records after %d have no checkpoint that can be found", s.seq)
	}
	return nil
}

// newest returns the number of the newest line under a checkpoint, 0 if there is none.
func (l *Log) newest(ctx context.Context) (uint64, error) {
	b, err := l.ledger.Newest(ctx)
	if err != nil || b == nil {
		return 0, err
	}
	v, err := ledger.NewVerifier(l.public)
	if err != nil {
		return 0, err
	}
	c, err := ledger.ParseCheckpoint(b, v)
	if err != nil {
		return 0, err
	}
	return c.Seq, nil
}

// Read returns lines whose numbers are greater than after, the oldest first.
func (s *source) Read(ctx context.Context, after uint64, limit, limitBytes int) ([]sink.Record, error) {
	end, err := s.end(ctx)
	if err != nil || end <= after {
		return nil, err
	}
	goesOn := s.open != nil && s.after == after
	if goesOn {
		out, err := s.take(ctx, end, limit, limitBytes)
		if err != nil || len(out) > 0 {
			return out, err
		}
	}
	if err := s.seek(after); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s.take(ctx, end, limit, limitBytes)
}

// Close closes the segment that is open. Read opens it again.
func (s *source) Close() error {
	if s.open == nil {
		return nil
	}
	err := s.open.Close()
	s.open = nil
	return err
}

// take reads on up to a number.
func (s *source) take(ctx context.Context, end uint64, limit, limitBytes int) (out []sink.Record, err error) {
	defer func() {
		if err != nil {
			out, err = nil, errors.Join(err, s.Close())
		}
	}()
	bytes := 0
	for s.open != nil {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for line, err := range s.open.Lines(s.next) {
			if err != nil {
				return nil, err
			}
			r := header(line)
			if r.Seq > end || len(out) >= limit || len(out) > 0 && bytes+len(line) > limitBytes {
				return out, nil
			}
			r.Line = slices.Clone(line)
			out, bytes = append(out, r), bytes+len(line)
			s.next, s.after = s.next+1, r.Seq
		}
		err := s.enter(s.at + 1)
		if err != nil && (len(out) > 0 || errors.Is(err, fs.ErrNotExist)) {
			return out, nil // it was removed since they were listed; whatever else it is comes again
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// enter opens a segment of those listed, if there is one.
func (s *source) enter(i int) error {
	if err := s.Close(); err != nil || i >= len(s.all) {
		return err
	}
	r, err := s.all[i].Open()
	if err != nil {
		return err
	}
	s.at, s.open, s.next = i, r, 0
	return nil
}

// seek lists the segments and finds the line after a number.
func (s *source) seek(after uint64) (err error) {
	if s.all, err = s.l.ledger.Segments(); err != nil {
		return err
	}
	i, err := s.segment(s.all, after)
	if err != nil {
		return err
	}
	if err := s.enter(i); err != nil || s.open == nil {
		return err
	}
	var failed error
	s.next = int64(sort.Search(int(s.all[i].Count), func(i int) bool {
		line, err := s.open.Line(int64(i))
		if err != nil {
			failed = err
			return true
		}
		return header(line).Seq > after
	}))
	s.after = after
	return failed
}

// segment returns the first segment that may hold numbers after one.
func (s *source) segment(all []ledger.Segment, after uint64) (int, error) {
	var failed error
	i := sort.Search(len(all), func(i int) bool {
		first, err := s.first(all[i])
		if err != nil {
			failed = err
		}
		return first > after
	})
	if len(s.firsts) > 2*len(all)+8 {
		clear(s.firsts) // of segments that are removed
	}
	return max(0, i-1), failed
}

func (s *source) first(g ledger.Segment) (_ uint64, err error) {
	if n, ok := s.firsts[g.Name]; ok {
		return n, nil
	}
	r, err := g.Open()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if g.Count == 0 {
		return ^uint64(0), nil // nothing is in a file yet
	}
	line, err := r.Line(0)
	if err != nil {
		return 0, err
	}
	s.firsts[g.Name] = header(line).Seq
	return s.firsts[g.Name], nil
}

// header is how every line begins.
func header(line []byte) (h sink.Record) {
	var e struct {
		Entry
		Sealed skipped `json:"sealed"`
	}
	if json.Unmarshal(line, &e) == nil {
		h = sink.Record{Seq: e.Seq, Time: e.Time, Kind: e.Kind}
	}
	return h
}

// skipped is a member that nobody looks at.
type skipped struct{}

// UnmarshalJSON takes anything.
func (*skipped) UnmarshalJSON([]byte) error { return nil }

// sinks follow the log.
type sinks struct {
	signed signed

	mu    sync.Mutex
	runs  map[string]*run
	turns map[string]chan struct{} // of all that ever followed under a name: one that hangs may outlive its configuration
}

// A run is one sink that is followed.
type run struct {
	kind     string
	follower *sink.Follower
}

// turn returns what the followers under one name take turns by.
func (s *sinks) turn(name string) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turns[name] == nil {
		if s.turns == nil {
			s.turns = make(map[string]chan struct{})
		}
		s.turns[name] = make(chan struct{}, 1)
	}
	return s.turns[name]
}

// An openSink is one with its configuration.
type openSink struct {
	sink.Sink
	config sink.Config
}

// openSinks opens all sinks: what is wrong with one is found before anything serves.
func openSinks(configs []sink.Config) (all []openSink, err error) {
	for _, c := range configs {
		s, err := sink.Open(c, sink.Options{})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("sink %s: %w", nameOf(c), err), closeSinks(all))
		}
		all = append(all, openSink{s, c})
	}
	return all, nil
}

func closeSinks(all []openSink) error {
	var err error
	for _, s := range all {
		err = errors.Join(err, s.Close())
	}
	return err
}

// follow runs a follower for each sink until ctx ends.
func (l *Log) follow(ctx context.Context, all []openSink, data *store.Dir, alerts *alert.Board) error {
	var running sync.WaitGroup
	defer running.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	failed := make(chan error, len(all))
	for _, s := range all {
		c, name := s.config, nameOf(s.config)
		f := &sink.Follower{Sink: s, Source: newSafeSource(l), Cursor: sink.FileCursor(data.Path("activity-sink-" + name)), Turn: l.sinks.turn(name), From: c.From,
			MaxLag: uint64(c.MaxLag), OnFailure: c.OnFailure} // #nosec G115 -- validated
		l.tell(f, name, alerts)
		l.sinks.put(name, &run{c.Type, f})
		running.Go(func() {
			defer l.sinks.put(name, nil)
			err := f.Run(ctx)
			lower(alerts, sinkBehind, name) // whoever follows next says how it is
			failed <- err
		})
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// tell has a follower tell what becomes of its sink.
func (l *Log) tell(f *sink.Follower, name string, alerts *alert.Board) {
	f.Behind = func(yes bool) {
		if yes {
			l.behind.Add(1)
			raise(alerts, sinkBehind, name, "a sink of the records is too far behind; new exchanges are refused until it has caught up")
		} else {
			l.behind.Add(-1)
			lower(alerts, sinkBehind, name)
		}
	}
	f.Skipped = func(from, to uint64) {
		l.o.Log.Error("a sink of the records was too far behind, and leaves some out", "sink", name, "from", from, "to", to)
		raise(alerts, sinkBehind, name, fmt.Sprintf("a sink of the records was too far behind; records %d to %d are in the log, but not there", from, to))
	}
	f.CaughtUp = func() { lower(alerts, sinkBehind, name) }
	f.Failing = func(why string) {
		if why != "" {
			raise(alerts, sinkFailing, name, fmt.Sprintf("a sink of the records has taken none for a minute: %.300s", why))
		} else {
			lower(alerts, sinkFailing, name)
		}
	}
}

func nameOf(c sink.Config) string {
	if c.Name != "" {
		return c.Name
	}
	return c.Type
}

// The alerts of sinks.
const (
	sinkBehind  = "records_sink_behind"
	sinkFailing = "records_sink_failing"
)

func raise(b *alert.Board, name, about, summary string) {
	if b != nil {
		b.Raise(name, about, summary)
	}
}

func lower(b *alert.Board, name, about string) {
	if b != nil {
		b.Clear(name, about)
	}
}

func (s *sinks) put(name string, r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs == nil {
		s.runs = make(map[string]*run)
	}
	if r == nil {
		delete(s.runs, name)
	} else {
		s.runs[name] = r
	}
}

// A SinkState is how one sink is doing.
type SinkState struct {
	Type string `json:"type"`
	// Doing is behind, while new exchanges are refused; failing, for a minute or longer; retrying; catching_up, where it
	// began at the beginning; or ok.
	Doing string `json:"state"`
	sink.State
}

// states returns how the sinks are doing, by name.
func (s *sinks) states() map[string]SinkState {
	s.mu.Lock()
	runs := maps.Clone(s.runs)
	s.mu.Unlock()
	all := make(map[string]SinkState, len(runs))
	for name, r := range runs {
		state := r.follower.State()
		all[name] = SinkState{r.kind, doing(&state), state}
	}
	return all
}

func doing(s *sink.State) string {
	switch {
	case s.Behind:
		return "behind"
	case s.Failing:
		return "failing"
	case s.Error != "":
		return "retrying"
	case s.New:
		return "catching_up"
	}
	return "ok"
}
