// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

var all = New(Kinds()...)

// told is what matches say of a text: "card 4111…; token eyJ…".
func told(text string, m []Match) string {
	var b []string
	for _, f := range m {
		s := fmt.Sprintf("%s %s", f.Kind, text[f.From:f.To])
		if f.Partial {
			s += " …"
		}
		b = append(b, s)
	}
	return strings.Join(b, "; ")
}

// example is a text and what is found in it.
type example struct{ name, text, want string }

func run(t *testing.T, examples []example) {
	t.Helper()
	for _, tt := range examples {
		t.Run(tt.name, func(t *testing.T) {
			// Wherever it stands in a text, and whatever the eight bytes that are looked at together.
			for n := range 17 {
				front := strings.Repeat("\n", n)
				text := front + tt.text
				if got := told(text, all.Find(nil, []byte(text))); got != tt.want {
					t.Fatalf("Find(%q): got %q, want %q", text, got, tt.want)
				}
			}
		})
	}
}

func TestCards(t *testing.T) {
	run(t, []example{
		{"a Visa card", "4111111111111111", "card 4111111111111111"},
		{"a Visa card of nineteen digits, named", "PAN: 4000000000000000006", "card 4000000000000000006"},
		{"a Visa card of thirteen digits, named", "Visa 4222222222222", "card 4222222222222"},
		{"one behind a name in one word", "cardNumber=4222222222222", "card 4222222222222"},
		{"a Mastercard card", "5555555555554444", "card 5555555555554444"},
		{"a Mastercard card of the newer range", "2223003122003222", "card 2223003122003222"},
		{"an American Express card", "378282246310005", "card 378282246310005"},
		{"a Discover card", "6011111111111117", "card 6011111111111117"},
		{"a Diners Club card", "36148900647913", "card 36148900647913"},
		{"a card of Carte Blanche, named", "credit card 30569309025904", "card 30569309025904"},
		{"a Diners Club card of sixteen digits", "3056930009020004", "card 3056930009020004"},
		{"a UnionPay card of nineteen digits", "6205500000000000004", "card 6205500000000000004"},
		{"a JCB card", "3530111333300000", "card 3530111333300000"},
		{"a UnionPay card", "6200000000000005", "card 6200000000000005"},
		{"a Maestro card", "6759649826438453", "card 6759649826438453"},
		{"in groups with blanks", "card 4111 1111 1111 1111, thanks", "card 4111 1111 1111 1111"},
		{"in groups with hyphens", "4111-1111-1111-1111", "card 4111-1111-1111-1111"},
		{"American Express as it is printed", "3782 822463 10005", "card 3782 822463 10005"},
		{"Diners Club as it is printed", "3056 930902 5904", "card 3056 930902 5904"},
		{"nineteen digits in groups", "4000 0000 0000 0000 006", "card 4000 0000 0000 0000 006"},
		{"with date and code behind", "4111 1111 1111 1111 1227 123", "card 4111 1111 1111 1111"},
		{"with digits in front", "12 4111 1111 1111 1111", "card 4111 1111 1111 1111"},
		{"two in a row", "4111111111111111,5555555555554444", "card 4111111111111111; card 5555555555554444"},
		{"in a text of JSON", `{"pan":"4111111111111111","n":4111111111111111}`, "card 4111111111111111; card 4111111111111111"},
		{"at the end of a sentence", "It is 4111111111111111.", "card 4111111111111111"},
		{"behind the name of a network and a hyphen", "visa-4111111111111111", "card 4111111111111111"},
		{"behind an equals sign", "x=4111111111111111&y=1", "card 4111111111111111"},
		{"behind a slash that is no address", "paid/4111111111111111", "card 4111111111111111"},
		{"in the next field of a line", "https://example.org/orders/1,4111111111111111", "card 4111111111111111"},
		{"in a parameter that says so", "https://example.org/pay?card_number=4111111111111111&x=1", "card 4111111111111111"},
		{"in a path that says so", "/v1/cards/4111111111111111/limits", "card 4111111111111111"},
		{"behind an address", "see https://example.org/orders/1 4111111111111111", "card 4111111111111111"},
		{"before the end of a sentence with more behind", "4111111111111111. Thanks", "card 4111111111111111"},
		{"behind an escape", `the card:\n4111111111111111`, "card 4111111111111111"},
		{"emphasised", "**4111111111111111**", "card 4111111111111111"},
		{"behind letters of another script", "卡号4111111111111111", "card 4111111111111111"},

		{"thirteen digits without a name", "4222222222222", ""},
		{"thirteen digits in groups", "4222 222 222 222", ""},
		{"nineteen digits of Visa without a name", "4000000000000000006", ""},
		{"fourteen digits of Carte Blanche without a name", "30569309025904", ""},
		{"behind letters and a hyphen", "ORD-4111111111111111", ""},
		{"before a hyphen and letters", "4111111111111111-DE", ""},
		{"groups behind letters and a hyphen", "ORD-4111-1111-1111-1111", ""},
		{"in the path of an address", "https://example.org/orders/4111111111111111/items", ""},
		{"at the end of an address", "(https://example.org/orders/4111111111111111)", ""},
		{"groups in an address", "https://example.org/orders/4111-1111-1111-1111", ""},
		{"in a parameter of an address", "see www.example.org/track?no=4111111111111111.", ""},
		{"in an address without a host", "/orders/4111111111111111", ""},
		{"the name of a file", "4111111111111111.pdf", ""},
		{"an address of mail", "4111111111111111@example.org", ""},
		{"a wrong check digit", "4111111111111112", ""},
		{"no issuer", "9111111111111110", ""},
		{"a length that the issuer has not", "41111111111111113", ""},
		{"within more digits", "004111111111111111", ""},
		{"within a word", "x4111111111111111", ""},
		{"before a letter", "4111111111111111x", ""},
		{"within an identifier", "order_4111111111111111", ""},
		{"a decimal fraction", "0.4111111111111111", ""},
		{"a number with decimals", "4111111111111111.25", ""},
		{"a negative number", "-4111111111111111", ""},
		{"a phone number", "+4111111111111111", ""},
		{"digits before with a hyphen", "2026-4111111111111111", ""},
		{"digits behind with a hyphen", "4111111111111111-2", ""},
		{"unusual groups", "41 1111 1111 1111 11", ""},
		{"mixed separators", "4111 1111-1111 1111", ""},
		{"two blanks", "4111  1111  1111  1111", ""},
		{"masked already", "************1111 2222 3333 4444", ""},
		{"an article number in the range of Visa", "4006381330060", ""},
		{"digits of an IBAN that is wrong", "GB83 WEST 4111 1111 1111 11", ""},
	})
}

