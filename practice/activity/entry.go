// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"net/netip"
	"time"
)

// What an Entry is about.
const (
	KindExchange = "exchange"
	KindGap      = "gap"  // records are missing before it: Lost of them, or an unknown number of the last second
	KindStop     = "stop" // the log was closed in order
)

// An Entry is one line of the log, as read back. It is made of named members only: no body, no token, no key, no query
// value, no concrete path.
type Entry struct {
	ID         string     `json:"id,omitempty"`
	Seq        uint64     `json:"seq"`
	Time       time.Time  `json:"time"`
	Kind       string     `json:"kind"`
	Lost       uint64     `json:"lost,omitempty"`
	API        string     `json:"api,omitempty"`
	Op         string     `json:"op,omitempty"`
	Method     string     `json:"method,omitempty"`
	Path       string     `json:"path,omitempty"` // the template
	Status     int        `json:"status,omitempty"`
	Principal  *Principal `json:"principal,omitempty"`
	Address    netip.Addr `json:"address,omitzero"`
	Code       string     `json:"code,omitempty"`
	Cause      string     `json:"cause,omitempty"`
	Findings   []Finding  `json:"findings,omitempty"`
	Decisions  []Decision `json:"decisions,omitempty"`
	Reached    bool       `json:"reached"`
	DurationUS int64      `json:"duration_us"`
	UpstreamUS int64      `json:"upstream_us,omitempty"`
	BytesIn    int64      `json:"bytes_in"`
	BytesOut   int64      `json:"bytes_out"`
	Aborted    bool       `json:"aborted,omitempty"`
	Proto      string     `json:"proto,omitempty"`
	Trace      string     `json:"trace,omitempty"`
	// Sealed holds Original and the Value of findings; Log.Reveal opens it.
	Sealed   []byte `json:"sealed,omitempty"`
	Original string `json:"original,omitempty"` // beginning of the upstream's answer that was replaced
}

// A Principal is who called.
type Principal struct {
	Client  string `json:"client,omitempty"`
	Subject string `json:"subject,omitempty"`
	Key     string `json:"key,omitempty"` // the public id
}

// A Decision is what one practice said.
type Decision struct {
	Practice string  `json:"practice"`
	Decision string  `json:"decision"`
	Reason   string  `json:"reason,omitempty"`
	Note     string  `json:"note,omitempty"`
	TookUS   float64 `json:"took_us"`
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
