// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jsonstream

import (
	"bytes"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"
)

// A Doc is the index of one document: one slice of nodes that point into the document's bytes. The zero Doc is empty
// and ready for Parse; a Doc that is used again allocates nothing for documents of the size it has seen. A Doc must not be
// copied after its first use.
//
// What its methods return as []byte is borrowed: it is good until the next Parse or Reset and must not be written to.
// After Parse any number of goroutines may read a Doc. Asked about None, or about a Node of an earlier document that
// this one does not have, methods answer with their zero value or None.
type Doc struct {
	data  []byte
	nodes []node // in the order of the text: a container stands before its children
	plain []byte // decoded forms of the strings that have escapes
	table []Node // hash tables of the large objects, one after the other; see names.go

	input  bytes.Buffer
	tokens jsontext.Decoder
}

// A Node names one value of a Doc. Nodes count upwards in the order of the text.
type Node int32

// None is no node: the parent of the root, the sibling after the last, the member that is absent.
const None Node = -1

// node is one value. Offsets fit in 32 bits because Parse refuses longer documents.
type node struct {
	start, end   int32 // in data
	parent, next Node
	name         int32 // where the decoded name is, in data or in plain; the position of an item in its array
	nameLen      int32 // noName for items and the root
	size         int32 // members, items, or bytes of the decoded string
	// aux is where a decoded string is in plain, where the table of a large object begins, and the last child of a
	// container while Parse is inside it.
	aux         int32
	kind        Kind
	nameEscaped bool // name is in plain
	textEscaped bool // the string is in plain
}

const noName = -1

// keep is how many bytes of each buffer a Doc holds on to over a Reset. Larger ones go to the collector.
const keep = 64 << 10

// Reset empties the Doc and lets go of the document. Buffers of ordinary size are kept for the next Parse.
func (d *Doc) Reset() {
	d.release()
	if cap(d.nodes)*int(unsafe.Sizeof(node{})) > keep {
		d.nodes, d.table = nil, nil // a table is smaller than the nodes of its object
	}
	if cap(d.plain) > keep {
		d.plain = nil
	}
}

// Forget empties the Doc and lets go of the document, and keeps all buffers: for documents of bounded length, the next of
// which comes soon.
func (d *Doc) Forget() { d.release() }

// release empties the Doc and forgets the document, which the tokenizer holds too.
func (d *Doc) release() {
	d.empty()
	d.data = nil
	d.feed(nil)
}

func (d *Doc) empty() { d.nodes, d.plain, d.table = d.nodes[:0], d.plain[:0], d.table[:0] }

// at returns the node n, or nil when the document has none of that number.
func (d *Doc) at(n Node) *node {
	if uint(n) >= uint(len(d.nodes)) {
		return nil
	}
	return &d.nodes[n]
}

// Root returns the outermost value, None while no document is parsed.
func (d *Doc) Root() Node {
	if len(d.nodes) == 0 {
		return None
	}
	return 0
}

// Kind returns what n is.
func (d *Doc) Kind(n Node) Kind {
	if v := d.at(n); v != nil {
		return v.kind
	}
	return 0
}

// Raw returns the JSON text of n, as it was sent, without white space around it.
func (d *Doc) Raw(n Node) []byte {
	if v := d.at(n); v != nil {
		return d.data[v.start:v.end:v.end]
	}
	return nil
}

// Bytes returns the document as it was given to Parse.
func (d *Doc) Bytes() []byte { return d.data }

// Span returns where n begins and ends in the document, 0 and 0 for None.
func (d *Doc) Span(n Node) (from, to int) {
	if v := d.at(n); v != nil {
		return int(v.start), int(v.end)
	}
	return 0, 0
}

// Text returns the decoded bytes of a string: not nil for an empty string, nil for every other kind.
func (d *Doc) Text(n Node) []byte {
	v := d.at(n)
	if v == nil || v.kind != String {
		return nil
	}
	if v.textEscaped {
		return cut(d.plain, v.aux, v.size)
	}
	return cut(d.data, v.start+1, v.size)
}

// StringLen returns the length of a string in code points, as minLength and maxLength of JSON Schema count.
func (d *Doc) StringLen(n Node) int { return utf8.RuneCount(d.Text(n)) }

// Name returns the decoded name under which n is a member: not nil for an empty name, nil for items and the root.
func (d *Doc) Name(n Node) []byte {
	v := d.at(n)
	if v == nil || v.nameLen == noName {
		return nil
	}
	return d.nameOf(v)
}

func (d *Doc) nameOf(v *node) []byte {
	if v.nameEscaped {
		return cut(d.plain, v.name, v.nameLen)
	}
	return cut(d.data, v.name, v.nameLen)
}

// cut returns n bytes of b. The capacity ends there too: appending to what we lend must not write into the document.
func cut(b []byte, from, n int32) []byte { return b[from : from+n : from+n] }

// Parent returns the object or array that holds n, None for the root.
func (d *Doc) Parent(n Node) Node {
	if v := d.at(n); v != nil {
		return v.parent
	}
	return None
}

// First returns the first child of n, None if there is none.
func (d *Doc) First(n Node) Node {
	if d.Len(n) == 0 {
		return None
	}
	return n + 1
}

// Next returns the sibling after n, None at the end.
func (d *Doc) Next(n Node) Node {
	if v := d.at(n); v != nil {
		return v.next
	}
	return None
}

// Len returns how many members or items n has, 0 if it is no container.
func (d *Doc) Len(n Node) int {
	if v := d.at(n); v != nil && v.kind >= Object {
		return int(v.size)
	}
	return 0
}

// AppendPointer appends the JSON Pointer of n (RFC 6901): nothing for the root, else for example /items/0/quantity.
// It holds names that the sender chose, of any length up to Limits.String.
func (d *Doc) AppendPointer(dst []byte, n Node) []byte {
	v := d.at(n)
	if v == nil || v.parent == None {
		return dst
	}
	dst = append(d.AppendPointer(dst, v.parent), '/')
	if v.nameLen == noName {
		return strconv.AppendInt(dst, int64(v.name), 10)
	}
	for _, c := range d.nameOf(v) {
		switch c {
		case '~':
			dst = append(dst, "~0"...)
		case '/':
			dst = append(dst, "~1"...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
