// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package jsonstream reads strict JSON: limits, and an index of a whole document built in one pass.
//
// It stops documents on which two readers may disagree (a name twice in one object, also when the two are escaped
// differently; a byte order mark; bytes that are not UTF-8; half a surrogate pair; a number that no float64 holds;
// anything after the value) and documents made to exhaust a reader (depth, members, items, string length, values).
// What Parse accepts, every conforming reader behind it reads in the same way. It follows RFC 8259 and RFC 7493
// (I-JSON), but takes the Unicode noncharacters that RFC 7493, section 2.1, forbids: they are ordinary text since
// Unicode Corrigendum 9. OWASP API4:2023 (unrestricted resource consumption) is why the limits have defaults.
//
// It does not judge what a document says; that is the work of a schema. It does not limit the length of the document
// either: whoever reads the bytes does, before they are here. Nothing is repaired: a document is taken whole or refused.
//
// Alone it is used in two lines, with a Doc that may be used again for the next document:
//
//	var doc jsonstream.Doc
//	if err := doc.Parse(body, jsonstream.Limits{}); err != nil { … }
package jsonstream

// A Kind is the type of a JSON value. The zero Kind belongs to no value: it is what Doc.Kind says of None.
type Kind uint8

// The kinds of values. True and False are two kinds, so that a boolean needs no second question.
const (
	Null Kind = iota + 1
	False
	True
	Number
	String
	Object
	Array
)

var kindNames = [...]string{"none", "null", "false", "true", "number", "string", "object", "array"}

// String returns the kind as RFC 8259 spells it, "none" for the zero Kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "invalid"
}
