// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package validate

import (
	"context"
	"fmt"
	"net/http"
	"regexp"

	"yett/api"
	"yett/practice"
)

var template = regexp.MustCompile(`\{[^}]*\}`)

func checks() []practice.Check {
	return []practice.Check{
		{
			ID:    "validate/unknown-parameter",
			Asks:  "Is a parameter that the description does not know refused?",
			Cites: []string{"OWASP API3:2023"},
			Run: func(ctx context.Context, t practice.Target) practice.Finding {
				return probe(ctx, t, func(op *api.Operation, path string) practice.Probe {
					return practice.Probe{Method: op.Method, Path: path + "?yett_probe=1"}
				})
			},
		},
		{
			ID:    "validate/two-readings",
			Asks:  "Is a path that can be read in two ways refused?",
			Cites: []string{"OWASP API8:2023", "RFC 3986 section 6.2.2"},
			Run: func(ctx context.Context, t practice.Target) practice.Finding {
				return probe(ctx, t, func(op *api.Operation, path string) practice.Probe {
					return practice.Probe{Method: op.Method, Path: path + "/%2e%2e%2fyett"}
				})
			},
		},
	}
}

// maxProbes bounds how many operations one check asks.
const maxProbes = 50

// probe sends one malformed request to each operation that reads, with every scope, and wants 400 from each.
func probe(ctx context.Context, t practice.Target, malform func(*api.Operation, string) practice.Probe) practice.Finding {
	asked := 0
	for _, a := range t.APIs() {
		for _, op := range a.Operations {
			if op.Method != http.MethodGet || asked == maxProbes {
				continue
			}
			p := malform(op, a.BasePath+template.ReplaceAllString(op.Path, "1"))
			p.Host = a.Host()
			name, key, err := credential(ctx, t, op)
			if err != nil {
				return practice.CouldNotTell(err)
			}
			if key == "" && op.Public == "" {
				continue // no key opens it, so the probe would stop at authn
			}
			if key != "" {
				p.Header = append(p.Header, [2]string{name, key})
			}
			res, err := t.Do(ctx, p)
			if err != nil {
				return practice.CouldNotTell(err)
			}
			if !res.Reached && res.Status == http.StatusNotFound {
				continue // closed for everybody, see inventory
			}
			if res.Reached || res.Status != http.StatusBadRequest {
				return practice.Finding{Verdict: practice.Ineffective, Summary: fmt.Sprintf("%s answered %d to a malformed probe", op.ID, res.Status),
					Fix: "set validate.mode to enforce", Evidence: []practice.Evidence{{What: p.Method + " " + p.Path, Saw: fmt.Sprint(res.Status)}}}
			}
			asked++
		}
	}
	if asked == 0 {
		return practice.None("no operation that a key opens reads anything")
	}
	return practice.Finding{Verdict: practice.Effective, Summary: fmt.Sprintf("%d malformed probes refused", asked)}
}

// credential makes a key for op and says in which field it goes, both empty where no key alone opens it.
func credential(ctx context.Context, t practice.Target, op *api.Operation) (field, key string, err error) {
	for _, req := range op.Security {
		if len(req) == 1 && req[0].Scheme.Kind == api.APIKey && req[0].Scheme.In == "header" {
			key, err = t.Key(ctx, req[0].Scopes...)
			return req[0].Scheme.Param, key, err
		}
	}
	return "", "", nil
}
