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
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

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
	l, err := Open(dir, o)
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
		Findings: []problem.Item{{Detail: "whole body"}, {Parameter: "q", In: "query", Detail: "d", Where: "w:1", Rule: "r"}},
		Aborted:  true, Trace: "4bf92f3577b34da6a3ce929d0e0e4736", Seen: "POST /orders/secret",
	}
	want := Entry{
		ID: r.ID, Seq: 7, Time: r.Time, Kind: KindExchange, API: "shop", Op: "createOrder", Method: "POST", Path: "/orders", Status: 422,
		Principal: &Principal{Client: "acme", Subject: "s", Key: "k4tn8w2"}, Address: r.Address, Code: "body_invalid", Cause: "c",
		Findings:  []Finding{{Detail: "whole body"}, {Parameter: "q", In: "query", Detail: "d", Where: "w:1", Rule: "r"}},
		Decisions: []Decision{{Practice: "validate", Decision: "refused", Reason: "body_invalid", Note: "n", TookUS: 1.5}},
		Reached:   true, DurationUS: 1e6, UpstreamUS: 1000, BytesIn: 1, BytesOut: 2, Aborted: true, Proto: "HTTP/2.0", Trace: r.Trace,
	}
	line := appendRecord(nil, 7, &r, nil)
	var got Entry
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); d != "" {
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
			r := exchange.Record{Cause: tt.text, Client: tt.text, Method: tt.text, Findings: []problem.Item{{Pointer: tt.text}}}
			line := appendRecord(nil, 1, &r, nil)
			var e Entry
			if err := json.Unmarshal(line, &e); err != nil || bytes.Count(line, []byte{'\n'}) != 1 {
				t.Fatalf("%v: %s", err, line)
			}
			for _, got := range []string{e.Cause, e.Principal.Client, e.Method, e.Findings[0].Pointer} {
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

func TestACrashIsTold(t *testing.T) {
	whole := `{"id":"x","seq":4,"time":"2026-11-23T12:00:00Z","kind":"exchange"}` + "\n"
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string // kinds after one more record
		seq   uint64 // of that record
	}{
		{"the end was not written", map[string]string{"2026-11-23-0000.jsonl": whole}, "exchange gap exchange stop", 6},
		{"a torn line goes", map[string]string{"2026-11-23-0000.jsonl": whole + `{"id":"y","se`}, "exchange gap exchange stop", 6},
		{"a torn line longer than a block goes", map[string]string{"2026-11-23-0000.jsonl": whole + strings.Repeat("x", 3*block)}, "exchange gap exchange stop", 6},
		{"the newest file is empty", map[string]string{"2026-11-23-0000.jsonl": whole, "2026-11-24-0000.jsonl": ""}, "exchange gap exchange stop", 6},
		{"the newest file holds a torn line only", map[string]string{"2026-11-23-0000.jsonl": whole, "2026-11-23-0001.jsonl": "\x00\x00"}, "exchange gap exchange stop", 6},
		{"other files are none of ours", map[string]string{"2026-11-23-0000.jsonl": whole, "a.jsonl": "?", "2026-13-45-0000.jsonl": "?", "z.txt": ""}, "exchange gap exchange stop", 6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a[b]*") // characters of a pattern
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			for name, text := range tt.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			l := opened(t, dir, Options{Now: func() time.Time { return noon }})
			l.Observe(began(noon, 0))
			closed(t, l)
			got := all(t, l)
			if kinds(got) != tt.want || got[2].Seq != tt.seq {
				t.Errorf("got %s, the record has number %d", kinds(got), got[2].Seq)
			}
			if got[1].Cause == "" {
				t.Error("the gap says nothing")
			}
		})
	}
}

func TestALastLineThatIsNoRecordStopsTheStart(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "2026-11-23-0000.jsonl"), []byte("something else\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "2026-11-23-0000.jsonl") {
		t.Errorf("got %v", err)
	}
}

func TestWhileNothingCanBeWrittenNewExchangesAreRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := opened(t, dir, Options{Queue: 4})
	if err := l.Check(nil); err != nil {
		t.Fatal(err)
	}
	l.Observe(began(time.Now(), 0))
	l.drain()
	l.settle()
	// The directory gives way to a file: nothing can be written.
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		l.settle()
		if code := problem.Code(l.Check(nil)); code != "cannot_record" {
			t.Fatalf("got %q", code)
		}
	}
	l.adopt(true, 0)
	if err := l.Check(nil); err != nil {
		t.Errorf("drop-and-count: %v", err)
	}
	l.adopt(false, 0)
	for range 7 {
		l.Observe(began(time.Now(), 0)) // four wait, three are lost
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir+"-away", dir); err != nil {
		t.Fatal(err)
	}
	l.drain()
	l.settle()
	if err := l.Check(nil); err != nil {
		t.Errorf("it does not become whole again: %v", err)
	}
	closed(t, l)
	got := all(t, l)
	if kinds(got) != "exchange gap exchange exchange exchange exchange stop" || got[1].Lost != 3 {
		t.Errorf("got %s, %d lost", kinds(got), got[1].Lost)
	}
}

