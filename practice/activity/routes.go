// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"yett/ledger"
	"yett/practice"
	"yett/practice/activity/ocsf"
	"yett/practice/activity/search"
	"yett/problem"
)

// routes are the log's calls of the admin API.
func (l *Log) routes() []practice.Route {
	handle := func(pattern string, f func(http.ResponseWriter, *http.Request) error) practice.Route {
		return practice.Route{Pattern: pattern, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := f(w, r); err != nil {
				_ = problem.Write(w, "about:blank", problem.From(err)) // the client is gone; nobody is left to tell
			}
		})}
	}
	return []practice.Route{
		handle("GET /records/{id}", l.show),
		handle("GET /records", l.list),
		handle("GET /records/search", l.search),
		handle("GET /records/export", l.export),
		handle("GET /records/tail", l.tail),
		handle("GET /records/verify", l.verify),
		handle("GET /records/checkpoint", l.checkpoint),
		handle("POST /records/shred", l.shred),
		handle("GET /records/review", l.review),
		handle("POST /records/review", l.sign),
		handle("POST /records/accept", l.accept),
		handle("GET /records/sinks", func(w http.ResponseWriter, _ *http.Request) error {
			return answer(w, map[string]any{"sinks": l.sinks.states()})
		}),
	}
}

// settled waits a moment for what was just observed.
func (l *Log) settled(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	if err := l.flushed(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		l.o.Log.Error("records cannot be written", "error", err.Error())
	}
}

func (l *Log) show(w http.ResponseWriter, r *http.Request) error {
	e, err := l.Find(r.Context(), r.PathValue("id"))
	if errors.Is(err, ErrNotFound) {
		l.settled(r.Context())
		e, err = l.Find(r.Context(), r.PathValue("id"))
	}
	if errors.Is(err, ErrNotFound) {
		p := &problem.Error{Status: http.StatusNotFound, Code: "unknown_record", Detail: "there is no record of this id"}
		if bad, ok := errors.AsType[*IncompleteError](err); ok {
			p.Detail += " in what can be read; " + bad.Error()
		}
		return p
	}
	if err != nil {
		return err
	}
	l.reveal(r.Context(), e)
	return answer(w, e)
}

// reveal opens what is sealed of e, for the operator. What cannot be opened is shown as it is.
func (l *Log) reveal(ctx context.Context, e *Entry) {
	if err := l.Reveal(ctx, e); err != nil {
		l.o.Log.Error("a record cannot be opened whole", "error", err.Error())
	}
}

const maxListed = 10_000

// limit reads how many records are wanted.
func limit(r *http.Request, n int) (int, error) { return number(r, "limit", n) }

// number reads a number of records in a parameter, n where it is not there.
func number(r *http.Request, name string, n int) (int, error) {
	s := r.URL.Query().Get(name)
	if s == "" {
		return n, nil
	}
	v, err := strconv.Atoi(s)
	if err != nil || v < 1 || v > maxListed {
		return 0, &problem.Error{Status: http.StatusBadRequest, Code: "bad_" + name, Detail: fmt.Sprintf("%s must be 1 to %d", name, maxListed)}
	}
	return v, nil
}

func (l *Log) list(w http.ResponseWriter, r *http.Request) error {
	n, err := limit(r, 50)
	if err != nil {
		return err
	}
	l.settled(r.Context())
	entries, err := l.Last(n)
	if err != nil {
		return err
	}
	var bad unreadable
	for _, e := range l.ledger.Unreadable() {
		bad.say(e.Error())
	}
	return answer(w, struct {
		Records []Entry `json:"records"`
		State
	}{entries, l.state(bad)})
}

// query reads the search in a request.
func (l *Log) query(r *http.Request) (*search.Query, error) {
	q, err := l.Query(r.Context(), r.URL.Query().Get("q"))
	if err != nil {
		return nil, &problem.Error{Status: http.StatusBadRequest, Code: "bad_query", Detail: err.Error()}
	}
	return q, nil
}

func (l *Log) search(w http.ResponseWriter, r *http.Request) error {
	n, err := limit(r, 100)
	if err != nil {
		return err
	}
	q, err := l.query(r)
	if err != nil {
		return err
	}
	l.settled(r.Context())
	start := time.Now()
	found, err := l.Search(r.Context(), q, n)
	if err != nil {
		return err
	}
	for i := range found.Records {
		l.reveal(r.Context(), &found.Records[i])
	}
	return answer(w, struct {
		Records []Entry `json:"records"`
		Matched int64   `json:"matched"`
		All     bool    `json:"all"`
		Of      int64   `json:"of"`
		Query   string  `json:"query"`
		Period  Period  `json:"period"`
		Took    float64 `json:"took"` // seconds
		State
	}{append([]Entry{}, found.Records...), found.Matched, found.All, found.Of, q.String(), periodOf(q, l.o.Now()), time.Since(start).Seconds(), l.state(found.Unreadable)})
}

