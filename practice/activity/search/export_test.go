// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package search

import "encoding/binary"

// mend makes the sums of an index right, as far as it says where they are.
func mend(file []byte) {
	head := file[:headSize-16]
	lines, width := binary.BigEndian.Uint32(head[len(indexMagic):]), int64(head[len(indexMagic)+20])
	end := int64(binary.BigEndian.Uint32(head[headSize-20:])) + int64(lines)*width
	if end >= int64(headSize) && end <= int64(len(file)) {
		copy(file[end:], sums(file[headSize:end]))
		copy(file[headSize-16:headSize], headSum(head, file[end:]))
	}
}
