// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"strconv"
)

// A Where is a place in a file: what stands before an operator's error. The zero Where is no place.
type Where struct {
	Name string // the file as the operator named it
	Line int    // from 1; 0 means the file as a whole
}

// String returns for example "shop.openapi.yaml:88", or the name alone.
func (w Where) String() string {
	if w.Line == 0 {
		return w.Name
	}
	return w.Name + ":" + strconv.Itoa(w.Line)
}

// An Error is a fault in a file, for the operator who wrote it.
type Error struct {
	Where Where
	What  string
	Hint  string // a way on; may be empty
}

// Error prints for example "shop.openapi.yaml:88: no such schema (did you mean Order?)".
func (e *Error) Error() string {
	s := e.What
	if w := e.Where.String(); w != "" {
		s = w + ": " + s
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Errorf returns an Error at n, without a hint.
func Errorf(n *Node, format string, args ...any) *Error {
	return &Error{Where: n.Where(), What: fmt.Sprintf(format, args...)}
}

// WithHint returns a copy of e that shows a way on.
func (e *Error) WithHint(format string, args ...any) *Error {
	return &Error{Where: e.Where, What: e.What, Hint: fmt.Sprintf(format, args...)}
}
