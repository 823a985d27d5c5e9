// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A book is a log in memory, in which the numbers of missing do not stand. The last unsafe ones are not on the disk yet.
type book struct {
	last    atomic.Uint64
	unsafe  uint64
	missing func(uint64) bool
}

func bookOf(last uint64) *book {
	b := new(book)
	b.last.Store(last)
	return b
}

const thisLog = "yett-1a2b3c4d+5e6f7a8b"

func (b *book) Log() string                          { return thisLog }
func (b *book) Last() uint64                         { return b.last.Load() }
func (b *book) Safe(context.Context) (uint64, error) { return b.Last() - b.unsafe, nil }

func (b *book) Close() error { return nil }

func (b *book) Read(_ context.Context, after uint64, limit, _ int) (out []Record, _ error) {
	for seq := after + 1; seq <= b.last.Load()-b.unsafe && len(out) < limit; seq++ {
		if b.missing == nil || !b.missing(seq) {
			out = append(out, Record{Seq: seq})
		}
	}
	return out, nil
}

// A server is a sink that fails as it is told. It refuses what does not come in order.
type server struct {
	mu    sync.Mutex
	got   []uint64
	calls []time.Time
	err   error
	takes time.Duration // for a batch
}

func (s *server) Send(_ context.Context, batch []Record) error {
	time.Sleep(s.takes)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, time.Now())
	if _, taken := errors.AsType[*RejectedError](s.err); s.err != nil && !taken {
		return s.err
	}
	for _, r := range batch {
		s.got = append(s.got, r.Seq)
	}
	return s.err
}

func (s *server) Close() error { return nil }

func (s *server) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// A memory is a cursor.
type memory struct {
	place Place
	err   error
}

// at is a cursor of a sink that is after a number.
func at(seq uint64) *memory { return &memory{place: Place{Log: thisLog, Seq: seq}} }

// begun is one of a sink that was there before the first record.
func begun() *memory { return at(0) }

func (m *memory) Load() (Place, error) { return m.place, nil }
func (m *memory) Store(p Place) error {
	if m.err == nil {
		m.place = p
	}
	return m.err
}

// follow runs f in a bubble of time for the length of do.
func follow(t *testing.T, f *Follower, do func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	pass(time.Millisecond)
	do()
	synctest.Wait()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// pass lets time pass in the bubble, and what happens in it happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func numbers(from, to uint64) (all []uint64) {
	for ; from <= to; from++ {
		all = append(all, from)
	}
	return all
}

func TestRecordsArriveInOrderFromWhereTheSinkWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s, m := bookOf(2000), &server{}, at(100)
		b.missing = func(seq uint64) bool { return seq > 200 && seq < 900 }
		f := &Follower{Sink: s, Source: b, Cursor: m}
		follow(t, f, func() {
			b.last.Store(2001)
			pass(poll)
		})
		if want := append(numbers(101, 200), numbers(900, 2001)...); !slices.Equal(s.got, want) {
			t.Errorf("got %d records, want %d in order", len(s.got), len(want))
		}
		if m.place.Seq != 2001 {
			t.Errorf("the cursor is at %d, want 2001", m.place.Seq)
		}
		if st := f.State(); m.place.Sent.IsZero() || st != (State{Sent: 1202, LastSent: m.place.Sent}) {
			t.Errorf("got %+v", st)
		}
	})
}

func TestASourceThatWakesIsReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wake := make(chan struct{})
		b, s := bookOf(1), &server{}
		follow(t, &Follower{Sink: s, Source: b, Cursor: begun(), Wake: wake}, func() {
			began := time.Now()
			b.last.Store(2)
			wake <- struct{}{}
			synctest.Wait()
			if len(s.got) != 2 || time.Since(began) > 0 {
				t.Errorf("got %d records after %v, want 2 at once", len(s.got), time.Since(began))
			}
		})
	})
}

func TestADeadSinkIsAskedLessAndLessAndCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := bookOf(600), &server{err: errors.New("connection refused")}
		f := &Follower{Sink: s, Source: b, Cursor: begun()}
		follow(t, f, func() {
			began := time.Now()
			pass(5 * time.Minute)
			if st := f.State(); st.Error != "connection refused" || began.Sub(st.Since) > time.Second || st.Lag != 600 || st.Sent != 0 {
				t.Errorf("got %+v, want the error since the beginning", st)
			}
			for i, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
				if got := s.calls[i+1].Sub(s.calls[i]); got < want*time.Second || got > want*time.Second+2*poll {
					t.Errorf("pause %d: got %v, want %ds", i, got, want)
				}
			}
			s.fail(nil)
			pass(lastBackOff + poll)
		})
		if !slices.Equal(s.got, numbers(1, 600)) {
			t.Errorf("got %d records, want 600 in order", len(s.got))
		}
		if st := f.State(); st != (State{Sent: 600, LastSent: st.LastSent}) {
			t.Errorf("got %+v, want no trouble", st)
		}
	})
}

func TestAServerThatAsksForPeaceHasIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := bookOf(1), &server{err: &BusyError{2 * time.Minute, errors.New("status 429")}}
		follow(t, &Follower{Sink: s, Source: b, Cursor: begun()}, func() {
			pass(119 * time.Second)
			if len(s.calls) != 1 {
				t.Errorf("asked %d times within two minutes, want once", len(s.calls))
			}
			s.fail(nil)
			pass(2 * time.Second)
		})
		if len(s.got) != 1 {
			t.Error("the record did not arrive")
		}
	})
}

func TestRejectedRecordsAreCountedAndNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := bookOf(10), &server{err: &RejectedError{3, "too old"}}
		f := &Follower{Sink: s, Source: b, Cursor: begun()}
		follow(t, f, func() { pass(time.Minute) })
		if st := f.State(); len(s.calls) != 1 || st != (State{Sent: 7, Rejected: 3, Rejects: "too old", LastSent: st.LastSent}) {
			t.Errorf("got %d calls and %+v", len(s.calls), st)
		}
	})
}

func TestTooFarBehindNewExchangesAreRefusedUntilHalfIsCaughtUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := bookOf(2000), &server{err: errors.New("down"), takes: poll * 3 / 2}
		var told []string
		f := &Follower{Sink: s, Source: b, Cursor: begun(), MaxLag: 2000, OnFailure: Refuse,
			Behind: func(behind bool) {
				s.mu.Lock()
				defer s.mu.Unlock()
				told = append(told, strconv.FormatBool(behind)+" at "+strconv.Itoa(len(s.got)))
			},
			Skipped: func(from, to uint64) { t.Errorf("%d to %d were skipped", from, to) }}
		follow(t, f, func() {
			pass(time.Minute)
			if len(told) != 0 {
				t.Errorf("told %q with a lag of 2000", told)
			}
			b.last.Store(2001)
			pass(poll)
			if !f.State().Behind {
				t.Error("with a lag of 2001: it is not behind")
			}
			s.fail(nil)
			pass(time.Minute)
		})
		if want := []string{"true at 0", "false at 1024"}; !slices.Equal(told, want) {
			t.Errorf("got %q, want %q", told, want)
		}
		if !slices.Equal(s.got, numbers(1, 2001)) {
			t.Errorf("got %d records, want all", len(s.got))
		}
	})
}

func TestNobodyIsRefusedForASinkThatIsNotFollowedAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []bool
		f := &Follower{Sink: &server{err: errors.New("down")}, Source: bookOf(5000), Cursor: begun(), MaxLag: 1000,
			Behind: func(behind bool) { told = append(told, behind) }}
		follow(t, f, func() { pass(poll) })
		if !slices.Equal(told, []bool{true, false}) {
			t.Errorf("got %v, want true and at the end false", told)
		}
	})
}

// A hanging sink takes a batch and never comes back, whatever its context says, until it is let go.
type hanging struct {
	server
	let chan struct{}
}

func (s *hanging) Send(ctx context.Context, batch []Record) error {
	<-s.let
	return s.server.Send(ctx, batch)
}

// told is what a follower told.
type told struct {
	mu  sync.Mutex
	all []string
}

func (w *told) add(word string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, word)
}

func (w *told) is(words ...string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Equal(w.all, words)
}

func TestASinkThatTakesNothingForAMinuteIsSaidToFail(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		sink       func() (s Sink, well func())
	}{
		{"refused", "connection refused", func() (Sink, func()) {
			s := &server{err: errors.New("connection refused")}
			return s, func() { s.fail(nil) }
		}},
		{"hanging", "a batch under way does not end", func() (Sink, func()) {
			s := &hanging{let: make(chan struct{})}
			return s, func() { close(s.let) }
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, well := tt.sink()
				var told told
				f := &Follower{Sink: s, Source: bookOf(3), Cursor: begun(), Failing: told.add}
				follow(t, f, func() {
					pass(failingAfter - poll)
					if !told.is() {
						t.Errorf("told %q before its time", told.all)
					}
					pass(2 * poll)
					if st := f.State(); !told.is(tt.want) || !st.Failing || st.Error != tt.want {
						t.Errorf("after a minute: told %q, %+v, want %q", told.all, st, tt.want)
					}
					well()
					pass(lastBackOff + poll)
					if st := f.State(); !told.is(tt.want, "") || st.Failing || st.Sent != 3 {
						t.Errorf("once it takes them: told %q, %+v", told.all, st)
					}
					pass(10 * time.Minute) // nothing to send is no failure
				})
				if !told.is(tt.want, "") {
					t.Errorf("told %q", told.all)
				}
			})
		})
	}
}

