// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"crypto/rand"
	"errors"
	"hash/crc32"
)

// Pattern finds our keys in any text, for secret scanners: RE2 syntax, no anchors. A scanner that also computes the
// check (see ParseKey) is wrong once in a million random matches of the pattern.
const Pattern = `yett_k[0-9a-hjkmnp-tv-z]{6}_[0-9A-Za-z]{43}_[0-9a-hjkmnp-tv-z]{4}`

const (
	prefix     = "yett_"
	idLen      = 7
	secretLen  = 43
	checkLen   = 4
	keyLen     = len(prefix) + idLen + 1 + secretLen + 1 + checkLen
	checkStart = keyLen - checkLen
)

const (
	// base32 is lower case without i, l, o and u: nothing in it is read as something else.
	base32 = "0123456789abcdefghjkmnpqrstvwxyz"
	base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

const (
	in32 = 1 << iota
	in62
)

var class = func() (t [256]uint8) {
	for i := range len(base32) {
		t[base32[i]] |= in32
	}
	for i := range len(base62) {
		t[base62[i]] |= in62
	}
	return t
}()

var (
	errLength = errors.New("not as long as a key")
	errForm   = errors.New("not of the form of a key")
	errCheck  = errors.New("the check does not fit: mistyped or cut off")
)

// ParseKey returns the public id of a key as it is presented: yett_<id>_<secret>_<check>. The id is k and six
// characters of base32, the secret 43 of base62, the check four of base32: the low 20 bits of the CRC-32 (IEEE 802.3) of
// all that stands before its underscore. Nothing is trimmed, folded or completed: one key has one spelling.
//
// It stops mistyped, shortened and oversized keys before anything is hashed or looked up. It does not say that the key exists. Errors hold
// no part of the key.
func ParseKey(s string) (id string, err error) {
	if len(s) != keyLen {
		return "", errLength
	}
	const idEnd = len(prefix) + idLen
	if s[:len(prefix)] != prefix || s[idEnd] != '_' || s[checkStart-1] != '_' {
		return "", errForm
	}
	id = s[len(prefix):idEnd]
	if !ValidID(id) || !all(s[idEnd+1:checkStart-1], in62) || !all(s[checkStart:], in32) {
		return "", errForm
	}
	// The check is public arithmetic on what the caller sent: no secret of ours, so no need for constant time.
	if check := checkOf(s[:checkStart-1]); string(check[:]) != s[checkStart:] {
		return "", errCheck
	}
	return id, nil
}

// ValidID reports whether s has the form of a key's public id.
func ValidID(s string) bool { return len(s) == idLen && s[0] == 'k' && all(s[1:], in32) }

func all(s string, in uint8) bool {
	for i := range len(s) {
		if class[s[i]]&in == 0 {
			return false
		}
	}
	return true
}

// checkOf is the check of what stands before it. The loop is crc32.ChecksumIEEE for a string, which that would copy.
func checkOf(before string) (check [checkLen]byte) {
	sum := ^uint32(0)
	for i := range len(before) {
		sum = crc32.IEEETable[byte(sum)^before[i]] ^ sum>>8
	}
	sum = ^sum
	for i := range check {
		check[i] = base32[sum>>(5*(checkLen-1-i))&31]
	}
	return check
}

// newKey makes a key of 256 bits (43 characters of base62 hold 256.03) and its id.
func newKey() (id, key string) {
	b := make([]byte, 0, keyLen)
	b = append(b, prefix...)
	b = append(b, 'k')
	b = appendRandom(b, idLen-1, base32)
	b = append(b, '_')
	b = appendRandom(b, secretLen, base62)
	check := checkOf(string(b))
	b = append(append(b, '_'), check[:]...)
	key = string(b)
	return key[len(prefix) : len(prefix)+idLen], key
}

// appendRandom draws n characters of alphabet, all equally likely: what a byte cannot spread evenly is drawn again.
func appendRandom(dst []byte, n int, alphabet string) []byte {
	mask := byte(31)
	if len(alphabet) > 32 {
		mask = 63
	}
	var pool [64]byte
	for n > 0 {
		_, _ = rand.Read(pool[:]) // never fails: crypto/rand ends the program first
		for _, c := range pool {
			if i := int(c & mask); i < len(alphabet) && n > 0 {
				dst = append(dst, alphabet[i])
				n--
			}
		}
	}
	return dst
}
