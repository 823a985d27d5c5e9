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
	err := l.each(func(g ledger.Segment) (bool, error) {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		return true, l.searchIn(ctx, g, q, limit, out)
	})
	return out, err
}

// each calls f with every segment, the newest first, until it says no.
func (l *Log) each(f func(ledger.Segment) (bool, error)) error {
	if err := l.ledger.Flush(); err != nil {
		// What no file takes is not found; the rest is.
		l.o.Log.Error("records cannot be written", "error", err.Error())
	}
	all, err := l.ledger.Segments()
	if err != nil {
		return err
	}
	for _, g := range slices.Backward(all) {
		more, err := f(g)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile, because of its age
		}
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// searchIn adds what matches in one segment.
func (l *Log) searchIn(ctx context.Context, g ledger.Segment, q *search.Query, limit int, out *Found) (err error) {
	var set search.Set
	var exact bool
	err = l.withIndex(g, func(s search.Source) error {
		n, err := q.InPeriod(s)
		if err != nil {
			return err
		}
		out.Of += int64(n)
		set, exact, err = q.Select(s)
		return err
	})
	if err != nil || set.Count() == 0 {
		return err
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
			return fmt.Errorf("record %d of segment %s: %w (yett log verify tells more)", i, g.Name, err)
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

// withIndex calls f with the index of a segment. One that has none, because it is open still, is read.
func (l *Log) withIndex(g ledger.Segment, f func(search.Source) error) (err error) {
	file, err := os.Open(g.IndexFile())
	if errors.Is(err, fs.ErrNotExist) {
		return l.withLive(g, f)
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
		// An index is made of lines, so a broken one costs time only.
		l.o.Log.Error("an index of the records cannot be used (yett log verify tells more)", "segment", g.Name, "error", err.Error())
		return l.withLive(g, f)
	}
	return f(ix)
}

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
	if len(found.Records) == 0 {
		return nil, ErrNotFound
	}
	return &found.Records[0], nil
}

// slack is how far the time in an id may be from that of its record.
const slack = 2 * time.Second

// Last returns the newest n lines, the oldest of them first. Those that cannot be read are left out.
func (l *Log) Last(n int) ([]Entry, error) {
	var out []Entry
	err := l.each(func(g ledger.Segment) (_ bool, err error) {
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

// Export yields the lines that match, the oldest first, as they lie in the log: nothing sealed is opened.
func (l *Log) Export(ctx context.Context, q *search.Query, yield func(line []byte) error) error {
	if err := l.ledger.Flush(); err != nil {
		return err // an export that silently lacks something is none
	}
	all, err := l.ledger.Segments()
	if err != nil {
		return err
	}
	for _, g := range all {
		if err := l.exportOf(ctx, g, q, yield); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) exportOf(ctx context.Context, g ledger.Segment, q *search.Query, yield func([]byte) error) (err error) {
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