func TestIBANs(t *testing.T) {
	run(t, []example{
		{"of Germany", "DE89370400440532013000", "iban DE89370400440532013000"},
		{"of Germany in groups", "IBAN: DE89 3704 0044 0532 0130 00.", "iban DE89 3704 0044 0532 0130 00"},
		{"of Great Britain", "GB82WEST12345698765432", "iban GB82WEST12345698765432"},
		{"of Great Britain in groups", "GB82 WEST 1234 5698 7654 32", "iban GB82 WEST 1234 5698 7654 32"},
		{"of Norway, the shortest", "NO9386011117947", "iban NO9386011117947"},
		{"of Malta, long and mixed", "MT84MALT011000012345MTLCAST001S", "iban MT84MALT011000012345MTLCAST001S"},
		{"of Saint Lucia", "LC55HEMM000100010012001200023015", "iban LC55HEMM000100010012001200023015"},
		{"in small letters", "gb82west12345698765432", "iban gb82west12345698765432"},
		{"with hyphens", "DE89-3704-0044-0532-0130-00", "iban DE89-3704-0044-0532-0130-00"},
		{"between others", "x DE89370400440532013000 NO9386011117947 x", "iban DE89370400440532013000; iban NO9386011117947"},

		{"a wrong check", "DE88370400440532013000", ""},
		{"of no country", "QQ89370400440532013000", ""},
		{"a digit too few", "DE8937040044053201300", ""},
		{"a digit too many", "DE893704004405320130000", ""},
		{"letters where digits belong", "DE0537040044053201300A", ""},
		{"within a word", "XDE89370400440532013000", ""},
		{"large and small letters", "Gb82WEST12345698765432", ""},
		{"groups that are not of four", "DE8 9370 4004 4053 2013 000", ""},
	})
}

