// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "bytes"

// longestAddress is how far in front of a number the beginning of its address is looked for.
const longestAddress = Before

// apart are the bytes that stand in no address, or seldom enough to end one: what follows a comma is the next field of a line.
var apart = func() (t [256]bool) {
	for c := range t {
		t[c] = c <= ' ' || c == 0x7f
	}
	for _, c := range []byte("\"'<>`{}|^\\,;") {
		t[c] = true
	}
	return t
}()

// address reports whether what stands at i is in the path or the query of an address, and whether the segment or parameter
// it stands in says that it is a card.
func (s *scan) address(i int) (in, card bool) {
	begin := max(s.wordBefore(i), i-longestAddress)
	head := s.text[begin:i]
	s.steps += len(head)
	if !bytes.Contains(head, []byte("://")) && !(s.wordBegins(begin) && relative(head)) {
		return false, false
	}
	head = bytes.TrimRight(head, "/")
	head = head[max(bytes.LastIndexAny(head, "/?&#")+1, len(head)-reach):]
	return true, mentions(head, wordsCard...)
}

// wordBegins reports whether a word begins at i, and not the rest of one behind a match.
func (s *scan) wordBegins(i int) bool { return i == 0 || apart[s.text[i-1]] && !s.behind(i) }

// relative reports whether the beginning of a word is that of an address without its scheme or its host.
func relative(head []byte) bool {
	head = bytes.TrimLeft(head, "([*_")
	if bytes.HasPrefix(head, []byte("www.")) {
		return true
	}
	path := bytes.TrimLeft(head, ".")
	return len(path) > 0 && path[0] == '/' && len(head)-len(path) <= 2 &&
		bytes.ContainsFunc(path, func(r rune) bool { return r < 0x80 && class[r]&isLetter != 0 })
}

// wordBefore returns where the word begins that ends at i: behind a match, and behind what Mask has put there. Each is walked
// through once, however many numbers are in it.
func (s *scan) wordBefore(i int) int {
	begin, least := i, 0
	if len(s.found) > s.own {
		least = s.found[len(s.found)-1].To
	}
	for begin > least && !apart[s.text[begin-1]] && !s.masked(begin) {
		if begin == s.last.to {
			begin = s.last.from
			break
		}
		begin--
		s.steps++
	}
	s.last = span{begin, i}
	return max(begin, least)
}