func TestASinkThatFailsIsForgottenOnceNobodyFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told told
		f := &Follower{Sink: &server{err: errors.New("down")}, Source: bookOf(3), Cursor: begun(), Failing: told.add}
		follow(t, f, func() { pass(2 * failingAfter) })
		if !told.is("down", "") {
			t.Errorf("told %q, want that it fails, and at the end not", told.all)
		}
	})
}

func TestASinkThatHangsIsBehindAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := bookOf(100), &hanging{let: make(chan struct{})}
		defer close(s.let)
		behind := false
		f := &Follower{Sink: s, Source: b, Cursor: begun(), MaxLag: 1000, Behind: func(yes bool) { behind = yes }}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.Run(ctx) }()
		pass(poll)
		b.last.Store(1101)
		pass(poll)
		if !behind || f.State().Lag != 1101 {
			t.Errorf("got behind %v and %+v, want it behind by 1101", behind, f.State())
		}
		cancel()
		began := time.Now()
		if err := <-ended; err != nil || time.Since(began) > lastWait {
			t.Errorf("Run ended with %v after %v", err, time.Since(began))
		}
		if behind {
			t.Error("nobody follows, and exchanges are refused")
		}
	})
}

func TestNothingIsToldAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s, m := bookOf(100), &hanging{let: make(chan struct{})}, begun()
		f := &Follower{Sink: s, Source: b, Cursor: m, MaxLag: 1000, OnFailure: DropAndCount,
			Skipped: func(from, to uint64) { t.Errorf("%d to %d were skipped", from, to) }}
		follow(t, f, func() {})
		b.last.Store(5000)
		close(s.let)
		synctest.Wait()
		if m.place.Seq != 100 {
			t.Errorf("the cursor is at %d, want 100, which were sent", m.place.Seq)
		}
	})
}

func TestTwoNeverFollowWithOneCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, old, m, turn := bookOf(100), &hanging{let: make(chan struct{})}, begun(), make(chan struct{}, 1)
		follow(t, &Follower{Sink: old, Source: b, Cursor: m, Turn: turn}, func() {})
		b.last.Store(1600)
		s, behind := &server{}, false
		f := &Follower{Sink: s, Source: b, Cursor: m, Turn: turn, MaxLag: 1000, Behind: func(yes bool) { behind = yes }}
		follow(t, f, func() {
			pass(time.Minute)
			if st := f.State(); len(s.calls) > 0 || !behind || !strings.Contains(st.Error, "has not ended") {
				t.Errorf("beside one that hangs: %d calls, behind %v, %+v, want it to wait, and be judged", len(s.calls), behind, st)
			}
			close(old.let)
			pass(poll)
			if st := f.State(); behind || st.Error != "" {
				t.Errorf("alone: behind %v, %+v", behind, st)
			}
		})
		if !slices.Equal(old.got, numbers(1, 100)) || !slices.Equal(s.got, numbers(101, 1600)) {
			t.Errorf("got %d and %d records, want 100, and the 1500 after them", len(old.got), len(s.got))
		}
	})
}

func TestTooFarBehindASinkLeavesOutHalfAndSaysWhich(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s, m := bookOf(5000), &server{err: errors.New("down")}, begun()
		var told []uint64
		f := &Follower{Sink: s, Source: b, Cursor: m, MaxLag: 1000, OnFailure: DropAndCount,
			Behind:   func(bool) { t.Error("exchanges are refused") },
			Skipped:  func(from, to uint64) { told = append(told, from, to) },
			CaughtUp: func() { told = append(told, m.place.Seq) }}
		follow(t, f, func() {
			if m.place.Seq != 4500 {
				t.Errorf("the cursor is at %d, want 4500", m.place.Seq)
			}
			s.fail(nil)
			pass(time.Minute)
		})
		if !slices.Equal(told, []uint64{1, 4500, 5000}) || !slices.Equal(s.got, numbers(4501, 5000)) {
			t.Errorf("skipped %v, got %d records, want 1 to 4500, caught up at 5000, and 500", told, len(s.got))
		}
		if st := f.State(); st != (State{Sent: 500, Skipped: 4500, LastSent: st.LastSent}) {
			t.Errorf("got %+v", st)
		}
	})
}

