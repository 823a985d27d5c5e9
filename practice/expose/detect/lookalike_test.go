// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// lookAlikes are what ordinary answers hold that looks like something else.
var lookAlikes = []struct {
	name string
	draw func(*rand.Rand) string
}{
	{"numbers with a wrong check digit", func(r *rand.Rand) string {
		for {
			s := cardSeed(r, networks[r.IntN(len(networks))]).text
			if len(bare(s)) > 16 && len(bare(s)) < len(s) {
				continue // the first four groups may be a card
			}
			last := s[len(s)-1]
			if wrong := drawn(r, 1, "0123456789"); wrong[0] != last {
				return s[:len(s)-1] + wrong
			}
		}
	}},
	{"right check digits of no issuer", func(r *rand.Rand) string {
		s := []string{"1", "7", "9111", "2800", "5700", "84", "0"}[r.IntN(7)]
		s += drawn(r, 15+r.IntN(4)-len(s), "0123456789") // of fifteen, it may be a French number
		return s + luhnDigit(s)
	}},
	{"IBANs with wrong check digits", func(r *rand.Rand) string {
		s := []byte(ibanSeed(r, []string{"DE", "GB", "FR", "MT", "NO", "LC"}[r.IntN(6)]).text)
		if s[3]++; s[3] > '9' {
			s[3] = '0'
		}
		return string(s)
	}},
	{"UUIDs", uuid},
	{"UUIDs in capitals", func(r *rand.Rand) string { return strings.ToUpper(uuid(r)) }},
	{"SHA-256 in hex", func(r *rand.Rand) string { return hexOf(sha256.Sum256(noise(r, 8))) }},
	{"SHA-1 in hex", func(r *rand.Rand) string { d := sha1.Sum(noise(r, 8)); return hex.EncodeToString(d[:]) }},
	{"MD5 in hex", func(r *rand.Rand) string { d := md5.Sum(noise(r, 8)); return hex.EncodeToString(d[:]) }},
	{"digests with their names", func(r *rand.Rand) string {
		d := sha256.Sum256(noise(r, 8))
		return "sha256-" + base64.StdEncoding.EncodeToString(d[:])
	}},
	{"object ids", func(r *rand.Rand) string { return hex.EncodeToString(noise(r, 12)) }},
	{"orders with their year", func(r *rand.Rand) string { return fmt.Sprintf("%04d-%08d", 2000+r.IntN(40), r.IntN(1e8)) }},
	{"orders with their day", func(r *rand.Rand) string {
		return fmt.Sprintf("%04d%02d%02d-%04d", 2010+r.IntN(30), 1+r.IntN(12), 1+r.IntN(28), r.IntN(1e4))
	}},
	{"orders with a prefix", func(r *rand.Rand) string {
		return fmt.Sprintf("%s%0*d", []string{"ORD", "INV-", "SO_", "P"}[r.IntN(4)], 8+r.IntN(4), r.IntN(1e8))
	}},
	{"orders of eight to twelve digits", func(r *rand.Rand) string { return drawn(r, 8+r.IntN(5), "0123456789") }},
	{"orders in groups", func(r *rand.Rand) string {
		return grouped(drawn(r, 12, "0123456789"), []string{"-", " ", "."}[r.IntN(3)], 4, 4, 4)
	}},
	{"seconds", func(r *rand.Rand) string { return fmt.Sprint(1_500_000_000 + r.IntN(500_000_000)) }},
	{"milliseconds", func(r *rand.Rand) string { return fmt.Sprint(1_500_000_000_000 + r.Int64N(500_000_000_000)) }},
	{"microseconds", func(r *rand.Rand) string { return fmt.Sprint(1_500_000_000_000_000 + r.Int64N(500_000_000_000_000)) }},
	{"nanoseconds", func(r *rand.Rand) string {
		return fmt.Sprint(1_500_000_000_000_000_000 + r.Int64N(500_000_000_000_000_000))
	}},
	{"days and times", func(r *rand.Rand) string {
		return fmt.Sprintf("20%02d-%02d-%02dT%02d:%02d:%02d.%06d+02:00", r.IntN(40), 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1e6))
	}},
	{"days and times without separators", func(r *rand.Rand) string {
		return fmt.Sprintf("20%02d%02d%02d%02d%02d%02d%03d", r.IntN(40), 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1000))
	}},
	{"international phone numbers", func(r *rand.Rand) string {
		return fmt.Sprintf("+%d%s", 1+r.IntN(99), drawn(r, 8+r.IntN(5), "0123456789"))
	}},
	{"phone numbers as they are written", func(r *rand.Rand) string {
		d := func(n int) string { return drawn(r, n, "0123456789") }
		return []string{"+49 " + d(3) + " " + d(8), "(" + d(3) + ") " + d(3) + "-" + d(4), d(3) + "-" + d(3) + "-" + d(4), "+44 " + d(4) + " " + d(6), "0" + d(3) + "/" + d(7), "+1-" + d(3) + "-" + d(3) + "-" + d(4), "+33 " + grouped(d(9), " ", 1, 2, 2, 2, 2)}[r.IntN(7)]
	}},
	{"article numbers", func(r *rand.Rand) string {
		return articleNumber(fmt.Sprintf("%03d", r.IntN(756)) + drawn(r, 9, "0123456789"))
	}},
	{"article numbers in the ranges of issuers", func(r *rand.Rand) string {
		return articleNumber([]string{"40", "45", "50", "37"}[r.IntN(4)] + drawn(r, 10, "0123456789"))
	}},
	{"ISBNs", func(r *rand.Rand) string {
		n := articleNumber("978" + drawn(r, 9, "0123456789"))
		return []string{n, grouped(n, "-", 3, 1, 2, 6, 1), grouped(n, " ", 3, 1, 4, 4, 1)}[r.IntN(3)]
	}},
	{"floats", func(r *rand.Rand) string { return fmt.Sprint(r.Float64() * 1000) }},
	{"floats with exponents", func(r *rand.Rand) string { return fmt.Sprintf("%.15e", r.NormFloat64()) }},
	{"coordinates", func(r *rand.Rand) string {
		return fmt.Sprintf("%.15f,%.15f", r.Float64()*180-90, r.Float64()*360-180)
	}},
	{"amounts", func(r *rand.Rand) string {
		return fmt.Sprintf("%d,%03d,%03d.%02d", 1+r.IntN(999), r.IntN(1000), r.IntN(1000), r.IntN(100))
	}},
	{"addresses of hosts", func(r *rand.Rand) string {
		return fmt.Sprintf("%d.%d.%d.%d, 2001:db8:%x:%x::%x", r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(1<<16), r.IntN(1<<16), r.IntN(1<<16))
	}},
	{"versions", func(r *rand.Rand) string {
		return fmt.Sprintf("v%d.%d.%d-20261129120000-%s", r.IntN(9), r.IntN(99), r.IntN(99), hex.EncodeToString(noise(r, 6)))
	}},
	{"images", func(r *rand.Rand) string {
		return "data:image/png;base64,iVBORw0KGgo" + base64.StdEncoding.EncodeToString(noise(r, 3000))
	}},
	{"base64url without padding", func(r *rand.Rand) string { return base64.RawURLEncoding.EncodeToString(noise(r, 300)) }},
	{"entity tags", func(r *rand.Rand) string { return `W/"` + base64.StdEncoding.EncodeToString(noise(r, 20)) + `"` }},
	{"names", func(r *rand.Rand) string {
		return drawn(r, 2, capitals) + drawn(r, 2+r.IntN(8), "0123456789") + drawn(r, r.IntN(3), capitals)
	}},
	{"addresses of pages", func(r *rand.Rand) string {
		return fmt.Sprintf("https://example.org/orders/%d/items?page=%d&sig=%s&token_type=bearer", r.IntN(1e8), r.IntN(99), hex.EncodeToString(noise(r, 16)))
	}},
	{"answers", func(r *rand.Rand) string { return asJSON(order(r)) }},
}

