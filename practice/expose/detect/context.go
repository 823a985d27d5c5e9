// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "bytes"

// The words that say what a number is. They are looked for as words, or several written as one, in any case.
var (
	wordsNetherlands  = []string{"bsn", "burgerservicenummer", "sofinummer", "sofi"}
	wordsUnitedStates = []string{
		"ssn", "ssns", "itin", "tin", "social", "socialsecurity", "socialsecurityno", "socialsecuritynumber", "tax", "taxid", "taxnumber",
		"taxpayer", "taxpayerid", "taxidentificationnumber",
	}
	wordsSweden  = []string{"personnummer", "personnr", "pnr", "samordningsnummer"}
	wordsGermany = []string{"steuerid", "steueridnr", "steuernummer", "steueridentifikationsnummer", "identifikationsnummer", "idnr"}
	wordsPoland  = []string{"pesel"}
	wordsBrazil  = []string{"cpf"}
	wordsBelgium = []string{"rijksregisternummer", "rijksregister", "registrenational", "niss", "insz", "rrn"}
	wordsSpain   = []string{"dni", "nie", "nif"}
	wordsBritain = []string{"nino", "nationalinsurance", "insurancenumber", "ninumber"}
	wordsFrance  = []string{"nir", "insee", "numerosecu", "securitesociale", "numerodesecuritesociale"}
	wordsSwiss   = []string{"ahv", "ahvnummer", "ahvnr", "avs", "navs", "oasi", "sozialversicherungsnummer"}

	wordsAnywhere = []string{
		"tin", "nationalid", "nationalidnumber", "nationalnumber", "taxid", "taxnumber", "taxpayerid", "taxidentificationnumber",
		"socialsecurity", "socialsecuritynumber",
	}
	// wordsPerson say less: they count where check digits say the rest.
	wordsPerson = []string{"identitynumber", "personalnumber", "personalid", "personalcode", "idnumber", "citizenid"}

	wordsCard = []string{
		"card", "cards", "cardno", "cardnr", "cardnum", "cardnumber", "cardnumbers", "cardpan", "creditcard", "creditcards", "debitcard", "debitcards",
		"creditcardnumber", "debitcardnumber", "paymentcard", "pan", "pans", "primaryaccountnumber", "cc", "ccno", "ccnum", "ccnumber", "carte", "cartebancaire",
		"cartebleue", "karte", "kartennummer", "kreditkarte", "kreditkartennummer", "kaart", "kaartnummer", "kort", "kortnummer", "carta", "tarjeta", "cartao",
		"visa", "mastercard", "maestro", "amex", "americanexpress", "diners", "dinersclub", "jcb", "unionpay", "girocard", "bancontact",
	}

	wordsSecret = []string{"secret", "secretkey", "secretaccesskey", "awssecretaccesskey"}

	// wordsID say that a number is one of many of its form.
	wordsID = []string{
		"id", "ids", "uid", "uuid", "guid", "orderid", "orderids", "customerid", "userid", "accountid", "transactionid", "paymentid", "productid", "itemid",
		"invoiceid", "requestid", "messageid", "externalid", "parentid", "sessionid", "traceid", "spanid", "eventid", "objectid",
		"order", "orders", "orderno", "ordernr", "ordernumber", "reference", "references", "referenceno", "referencenumber", "ref", "refs", "refno", "tracking", "trackingno",
		"trackingnumber", "trackingcode", "shipment", "parcel", "waybill", "invoice", "invoiceno", "invoicenumber", "ticket", "serial", "serialnumber",
		"phone", "phones", "phoneno", "phonenumber", "telephone", "telephonenumber", "tel", "mobile", "mobileno", "mobilenumber", "cell", "cellphone", "fax", "msisdn", "whatsapp", "handy",
		"telefon", "telefono", "telefoon", "imei", "imsi", "iccid", "ean", "gtin", "upc", "sku", "isbn", "barcode",
	}
)

// reach is how far in front of a number the word may stand.
const reach = 48

// longestMask is how long what Mask writes can be.
const longestMask = len(redacted) + len(CloudSecret) + 1

// context reports whether the name of the text, or a word shortly in front of i, says that an identifier follows.
func (s *scan) context(i int, words []string) bool { return s.says(i, words, wordsAnywhere) }

// says reports whether the name of the text, or the text shortly in front of i, has one of words. It does not look beyond
// another match, or what Mask has put there.
func (s *scan) says(i int, words ...[]string) bool {
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
	for _, w := range words {
		if mentions(before, w...) || s.called(w) {
			return true
		}
	}
	return false
}

// A naming is whether the name of the text has one of a list of words.
type naming struct {
	list *string // its first
	yes  bool
}

// called reports whether the name of the text has one of words. Each list is looked for once, however many numbers ask.
func (s *scan) called(words []string) bool {
	if len(s.place.Name) == 0 {
		return false
	}
	for i := range s.names {
		n := &s.names[i]
		if n.list == nil {
			s.steps += len(s.place.Name)
			*n = naming{&words[0], mentions(s.place.Name, words...)}
		}
		if n.list == &words[0] {
			return n.yes
		}
	}
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
