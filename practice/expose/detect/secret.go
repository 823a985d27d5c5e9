// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "hash/crc32"

// anchor looks at what an anchor begins.
func (s *scan) anchor(a *anchor, from int) {
	body := from + len(a.text)
	switch a.rule {
	case prefixed:
		// What is not fresh is not read on: it may be in the midst of something long.
		if !s.fresh(from, isAlnum) {
			return
		}
		longest, end := a.max, 0
		if longest > 0 {
			end = s.within(body, longest, a.body)
		} else {
			longest, end = len(s.text), s.run(body, a.body)
		}
		if n := end - body; n >= a.min && n <= longest && s.over(end, isAlnum) {
			s.add(kindOf[a.kind], from, end, false)
		}
	case pemBlock:
		s.pem(from)
	case puttyKey:
		s.putty(from)
	case jsonKey:
		s.jsonKey(from)
	case jsonToken:
		s.jsonToken(from)
	case bearer:
		s.bearer(from, body)
	case slackHook:
		if end := s.run(body, isBase64); end-body >= 30 {
			s.add(Token, body, end, false)
		}
	case sendGrid:
		dot := s.within(body, 22, isURL)
		end := s.within(dot+1, 43, isURL)
		if dot-body == 22 && s.at(dot) == '.' && end-dot-1 == 43 && s.fresh(from, isAlnum) && s.over(end, isURL) {
			s.add(Token, from, end, false)
		}
	case yettKey:
		s.yett(from)
	case assigned:
		end := s.run(body, a.body)
		for pad := end; end < len(s.text) && s.text[end] == '=' && end < pad+2; {
			end++
		}
		if end-body >= a.min {
			s.add(CloudSecret, body, end, false)
		}
	case sharedSignature:
		s.signature(from, body)
	case azureSecret:
		s.azure(from, body)
	case awsKeyID:
		s.awsKeyID(from)
	case awsSecret:
		if c := s.at(from - 1); (c == 's' || c == 'S') && !s.masked(body+1) { // as in [redacted cloud_secret]
			s.awsSecret(body)
		}
	}
}

// bearer finds the token behind the name of its scheme: long, and of letters and digits.
func (s *scan) bearer(from, body int) {
	if !s.fresh(from, isAlnum) {
		return
	}
	for s.at(body) == ' ' {
		body++
	}
	end := s.run(body, isToken)
	if end-body < 20 {
		return
	}
	if seen := s.classes(body, end); seen&isDigit == 0 || seen&isLetter == 0 {
		return
	}
	for s.at(end) == '=' {
		end++
	}
	s.add(Token, body, end, false)
}

// yett finds our own keys (practice apikey): yett_, an id of k and six of base32, _, a secret of 43 of base62, _, and four
// of base32 that are the low 20 bits of the CRC-32 of what stands before.
func (s *scan) yett(from int) {
	const (
		base32 = "0123456789abcdefghjkmnpqrstvwxyz"
		id     = len("yett_k")
		secret = id + 6 + 1
		check  = secret + 43 + 1
		length = check + 4
	)
	if from+length > len(s.text) || !s.over(from+length, isAlnum) || !s.fresh(from, isAlnum) {
		return
	}
	key := s.text[from : from+length]
	if key[secret-1] != '_' || key[check-1] != '_' || s.within(from+id, 6, isDigit|isLower) != from+secret-1 || s.within(from+secret, 43, isAlnum) != from+check-1 {
		return
	}
	sum := crc32.ChecksumIEEE(key[:check-1])
	for i := range 4 {
		if key[check+i] != base32[sum>>(5*(3-i))&31] {
			return
		}
	}
	s.add(Token, from, from+length, false)
}

// signature finds the signature of a shared access signature: 32 bytes as base64, in the query of an address.
func (s *scan) signature(from, body int) {
	if c := s.at(from - 1); c != '?' && c != '&' && c != ';' && !s.has(from-6, `\u0026`) { // an & in HTML, in JSON
		return
	}
	end, n := body, 0
	for end < len(s.text) {
		if class[s.text[end]]&isBase64 != 0 {
			end++
		} else if s.has(end, "%2B") || s.has(end, "%2F") || s.has(end, "%2b") || s.has(end, "%2f") {
			end += 3
		} else {
			break
		}
		n++
	}
	s.steps += end - body
	if n != 43 || !s.over(end, isBase64) {
		return
	}
	if s.has(end, "%3D") || s.has(end, "%3d") {
		end += 3
	} else if s.at(end) == '=' {
		end++
	}
	s.add(CloudSecret, body, end, false)
}

// azure finds the secrets of applications in Entra ID: three of any, a digit, Q~, and 31 to 34 of any.
func (s *scan) azure(from, body int) {
	end := s.within(body, 35, isLabel)
	next := end
	if s.at(end-1) == '.' { // of the sentence
		end--
	}
	for n := range 4 {
		if !s.is(from-1-n, isLabel) {
			return
		}
	}
	if n := end - body; s.is(from-1, isDigit) && n >= 31 && n <= 34 && s.fresh(from-4, isLabel) && s.over(next, isLabel) {
		s.add(CloudSecret, from-4, end, false)
	}
}

// awsKeyID finds the id of an access key, and the secret that is written behind it.
func (s *scan) awsKeyID(from int) {
	const length = 20
	end := s.within(from, length, isUpper|isDigit)
	if end-from != length || !s.over(end, isWord) || !s.fresh(from, isAlnum) {
		return
	}
	s.add(CloudSecret, from, end, false)
	s.awsSecret(end)
}

// gap is how much may stand between the name of a secret and the secret.
const gap = 40

// awsSecret finds forty bytes of base64 behind a name that ends at i. Between them stand letters and punctuation: whatever
// has a digit is something else.
func (s *scan) awsSecret(i int) {
	for limit := i + gap; i < limit && i < len(s.text); i++ {
		if s.has(i, redacted) {
			return // what stood there was the secret of this name
		}
		if !s.over(i, 0) {
			return
		}
		if class[s.text[i]]&isBase64 == 0 {
			continue
		}
		end := s.within(i, awsLength, isBase64)
		seen := s.classes(i, end)
		if awsForm(end-i, seen) && s.over(end, isBase64|isURL) {
			s.later = span{i, end} // what begins in between is looked at first
			return
		}
		if seen&isDigit != 0 || end-i > 16 {
			return
		}
		i = end - 1
	}
}

// awsLength is how long a secret access key is.
const awsLength = 40

// awsForm reports whether n bytes of some classes may be a secret access key. A digest in hex is not.
func awsForm(n int, seen uint8) bool {
	return n == awsLength && seen&isDigit != 0 && seen&isUpper != 0 && seen&isLower != 0
}

// whole looks at a text that is nothing but a secret, told by its name.
func (s *scan) whole() {
	if s.kinds&clouds == 0 || len(s.text) != awsLength {
		return
	}
	var seen uint8
	for _, c := range s.text {
		if class[c]&isBase64 == 0 {
			return
		}
		seen |= class[c]
	}
	if awsForm(awsLength, seen) && s.called(wordsSecret) {
		s.add(CloudSecret, 0, len(s.text), false)
	}
}