// A Period is how the period of a search was understood.
type Period struct {
	Since   time.Time `json:"since,omitzero"`
	Until   time.Time `json:"until,omitzero"`
	Warning string    `json:"warning,omitempty"` // why nothing can lie in it
}

func periodOf(q *search.Query, now time.Time) Period {
	var p Period
	p.Since, p.Until = q.Period()
	switch {
	case p.Since.After(now):
		p.Warning = "it begins in the future: it is " + now.UTC().Format("15:04 MST") + " now, and a time without a zone is UTC"
	case !p.Until.IsZero() && !p.Since.Before(p.Until):
		p.Warning = "it ends before it begins"
	}
	return p
}

// incomplete is the kind of a line at the end of a stream that says what is missing there. No record is of this kind.
const incomplete = "incomplete"

// tellIncomplete writes what is missing in a stream.
func tellIncomplete(w io.Writer, all ...string) {
	for _, what := range all {
		b, err := json.Marshal(struct {
			Kind  string `json:"kind"`
			Cause string `json:"cause"`
		}{incomplete, what})
		if err == nil {
			_, _ = w.Write(append(b, '\n')) // the reader is gone; nobody is left to tell
		}
	}
}

// export writes one record a line, the oldest first, with nothing sealed opened. What is missing stands at the end.
func (l *Log) export(w http.ResponseWriter, r *http.Request) error {
	q, err := l.query(r)
	if err != nil {
		return err
	}
	form := r.URL.Query().Get("format")
	if form != "" && form != "yett" && form != "ocsf" {
		return &problem.Error{Status: http.StatusBadRequest, Code: "bad_format", Detail: "format must be yett or ocsf"}
	}
	l.settled(r.Context())
	w.Header().Set("Content-Type", "application/x-ndjson")
	var buf []byte
	untold := 0
	err = l.Export(r.Context(), q, func(line []byte) (err error) {
		buf = append(buf[:0], line...)
		if form == "ocsf" {
			if buf, err = ocsf.Append(buf[:0], line); err != nil {
				untold++
				return nil
			}
		}
		_, err = w.Write(append(buf, '\n'))
		return err
	})
	if untold > 0 {
		tellIncomplete(w, fmt.Sprintf("%d records cannot be told as events of OCSF (--format yett has them)", untold))
	}
	if missing, ok := errors.AsType[*IncompleteError](err); ok {
		tellIncomplete(w, missing.Unreadable...)
		return nil
	}
	if err != nil {
		l.o.Log.Error("an export of records ended before its time", "error", err.Error())
		panic(http.ErrAbortHandler) // the reader sees that it is not whole
	}
	return nil
}

// tail writes new records that match, one a line, until the reader goes away; before them the newest that are there already, as
// many as last says. Where it cannot go on it says why, in a line of its own.
func (l *Log) tail(w http.ResponseWriter, r *http.Request) error {
	q, err := l.query(r)
	if err != nil {
		return err
	}
	last, err := number(r, "last", 0)
	if err != nil {
		return err
	}
	out := http.NewResponseController(w)
	if err := out.Flush(); err != nil {
		return &problem.Error{Status: http.StatusConflict, Code: "not_serving", Detail: "No gateway serves here."}
	}
	after := l.ledger.Seq()
	err = l.earlier(r.Context(), w, q, last, after)
	if err == nil {
		err = l.followed(r, w, out, q, after)
	}
	if err != nil && r.Context().Err() == nil {
		tellIncomplete(w, "the records cannot be read on: "+err.Error())
	}
	return nil
}

// earlier writes the newest records that match up to a number.
func (l *Log) earlier(ctx context.Context, w io.Writer, q *search.Query, n int, upTo uint64) error {
	if n == 0 {
		return nil
	}
	found, err := l.Search(ctx, q, n)
	if err != nil {
		return err
	}
	for _, e := range slices.Backward(found.Records) {
		if e.Seq > upTo {
			continue // it comes
		}
		if err := l.writeEntry(ctx, w, &e); err != nil {
			return err
		}
	}
	return (unreadable)(found.Unreadable).err()
}

// ending returns what is closed once the server that r came to is told to end: it would wait for whoever follows.
func (l *Log) ending(r *http.Request) <-chan struct{} {
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok {
		return nil
	}
	c := make(chan struct{})
	if known, twice := l.servers.LoadOrStore(server, c); twice {
		return known.(chan struct{}) // nothing else is put there
	}
	server.RegisterOnShutdown(func() { close(c) })
	return c
}

