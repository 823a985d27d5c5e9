// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jsonstream

import (
	"bytes"
	"math"

	"github.com/go-json-experiment/json/jsontext"
)

// tokenizer lets names occur twice: jsontext would look for duplicates by comparing each of the first 64 names with all
// before it, and then allocate a string for each. The index finds them cheaper, and has the tables for Member already.
var tokenizer = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(false)}

var byteOrderMarks = [][]byte{{0xEF, 0xBB, 0xBF}, {0xFE, 0xFF}, {0xFF, 0xFE}}

// Parse indexes data, which it borrows until the next Parse or Reset. Its error is a *SyntaxError; the Doc is empty then.
// Time and memory are linear in len(data), whatever it holds.
func (d *Doc) Parse(data []byte, l Limits) error {
	d.empty()
	if err := d.parse(data, l.withDefaults()); err != nil {
		d.release()
		return err
	}
	return nil
}

// feed gives the tokenizer its input. A bytes.Buffer is read in place, and its memory is never written to.
func (d *Doc) feed(data []byte) {
	d.input = *bytes.NewBuffer(data)
	d.tokens.Reset(&d.input, tokenizer...)
}

// The depth of the document is followed in the nodes' parents, not on the stack.
func (d *Doc) parse(data []byte, l Limits) *SyntaxError {
	if len(data) > math.MaxInt32 {
		return fault(math.MaxInt32, "document_too_long", "The document has 2 GiB or more")
	}
	for _, mark := range byteOrderMarks {
		if bytes.HasPrefix(data, mark) {
			return fault(0, "byte_order_mark", "The text begins with a byte order mark")
		}
	}
	d.data = data
	d.feed(data)

	in, depth := None, 0 // the innermost open container, and how many are open
	for {
		kind := d.tokens.PeekKind()
		v := node{parent: in, next: None, nameLen: noName}
		if in != None && d.nodes[in].kind == Object && kind == jsontext.KindString {
			if err := d.readName(&v, l); err != nil {
				return err
			}
			kind = d.tokens.PeekKind()
		}

		switch kind {
		case jsontext.KindBeginObject, jsontext.KindBeginArray:
			if _, err := d.tokens.ReadToken(); err != nil {
				return fromTokenizer(data, err)
			}
			v.start = d.offset() - 1
			v.kind = Object
			if kind == jsontext.KindBeginArray {
				v.kind = Array
			}
			if depth++; depth > l.Depth {
				return fault(int(v.start), "too_deep", "The document is nested more than %d deep", l.Depth)
			}
			if err := d.add(&v, l); err != nil {
				return err
			}
			in = Node(len(d.nodes) - 1)
			continue // it is not complete yet

		case jsontext.KindEndObject, jsontext.KindEndArray:
			if _, err := d.tokens.ReadToken(); err != nil {
				return fromTokenizer(data, err)
			}
			c := &d.nodes[in]
			c.end = d.offset()
			if c.kind == Object {
				if err := d.indexNames(in); err != nil {
					return err
				}
			}
			in, depth = c.parent, depth-1

		default: // a scalar, or a fault that PeekKind has found and ReadValue reports
			raw, err := d.tokens.ReadValue()
			if err != nil {
				return fromTokenizer(data, err)
			}
			v.end = d.offset()
			v.start = v.end - int32(len(raw))
			if err := d.readScalar(&v, kind, raw, l); err != nil {
				return err
			}
			if err := d.add(&v, l); err != nil {
				return err
			}
		}

		if in == None {
			return d.checkEnd()
		}
	}
}

// offset returns where the tokenizer is: after the last token it read.
func (d *Doc) offset() int32 { return int32(d.tokens.InputOffset()) } // Parse has checked that offsets fit

// readName reads the name of the next member into v.
func (d *Doc) readName(v *node, l Limits) *SyntaxError {
	raw, err := d.tokens.ReadValue()
	if err != nil {
		return fromTokenizer(d.data, err)
	}
	start := int(d.offset()) - len(raw)
	if int(d.nodes[v.parent].size) >= l.Members {
		return fault(start, "too_many_members", "An object has more than %d members", l.Members)
	}
	v.name, v.nameLen = int32(start)+1, int32(len(raw))-2
	if bytes.IndexByte(raw, '\\') >= 0 {
		v.nameEscaped = true
		v.name, v.nameLen = d.decode(raw)
	}
	if int(v.nameLen) > l.String {
		return fault(start, "string_too_long", "A name has more than %d bytes", l.String)
	}
	return nil
}

// readScalar checks a value that is no container, and completes v.
func (d *Doc) readScalar(v *node, kind jsontext.Kind, raw []byte, l Limits) *SyntaxError {
	switch kind {
	case jsontext.KindNull:
		v.kind = Null
	case jsontext.KindFalse:
		v.kind = False
	case jsontext.KindTrue:
		v.kind = True
	case jsontext.KindNumber:
		v.kind = Number
		switch {
		case len(raw) > maxNumber:
			return fault(int(v.start), "number_too_long", "A number has more than %d characters", maxNumber)
		case !inRange(raw):
			return fault(int(v.start), "number_out_of_range", "A number is out of the range of a float64")
		}
	case jsontext.KindString:
		v.kind = String
		v.size = int32(len(raw)) - 2
		if bytes.IndexByte(raw, '\\') >= 0 {
			v.textEscaped = true
			v.aux, v.size = d.decode(raw)
		}
		if int(v.size) > l.String {
			return fault(int(v.start), "string_too_long", "A string has more than %d bytes", l.String)
		}
	}
	return nil
}

// decode puts the decoded form of a string behind those in plain. It is never longer than raw, so plain never outgrows
// the document, and jsontext has found raw to be sound.
func (d *Doc) decode(raw []byte) (from, size int32) {
	n := len(d.plain)
	d.plain, _ = jsontext.AppendUnquote(d.plain, raw)
	return int32(n), int32(len(d.plain) - n)
}

// add puts v behind the nodes and links it to its parent and the sibling before it.
func (d *Doc) add(v *node, l Limits) *SyntaxError {
	n := Node(len(d.nodes))
	if int(n) >= l.Values {
		return fault(int(v.start), "too_many_values", "The document holds more than %d values", l.Values)
	}
	if v.parent != None {
		p := &d.nodes[v.parent]
		if p.kind == Array {
			if int(p.size) >= l.Items {
				return fault(int(v.start), "too_many_items", "An array has more than %d items", l.Items)
			}
			v.name = p.size
		}
		if p.size > 0 {
			d.nodes[p.aux].next = n
		}
		p.aux = int32(n)
		p.size++
	}
	d.nodes = append(d.nodes, *v)
	return nil
}

// checkEnd reports an error if anything but white space follows the value.
func (d *Doc) checkEnd() *SyntaxError {
	for i := int(d.nodes[0].end); i < len(d.data); i++ {
		switch d.data[i] {
		case ' ', '\t', '\r', '\n':
		default:
			return fault(i, "trailing_data", "Something follows the JSON value")
		}
	}
	return nil
}
