// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"bytes"
	"errors"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"yett/alert"
	"yett/problem"
)

// segmented is a log of several closed segments, packed and indexed, in which one call of forty is mallory's; with the segment
// that holds it.
func segmented(t *testing.T, board *alert.Board) (l *Log, id, segment string) {
	t.Helper()
	now := noon
	l = opened(t, t.TempDir(), Options{SegmentSize: 4 << 10, Alerts: board, Now: func() time.Time { return now }})
	for i := range 40 {
		r := began(now, 0)
		r.API, r.Operation, r.Client, r.Cause = "shop", "op", "acme", strings.Repeat("x", 200)
		if i == 5 {
			r.Client, id = "mallory", r.ID
		}
		l.Observe(r)
		now = now.Add(time.Second)
		settled(l)
	}
	l.tidy(t.Context())
	all, err := l.ledger.Segments()
	if err != nil || len(all) < 3 {
		t.Fatal(all, err)
	}
	for _, g := range all {
		if b, err := os.ReadFile(g.IndexFile()); err == nil && bytes.Contains(b, []byte("mallory")) {
			segment = g.Name
		}
	}
	if segment == "" {
		t.Fatal("no index names mallory")
	}
	return l, id, segment
}

func standing(b *alert.Board) (names []string) {
	for _, a := range b.All() {
		if a.Over.IsZero() {
			names = append(names, a.Name)
		}
	}
	slices.Sort(names)
	return names
}

func exported(t *testing.T, l *Log, query string) (n int, err error) {
	t.Helper()
	q, qerr := l.Query(t.Context(), query)
	if qerr != nil {
		t.Fatal(qerr)
	}
	err = l.Export(t.Context(), q, func([]byte) error { n++; return nil })
	return n, err
}

func TestAnIndexThatWasAlteredHidesNothing(t *testing.T) {
	for _, tt := range []struct {
		name  string
		alter func(index []byte) []byte
	}{
		{"another name", func(b []byte) []byte { return bytes.Replace(b, []byte("mallory"), []byte("nallory"), 1) }},
		{"a bit of the lines", func(b []byte) []byte { b[len(b)/2] ^= 4; return b }},
		{"cut", func(b []byte) []byte { return b[:len(b)/2] }},
		{"empty", func([]byte) []byte { return nil }},
		{"of an older version", func(b []byte) []byte { return bytes.Replace(b, []byte("index 2"), []byte("index 1"), 1) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			board := new(alert.Board)
			l, _, segment := segmented(t, board)
			name := filepath.Join(l.dir, segment+".idx")
			was, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, tt.alter(bytes.Clone(was)), 0o600); err != nil {
				t.Fatal(err)
			}
			if n, err := exported(t, l, "client=mallory"); n != 1 || err != nil {
				t.Errorf("exported: %d, %v", n, err)
			}
			q, err := l.Query(t.Context(), "client=mallory")
			if err != nil {
				t.Fatal(err)
			}
			f, err := l.Search(t.Context(), q, 10)
			if err != nil || f.Matched != 1 || len(f.Records) != 1 || f.Of != 40 || !f.All {
				t.Errorf("found: %+v, %v", f, err)
			}
			if got := standing(board); !slices.Equal(got, []string{indexAlert}) {
				t.Errorf("alerts: %v", got)
			}
			l.tidy(t.Context())
			if b, err := os.ReadFile(name); err != nil || !bytes.Equal(b, was) {
				t.Errorf("the index is not made anew: %v", err)
			}
			if got := standing(board); len(got) != 0 {
				t.Errorf("alerts that go on: %v", got)
			}
			closed(t, l)
		})
	}
}

// An index can be made to fit; then only verification tells it. An export does not ask one.
func TestAnExportAsksNoIndex(t *testing.T) {
	l, _, segment := segmented(t, nil)
	other := ""
	all, err := l.ledger.Segments()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range all {
		if g.Name != segment {
			other = g.IndexFile()
			break
		}
	}
	b, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(l.dir, segment+".idx"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]int{"client=mallory": 1, "client!=mallory": 39, "": 40, "since=2026-11-23 until=2026-11-24": 40, "since=2026-11-30": 0} {
		if n, err := exported(t, l, query); n != want || err != nil {
			t.Errorf("%q: exported %d, %v; want %d", query, n, err, want)
		}
	}
	closed(t, l)
}

