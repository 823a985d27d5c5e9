// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package identity says who is calling: the words in which the practices that verify credentials and those that
// judge callers meet. It verifies nothing itself.
package identity

import (
	"slices"
	"time"
)

// A Credential is one verified proof that came with a request. Several may be present, because a description may
// ask for two at once.
type Credential struct {
	Scheme string // name of the security scheme in the description
	Caller *Caller
}

// A Caller is who stands behind a credential. It is shared and never changed after it was made.
type Caller struct {
	Subject   string    // who: the user or the client itself
	Person    bool      // the subject is a human being, as far as the credential tells
	Client    string    // which application; several keys may belong to one client
	Key       string    // public id of the API key, "" for other credentials
	Issuer    string    // who vouches: "yett" for our own keys
	Scopes    []string  // sorted
	AllScopes bool      // a key made for trying out, which holds every scope
	Expires   time.Time // zero: never
	// Claims are what the issuer of a token says of the caller, as jsonstream.Any decodes it; nil for other credentials.
	Claims map[string]any
}

// Holds reports whether c holds scope. A nil Caller is anonymous and holds none.
func (c *Caller) Holds(scope string) bool {
	if c == nil {
		return false
	}
	if c.AllScopes {
		return true
	}
	_, ok := slices.BinarySearch(c.Scopes, scope)
	return ok
}

// Missing returns the first of scopes that c does not hold, "" if it holds them all.
func (c *Caller) Missing(scopes []string) string {
	for _, s := range scopes {
		if !c.Holds(s) {
			return s
		}
	}
	return ""
}