func noise(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func hexOf(d [32]byte) string { return hex.EncodeToString(d[:]) }

// articleNumber puts the check digit of EAN-13 behind twelve digits.
func articleNumber(s string) string {
	sum := 0
	for i, c := range []byte(s) {
		sum += int(c-'0') * (1 + i%2*2)
	}
	return s + fmt.Sprint((10-sum%10)%10)
}

func TestLookAlikesStay(t *testing.T) {
	const each = 3000
	for _, l := range lookAlikes {
		t.Run(l.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(15, 3))
			for range each {
				s := l.draw(r)
				for _, text := range []string{s, "see " + s + ", please", `{"x":"` + s + `"}`} {
					if m := all.Find(nil, []byte(text)); len(m) > 0 {
						t.Fatalf("%q: found %s", text, told(text, m))
					}
				}
			}
		})
	}
}

// share is how many of a million numbers of a length are in the range of an issuer that has the length.
func share(length int) (n int) {
	for _, w := range networks {
		if w.lengths>>length&1 != 0 {
			n += int(w.to - w.from + 1)
		}
	}
	return n
}

// fits is how many of a million numbers of a length are taken for cards: of those in a range one in ten. That is what a
// check digit says, and there is no more to it: nobody could tell such a number from a card. A tenth is added for luck.
func fits(length int) int { return share(length) / 10 * 11 / 10 }