func TestNationalIDs(t *testing.T) {
	run(t, []example{
		{"a US number", "SSN 219-09-9999", "national_id 219-09-9999"},
		{"a US number of a taxpayer", "tax: 912-70-1234", "national_id 912-70-1234"},
		{"a US number in words", "Social Security # 219-09-9999", "national_id 219-09-9999"},
		{"several US numbers", "SSNs: 219-09-9999, 219-09-9998 and 219-09-9997", "national_id 219-09-9999; national_id 219-09-9998; national_id 219-09-9997"},
		{"a US number without hyphens, named", "ssn: 219099999", "national_id 219099999"},
		{"a German number as it is printed", "36 574 261 809", "national_id 36 574 261 809"},
		{"a German number, named", "Steuer-ID: 36574261809", "national_id 36574261809"},
		{"a German number under a general name", `"tax_id":"65929970489"`, "national_id 65929970489"},
		{"a Dutch number, named", "BSN 111222333", "national_id 111222333"},
		{"a Spanish number, named", "DNI 12345678Z", "national_id 12345678Z"},
		{"a Spanish number with a hyphen", "dni: 12345678-Z", "national_id 12345678-Z"},
		{"a Spanish number of a foreigner", "NIE X1234567L", "national_id X1234567L"},
		{"an Italian code", "RSSMRA85T10A562S", "national_id RSSMRA85T10A562S"},
		{"an Italian code in small letters", "cf rssmra85t10a562s", "national_id rssmra85t10a562s"},
		{"a French number", "295109912611193", "national_id 295109912611193"},
		{"a French number as it is printed", "2 95 10 99 126 111 93", "national_id 2 95 10 99 126 111 93"},
		{"a French number from Corsica", "253072B07300470", "national_id 253072B07300470"},
		{"a British number as it is printed", "AB 12 34 56 C", "national_id AB 12 34 56 C"},
		{"a British number, named", "NI number: AB123456C", "national_id AB123456C"},
		{"a Swedish number with its century", "19811218-9876", "national_id 19811218-9876"},
		{"a Swedish number, named", "personnummer 811218-9876", "national_id 811218-9876"},
		{"a Swedish number without hyphen, named", "pnr 8112189876", "national_id 8112189876"},
		{"a Polish number, named", `"pesel": "44051401359"`, "national_id 44051401359"},
		{"a Brazilian number", "529.982.247-25", "national_id 529.982.247-25"},
		{"a Brazilian number, named", "cpf=52998224725", "national_id 52998224725"},
		{"a Belgian number", "85.07.30-033.28", "national_id 85.07.30-033.28"},
		{"a Belgian number, named", "Rijksregisternummer: 85073003328", "national_id 85073003328"},
		{"a Swiss number", "756.9217.0769.85", "national_id 756.9217.0769.85"},
		{"a Swiss number without points", "7569217076985", "national_id 7569217076985"},
		{"a name in another style", `{"nationalIdNumber":"44051401359"}`, "national_id 44051401359"},

		{"an area that the US never gave", "666-09-9999", ""},
		{"a group that the US never gave", "219-00-9999", ""},
		{"a serial that the US never gave", "219-09-0000", ""},
		{"a US number without a name", "219-09-9999", ""},
		{"a US number without hyphens", "219099999", ""},
		{"nine digits that are called an id", "ID number 219099998", ""},
		{"a US number in more digits", "1-219-09-9999", ""},
		{"a German number without a name", "36574261809", ""},
		{"a wrong German check digit", "36 574 261 808", ""},
		{"a German number in which no digit repeats", "12 345 678 903", ""},
		{"a Dutch number without a name", "111222333", ""},
		{"a wrong Dutch number", "BSN 111222334", ""},
		{"a Spanish number without a name", "12345678Z", ""},
		{"a wrong Spanish letter", "DNI 12345678A", ""},
		{"a wrong Italian letter", "RSSMRA85T10A562T", ""},
		{"a French number of a wrong key", "295109912611194", ""},
		{"a British prefix that is not given", "GB 12 34 56 C", ""},
		{"a British number without a name", "AB123456C", ""},
		{"a Swedish number of no day", "19811318-9875", ""},
		{"an order of a day with its number", "20261218-9874", ""},
		{"a Polish number without a name", "44051401359", ""},
		{"a wrong Brazilian number", "529.982.247-24", ""},
		{"a Brazilian number of one digit", "111.111.111-11", ""},
		{"a wrong Belgian key", "85.07.30-033.29", ""},
		{"a wrong Swiss check digit", "756.9217.0769.84", ""},
		{"a word that only holds the name", "testing 65929970489", ""},
		{"a word that only begins with the name", "tinted 65929970489", ""},
		{"a name far away", "pesel" + strings.Repeat(" x", 30) + " 44051401359", ""},
	})
}

