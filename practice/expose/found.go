// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"yett/alert"
	"yett/api/schema"
	"yett/exchange"
	"yett/practice/expose/detect"
	"yett/problem"
	"yett/view"
)

// What becomes of sensitive data in a place that does not declare it.
const (
	FoundMask  = "mask"  // it is masked where it stands
	FoundBlock = "block" // the whole answer is refused
	FoundAlert = "alert" // it leaves as it is
)

// watch is the edit that looks for what a place does not declare; nil where there is nothing to look for.
func (e *Exposer) watch(at view.Place) *view.Edit {
	declared := slices.Concat(e.reader.kinds(at.Shape), e.reader.kinds(at.Holder))
	stands := detect.Place{Declared: at.Shape.Types() != schema.AnyType || isAddress(at.Shape)}
	stands.Number = at.Shape.Types().Has(schema.Integer) && !at.Shape.Types().Has(schema.String)
	wanted := without(detect.Kinds(), slices.Concat(declared, without(detect.Kinds(), e.config.Detect)))
	if len(wanted) == 0 {
		return nil
	}
	issues := e.issues[at.Shape]
	return e.once(fmt.Sprintf("watch %s %t %t %t", joined(wanted), stands.Declared, stands.Number, issues), func() *view.Edit {
		w := &watcher{e: e, detector: detect.New(wanted...), place: stands, found: e.config.Found}
		if issues {
			w.issued = map[string]*detect.Detector{}
			for name, kinds := range issued {
				w.issued[name] = detect.New(without(wanted, kinds)...)
			}
		}
		return &view.Edit{Stage: view.Watch, Does: "masked", Text: w.text}
	})
}

// isAddress reports whether a schema says no more of its values than that they are addresses.
func isAddress(shape *schema.Shape) bool {
	format := shape.Node().Get("format")
	return format != nil && (format.Text == "uri" || format.Text == "uri-reference" || format.Text == "url")
}

// A watcher looks for sensitive data in texts.
type watcher struct {
	e        *Exposer
	detector *detect.Detector
	place    detect.Place
	issued   map[string]*detect.Detector // in place of detector, by names that give tokens away
	found    string
}

// matches are lent to one look at one text.
var matches = sync.Pool{New: func() any { return new([]detect.Match) }}

func (w *watcher) text(x *exchange.Exchange, dst, name, text []byte) ([]byte, bool, error) {
	lent, ok := matches.Get().(*[]detect.Match)
	if !ok {
		lent = new([]detect.Match) // cannot be: nothing else is put there
	}
	defer matches.Put(lent)
	at := w.place
	at.Name = name
	detector := w.detector
	if d := w.issued[string(name)]; d != nil {
		detector = d
	}
	found := detector.FindAt((*lent)[:0], at, text)
	*lent = found[:0]
	if len(found) == 0 {
		return dst, false, nil
	}
	t := w.e.tally(x)
	certain := false
	for _, m := range found {
		t.add(m)
		certain = certain || !m.Doubtful
	}
	switch {
	case !certain, w.found == FoundAlert:
		// What is doubtful is an id or a number for nine in ten: to change it would break whoever reads it, so it is only told.
		return dst, false, nil
	case w.found == FoundBlock:
		return dst, false, &problem.Error{Status: http.StatusBadGateway, Code: "sensitive_data", Replaces: true,
			Detail: "The service behind this gateway gave an answer that cannot be passed on.",
			Cause:  errors.New("the answer holds what its description does not declare: " + joined(t.kinds))}
	}
	return detect.Mask(dst, text, found), true, nil
}

// A tally is what is to be told of one answer: kinds and places, never values.
type tally struct {
	operation string
	kinds     []detect.Kind
	doubtful  []detect.Kind // of what stayed, because other numbers look like it there
	failed    []string      // where conditions stand that could not be evaluated
}

func (t *tally) add(m detect.Match) {
	kinds := &t.kinds
	if m.Doubtful {
		kinds = &t.doubtful
	}
	if !slices.Contains(*kinds, m.Kind) {
		*kinds = append(*kinds, m.Kind)
	}
}

func (t *tally) fail(c *condition) {
	if !slices.Contains(t.failed, c.where) {
		t.failed = append(t.failed, c.where)
	}
}

