// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"yett/api"
	"yett/practice"
)

func (k *Keys) checks() []practice.Check {
	return []practice.Check{
		{
			ID:    "apikey/unknown",
			Asks:  "Is a key refused that has the right form and that nobody issued?",
			Cites: []string{"OWASP API2:2023", "RFC 9110 section 15.5.2"},
			Run:   checkUnknown,
		},
		{
			ID:    "apikey/revoked",
			Asks:  "Is a key that worked refused within a second of its revocation?",
			Cites: []string{"OWASP API2:2023", "OWASP ASVS 5.0 V7.4"},
			Run:   k.checkRevoked,
		},
		{
			ID:    "apikey/places",
			Asks:  "Are keys presented in a header, where no log and no history keeps them?",
			Cites: []string{"OWASP API2:2023", "RFC 9110 section 17.9"},
			Run:   checkPlaces,
		},
		{
			ID:    "apikey/care",
			Asks:  "Does every key that works have an end and an owner?",
			Cites: []string{"OWASP API2:2023", "OWASP API9:2023"},
			Run:   k.checkCare,
		},
	}
}

// A call is an operation that asks for a key in a header, as a probe.
type call struct {
	probe  practice.Probe
	header string
	scopes []string
}

// with is the probe with a key.
func (c call) with(key string) practice.Probe {
	p := c.probe
	p.Header = append(p.Header[:len(p.Header):len(p.Header)], [2]string{c.header, key})
	return p
}

// guarded finds an operation that a key in a header opens. Only GET: with a good key the probe reaches the upstream. What
// is closed for everybody is passed over.
func guarded(ctx context.Context, t practice.Target) (call, bool) {
	for _, a := range t.APIs() {
		for _, op := range a.Operations {
			if op.Method != http.MethodGet {
				continue
			}
			for _, r := range op.Security {
				if len(r) == 1 && r[0].Scheme.Kind == api.APIKey && r[0].Scheme.In == "header" {
					c := call{header: r[0].Scheme.Param, scopes: r[0].Scopes}
					c.probe = practice.Probe{Method: op.Method, Host: a.Host(), Path: a.BasePath + filled(op.Path)}
					if res, err := t.Do(ctx, c.probe); err == nil && !res.Reached && res.Status == http.StatusNotFound {
						continue
					}
					return c, true
				}
			}
		}
	}
	return call{}, false
}

// filled puts 1 in the place of each parameter of a template: the key is judged before the parameters are.
func filled(template string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(template, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		b.WriteByte('1')
		_, template, _ = strings.Cut(rest, "}")
	}
}

const nothingGuarded = "no GET operation asks for an API key in a header"

func checkUnknown(ctx context.Context, t practice.Target) practice.Finding {
	c, ok := guarded(ctx, t)
	if !ok {
		return practice.None(nothingGuarded)
	}
	_, key := newKey()
	res, err := t.Do(ctx, c.with(key))
	if err != nil {
		return practice.CouldNotTell(err)
	}
	return practice.Expect(res, http.StatusUnauthorized).Or("keys that nobody issued reach the API; see yett explain " + c.probe.Method + " " + c.probe.Path)
}

func (k *Keys) checkRevoked(ctx context.Context, t practice.Target) practice.Finding {
	c, ok := guarded(ctx, t)
	if !ok {
		return practice.None(nothingGuarded)
	}
	text, err := t.Key(ctx, c.scopes...)
	if err != nil {
		return practice.CouldNotTell(err)
	}
	id, err := ParseKey(text)
	if err != nil {
		return practice.CouldNotTell(err)
	}
	before, err := t.Do(ctx, c.with(text))
	if err != nil {
		return practice.CouldNotTell(err)
	}
	if before.Status == http.StatusUnauthorized {
		return practice.CouldNotTell(fmt.Errorf("a fresh key got %d already", before.Status))
	}
	if _, err := k.Revoke(ctx, id); err != nil {
		return practice.CouldNotTell(err)
	}
	revoked := time.Now()
	for {
		after, err := t.Do(ctx, c.with(text))
		if err != nil {
			return practice.CouldNotTell(err)
		}
		took := time.Since(revoked).Round(time.Millisecond)
		evidence := []practice.Evidence{
			{What: "answer with the key alive", Saw: fmt.Sprint(before.Status)},
			{What: "answer after its revocation", Saw: fmt.Sprintf("%d after %v", after.Status, took)},
		}
		switch {
		case after.Status == http.StatusUnauthorized && !after.Reached && took <= time.Second:
			return practice.Finding{Verdict: practice.Effective, Summary: fmt.Sprintf("a revoked key got 401 after %v", took), Evidence: evidence}
		case took > time.Second:
			return practice.Finding{Verdict: practice.Ineffective, Summary: fmt.Sprintf("a revoked key still got %d after %v", after.Status, took),
				Fix: "restart the gateway, and see in its log why it cannot read the changes of keys", Evidence: evidence}
		}
		select {
		case <-ctx.Done():
			return practice.CouldNotTell(ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func checkPlaces(_ context.Context, t practice.Target) practice.Finding {
	var in []practice.Evidence
	total := 0
	for _, a := range t.APIs() {
		for _, s := range a.Schemes {
			if s.Kind != api.APIKey {
				continue
			}
			if total++; s.In != "header" {
				in = append(in, practice.Evidence{What: a.Name + ": scheme " + s.Name, Saw: "key in " + s.In + " " + s.Param})
			}
		}
	}
	switch {
	case total == 0:
		return practice.None("no description has a scheme of type apiKey")
	case len(in) > 0:
		return practice.Finding{Verdict: practice.Weak, Summary: fmt.Sprintf("%d of %d schemes take keys outside a header", len(in), total),
			Fix: "describe a scheme with in: header, and move the clients over to it", Evidence: in}
	}
	return practice.Finding{Verdict: practice.Effective, Summary: fmt.Sprintf("all %d schemes take keys in a header", total)}
}

func (k *Keys) checkCare(ctx context.Context, _ practice.Target) practice.Finding {
	c, err := k.Count(ctx)
	switch {
	case err != nil:
		return practice.CouldNotTell(err)
	case c.Working == 0:
		return practice.None("no key works")
	case c.Endless > 0 || c.Unowned > 0:
		return practice.Finding{Verdict: practice.Weak,
			Summary: fmt.Sprintf("of %d keys that work %d never end and %d have no owner", c.Working, c.Endless, c.Unowned),
			Fix:     "make successors with yett key create --owner NAME --expires 90d, then revoke the old ones"}
	}
	return practice.Finding{Verdict: practice.Effective, Summary: fmt.Sprintf("all %d keys that work have an end and an owner", c.Working)}
}