// followed writes records after a number as they come, until there is nobody to read them, they cannot be read, or the server
// ends.
func (l *Log) followed(r *http.Request, w io.Writer, out *http.ResponseController, q *search.Query, after uint64) (err error) {
	ctx, ending := r.Context(), l.ending(r)
	s := newSource(l)
	defer func() { err = errors.Join(err, s.Close()) }()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		records, err := s.Read(ctx, after, 512, 1<<20)
		if err != nil {
			return err
		}
		for _, rec := range records {
			after = rec.Seq
			if !q.Match(rec.Line) {
				continue
			}
			var e Entry
			if err := json.Unmarshal(rec.Line, &e); err != nil {
				return fmt.Errorf("record %d: %w", rec.Seq, err)
			}
			if err := l.writeEntry(ctx, w, &e); err != nil {
				return err
			}
		}
		if err := out.Flush(); err != nil {
			return err
		}
		wait := tick.C
		if len(records) > 0 {
			wait = always
		}
		select {
		case <-ending:
			return nil
		case <-ctx.Done():
			return nil
		default:
		}
		select {
		case <-wait:
		case <-ending:
		case <-ctx.Done():
		}
	}
}

// always is a tick that is there.
var always = func() <-chan time.Time {
	c := make(chan time.Time)
	close(c)
	return c
}()

