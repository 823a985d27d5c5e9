// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package practice

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Size is a number of bytes as an operator writes it: 512, "64 KB", 1MiB. KB, MB, GB and TB count in thousands, KiB,
// MiB, GiB and TiB in 1,024s; case and a space before the unit do not matter. It is never negative.
type Size int64

// sizes runs from the largest unit down, so that String finds the largest that fits without a rest.
var sizes = []struct {
	unit  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"KB", 1e3}, {"B", 1},
}

// UnmarshalText reads a size. Its error is the rest of a line that begins with file and key.
func (s *Size) UnmarshalText(text []byte) error {
	word := strings.TrimSpace(string(text))
	digits := strings.TrimRight(word, "BKMGTibkmgt ")
	unit := strings.TrimSpace(word[len(digits):])
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || digits[0] == '+' {
		return fmt.Errorf("%.40q is not a size (try 64KiB)", word)
	}
	if unit == "" {
		*s = Size(n)
		return nil
	}
	for _, u := range sizes {
		if !strings.EqualFold(u.unit, unit) {
			continue
		}
		if n > math.MaxInt64/u.bytes {
			return fmt.Errorf("%.40q is too large for a size (at most 8,388,607 TiB)", word)
		}
		*s = Size(n * u.bytes)
		return nil
	}
	for _, u := range sizes {
		if strings.EqualFold(u.unit[:1], unit) {
			return fmt.Errorf("%.40q is not a size (try %d%s)", word, n, u.unit)
		}
	}
	return fmt.Errorf("%.40q is not a size (try 64KiB)", word)
}

// MarshalText writes the size as String does; UnmarshalText reads it back unchanged.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String writes the size in the largest unit that leaves no rest: "64KiB", "1500B".
func (s Size) String() string {
	for _, u := range sizes {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.unit
		}
	}
	return "0B"
}
