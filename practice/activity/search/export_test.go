// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package search

import "crypto/sha256"

// mend makes the sum of an index's head right.
func mend(file []byte) {
	sum := sha256.Sum256(file[:headSize-16])
	copy(file[headSize-16:headSize], sum[:16])
}
