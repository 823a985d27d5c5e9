// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package view is what one caller sees of an answer: the one pass over its body, in which everything that practices do to
// values happens at once.
//
// It stops what the description does not declare, or what is not meant for this caller, from leaving in any nesting, any
// size and any content coding (OWASP API3:2023), and answers on which two readers could disagree. What an answer says
// about its bytes stays true: entity tags, ranges, digests and lengths. It decides nothing itself: practices say by
// Edits what becomes of the values at each place of the description. It does not see into declared bodies that are
// neither JSON, records of JSON, events nor text.
//
// An answer that fits in the window (64 KiB) is read as one index; of a longer one each value that fits is, so memory does
// not grow with the answer. Records and events leave one by one. Of a text that edits look at, its last 16 KiB stay back until
// more has come, since what they look for may go over lines: who waits for lines is sent events or records, or a text that
// nothing looks at. Stages come in a fixed order whatever the order of the practices: Open, Judge, Strip, Mask,
// Watch; on requests Seal.
//
// Used alone, Compile makes a View of edits, and its Request, Response and Guard are steps of an exchange.
package view

import (
	"yett/api"
	"yett/api/schema"
	"yett/exchange"
	"yett/internal/source"
	"yett/jsonstream"
)

// A Stage is when an edit has its turn.
type Stage uint8

// The stages. Judge, which sees plain values, comes behind Open and before Strip; it is no edit but a Judge.
const (
	Open  Stage = iota // a sealed value becomes plain
	Strip              // a member or item is left out
	Mask               // a value is replaced
	Watch              // what is about to leave is looked at, and masked or refused
	Seal               // on requests: a plain value is sealed
)

// An Edit is what one practice does to the values at some places. One Edit serves all places and all exchanges for which
// it does the same: what an answer looks like is named by the edits that take part in it.
type Edit struct {
	Practice string // set by the gateway
	Stage    Stage
	Does     string // "removed", "masked": stands in the record with the number of times
	// When says whether the edit takes part in an exchange, the same each time it is asked; nil: in all. Where it is not nil, the answer differs between callers.
	When func(*exchange.Exchange) bool
	// Drop leaves the value out, with its name. It is for Strip.
	Drop bool
	// Value appends JSON text to dst in place of v and reports true, or leaves v as it is and reports false. An error
	// refuses the answer. v is borrowed.
	Value func(x *exchange.Exchange, dst []byte, v Value) ([]byte, bool, error)
	// Text is Value for what a string or number says, decoded, and for bodies of text: it appends text, not JSON. It is
	// for Watch. A body too long for the window comes in pieces that overlap. name is that of the innermost member that
	// holds the value, decoded: nil where no member does, for bodies of text, and where the text is itself a name.
	Text func(x *exchange.Exchange, dst, name, text []byte) ([]byte, bool, error)
	// Observe counts what the edit would do, and does not do it. It is set by the gateway.
	Observe bool
	// Always keeps the gateway from setting Observe where the practice only observes.
	Always bool
}

// A Place is where values stand in the bodies of an API: everything that a description says of it.
type Place struct {
	API *api.API
	// Shape is nil where nothing is said of the values: below open objects.
	Shape *schema.Shape
	// Holder is the array, if one directly holds the values: x-yett words written on it mean its items.
	Holder *schema.Shape
	// Undeclared asks about the members that Shape, which is closed, does not declare, about items where it takes no array,
	// and about texts, numbers and truths where it takes neither. Of the last, which are left out by themselves, null stays.
	Undeclared bool
	// Request is true for bodies of requests, false for those of answers.
	Request bool
}

// Words returns the values of one of yett's words at the place, each with its position: several where schemas are
// composed, of which the strictest counts.
func (p Place) Words(word string) []*source.Node {
	if p.Undeclared {
		return nil
	}
	all := p.Shape.Words(word)
	if p.Holder != nil {
		all = append(all[:len(all):len(all)], p.Holder.Words(word)...)
	}
	return all
}

// A Value is one value of a body, with what stands around it.
type Value struct {
	Kind jsonstream.Kind
	Raw  []byte // JSON text
	Text []byte // of a string, decoded

	doc    *jsonstream.Doc
	at     jsonstream.Node
	name   []byte // of the member that holds all of doc
	beside []sibling
}

// Name is the name of the innermost member that holds the value, decoded; nil where no member does.
func (v Value) Name() []byte {
	if v.doc != nil {
		for n := v.at; n != jsonstream.None; n = v.doc.Parent(n) {
			if name := v.doc.Name(n); name != nil {
				return name
			}
		}
	}
	return v.name
}

// Sibling returns the text of the string, or the number as it is written, under name in the object that holds the value.
// Where that is longer than the window, what stands behind the value is not known, nor what is long itself.
func (v Value) Sibling(name string) ([]byte, bool) {
	if v.doc != nil {
		parent := v.doc.Parent(v.at)
		for parent != jsonstream.None && v.doc.Kind(parent) != jsonstream.Object {
			parent = v.doc.Parent(parent)
		}
		n := v.doc.Member(parent, name)
		switch v.doc.Kind(n) {
		case jsonstream.String:
			return v.doc.Text(n), true
		case jsonstream.Number:
			return v.doc.Raw(n), true
		}
		if n != jsonstream.None || parent != jsonstream.None && parent != v.doc.Root() {
			return nil, false
		}
	}
	for _, s := range v.beside {
		if s.name == name {
			return []byte(s.text), true
		}
	}
	return nil, false
}

// A Judgement is what holding an answer against its schema found.
type Judgement struct {
	Findings []schema.Finding // at most ten
	// Unjudged says that a container was too long to be held against all of its schema; its values were.
	Unjudged bool
}

// A Judge decides what becomes of an answer that does not fit its schema: nil passes it on, a *problem.Error refuses it.
// It is asked once for each body or record, and only where there is something to say.
type Judge func(*exchange.Exchange, Judgement) error
