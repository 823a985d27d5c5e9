// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strings"
)

// later are the keys that yett's design knows and this version may not: practices first, in the order of their rows.
var later = []string{
	"https", "validate", "authn", "apikey", "oauth", "ratelimit", "minimize", "sanitize", "cors", "encrypt", "activity",
	"threat", "token", "allowlist", "expose", "egress", "versioning", "inventory", "waf", "audit", "alert",
	"state", "counters", "versions",
}

// Nearest returns the known word that was perhaps meant: one that differs in case, dash or underscore only, else one
// that is few typing errors away. It returns "" if none is near.
func Nearest(word string, known []string) string {
	const longest = 100 // the distance takes time by the product of the lengths
	if len(word) > longest {
		return ""
	}
	plain := strings.NewReplacer("_", "", "-", "", ".", "", " ", "")
	fold := func(s string) string { return plain.Replace(strings.ToLower(s)) }
	best, least := "", 1+max(1, len(word)/3)
	for _, k := range known {
		if len(k) > longest {
			continue
		}
		if n := distance(fold(word), fold(k)); n < least {
			best, least = k, n
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of neighbours that lead from a to b.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(row[j]+1, last[j+1]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// meant is the hint for an unknown key where known are the keys that may stand there.
func meant(word string, known []string) string {
	if near := Nearest(word, known); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	if len(known) > 0 && len(known) <= 6 {
		return "known here: " + strings.Join(known, ", ")
	}
	return ""
}

// meant is the hint for an unknown key at one of the three places where blocks stand, or in a block: a key of another
// place is named with its place, before any guess.
func (r *reader) meant(word string, here []string) string {
	places := []struct {
		keys []string
		says string
	}{
		{rootKeys, "%s belongs at the top of the file"},
		{apiKeys, "%s belongs to an API: apis[0].%[1]s"},
		{operationKeys, "%s belongs to an operation: apis[0].operations.ID.%[1]s"},
	}
	for _, p := range places {
		if slices.Contains(p.keys, word) && !slices.Contains(here, word) {
			return fmt.Sprintf(p.says, word)
		}
	}
	if _, known := r.file.known[word]; known {
		return fmt.Sprintf("%s has a block of its own, beside this one", word)
	}
	if slices.Contains(later, word) {
		return fmt.Sprintf("%s is not in this version of yett", word)
	}
	if near := Nearest(word, here); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	for _, p := range r.practices() {
		if slices.Contains(fieldNames(configType(p)), word) {
			return fmt.Sprintf("perhaps %s.%s?", p.Name, word)
		}
	}
	return meant(word, here)
}