func TestWhatCannotBeReadIsSaidInEveryAnswer(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(t *testing.T, base string)
	}{
		{"a header of the hashes", func(t *testing.T, base string) { flip(t, base+".tree", 2) }},
		{"packed lines", func(t *testing.T, base string) { flip(t, base+".seg", 40) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			board := new(alert.Board)
			l, id, segment := segmented(t, board)
			tt.damage(t, filepath.Join(l.dir, segment))
			q, err := l.Query(t.Context(), "client=acme,mallory")
			if err != nil {
				t.Fatal(err)
			}
			f, err := l.Search(t.Context(), q, 100)
			if err != nil || f.All || len(f.Records) < 20 || len(f.Records) >= 40 || len(f.Unreadable) != 1 || !strings.Contains(f.Unreadable[0], segment) {
				t.Errorf("found %d, all %v, unreadable %q, %v", len(f.Records), f.All, f.Unreadable, err)
			}
			n, err := exported(t, l, "")
			if bad, ok := errors.AsType[*IncompleteError](err); !ok || n < 20 || n >= 40 || !strings.Contains(bad.Error(), segment) {
				t.Errorf("exported %d, %v", n, err)
			}
			w := httptest.NewRecorder()
			if err := l.export(w, httptest.NewRequest("GET", "/records/export", nil)); err != nil || !strings.Contains(w.Body.String(), `{"kind":"incomplete","cause":"segment `+segment) {
				t.Errorf("exported: %v %.100s", err, w.Body)
			}
			r := httptest.NewRequest("GET", "/records/"+id, nil)
			r.SetPathValue("id", id)
			err = l.show(httptest.NewRecorder(), r)
			if p, ok := errors.AsType[*problem.Error](err); !ok || p.Code != "unknown_record" || !strings.Contains(p.Detail, segment) {
				t.Errorf("shown: %v", err)
			}
			v, err := l.Review(t.Context(), noon.Truncate(24*time.Hour), noon.Truncate(24*time.Hour).AddDate(0, 0, 1))
			if err != nil || len(v.Unreadable) != 1 || !slices.ContainsFunc(v.Differs, func(d Differs) bool { return d.Kind == "Unreadable" }) {
				t.Errorf("reviewed: %+v, %v", v, err)
			}
			closed(t, l)
		})
	}
}

func TestASegmentThatCannotBeReadRaisesAnAlert(t *testing.T) {
	l, _, segment := segmented(t, nil)
	closed(t, l)
	flip(t, filepath.Join(l.dir, segment+".tree"), 2)
	again := func() []string {
		board := new(alert.Board)
		l := opened(t, l.dir, Options{Key: l.o.Key, Alerts: board, Now: l.o.Now})
		l.tidy(t.Context())
		closed(t, l)
		return standing(board)
	}
	if got := again(); !slices.Equal(got, []string{unreadableAlert}) {
		t.Errorf("alerts: %v", got)
	}
	flip(t, filepath.Join(l.dir, segment+".tree"), 2)
	if got := again(); len(got) != 0 {
		t.Errorf("alerts after it was mended: %v", got)
	}
}

func flip(t *testing.T, name string, i int) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[i] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOneGarbledLineDoesNotEndAnExport(t *testing.T) {
	l := opened(t, t.TempDir(), Options{})
	for range 5 {
		l.Observe(began(noon, 0))
	}
	settled(l)
	files, err := filepath.Glob(l.dir + "/*.jsonl")
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	second := bytes.IndexByte(b, '\n') + 1
	copy(b[second:], `["s`) // no record any more
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"yett", "ocsf"} {
		w := httptest.NewRecorder()
		if err := l.export(w, httptest.NewRequest("GET", "/records/export?"+url.Values{"format": {format}}.Encode(), nil)); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
		if len(lines) != 5 || !strings.Contains(lines[4], "1 of its lines are no records") || strings.Contains(lines[3], "incomplete") {
			t.Errorf("%s: %d lines, the last %s", format, len(lines), lines[len(lines)-1])
		}
	}
	closed(t, l)
}
