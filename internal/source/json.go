// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// A jsonReader builds nodes from JSON tokens and counts lines on the way.
type jsonReader struct {
	builder
	dec    *jsontext.Decoder
	seen   int // bytes whose lines are counted
	line   int
	column int
	count  int
}

func (f *File) readJSON() *Error {
	r := &jsonReader{
		builder: builder{file: f, names: map[string]string{}},
		// Keys that come twice are found by the builder, which knows where the first one is.
		dec:  jsontext.NewDecoder(bytes.NewBuffer(f.data), jsontext.AllowDuplicateNames(true)),
		line: 1, column: 1,
	}
	root, err := r.value(0)
	if err != nil {
		return err
	}
	if _, err := r.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return f.errorAt(f.lineAt(int(r.dec.InputOffset())), "text after the end of the JSON value")
	}
	f.Root = root
	return nil
}

// place counts lines and columns up to offset, which never goes back.
func (r *jsonReader) place(offset int) {
	passed := r.file.data[r.seen:offset]
	if i := bytes.LastIndexByte(passed, '\n'); i >= 0 {
		r.line += bytes.Count(passed, []byte{'\n'})
		r.column = 1
		passed = passed[i+1:]
	}
	r.column += utf8.RuneCount(passed)
	r.seen = offset
}

func (r *jsonReader) fault(err error) *Error {
	at, what := int(r.dec.InputOffset()), err
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		at, what = int(syntax.ByteOffset), syntax.Err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return r.file.errorAt(len(r.file.lines), "not JSON: ends in the middle")
	}
	return r.file.errorAt(r.file.lineAt(min(at, len(r.file.data))), "not JSON: %v", what)
}

func (r *jsonReader) value(depth int) (*Node, *Error) {
	if r.count++; r.count > maxNodes {
		return nil, r.file.errorAt(r.line, "more than %d values", maxNodes)
	}
	kind := r.dec.PeekKind()
	if kind == '{' || kind == '[' {
		if depth == maxDepth {
			return nil, r.file.errorAt(r.line, "nested more than %d deep", maxDepth)
		}
		if _, err := r.dec.ReadToken(); err != nil {
			return nil, r.fault(err)
		}
		r.place(int(r.dec.InputOffset()) - 1)
		n := r.node(r.line, r.column, Sequence)
		if kind == '{' {
			n.Kind = Mapping
		}
		return n, r.items(n, depth+1)
	}
	raw, err := r.dec.ReadValue()
	if err != nil {
		return nil, r.fault(err)
	}
	r.place(int(r.dec.InputOffset()) - len(raw))
	n := r.node(r.line, r.column, Null)
	switch kind {
	case 't', 'f':
		n.Kind, n.Text = Bool, string(raw)
	case '0':
		n.Kind, n.Text = Number, string(raw)
	case '"':
		text, err := unquote(raw)
		if err != nil {
			return nil, r.fault(err)
		}
		n.Kind, n.Text = String, string(text)
	}
	return n, nil
}

func (r *jsonReader) items(n *Node, depth int) *Error {
	for {
		switch r.dec.PeekKind() {
		case '}', ']':
			if _, err := r.dec.ReadToken(); err != nil {
				return r.fault(err)
			}
			if n.Kind == Mapping {
				return r.unique(n)
			}
			return nil
		}
		if n.Kind == Mapping {
			k, err := r.key()
			if err != nil {
				return err
			}
			n.Keys = append(n.Keys, k)
		}
		c, err := r.value(depth)
		if err != nil {
			return err
		}
		r.add(n, c)
	}
}

func (r *jsonReader) key() (*Node, *Error) {
	raw, err := r.dec.ReadValue()
	if err != nil {
		return nil, r.fault(err)
	}
	r.place(int(r.dec.InputOffset()) - len(raw))
	text, err := unquote(raw)
	if err != nil {
		return nil, r.fault(err)
	}
	n := r.node(r.line, r.column, String)
	name, ok := r.names[string(text)]
	if !ok {
		name = string(text)
		r.names[name] = name
	}
	n.Text = name
	return n, nil
}

// unquote returns the text of a JSON string, borrowed from raw where it has no escapes.
func unquote(raw []byte) ([]byte, error) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], nil
	}
	return jsontext.AppendUnquote(nil, raw)
}
