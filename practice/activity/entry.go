// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"encoding/json"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"yett/exchange"
)

// An Entry is one line of the log: an exchange, or a gap that says how many exchanges could not be recorded. It is made
// of named members only, so that nothing reaches the log that this type does not know: no body, no token, no key, no
// query value, no concrete path.
type Entry struct {
	ID         string     `json:"id,omitempty"`
	Seq        uint64     `json:"seq"`
	Time       time.Time  `json:"time"`
	Kind       string     `json:"kind"` // exchange or gap
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
}

// maxText bounds every text that a caller or an upstream can make longer.
const maxText = 512

// entry is the line of a record.
func entry(r exchange.Record) Entry {
	e := Entry{
		ID: r.ID, Time: r.Time.UTC(), Kind: "exchange", API: r.API, Op: r.Operation, Method: text(r.Method), Path: r.Path,
		Status: r.Status, Address: r.Address, Code: r.Code, Cause: text(r.Cause), Reached: r.Reached,
		DurationUS: r.Duration.Microseconds(), UpstreamUS: r.Upstream.Microseconds(),
		BytesIn: r.BytesIn, BytesOut: r.BytesOut, Aborted: r.Aborted, Proto: r.Proto, Trace: r.Trace,
	}
	if r.Client != "" || r.Subject != "" || r.Key != "" {
		e.Principal = &Principal{Client: text(r.Client), Subject: text(r.Subject), Key: r.Key}
	}
	for _, d := range r.Decisions {
		e.Decisions = append(e.Decisions, Decision{Practice: d.Practice, Decision: d.Outcome.String(), Reason: d.Code,
			Note: text(d.Note), TookUS: float64(d.Took.Nanoseconds()) / 1000})
	}
	for _, f := range r.Findings {
		e.Findings = append(e.Findings, Finding{Pointer: text(f.Pointer), Parameter: text(f.Parameter), In: f.In,
			Detail: f.Detail, Where: f.Where, Rule: f.Rule})
	}
	return e
}

// text bounds s and makes what would disturb a terminal or a line reader harmless.
func text(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
		for len(s) > 0 && !utf8.ValidString(s[max(0, len(s)-utf8.UTFMax):]) {
			s = s[:len(s)-1]
		}
	}
	if strings.IndexFunc(s, disturbing) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if disturbing(r) {
			return '?'
		}
		return r
	}, s)
}

// disturbing are control characters, and those that reorder or hide text.
func disturbing(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfeff
}

// appendLine appends e as one line of JSON.
func appendLine(dst []byte, e *Entry) ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return dst, err
	}
	return append(append(dst, b...), '\n'), nil
}
