// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package detect

// A network is a range of issuer numbers (ISO/IEC 7812), as the first six digits of a card, with the lengths that its
// cards have: bit n for n digits.
type network struct {
	from, to uint32
	lengths  uint32 // that are issued: found on sight
	seldom   uint32 // that a network allows and hardly issues, or does no more: found in groups, and where a word says so
}

const (
	n13, n14, n15, n16, n17, n18, n19 = 1 << 13, 1 << 14, 1 << 15, 1 << 16, 1 << 17, 1 << 18, 1 << 19

	to18 = n17 | n18
	to19 = n17 | n18 | n19
)

// networks are in order. Left out is UATP (1, 15 digits): every seventh number of that length would be in its range.
var networks = []network{
	{220000, 220499, n16, to19},                              // Mir
	{220500, 220599, n16, 0},                                 // BORICA
	{222100, 272099, n16, 0},                                 // Mastercard
	{300000, 305999, n16, n14 | n15 | to19},                  // Diners Club: those of 14 digits are of Carte Blanche
	{309500, 309599, n16, n14 | n15 | to19},                  // Diners Club
	{340000, 349999, n15, 0},                                 // American Express
	{352800, 358999, n16, to19},                              // JCB
	{360000, 369999, n14, n15 | n16 | to19},                  // Diners Club
	{370000, 379999, n15, 0},                                 // American Express
	{380000, 399999, n16, n14 | n15 | to19},                  // Diners Club
	{400000, 499999, n16, n13 | n18 | n19},                   // Visa, and Elo and Dankort within it
	{501800, 501899, n16 | n18 | n19, n13 | n14 | n15 | n17}, // Maestro
	{501900, 501999, n16, 0},                                 // Dankort
	{502000, 502099, n16 | n18 | n19, n13 | n14 | n15 | n17}, // Maestro
	{503800, 503899, n16 | n18 | n19, n13 | n14 | n15 | n17}, // Maestro
	{504175, 504175, n16, 0},                                 // Elo
	{506099, 506198, n16 | n18 | n19, 0},                     // Verve
	{506699, 506778, n16, 0},                                 // Elo
	{507865, 507964, n16 | n18 | n19, 0},                     // Verve
	{508000, 508999, n16, 0},                                 // RuPay
	{509000, 509999, n16, 0},                                 // Elo
	{510000, 559999, n16, 0},                                 // Mastercard
	{589300, 589399, n16 | n18 | n19, n13 | n14 | n15 | n17}, // Maestro
	{600000, 600999, n16, 0},                                 // RuPay
	{601100, 601199, n16, to19},                              // Discover
	{603000, 603999, n16, 0},                                 // Carnet and others
	{604001, 604200, n16, to19},                              // UkrCard
	{606282, 606282, n16, 0},                                 // Hipercard
	{606900, 608999, n16, 0},                                 // RuPay
	{620000, 629999, n16 | to19, 0},                          // UnionPay: debit cards have 19 digits
	{630400, 630499, n16 | n18 | n19, n13 | n14 | n15 | n17}, // Maestro
	{636000, 636296, 0, n16 | to19},                          // InterPayment
	{636297, 636297, n16, 0},                                 // Elo
	{636298, 636367, 0, n16 | to19},                          // InterPayment
	{636368, 636368, n16, 0},                                 // Elo
	{636369, 636999, 0, n16 | to19},                          // InterPayment
	{637000, 639999, 0, n16},                                 // InstaPayment
	{644000, 659999, n16, to19},                              // Discover, RuPay, Troy, Verve, Elo
	{670300, 670399, n16 | n17, n13 | n14 | n15 | n18 | n19}, // Bancontact
	{672000, 672999, n16 | n19, n13 | n14 | n15 | to18},      // girocard
	{675900, 675999, n16 | n18 | n19, n13 | n14 | n15 | n17}, // Maestro
	{676100, 676399, n16 | n18 | n19, n13 | n14 | n15 | n17}, // Maestro
	{676700, 677099, n16 | n18 | n19, n13 | n14 | n15 | n17}, // Maestro
	{810000, 817199, n16 | n19, to18},                        // UnionPay
	{817200, 829999, n16, 0},                                 // RuPay
	{860000, 860099, n16, 0},                                 // Uzcard
	{970400, 970499, n16 | n19, 0},                           // NAPAS
	{979200, 979299, n16, 0},                                 // Troy
	{986000, 986099, n16, 0},                                 // Humo
}

