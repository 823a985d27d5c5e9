// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"fmt"
	"time"
)

// A Report is what Verify found.
type Report struct {
	Records     int64     `json:"records"` // lines that were read
	Before      int64     `json:"before"`  // older lines, removed because of their age
	Segments    int       `json:"segments"`
	Checkpoints int       `json:"checkpoints"`
	First       time.Time `json:"first,omitzero"`
	Last        time.Time `json:"last,omitzero"`
	Seq         uint64    `json:"seq"`      // of the last line
	Unsigned    int64     `json:"unsigned"` // lines after the newest checkpoint: whole, but nothing proves them yet
	Lost        uint64    `json:"lost"`     // numbers in all the gaps
	Gaps        []Notice  `json:"gaps"`     // what is known to be missing, the first 1,000
	// Unsynced is what an unclean end left without lines. The next start writes it down as a gap.
	Unsynced *Notice `json:"unsynced,omitempty"`
	// Torn is how many bytes the unclean end left that are no line.
	Torn int64 `json:"torn,omitempty"`
	// Resumed are the starts that took over lines under no checkpoint, the first 1,000 (see Notice.Unsigned).
	Resumed []Notice `json:"resumed,omitempty"`
	// Heads are the starts at which the store had no head of the log, or an older one, the first 1,000.
	Heads []Notice `json:"heads,omitempty"`
	// Unindexed counts closed segments without an index yet.
	Unindexed int  `json:"unindexed,omitempty"`
	Bad       *Bad `json:"bad,omitempty"` // the first thing that is not as it was; nil: the log is whole
}

// What can be wrong.
const (
	Altered    = "altered"     // a line is not the one that was written
	Missing    = "missing"     // lines are not there any more
	Inserted   = "inserted"    // a line was put in
	Moved      = "moved"       // a line stands somewhere else
	BadHashes  = "hashes"      // the list of hashes was altered; the lines it speaks of are whole
	BadNotes   = "checkpoints" // the list of checkpoints was altered
	BadIndex   = "index"       // an index is not the one of its lines
	BadPack    = "packed"      // a packed file was altered
	RolledBack = "rolled back" // the files are older than a checkpoint, or of another history
	Unproven   = "unproven"    // nothing tells whether the files were set back: the head of the log is or was gone
)

// A Bad is the first thing in a log that is not as it was.
type Bad struct {
	What    string `json:"what"`
	Detail  string `json:"detail"`
	Record  int64  `json:"record"` // first line that is bad, or that nothing vouches for any more; counted from 1
	Seq     uint64 `json:"seq,omitempty"`
	ID      string `json:"id,omitempty"`
	File    string `json:"file"`
	Byte    int64  `json:"byte"`    // in the lines of the segment
	Whole   int64  `json:"whole"`   // lines before it that a checkpoint vouches for
	Suspect int64  `json:"suspect"` // lines after these, up to the next good checkpoint or the end
	// Checkpoint vouches for the whole ones.
	Checkpoint int64     `json:"checkpoint,omitempty"`
	Signed     time.Time `json:"signed,omitzero"`
}

func (b *Bad) Error() string {
	return fmt.Sprintf("%s: record %d, %s: %s", b.What, b.Record, b.File, b.Detail)
}
