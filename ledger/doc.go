// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package ledger keeps lines in append-only files under a Merkle tree (RFC 9162), with signed checkpoints.
//
// It stops a line from being changed, taken out, put in or moved, and whole files from being set back, without Verify
// naming the first bad one (ASVS V16, OWASP API10:2019). What it rests on is the signing key and the newest head, which
// Heads keeps somewhere else: who holds both can write another history, and only a checkpoint that left the machine before
// tells it. Who holds the place of the heads and the files, but not the key, can set both back to a head that there once
// was; what then passes for the lines of the last second, not yet under a checkpoint, is counted at the next start (Resumed).
// Where the head is gone when a log begins, the log says so in a line, and Verify names that line until somebody vouches for
// what stands before it; where it is garbled, the log does not begin. Lines of the last second can be cut off as a crash
// would do it; the counter then still knows their number.
//
// What is removed because of its age is gone for good, so the age does not rest on the machine's clock alone: a time more
// than a day away from the one known is believed only after a day of real running. A disk that fails is not asked twice,
// a full one has room for the notice of a removal, and a segment that cannot be read hides no other: Troubles and
// Unreadable tell what an operator should know.
//
// A segment is a day and a number: NAME.jsonl holds its lines (NAME.seg once it is packed), NAME.tree the hash and the end
// of each, NAME.notes the checkpoints made while it was open, NAME.idx an index. A line is a JSON object that has a seq,
// each one more than the one before; where numbers are missing, a line of the kind gap names them.
//
// Used alone, with one process for each directory:
//
//	l, err := ledger.Open(ctx, dir, ledger.Options{Key: key})
//	l.Begin()
//	seq := l.Number()
//	l.Write(fmt.Appendf(nil, `{"seq":%d}`, seq), seq) // from one goroutine
//	l.Sync(ctx)                                       // every second
//	l.Close(ctx)
//	report, err := ledger.Verify(ctx, dir, ledger.VerifyOptions{Key: public})
package ledger
