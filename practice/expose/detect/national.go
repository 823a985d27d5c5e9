// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package detect

// National identifiers are found on sight where their form is hardly used for anything else or their checks leave less
// than one in a thousand; the others need a word in front that says what they are (see context.go). A word counts for all
// numbers of the same length that follow each other shortly.

// groupedID looks at three digits, the first so many in a row, with a blank, a hyphen or a full stop behind them.
func (s *scan) groupedID(from int) {
	var room [16]uint8
	figures := room[:0]
	switch s.text[from+3] {
	case '-':
		if s.shaped(from, "ddd-dd-dddd") && ssn(s.figures(figures, from, from+11)) && s.of(from, from+11, wordsUnitedStates) {
			s.id(from, from+11)
		}
	case '.':
		switch {
		case s.shaped(from, "ddd.ddd.ddd-dd"):
			if cpf(s.figures(figures, from, from+14)) {
				s.id(from, from+14)
			}
		case s.shaped(from, "756.dddd.dddd.dd"):
			if ean(s.figures(figures, from, from+16)) {
				s.id(from, from+16)
			}
		case s.shaped(from-9, "dd.dd.dd-ddd.dd"):
			if belgian(s.figures(figures, from-9, from+6)) {
				s.id(from-9, from+6)
			}
		}
	case ' ':
		switch {
		case s.shaped(from-3, "dd ddd ddd ddd"):
			if steuerID(s.figures(figures, from-3, from+11)) {
				s.id(from-3, from+11)
			}
		case s.shaped(from-11, "d dd dd dd ddd ddd dd"), s.shaped(from-11, "d dd dd 2A ddd ddd dd"), s.shaped(from-11, "d dd dd 2B ddd ddd dd"):
			if s.nir(from-11, from+10) {
				s.id(from-11, from+10)
			}
		}
	}
}

// spacedNino looks at two digits with a blank behind them: a British number as it is printed.
func (s *scan) spacedNino(from int) {
	if s.shaped(from-3, "aa dd dd dd a") && ninoPrefix(s.text[from-3], s.text[from-2]) && ninoSuffix(s.text[from+9]) {
		s.word(from-3, from+10)
	}
}

// hyphenedID looks at six or eight digits with a hyphen, a plus or a letter behind them.
func (s *scan) hyphenedID(from, to int) {
	var room [16]uint8
	switch n := to - from; {
	case n == 6 && (s.shaped(to, "Adddddddd") || s.shaped(to, "Bdddddddd")): // a NIR from Corsica
		if s.nir(from, to+9) {
			s.id(from, to+9)
		}
	case s.shaped(to, "-dddd"), s.shaped(to, "+dddd"):
		figures := s.figures(room[:0], from, to+5)
		if personnummer(figures) && (n == 8 && grown(figures) || s.context(from, wordsSweden)) {
			s.id(from, to+5)
		}
	case n == 8:
		letter := to
		if s.text[to] == '-' {
			letter++
		}
		if dni(value(s.figures(room[:0], from, to)), s.at(letter)) && s.context(from, wordsSpain) {
			s.id(from, letter+1)
		}
	}
}

// plainID looks at digits without anything between them.
func (s *scan) plainID(from, to int) {
	var room [16]uint8
	figures := s.figures(room[:0], from, to)
	found, doubtful := false, false
	switch len(figures) {
	case 9:
		found = bsn(figures) && s.of(from, to, wordsNetherlands, wordsAnywhere) || ssn(figures) && s.of(from, to, wordsUnitedStates)
	case 10, 12:
		found = personnummer(figures) && s.of(from, to, wordsSweden, wordsAnywhere, wordsPerson)
	case 11:
		found = steuerID(figures) && s.of(from, to, wordsGermany, wordsAnywhere, wordsPerson) ||
			pesel(figures) && s.of(from, to, wordsPoland, wordsAnywhere, wordsPerson) ||
			cpf(figures) && s.of(from, to, wordsBrazil, wordsAnywhere, wordsPerson) ||
			belgian(figures) && s.of(from, to, wordsBelgium, wordsAnywhere, wordsPerson)
	case 13:
		found = value(figures[:3]) == 756 && ean(figures)
		doubtful = found && s.expected(from, to) && !s.called(wordsSwiss) && !s.called(wordsAnywhere)
	case 15:
		found = s.nir(from, to)
		doubtful = found && s.expected(from, to) && !s.called(wordsFrance) && !s.called(wordsAnywhere)
	}
	if found && from >= s.done && s.opens(from) && s.closes(to) {
		s.addDoubtful(NationalID, from, to, doubtful)
	}
}

