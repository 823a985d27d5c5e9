// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"sync"
	"unicode/utf8"

	"yett/jsonstream"
)

// A Mask is what stands in place of a value that a caller may not see as it is.
type Mask string

// The masks, by their word in a description. LeaveOut is no word: it is what happens where none is written.
const (
	LeaveOut Mask = ""
	Redact   Mask = "redact" // *** for text, [] and {} for what holds more, null for all else
	Last4    Mask = "last4"  // ****1111; all of it where there are eight characters or fewer
	Email    Mask = "email"  // a***@example.org; all of it where it is no address
	Hash     Mask = "hash"   // 32 hex digits, the same for equal values of one field and for nothing else
)

// Masks lists all masks.
var Masks = []Mask{Redact, Last4, Email, Hash}

// rank orders what a caller sees by how much it hides.
func (m Mask) rank() int {
	switch m {
	case LeaveOut:
		return 4
	case Redact:
		return 3
	case Hash:
		return 2
	}
	return 1
}

// strictest returns the mask that hides what both hide. Where neither covers the other, nothing is left to see.
func strictest(a, b Mask) Mask {
	switch {
	case a == b || a.rank() > b.rank():
		return a
	case a.rank() < b.rank():
		return b
	}
	return Redact
}

// A masker puts a mask in place of values. It is safe for concurrent use.
type masker struct {
	mask Mask
	// items says that arrays stay, because what they hold is masked item by item.
	items bool
	hash  *hasher // of Hash
}

// value appends the JSON text that stands for a value, whose decoded text is given for strings. false: it stays. A null
// stays: masks hide what a value says, and whether there is one is hidden by leaving it out.
func (m *masker) value(dst []byte, kind jsonstream.Kind, raw, text []byte) ([]byte, bool) {
	switch kind {
	case jsonstream.Null:
		return dst, false
	case jsonstream.Object:
		return append(dst, "{}"...), true
	case jsonstream.Array:
		if m.items && m.mask != Redact {
			return dst, false
		}
		return append(dst, "[]"...), true
	case jsonstream.String:
		if raw == nil { // it is too long to be looked at
			return append(dst, `"***"`...), true
		}
		return m.text(dst, text), true
	case jsonstream.Number:
		if m.mask != Redact {
			return m.text(dst, raw), true
		}
	}
	// A boolean has one bit, which every other mask would tell.
	return append(dst, "null"...), true
}

func (m *masker) text(dst, text []byte) []byte {
	switch m.mask {
	case Last4:
		return append(appendEscaped(append(dst, `"****`...), last4(text)), '"')
	case Email:
		first, domain := mailbox(text)
		return append(appendEscaped(append(appendEscaped(append(dst, '"'), first), "***"...), domain), '"')
	case Hash:
		return append(m.hash.append(append(dst, '"'), text), '"')
	}
	return append(dst, `"***"`...)
}

// shown is how many characters last4 leaves, and hidden how many at least it does not.
const shown, hidden = 4, 5

// last4 returns the last four characters of a text of nine or more, else nothing. How long the text is does not show.
func last4(text []byte) []byte {
	if utf8.RuneCount(text) < shown+hidden {
		return nil
	}
	at := len(text)
	for range shown {
		_, n := utf8.DecodeLastRune(text[:at])
		at -= n
	}
	return text[at:]
}

// maxDomain bounds what is taken for a domain (RFC 1035 section 2.3.4).
const maxDomain = 255

// mailbox returns the first letter of an address and its domain with the @ before it; nothing of what is no address.
func mailbox(text []byte) (first, domain []byte) {
	at := bytes.LastIndexByte(text, '@')
	if at <= 0 || !isDomain(text[at+1:]) {
		return nil, nil
	}
	r, n := utf8.DecodeRune(text[:at])
	if r < '0' || r == utf8.RuneError { // no letter or digit begins so
		n = 0
	}
	return text[:n], text[at:]
}

// isDomain reports whether text has only what domains are made of: behind an @ there may stand whatever a user wrote.
func isDomain(text []byte) bool {
	if len(text) == 0 || len(text) > maxDomain {
		return false
	}
	for _, c := range text {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c >= utf8.RuneSelf:
		default:
			return false
		}
	}
	return true
}

// hashDigits is how many hex digits stand for a value: 128 bits, so that no two values of a field ever meet.
const hashDigits = 32

// A hasher is a keyed hash of one field.
type hasher struct{ pool sync.Pool } // *keyed

// A keyed is one hash, with room for its result.
type keyed struct {
	mac hash.Hash
	sum [sha256.Size]byte
}

// newHasher derives the field's own key, so that equal values of two fields do not look alike.
func newHasher(key []byte, field string) *hasher {
	own := hmac.New(sha256.New, key)
	own.Write([]byte(field))
	sub := own.Sum(nil)
	return &hasher{sync.Pool{New: func() any { return &keyed{mac: hmac.New(sha256.New, sub)} }}}
}

func (h *hasher) append(dst, text []byte) []byte {
	k, ok := h.pool.Get().(*keyed)
	if !ok {
		return append(dst, "***"...) // cannot be: nothing else is put there
	}
	defer h.pool.Put(k)
	k.mac.Reset()
	k.mac.Write(text)
	return hex.AppendEncode(dst, k.mac.Sum(k.sum[:0])[:hashDigits/2])
}

// appendEscaped appends text as it stands inside a JSON string.
func appendEscaped(dst, text []byte) []byte {
	const digits = "0123456789abcdef"
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
