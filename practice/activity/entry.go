// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"time"

	"yett/ledger"
)

// What an Entry is about.
const (
	KindExchange = "exchange"
	KindAdmin    = "admin"            // an operator did something
	KindGap      = ledger.KindGap     // records are missing before it, From to To
	KindStop     = ledger.KindStop    // the log was closed in order
	KindExpired  = ledger.KindExpired // records before it were old, and are removed
)

// An Entry is one line of the log, as read back. It is made of named members only: no body, no token, no key, no query
// value, no concrete path. What it says of a person is sealed, until Log.Reveal opens it.
type Entry struct {
	ID        string     `json:"id,omitempty"`
	Seq       uint64     `json:"seq"`
	Time      time.Time  `json:"time"`
	Kind      string     `json:"kind"`
	From      uint64     `json:"from,omitempty"`
	To        uint64     `json:"to,omitempty"`
	Lost      uint64     `json:"lost,omitempty"`
	Open      uint64     `json:"open,omitempty"`
	API       string     `json:"api,omitempty"`
	Op        string     `json:"op,omitempty"`
	Method    string     `json:"method,omitempty"`
	Path      string     `json:"path,omitempty"` // the template
	Status    int        `json:"status,omitempty"`
	Principal *Principal `json:"principal,omitempty"`
	Address   string     `json:"address,omitempty"` // or its pseudonym
	Code      string     `json:"code,omitempty"`
	Cause     string     `json:"cause,omitempty"`
	Findings  []Finding  `json:"findings,omitempty"`
	Decisions []Decision `json:"decisions,omitempty"`
	Reached   bool       `json:"reached"`
	Duration  float64    `json:"duration"` // seconds
	Upstream  float64    `json:"upstream,omitempty"`
	BytesIn   int64      `json:"bytes_in"`
	BytesOut  int64      `json:"bytes_out"`
	Aborted   bool       `json:"aborted,omitempty"`
	Proto     string     `json:"proto,omitempty"`
	Trace     string     `json:"trace,omitempty"`
	Actor     string     `json:"actor,omitempty"`  // who did something
	Person    string     `json:"person,omitempty"` // to whom, as a pseudonym
	Note      string     `json:"note,omitempty"`
	// Sealed holds the subject, the address of a person, Cause, whom an action was done to, Original and the Value of findings.
	Sealed   []byte `json:"sealed,omitempty"`
	Target   string `json:"target,omitempty"`   // what an action was done to; whom, once the sealed part is open
	Original string `json:"original,omitempty"` // beginning of the upstream's answer that was replaced
	Shredded bool   `json:"shredded,omitempty"` // what it said of a person cannot be read any more
}

// A Principal is who called.
type Principal struct {
	Client  string `json:"client,omitempty"`
	Key     string `json:"key,omitempty"` // the public id
	Subject string `json:"subject,omitempty"`
	Person  string `json:"person,omitempty"` // the subject's pseudonym
}

// A Decision is what one practice said.
type Decision struct {
	Practice string  `json:"practice"`
	Decision string  `json:"decision"`
	Reason   string  `json:"reason,omitempty"`
	Note     string  `json:"note,omitempty"`
	Took     float64 `json:"took"` // seconds
}

// A Finding is what a practice found, with the line of the rule.
type Finding struct {
	Pointer   string `json:"pointer,omitempty"`
	Parameter string `json:"parameter,omitempty"`
	In        string `json:"in,omitempty"`
	Detail    string `json:"detail"`
	Where     string `json:"where,omitempty"`
	Rule      string `json:"rule,omitempty"`
	Value     string `json:"value,omitempty"` // beginning of what did not fit, once Reveal has opened it
}