// of reports whether words say what the number between from and to is, or the number in front that they said it of.
func (s *scan) of(from, to int, words ...[]string) bool {
	if len(s.found) > s.own {
		last := s.found[len(s.found)-1]
		if last.Kind == NationalID && last.To-last.From == to-from && from >= last.To && from-last.To <= reach/4 {
			return true
		}
	}
	return s.says(from, words...)
}

// id notes an identifier where a number may stand.
func (s *scan) id(from, to int) {
	if from >= s.done && s.opens(from) && s.closes(to) {
		s.add(NationalID, from, to, false)
	}
}

// word notes an identifier that begins and ends as a word does.
func (s *scan) word(from, to int) {
	if from >= s.done && s.fresh(from, isWord) && s.over(to, isWord) {
		s.add(NationalID, from, to, false)
	}
}

// ssn judges US social security numbers, and the taxpayer numbers in the same form. There is no check digit: of all numbers
// in the form, 89 in 100 are valid.
func ssn(f []uint8) bool {
	area, group, serial := value(f[:3]), value(f[3:5]), value(f[5:])
	if area >= 900 { // taxpayers
		return group >= 50 && group <= 65 || group >= 70 && group <= 88 || group >= 90 && group <= 92 || group >= 94
	}
	return area != 0 && area != 666 && group != 0 && serial != 0
}

// steuerID judges German tax numbers: of the first ten digits one stands there twice, or three times but not in a row, and
// the others once at most; the last is a check digit (ISO 7064, MOD 11,10). One number in 290 is valid.
func steuerID(f []uint8) bool {
	if f[0] == 0 {
		return false
	}
	var times [10]uint8
	product := 10
	for i, d := range f[:10] {
		times[d]++
		if i >= 2 && f[i-1] == d && f[i-2] == d {
			return false
		}
		sum := (int(d) + product) % 10
		if sum == 0 {
			sum = 10
		}
		product = sum * 2 % 11
	}
	repeated := 0
	for _, n := range times {
		if n > 3 {
			return false
		}
		if n > 1 {
			repeated++
		}
	}
	return repeated == 1 && (11-product)%10 == int(f[10])
}

// nir judges French social security numbers: sex, year and month of birth, place, order and a key modulo 97. Of Corsica the
// place has a letter. One number of fifteen digits in 4,600 is valid.
func (s *scan) nir(from, to int) bool {
	var room [16]uint8
	f := room[:0]
	corsica := uint64(0)
	for _, c := range s.text[from:to] {
		switch {
		case digit(c):
			f = append(f, c-'0')
		case c == 'A' || c == 'B':
			if len(f) != 6 || f[5] != 2 {
				return false
			}
			// 2A counts as 19, 2B as 18.
			corsica = uint64(19 - (c - 'A'))
			f[5] = uint8(corsica / 10)
			f = append(f, uint8(corsica%10))
		}
	}
	if len(f) != 15 || f[0] != 1 && f[0] != 2 {
		return false
	}
	if month := value(f[3:5]); month < 1 || month > 12 {
		return false
	}
	if value(f[5:7]) == 0 || value(f[7:10]) == 0 || value(f[10:13]) == 0 {
		return false
	}
	return 97-value(f[:13])%97 == value(f[13:])
}

// belgian judges Belgian national numbers: date of birth, counter, and a key modulo 97 over these, with a 2 in front of those
// born since 2000. One number in 160 is valid.
func belgian(f []uint8) bool {
	if !born(value(f[2:4]), value(f[4:6])) {
		return false
	}
	n, key := value(f[:9]), value(f[9:])
	return 97-n%97 == key || 97-(2_000_000_000+n)%97 == key
}

// cpf judges Brazilian taxpayer numbers: two check digits modulo 11. One number in 100 is valid.
func cpf(f []uint8) bool {
	same := true
	for _, d := range f {
		same = same && d == f[0]
	}
	check := func(n int) bool {
		sum := 0
		for i, d := range f[:n] {
			sum += int(d) * (n + 1 - i)
		}
		return sum*10%11%10 == int(f[n])
	}
	return !same && check(9) && check(10)
}

// personnummer judges Swedish personal numbers, with or without the century: date of birth, or with 60 added to the day, a
// counter and a check digit. One number of ten digits in 140 is valid.
func personnummer(f []uint8) bool {
	short := f[len(f)-10:]
	day := value(short[4:6])
	if day > 60 {
		day -= 60
	}
	return born(value(short[2:4]), day) && luhn(short)
}

