// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "bytes"

// The words that say what a number is. They are looked for as words, or several written as one, in any case.
var (
	wordsNetherlands  = []string{"bsn", "burgerservicenummer", "sofinummer", "sofi"}
	wordsUnitedStates = []string{"ssn", "itin"}
	wordsSweden       = []string{"personnummer", "personnr", "pnr", "samordningsnummer"}
	wordsGermany      = []string{"steuerid", "steueridnr", "steuernummer", "steueridentifikationsnummer", "identifikationsnummer", "idnr"}
	wordsPoland       = []string{"pesel"}
	wordsBrazil       = []string{"cpf"}
	wordsBelgium      = []string{"rijksregisternummer", "rijksregister", "registrenational", "niss", "insz", "rrn"}
	wordsSpain        = []string{"dni", "nie", "nif"}
	wordsBritain      = []string{"nino", "nationalinsurance", "insurancenumber", "ninumber"}

	wordsAnywhere = []string{
		"tin", "nationalid", "nationalidnumber", "nationalnumber", "taxid", "taxnumber", "taxpayerid", "taxidentificationnumber",
		"socialsecurity", "socialsecuritynumber", "identitynumber", "personalnumber", "personalid", "personalcode", "idnumber", "citizenid",
	}
)

// reach is how far in front of a number the word may stand.
const reach = 48

// longestMask is how long what Mask writes can be.
const longestMask = len(redacted) + len(CloudSecret) + 1

// context reports whether the name of the text, or a word shortly in front of i, says that an identifier follows. It does
// not look beyond another match, or what Mask has put there.
func (s *scan) context(i int, words []string) bool {
	least := i - reach
	if len(s.found) > s.own {
		least = max(least, s.found[len(s.found)-1].To)
	}
	before := s.text[max(0, least):i]
	s.steps += len(before)
	if at := bytes.LastIndex(before, []byte("****")); at >= 0 {
		before = before[at:]
	}
	// What Mask has written may begin further in front, and names what it was.
	if at := bytes.LastIndex(s.text[max(0, least-longestMask):i], []byte(redacted)); at >= 0 {
		if at += max(0, least-longestMask); at+longestMask > least {
			rest := s.text[at:i]
			rest = rest[bytes.IndexByte(rest, ']')+1:]
			before = before[max(0, len(before)-len(rest)):]
		}
	}
	return mentions(before, words...) || mentions(before, wordsAnywhere...) ||
		s.called(words...) || s.called(wordsAnywhere...)
}

// called reports whether the name of the text has one of words.
func (s *scan) called(words ...string) bool {
	s.steps += len(s.place.Name)
	return mentions(s.place.Name, words...)
}

// mentions reports whether text has one of words.
func mentions(text []byte, words ...string) bool {
	for i := range len(text) {
		if class[text[i]]&isLetter == 0 || !wordBegins(text, i) {
			continue
		}
		for _, w := range words {
			if spells(text[i:], w) {
				return true
			}
		}
	}
	return false
}

// wordBegins reports whether a word begins with the letter at i: as in tax_id, tax-id, taxId.
func wordBegins(text []byte, i int) bool {
	return i == 0 || class[text[i-1]]&isLetter == 0 || class[text[i-1]]&isLower != 0 && class[text[i]]&isUpper != 0
}

// spells reports whether text begins with a word, and that ends there. One blank, hyphen or underscore may stand between
// any two letters where a new word begins.
func spells(text []byte, word string) bool {
	i := 0
	for j := range len(word) {
		if j > 0 && i < len(text) && (text[i] == ' ' || text[i] == '_' || text[i] == '-') {
			i++
		}
		if i == len(text) || class[text[i]]&isLetter == 0 || text[i]|0x20 != word[j] {
			return false
		}
		i++
	}
	return i == len(text) || class[text[i]]&isLetter == 0 || wordBegins(text, i)
}
