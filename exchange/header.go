// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"fmt"
	"net/textproto"
	"strings"
)

// A Field is one header field line.
type Field struct{ Name, Value string }

// Header is the fields of a message without its framing fields (Host, Content-Length, Transfer-Encoding, Connection,
// Keep-Alive, Proxy-Connection, TE, Trailer, Upgrade, Expect): those belong to the engine or are members of Request and Answer, so that no step can
// desynchronise them. Names are compared without case. Fields of one name keep their order; nothing may rely on the
// order between names.
type Header struct{ fields []Field }

// framing lists the names that a Header never holds.
func framing(name string) bool {
	switch len(name) {
	case 2:
		return strings.EqualFold(name, "TE")
	case 4:
		return strings.EqualFold(name, "Host")
	case 6:
		return strings.EqualFold(name, "Expect")
	case 7:
		return strings.EqualFold(name, "Trailer") || strings.EqualFold(name, "Upgrade")
	case 10:
		return strings.EqualFold(name, "Connection") || strings.EqualFold(name, "Keep-Alive")
	case 14:
		return strings.EqualFold(name, "Content-Length")
	case 16:
		return strings.EqualFold(name, "Proxy-Connection")
	case 17:
		return strings.EqualFold(name, "Transfer-Encoding")
	}
	return false
}

// Get returns the first value of name, "" if there is none.
func (h *Header) Get(name string) string {
	v, _ := h.Lookup(name)
	return v
}

// Lookup returns the first value of name and whether the field is present.
func (h *Header) Lookup(name string) (string, bool) {
	for i := range h.fields {
		if f := &h.fields[i]; len(f.Name) == len(name) && strings.EqualFold(f.Name, name) {
			return f.Value, true
		}
	}
	return "", false
}

// Count returns how many lines name has.
func (h *Header) Count(name string) int {
	n := 0
	for i := range h.fields {
		if f := &h.fields[i]; len(f.Name) == len(name) && strings.EqualFold(f.Name, name) {
			n++
		}
	}
	return n
}

// Values returns all values of name in their order. It allocates; Lookup does not.
func (h *Header) Values(name string) []string {
	var out []string
	for i := range h.fields {
		if f := &h.fields[i]; strings.EqualFold(f.Name, name) {
			out = append(out, f.Value)
		}
	}
	return out
}

// Set replaces all lines of name by one. It panics on a name or value that would break the framing of the message
// (control characters, a framing field): such a call is a mistake in the code, never the caller's input.
func (h *Header) Set(name, value string) {
	check(name, value)
	for i := range h.fields {
		if strings.EqualFold(h.fields[i].Name, name) {
			h.fields[i].Value = value
			h.delAfter(i+1, name)
			return
		}
	}
	h.fields = append(h.fields, Field{name, value})
}

// Add appends a line. It panics as Set does.
func (h *Header) Add(name, value string) {
	check(name, value)
	h.fields = append(h.fields, Field{name, value})
}

// Del removes all lines of name.
func (h *Header) Del(name string) { h.delAfter(0, name) }

// DelFunc removes the lines for which remove says so.
func (h *Header) DelFunc(remove func(Field) bool) {
	kept := h.fields[:0]
	for _, f := range h.fields {
		if !remove(f) {
			kept = append(kept, f)
		}
	}
	clear(h.fields[len(kept):])
	h.fields = kept
}

func (h *Header) delAfter(from int, name string) {
	kept := h.fields[:from]
	for _, f := range h.fields[from:] {
		if !strings.EqualFold(f.Name, name) {
			kept = append(kept, f)
		}
	}
	clear(h.fields[len(kept):])
	h.fields = kept
}

// All returns the fields. The slice is borrowed until the next change; the strings may be kept for ever.
func (h *Header) All() []Field { return h.fields }

// Len returns how many lines there are.
func (h *Header) Len() int { return len(h.fields) }

// Reset removes everything.
func (h *Header) Reset() {
	clear(h.fields)
	h.fields = h.fields[:0]
}

func check(name, value string) {
	if framing(name) {
		panic("exchange: " + name + " is a framing field and belongs to the engine")
	}
	if !ValidName(name) || !ValidValue(value) {
		panic(fmt.Sprintf("exchange: header field %q would break the framing of the message", name))
	}
}

// FoldName returns the one name under which a CGI-like server knows a field: such servers read X_Yett_Subject,
// X.Yett.Subject and X-Yett-Subject alike. Who forbids a field, or speaks for the gateway in it, compares folded names.
// The result is in net/http's canonical case.
func FoldName(name string) string {
	for i := range len(name) {
		if odd(name[i]) {
			b := []byte(name)
			for ; i < len(b); i++ {
				if odd(b[i]) {
					b[i] = '-'
				}
			}
			name = string(b)
			break
		}
	}
	return textproto.CanonicalMIMEHeaderKey(name)
}

// odd reports whether c is no letter, digit or hyphen.
func odd(c byte) bool {
	return c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
}

// ValidName reports whether s is a field name (RFC 9110 section 5.1).
func ValidName(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		if !tchar[s[i]] {
			return false
		}
	}
	return true
}

// ValidValue reports whether s may be a field value: no control characters but tab (RFC 9110 section 5.5).
func ValidValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

var tchar = func() (t [256]bool) {
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = true, true
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] = true
	}
	return t
}()
