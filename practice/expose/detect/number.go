// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package detect

// number looks at what the digits at from are part of. It is called once for each run of digits that was told apart, so it
// leaves as early as it can: by what stands before, by the length, and by what stands behind.
func (s *scan) number(from int) {
	to := from + 2
	for to < len(s.text) && digit(s.text[to]) {
		to++
	}
	s.read = to
	s.steps += to - from
	if s.is(from-1, isWord) && !s.escape(from-1) && !s.behind(from) {
		s.lettered(from, to)
		return
	}
	next := s.at(to)
	switch n := to - from; n {
	case 2:
		if next == ' ' && s.kinds&nationals != 0 {
			s.spacedNino(from)
		}
	case 3:
		if (next == ' ' || next == '-' || next == '.') && s.kinds&nationals != 0 {
			s.groupedID(from)
		}
	case 4:
		if (next == ' ' || next == '-') && s.is(to+3, isDigit) && s.kinds&cards != 0 {
			s.groupedCard(from)
		}
	case 6:
		if (next == ' ' || next == '-') && s.is(to+12, isDigit) && s.kinds&cards != 0 {
			s.groupedCard(from)
		}
		if from >= s.done && (next == '-' || next == '+' || next == 'A' || next == 'B') && s.kinds&nationals != 0 {
			s.hyphenedID(from, to)
		}
	case 8:
		if (class[next]&isLetter != 0 || next == '-' || next == '+') && s.kinds&nationals != 0 {
			s.hyphenedID(from, to)
		}
	case 9, 10, 11, 12:
		if s.kinds&nationals != 0 {
			s.plainID(from, to)
		}
	case 13, 14, 15, 16, 17, 18, 19:
		if s.kinds&cards != 0 && s.plainCard(from, to) {
			return
		}
		if (n == 13 || n == 15) && s.kinds&nationals != 0 {
			s.plainID(from, to)
		}
	}
}

// lettered looks at digits that letters run into.
func (s *scan) lettered(from, to int) {
	switch {
	case !s.is(from-1, isLetter):
	case !s.is(from-2, isLetter) || s.escape(from-2):
		if to-from == 7 && s.kinds&nationals != 0 {
			s.nie(from - 1)
		}
	case s.fresh(from-2, isWord):
		if s.kinds&(ibans|cards) != 0 && s.iban(from-2) {
			return
		}
		if to-from == 6 && s.kinds&nationals != 0 {
			s.nino(from - 2)
		}
	case to-from == 2 && s.is(to, isLetter) && s.is(from-6, isLetter) && s.kinds&nationals != 0:
		s.codiceFiscale(from - 6)
	}
}

// opens reports whether a number can begin at i. It does not where it would be the rest of something longer: of a word, of
// a decimal fraction, of digits with hyphens; nor as a negative number or in international phone numbers.
func (s *scan) opens(i int) bool {
	if i == 0 || s.behind(i) {
		return true
	}
	switch s.text[i-1] {
	case '.':
		return !s.is(i-2, isDigit) && !s.masked(i-1)
	case '-':
		return s.is(i-2, isLetter)
	case '+':
		return false
	}
	return s.fresh(i, isWord)
}

// closes reports whether a number can end at i.
func (s *scan) closes(i int) bool {
	switch s.at(i) {
	case '.', '-':
		return s.over(i+1, isDigit)
	}
	return s.over(i, isWord)
}

// alone reports whether the number between from and to is all of its word: no part of a name with hyphens, as ORD-4111 is,
// of the name of a file, or of an address of mail.
func (s *scan) alone(from, to int) bool {
	if s.at(from-1) == '-' && !s.behind(from) {
		return false
	}
	switch s.at(to) {
	case '-', '@':
		return s.over(to+1, isAlnum)
	case '.':
		return s.over(to+1, isLower)
	}
	return true
}

// expected reports whether a run of digits that is all of the text is what belongs here: where the description says number,
// or under the name of an order, an id or a phone number.
func (s *scan) expected(from, to int) bool {
	return from == 0 && to == len(s.text) && (s.place.Number || s.place.Declared && s.called(wordsID))
}

// masked reports whether text up to i ends with what Mask puts in place of a match.
func (s *scan) masked(i int) bool {
	if s.at(i-1) != ']' {
		return false
	}
	for from := i - 1; from >= max(0, i-len(redacted)-16); from-- {
		if s.text[from] == '[' {
			return s.has(from, redacted)
		}
	}
	return false
}