// tally returns that of an exchange. It is told when the exchange is over, once.
func (e *Exposer) tally(x *exchange.Exchange) *tally {
	if t, ok := e.tallys.Load(x); ok {
		if t, ok := t.(*tally); ok {
			return t
		}
	}
	t := new(tally)
	if x.Operation != nil {
		t.operation = x.Operation.ID
	}
	e.tallys.Store(x, t)
	x.Defer(func() {
		e.tallys.Delete(x)
		e.tell(x, t)
	})
	return t
}

func (e *Exposer) tell(x *exchange.Exchange, t *tally) {
	if len(t.failed) > 0 {
		x.Report("expose", exchange.Edited, "condition_failed",
			strings.Join(t.failed, ", ")+": what a condition asks for is not there, so it admits nobody")
	}
	if len(t.kinds) > 0 {
		x.Report("expose", exchange.Passed, "sensitive_data", "found "+joined(t.kinds))
	}
	if len(t.doubtful) > 0 {
		x.Report("expose", exchange.Passed, "sensitive_data_doubtful", "in doubt, and left as it is: "+joined(t.doubtful))
	}
	for _, k := range t.kinds {
		e.seen.raise(e.api.Name, t.operation, k, e.config.Found)
	}
	for _, k := range t.doubtful {
		e.seen.doubt(e.api.Name, t.operation, k)
	}
}

// forget lets go of an exchange that is never over, because it is made up.
func (e *Exposer) forget(x *exchange.Exchange) { e.tallys.Delete(x) }

// A sighting is an alert by its name and what it is about.
type sighting struct{ name, about string }

// sightings are the alerts of sensitive data. They hold until nothing more was seen for a while. All levels share them, and
// they outlive a reload.
type sightings struct {
	alerts *alert.Board
	now    func() time.Time

	mu   sync.Mutex
	last map[sighting]time.Time

	vouchers map[string]*vouchers // by the name of the API
}

// vouchersOf returns who vouched for owners at an API so far.
func (s *sightings) vouchersOf(api string) *vouchers {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.vouchers[api]
	if v == nil {
		v = new(vouchers)
		s.vouchers[api] = v
	}
	return v
}

func newSightings(alerts *alert.Board, now func() time.Time) *sightings {
	if now == nil {
		now = time.Now
	}
	return &sightings{alerts: alerts, now: now, last: map[sighting]time.Time{}, vouchers: map[string]*vouchers{}}
}

const (
	alertName = "sensitive_data"
	doubtName = "sensitive_data_doubtful"
	// quiet is how long nothing must have been seen until an alert is over.
	quiet = time.Hour
)

var plurals = map[detect.Kind]string{
	detect.Card: "card numbers", detect.IBAN: "IBANs", detect.NationalID: "national ids",
	detect.PrivateKey: "private keys", detect.Token: "tokens", detect.CloudSecret: "secrets of clouds",
}

var becomes = map[string]string{FoundMask: "they are masked", FoundBlock: "such answers are refused", FoundAlert: "they leave as they are"}

func (s *sightings) raise(api, operation string, k detect.Kind, found string) {
	s.see(alertName, api, operation, k, fmt.Sprintf("answers of %s of %s hold %s where the description declares none; %s (mend the service, or declare them with x-yett-contains)",
		operation, api, plurals[k], becomes[found]))
}

// doubt tells of numbers that may be others.
func (s *sightings) doubt(api, operation string, k detect.Kind) {
	s.see(doubtName, api, operation, k, fmt.Sprintf("answers of %s of %s hold what may be %s, under names of ids or where a number is declared; they leave as they are (if they are, declare them with x-yett-contains; if not, take %s off expose.detect of the operation)",
		operation, api, plurals[k], k))
}

func (s *sightings) see(name, api, operation string, k detect.Kind, summary string) {
	if s.alerts == nil {
		return
	}
	seen := sighting{name, strings.Join(strings.Fields(api+" "+operation+" "+string(k)), " ")}
	s.mu.Lock()
	s.last[seen] = s.now()
	s.mu.Unlock()
	s.alerts.Raise(seen.name, seen.about, summary)
}

// run ends alerts of what was not seen any more.
func (s *sightings) run(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.settle()
		}
	}
}

func (s *sightings) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for seen, last := range maps.All(s.last) {
		if s.now().Sub(last) >= quiet {
			delete(s.last, seen)
			s.alerts.Clear(seen.name, seen.about)
		}
	}
}
