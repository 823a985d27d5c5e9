// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sanitize

import (
	"bytes"
	"context"

	"yett/practice"
	"yett/problem"
)

func checks() []practice.Check {
	return []practice.Check{{
		ID:    "sanitize/quiet",
		Asks:  "Does a refusal tell nothing but problem details, and no server its name?",
		Cites: []string{"OWASP API8:2023", "RFC 9457 section 5", "CWE-209"},
		Run:   quiet,
	}}
}

func quiet(ctx context.Context, t practice.Target) practice.Finding {
	res, err := t.Do(ctx, practice.Probe{Method: "GET", Path: "/.well-known/yett-probe'\""})
	if err != nil {
		return practice.CouldNotTell(err)
	}
	for _, name := range banners {
		if v := res.Get(name); v != "" {
			return practice.Finding{Verdict: practice.Ineffective, Summary: "an answer introduces its server",
				Fix: "add the field to sanitize.remove", Evidence: []practice.Evidence{{What: name, Saw: v}}}
		}
	}
	if res.Get("Content-Type") != problem.ContentType || res.Get("X-Content-Type-Options") != "nosniff" || bytes.Contains(res.Body, []byte("yett-probe")) {
		return practice.Finding{Verdict: practice.Ineffective, Summary: "a refusal is not a bare problem document",
			Evidence: []practice.Evidence{{What: "body", Saw: string(res.Body)}}}
	}
	return practice.Finding{Verdict: practice.Effective, Summary: "a refusal told nothing but its problem document"}
}