func TestATextMayBeToldByItsName(t *testing.T) {
	secret := "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"
	for _, tt := range []struct{ name, of, text, want string }{
		{"a Dutch number", "bsn", "111222333", "national_id 111222333"},
		{"a Spanish number", "customerDni", "12345678Z", "national_id 12345678Z"},
		{"a general name", "national-id", "44051401359", "national_id 44051401359"},
		{"a long name", "the_national_id_number_of_the_person_who_ordered", "44051401359", "national_id 44051401359"},
		{"a secret of AWS", "secretAccessKey", secret, "cloud_secret " + secret},
		{"a secret of AWS by a short name", "aws_secret", secret, "cloud_secret " + secret},
		{"another name", "reference", "111222333", ""},
		{"a name that only holds the word", "absnormal", "111222333", ""},
		{"a digest under the name of a secret", "secret_hash", "da39a3ee5e6b4b0d3255bfef95601890afd80709", ""},
		{"a text under another name", "etag", secret, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := told(tt.text, all.FindAt(nil, Place{Name: []byte(tt.of)}, []byte(tt.text))); got != tt.want {
				t.Errorf("FindAt(%q, %q): got %q, want %q", tt.of, tt.text, got, tt.want)
			}
		})
	}
}

// Where other numbers of the same form are expected, one is told and stays.
func TestWhatAPlaceExpectsIsDoubtful(t *testing.T) {
	declared, number := Place{Declared: true}, Place{Declared: true, Number: true}
	for _, tt := range []struct {
		name string
		at   Place
		of   string // the name of the text
		text string
		want string // "doubt", a kind, or nothing
	}{
		{"a number where one is declared", number, "total", "4111111111111111", "doubt"},
		{"more than a number where one is declared", number, "total", "no 4111111111111111", "card"},
		{"a number under the name of a card", number, "card_number", "4111111111111111", "card"},
		{"a number under the name of a card in capitals", number, "PAN", "4111111111111111", "card"},
		{"a number that is called a tax number", number, "ssn", "219099999", "national_id"},
		{"a French number where a number is declared", number, "code", "295109912611193", "doubt"},
		{"a French number under its name", number, "nir", "295109912611193", "national_id"},
		{"a Swiss number where a number is declared", number, "code", "7569217076985", "doubt"},
		{"a Swiss number under its name", number, "ahv_nummer", "7569217076985", "national_id"},
		{"an id", declared, "order_id", "4111111111111111", "doubt"},
		{"an id in another style", declared, "orderId", "4111111111111111", "doubt"},
		{"an id in one word", declared, "orderid", "4111111111111111", "doubt"},
		{"ids", declared, "orderIDs", "4111111111111111", "doubt"},
		{"a reference", declared, "payment_reference", "4111111111111111", "doubt"},
		{"what is tracked", declared, "trackingNumber", "4111111111111111", "doubt"},
		{"a phone with its plus", declared, "phone", "+4111111111111111", ""},
		{"an id that is a French number", declared, "order_id", "295109912611193", "doubt"},
		{"an id of a card", declared, "card_id", "4111111111111111", "card"},
		{"the number of a card", declared, "number", "4111111111111111", "card"},
		{"a remark", declared, "remark", "4111111111111111", "card"},
		{"a word that only holds id", declared, "paid", "4111111111111111", "card"},
		{"an id in groups", declared, "order_id", "4111-1111-1111-1111", "card"},
		{"an id with more in it", declared, "order_id", "4111111111111111 12/27", "card"},
		{"an id where nothing is declared", Place{}, "order_id", "4111111111111111", "card"},
		{"a text without a name", declared, "", "4111111111111111", "card"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.at.Name = []byte(tt.of)
			m := all.FindAt(nil, tt.at, []byte(tt.text))
			got := ""
			for _, f := range m {
				if got = string(f.Kind); f.Doubtful {
					got = "doubt"
				}
			}
			if got != tt.want {
				t.Errorf("%q under %q: got %q, want %q", tt.text, tt.of, got, tt.want)
			}
			if masked := string(Mask(nil, []byte(tt.text), m)); (masked == tt.text) != (tt.want == "doubt" || tt.want == "") {
				t.Errorf("%q under %q: masked %q", tt.text, tt.of, masked)
			}
		})
	}
}