func digitsOfLength(n int) func(*rand.Rand) string {
	return func(r *rand.Rand) string { return drawn(r, n, "0123456789") }
}

// chances are drawn at random: what is found in them is found by chance. Each has a bound for how many of a million are
// taken for something; where it has none, there are none.
var chances = []struct {
	name  string
	draw  func(*rand.Rand) string
	bound map[Kind]int
	why   string
}{
	{"thirteen digits", digitsOfLength(13), map[Kind]int{Card: fits(13), NationalID: 150}, "one in 10,000 is a Swiss number"},
	{"fourteen digits", digitsOfLength(14), map[Kind]int{Card: fits(14)}, "Diners Club"},
	{"fifteen digits", digitsOfLength(15), map[Kind]int{Card: fits(15), NationalID: 300}, "American Express, too; one in 4,600 is a French number"},
	{"sixteen digits", digitsOfLength(16), map[Kind]int{Card: fits(16)}, "all networks but American Express"},
	{"seventeen digits", digitsOfLength(17), map[Kind]int{Card: fits(17)}, "UnionPay and Bancontact"},
	{"eighteen digits", digitsOfLength(18), map[Kind]int{Card: fits(18)}, "UnionPay, Maestro"},
	{"nineteen digits", digitsOfLength(19), map[Kind]int{Card: fits(19)}, "the same"},
	{"twenty digits", digitsOfLength(20), nil, "no card is so long"},
	{"nine to twelve digits", func(r *rand.Rand) string { return drawn(r, 9+r.IntN(4), "0123456789") }, nil, "nothing is found without a name"},
	{"numbers of 63 bits", func(r *rand.Rand) string { return fmt.Sprint(r.Int64()) }, map[Kind]int{Card: fits(19) * 11 / 9}, "mostly of nineteen digits that do not begin with 0 or 9"},
	{"numbers of 53 bits", func(r *rand.Rand) string { return fmt.Sprint(r.Int64N(1 << 53)) }, map[Kind]int{Card: fits(16) * 10 / 8, NationalID: 100}, "mostly of sixteen digits that do not begin with 0 or 9"},
	{"numbers in order", func(r *rand.Rand) string { return fmt.Sprint(1_000_000_000_000_000 + r.Int64N(1_000_000_000)) }, nil, "no issuer begins with 1"},
	{"snowflakes", func(r *rand.Rand) string { return fmt.Sprint(r.Int64N(1<<41)<<22 | r.Int64N(1<<22)) }, map[Kind]int{Card: fits(19) * 11 / 9, NationalID: 5}, "as numbers of 63 bits"},
	{"milliseconds", func(r *rand.Rand) string { return fmt.Sprint(1_000_000_000_000 + r.Int64N(1_000_000_000_000)) }, nil, "no issuer begins with 1"},
	{"microseconds", func(r *rand.Rand) string { return fmt.Sprint(1_000_000_000_000_000 + r.Int64N(1_000_000_000_000_000)) }, nil, "no issuer begins with 1"},
	{"orders", func(r *rand.Rand) string { return fmt.Sprintf("%04d-%08d", 2000+r.IntN(40), r.IntN(1e8)) }, nil, "four and eight digits are nothing"},
	{"orders of a day", func(r *rand.Rand) string {
		return fmt.Sprintf("20%02d%02d%02d-%04d", 10+r.IntN(30), 1+r.IntN(12), 1+r.IntN(28), r.IntN(1e4))
	}, nil, "nobody born since 2010 is told from them"},
	{"eight digits and four", func(r *rand.Rand) string {
		return drawn(r, 8, "0123456789") + "-" + drawn(r, 4, "0123456789")
	}, map[Kind]int{NationalID: 110}, "11 in 1,000 have the century of a Swede, 7 in 100 of those a day, 1 in 10 fits"},
	{"three, two and four digits", func(r *rand.Rand) string { return grouped(drawn(r, 9, "0123456789"), "-", 3, 2, 4) }, nil, "there is no check digit, so a word must say it"},
	{"fourteen digits that begin with 3", func(r *rand.Rand) string { return "3" + drawn(r, 13, "0123456789") }, map[Kind]int{Card: 11_000}, "those that begin with 36, of Diners Club"},
	{"sixteen digits behind letters and a hyphen", func(r *rand.Rand) string {
		return []string{"ORD-", "INV-2026-", "a-"}[r.IntN(3)] + "4" + drawn(r, 15, "0123456789")
	}, nil, "a name is not a card"},
	{"sixteen digits before a hyphen and letters", func(r *rand.Rand) string { return "4" + drawn(r, 15, "0123456789") + "-EU" }, nil, "the same"},
	{"sixteen digits in addresses", func(r *rand.Rand) string {
		n := "4" + drawn(r, 15, "0123456789")
		return []string{"https://example.org/orders/" + n + "/items", "/orders/" + n, "https://example.org/track?no=" + n + "&lang=en", "www.example.org/" + n}[r.IntN(4)]
	}, nil, "an address is not a card"},
	{"mobile phones of Germany and Austria", func(r *rand.Rand) string {
		return []string{"", "+", "00"}[r.IntN(3)] + []string{"49151", "49176", "43664"}[r.IntN(3)] + drawn(r, 8, "0123456789")
	}, nil, "cards of thirteen digits are not issued any more"},
	{"mobile phones in groups", func(r *rand.Rand) string {
		return []string{"", "+", "00"}[r.IntN(3)] + "49 151 " + drawn(r, 8, "0123456789")
	}, nil, "the same"},
	{"the form of a CPF", func(r *rand.Rand) string {
		s := drawn(r, 11, "0123456789")
		return s[:3] + "." + s[3:6] + "." + s[6:9] + "-" + s[9:]
	}, map[Kind]int{NationalID: 11_000}, "two check digits"},
	{"two, three, three and three digits", func(r *rand.Rand) string { return grouped(drawn(r, 11, "0123456789"), " ", 2, 3, 3, 3) }, map[Kind]int{NationalID: 4_000}, "one in 290 is a German number"},
	{"digests", func(r *rand.Rand) string { return hex.EncodeToString(noise(r, 32)) }, nil, "letters run into the digits"},
	{"ids of twelve bytes", func(r *rand.Rand) string { return hex.EncodeToString(noise(r, 12)) }, nil, "the same"},
	{"UUIDs", uuid, nil, "hyphens and letters run into the digits"},
	{"names of sixteen capitals and digits", func(r *rand.Rand) string { return drawn(r, 16, capitals+"0123456789") }, map[Kind]int{IBAN: 5, NationalID: 10}, "Belgium's have sixteen, and so has an Italian code"},
	{"names of twenty capitals and digits", func(r *rand.Rand) string { return drawn(r, 20, capitals+"0123456789") }, map[Kind]int{IBAN: 5, CloudSecret: 20}, "one in 400,000 begins with AKIA or its like"},
	{"base64", func(r *rand.Rand) string { return base64.StdEncoding.EncodeToString(noise(r, 30)) }, nil, "anchors are rare, and what follows has no form"},
}

func TestChanceHits(t *testing.T) {
	// Of each sort enough for a rare chance; of all together two millions.
	each := 2_000_000 / len(chances)
	if testing.Short() {
		each = 10_000
	}
	for _, c := range chances {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(15, 4))
			hits := map[Kind]int{}
			var m []Match
			for range each {
				s := c.draw(r)
				if m = all.Find(m[:0], []byte(s)); len(m) > 0 {
					hits[m[0].Kind]++
				}
			}
			for k, n := range hits {
				if allowed := float64(c.bound[k]) * float64(each) / 1e6; float64(n) > allowed+3*math.Sqrt(allowed) {
					t.Errorf("%s: %d of %d, want at most %.1f (%s)", k, n, each, allowed, c.why)
				}
			}
			t.Logf("%s: of %d: %v", c.name, each, hits)
		})
	}
}
