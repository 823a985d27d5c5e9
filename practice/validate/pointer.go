// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package validate

import (
	"strconv"
	"strings"

	"yett/api/schema"
	"yett/jsonstream"
)

// anything stands in a record for a name that the description does not have: such a name is the sender's, and may be
// anything, a person's address for one.
const anything = "*"

// declared is a pointer into doc with the names that shape declares and the positions in arrays; all else becomes anything.
func declared(shape *schema.Shape, doc *jsonstream.Doc, pointer string) string {
	if pointer == "" {
		return ""
	}
	var b strings.Builder
	n := doc.Root()
	for name := range strings.SplitSeq(pointer[1:], "/") {
		b.WriteByte('/')
		if doc.Kind(n) != jsonstream.Array {
			name, shape = member(shape, name, &b)
			n = doc.Member(n, name)
			continue
		}
		i, err := strconv.Atoi(name)
		if err != nil { // the pointer was cut
			b.WriteString(anything)
			break
		}
		b.WriteString(name)
		for n = doc.First(n); i > 0 && n != jsonstream.None; i-- {
			n = doc.Next(n)
		}
		shape = shape.Item(i)
	}
	return b.String()
}

// places is a pointer with the names that shape declares; positions in arrays, which nobody counts there, and all else
// become anything.
func places(shape *schema.Shape, pointer string) string {
	var b strings.Builder
	for name := range strings.SplitSeq(pointer[1:], "/") {
		b.WriteByte('/')
		if shape.Types()&(schema.Object|schema.Array) == schema.Array {
			b.WriteString(anything)
			shape = shape.Item(0)
			continue
		}
		_, shape = member(shape, name, &b)
	}
	return b.String()
}

// member appends a name of a pointer if shape declares it, and returns it decoded with what is said of the member.
func member(shape *schema.Shape, name string, b *strings.Builder) (string, *schema.Shape) {
	plain := unescape.Replace(name)
	below, _, next := shape.FindAt(0, []byte(plain))
	if next == 0 { // a name of the description has a place in its order, what a pattern or nothing describes has none
		name = anything
	}
	b.WriteString(name)
	return plain, below
}

var unescape = strings.NewReplacer("~1", "/", "~0", "~")
