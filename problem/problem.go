// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package problem is the one way an error reaches a caller: problem details of RFC 9457 with a correlation id.
//
// It stops internals from leaking through errors: the text a caller sees is written for the caller and is never
// derived from the cause, which goes to the record only. It does not decide what is refused.
//
// Used alone, Write answers an http.ResponseWriter.
package problem

import (
	"errors"
	"net/http"
	"strconv"
	"unicode/utf8"
)

// ContentType is the media type of problem details.
const ContentType = "application/problem+json"

// MaxItems is how many findings an answer lists at most. The record may hold as many, no more.
const MaxItems = 10

// An Error refuses a request. Its public members are safe to show to any caller; Cause, and Where and Rule of each
// Item, are for the operator and go to the record only.
type Error struct {
	Status int    // 4xx or 5xx
	Code   string // event reason and metric label: lower_snake_case, fixed, documented
	Detail string // one sentence for the caller; written, never derived from an error
	Errors []Item // what was found, at most MaxItems
	Header []Field
	Cause  error // for the operator
	// Replaces says that this stands in place of the upstream's own answer, whose beginning is kept for the operator.
	Replaces bool
}

// A Field is a header field of the refusal, for instance WWW-Authenticate or Retry-After.
type Field struct{ Name, Value string }

// An Item is one finding in a body (Pointer) or in a parameter (Parameter and In).
type Item struct {
	Pointer   string // JSON Pointer into the body, "" is the whole body; used when Parameter is empty
	Parameter string
	In        string // path, query, header or cookie
	Detail    string
	Where     string // record only: file and line of the rule, "shop.openapi.yaml:214"
	Rule      string // record only: the keyword or rule
	Value     string // record only, and sealed there: the beginning of what does not fit, never of anything sensitive
	// Declared is record only: Pointer or Parameter with * in place of all that the description does not name. It says too
	// that Detail repeats no word of the caller's. Where it is empty, the record keeps Pointer, Parameter and Detail sealed.
	Declared string
}

// Error returns the text for the record. Never show it to a caller.
func (e *Error) Error() string {
	s := strconv.Itoa(e.Status) + " " + e.Code
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Code returns the code of the first *Error in err's chain, "" for nil, and "internal" for any other error.
func Code(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return "internal"
}

// From returns the *Error in err's chain. Any other error becomes a 500 that tells the caller nothing.
func From(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Status: http.StatusInternalServerError, Code: "internal",
		Detail: "The request could not be handled.", Cause: err}
}

// AppendJSON appends the problem document to dst. instance is the correlation id as a URI.
func (e *Error) AppendJSON(dst []byte, instance string) []byte {
	dst = append(dst, `{"type":"about:blank","title":`...)
	dst = appendString(dst, title(e.Status))
	dst = append(dst, `,"status":`...)
	dst = strconv.AppendInt(dst, int64(e.Status), 10)
	dst = append(dst, `,"detail":`...)
	dst = appendString(dst, e.Detail)
	dst = append(dst, `,"instance":`...)
	dst = appendString(dst, instance)
	dst = append(dst, `,"code":`...)
	dst = appendString(dst, e.Code)
	for i, it := range e.Errors {
		if i == MaxItems {
			break
		}
		if i == 0 {
			dst = append(dst, `,"errors":[`...)
		} else {
			dst = append(dst, ',')
		}
		dst = it.appendJSON(dst)
	}
	if len(e.Errors) > 0 {
		dst = append(dst, ']')
	}
	return append(dst, '}', '\n')
}

func (it Item) appendJSON(dst []byte) []byte {
	if it.Parameter != "" {
		dst = append(dst, `{"parameter":`...)
		dst = appendString(dst, it.Parameter)
		dst = append(dst, `,"in":`...)
		dst = appendString(dst, it.In)
	} else {
		dst = append(dst, `{"pointer":`...)
		dst = appendString(dst, fragment(it.Pointer))
	}
	dst = append(dst, `,"detail":`...)
	dst = appendString(dst, it.Detail)
	return append(dst, '}')
}

// fragment is the pointer as a URI fragment (RFC 6901 section 6).
func fragment(pointer string) string {
	const hex = "0123456789ABCDEF"
	out := make([]byte, 1, len(pointer)+1)
	out[0] = '#'
	for i := range len(pointer) {
		switch c := pointer[i]; {
		case c <= ' ', c >= 0x7f, c == '%', c == '"', c == '#', c == '<', c == '>', c == '[', c == ']', c == '\\', c == '^', c == '`', c == '{', c == '|', c == '}':
			out = append(out, '%', hex[c>>4], hex[c&15])
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

// title is the reason phrase of the status; RFC 9457 asks for it where type is about:blank.
func title(status int) string {
	if t := http.StatusText(status); t != "" {
		return t
	}
	return "Error"
}

// appendString appends s as a JSON string. What is not UTF-8 becomes U+FFFD; <, > and & are escaped so that the
// document stays inert even where a broken client shows it as a page.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
			i++
		case c < 0x20 || c == '<' || c == '>' || c == '&' || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			i++
		case c < utf8.RuneSelf:
			dst = append(dst, c)
			i++
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
		}
	}
	return append(dst, '"')
}

// Write answers w with the problem e. It is for handlers outside an exchange; inside one, a step returns the error.
func Write(w http.ResponseWriter, instance string, e *Error) error {
	h := w.Header()
	for _, f := range e.Header {
		h.Add(f.Name, f.Value)
	}
	h.Set("Content-Type", ContentType)
	h.Set("Cache-Control", "no-store")
	body := e.AppendJSON(nil, instance)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(e.Status)
	_, err := w.Write(body)
	return err
}
