// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strconv"
	"strings"
)

// join adds a key to a path of keys. What is not a word is quoted: operations["GET /orders/{id}"].
func join(path, key string) string {
	switch word := wordLen(key) == len(key) && key != ""; {
	case !word:
		return path + "[" + strconv.Quote(key) + "]"
	case path == "":
		return key
	}
	return path + "." + key
}

// splitPath takes the path of keys off the front of a text, and returns its steps and what follows.
func splitPath(text string) (steps []string, rest string) {
	rest = text
	for {
		switch {
		case strings.HasPrefix(rest, `["`):
			quoted, err := strconv.QuotedPrefix(rest[1:])
			if err != nil || !strings.HasPrefix(rest[1+len(quoted):], "]") {
				return steps, rest
			}
			key, err := strconv.Unquote(quoted)
			if err != nil {
				return steps, rest
			}
			steps, rest = append(steps, key), rest[len(quoted)+2:]
		case strings.HasPrefix(rest, "["):
			index, after, closed := strings.Cut(rest[1:], "]")
			if _, err := strconv.ParseUint(index, 10, 31); err != nil || !closed {
				return steps, rest
			}
			steps, rest = append(steps, index), after
		default:
			word := rest
			if len(steps) > 0 {
				if !strings.HasPrefix(rest, ".") {
					return steps, rest
				}
				word = rest[1:]
			}
			n := wordLen(word)
			if n == 0 {
				return steps, rest
			}
			steps, rest = append(steps, word[:n]), word[n:]
		}
	}
}

// wordLen is the length of the word at the front of s.
func wordLen(s string) int {
	for i, c := range []byte(s) {
		if c != '_' && c != '-' && (c < '0' || '9' < c) && (c < 'A' || 'Z' < c) && (c < 'a' || 'z' < c) {
			return i
		}
	}
	return len(s)
}
