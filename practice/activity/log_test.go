// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"yett/alert"
	"yett/exchange"
	"yett/problem"
)

// idAt is an id whose exchange began at a time.
func idAt(t time.Time) string {
	id := uuid.Must(uuid.NewV7())
	ms := t.UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	return id.String()
}

func began(t time.Time, took time.Duration) exchange.Record {
	return exchange.Record{ID: idAt(t), Time: t, Method: "GET", Status: 200, Duration: took}
}

// opened opens a log whose Run nobody calls: tests settle it themselves.
func opened(t testing.TB, dir string, o Options) *Log {
	t.Helper()
	l, err := Open(context.Background(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closed(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// all reads every line, which must be numbered without holes.
func all(t *testing.T, l *Log) []Entry {
	t.Helper()
	entries, err := l.Last(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(entries); i++ {
		if entries[i].Seq != entries[i-1].Seq+1 {
			t.Errorf("line %d has number %d after %d", i, entries[i].Seq, entries[i-1].Seq)
		}
	}
	return entries
}

func kinds(entries []Entry) string {
	var words []string
	for _, e := range entries {
		words = append(words, e.Kind)
	}
	return strings.Join(words, " ")
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestARecordIsWrittenWholeAndReadBack(t *testing.T) {
	r := exchange.Record{
		ID: idAt(noon), Time: noon.Add(time.Millisecond), Proto: "HTTP/2.0", API: "shop", Operation: "createOrder", Method: "POST",
		Path: "/orders", Status: 422, Client: "acme", Key: "k4tn8w2", Subject: "s", Address: netip.MustParseAddr("2001:db8::1"),
		Decisions: []exchange.Decision{{Practice: "validate", Outcome: exchange.Refused, Code: "body_invalid", Note: "n", Took: 1500}},
		Code:      "body_invalid", Cause: "c", Reached: true, Upstream: time.Millisecond, Duration: time.Second, BytesIn: 1, BytesOut: 2,
		Findings: []problem.Item{{Detail: "whole body"}, {Parameter: "q", In: "query", Detail: "d", Where: "w:1", Rule: "r", Declared: "q"}},
		Aborted:  true, Trace: "4bf92f3577b34da6a3ce929d0e0e4736", Seen: "POST /orders/secret",
	}
	want := Entry{
		ID: r.ID, Seq: 7, Time: r.Time, Kind: KindExchange, API: "shop", Op: "createOrder", Method: "POST", Path: "/orders", Status: 422,
		Principal: &Principal{Client: "acme", Subject: "s", Key: "k4tn8w2"}, Address: "2001:db8::1", Code: "body_invalid", Cause: "c",
		Findings:  []Finding{{Detail: "whole body"}, {Parameter: "q", In: "query", Detail: "d", Where: "w:1", Rule: "r"}},
		Decisions: []Decision{{Practice: "validate", Decision: "refused", Reason: "body_invalid", Note: "n", Took: 0.0000015}},
		Reached:   true, Duration: 1, Upstream: 0.001, BytesIn: 1, BytesOut: 2, Aborted: true, Proto: "HTTP/2.0", Trace: r.Trace,
	}
	line := new(Log).appendRecord(t.Context(), nil, 7, &r)
	var got Entry
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if bytes.Contains(line, []byte("secret")) {
		t.Error("the concrete path of an undeclared call is in the line")
	}
}

func TestNothingInARecordDisturbsTheLog(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"line breaks", "a\r\nb", "a??b"},
		{"escape sequences of a terminal", "\x1b[31mred\x9b", "?[31mred\ufffd"},
		{"text that runs backwards", "a\u202eb\u2066", "a?b?"},
		{"hidden characters", "a\u200b\ufeff\u00ad\u2060b", "a????b"},
		{"line ends of JavaScript", "\u2028\u2029", "??"},
		{"quotes and backslashes", `"\`, `"\`},
		{"bytes that are not UTF-8", "a\xff\xc3", "a\ufffd\ufffd"},
		{"other scripts", "Zoë 日本", "Zoë 日本"},
		{"at the bound", strings.Repeat("x", maxText), strings.Repeat("x", maxText)},
		{"above the bound", strings.Repeat("x", maxText+1), strings.Repeat("x", maxText) + "…"},
		{"above the bound in the middle of a character", strings.Repeat("€", 200), strings.Repeat("€", 170) + "…"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := exchange.Record{Cause: tt.text, Client: tt.text, API: tt.text, Findings: []problem.Item{{Pointer: tt.text, Declared: tt.text}}}
			line := new(Log).appendRecord(t.Context(), nil, 1, &r)
			var e Entry
			if err := json.Unmarshal(line, &e); err != nil || bytes.Count(line, []byte{'\n'}) != 0 {
				t.Fatalf("%v: %s", err, line)
			}
			for _, got := range []string{e.Cause, e.Principal.Client, e.API, e.Findings[0].Pointer} {
				if got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			}
		})
	}
}

func TestNumbersGoOnAfterARestart(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		l := opened(t, dir, Options{})
		l.Observe(began(time.Now(), 0))
		closed(t, l)
		closed(t, l) // a second time does nothing
	}
	l := opened(t, dir, Options{})
	if got := kinds(all(t, l)); got != "exchange stop exchange stop exchange stop" {
		t.Errorf("got %s", got)
	}
	closed(t, l)
	if len(all(t, l)) != 6 {
		t.Error("a log that was only read was written to")
	}
}

// settled writes what is queued, and brings it to the disk.
func settled(l *Log) {
	l.write(context.Background())
	l.settle(context.Background())
}

func TestWhileNothingCanBeWrittenNewExchangesAreRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not rename a directory with open files")
	}
	now := noon
	dir := filepath.Join(t.TempDir(), "log")
	board := new(alert.Board)
	l := opened(t, dir, Options{Queue: 4, Alerts: board, Now: func() time.Time { return now }})
	if err := l.Check(nil); err != nil {
		t.Fatal(err)
	}
	l.Observe(began(now, 0))
	settled(l)
	// The next segment, of another day, has no place: the directory gave way to a file.
	now = now.AddDate(0, 0, 1)
	l.settle(t.Context())
	l.Observe(began(now, 0))
	settled(l)
	now = now.AddDate(0, 0, 1)
	settled(l)
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	settled(l)
	l.Observe(began(now, 0))
	for range 2 {
		settled(l)
		if code := problem.Code(l.Check(nil)); code != "cannot_record" {
			t.Fatalf("got %q", code)
		}
	}
	if all := board.All(); len(all) != 1 || all[0].Name != stuckAlert || !all[0].Over.IsZero() {
		t.Errorf("alerts: %+v", all)
	}
	l.adopt(true, 0, nil)
	if err := l.Check(nil); err != nil {
		t.Errorf("drop-and-count: %v", err)
	}
	l.adopt(false, 0, nil)
	for range 7 {
		l.Observe(began(now, 0)) // four wait, three are lost
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir+"-away", dir); err != nil {
		t.Fatal(err)
	}
	settled(l)
	settled(l)
	if err := l.Check(nil); err != nil {
		t.Errorf("it does not become whole again: %v", err)
	}
	if board.All()[0].Over.IsZero() {
		t.Error("the alert goes on")
	}
	closed(t, l)
	r, err := l.Verify(t.Context())
	if err != nil || r.Bad != nil || r.Lost != 3 || r.Records != 9 || r.Seq != 12 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestANumberThatFindsNoRoomIsInAGap(t *testing.T) {
	l := opened(t, t.TempDir(), Options{Queue: 3})
	for range 10 {
		l.Observe(began(noon, 0))
	}
	l.write(t.Context())
	l.Observe(began(noon, 0))
	for range 4 {
		l.Observe(began(noon, 0))
	}
	closed(t, l)
	entries, err := l.Last(100)
	if err != nil || kinds(entries) != "exchange exchange exchange gap exchange exchange gap stop" {
		t.Fatal(kinds(entries), err)
	}
	if g := entries[3]; g.From != 4 || g.To != 10 || g.Lost != 7 || g.Seq != 11 {
		t.Errorf("the first gap: %+v", g)
	}
	if g := entries[6]; g.From != 14 || g.To != 16 || g.Seq != 17 {
		t.Errorf("the gap at the end: %+v", g)
	}
	if r, err := l.Verify(t.Context()); err != nil || r.Bad != nil || r.Lost != 10 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestARecordIsFoundByItsID(t *testing.T) {
	now := noon.AddDate(0, 0, -2)
	l := opened(t, t.TempDir(), Options{Now: func() time.Time { return now }, SegmentSize: 1 << 20, Queue: 1 << 17})
	var ids []string
	for end := noon; now.Before(end); now = now.Add(10 * time.Second) {
		r := began(now, 0)
		r.Client = strings.Repeat("c", 400)
		if len(ids)%9 == 0 { // a long exchange ends now and began long ago
			r = began(now.Add(-26*time.Hour), 26*time.Hour)
		}
		ids = append(ids, r.ID)
		l.Observe(r)
		if len(ids)%1000 == 0 {
			settled(l)
			l.tidy(t.Context())
		}
	}
	settled(l)
	segments, err := l.ledger.Segments()
	if err != nil || len(segments) < 5 {
		t.Fatal(segments, err)
	}
	waits := began(now, 0)
	l.Observe(waits)
	l.write(t.Context())
	ids = append(ids, waits.ID)
	for i := 0; i < len(ids); i += 101 {
		for _, id := range []string{ids[i], "urn:uuid:" + ids[i]} {
			if e, err := l.Find(t.Context(), id); err != nil || e.ID != ids[i] {
				t.Fatalf("record %d: %v, %v", i, e, err)
			}
		}
	}
	if e, err := l.Find(t.Context(), waits.ID); err != nil || e.ID != waits.ID {
		t.Errorf("a record that waits for the disk: %v", err)
	}
	for _, id := range []string{idAt(noon), idAt(noon.AddDate(-1, 0, 0)), idAt(noon.AddDate(9, 0, 0)), "", "no", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", `"}`} {
		if _, err := l.Find(t.Context(), id); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if last, err := l.Last(3); err != nil || len(last) != 3 || last[2].ID != waits.ID {
		t.Errorf("Last: %v", err)
	}
	closed(t, l)
}

// TestKilled is the child of the next test: it records until it is killed.
func TestKilled(t *testing.T) {
	dir := os.Getenv("YETT_ACTIVITY_KILLED")
	if dir == "" {
		t.Log("only as a child of the next test")
		return
	}
	l := opened(t, dir, Options{})
	ended := make(chan error, 1)
	go func() { ended <- l.Run(context.Background()) }()
	for n := 0; ; n++ {
		l.Observe(began(time.Now(), 0))
		if n%100 == 99 {
			if err := l.Flush(context.Background()); err != nil {
				t.Fatal(err)
			}
			_, _ = os.Stdout.WriteString("flushed\n")
		}
		time.Sleep(100 * time.Microsecond)
	}
}

func TestAKilledProcessLosesNothingThatWasOnTheDisk(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestKilled$") // #nosec G204 -- this test itself
	child.Env = append(os.Environ(), "YETT_ACTIVITY_KILLED="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines, flushed := bufio.NewScanner(out), 0
	for flushed < 3 && lines.Scan() {
		if lines.Text() == "flushed" {
			flushed++
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	l := opened(t, dir, Options{})
	l.Observe(began(time.Now(), 0))
	closed(t, l)
	r, err := l.Verify(t.Context())
	if err != nil || r.Bad != nil || r.Records < int64(100*flushed)+2 || flushed != 3 || uint64(r.Records)+r.Lost != r.Seq {
		t.Errorf("%d times flushed: %+v, %v", flushed, r, err)
	}
}

func TestRunWritesAndStopsWithWhatIsLeft(t *testing.T) {
	dir := t.TempDir()
	l := opened(t, dir, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	r := began(time.Now(), 0)
	l.Observe(r)
	if err := l.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Find(ctx, r.ID); err != nil {
		t.Error(err)
	}
	l.Observe(began(time.Now(), 0))
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	closed(t, l)
	if got := kinds(all(t, l)); got != "exchange exchange stop" {
		t.Errorf("got %s", got)
	}
}

func TestADirectoryThatCannotBeWrittenIsToldAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := opened(t, dir, Options{})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := l.Run(context.Background()); err == nil {
		t.Error("Run went on")
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir, Options{}); err == nil {
		t.Error("a file was taken for a directory")
	}
}
