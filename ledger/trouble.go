// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import "fmt"

// A Trouble is what an operator should know of although lines are written all the same.
type Trouble struct {
	Kind    string
	Summary string
}

// Kinds of trouble.
const (
	TroubleUnreadable = "unreadable" // segments cannot be read; their lines are missing in every answer
	TroubleHead       = "head"       // the place of the heads takes none: a rollback is noticed up to the last one only
	TroubleUnproven   = "unproven"   // the log began without a head: Verify names the line until somebody vouches for it
	TroubleClock      = "clock"      // the machine's clock is not believed; old lines stay meanwhile
)

// Troubles returns what is wrong now, at most one of each kind. Asking costs no more than Segments.
func (l *Log) Troubles() []Trouble {
	var all []Trouble
	if _, bad, err := l.catalog.segments(); err == nil && len(bad) > 0 {
		text := bad[0].Error()
		if n := len(bad) - 1; n > 0 {
			text = fmt.Sprintf("%s; and %d more", text, n)
		}
		all = append(all, Trouble{TroubleUnreadable, text})
	}
	if text := l.headError.Load(); text != nil {
		all = append(all, Trouble{TroubleHead, *text})
	}
	if text := l.unproven.Load(); text != nil {
		all = append(all, Trouble{TroubleUnproven, *text})
	}
	if text := l.clock.trouble(); text != "" {
		all = append(all, Trouble{TroubleClock, text})
	}
	return all
}
