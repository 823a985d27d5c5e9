// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"yett/ledger"
	"yett/practice/activity/search"
)

// ErrNotFound says that there is no record of an id.
var ErrNotFound = errors.New("there is no record of this id")

// A Found is what a search came to.
type Found struct {
	Records []Entry
	Matched int64 // records that match; a lower bound unless All
	All     bool  // nothing was left unread
	Of      int64 // records in the period
	// Unreadable names what could not be read: what the rest says may not be all. At most maxUnreadable.
	Unreadable []string
}

// unreadable collects what cannot be read of a log. One bad segment hides no other.
type unreadable []string

const maxUnreadable = 20

// add reports whether err only says that a part of the log cannot be read.
func (u *unreadable) add(err error) bool {
	bad, ok := errors.AsType[*ledger.SegmentError](err)
	if ok {
		u.say(bad.Error())
	}
	return ok
}

func (u *unreadable) say(what string) {
	if len(*u) < maxUnreadable {
		*u = append(*u, what)
	}
}

// An IncompleteError says that what was read is not all there should be.
type IncompleteError struct{ Unreadable []string }

func (e *IncompleteError) Error() string { return strings.Join(e.Unreadable, "; ") }

func (u unreadable) err() error {
	if len(u) == 0 {
		return nil
	}
	return &IncompleteError{u}
}

// Query reads a search in the language of package search. Subjects and addresses in it are found by their pseudonyms.
func (l *Log) Query(ctx context.Context, text string) (*search.Query, error) {
	q, err := search.Parse(text, l.o.Now())
	if err != nil || l.o.People == nil {
		return q, err
	}
	var failed error
	q.Resolve(func(subject string) (string, bool) {
		p, err := l.o.People.Pseudonym(ctx, subject)
		if err != nil {
			failed = err
		}
		return p, p != ""
	}, func(a netip.Addr) string { return l.o.People.Address(a) })
	return q, failed
}

// Search returns the newest records that match, the newest first, at most limit. What is still in memory is found too.
func (l *Log) Search(ctx context.Context, q *search.Query, limit int) (*Found, error) {
	out := &Found{All: true}
	bad, err := l.each(func(g ledger.Segment) (bool, error) {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		return true, l.searchIn(ctx, g, q, limit, out)
	})
	if out.Unreadable = append(out.Unreadable, bad...); len(out.Unreadable) > 0 {
		out.All = false
	}
	return out, err
}

// each calls f with every segment, the newest first, until it says no. It returns what cannot be read.
func (l *Log) each(f func(ledger.Segment) (bool, error)) (bad unreadable, err error) {
	if err := l.ledger.Flush(); err != nil {
		// What no file takes is not found; the rest is.
		l.o.Log.Error("records cannot be written", "error", err.Error())
	}
	all, err := l.segments(&bad)
	if err != nil {
		return bad, err
	}
	for _, g := range slices.Backward(all) {
		more, err := f(g)
		switch {
		case errors.Is(err, fs.ErrNotExist): // removed meanwhile, because of its age
		case bad.add(err):
		case err != nil || !more:
			return bad, err
		}
	}
	return bad, nil
}

// segments returns the segments that can be read, the oldest first.
func (l *Log) segments(bad *unreadable) ([]ledger.Segment, error) {
	all, err := l.ledger.Segments()
	for _, e := range l.ledger.Unreadable() {
		bad.say(e.Error())
	}
	return all, err
}

// searchIn adds what matches in one segment.
func (l *Log) searchIn(ctx context.Context, g ledger.Segment, q *search.Query, limit int, out *Found) (err error) {
	var set search.Set
	var exact bool
	var n int
	err = l.withIndex(g, func(s search.Source) (err error) {
		if n, err = q.InPeriod(s); err != nil {
			return err
		}
		set, exact, err = q.Select(s)
		return err
	})
	if err != nil {
		return err
	}
	if out.Of += int64(n); set.Count() == 0 {
		return nil
	}
	if exact {
		out.Matched += int64(set.Count())
		if len(out.Records) >= limit {
			return nil
		}
	}
	if !exact && len(out.Records) >= limit {
		out.All = false
		return nil
	}
	r, err := g.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for i := range set.Backward() {
		if len(out.Records) >= limit {
			out.All = out.All && exact
			return nil
		}
		line, err := r.Line(int64(i))
		if err != nil {
			return err
		}
		if !exact {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !q.Match(line) {
				continue
			}
			out.Matched++
		}
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			(*unreadable)(&out.Unreadable).say(fmt.Sprintf("record %d of segment %s: %v (yett log verify tells more)", i, g.Name, err))
			continue
		}
		out.Records = append(out.Records, e)
	}
	return nil
}

