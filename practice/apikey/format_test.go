// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"hash/crc32"
	"regexp"
	"strings"
	"testing"
)

// example is a key of nobody: its secret was typed by hand.
const (
	exampleID  = "k7q2m9d"
	exampleKey = "yett_k7q2m9d_NobodyWasEverGivenThisKeyItIsAnExample12345_qk26"
)

func TestParseKey(t *testing.T) {
	swap := func(old, new string) string { return strings.Replace(exampleKey, old, new, 1) }
	for _, tt := range []struct {
		name, key string
		err       error
	}{
		{"a whole key gives its id", exampleKey, nil},
		{"nothing is no key", "", errLength},
		{"one character short", exampleKey[:keyLen-1], errLength},
		{"one character long", exampleKey + "0", errLength},
		{"a space in front is not trimmed", " " + exampleKey, errLength},
		{"a line feed behind is not trimmed", exampleKey + "\n", errLength},
		{"a space in the place of a character", " " + exampleKey[1:], errForm},
		{"the prefix in capitals", swap("yett", "YETT"), errForm},
		{"the id in capitals", swap("k7q2m9d", "K7Q2M9D"), errForm},
		{"an id that begins with another letter", swap("k7q2m9d", "j7q2m9d"), errForm},
		{"an id with a look-alike", swap("k7q2m9d", "k7q2m9l"), errForm},
		{"another separator", swap("d_N", "d-N"), errForm},
		{"another separator before the check", swap("_qk26", "-qk26"), errForm},
		{"a secret with a separator in it", swap("Nobody", "Nob_dy"), errForm},
		{"a secret with an escape in it", swap("Nobody", "N%62dy"), errForm},
		{"a check in capitals", swap("_qk26", "_QK26"), errForm},
		{"a byte above ASCII", swap("Nobody", "Nob\xc3\xb8y"), errForm},
		{"a zero byte", swap("Nobody", "Nob\x00dy"), errForm},
		{"a check that does not fit", swap("_qk26", "_qk27"), errCheck},
		{"a secret in other case", swap("Nobody", "nobody"), errCheck},
		{"the id of another key", swap("k7q2m9d", "k7q2m9e"), errCheck},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id, err := ParseKey(tt.key)
			if err != tt.err {
				t.Fatalf("ParseKey: got error %v, want %v", err, tt.err)
			}
			if want := map[bool]string{true: exampleID}[err == nil]; id != want {
				t.Errorf("ParseKey: got id %q, want %q", id, want)
			}
		})
	}
}

// The check as it is described to scanners, by another hand.
func TestCheckIsTheLowTwentyBitsOfTheCRC(t *testing.T) {
	for range 100 {
		_, key := newKey()
		sum := crc32.ChecksumIEEE([]byte(key[:checkStart-1]))
		want := ""
		for range checkLen {
			want = string(base32[sum%32]) + want
			sum /= 32
		}
		if got := key[checkStart:]; got != want {
			t.Fatalf("check %s, want %s", got, want)
		}
	}
}

func TestNewKeysAreWholeAndDiffer(t *testing.T) {
	form := regexp.MustCompile(`^` + Pattern + `$`)
	seen := make(map[string]bool)
	var digits [256]int
	const n = 3000
	for range n {
		id, key := newKey()
		if got, err := ParseKey(key); err != nil || got != id {
			t.Fatalf("ParseKey of a new key = %q, %v; want %q", got, err, id)
		}
		if !form.MatchString(key) {
			t.Fatal("a new key does not match Pattern")
		}
		secret := key[len(prefix)+idLen+1 : checkStart-1]
		if seen[secret] {
			t.Fatal("the same secret twice")
		}
		seen[secret] = true
		for i := range len(secret) {
			digits[secret[i]]++
		}
	}
	// 129,000 draws over 62 characters: 2,081 each, with a standard deviation of 45.
	for i := range len(base62) {
		if got := digits[base62[i]]; got < 1750 || got > 2400 {
			t.Errorf("%q was drawn %d times of %d: not evenly", base62[i], got, n*secretLen)
		}
	}
}

func TestPatternFindsKeysInText(t *testing.T) {
	_, key := newKey()
	text := `{"headers":{"X-API-Key":"` + key + `"},"other":"yett_k7q2m9d_short_0000"}`
	if got := regexp.MustCompile(Pattern).FindAllString(text, -1); len(got) != 1 || got[0] != key {
		t.Errorf("Pattern found %d keys in the text, want the one in it", len(got))
	}
}

func TestEverySlipOfOneCharacterIsNoticed(t *testing.T) {
	noticed := func(b []byte) bool { _, err := ParseKey(string(b)); return err != nil }
	for range 3 {
		_, key := newKey()
		for i := range len(key) {
			b := []byte(key)
			for j := range len(base62) {
				if b[i] = base62[j]; b[i] != key[i] && !noticed(b) {
					t.Errorf("character %d mistyped: not noticed", i)
				}
			}
			if b = []byte(key); i > 0 && b[i-1] != b[i] {
				if b[i-1], b[i] = b[i], b[i-1]; !noticed(b) {
					t.Errorf("characters %d and %d swapped: not noticed", i-1, i)
				}
			}
		}
	}
}

// FuzzParseKey: whatever is taken for a key has its form to the letter, and nothing panics.
func FuzzParseKey(f *testing.F) {
	f.Add(exampleKey)
	_, key := newKey()
	f.Add(key)
	f.Add("")
	f.Add(strings.Repeat("_", keyLen))
	f.Add("yett_k7q2m9d_" + strings.Repeat("\xff", secretLen) + "_0000")
	form := regexp.MustCompile(`^` + Pattern + `$`)
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseKey(s)
		if err != nil {
			if id != "" {
				t.Error("an id together with an error")
			}
			return
		}
		if !form.MatchString(s) || s[5:12] != id {
			t.Errorf("taken for a key: %q", s)
		}
		if check := checkOf(s[:checkStart-1]); string(check[:]) != s[checkStart:] {
			t.Errorf("taken with a check that does not fit: %q", s)
		}
	})
}

func TestReadmeTellsScannersTheTruth(t *testing.T) {
	for _, s := range []string{exampleKey, `\b` + Pattern + `\b`, base32} {
		if !strings.Contains(readme, s) {
			t.Errorf("README.md does not hold %s", s)
		}
	}
}