// byFirst holds where in networks those of a first digit begin and end.
var byFirst = func() (t [11]int) {
	for i := range t {
		for t[i] < len(networks) && networks[t[i]].from < uint32(i)*100_000 {
			t[i]++
		}
	}
	return t
}()

// issuers are the first two digits of all cards.
var issuers = func() (t [10][10]bool) {
	for _, n := range networks {
		for i := n.from / 10_000; i <= n.to/10_000; i++ {
			t[i/10][i%10] = true
		}
	}
	return t
}()

// issued reports whether figures are in the range of an issuer whose cards have that many, and whether they seldom do.
func issued(figures []uint8) (yes, seldom bool) {
	iin := uint32(value(figures[:6]))
	for _, n := range networks[byFirst[figures[0]]:byFirst[figures[0]+1]] {
		if iin >= n.from && iin <= n.to {
			seldom = n.seldom>>len(figures)&1 != 0
			return seldom || n.lengths>>len(figures)&1 != 0, seldom
		}
	}
	return false, false
}

// doubled is the sum of the digits of twice a digit.
var doubled = [10]uint8{0, 2, 4, 6, 8, 1, 3, 5, 7, 9}

// luhn reports whether the last figure is the check digit of the others (ISO/IEC 7812-1).
func luhn(figures []uint8) bool {
	var sum uint8 // at most 19 nines
	for i, twice := len(figures)-1, false; i >= 0; i, twice = i-1, !twice {
		if twice {
			sum += doubled[figures[i]]
		} else {
			sum += figures[i]
		}
	}
	return sum%10 == 0
}

// ean reports whether the last figure is the check digit of the others as in article numbers.
func ean(figures []uint8) bool {
	sum := 0
	for i, weight := len(figures)-1, 1; i >= 0; i, weight = i-1, 4-weight {
		sum += int(figures[i]) * weight
	}
	return sum%10 == 0
}

// plainCard finds a card whose digits stand together.
func (s *scan) plainCard(from, to int) bool {
	if !issuers[s.text[from]-'0'][s.text[from+1]-'0'] {
		return false
	}
	var room [19]uint8
	figures := s.figures(room[:0], from, to)
	if !s.isCard(figures, from, to, false) {
		return false
	}
	s.addDoubtful(Card, from, to, s.expected(from, to) && !s.called(wordsCard))
	return true
}

// isCard reports whether figures that stand between from and to are those of a card. Thirteen that are a right article
// number (EAN, ISBN) are taken for one.
func (s *scan) isCard(figures []uint8, from, to int, grouped bool) bool {
	yes, seldom := issued(figures)
	if !yes || !luhn(figures) || !s.opens(from) || !s.closes(to) {
		return false
	}
	if len(figures) == 13 && ean(figures) {
		return false
	}
	if in, said := s.address(from); in {
		return said
	}
	return (!seldom || grouped && len(figures) > 13) && s.alone(from, to) || s.says(from, wordsCard)
}

// groupings are the ways in which cards are printed, longest first where one begins with another: the sizes of the groups,
// a hexadecimal digit each.
var groupings = []struct {
	groups int
	sizes  uint32
}{
	{5, 0x44443}, {5, 0x44442}, {5, 0x44441}, {4, 0x4447}, {4, 0x4446}, {4, 0x4445}, {4, 0x4444}, {4, 0x4443}, {4, 0x4442},
	{3, 0x465}, {3, 0x464}, {4, 0x4333}, {2, 0x6d},
}

// groupedCard finds a card whose digits stand in groups with single blanks or hyphens between them.
func (s *scan) groupedCard(from int) {
	if !issuers[s.text[from]-'0'][s.text[from+1]-'0'] {
		return // a year, mostly
	}
	var ends [6]int // of so many groups
	var sizes [6]uint32
	separator := byte(0)
	for n, at := 1, from; n < len(ends); n++ {
		end := s.within(at, 15, isDigit)
		if end == at || end-at > 15 {
			break
		}
		ends[n], sizes[n] = end, sizes[n-1]<<4|uint32(end-at)
		if n == 1 {
			separator = s.at(end)
		}
		if s.at(end) != separator {
			break
		}
		at = end + 1
	}
	for _, g := range groupings {
		if sizes[g.groups] != g.sizes {
			continue
		}
		to := ends[g.groups]
		var room [19]uint8
		if s.isCard(s.figures(room[:0], from, to), from, to, true) {
			s.add(Card, from, to, false)
			return
		}
	}
}