// grown reports whether a date of birth with its century is before 2010. Later ones look like the date of an order with
// its number behind, in which any four digits may follow.
func grown(f []uint8) bool {
	year := value(f[:4])
	return year >= 1900 && year < 2010
}

// pesel judges Polish numbers: date of birth, counter, and a weighted check digit. The century is added to the month. One
// number in 70 is valid.
func pesel(f []uint8) bool {
	if !born(value(f[2:4])%20, value(f[4:6])) {
		return false
	}
	sum := 0
	for i, d := range f {
		sum += int(d) * [...]int{1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1}[i]
	}
	return sum%10 == 0
}

// bsn judges Dutch numbers by their eleven-test. One number in 11 is valid.
func bsn(f []uint8) bool {
	sum, any := -int(f[8]), uint8(0)
	for i, d := range f {
		any |= d
		if i < 8 {
			sum += int(d) * (9 - i)
		}
	}
	return any != 0 && sum%11 == 0
}

// dni judges the letter of Spanish numbers. One in 26 fits.
func dni(n uint64, letter byte) bool {
	return letter&^0x20 == "TRWAGMYFPDXBNJZSQVHLCKE"[n%23] && class[letter]&isLetter != 0
}

// nie looks at seven digits behind one letter: a Spanish number of a foreigner.
func (s *scan) nie(from int) {
	first := s.text[from]&^0x20 - 'X'
	if first > 2 {
		return
	}
	var room [8]uint8
	letter := from + 8
	if s.at(letter) == '-' {
		letter++
	}
	n := uint64(first)*10_000_000 + value(s.figures(room[:0], from+1, from+8))
	if dni(n, s.at(letter)) && s.context(from, wordsSpain) {
		s.word(from, letter+1)
	}
}

// nino looks at six digits behind two letters: a British national insurance number. It has no check digit; the letters
// leave one in 12.
func (s *scan) nino(from int) {
	if ninoPrefix(s.text[from], s.text[from+1]) && ninoSuffix(s.at(from+8)) && s.context(from, wordsBritain) {
		s.word(from, from+9)
	}
}

func ninoPrefix(a, b byte) bool {
	a, b = a&^0x20, b&^0x20
	switch a {
	case 'D', 'F', 'I', 'Q', 'U', 'V':
		return false
	}
	switch b {
	case 'D', 'F', 'I', 'O', 'Q', 'U', 'V':
		return false
	}
	switch string([]byte{a, b}) {
	case "BG", "GB", "KN", "NK", "NT", "TN", "ZZ":
		return false
	}
	return true
}

func ninoSuffix(c byte) bool { return c&^0x20 >= 'A' && c&^0x20 <= 'D' }

// codiceFiscale looks at two digits behind six letters: an Italian tax code. Digits behind the year may be letters, where
// two people had the same code.
func (s *scan) codiceFiscale(from int) {
	const (
		form    = "aaaaaaddmddaddda" // m is a month
		months  = "ABCDEHLMPRST"
		instead = "LMNPQRSTUV"
	)
	if from+len(form) > len(s.text) || !s.over(from+len(form), isWord) || !s.fresh(from, isWord) {
		return
	}
	sum := 0
	var day [2]int
	for i := range len(form) {
		c := s.text[from+i]
		if class[c]&isLetter != 0 {
			c &^= 0x20
		}
		of := class[c]
		switch form[i] {
		case 'a':
			if of&isUpper == 0 {
				return
			}
		case 'm':
			if index(months, c) < 0 {
				return
			}
		case 'd':
			n := int(c - '0')
			if of&isDigit == 0 {
				if n = index(instead, c); n < 0 || i < 8 {
					return
				}
			}
			if i == 9 || i == 10 {
				day[i-9] = n
			}
		}
		v := int(c - '0')
		if of&isUpper != 0 {
			v = int(c - 'A')
		}
		switch {
		case i == 15:
		case i&1 == 0: // the first, third …
			sum += codiceOdd[v]
		default:
			sum += v
		}
	}
	if d := day[0]*10 + day[1]; d < 1 || d > 71 || d > 31 && d < 41 {
		return
	}
	if byte(sum%26)+'A' == s.text[from+15]&^0x20 {
		s.add(NationalID, from, from+len(form), false)
	}
}

// codiceOdd is what a digit, or a letter by its place in the alphabet, counts at odd places.
var codiceOdd = [26]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}

func index(s string, c byte) int {
	for i := range len(s) {
		if s[i] == c {
			return i
		}
	}
	return -1
}

// born reports whether there is a day to be born on.
func born(month, day uint64) bool {
	return month >= 1 && month <= 12 && day >= 1 && day <= uint64([...]int{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[month-1])
}
