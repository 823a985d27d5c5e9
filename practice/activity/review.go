// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"yett/problem"
)

// A Review is the digest of a period: what differs from the one before it, for a person to look at and sign.
type Review struct {
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until"`
	Requests int64     `json:"requests"`
	Refused  int64     `json:"refused"`
	Failed   int64     `json:"failed"` // answered with 5xx
	Lost     uint64    `json:"lost"`   // numbers without a record
	Bad      string    `json:"bad,omitempty"`
	// Unreadable names what could not be read: what the rest says may not be all.
	Unreadable []string  `json:"unreadable,omitempty"`
	Differs    []Differs `json:"differs"`
	Signed     []Signed  `json:"signed"`
	Truncated  bool      `json:"truncated,omitempty"` // more differed than is told
}

// Differs is one thing that was otherwise before.
type Differs struct {
	Kind   string `json:"kind"` // New, Refused, Failed, Changes, Lost, Altered
	Text   string `json:"text"`
	Count  int64  `json:"count"`
	Before int64  `json:"before"`
	Query  string `json:"query,omitempty"` // finds the records
}

// Signed says who has reviewed a period.
type Signed struct {
	By    string    `json:"by"`
	At    time.Time `json:"at"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	Note  string    `json:"note,omitempty"`
}

// Bounds of a review.
const (
	maxPeriod  = 366 * 24 * time.Hour
	maxDiffers = 50
	maxCounted = 100_000 // different things of one sort that are counted
)

// A tally counts what a period was made of.
type tally struct {
	requests, refused, failed int64
	lost                      uint64
	uses                      map[[2]string]int64 // client, operation
	refusals                  map[[3]string]int64 // practice, code, operation
	failures                  map[string]int64    // operation
	actions                   map[[2]string]int64 // operation, actor
	signed                    []Signed
	bad                       unreadable
}

func newTally() *tally {
	return &tally{uses: map[[2]string]int64{}, refusals: map[[3]string]int64{}, failures: map[string]int64{}, actions: map[[2]string]int64{}}
}

func count[K comparable](m map[K]int64, k K) {
	if _, known := m[k]; known || len(m) < maxCounted {
		m[k]++
	}
}

// signPrefix begins the note of a sign-off; the period follows.
const signPrefix = "reviewed "

// add counts one record.
func (t *tally) add(e *Entry) {
	switch e.Kind {
	case KindGap:
		t.lost += e.Lost
	case KindAdmin:
		if e.Op == signOp {
			if s, ok := readSigned(e); ok {
				t.signed = append(t.signed, s)
			}
			return
		}
		count(t.actions, [2]string{e.Op, e.Actor})
	case KindExchange:
		t.requests++
		if e.Status >= 500 {
			t.failed++
			count(t.failures, e.Op)
		}
		refused := ""
		for _, d := range e.Decisions {
			if d.Decision == "refused" {
				refused = d.Practice
			}
		}
		if refused != "" {
			t.refused++
			count(t.refusals, [3]string{refused, e.Code, e.Op})
		}
		if e.Principal != nil && e.Op != "" {
			count(t.uses, [2]string{cmp.Or(e.Principal.Client, e.Principal.Key, e.Principal.Person), e.Op})
		}
	}
}

// tallied counts a period.
func (l *Log) tallied(ctx context.Context, since, until time.Time) (*tally, error) {
	q, err := l.Query(ctx, "since="+since.Format(time.RFC3339Nano)+" until="+until.Format(time.RFC3339Nano))
	if err != nil {
		return nil, err
	}
	t := newTally()
	err = l.matching(ctx, q, func(line []byte) error {
		var e Entry
		if json.Unmarshal(line, &e) == nil {
			t.add(&e)
		}
		return nil
	})
	if t.bad.more(err) {
		err = nil
	}
	return t, err
}

// Review makes the digest of a period, beside the one of the same length before it.
func (l *Log) Review(ctx context.Context, since, until time.Time) (*Review, error) {
	before, err := l.tallied(ctx, since.Add(-until.Sub(since)), since)
	if err != nil {
		return nil, err
	}
	now, err := l.tallied(ctx, since, until)
	if err != nil {
		return nil, err
	}
	report, err := l.Verify(ctx)
	if err != nil {
		return nil, err
	}
	r := &Review{Since: since, Until: until, Requests: now.requests, Refused: now.refused, Failed: now.failed, Lost: now.lost, Signed: []Signed{}}
	later, err := l.tallied(ctx, until, l.o.Now().Add(time.Minute))
	if err != nil {
		return nil, err
	}
	for _, s := range append(now.signed, later.signed...) {
		if s.Since.Equal(since) && s.Until.Equal(until) {
			r.Signed = append(r.Signed, s)
		}
	}
	r.compare(now, before)
	for _, t := range []*tally{before, now, later} {
		for _, what := range t.bad {
			if !slices.Contains(r.Unreadable, what) {
				r.Unreadable = append(r.Unreadable, what)
				r.Differs = append([]Differs{{Kind: "Unreadable", Text: what}}, r.Differs...)
			}
		}
	}
	if report.Bad != nil {
		r.Bad = report.Bad.Error()
		r.Differs = append([]Differs{{Kind: "Altered", Text: r.Bad}}, r.Differs...)
	}
	if len(r.Differs) > maxDiffers {
		r.Differs, r.Truncated = r.Differs[:maxDiffers], true
	}
	return r, nil
}

// compare lists what differs, the weightiest first.
func (r *Review) compare(now, before *tally) {
	period := " since=" + r.Since.Format(time.RFC3339) + " until=" + r.Until.Format(time.RFC3339)
	r.Differs = []Differs{}
	if now.lost > 0 {
		r.Differs = append(r.Differs, Differs{Kind: "Lost", Text: "requests without a record", Count: int64(now.lost), Before: int64(before.lost), Query: "kind=gap" + period}) // #nosec G115 -- a count
	}
	clients := make(map[string]bool)
	for k := range before.uses {
		clients[k[0]] = true
	}
	for k, n := range most(now.uses) {
		if before.uses[k] > 0 {
			continue
		}
		text := k[0] + " called " + k[1] + " for the first time"
		if !clients[k[0]] {
			text = k[0] + " is new; it called " + k[1]
		}
		r.Differs = append(r.Differs, Differs{Kind: "New", Text: text, Count: n, Query: "principal=" + quoted(k[0]) + " op=" + quoted(k[1]) + period})
	}
	for k, n := range most(now.refusals) {
		if was := before.refusals[k]; n >= 10 && n > 3*was || was == 0 && n > 0 {
			q := "decision=refused practice=" + quoted(k[0]) + equals("code", k[1]) + equals("op", k[2])
			r.Differs = append(r.Differs, Differs{Kind: "Refused", Text: joined(k[0], k[1], k[2]), Count: n, Before: was, Query: q + period})
		}
	}
	for k, n := range most(now.failures) {
		if was := before.failures[k]; n > 2*was {
			r.Differs = append(r.Differs, Differs{Kind: "Failed", Text: cmp.Or(k, "calls of no operation") + " answered with 5xx", Count: n, Before: was, Query: "status>=500" + equals("op", k) + period})
		}
	}
	for k, n := range most(now.actions) {
		r.Differs = append(r.Differs, Differs{Kind: "Changes", Text: k[0] + " by " + cmp.Or(k[1], "the gateway itself"), Count: n, Before: before.actions[k],
			Query: "kind=admin op=" + quoted(k[0]) + equals("actor", k[1]) + period})
	}
}

// most yields counts, the greatest first.
func most[K comparable](m map[K]int64) iter.Seq2[K, int64] {
	keys := slices.SortedFunc(maps.Keys(m), func(a, b K) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), strings.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	return func(yield func(K, int64) bool) {
		for _, k := range keys {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}

func quoted(s string) string {
	if strings.ContainsAny(s, " ,") {
		return `"` + s + `"`
	}
	return s
}

func equals(field, s string) string {
	if s == "" {
		return ""
	}
	return " " + field + "=" + quoted(s)
}

func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

// period reads the period of a request: week=2026-W47, or since and until; without either the last whole week.
func (l *Log) period(week, since, until string) (from, to time.Time, err error) {
	now := l.o.Now().UTC()
	bad := func(what string) error {
		return &problem.Error{Status: http.StatusBadRequest, Code: "bad_period", Detail: what}
	}
	switch {
	case since != "":
		if from, err = time.Parse(time.DateOnly, since); err != nil {
			return from, to, bad("since must be a date, like 2026-11-16")
		}
		to = now.Truncate(24*time.Hour).AddDate(0, 0, 1)
		if until != "" {
			if to, err = time.Parse(time.DateOnly, until); err != nil {
				return from, to, bad("until must be a date, like 2026-11-23")
			}
		}
	case week != "":
		y, w, ok := strings.Cut(week, "-W")
		year, err1 := strconv.Atoi(y)
		n, err2 := strconv.Atoi(w)
		if !ok || err1 != nil || err2 != nil || n < 1 || n > 53 || year < 2000 || year > 9999 {
			return from, to, bad("week must be like 2026-W47")
		}
		from = monday(time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC)).AddDate(0, 0, 7*(n-1)) // ISO 8601: week 1 has 4 January
		to = from.AddDate(0, 0, 7)
	default:
		to = monday(now)
		from = to.AddDate(0, 0, -7)
	}
	if from.After(now) {
		return from, to, bad("the period begins on " + from.Format(time.DateOnly) + ", which is in the future (days are those of UTC)")
	}
	if !from.Before(to) || to.Sub(from) > maxPeriod {
		return from, to, bad("the period must be one day to one year")
	}
	return from, to, nil
}

// monday is the beginning of the week of t.
func monday(t time.Time) time.Time {
	return t.Truncate(24*time.Hour).AddDate(0, 0, -(int(t.Weekday())+6)%7)
}

// signOp is the operation under which a sign-off is recorded.
const signOp = "review signed"

// newID returns an id for a record of the log's own.
func newID() string {
	id, err := uuid.NewV7()
	if err != nil {
		return "" // the machine has no randomness left; the number tells the record
	}
	return id.String()
}

// readSigned reads a sign-off back from its record.
func readSigned(e *Entry) (Signed, bool) {
	rest, ok := strings.CutPrefix(e.Note, signPrefix)
	head, text, ok2 := strings.Cut(rest, ": ")
	from, to, ok3 := strings.Cut(head, " to ")
	since, err1 := time.Parse(time.DateOnly, from)
	until, err2 := time.Parse(time.DateOnly, to)
	return Signed{By: e.Actor, At: e.Time, Since: since, Until: until, Note: text}, ok && ok2 && ok3 && err1 == nil && err2 == nil
}
