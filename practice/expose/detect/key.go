// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import "bytes"

// enough is how many bytes of base64 make a key of what stands behind its first line. Less is a text about keys.
const enough = 16

// pem finds the block of a private key at its BEGIN: of PKCS #8 and its forerunners, of OpenSSH and SSH2, and of PGP (RFC
// 7468, RFC 4716, RFC 9580). Line breaks may be \n, as where a key stands in a variable. A block that ends with the text
// is Partial; one that breaks off otherwise ends where it does.
func (s *scan) pem(begin int) {
	const word = "BEGIN "
	from := begin - 5
	if !s.has(from, "-----") {
		if !s.has(from, "---- ") {
			return
		}
	}
	label := s.past(begin+len(word), isUpper|isDigit)
	for s.at(label) == ' ' && label-begin < 64 {
		label = s.past(label+1, isUpper|isDigit)
	}
	if !bytes.Contains(s.text[begin:label], []byte("PRIVATE KEY")) {
		return
	}
	body := label
	if !s.has(body, "-----") && !s.has(body-1, " ----") {
		return
	}
	for s.at(body) == '-' && body < label+5 {
		body++
	}
	end, n := s.lines(body, len(s.text))
	s.steps += end - body
	switch {
	case n < enough:
	case end == len(s.text):
		s.add(PrivateKey, from, end, true)
	case s.has(end, "-----END ") || s.has(end, "---- END "):
		stop := s.past(end+len("-----END "), isUpper|isDigit)
		for s.at(stop) == ' ' && s.is(stop+1, isUpper) {
			stop = s.past(stop+1, isUpper|isDigit)
		}
		for dashes := 0; dashes < 5 && (s.at(stop) == '-' || s.at(stop) == ' ' && s.at(stop+1) == '-'); dashes++ {
			stop++
		}
		s.add(PrivateKey, from, stop, stop == len(s.text) && s.text[stop-1] != '-')
	default:
		for space(s.at(end - 1)) {
			end--
		}
		s.add(PrivateKey, from, end, false)
	}
}

// lines walks over lines of base64 from i on, with fields such as Proc-Type before them. It returns where they end, at limit
// at the latest, and how many bytes of base64 there are.
func (s *scan) lines(i, limit int) (end, n int) {
	fields := 0
	begins := true
	for i < limit {
		c := s.text[i]
		switch {
		case c == '\\': // of \n, or of \\n where JSON stands in JSON, or of \/
			next := i
			for s.at(next) == '\\' {
				next++
			}
			if c = s.at(next); c != 'n' && c != 'r' && c != 't' && c != '/' {
				return i, n
			}
			i = next + 1
			begins = c != '/'
		case space(c):
			i++
			begins = true
		case begins && n < enough && fields < 8 && s.field(i) > i: // fields stand in front
			i = s.field(i)
			fields++
			n = 0
		case class[c]&isBase64 != 0 || c == '=':
			i++
			n++
			begins = false
		default:
			return i, n
		}
	}
	return min(i, limit), n
}

// field returns where the field that begins at i ends with its line; i if there is none.
func (s *scan) field(i int) int {
	colon := s.past(i, isLetter|isHyphen)
	if colon == i || colon-i > 32 || s.at(colon) != ':' || s.at(colon+1) != ' ' {
		return i
	}
	end := colon
	for end < len(s.text) && s.text[end] != '\n' && s.text[end] != '\\' {
		if end++; end-i > 256 {
			return i
		}
	}
	return end
}

// putty finds a key file of PuTTY, from its first line to its code at the end.
func (s *scan) putty(from int) {
	const head = "PuTTY-User-Key-File-"
	if v := s.at(from + len(head)); v < '1' || v > '3' || s.at(from+len(head)+1) != ':' {
		return
	}
	region := s.text[from+len(head):]
	defer func() { s.steps += len(region) }()                 // of which each search reads all
	if next := bytes.Index(region, []byte(head)); next >= 0 { // so that many heads are not each read to the end
		region = region[:next]
	}
	if masked := bytes.Index(region, []byte(redacted)); masked >= 0 {
		region = region[:masked]
	}
	base := from + len(head)
	private := bytes.Index(region, []byte("Private-Lines: "))
	if private < 0 || private > longestKey {
		if base+len(region) == len(s.text) && bytes.Contains(region, []byte("Public-Lines: ")) {
			s.add(PrivateKey, from, len(s.text), true)
		}
		return
	}
	region = region[:min(len(region), private+longestKey)]
	code := bytes.Index(region[private:], []byte("Private-MAC: "))
	if code < 0 {
		end, _ := s.lines(s.past(base+private+len("Private-Lines: "), isDigit), base+len(region))
		s.add(PrivateKey, from, end, end == len(s.text))
		return
	}
	code += base + private + len("Private-MAC: ")
	end := s.past(code, isHex)
	s.add(PrivateKey, from, end, end == len(s.text) && end-code < 40)
}

// longestKey is how long either half of a key of PuTTY may be.
const longestKey = 16 << 10

// jsonKey finds a JSON Web Key with a private member (RFC 7517): the object that its kty stands in. at is the quote.
func (s *scan) jsonKey(at int) {
	if at < s.jwk {
		return
	}
	open := s.opening(at, s.jwk) // what was found within it becomes part of it
	if open < 0 {
		s.jwk = at + 1
		return
	}
	end, whole := s.closing(at)
	s.jwk = end // each object is read once, however many kty stand in it
	object := s.text[open:end]
	s.steps += len(object)
	if member(object, "d") || member(object, "k") && bytes.Contains(object, []byte(`oct`)) {
		s.add(PrivateKey, open, end, !whole)
	}
}

// opening returns where the object begins that what stands at i is in, not before least; -1: nowhere.
func (s *scan) opening(i, least int) int {
	for depth := 0; i > least; {
		s.steps++
		switch i--; s.text[i] {
		case '}':
			depth++
		case '{':
			if depth == 0 {
				return i
			}
			depth--
		}
	}
	return -1
}

// closing returns where the object ends that what stands at i is in; false: not in this text.
func (s *scan) closing(i int) (int, bool) {
	for depth := 0; i < len(s.text); i++ {
		s.steps++
		switch s.text[i] {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return i + 1, true
			}
			depth--
		}
	}
	return i, false
}

// member reports whether an object has a member of a name of one letter that is text of base64url, at least 16 bytes. Its
// quotes may be escaped, as where JSON stands in JSON.
func member(object []byte, name string) bool {
	for {
		i := bytes.Index(object, []byte(`"`+name))
		if i < 0 {
			return false
		}
		object = object[i+2:]
		rest, ok := quoted(object)
		if !ok {
			continue
		}
		rest = bytes.TrimLeft(rest, " \t\r\n")
		if len(rest) == 0 || rest[0] != ':' {
			continue
		}
		if rest, ok = quoted(bytes.TrimLeft(rest[1:], " \t\r\n")); !ok {
			continue
		}
		n := 0
		for n < len(rest) && class[rest[n]]&isURL != 0 {
			n++
		}
		if n >= enough {
			return true
		}
	}
}

// quoted takes a quote from text.
func quoted(text []byte) ([]byte, bool) {
	if len(text) > 1 && text[0] == '\\' {
		text = text[1:]
	}
	if len(text) == 0 || text[0] != '"' {
		return text, false
	}
	return text[1:], true
}
