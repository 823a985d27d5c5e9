// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"yett/practice"
	"yett/practice/activity"
	"yett/practice/allowlist"
	"yett/practice/apikey"
	"yett/practice/authn"
	"yett/practice/cors"
	"yett/practice/https"
	"yett/practice/inventory"
	"yett/practice/ratelimit"
	"yett/practice/sanitize"
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
		sanitize.Practice,
		cors.Practice,
		activity.Practice,
		allowlist.Practice,
		inventory.Practice,
	}
}

// The order in which a request meets the practices. Cheap checks come first; who is calling is known before limits by
// caller; a body is looked at only when everything else has agreed.
var (
	edgeOrder       = []string{"activity", "https", "allowlist", "ratelimit"}
	preflightOrder  = []string{"allowlist", "inventory"} // what judges a browser's question before it is answered
	preflightAnswer = []string{"cors"}
	requestOrder    = []string{"allowlist", "cors", "inventory", "apikey", "authn", "ratelimit", "validate"}
	responseOrder   = []string{"cors", "sanitize"}
	headerOrder     = []string{"https", "ratelimit", "sanitize", "cors"}
)