// live is the index of the segment that is open, as far as it was read.
type live struct {
	name    string
	builder *search.Builder
}

// withIndex calls f with the index of a segment, and once more where that index turns out not to be one. A segment that has
// none, because it is open still, is read.
func (l *Log) withIndex(g ledger.Segment, f func(search.Source) error) error {
	err := l.indexed(g, f)
	switch {
	case errors.Is(err, search.ErrIndex):
		l.spoilt(g, err)
		return l.withLive(g, f)
	case errors.Is(err, errNoIndex):
		return l.withLive(g, f)
	}
	return err
}

var errNoIndex = errors.New("a segment has no index")

func (l *Log) indexed(g ledger.Segment, f func(search.Source) error) (err error) {
	file, err := os.Open(g.IndexFile())
	if errors.Is(err, fs.ErrNotExist) {
		return errNoIndex
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	ix, err := search.OpenIndex(file, info.Size())
	if err != nil {
		return err
	}
	if int64(ix.Len()) != g.Count {
		return fmt.Errorf("%w: it has %d lines instead of %d", search.ErrIndex, ix.Len(), g.Count)
	}
	return f(ix)
}

// spoilt removes an index that is not as it was written, and says so. It is made of lines, so that costs time only: tidy makes
// it anew.
func (l *Log) spoilt(g ledger.Segment, why error) {
	l.o.Log.Error("an index of the records is not as it was written, and is made anew (yett log verify tells whether the records are)", "segment", g.Name, "error", why.Error())
	if l.o.Alerts != nil {
		l.o.Alerts.Raise(indexAlert, "", "the index of segment "+g.Name+" is not as it was written, and is made anew; yett log verify tells whether the records are")
	}
	if err := os.Remove(g.IndexFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.o.Log.Error("an index of the records cannot be removed", "segment", g.Name, "error", err.Error())
	}
}

const indexAlert = "records_index_altered"

func (l *Log) withLive(g ledger.Segment, f func(search.Source) error) (err error) {
	l.indexing.Lock()
	defer l.indexing.Unlock()
	if l.live.name != g.Name {
		l.live = live{g.Name, new(search.Builder)}
	}
	b := l.live.builder
	if int64(b.Len()) < g.Count {
		r, err := g.Open()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		for line, err := range r.Lines(int64(b.Len())) {
			if err != nil {
				return err
			}
			b.Add(line)
		}
	}
	return f(b)
}

// warm reads what is new in the open segment, so that the next search finds most of it read.
func (l *Log) warm() error {
	all, err := l.ledger.Segments()
	if err != nil || len(all) == 0 {
		return err
	}
	return l.withIndex(all[len(all)-1], func(search.Source) error { return nil })
}

// Find returns the record of an id, with or without the prefix urn:uuid:. The time in the id leads to it.
func (l *Log) Find(ctx context.Context, id string) (*Entry, error) {
	u, err := uuid.Parse(strings.TrimPrefix(strings.TrimSpace(id), "urn:uuid:"))
	if err != nil || u.Version() != 7 {
		return nil, ErrNotFound
	}
	began := time.Unix(u.Time().UnixTime()).UTC()
	q, err := search.Parse(fmt.Sprintf("id=%s since=%s until=%s", u, began.Add(-slack).Format(time.RFC3339), began.Add(slack).Format(time.RFC3339)), l.o.Now())
	if err != nil {
		return nil, err
	}
	found, err := l.Search(ctx, q, 1)
	if err != nil {
		return nil, err
	}
	switch {
	case len(found.Records) > 0:
		return &found.Records[0], nil
	case len(found.Unreadable) > 0:
		return nil, errors.Join(ErrNotFound, &IncompleteError{found.Unreadable})
	}
	return nil, ErrNotFound
}

// slack is how far the time in an id may be from that of its record.
const slack = 2 * time.Second

// Last returns the newest n lines, the oldest of them first. Those that cannot be read are left out.
func (l *Log) Last(n int) ([]Entry, error) {
	var out []Entry
	_, err := l.each(func(g ledger.Segment) (_ bool, err error) {
		r, err := g.Open()
		if err != nil {
			return false, err
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		for i := g.Count - 1; i >= 0 && len(out) < n; i-- {
			line, err := r.Line(i)
			if err != nil {
				return false, err
			}
			var e Entry
			if json.Unmarshal(line, &e) == nil {
				out = append(out, e)
			}
		}
		return len(out) < n, nil
	})
	slices.Reverse(out)
	return out, err
}

// Export yields the lines that match, the oldest first, as they lie in the log: nothing sealed is opened. It reads every
// line and trusts no index. Where something cannot be read it goes on with the rest, and the error is an *IncompleteError.
func (l *Log) Export(ctx context.Context, q *search.Query, yield func(line []byte) error) error {
	since, _ := q.Period()
	return l.oldest(func(g ledger.Segment, next string) error {
		// What stands in a segment was written before the day of the next one was over, and began before it was written.
		day, err := time.Parse(time.DateOnly, next[:min(len(next), len(time.DateOnly))])
		if err == nil && since.After(day.AddDate(0, 0, 2)) {
			return nil
		}
		return l.exportOf(ctx, g, q, yield)
	})
}

// matching is Export by way of the indexes.
func (l *Log) matching(ctx context.Context, q *search.Query, yield func(line []byte) error) error {
	return l.oldest(func(g ledger.Segment, _ string) error { return l.matchingIn(ctx, g, q, yield) })
}

// oldest calls f with every segment, the oldest first, and the name of the one after it.
func (l *Log) oldest(f func(g ledger.Segment, next string) error) error {
	if err := l.ledger.Flush(); err != nil {
		return err // an export that silently lacks something is none
	}
	var bad unreadable
	all, err := l.segments(&bad)
	if err != nil {
		return err
	}
	for i, g := range all {
		next := ""
		if i+1 < len(all) {
			next = all[i+1].Name
		}
		if err := f(g, next); err != nil && !bad.add(err) && !bad.more(err) {
			return err
		}
	}
	return bad.err()
}

// more takes over what else is incomplete.
func (u *unreadable) more(err error) bool {
	e, ok := errors.AsType[*IncompleteError](err)
	if ok {
		for _, what := range e.Unreadable {
			u.say(what)
		}
	}
	return ok
}

func (l *Log) exportOf(ctx context.Context, g ledger.Segment, q *search.Query, yield func([]byte) error) (err error) {
	r, err := g.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	garbled := 0
	for line, err := range r.Lines(0) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		matches, readable := q.Judge(line)
		if !readable {
			garbled++
		}
		if matches {
			if err := yield(line); err != nil {
				return err
			}
		}
	}
	if garbled > 0 {
		return &IncompleteError{[]string{fmt.Sprintf("segment %s: %d of its lines are no records (yett log verify tells more)", g.Name, garbled)}}
	}
	return nil
}

func (l *Log) matchingIn(ctx context.Context, g ledger.Segment, q *search.Query, yield func([]byte) error) (err error) {
	var set search.Set
	var exact bool
	err = l.withIndex(g, func(s search.Source) (err error) {
		set, exact, err = q.Select(s)
		return err
	})
	if err != nil || set.Count() == 0 {
		return err
	}
	r, err := g.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for i := range set.All() {
		if err := ctx.Err(); err != nil {
			return err
		}
		line, err := r.Line(int64(i))
		if err != nil {
			return err
		}
		if !exact && !q.Match(line) {
			continue
		}
		if err := yield(line); err != nil {
			return err
		}
	}
	return nil
}
