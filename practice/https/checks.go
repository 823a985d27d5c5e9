// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package https

import (
	"context"
	"net/http"

	"yett/practice"
)

func checks() []practice.Check {
	return []practice.Check{
		{
			ID:    "https/credential-in-clear",
			Asks:  "Is a credential in clear refused and not redirected?",
			Cites: []string{"OWASP API8:2023", "RFC 9325 section 3.2"},
			Run: func(ctx context.Context, t practice.Target) practice.Finding {
				res, err := t.Do(ctx, practice.Probe{Method: "GET", Path: "/", InClear: true,
					Header: [][2]string{{"X-API-Key", "not-a-key"}}})
				if err != nil {
					return practice.CouldNotTell(err)
				}
				return practice.Expect(res, http.StatusForbidden).Or("let nothing stand before the TLS port that accepts clear text")
			},
		},
		{
			ID:    "https/redirect",
			Asks:  "Is a request in clear without credentials sent to https?",
			Cites: []string{"RFC 6797 section 7.2"},
			Run: func(ctx context.Context, t practice.Target) practice.Finding {
				res, err := t.Do(ctx, practice.Probe{Method: "GET", Path: "/", InClear: true})
				if err != nil {
					return practice.CouldNotTell(err)
				}
				return practice.Expect(res, http.StatusPermanentRedirect).Or("set public_url to the address that clients use")
			},
		},
	}
}
