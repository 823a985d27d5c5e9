// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"crypto/sha256"
	"sort"
	"unicode/utf8"
)

// What one file may cost. GitHub's whole description is 12 MB, 258,000 values, 22 deep.
const (
	maxSize  = 64 << 20
	maxDepth = 200
	// maxNodes bounds the values of a file, those counted again that aliases repeat.
	maxNodes = 4_000_000
	// maxExcerpt is how many characters of a line an excerpt shows. A minified file is one line of megabytes.
	maxExcerpt = 200
)

// A File is one file, read whole.
type File struct {
	Name string // as the operator named it, for messages
	Path string // slash-separated, from the folder of its Set; Name when it was parsed alone
	Root *Node

	data  []byte
	lines []int // where each line begins
}

// Digest is the SHA-256 of the file as it was read.
func (f *File) Digest() [sha256.Size]byte { return sha256.Sum256(f.data) }

// A Line is one line of a file.
type Line struct {
	Number int
	Text   string // without its end, cut after 200 characters
}

// Excerpt returns the lines from around before to around after line. Outside the file there are none.
func (f *File) Excerpt(line, around int) []Line {
	around = max(around, 0)
	from, to := max(line-around, 1), min(line+around, len(f.lines))
	var out []Line
	for n := from; n <= to; n++ {
		out = append(out, Line{n, f.line(n)})
	}
	return out
}

func (f *File) line(n int) string {
	end := len(f.data)
	if n < len(f.lines) {
		end = f.lines[n]
	}
	text := bytes.TrimRight(f.data[f.lines[n-1]:end], "\r\n")
	count := 0
	for i := 0; i < len(text); count++ {
		if count == maxExcerpt {
			return string(text[:i]) + "…"
		}
		_, size := utf8.DecodeRune(text[i:])
		i += size
	}
	return string(text)
}

// lineAt returns the line that holds the byte at offset.
func (f *File) lineAt(offset int) int {
	return sort.Search(len(f.lines), func(i int) bool { return f.lines[i] > offset })
}

// Parse reads data as JSON where it begins as JSON does, else as YAML 1.2. The name is for messages; where it ends in
// .yaml or .yml, text that begins as JSON but is none is YAML in flow style. All errors are *Error.
func Parse(name string, data []byte) (*File, error) { return parse(name, name, data) }

func parse(name, path string, data []byte) (*File, error) {
	f := &File{Name: name, Path: path}
	if len(data) > maxSize {
		return nil, f.errorAt(0, "larger than %d MiB", maxSize>>20)
	}
	f.data = bytes.TrimPrefix(data, []byte("\ufeff"))
	f.lines = append(make([]int, 0, bytes.Count(f.data, []byte{'\n'})+1), 0)
	for i := 0; ; {
		j := bytes.IndexByte(f.data[i:], '\n')
		if j < 0 {
			break
		}
		i += j + 1
		f.lines = append(f.lines, i)
	}
	if at, ok := invalidUTF8(f.data); ok {
		return nil, f.errorAt(f.lineAt(at), "not UTF-8")
	}
	if err := f.read(); err != nil {
		return nil, err
	}
	return f, nil
}

func invalidUTF8(b []byte) (int, bool) {
	if utf8.Valid(b) {
		return 0, false
	}
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			return i, true
		}
		i += size
	}
	return 0, false
}

func (f *File) read() *Error {
	text := bytes.TrimLeft(f.data, " \t\r\n")
	if len(text) == 0 {
		return f.errorAt(0, "empty")
	}
	if text[0] != '{' && text[0] != '[' {
		return f.readYAML()
	}
	err := f.readJSON()
	if err != nil && isYAML(f.Name) {
		return f.readYAML()
	}
	return err
}
