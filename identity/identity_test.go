// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import "testing"

func TestCallersHoldTheirScopes(t *testing.T) {
	for _, tt := range []struct {
		name    string
		caller  *Caller
		asked   []string
		missing string
	}{
		{"every scope is held", &Caller{Scopes: []string{"a", "b", "c"}}, []string{"c", "a"}, ""},
		{"the first that is not held is told", &Caller{Scopes: []string{"b"}}, []string{"b", "c", "a"}, "c"},
		{"a scope is not its prefix", &Caller{Scopes: []string{"orders:read"}}, []string{"orders"}, "orders"},
		{"scopes are compared with case", &Caller{Scopes: []string{"a"}}, []string{"A"}, "A"},
		{"no scope is asked for", &Caller{}, nil, ""},
		{"a caller without scopes holds none", &Caller{}, []string{"a"}, "a"},
		{"a key for trying out holds all", &Caller{AllScopes: true}, []string{"a", "z"}, ""},
		{"an anonymous caller holds none", nil, []string{"a"}, "a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.caller.Missing(tt.asked); got != tt.missing {
				t.Errorf("Missing(%q) = %q, want %q", tt.asked, got, tt.missing)
			}
		})
	}
}
