// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"sync"

	"yett/internal/source"
	"yett/jsonstream"
)

// A Direction says whether a document goes to the API or comes from it. The zero Direction is neither: readOnly and
// writeOnly then mean nothing.
type Direction uint8

// The directions.
const (
	Request  Direction = iota + 1 // required ignores readOnly
	Response                      // required ignores writeOnly
)

// A ReadOnly says what becomes of read-only members in a request.
type ReadOnly uint8

// The two ways with read-only members.
const (
	Refuse ReadOnly = iota // a finding
	Ignore                 // none: whoever forwards the request takes them out
)

// A Check says how a document is judged. The zero Check is plain JSON Schema.
type Check struct {
	Direction Direction
	// Closed refuses members that are not declared: where an object lists properties, an absent additionalProperties
	// counts as false. An explicit true or a schema opens it, and an object that lists nothing is open. Under allOf,
	// anyOf, oneOf and if it is the union over the branches that counts, and where a schema has a discriminator but no
	// list of alternatives, over those that inherit it.
	Closed   bool
	ReadOnly ReadOnly
	Max      int // findings; 0 means 10
}

// A Finding is one thing wrong with a document.
type Finding struct {
	// Pointer is the place in the document (RFC 6901), made of the sender's own names and cut after 256 bytes.
	Pointer string
	// Keyword is the rule: a keyword of JSON Schema, false for what is never allowed, undeclared for a member that is
	// not declared, or cost for a check that took too many steps.
	Keyword string
	// Detail is for the caller: "must be at least 1". It repeats no value, no pattern, no list of values and no name
	// out of the description.
	Detail    string
	Where     *source.Node // the rule in the description
	Sensitive bool         // the value is write-only or a password
	// Value is the beginning of the JSON of a single value, at most 64 bytes; "" for objects, arrays, what is sensitive or
	// not declared. It is for the sealed part of a record, never for the caller.
	Value string
}

const (
	maxFindings = 10
	maxPointer  = 256
	// A check may take stepsBase evaluations, and stepsPerByte more for each byte of the document. Ordinary schemas
	// take less than one a byte; only alternatives within alternatives come near.
	stepsBase, stepsPerByte = 1_000_000, 16
	// maxDepth bounds how deep evaluations nest: the document's depth times that of allOf and the like.
	maxDepth = 10_000
)

// A checker is the state of one check.
type checker struct {
	doc   *jsonstream.Doc
	root  jsonstream.Node
	shape *Shape
	check *Check

	steps int
	depth int
	over  bool // out of steps: all answers are meaningless from here on
	quiet int  // above 0: nothing is reported
	found []Finding

	relative bool // pointers begin at root
	hidden   bool // root lies in what must not be shown

	marks []uint64        // which members and items are evaluated; see marks.go
	slots []slot          // see unique
	names *jsonstream.Doc // see nameFits
	name  []byte
}

var checkers = sync.Pool{New: func() any { return new(checker) }}

// Check returns what is wrong with n, nil if it fits. It does not allocate where nothing is wrong.
func (s *Schema) Check(d *jsonstream.Doc, n jsonstream.Node, c *Check) []Finding {
	k := newChecker(d, n, c, stepsBase)
	if s.root != nil {
		k.shape = s.root.shape
	}
	k.eval(s, n, noMarks)
	if c.Closed || c.refusesReadOnly() && s.root != nil && s.root.readOnly {
		k.declared(n, k.shape)
	}
	return k.result(s.node)
}

func (c *Check) refusesReadOnly() bool { return c.Direction == Request && c.ReadOnly == Refuse }

func newChecker(d *jsonstream.Doc, n jsonstream.Node, c *Check, base int) *checker {
	k := checkers.Get().(*checker)
	k.doc, k.root, k.check = d, n, c
	k.steps = base + stepsPerByte*len(d.Raw(n))
	return k
}

