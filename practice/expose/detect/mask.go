// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package detect

// redacted begins what stands in place of a match.
const redacted = "[redacted "

// Mask appends text to dst with each match replaced: a card by stars and its last four digits, an IBAN by its country,
// stars and its last four bytes, anything else by its kind in brackets. Matches are as Find returns them for the text.
// Nothing is found in what it puts there.
func Mask(dst, text []byte, m []Match) []byte {
	at := 0
	for _, found := range m {
		if found.Doubtful {
			continue
		}
		if found.From < at || found.To > len(text) || found.From > found.To {
			continue // of another text
		}
		dst = append(dst, text[at:found.From]...)
		secret := text[found.From:found.To]
		switch found.Kind {
		case Card:
			dst = stars(dst, secret, 4)
		case IBAN:
			dst = append(dst, secret[:min(2, len(secret))]...)
			dst = stars(dst, secret[min(2, len(secret)):], 4)
		default:
			dst = append(dst, redacted...)
			dst = append(dst, found.Kind...)
			dst = append(dst, ']')
		}
		at = found.To
	}
	return append(dst, text[at:]...)
}

// stars appends a star for each letter or digit of a secret but the last few, and these. Blanks and hyphens are left out.
func stars(dst, secret []byte, keep int) []byte {
	n := 0
	for _, c := range secret {
		if class[c]&isAlnum != 0 {
			n++
		}
	}
	for _, c := range secret {
		if class[c]&isAlnum == 0 {
			continue
		}
		if n > keep {
			c = '*'
		}
		dst = append(dst, c)
		n--
	}
	return dst
}
