// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package practice

import (
	"context"
	"fmt"
	"strings"

	"yett/api"
)

// A Check asks whether a practice is effective, and answers with evidence from the running gateway.
type Check struct {
	ID    string   // "authn/anonymous"
	Asks  string   // a question in one sentence
	Cites []string // OWASP, RFC or ASVS items
	Run   func(context.Context, Target) Finding
}

// Verdict is the answer to a check. Unknown is never a pass.
type Verdict uint8

const (
	Unknown Verdict = iota // could not tell, with the reason
	Effective
	Weak
	Ineffective
	NotApplicable
)

func (v Verdict) String() string {
	return [...]string{"unknown", "effective", "weak", "ineffective", "not applicable"}[v]
}

// A Finding is what a check found.
type Finding struct {
	Verdict  Verdict
	Summary  string // one sentence with figures
	Fix      string // one step that works; "" if nothing is to be done
	Evidence []Evidence
}

// Evidence is one thing that was seen.
type Evidence struct{ What, Saw string }

// A Target is the running gateway as a check sees it: only through its own doors.
type Target interface {
	APIs() []*api.API
	// Do sends a real request over a real connection. Its error means that nothing could be told.
	Do(context.Context, Probe) (*Result, error)
	// Key returns an API key that lives for minutes and holds scopes.
	Key(ctx context.Context, scopes ...string) (string, error)
}

// A Probe is a request of a check.
type Probe struct {
	Method, Path string // Path includes the query
	Host         string // that is called; "": localhost
	Header       [][2]string
	Body         []byte
	// InClear sends it without TLS to the TLS port.
	InClear bool
}

// A Result is the gateway's answer to a Probe.
type Result struct {
	Status int
	Header [][2]string
	Body   []byte
	// Reached says that the probe went on to the upstream.
	Reached bool
}

// Get returns the first value of a header field.
func (r *Result) Get(name string) string {
	for _, h := range r.Header {
		if strings.EqualFold(h[0], name) {
			return h[1]
		}
	}
	return ""
}

// CouldNotTell is the finding of a check whose probe got no answer.
func CouldNotTell(err error) Finding {
	return Finding{Verdict: Unknown, Summary: "cannot tell: " + err.Error()}
}

// None is the finding of a check that has nothing to look at.
func None(why string) Finding { return Finding{Verdict: NotApplicable, Summary: why} }

// An Expectation is a result beside what was wanted.
type Expectation struct {
	res  *Result
	want int
}

// Expect compares the status of res with the one that an effective practice gives. What reached the upstream is never
// effective, whatever its status.
func Expect(res *Result, status int) Expectation { return Expectation{res, status} }

// Or turns the comparison into a finding; fix is the way on where it fails.
func (e Expectation) Or(fix string) Finding {
	ev := []Evidence{{What: fmt.Sprintf("answer %d expected", e.want), Saw: fmt.Sprintf("%d", e.res.Status)}}
	if e.res.Status == e.want && !e.res.Reached {
		return Finding{Verdict: Effective, Summary: fmt.Sprintf("the probe got %d and never reached the upstream", e.want), Evidence: ev}
	}
	return Finding{Verdict: Ineffective, Summary: fmt.Sprintf("the probe got %d instead of %d", e.res.Status, e.want), Fix: fix, Evidence: ev}
}
