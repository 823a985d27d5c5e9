// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"net/netip"
	"time"

	"yett/problem"
)

// Outcome of a step.
type Outcome uint8

const (
	Passed   Outcome = iota // the step let the request through
	Refused                 // the step refused it
	Observed                // the step would have refused it, but only observes
	Replied                 // the step answered it itself
	Edited                  // the step changed what was sent on, and let it through
	Failed                  // something broke
)

func (o Outcome) String() string {
	return [...]string{"passed", "refused", "observed", "replied", "edited", "failed"}[o]
}

// MarshalText makes outcomes words in JSON.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads the words of MarshalText; an unknown word is Failed.
func (o *Outcome) UnmarshalText(b []byte) error {
	for *o = Passed; *o < Failed; *o++ {
		if o.String() == string(b) {
			return nil
		}
	}
	return nil
}

// A Decision is what one step said, and how long it took.
type Decision struct {
	Practice string        `json:"practice"`
	Outcome  Outcome       `json:"decision"`
	Code     string        `json:"reason,omitempty"` // of the refusal
	Note     string        `json:"note,omitempty"`
	Took     time.Duration `json:"took_ns"`
}

// A Record is what remains of an exchange: a value of strings and numbers, safe to keep.
type Record struct {
	ID        string
	Time      time.Time
	Proto     string
	API       string // name of the API, "" if none matched
	Operation string // operation id
	Method    string
	Path      string // the template, never the concrete path; "" if undeclared
	Status    int    // as sent to the client; 0: nothing was sent
	Client    string
	Subject   string
	Person    bool // Subject names a human being
	Key       string
	Address   netip.Addr
	Decisions []Decision
	Code      string // of the refusal, "" if there is none
	Cause     string // of the refusal, for the operator
	Findings  []problem.Item
	Reached   bool // the upstream was asked
	Upstream  time.Duration
	Duration  time.Duration
	BytesIn   int64
	BytesOut  int64
	Aborted   bool // the answer was cut off
	Trace     string
	// Original is the beginning of an answer of the upstream that a refusal stands in place of. It tells internals: it is
	// kept sealed or not at all, like the Value of each of Findings.
	Original []byte
	// Seen is the concrete method and path of an undeclared call, for the lists of shadow endpoints; it is not logged.
	Seen string
}

// Report records a decision of a practice beside that of its steps: what became of the body while it passed. The note
// holds no value of the body.
func (x *Exchange) Report(practice string, o Outcome, code, note string) {
	x.decisions = append(x.decisions, Decision{Practice: practice, Outcome: o, Code: code, Note: note})
}

// decide records a decision with the note that the step left.
func (x *Exchange) decide(practice string, o Outcome, code string, took time.Duration) {
	x.decisions = append(x.decisions, Decision{Practice: practice, Outcome: o, Code: code, Note: x.note, Took: took})
	x.note = ""
}

// record makes the Record of an exchange that is over.
func (x *Exchange) record() Record {
	r := Record{
		ID: x.ID.String(), Time: x.Start, Proto: x.Proto, Method: x.Request.Method,
		Status: x.Answer.Status, Reached: x.reached, Upstream: x.Answer.upstream,
		Duration: time.Since(x.Start), BytesIn: x.Request.Body.Received(), BytesOut: x.Answer.sent,
		Aborted: x.Answer.aborted, Trace: x.Trace,
		Decisions: append([]Decision(nil), x.decisions...),
	}
	if !x.over {
		r.Aborted = true
		if !x.passing.committed {
			r.Status = 0
		}
	}
	if a, err := x.ClientAddr(); err == nil {
		r.Address = a
	}
	if op := x.Operation; op != nil {
		r.API, r.Operation, r.Path = op.API.Name, op.ID, op.API.BasePath+op.Path
	} else {
		r.Seen = x.Request.Method + " " + x.Request.Path
	}
	if c := x.Caller; c != nil {
		r.Client, r.Subject, r.Person, r.Key = c.Client, c.Subject, c.Person, c.Key
	}
	if p := x.outcome; p != nil {
		r.Code, r.Findings, r.Original = p.Code, p.Errors, x.original
		if p.Cause != nil {
			r.Cause = p.Cause.Error()
		}
	}
	return r
}
