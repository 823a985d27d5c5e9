// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"slices"

	"yett/practice"
	"yett/practice/activity"
	"yett/practice/allowlist"
	"yett/practice/apikey"
	"yett/practice/authn"
	"yett/practice/cors"
	"yett/practice/encrypt"
	"yett/practice/expose"
	"yett/practice/https"
	"yett/practice/inventory"
	"yett/practice/minimize"
	"yett/practice/ratelimit"
	"yett/practice/sanitize"
	"yett/practice/token"
	"yett/practice/validate"
)

// Practices lists every practice this binary carries out, by its number.
func Practices() []*practice.Practice {
	return []*practice.Practice{
		https.Practice,
		validate.Practice,
		authn.Practice,
		apikey.Practice,
		ratelimit.Practice,
		minimize.Practice,
		sanitize.Practice,
		cors.Practice,
		encrypt.Practice,
		activity.Practice,
		token.Practice,
		allowlist.Practice,
		expose.Practice,
		inventory.Practice,
	}
}

// The order in which a request meets the practices. Cheap checks come first; who is calling is known before limits by
// caller; a body is looked at only when everything else has agreed.
var (
	edgeOrder       = []string{recording, "https", "allowlist", "ratelimit", "authn"}
	preflightOrder  = []string{"allowlist", "inventory"} // what judges a browser's question before it is answered
	preflightAnswer = []string{"cors"}
	requestOrder    = []string{"allowlist", "cors", "inventory", "apikey", "token", "authn", "ratelimit", "minimize", "validate", "expose", "encrypt"}
	responseOrder   = []string{"cors", "expose"}
	editOrder       = []string{"encrypt", "minimize", "expose"} // whose edits the pass over bodies makes; it stands behind responseOrder
	behindView      = []string{"sanitize", "minimize"}          // what sanitize hides must not be told from what minimize refuses
	headerOrder     = []string{"https", "ratelimit", "minimize", "sanitize", "cors"}
)

const (
	sealing   = "encrypt"  // seals what the others keep
	recording = "activity" // keeps the records, and admits nothing while it cannot
)

// buildOrder is the practices as they are built: sealing first.
func buildOrder() []*practice.Practice {
	all := Practices()
	if i := slices.IndexFunc(all, func(p *practice.Practice) bool { return p.Name == sealing }); i > 0 {
		first := all[i]
		copy(all[1:i+1], all[:i])
		all[0] = first
	}
	return all
}
