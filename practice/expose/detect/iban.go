// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package detect

// countries are those of the IBAN registry (ISO 13616), each with what stands behind its check digits: n digits, a letters
// and c either, in the order in which they come.
var countries = map[string]string{
	"AD": "8n12c", "AE": "19n", "AL": "8n16c", "AT": "16n", "AZ": "4a20c", "BA": "16n", "BE": "12n", "BG": "4a6n8c",
	"BH": "4a14c", "BI": "23n", "BR": "23n1a1c", "BY": "4c4n16c", "CH": "5n12c", "CR": "18n", "CY": "8n16c", "CZ": "20n",
	"DE": "18n", "DJ": "23n", "DK": "14n", "DO": "4c20n", "EE": "16n", "EG": "25n", "ES": "20n", "FI": "14n",
	"FK": "2a12n", "FO": "14n", "FR": "10n11c2n", "GB": "4a14n", "GE": "2a16n", "GI": "4a15c", "GL": "14n", "GR": "7n16c",
	"GT": "24c", "HN": "4a20n", "HR": "17n", "HU": "24n", "IE": "4a14n", "IL": "19n", "IQ": "4a15n", "IS": "22n",
	"IT": "1a10n12c", "JO": "4a4n18c", "KW": "4a22c", "KZ": "3n13c", "LB": "4n20c", "LC": "4a24c", "LI": "5n12c", "LT": "16n",
	"LU": "3n13c", "LV": "4a13c", "LY": "21n", "MC": "10n11c2n", "MD": "20c", "ME": "18n", "MK": "3n10c2n", "MN": "16n",
	"MR": "23n", "MT": "4a5n18c", "MU": "4a19n3a", "NI": "4a20n", "NL": "4a10n", "NO": "11n", "OM": "3n16c", "PK": "4a16c",
	"PL": "24n", "PS": "4a21c", "PT": "21n", "QA": "4a21c", "RO": "4a16c", "RS": "18n", "RU": "14n15c", "SA": "2n18c",
	"SC": "4a20n3a", "SD": "14n", "SE": "20n", "SI": "15n", "SK": "20n", "SM": "1a10n12c", "SO": "19n", "ST": "21n",
	"SV": "4a20n", "TL": "19n", "TN": "20n", "TR": "6n16c", "UA": "6n19c", "VA": "18n", "VG": "4a16n", "XK": "16n", "YE": "4a4n18c",
}

// longestIBAN is how long one may be (ISO 13616).
const longestIBAN = 34

// A layout says of which class each byte behind the check digits is.
type layout struct {
	length  int // of the whole IBAN; 0: no such country
	classes [longestIBAN - 4]uint8
}

// layouts are by the two letters of a country.
var layouts = func() (t [26 * 26]layout) {
	of := map[rune]uint8{'n': isDigit, 'a': isUpper, 'c': isUpper | isDigit}
	for country, form := range countries {
		l := &t[countryIndex(country[0], country[1])]
		l.length = 4
		n := 0
		for _, c := range form {
			if c >= '0' && c <= '9' {
				n = n*10 + int(c-'0')
				continue
			}
			for ; n > 0; n-- {
				l.classes[l.length-4] = of[c]
				l.length++
			}
		}
	}
	return t
}()

func countryIndex(a, b byte) int { return int(a-'A')*26 + int(b-'A') }

// iban looks at two letters with two digits behind them, and reports whether an IBAN begins there or what would be one but
// for its check digits: digits in that are no cards.
func (s *scan) iban(from int) bool {
	const fold = 'a' - 'A'
	a, b := s.text[from], s.text[from+1]
	lower := class[a] & isLower
	if class[b]&isLower != 0 != (lower != 0) {
		return false
	}
	l := &layouts[countryIndex(a&^fold, b&^fold)]
	if l.length == 0 || from+l.length > len(s.text) {
		return false
	}
	separator := s.text[from+4]
	grouped := separator == ' ' || separator == '-'
	at := from + 4
	rest := uint32(0) // modulo 97
	for i := range l.length - 4 {
		if grouped && i&3 == 0 {
			if s.at(at) != separator {
				return false
			}
			at++
		}
		c := s.at(at)
		if lower != 0 && class[c]&isLetter != 0 {
			c ^= fold // letters are of one case: a capital becomes a small one, which fits nowhere
		}
		if class[c]&l.classes[i] == 0 {
			return false
		}
		rest = remainder(rest, c)
		at++
	}
	if !s.over(at, isWord) {
		return false
	}
	for _, c := range [4]byte{a &^ fold, b &^ fold, s.text[from+2], s.text[from+3]} {
		rest = remainder(rest, c)
	}
	check := s.text[from+2 : from+4]
	if rest == 1 && string(check) >= "02" && string(check) <= "98" && s.kinds&ibans != 0 {
		s.add(IBAN, from, at, false)
	}
	s.read, s.done = max(s.read, at), max(s.done, at)
	return true
}

// remainder takes one more byte into a remainder modulo 97: letters count as 10 to 35.
func remainder(rest uint32, c byte) uint32 {
	if c >= 'A' {
		return (rest*100 + uint32(c-'A'+10)) % 97
	}
	return (rest*10 + uint32(c-'0')) % 97
}
