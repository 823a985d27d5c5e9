// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "encoding/binary"

// A rule is what is looked at where an anchor stands.
type rule uint8

const (
	prefixed rule = iota // the anchor begins a token of a known form
	pemBlock
	puttyKey
	jsonKey
	jsonToken
	bearer
	slackHook
	sendGrid
	yettKey
	assigned // the anchor ends in the = before a secret
	sharedSignature
	azureSecret
	awsKeyID
	awsSecret
)

// An anchor is text that stands in everything of a form.
type anchor struct {
	text string
	next string // one of these follows; "": anything
	rule rule
	kind set
	// Of a token with a known prefix, and of what is assigned:
	body     uint8 // its bytes
	min, max int   // how many; max 0: any number
}

const (
	hexDigits    = "0123456789abcdef"
	base32Digits = "234567ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	idDigits     = base32Digits + "0189"
	labelBytes   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_~.-"
)

var anchors = []anchor{
	// JSON Web Tokens: base64url of {" and of { with a blank or a line break behind it.
	{text: "ey", next: "JA", rule: jsonToken, kind: tokens},
	{text: "ew", next: "o0kg", rule: jsonToken, kind: tokens},
	{text: "Bearer ", rule: bearer, kind: tokens},
	{text: "bearer ", rule: bearer, kind: tokens},
	{text: "yett_k", rule: yettKey, kind: tokens},
	// GitHub
	{text: "ghp_", kind: tokens, body: isWord, min: 36},
	{text: "gho_", kind: tokens, body: isWord, min: 36},
	{text: "ghu_", kind: tokens, body: isWord, min: 36},
	{text: "ghs_", kind: tokens, body: isWord, min: 36},
	{text: "ghr_", kind: tokens, body: isWord, min: 36},
	{text: "github_pat_", kind: tokens, body: isWord, min: 50},
	// GitLab
	{text: "glpat-", kind: tokens, body: isLabel, min: 20},
	{text: "gldt-", kind: tokens, body: isLabel, min: 20},
	{text: "glrt-", kind: tokens, body: isLabel, min: 20},
	{text: "glcbt-", kind: tokens, body: isLabel, min: 20},
	{text: "glptt-", kind: tokens, body: isLabel, min: 20},
	{text: "glft-", kind: tokens, body: isLabel, min: 20},
	{text: "glsoat-", kind: tokens, body: isLabel, min: 20},
	{text: "gloas-", kind: tokens, body: isLabel, min: 20},
	{text: "glagent-", kind: tokens, body: isLabel, min: 20},
	// Slack
	{text: "xoxa-", kind: tokens, body: isURL, min: 20},
	{text: "xoxb-", kind: tokens, body: isURL, min: 20},
	{text: "xoxc-", kind: tokens, body: isURL, min: 20},
	{text: "xoxd-", kind: tokens, body: isURL, min: 20},
	{text: "xoxe-", kind: tokens, body: isURL, min: 20},
	{text: "xoxo-", kind: tokens, body: isURL, min: 20},
	{text: "xoxp-", kind: tokens, body: isURL, min: 20},
	{text: "xoxr-", kind: tokens, body: isURL, min: 20},
	{text: "xoxs-", kind: tokens, body: isURL, min: 20},
	{text: "xoxe.xox", kind: tokens, body: isURL, min: 20},
	{text: "xapp-", kind: tokens, body: isURL, min: 20},
	{text: "hooks.slack.com/services/", rule: slackHook, kind: tokens},
	// Stripe, and what signs webhooks
	{text: "sk_live_", kind: tokens, body: isAlnum, min: 20},
	{text: "rk_live_", kind: tokens, body: isAlnum, min: 20},
	{text: "whsec_", kind: tokens, body: isBase64, min: 24},
	// Package registries
	{text: "npm_", kind: tokens, body: isAlnum, min: 36, max: 36},
	{text: "pypi-AgE", kind: tokens, body: isURL, min: 40},
	{text: "dckr_pat_", kind: tokens, body: isURL, min: 24},
	// Other services
	{text: "SG.", rule: sendGrid, kind: tokens},
	{text: "SK", next: hexDigits, kind: tokens, body: isHex, min: 32, max: 32},
	{text: "dop_v1_", kind: tokens, body: isHex, min: 64, max: 64},
	{text: "doo_v1_", kind: tokens, body: isHex, min: 64, max: 64},
	{text: "shpat_", kind: tokens, body: isAlnum, min: 32, max: 32},
	{text: "shpss_", kind: tokens, body: isAlnum, min: 32, max: 32},
	{text: "hvs.", kind: tokens, body: isURL, min: 24},
	{text: "hvb.", kind: tokens, body: isURL, min: 24},
	{text: "dapi", next: hexDigits, kind: tokens, body: isHex, min: 32, max: 32},

	// Amazon
	{text: "AKIA", next: idDigits, rule: awsKeyID, kind: clouds},
	{text: "ASIA", next: idDigits, rule: awsKeyID, kind: clouds},
	{text: "ABIA", next: idDigits, rule: awsKeyID, kind: clouds},
	{text: "ACCA", next: idDigits, rule: awsKeyID, kind: clouds},
	{text: "ecret", rule: awsSecret, kind: clouds},
	{text: "ECRET", rule: awsSecret, kind: clouds},
	{text: "IQoJb3JpZ2lu", kind: clouds, body: isBase64, min: 88},
	{text: "FwoGZXIvYXdz", kind: clouds, body: isBase64, min: 88},
	// Google
	{text: "AIza", kind: clouds, body: isURL, min: 35, max: 35},
	{text: "GOCSPX-", kind: clouds, body: isURL, min: 24},
	{text: "ya29.", kind: clouds, body: isURL, min: 30},
	// Microsoft
	{text: "AccountKey=", rule: assigned, kind: clouds, body: isBase64, min: 40},
	{text: "accountkey=", rule: assigned, kind: clouds, body: isBase64, min: 40},
	{text: "SharedAccessKey=", rule: assigned, kind: clouds, body: isBase64, min: 40},
	{text: "sharedaccesskey=", rule: assigned, kind: clouds, body: isBase64, min: 40},
	{text: "sig=", rule: sharedSignature, kind: clouds},
	{text: "Q~", next: labelBytes, rule: azureSecret, kind: clouds},

	{text: "BEGIN ", rule: pemBlock, kind: privateKeys},
	{text: "PuTTY-User-Key-File-", rule: puttyKey, kind: privateKeys},
	{text: `"kty`, next: `"\`, rule: jsonKey, kind: privateKeys},
	{text: "AGE-SECRET-KEY-1", kind: privateKeys, body: isUpper | isDigit, min: 58, max: 58},
}

// kindOf is the Kind of a set of one.
var kindOf = func() (m [everything + 1]Kind) {
	for i, k := range Kinds() {
		m[1<<i] = k
	}
	return m
}()

// A pairTable says, for two bytes in a row, which group of leads they belong to; 0: to none.
type pairTable [1 << 16]uint8

func pairOf(a, b byte) uint16 { return uint16(a) | uint16(b)<<8 }

// A lead says that an anchor may begin offset bytes before a pair.
type lead struct {
	*anchor
	offset      uint8
	first, mask uint32 // its first four bytes, or as many as it has
}

func (l *lead) matches(text []byte, from int) bool {
	if from < 0 || from+4 > len(text) || binary.LittleEndian.Uint32(text[from:])&l.mask != l.first {
		return false // nothing is found in less than four bytes
	}
	a := l.anchor
	end := from + len(a.text)
	if end > len(text) || string(text[from:end]) != a.text {
		return false
	}
	if a.next == "" {
		return true
	}
	if end == len(text) {
		return false
	}
	for i := range len(a.next) {
		if a.next[i] == text[end] {
			return true
		}
	}
	return false
}

// lead fills the table. Pairs are looked up at even places only, so each anchor has one that begins at an even distance
// from its beginning and one at an odd: those that ordinary text holds least often.
func (d *Detector) lead() {
	d.groups = make([][]lead, 1)
	for i := range anchors {
		a := &anchors[i]
		if a.kind&d.kinds == 0 {
			continue
		}
		for parity := range 2 {
			d.addPairs(a, rarest(a, parity))
		}
	}
}

// rarest returns where in an anchor the rarest pair of a parity begins; the last may reach into what follows.
func rarest(a *anchor, parity int) int {
	best, least := -1, 0
	for i := parity; i < len(a.text); i += 2 {
		often := 0
		if i+1 < len(a.text) {
			often = frequency[a.text[i]] * frequency[a.text[i+1]]
		} else {
			for j := range len(a.next) {
				often += frequency[a.text[i]] * frequency[a.next[j]]
			}
			if a.next == "" {
				continue
			}
		}
		if best < 0 || often < least {
			best, least = i, often
		}
	}
	return best
}

func (d *Detector) addPairs(a *anchor, i int) {
	next := a.next
	if i+1 < len(a.text) {
		next = a.text[i+1 : i+2]
	}
	for j := range len(next) {
		p := pairOf(a.text[i], next[j])
		g := d.pairs[p]
		if g == 0 {
			g = uint8(len(d.groups))
			d.pairs[p] = g
			d.groups = append(d.groups, nil)
		}
		l := lead{anchor: a, offset: uint8(i)}
		for k := range min(4, len(a.text)) {
			l.first |= uint32(a.text[k]) << (8 * k)
			l.mask |= 0xff << (8 * k)
		}
		d.groups[g] = append(d.groups[g], l)
	}
}

// frequency is how often, roughly and in thousandths, a byte stands in JSON and in prose.
var frequency = func() (f [256]int) {
	for c := range f {
		switch {
		case c >= 'A' && c <= 'Z':
			f[c] = 6
		case c >= '0' && c <= '9':
			f[c] = 15
		case c > ' ' && c < 0x7f:
			f[c] = 3
		default:
			f[c] = 1
		}
	}
	for c, n := range map[byte]int{
		' ': 120, 'e': 95, 't': 70, 'a': 65, 'o': 60, 'i': 58, 'n': 56, 's': 52, 'r': 50, '"': 80, 'd': 36, 'l': 34, 'h': 34,
		'c': 28, 'u': 26, 'm': 22, 'p': 20, 'f': 18, 'g': 16, 'y': 15, 'b': 14, 'w': 12, 'v': 9, 'k': 8, 'x': 3, 'j': 2, 'q': 2, 'z': 2,
		',': 40, ':': 40, '.': 15, '_': 12, '-': 15, '/': 8, '=': 2, '~': 1,
	} {
		f[c] = n
	}
	return f
}()
