// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"fmt"
	"net/http"
	"regexp"

	"yett/jose"
	"yett/practice"
)

var template = regexp.MustCompile(`\{[^}]*\}`)

func checks() []practice.Check {
	return []practice.Check{{
		ID:    "authn/anonymous",
		Asks:  "Is a caller without a credential refused at every operation that is not public?",
		Cites: []string{"OWASP API2:2023", "RFC 9110 section 15.5.2"},
		Run:   anonymous,
	}, {
		ID:    "authn/keys",
		Asks:  "Can an upstream verify what it is told of a caller, by keys that are public alone?",
		Cites: []string{"OWASP API2:2023", "RFC 7517 section 5", "RFC 8725 section 3.1"},
		Run:   published,
	}}
}

// published reads the keys as an upstream would.
func published(ctx context.Context, t practice.Target) practice.Finding {
	res, err := t.Do(ctx, practice.Probe{Method: http.MethodGet, Path: JWKSPath})
	if err != nil {
		return practice.CouldNotTell(err)
	}
	if res.Status != http.StatusOK || res.Reached {
		return practice.Expect(res, http.StatusOK).Or("set public_url to where the gateway is called, and look at its log")
	}
	set, skipped, err := jose.ParseSet(res.Body) // which takes no private key
	if err != nil || len(skipped) > 0 {
		return practice.Finding{Verdict: practice.Ineffective, Summary: fmt.Sprintf("the keys at %s cannot be used", JWKSPath), Fix: "look at the log of the gateway"}
	}
	f := practice.Finding{Verdict: practice.Effective, Summary: fmt.Sprintf("%d public keys, at %s", len(set.Keys()), JWKSPath)}
	for _, k := range set.Keys() {
		f.Evidence = append(f.Evidence, practice.Evidence{What: "key " + k.ID, Saw: string(k.Algorithm)})
	}
	return f
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
