// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"fmt"
	"net/http"
	"regexp"

	"yett/practice"
)

var template = regexp.MustCompile(`\{[^}]*\}`)

func checks() []practice.Check {
	return []practice.Check{{
		ID:    "authn/anonymous",
		Asks:  "Is a caller without a credential refused at every operation that is not public?",
		Cites: []string{"OWASP API2:2023", "RFC 9110 section 15.5.2"},
		Run:   anonymous,
	}}
}

// maxProbes bounds how many operations one check asks.
const maxProbes = 200

// anonymous asks every operation that is not public and not closed without a credential: 401 each, and none reaches the
// upstream.
func anonymous(ctx context.Context, t practice.Target) practice.Finding {
	refused, public := 0, 0
	for _, a := range t.APIs() {
		for _, op := range a.Operations {
			if op.Public != "" {
				public++
				continue
			}
			if refused == maxProbes {
				break
			}
			path := a.BasePath + template.ReplaceAllString(op.Path, "1")
			res, err := t.Do(ctx, practice.Probe{Method: op.Method, Host: a.Host(), Path: path})
			if err != nil {
				return practice.CouldNotTell(err)
			}
			if !res.Reached && res.Status == http.StatusNotFound {
				continue // closed for everybody, see inventory
			}
			if res.Reached || res.Status != http.StatusUnauthorized {
				return practice.Finding{Verdict: practice.Ineffective,
					Summary:  fmt.Sprintf("%s answered %d to nobody", op.ID, res.Status),
					Fix:      "give the operation a security requirement in the description",
					Evidence: []practice.Evidence{{What: op.Method + " " + path, Saw: fmt.Sprint(res.Status)}}}
			}
			refused++
		}
	}
	if refused == 0 {
		return practice.None("every operation is closed, or public with a reason")
	}
	return practice.Finding{Verdict: practice.Effective,
		Summary: fmt.Sprintf("%d of %d bare probes got 401; %d operations public with a reason", refused, refused, public)}
}
