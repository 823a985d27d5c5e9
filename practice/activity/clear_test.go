// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yett/exchange"
	"yett/practice/activity/search"
	"yett/problem"
	"yett/store/sqlite"
)

// withPeople opens a log that seals what it says of people.
func withPeople(t *testing.T) (*Log, *People) {
	t.Helper()
	dir := t.TempDir()
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "yett.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	key := newGCM(t)
	p, err := OpenPeople(t.Context(), db, key, make([]byte, 32), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return opened(t, filepath.Join(dir, "activity"), Options{Sealer: key, People: p}), p
}

// chosen is a record with words of the caller's wherever one can hold them.
func chosen(word string) exchange.Record {
	r := began(time.Now(), time.Millisecond)
	r.Method, r.Seen, r.Cause = word, "GET /"+word, word+" does not fit"
	r.Findings = []problem.Item{
		{Pointer: "/shares/" + word, Declared: "/shares/*", Detail: "is not declared"},
		{Pointer: "/shares/" + word + "/0", Detail: word + " is not there"}, // of a practice that says nothing of it
		{Parameter: word, Declared: "*", In: "query", Detail: "is not known"},
		{Parameter: word, In: "query", Detail: word + " is not there"},
		{Pointer: "/items/0", Declared: "/items/0", Detail: "must be more", Value: word},
	}
	r.Decisions = []exchange.Decision{{Practice: "cors", Note: "origin_not_allowed: https://" + word}, {Practice: "cors", Note: "public"}}
	return r
}

func TestTheCallersWordsStandInNoFileInClear(t *testing.T) {
	const word = "alice@example.org"
	inClear := func() Entry {
		return Entry{Method: "_OTHER", Kind: KindExchange, Status: 200, Duration: 0.001,
			Findings: []Finding{
				{Pointer: "/shares/*", Detail: "is not declared"}, {Pointer: "/*/*/*"}, {Parameter: "*", In: "query", Detail: "is not known"},
				{Parameter: "*", In: "query"}, {Pointer: "/items/0", Detail: "must be more"},
			},
			Decisions: []Decision{{Practice: "cors", Decision: "passed", Note: "origin_not_allowed"}, {Practice: "cors", Decision: "passed", Note: "public"}},
		}
	}
	whole := inClear()
	whole.Cause = word + " does not fit"
	whole.Findings = []Finding{
		{Pointer: "/shares/" + word, Detail: "is not declared"}, {Pointer: "/shares/" + word + "/0", Detail: word + " is not there"},
		{Parameter: word, In: "query", Detail: "is not known"}, {Parameter: word, In: "query", Detail: word + " is not there"},
		{Pointer: "/items/0", Detail: "must be more", Value: word},
	}
	whole.Decisions[0].Note = "origin_not_allowed: https://" + word

	l, people := withPeople(t)
	called, person := chosen(word), chosen(word)
	person.Person, person.Subject = true, "anna"
	l.Observe(called)
	l.Observe(person)
	settled(l)
	files, err := filepath.Glob(l.dir + "/*.jsonl")
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if b, err := os.ReadFile(files[0]); err != nil || bytes.Contains(b, []byte("alice")) {
		t.Errorf("the file holds the caller's words (%v):\n%s", err, b)
	}
	q, err := search.Parse("", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Export(t.Context(), q, func(line []byte) error {
		if bytes.Contains(line, []byte("alice")) {
			t.Errorf("exported: %s", line)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := people.Shred(t.Context(), "anna"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, id string
		want     Entry
	}{
		{"the operator reads them", called.ID, whole},
		{"nobody does where the caller was shredded", person.ID, inClear()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := l.Find(context.Background(), tt.id)
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Reveal(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			e.ID, e.Seq, e.Time, e.Principal, e.Shredded = "", 0, time.Time{}, nil, false
			if d := cmp.Diff(tt.want, *e); d != "" {
				t.Error(d)
			}
		})
	}
	closed(t, l)
}

func TestWhatIsSealedOfTheCallersWordsIsBounded(t *testing.T) {
	long := string(bytes.Repeat([]byte("€\x1b"), 1<<20))
	r := chosen(long)
	var s sealed
	s.words(&r)
	n := 0
	for _, p := range s.Places {
		n += len(p.Place) + len(p.Detail)
	}
	for _, text := range []string{s.Values[4], s.Notes[0]} {
		n += len(text)
		if bytes.ContainsRune([]byte(text), 0x1b) {
			t.Error("it would change a terminal")
		}
	}
	if n == 0 || n > 10*maxText {
		t.Errorf("%d bytes are sealed", n)
	}
}
