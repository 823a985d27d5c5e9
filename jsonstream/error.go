// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jsonstream

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// A SyntaxError says why a document was refused. All of it may be shown to the sender: it names the place and the
// rule, and repeats nothing from the document.
//
// Code is one of
//
//	syntax               not JSON (RFC 8259), an empty text included
//	truncated            the text ends inside a value
//	trailing_data        something other than white space follows the value
//	byte_order_mark      the text begins with one (RFC 8259, section 8.1)
//	invalid_utf8         bytes that are not UTF-8
//	lone_surrogate       an escape that is half of a surrogate pair (RFC 7493, section 2.1)
//	duplicate_name       a name twice in one object (RFC 7493, section 2.3)
//	number_out_of_range  no float64 holds the number (RFC 7493, section 2.2), or its exponent has over 18 digits
//	number_too_long      a number of over 1,100 characters
//	too_deep             more than Limits.Depth
//	too_many_members     more than Limits.Members
//	too_many_items       more than Limits.Items
//	too_many_values      more than Limits.Values
//	string_too_long      a string or a name longer than Limits.String
//	document_too_long    2 GiB or more
type SyntaxError struct {
	Offset int64  // how many bytes precede the fault
	Code   string // fixed word, for metrics and machines
	Detail string // sentence for people
}

// Error returns the detail, with the package before it.
func (e *SyntaxError) Error() string { return "jsonstream: " + e.Detail }

func fault(offset int, code, format string, args ...any) *SyntaxError {
	return &SyntaxError{
		Offset: int64(offset),
		Code:   code,
		Detail: fmt.Sprintf(format, args...) + fmt.Sprintf(", at byte %d.", offset),
	}
}

// fromTokenizer explains an error of the tokenizer. Its own text quotes the document, so only the place is taken from it.
func fromTokenizer(data []byte, err error) *SyntaxError {
	var se *jsontext.SyntacticError
	if !errors.As(err, &se) {
		// io.EOF: no token at all. The buffer reader has no other error.
		return &SyntaxError{Code: "syntax", Detail: "The text is empty; a JSON value was expected."}
	}
	if errors.Is(se.Err, io.ErrUnexpectedEOF) {
		return fault(len(data), "truncated", "The text ends inside a JSON value")
	}
	at := min(max(int(se.ByteOffset), 0), len(data))
	rest := data[at:]
	switch r, size := utf8.DecodeRune(rest); {
	case r == utf8.RuneError && size == 1:
		return fault(at, "invalid_utf8", "The text is not UTF-8")
	case r == '\\' && escapesSurrogate(rest):
		return fault(at, "lone_surrogate", "An escape is half of a surrogate pair")
	}
	return fault(at, "syntax", "The text is not JSON")
}

// escapesSurrogate reports whether b begins with an escape for one half of a surrogate pair.
func escapesSurrogate(b []byte) bool {
	if len(b) < 6 || b[1] != 'u' {
		return false
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return false
		}
	}
	return utf16.IsSurrogate(r)
}
