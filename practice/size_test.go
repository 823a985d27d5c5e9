// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package practice_test

import (
	"math"
	"testing"

	"yett/practice"
)

func TestSizesAreReadInThousandsAndIn1024s(t *testing.T) {
	for text, want := range map[string]practice.Size{
		"0": 0, "512": 512, "512B": 512, "64 KB": 64_000, "64KiB": 65_536, "1mib": 1 << 20, "8 MB": 8_000_000, " 2 GiB ": 2 << 30, "1TB": 1e12,
		"9223372036854775807": math.MaxInt64, "8388607TiB": 8388607 << 40,
	} {
		var s practice.Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%q: got %d, %v, want %d", text, s, err, want)
		}
		var back practice.Size
		written, err := s.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		if err := back.UnmarshalText(written); err != nil || back != s {
			t.Errorf("%q: written as %s and read back as %d, %v", text, written, back, err)
		}
	}
}

func TestWhatIsNoSizeIsRefusedWithAHint(t *testing.T) {
	for text, want := range map[string]string{
		"":                     `"" is not a size (try 64KiB)`,
		"KB":                   `"KB" is not a size (try 64KiB)`,
		"64 potatoes":          `"64 potatoes" is not a size (try 64KiB)`,
		"-1KB":                 `"-1KB" is not a size (try 64KiB)`,
		"+1KB":                 `"+1KB" is not a size (try 64KiB)`,
		"1.5MB":                `"1.5MB" is not a size (try 64KiB)`,
		"64K":                  `"64K" is not a size (try 64KiB)`,
		"2g":                   `"2g" is not a size (try 2GiB)`,
		"64 KB KB":             `"64 KB KB" is not a size (try 64KiB)`,
		"8388608TiB":           `"8388608TiB" is too large for a size (at most 8,388,607 TiB)`,
		"99999999999999999999": `"99999999999999999999" is not a size (try 64KiB)`,
	} {
		s := practice.Size(7)
		if err := s.UnmarshalText([]byte(text)); err == nil || err.Error() != want || s != 7 {
			t.Errorf("%q: got %d, %v, want %s", text, s, err, want)
		}
	}
}

func TestASizeIsWrittenInTheLargestWholeUnit(t *testing.T) {
	for s, want := range map[practice.Size]string{0: "0B", 1: "1B", 1500: "1500B", 64_000: "64KB", 65_536: "64KiB", 1 << 30: "1GiB", 1e9: "1GB"} {
		if s.String() != want {
			t.Errorf("%d: got %s, want %s", int64(s), s, want)
		}
	}
}
