// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"hash/crc32"
	"testing"
)

// checkOf is the end of one of our keys (practice apikey): the low 20 bits of the CRC-32 of what stands before.
func checkOf(before string) string {
	sum := crc32.ChecksumIEEE([]byte(before))
	var check [4]byte
	for i := 3; i >= 0; i-- {
		check[i] = "0123456789abcdefghjkmnpqrstvwxyz"[sum%32]
		sum /= 32
	}
	return string(check[:])
}

// checkMatches says whether matches are in order, without overlaps, and within the text.
func checkMatches(t *testing.T, text []byte, m []Match) {
	t.Helper()
	at := 0
	for _, f := range m {
		if f.From < at || f.To <= f.From || f.To > len(text) || f.Partial && f.To != len(text) || len(setOf([]Kind{f.Kind}).names()) != 1 {
			t.Fatalf("match %+v behind %d, in a text of %d bytes", f, at, len(text))
		}
		at = f.To
	}
}

// names are the Kinds of a set.
func (s set) names() (all []Kind) {
	for i, k := range Kinds() {
		if s>>i&1 != 0 {
			all = append(all, k)
		}
	}
	return all
}
