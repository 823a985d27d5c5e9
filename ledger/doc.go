// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package ledger keeps lines in append-only files under a Merkle tree (RFC 9162), with signed checkpoints.
//
// It stops a line from being changed, taken out, put in or moved, and whole files from being set back, without Verify
// naming the first bad one (ASVS V16, OWASP API10:2019). What it rests on is the signing key and the newest head, which
// Heads keeps somewhere else: who holds both can write another history, and only a checkpoint that left the machine before
// tells it. Where the head is gone when a log begins, the log says so in a line, and Verify names that line until somebody
// vouches for what stands before it. Lines of the last second, not yet under a checkpoint, can be cut off as a crash would do
// it; the counter then still knows their number.
//
// A segment is a day and a number: NAME.jsonl holds its lines (NAME.seg once it is packed), NAME.tree the hash and the end
// of each, NAME.notes the checkpoints made while it was open, NAME.idx an index. A line is a JSON object that has a seq,
// each one more than the one before; where numbers are missing, a line of the kind gap names them.
//
// Used alone, with one process for each directory:
//
//	l, err := ledger.Open(dir, ledger.Options{Key: key})
//	l.Write(ledger.Line{…}) // from one goroutine
//	l.Sync(ctx)             // every second
//	l.Close(ctx)
//	report, err := ledger.Verify(ctx, dir, ledger.VerifyOptions{Key: ledger.Public(key)})
package ledger
