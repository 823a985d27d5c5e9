// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/json"
	"time"
)

// What a line of the log itself is about.
const (
	KindGap     = "gap"     // there are no lines for the numbers From to To
	KindStop    = "stop"    // the log was closed in order
	KindResumed = "resumed" // the log goes on after Unsigned lines that were under no checkpoint
	KindExpired = "expired" // the lines before Before were old and are removed
	// A log with lines found no head where its heads are kept: nothing tells whether it was set back before.
	KindNoHead = "head-missing"
	// A log found a head that is older than its own checkpoints: a store that was down, or came from a backup.
	KindOldHead = "head-older"
	// KindAccepted says that somebody vouches for the first Before lines all the same, and why (Cause).
	KindAccepted = "accepted"
)

// A Notice is a line that the log writes of itself.
type Notice struct {
	Seq  uint64    `json:"seq"`
	Time time.Time `json:"time"`
	Kind string    `json:"kind"`
	// From and To are the numbers of a gap, both included; Lost is how many they are. Without them, older logs only, Lost
	// lines are missing that had no number.
	From uint64 `json:"from,omitempty"`
	To   uint64 `json:"to,omitempty"`
	Lost uint64 `json:"lost,omitempty"`
	// Open of them were still under way when the process ended.
	Open uint64 `json:"open,omitempty"`
	// Unsigned lines before this one were under no checkpoint when the log began again: nothing tells whether they are what
	// was written. After a kill they are those of a second or two.
	Unsigned int64  `json:"unsigned,omitempty"`
	Before   int64  `json:"before,omitempty"` // lines, not numbers
	Cause    string `json:"cause,omitempty"`
}

func (n *Notice) line() []byte {
	n.Time = n.Time.UTC()
	b, err := json.Marshal(n)
	if err != nil {
		panic("ledger: a notice is plain data: " + err.Error()) // cannot happen
	}
	return b
}

// brief is what verification and recovery read of any line.
type brief struct {
	Notice
	ID string `json:"id"`
}

// readBrief reads a line, and says whether it follows the one with the number before.
func readBrief(line []byte, before uint64) (b brief, follows bool) {
	if json.Unmarshal(line, &b) != nil || b.Seq == 0 {
		return b, false
	}
	if b.Kind == KindGap && b.From != 0 {
		return b, b.From == before+1 && b.To >= b.From && b.Seq == b.To+1
	}
	return b, b.Seq == before+1
}
