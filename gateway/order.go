// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"yett/practice"
	"yett/practice/activity"
	"yett/practice/allowlist"
	"yett/practice/apikey"
	"yett/practice/authn"
	"yett/practice/https"
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
		activity.Practice,
		allowlist.Practice,
	}
}

// The order in which a request meets the practices. Cheap checks come first; who is calling is known before limits by
// caller; a body is looked at only when everything else has agreed.
var (
	edgeOrder      = []string{"activity", "https", "allowlist", "ratelimit"}
	preflightOrder = []string{"allowlist"}
	requestOrder   = []string{"allowlist", "apikey", "authn", "ratelimit", "validate"}
	responseOrder  = []string{"sanitize"}
	headerOrder    = []string{"https", "ratelimit", "sanitize"}
)