func TestASinkBeginsWhere(t *testing.T) {
	for _, tt := range []struct {
		name, from string
		was        Place
		want       []uint64
	}{
		{"a new one begins at the end", "", Place{}, numbers(3001, 3002)},
		{"a new one begins at the end, as written", FromNow, Place{}, numbers(3001, 3002)},
		{"a new one may begin at the beginning", FromBeginning, Place{}, numbers(1, 3002)},
		{"a known one goes on", FromBeginning, Place{Log: thisLog, Seq: 2990}, numbers(2991, 3002)},
		{"of an older version too", FromBeginning, Place{Seq: 2990}, numbers(2991, 3002)},
		{"a log that has lost its end goes on with what is new", FromBeginning, Place{Log: thisLog, Seq: 3005}, numbers(3001, 3002)},
		{"another log is a new one", "", Place{Log: "yett-00000000+00000000", Seq: 7}, numbers(3001, 3002)},
		{"another log may be sent from its beginning", FromBeginning, Place{Log: "yett-00000000+00000000", Seq: 7}, numbers(1, 3002)},
	} {
		// However long the log is: nobody is refused, and nothing left out, for a sink that is new or takes all it is given.
		for _, policy := range []string{Refuse, DropAndCount} {
			t.Run(tt.name+", "+policy, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b, s, m := bookOf(3000), &server{}, &memory{place: tt.was}
					f := &Follower{Sink: s, Source: b, Cursor: m, From: tt.from, MaxLag: 1000, OnFailure: policy,
						Behind:  func(bool) { t.Error("exchanges are refused") },
						Skipped: func(from, to uint64) { t.Errorf("%d to %d were skipped", from, to) }}
					follow(t, f, func() {
						b.last.Store(3002)
						pass(poll)
					})
					if !slices.Equal(s.got, tt.want) {
						t.Errorf("got %d records, want %d to %d", len(s.got), tt.want[0], tt.want[len(tt.want)-1])
					}
					if m.place.Log != thisLog || m.place.Seq != 3002 || m.place.New {
						t.Errorf("the cursor is at %+v, want 3002 of this log", m.place)
					}
				})
			})
		}
	}
}

func TestASinkThatBeganAtTheBeginningIsJudgedOnceItHasCaughtUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s, m := bookOf(3000), &server{err: errors.New("down")}, &memory{}
		told := 0
		run := func(do func()) {
			f := &Follower{Sink: s, Source: b, Cursor: m, From: FromBeginning, MaxLag: 1000, Behind: func(bool) { told++ }}
			follow(t, f, func() {
				pass(time.Minute)
				do()
			})
		}
		run(func() {})
		run(func() { // it is remembered that it is new
			if told != 0 {
				t.Error("a sink that never was near the end is behind")
			}
			s.fail(nil)
			pass(time.Minute)
			s.fail(errors.New("down"))
			b.last.Store(5000)
			pass(time.Minute)
			if told != 1 {
				t.Error("2000 records behind after it had caught up, it is not behind")
			}
		})
		run(func() {})
		if told != 4 {
			t.Errorf("told %d times, want that it is behind, and not followed any more, twice", told)
		}
	})
}

func TestWhatAPowerFailureCouldTakeBackIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := bookOf(10), &server{}
		b.unsafe = 3
		follow(t, &Follower{Sink: s, Source: b, Cursor: begun()}, func() { pass(time.Minute) })
		if !slices.Equal(s.got, numbers(1, 7)) {
			t.Errorf("got %v, want 1 to 7", s.got)
		}
	})
}

func TestAPlaceThatCannotBeKeptIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		f := &Follower{Sink: s, Source: bookOf(3), Cursor: &memory{place: Place{Log: thisLog}, err: errors.New("no space left")}}
		follow(t, f, func() { pass(poll) })
		if st := f.State(); !strings.Contains(st.Error, "no space left") || st.Sent != 3 {
			t.Errorf("got %+v, want the error, and 3 records sent", st)
		}
	})
}

func TestAPlaceThatCannotBeReadEndsRun(t *testing.T) {
	err := (&Follower{Sink: &server{}, Source: bookOf(0), Cursor: FileCursor(filepath.Join(t.TempDir(), "x\x00"))}).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "where the sink was") {
		t.Errorf("got %v, want an error", err)
	}
}