// result ends a check of what node describes. k is not used after it.
func (k *checker) result(node *source.Node) []Finding {
	found := k.found
	if k.over {
		found = []Finding{{Pointer: k.pointer(k.root), Keyword: "cost", Detail: "takes too long to check", Where: node}}
	}
	k.release()
	return found
}

// keep is how much working memory of each kind outlives a check.
const keep = 4096

func (k *checker) release() {
	next := checker{names: k.names}
	if cap(k.marks) <= keep {
		next.marks = k.marks[:0]
	}
	if cap(k.slots) <= keep {
		next.slots = k.slots[:0]
	}
	if cap(k.name) <= keep {
		next.name = k.name[:0]
	}
	if k.names != nil {
		k.names.Reset()
	}
	*k = next
	checkers.Put(k)
}

// spend takes steps off the budget.
func (k *checker) spend(steps int) {
	if k.steps -= steps; k.steps < 0 {
		k.over = true
	}
}

// full reports whether there is no use in looking further.
func (k *checker) full() bool {
	limit := k.check.Max
	if limit <= 0 {
		limit = maxFindings
	}
	return k.over || len(k.found) >= limit
}

// fail reports a finding unless the checker is quiet. It returns false.
func (k *checker) fail(s *Schema, n jsonstream.Node, keyword, detail string) bool {
	if k.quiet == 0 && !k.full() {
		k.report(k.pointer(n), n, keyword, detail, s.where(keyword))
	}
	return false
}

func (k *checker) report(pointer string, n jsonstream.Node, keyword, detail string, where *source.Node) {
	for i := range k.found {
		// Two branches that want the same, or a rule and Closed: the caller needs to hear it once.
		if f := &k.found[i]; f.Pointer == pointer && f.Detail == detail {
			return
		}
	}
	f := Finding{Pointer: pointer, Keyword: keyword, Detail: detail, Where: where, Sensitive: k.sensitive(n)}
	if !f.Sensitive && keyword != "undeclared" && keyword != "false" {
		f.Value = k.value(n)
	}
	k.found = append(k.found, f)
}

// maxValue is how much of a value a finding keeps.
const maxValue = 64

func (k *checker) value(n jsonstream.Node) string {
	switch k.doc.Kind(n) {
	case jsonstream.Object, jsonstream.Array:
		return ""
	}
	raw := k.doc.Raw(n)
	return string(raw[:min(len(raw), maxValue)])
}

func (k *checker) pointer(n jsonstream.Node) string {
	return cutPointer(k.path(n))
}

func (k *checker) path(n jsonstream.Node) []byte {
	p := k.doc.AppendPointer(nil, n)
	if k.relative {
		p = p[len(k.doc.AppendPointer(nil, k.root)):]
	}
	return p
}

func cutPointer(p []byte) string {
	if len(p) <= maxPointer {
		return string(p)
	}
	end := maxPointer
	for end > 0 && p[end]&0xc0 == 0x80 { // not within a character
		end--
	}
	return string(p[:end]) + "…"
}

// place returns the shape at n, nil if nothing is known of it. Only what is wrong asks for it.
func (k *checker) place(n jsonstream.Node) *Shape {
	if n == k.root {
		return k.shape
	}
	parent := k.doc.Parent(n)
	if parent == jsonstream.None {
		return nil
	}
	p := k.place(parent)
	if p == nil {
		return nil
	}
	if k.doc.Kind(parent) == jsonstream.Object {
		return p.lookup(k.doc.Name(n))
	}
	i := 0
	// Only the first items can differ from the others.
	for c := k.doc.First(parent); c != n && i < len(p.prefix); c = k.doc.Next(c) {
		i++
	}
	return p.Item(i)
}

// sensitive reports whether n, or what it lies in, must not be shown.
func (k *checker) sensitive(n jsonstream.Node) bool {
	if k.hidden {
		return true
	}
	for ; n != jsonstream.None; n = k.doc.Parent(n) {
		if p := k.place(n); p != nil && p.sensitive {
			return true
		}
		if n == k.root {
			break
		}
	}
	return false
}
