// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"
	"slices"
)

// public are the parameters of addresses that are signed in advance: the name of the key that signed, and a signature which is
// good for this address alone, and for some time. Whoever gives such an address away means to.
var public = [][]byte{
	// Amazon, in the older form and the newer
	[]byte("AWSAccessKeyId"), []byte("X-Amz-Credential"), []byte("X-Amz-Security-Token"), []byte("X-Amz-Signature"),
	// Azure
	[]byte("sig"),
	// Google
	[]byte("GoogleAccessId"), []byte("X-Goog-Credential"), []byte("X-Goog-Signature"),
}

const longestPublic = len("X-Amz-Security-Token")

// presigned reports whether what begins at i is the value of such a parameter, and the text one address and nothing else, in a
// place of which a description says what stands there.
func (s *scan) presigned(i int) bool {
	if !s.place.Declared || s.at(i-1) != '=' {
		return false
	}
	begin := i - 1
	for begin > 0 && i-begin <= longestPublic+1 && class[s.text[begin-1]]&isURL != 0 {
		begin--
	}
	if c := s.at(begin - 1); c != '?' && c != '&' {
		return false
	}
	name := s.text[begin : i-1]
	return slices.ContainsFunc(public, func(p []byte) bool { return bytes.EqualFold(p, name) }) && s.link()
}

// link reports whether the text is one address. It is read once.
func (s *scan) link() bool {
	if !s.linked {
		s.linked, s.isLink = true, isLink(s.text)
		s.steps += len(s.text)
	}
	return s.isLink
}

func isLink(text []byte) bool {
	scheme, _, ok := bytes.Cut(text[:min(len(text), len("https://"))], []byte("://"))
	if !ok || !bytes.EqualFold(scheme, []byte("https")) && !bytes.EqualFold(scheme, []byte("http")) {
		return false
	}
	for _, c := range text {
		if apart[c] && c != ',' && c != ';' {
			return false
		}
	}
	return true
}
