// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import "time"

// maxEarned is how many seconds a body may earn: no overflow, and a year is enough.
const maxEarned = 365 * 24 * 60 * 60

// A pace follows how fast a body comes. Only waiting for the client counts, not the time in which nobody asked.
type pace struct {
	waited time.Duration // for the body
	taken  int64         // bytes of it
}

// left is how long the next bytes may take: at most BodyIdle, and in all no longer than BodyIdle and what BodyRate
// grants for the bytes that came.
func (p *pace) left(l Limits) time.Duration {
	earned := time.Duration(min(float64(p.taken)/float64(l.BodyRate), maxEarned) * float64(time.Second))
	return min(l.BodyIdle, l.BodyIdle+earned-p.waited)
}

// note counts n bytes that were waited for.
func (p *pace) note(n int, waited time.Duration) {
	p.taken += int64(n)
	p.waited += waited
}