// Lengths that a network hardly issues are found where they stand in groups, or behind a word.
func TestSeldomLengths(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 8))
	tried := 0
	for _, n := range networks {
		for length := 13; length <= 19; length++ {
			if n.seldom>>length&1 == 0 {
				continue
			}
			tried++
			one := n
			one.lengths = 1 << length
			number := bare(cardSeed(r, one).text)
			groups := grouped(number, " ", 4, 4, 4, 4, 4)
			if length < 16 {
				groups = grouped(number, " ", 4, 6, 5)
			}
			for text, want := range map[string]string{number: "", "card: " + number: "card " + number, groups: "card " + groups} {
				if length == 13 && text == groups {
					continue // nobody prints them so
				}
				if got := told(text, all.Find(nil, []byte(text))); got != want && !strings.HasPrefix(got, "national_id") {
					t.Errorf("%q: found %q, want %q", text, got, want)
				}
			}
		}
	}
	if tried == 0 {
		t.Error("no network has any")
	}
}

func TestADetectorFindsOnlyItsKinds(t *testing.T) {
	text := []byte("4111111111111111 DE89370400440532013000 ssn 219-09-9999 yett ghp_" + strings.Repeat("a1B2", 9) + " AKIA" + "IOSFODNN7EXAMPLE -----BEGIN " + "PRIVATE KEY-----\n" + strings.Repeat("MIIE", 16) + "\n-----END PRIVATE KEY-----")
	order := []Kind{Card, IBAN, NationalID, Token, CloudSecret, PrivateKey}
	for n := range 1 << len(order) {
		var kinds, got []Kind
		for i, k := range order {
			if n>>i&1 != 0 {
				kinds = append(kinds, k)
			}
		}
		for _, m := range New(kinds...).Find(nil, text) {
			got = append(got, m.Kind)
		}
		if !slices.Equal(got, kinds) {
			t.Errorf("New(%v) found %v", kinds, got)
		}
	}
	if New(Card, "nonsense") != New(Card) || New(Card) == New(IBAN) {
		t.Error("Detectors of the same kinds are one, of others not")
	}
}

func TestFindAppends(t *testing.T) {
	mine := []Match{{Kind: Token, From: 5, To: 900}}
	got := all.Find(mine, []byte("4111111111111111"))
	if want := []Match{mine[0], {Kind: Card, From: 0, To: 16}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestMask(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"a card keeps its last four digits", "pay 4111 1111 1111 1111 now", "pay ************1111 now"},
		{"an IBAN keeps its country and its end", "DE89 3704 0044 0532 0130 00!", "DE****************3000!"},
		{"anything else is named", "key AKIA" + "IOSFODNN7EXAMPLE.", "key [redacted cloud_secret]."},
		{"several", "4111111111111111,ssn=219-09-9999", "************1111,ssn=[redacted national_id]"},
		{"nothing", "nothing here", "nothing here"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Mask([]byte("> "), []byte(tt.text), all.Find(nil, []byte(tt.text)))
			if string(got) != "> "+tt.want {
				t.Errorf("got %q, want %q", got, "> "+tt.want)
			}
		})
	}
	odd := []Match{{Kind: Card, From: 3, To: 2}, {Kind: Token, To: 90}, {Kind: Card, To: 1}, {Kind: Token, To: 1}}
	if got := Mask(nil, []byte("ab"), odd); string(got) != "ab" {
		t.Errorf("matches of another text: got %q", got)
	}
}

func TestNothingIsAllocatedWhereNothingIsFound(t *testing.T) {
	name := []byte(strings.Repeat("x", 99))
	for _, w := range workloads {
		text := fill(2, w.piece)
		if n := testing.AllocsPerRun(10, func() {
			if m := all.FindAt(nil, Place{Name: name}, text); len(m) > 0 && w.name != "digits" {
				t.Fatalf("%s: found %s", w.name, told(string(text), m))
			}
		}); n > 0 && w.name != "digits" { // one in thirty of these is a card
			t.Errorf("%s: %v allocations", w.name, n)
		}
	}
}