func TestLossesAreCountedWhileEvenTheBufferIsFull(t *testing.T) {
	l := opened(t, t.TempDir(), Options{})
	l.buf = make([]byte, maxBuffered+1)
	for range 3 {
		r := began(time.Now(), 0)
		l.write(&r)
		l.gap()
	}
	if n := l.lost.Load(); n != 3 || l.seq != 0 {
		t.Errorf("%d counted, number %d", n, l.seq)
	}
}

func TestAFileTakenAwayIsReplaced(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not let go of an open file")
	}
	dir := t.TempDir()
	l := opened(t, dir, Options{})
	l.Observe(began(time.Now(), 0))
	l.drain()
	l.settle()
	files, err := l.files()
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.Rename(files[0], filepath.Join(dir, "taken")); err != nil {
		t.Fatal(err)
	}
	l.Observe(began(time.Now(), 0))
	l.drain()
	l.settle()
	closed(t, l)
	if got := all(t, l); kinds(got) != "exchange stop" || got[0].Seq != 2 {
		t.Errorf("got %s from %d", kinds(got), got[0].Seq)
	}
}

func TestFilesChangeByDayAndSizeAndAreRemovedWhole(t *testing.T) {
	now := noon
	l := opened(t, t.TempDir(), Options{Now: func() time.Time { return now }, FileSize: 300, Retention: 24 * time.Hour})
	step := func() {
		l.Observe(began(now, 0))
		l.drain()
		l.settle()
	}
	for range 6 {
		step()
	}
	now = noon.AddDate(0, 0, -1) // the clock is set back: the order of the files stays
	step()
	for range 3 {
		now = now.AddDate(0, 0, 1)
		step()
	}
	files, err := l.files()
	if err != nil || len(files) < 5 || len(all(t, l)) != 10 {
		t.Fatal(files, err)
	}
	l.expire(now)
	after, err := l.files()
	if err != nil || filepath.Base(after[0]) != "2026-11-24-0000.jsonl" || len(after) != 2 {
		t.Errorf("left %v, %v", after, err)
	}
	now = now.AddDate(1, 0, 0)
	l.expire(now)
	if after, err = l.files(); err != nil || len(after) != 1 {
		t.Errorf("the newest file must stay: %v, %v", after, err)
	}
	closed(t, l)
	info, err := os.Stat(after[0])
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestARecordIsFoundByItsID(t *testing.T) {
	now := noon.AddDate(0, 0, -2)
	l := opened(t, t.TempDir(), Options{Now: func() time.Time { return now }, FileSize: 3 << 20, Queue: 1 << 17})
	var ids []string
	end := noon
	for now.Before(end) {
		r := began(now, 0)
		r.Cause = strings.Repeat("c", 400)
		if len(ids)%9 == 0 { // a long exchange ends now and began long ago
			r = began(now.Add(-26*time.Hour), 26*time.Hour)
		}
		ids = append(ids, r.ID)
		l.write(&r)
		now = now.Add(10 * time.Second)
	}
	if err := l.sync(); err != nil {
		t.Fatal(err)
	}
	files, err := l.files()
	if err != nil || len(files) < 4 {
		t.Fatal(files, err)
	}
	waits := began(now, 0)
	l.write(&waits)
	ids = append(ids, waits.ID)
	for i := 0; i < len(ids); i += 101 {
		for _, id := range []string{ids[i], "urn:uuid:" + ids[i]} {
			if e, err := l.Find(id); err != nil || e.ID != ids[i] {
				t.Fatalf("record %d: %v, %v", i, e, err)
			}
		}
	}
	if e, err := l.Find(waits.ID); err != nil || e.ID != waits.ID {
		t.Errorf("a record that waits for the disk: %v", err)
	}
	for _, id := range []string{idAt(noon), idAt(noon.AddDate(-1, 0, 0)), idAt(noon.AddDate(9, 0, 0)), "", "no", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", `"}`} {
		if _, err := l.Find(id); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if last, err := l.Last(3); err != nil || len(last) != 3 || last[2].ID != ids[len(ids)-2] {
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
	got := all(t, l)
	if n := len(got); n < 100*flushed+3 || flushed != 3 || kinds(got[n-3:]) != "gap exchange stop" {
		t.Errorf("%d lines, the last %s", n, kinds(got[max(0, n-4):]))
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
	if _, err := l.Find(r.ID); err != nil {
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
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := l.Run(context.Background()); err == nil {
		t.Error("Run went on")
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil {
		t.Error("a file was taken for a directory")
	}
}

func BenchmarkObserve(b *testing.B) {
	l := opened(b, b.TempDir(), Options{Queue: 1 << 16})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	r := began(time.Now(), time.Millisecond)
	b.ReportAllocs()
	for b.Loop() {
		l.Observe(r)
	}
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
	b.ReportMetric(float64(l.lost.Load()), "lost")
}

func BenchmarkLine(b *testing.B) {
	r := began(noon, time.Millisecond)
	r.API, r.Operation, r.Path, r.Trace, r.Client, r.Key = "shop", "getOrder", "/orders/{id}", "4bf92f3577b34da6a3ce929d0e0e4736", "acme", "k4tn8w2"
	for _, p := range []string{"activity", "https", "allowlist", "ratelimit", "route", "allowlist", "apikey", "authn", "ratelimit", "validate", "sanitize"} {
		r.Decisions = append(r.Decisions, exchange.Decision{Practice: p, Took: 512})
	}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = appendRecord(dst[:0], 7, &r, nil)
	}
}