// writeEntry writes one record with what is sealed of it.
func (l *Log) writeEntry(ctx context.Context, w io.Writer, e *Entry) error {
	l.reveal(ctx, e)
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// Verify holds the log against its hashes, its checkpoints, the head in the store, and checkpoints exported before.
func (l *Log) Verify(ctx context.Context, against ...[]byte) (*ledger.Report, error) {
	live := l.ledger.Writing()
	if live {
		if err := l.ledger.Sync(ctx); err != nil {
			l.o.Log.Error("records cannot be written", "error", err.Error())
		}
	}
	return ledger.Verify(ctx, l.dir, ledger.VerifyOptions{Key: l.public, Heads: l.o.Heads, Against: against, Index: search.Build, Live: live})
}

// maxAgainst bounds an exported checkpoint.
const maxAgainst = 4 << 10

func (l *Log) verify(w http.ResponseWriter, r *http.Request) error {
	b := []byte(r.URL.Query().Get("against"))
	if len(b) > maxAgainst {
		return &problem.Error{Status: http.StatusBadRequest, Code: "too_large", Detail: "a checkpoint is smaller than that"}
	}
	var against [][]byte
	if len(b) > 0 {
		v, err := ledger.NewVerifier(l.public)
		if err != nil {
			return err
		}
		if _, err := ledger.ParseCheckpoint(b, v); err != nil {
			return &problem.Error{Status: http.StatusBadRequest, Code: "not_a_checkpoint", Detail: "that is not a checkpoint of this log (make one with yett log checkpoint)"}
		}
		against = append(against, b)
	}
	report, err := l.Verify(r.Context(), against...)
	if err != nil {
		return err
	}
	return answer(w, struct {
		*ledger.Report
		State
	}{report, l.state(nil)})
}

// checkpoint answers with the newest checkpoint, to be kept where nobody on this machine can change it.
func (l *Log) checkpoint(w http.ResponseWriter, r *http.Request) error {
	l.settled(r.Context())
	signed, err := l.ledger.Newest(r.Context())
	if err != nil {
		return err
	}
	if signed == nil {
		return &problem.Error{Status: http.StatusConflict, Code: "no_checkpoint", Detail: "Nothing was recorded yet."}
	}
	return answer(w, map[string]string{"checkpoint": string(signed), "key": l.public})
}

// shred removes what opens the records of one person.
func (l *Log) shred(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Subject string `json:"subject"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 8<<10)).Decode(&in); err != nil || in.Subject == "" {
		return &problem.Error{Status: http.StatusBadRequest, Code: "bad_body", Detail: "the body must be {\"subject\": …}"}
	}
	if l.o.People == nil {
		return &problem.Error{Status: http.StatusConflict, Code: "no_people", Detail: "Nothing here is sealed by person."}
	}
	l.settled(r.Context()) // what still waits is that person's too
	pseudonym, err := l.o.People.Shred(r.Context(), in.Subject)
	if err != nil {
		return err
	}
	if pseudonym == "" {
		return &problem.Error{Status: http.StatusNotFound, Code: "unknown_person", Detail: "There are no records of this person, or none that can still be read."}
	}
	practice.ActionOf(r.Context()).Note = "person " + pseudonym // by name nobody is to find out any more
	return answer(w, map[string]string{"person": pseudonym})
}

func (l *Log) review(w http.ResponseWriter, r *http.Request) error {
	v := r.URL.Query()
	from, to, err := l.period(v.Get("week"), v.Get("since"), v.Get("until"))
	if err != nil {
		return err
	}
	l.settled(r.Context())
	out, err := l.Review(r.Context(), from, to)
	if err != nil {
		return err
	}
	return answer(w, struct {
		*Review
		Stuck *Stuck `json:"stuck,omitempty"`
	}{out, l.state(nil).Stuck})
}

// sign records that somebody has looked at a period. It cannot be taken back: it is a line of the log, and is confirmed only
// once that line is on the disk.
func (l *Log) sign(w http.ResponseWriter, r *http.Request) error {
	var in struct{ Week, Since, Until, Note string }
	if err := json.NewDecoder(io.LimitReader(r.Body, 8<<10)).Decode(&in); err != nil && !errors.Is(err, io.EOF) {
		return &problem.Error{Status: http.StatusBadRequest, Code: "bad_body", Detail: "the body must be {\"week\": …, \"note\": …}"}
	}
	from, to, err := l.period(in.Week, in.Since, in.Until)
	if err != nil {
		return err
	}
	who := practice.Actor(r.Context())
	if who == "" {
		return &problem.Error{Status: http.StatusForbidden, Code: "nobody", Detail: "Nobody knows who signs."}
	}
	if len(in.Note) > maxText/2 {
		return &problem.Error{Status: http.StatusBadRequest, Code: "too_long", Detail: fmt.Sprintf("the note has more than %d bytes", maxText/2)}
	}
	s := Signed{By: who, At: l.o.Now().UTC().Truncate(time.Millisecond), Since: from, Until: to, Note: in.Note}
	a := practice.Action{ID: newID(), Time: s.At, Op: signOp, Actor: who, Note: signPrefix + from.Format(time.DateOnly) + " to " + to.Format(time.DateOnly) + ": " + in.Note}
	if err := l.certain(r.Context(), item{action: &a}); err != nil {
		return err
	}
	return answer(w, s)
}

// certain brings what somebody signs to the disk.
func (l *Log) certain(ctx context.Context, i item) error {
	refused := &problem.Error{Status: http.StatusServiceUnavailable, Code: "cannot_record", Cause: errStuck,
		Detail: "The gateway cannot keep its records now: nothing was signed."}
	if l.stuck.is() {
		return refused
	}
	if _, queued := l.take(i); !queued {
		return refused
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := l.flushed(ctx); err != nil {
		return &problem.Error{Status: http.StatusServiceUnavailable, Code: "cannot_record", Cause: err,
			Detail: "What was signed could not be brought to the disk. Look again to see whether it came to be."}
	}
	return nil
}

// accept records that somebody vouches for the records so far, although the store had no head of the log at some start: it
// was restored from a backup, or is a new one. It excuses that, and nothing else that Verify finds: a record that was altered
// stays altered. It cannot be taken back, and each later report names the start all the same.
func (l *Log) accept(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Note string `json:"note"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 8<<10)).Decode(&in); err != nil || strings.TrimSpace(in.Note) == "" {
		return &problem.Error{Status: http.StatusBadRequest, Code: "bad_body", Detail: "the body must be {\"note\": …}: why the head of the log was gone"}
	}
	who := practice.Actor(r.Context())
	if who == "" {
		return &problem.Error{Status: http.StatusForbidden, Code: "nobody", Detail: "It is not known who vouches for the records."}
	}
	report, err := l.Verify(r.Context())
	if err != nil {
		return err
	}
	if b := report.Bad; b == nil {
		return &problem.Error{Status: http.StatusConflict, Code: "nothing_unproven", Detail: "The records are whole: there is nothing to vouch for."}
	} else if b.What != ledger.Unproven {
		return &problem.Error{Status: http.StatusConflict, Code: "not_whole", Detail: "Something else is wrong, for which nobody can vouch (yett log verify tells what).", Cause: b}
	}
	n := &ledger.Notice{Kind: ledger.KindAccepted, Time: l.o.Now().UTC(), Before: report.Before + report.Records, Cause: who + ": " + in.Note}
	if err := l.certain(r.Context(), item{notice: n}); err != nil {
		return err
	}
	return answer(w, n)
}

func answer(w http.ResponseWriter, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(b, '\n')) // the client is gone; nobody is left to tell
	return nil
}
