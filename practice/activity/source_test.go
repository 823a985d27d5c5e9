// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"yett/alert"
	"yett/practice/activity/sink"
	"yett/problem"
	"yett/store"
)

// serving runs l until the test ends.
func serving(t *testing.T, l *Log) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		closed(t, l)
	})
}

// observed has n exchanges observed and brought to the disk.
func observed(t *testing.T, l *Log, n int) {
	t.Helper()
	for range n {
		l.Observe(began(time.Now(), 0))
	}
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func dataDir(t *testing.T) *store.Dir {
	t.Helper()
	name := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
	dir, err := store.OpenDir(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dir.Close(); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// following follows l with sinks, until stop is called.
func following(t *testing.T, l *Log, data *store.Dir, board *alert.Board, configs ...sink.Config) (stop func()) {
	t.Helper()
	all, err := openSinks(configs)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.follow(ctx, all, data, board) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := closeSinks(all); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func await(t *testing.T, what string, there func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !there(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// holding returns the alerts that hold, as words.
func holding(board *alert.Board) string {
	var names []string
	for _, a := range board.All() {
		if a.Over.IsZero() {
			names = append(names, a.Name+" "+a.About)
		}
	}
	return strings.Join(names, ", ")
}

func TestASinkIsGivenOnlyWhatIsUnderACheckpoint(t *testing.T) {
	l := opened(t, t.TempDir(), Options{})
	s := newSafeSource(l)
	read := func() int {
		t.Helper()
		l.sinks.signed.looked = time.Time{} // look now
		records, err := s.Read(t.Context(), 0, 512, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		return len(records)
	}
	for range 3 {
		l.Observe(began(noon, 0))
	}
	l.write(t.Context())
	if err := l.ledger.Flush(); err != nil {
		t.Fatal(err)
	}
	if n := read(); n != 0 {
		t.Errorf("%d records leave that a power failure could take back", n)
	}
	settled(l)
	l.Observe(began(noon, 0))
	l.write(t.Context())
	if n := read(); n != 3 {
		t.Errorf("got %d records, want the 3 under a checkpoint", n)
	}
	if tail, err := newSource(l).Read(t.Context(), 0, 512, 1<<20); err != nil || len(tail) != 4 {
		t.Errorf("whoever follows on the machine has %d records (%v), want 4", len(tail), err)
	}
	closed(t, l)
}

// What was read of a log is asked for again in batches of several sizes, amid new segments and after a jump.
func TestASourceReadsOn(t *testing.T) {
	now := noon
	l := opened(t, t.TempDir(), Options{Now: func() time.Time { return now }})
	s := newSafeSource(l)
	write := func(n int) {
		for range n {
			l.Observe(began(now, 0))
		}
		settled(l)
		l.sinks.signed.looked = time.Time{}
	}
	for range 5 { // segments
		write(7)
		now = now.AddDate(0, 0, 1)
		settled(l)
	}
	at, rounds := uint64(0), 0
	for _, limit := range []int{1, 3, 20, 5, 100, 100} {
		records, err := s.Read(t.Context(), at, limit, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range records {
			if r.Seq != at+1 || r.Seq != header(r.Line).Seq {
				t.Fatalf("record %d of a batch has the number %d after %d: %s", i, r.Seq, at, r.Line)
			}
			at++
		}
		if rounds++; rounds == 3 {
			write(7)
		}
	}
	if at != 42 {
		t.Errorf("got %d records, want 42", at)
	}
	for _, after := range []uint64{0, 6, 7, 8, 40, 41} { // back and forth
		records, err := s.Read(t.Context(), after, 1, 1)
		if err != nil || len(records) != 1 || records[0].Seq != after+1 {
			t.Errorf("after %d: got %+v and %v", after, records, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	closed(t, l)
}

func TestASourceThatReadsOnLooksForNothing(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not rename a directory with open files")
	}
	dir := filepath.Join(t.TempDir(), "log")
	l := opened(t, dir, Options{})
	for range 100 {
		l.Observe(began(noon, 0))
	}
	settled(l)
	s := newSafeSource(l)
	for after := uint64(0); after < 100; after += 10 {
		records, err := s.Read(t.Context(), after, 10, 1<<20)
		if err != nil || len(records) != 10 {
			t.Fatalf("after %d: got %d records and %v", after, len(records), err)
		}
		if after == 0 {
			if err := os.Rename(dir, dir+"-away"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(os.Rename(dir+"-away", dir), s.Close()); err != nil {
		t.Fatal(err)
	}
	closed(t, l)
}

// A segment may be removed while a slow sink is in it: what it has open it reads to the end, and goes on after the hole.
func TestASourceGoesOnAfterWhatIsRemoved(t *testing.T) {
	now := noon
	l := opened(t, t.TempDir(), Options{Now: func() time.Time { return now }})
	for range 4 {
		for range 10 {
			l.Observe(began(now, 0))
		}
		settled(l)
		now = now.AddDate(0, 0, 1)
		settled(l)
	}
	s := newSafeSource(l)
	read := func(after uint64, want uint64) error {
		records, err := s.Read(t.Context(), after, 5, 1<<20)
		if err == nil && (len(records) != 5 || records[0].Seq != want) {
			t.Errorf("after %d: got %+v, want 5 from %d on", after, records, want)
		}
		return err
	}
	if err := read(0, 1); err != nil {
		t.Fatal(err)
	}
	if err := l.ledger.Expire(30); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" { // which removes nothing that is open
		if err := read(5, 6); err != nil {
			t.Fatal(err)
		}
	}
	if err := read(10, 31); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	closed(t, l)
}

func TestACheckpointThatIsNotFoundIsAnErrorAfterAWhile(t *testing.T) {
	l := opened(t, t.TempDir(), Options{})
	l.Observe(began(noon, 0))
	l.write(t.Context())
	s := &l.sinks.signed
	now := time.Now()
	for _, after := range []time.Duration{0, signWithin} {
		if err := s.look(t.Context(), l, now.Add(after)); err != nil {
			t.Errorf("after %v: %v", after, err)
		}
	}
	if err := s.look(t.Context(), l, now.Add(signWithin+1)); err == nil || !strings.Contains(err.Error(), "no checkpoint") {
		t.Errorf("got %v, want that there is none", err)
	}
	closed(t, l)
}

func TestALogHasOneName(t *testing.T) {
	dir := t.TempDir()
	var names []string
	for _, dir := range []string{dir, dir, t.TempDir()} {
		l := opened(t, dir, Options{})
		names = append(names, newSource(l).Log())
		closed(t, l)
	}
	if names[0] != names[1] || names[0] == names[2] || !strings.HasPrefix(names[0], "yett-") {
		t.Errorf("got %q, want the first two alike", names)
	}
}

// A sink that is added to a long log, or that was there when a power failure took the log's end, holds nobody up.
func TestAHealthySinkIsNeverBehind(t *testing.T) {
	for _, policy := range []string{sink.Refuse, sink.DropAndCount} {
		for _, from := range []string{sink.FromNow, sink.FromBeginning} {
			t.Run(policy+" from "+from, func(t *testing.T) {
				t.Parallel()
				board := new(alert.Board)
				l := opened(t, filepath.Join(t.TempDir(), "log"), Options{Queue: 10_000})
				serving(t, l)
				observed(t, l, 3000)
				data, out := dataDir(t), filepath.Join(t.TempDir(), "records")
				config := sink.Config{Name: "soc", Type: "file", Path: out, MaxLag: 1000, OnFailure: policy, From: from}
				stop := following(t, l, data, board, config)
				want := 3000
				if from == sink.FromNow {
					want = 0
				}
				cursor := sink.FileCursor(data.Path("activity-sink-soc"))
				begins := func(seq uint64) func() bool {
					return func() bool {
						p, err := cursor.Load()
						return l.behind.Load() > 0 || err == nil && p.Log != "" && p.Seq == seq
					}
				}
				await(t, "the records", begins(3000))
				observed(t, l, 10)
				await(t, "the new ones", func() bool { return l.behind.Load() > 0 || len(lines(t, out)) >= want+10 })
				stop()
				p, err := cursor.Load()
				if err != nil || p.Seq != 3010 {
					t.Fatalf("got %+v and %v, want 3010", p, err)
				}
				p.Seq += 5 // the log has lost its end
				if err := cursor.Store(p); err != nil {
					t.Fatal(err)
				}
				stop = following(t, l, data, board, config)
				await(t, "the follower", begins(3010))
				observed(t, l, 1)
				await(t, "the newest one", func() bool { return l.behind.Load() > 0 || len(lines(t, out)) >= want+11 })
				stop()
				if err := l.Check(nil); err != nil {
					t.Errorf("an exchange is refused: %v", err)
				}
				if n := len(lines(t, out)); n != want+11 {
					t.Errorf("the sink has %d records, want %d", n, want+11)
				}
				if all := board.All(); len(all) != 0 {
					t.Errorf("alerts: %+v", all)
				}
			})
		}
	}
}

// A dead server comes back: what it lacks holds exchanges up, or is left out, and both is said as long as it is so.
func TestADeadSinkPressesBack(t *testing.T) {
	for _, policy := range []string{sink.Refuse, sink.DropAndCount} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			server, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			address := server.Addr().String()
			if err := server.Close(); err != nil {
				t.Fatal(err)
			}
			board := new(alert.Board)
			l := opened(t, filepath.Join(t.TempDir(), "log"), Options{Queue: 10_000})
			serving(t, l)
			data := dataDir(t)
			following(t, l, data, board, sink.Config{Name: "soc", Type: "syslog", Address: "tcp://" + address, MaxLag: 1000, OnFailure: policy})
			await(t, "the follower", func() bool {
				p, err := sink.FileCursor(data.Path("activity-sink-soc")).Load()
				return err == nil && p.Log != ""
			})
			state := func() SinkState { return l.sinks.states()["soc"] }
			observed(t, l, 1000)
			await(t, "a failure", func() bool { return state().Doing == "retrying" && state().Lag == 1000 })
			if err := l.Check(nil); err != nil || holding(board) != "" {
				t.Errorf("at its bound: %v, alerts: %s", err, holding(board))
			}
			l.ledger.Leave()
			observed(t, l, 1)
			await(t, "the alert", func() bool { return holding(board) == "records_sink_behind soc" })
			want := 1001
			if policy == sink.Refuse {
				if code := problem.Code(l.Check(nil)); code != "cannot_record" || state().Doing != "behind" {
					t.Errorf("beyond its bound: got the code %q, and %+v", code, state())
				}
				l.ledger.Leave()
			} else {
				want = 500
				if st := state(); st.Skipped != 501 || l.behind.Load() != 0 {
					t.Errorf("beyond its bound: got %+v, want 501 left out, and nobody refused", st)
				}
			}
			if server, err = net.Listen("tcp", address); err != nil {
				t.Fatal(err)
			}
			got := make(chan int, 1)
			go func() { got <- messages(server, want) }()
			await(t, "the end of it", func() bool { return holding(board) == "" && state().Doing == "ok" && state().Lag == 0 })
			if n := <-got; n != want {
				t.Errorf("the server has %d records, want %d", n, want)
			}
			if l.behind.Load() != 0 {
				t.Error("exchanges are refused")
			}
		})
	}
}

// messages counts messages with their length before them, on one connection, until there are so many.
func messages(l net.Listener, want int) (n int) {
	defer func() { _ = l.Close() }() // best effort
	c, err := l.Accept()
	if err != nil {
		return 0
	}
	defer func() { _ = c.Close() }() // best effort
	for r := bufio.NewReader(c); n < want; n++ {
		text, err := r.ReadString(' ')
		if err != nil {
			return n
		}
		size, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			return n
		}
		if _, err := io.CopyN(io.Discard, r, int64(size)); err != nil {
			return n
		}
	}
	return n
}

func TestASinkThatFailsRaisesAnAlertOfItsOwn(t *testing.T) {
	board := new(alert.Board)
	f := new(sink.Follower)
	new(Log).tell(f, "soc", board)
	f.Failing("connection refused")
	if all := board.All(); len(all) != 1 || all[0].Name != "records_sink_failing" || all[0].About != "soc" || !strings.HasSuffix(all[0].Summary, ": connection refused") {
		t.Errorf("got %+v", all)
	}
	if f.Failing(""); holding(board) != "" {
		t.Errorf("once it takes records: %s", holding(board))
	}
}

func TestASinkIsDoingTheWorstOfWhatItDoes(t *testing.T) {
	for want, s := range map[string]sink.State{
		"ok":          {Lag: 7},
		"catching_up": {New: true},
		"retrying":    {New: true, Error: "e"},
		"failing":     {Error: "e", Failing: true},
		"behind":      {Error: "e", Failing: true, Behind: true},
	} {
		if got := doing(&s); got != want {
			t.Errorf("%+v: got %s, want %s", s, got, want)
		}
	}
}

// A hangingSink takes a batch and comes back when it is let go, whatever its context says.
type hangingSink struct{ in, let chan struct{} }

func (s *hangingSink) Send(context.Context, []sink.Record) error {
	close(s.in)
	<-s.let
	return nil
}

func (s *hangingSink) Close() error { return nil }

// After a reload two sinks have one name, of which the older may hang still.
func TestTheNextSinkOfANameWaitsForOneThatHangs(t *testing.T) {
	l := opened(t, filepath.Join(t.TempDir(), "log"), Options{})
	serving(t, l)
	observed(t, l, 5)
	data, out := dataDir(t), filepath.Join(t.TempDir(), "records")
	config := sink.Config{Name: "soc", Type: "file", Path: out, From: sink.FromBeginning}
	old := &hangingSink{make(chan struct{}), make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.follow(ctx, []openSink{{old, config}}, data, nil) }()
	<-old.in
	cancel()
	if err := <-ended; err != nil { // it does end
		t.Fatal(err)
	}
	following(t, l, data, nil, config)
	await(t, "the next one to wait", func() bool { return strings.Contains(l.sinks.states()["soc"].Error, "has not ended") })
	if n := len(lines(t, out)); n != 0 {
		t.Errorf("beside one that hangs the next has sent %d records", n)
	}
	close(old.let)
	observed(t, l, 1)
	await(t, "the record after those of the old one", func() bool { return len(lines(t, out)) == 1 && header([]byte(lines(t, out)[0])).Seq == 6 })
}

// lines returns the whole lines of a file, none while nobody has made it.
func lines(t *testing.T, name string) []string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	all := strings.SplitAfter(string(b), "\n")
	return all[:len(all)-1]
}
