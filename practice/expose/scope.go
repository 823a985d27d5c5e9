// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	"fmt"
	"slices"

	"yett/api"
)

// knownScopes are those that a description speaks of besides its fields. whole says that a scheme lists what there is.
func knownScopes(a *api.API) (known []string, whole bool) {
	for _, s := range a.Schemes {
		if s.Scoped() && len(s.Scopes) > 0 {
			known, whole = append(known, s.Scopes...), true
		}
	}
	for _, op := range a.Operations {
		for _, req := range op.Security {
			for _, use := range req {
				known = append(known, use.Scopes...)
			}
		}
	}
	slices.Sort(known)
	return slices.Compact(known), whole
}

// An unknownScope is a scope that a field names and perhaps nobody holds.
type unknownScope struct{ scope, where, what string }

// unknownScopes returns the scopes of rules that look misspelt, and those that the description's list of scopes lacks. A
// description of keys alone has no such list: there a scope may be for a field and for nothing else.
func (e *Exposer) unknownScopes(rules []*rule) []unknownScope {
	known, whole := knownScopes(e.api)
	var all []unknownScope
	for _, r := range rules {
		for _, s := range r.scopes {
			if slices.Contains(known, s) || slices.ContainsFunc(all, func(u unknownScope) bool { return u.scope == s }) {
				continue
			}
			i := slices.IndexFunc(known, func(k string) bool { return near(s, k) })
			switch {
			case i >= 0:
				all = append(all, unknownScope{s, r.where, fmt.Sprintf("nothing else knows the scope %.60s (did you mean %.60s?)", s, known[i])})
			case whole:
				all = append(all, unknownScope{s, r.where, fmt.Sprintf("no scheme lists the scope %.60s", s)})
			}
		}
	}
	return all
}

// near reports whether two scopes differ by one letter that is missing, added, changed or swapped with its neighbour.
func near(a, b string) bool {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	x, y := a[i:], b[i:]
	switch {
	case min(len(a), len(b)) < 4 || len(x) == 0 && len(y) == 0:
		return false
	case len(x) == len(y)+1:
		return x[1:] == y
	case len(y) == len(x)+1:
		return y[1:] == x
	case len(x) != len(y):
		return false
	}
	return x[1:] == y[1:] || len(x) > 1 && x[0] == y[1] && x[1] == y[0] && x[2:] == y[2:]
}
