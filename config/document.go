// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

const (
	maxDepth    = 40       // of nesting; the deepest useful configuration has about ten levels
	maxNodes    = 200_000  // keys and values together; 5,000 operations with a block each have 50,000
	longestKey  = 200      // operation ids are the longest useful keys
	longestLine = 64 << 10 // in bytes; longer lines are not shown
)

// A document is the file as text and as a tree.
type document struct {
	name  string
	dir   string // of the file: what paths are relative to
	lines []string
	root  *yaml.Node
	// filled holds the text of the scalars in which variables were filled in. The node keeps what is written, and
	// only that is ever printed.
	filled map[*yaml.Node]string
	hidden map[int]bool // lines that may hold a secret
}

// parseDocument reads one YAML document and refuses what is ambiguous to a reader.
func parseDocument(name string, data []byte) (*document, Errors) {
	doc := &document{name: name, dir: filepath.Dir(name), filled: map[*yaml.Node]string{}, hidden: map[int]bool{}}
	if len(data) > MaxFile {
		return nil, Errors{{File: name, Line: 1, Column: 1, What: "is larger than 4 MiB", Hint: "a configuration has a few KiB"}}
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	doc.lines = strings.Split(string(data), "\n")
	if err := doc.screen(data); err != nil {
		return nil, Errors{err}
	}
	root, errs := doc.load(data)
	if len(errs) > 0 {
		return nil, errs
	}
	doc.root = root
	return doc, nil
}

// screen refuses characters that a text editor does not show, or shows as another line than YAML reads. With them a
// comment could end, and a key begin, where a reviewer sees neither.
func (d *document) screen(data []byte) *Error {
	line, column := 1, 1
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		what := ""
		switch {
		case r == utf8.RuneError && n == 1:
			what = "is not UTF-8"
		case r == '\r' && (len(data) < 2 || data[1] != '\n'):
			what = "a carriage return stands alone"
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', 0x7f <= r && r < 0xa0:
			what = fmt.Sprintf("the control character U+%04X is not text", r)
		case r == 0x2028 || r == 0x2029, 0x202a <= r && r <= 0x202e, 0x2066 <= r && r <= 0x2069, r == 0xfeff:
			what = fmt.Sprintf("the invisible character U+%04X can hide what is read", r)
		}
		if what != "" {
			e := d.error(line, column, 1, what)
			if r != utf8.RuneError && r != '\r' {
				e.Hint = fmt.Sprintf(`remove it, or write "\u%04X"`, r)
			}
			return e
		}
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
		data = data[n:]
	}
	return nil
}

// load parses the text.
func (d *document) load(data []byte) (*yaml.Node, Errors) {
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		return nil, Errors{d.error(1, 1, 0, err.Error())}
	}
	var first, second yaml.Node
	if err := loader.Load(&first); err != nil && !errors.Is(err, io.EOF) {
		return nil, d.syntax(err)
	}
	root := &first
	if root.Kind == yaml.DocumentNode && len(root.Content) == 1 {
		root = root.Content[0]
	}
	if root.IsZero() || isNull(root) {
		e := d.error(1, 1, 0, "nothing is configured")
		e.Hint = "yett init writes a file to begin with"
		return nil, Errors{e}
	}
	if n := count(root, maxNodes); n > maxNodes {
		e := d.error(root.Line, root.Column, 0, "holds more than 200,000 keys and values")
		e.Hint = "keep long lists in files of their own"
		return nil, Errors{e}
	}
	switch err := loader.Load(&second); {
	case err == nil:
		e := d.error(second.Line, second.Column, 3, "a second document begins")
		e.Hint = "one file holds one configuration"
		return nil, Errors{e}
	case !errors.Is(err, io.EOF):
		return nil, d.syntax(err)
	}
	return root, nil
}

// count counts nodes, and stops soon above most.
func count(n *yaml.Node, most int) int {
	total := 1
	for _, c := range n.Content {
		if total > most {
			break
		}
		total += count(c, most-total)
	}
	return total
}

// syntax turns the YAML reader's error into ours.
func (d *document) syntax(err error) Errors {
	line, column, what := 1, 1, err.Error()
	var le *yaml.LoadError
	if errors.As(err, &le) {
		line, column, what = le.Mark.Line, le.Mark.Column, le.Message
		if le.ContextMsg != "" {
			what = le.ContextMsg + ": " + what
		}
		if le.ContextMark.Line > 0 && strings.Contains(what, "end of stream") {
			line, column = le.ContextMark.Line, le.ContextMark.Column // where it began says more than where the file ends
		}
	}
	e := d.error(line, column, 1, "is not YAML: "+what)
	if text := d.line(e.Line); strings.Contains(text[:len(text)-len(strings.TrimLeft(text, " \t"))], "\t") {
		e.Hint = "indent with spaces, not tabs"
	}
	return Errors{e}
}

// prepare walks the whole tree once: it refuses what makes a tree hard to read and fills in variables.
func (d *decoder) prepare(path string, n *yaml.Node) {
	switch {
	case n.Kind == yaml.AliasNode:
		d.fail(path, n, nil, "aliases are not read (write the value out)")
		return
	case n.Anchor != "":
		d.fail(path, n, nil, "anchors are not read (write the value out where it is wanted)")
	case n.Style&yaml.TaggedStyle != 0:
		d.fail(path, n, nil, "tags are not read (write the value alone)")
	}
	switch n.Kind {
	case yaml.ScalarNode:
		d.fill(path, n)
	case yaml.SequenceNode:
		for i, item := range n.Content {
			d.prepare(fmt.Sprintf("%s[%d]", path, i), item)
		}
	case yaml.MappingNode:
		seen := make(map[string]int, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			at := join(path, key.Value)
			switch line, twice := seen[key.Value], key.Kind != yaml.ScalarNode; {
			case len(key.Value) > longestKey:
				d.noKey(path, key, "a key of more than 200 characters is none")
				continue
			case twice, key.Anchor != "", key.Style&yaml.TaggedStyle != 0:
				d.noKey(path, key, "a key is plain text")
				continue
			case key.Value == "<<" && key.Style == 0:
				d.noKey(path, key, "merge keys are not read (write the values out)")
				continue
			case line != 0:
				d.fail(at, key, nil, "is given twice, first on line %d (keep one)", line)
				continue
			}
			seen[key.Value] = key.Line
			d.prepare(at, value)
		}
	}
}

// noKey reports a key that is none and leaves it out of the rest.
func (d *decoder) noKey(path string, key *yaml.Node, text string) {
	d.skip[key] = true
	d.note(path, key, nil, "%s", text)
}

// fill fills in the variables of a scalar.
func (d *decoder) fill(path string, n *yaml.Node) {
	rest := n.Value
	if !strings.Contains(rest, "${") {
		return
	}
	var b strings.Builder
	for {
		i := strings.Index(rest, "${")
		if i < 0 {
			break
		}
		if i > 0 && rest[i-1] == '$' {
			b.WriteString(rest[:i-1] + "${")
			rest = rest[i+2:]
			continue
		}
		name, after, closed := strings.Cut(rest[i+2:], "}")
		if !closed || !isName(name) {
			d.fail(path, n, nil, "%.40q is not the name of a variable (write $${ for ${ itself)", name)
			return
		}
		value, set := os.LookupEnv(name)
		if !set {
			d.fail(path, n, nil, "the environment has no %s (set it, or write $${ for ${ itself)", name)
			return
		}
		b.WriteString(rest[:i] + value)
		rest = after
	}
	d.doc.filled[n] = b.String() + rest
}

func isName(s string) bool {
	for i, c := range []byte(s) {
		if c != '_' && (c < 'A' || 'Z' < c) && (c < 'a' || 'z' < c) && (i == 0 || c < '0' || '9' < c) {
			return false
		}
	}
	return s != ""
}

// text is what a scalar means.
func (d *document) text(n *yaml.Node) string {
	if t, ok := d.filled[n]; ok {
		return t
	}
	return n.Value
}

// resolve makes a path relative to the file's folder.
func (d *document) resolve(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(d.dir, path)
}

func (d *document) line(n int) string {
	if n < 1 || n > len(d.lines) || d.hidden[n] || len(d.lines[n-1]) > longestLine {
		return ""
	}
	return strings.TrimSuffix(d.lines[n-1], "\r")
}

// error makes an error at a place. A text's parenthesis at the end becomes the hint.
func (d *document) error(line, column, width int, text string) *Error {
	line = min(max(line, 1), max(len(d.lines), 1))
	what, hint := splitHint(text)
	return &Error{File: d.name, Line: line, Column: max(column, 1), What: what, Hint: hint, text: d.line(line), width: width}
}

// at makes an error that marks a key or value.
func (d *document) at(path string, key, value *yaml.Node, text string) *Error {
	mark := key
	if value != nil && value.Kind == yaml.ScalarNode && !isNull(value) {
		mark = value
	}
	if mark == nil {
		mark = cmp.Or(value, d.root)
	}
	e := d.error(mark.Line, mark.Column, d.width(mark), text)
	e.Key = path
	if mark == value && mark.Kind == yaml.ScalarNode {
		e.Got = mark.Value
	}
	return e
}

// errorf makes an error about the value at a path of keys.
func (d *document) errorf(path, format string, args ...any) *Error {
	steps, _ := splitPath(path)
	key, value, _ := find(nil, d.root, steps)
	return d.at(path, key, value, fmt.Sprintf(format, args...))
}

// find follows steps as far as the tree has them, and says how many it followed.
func find(key, n *yaml.Node, steps []string) (*yaml.Node, *yaml.Node, int) {
	for i, step := range steps {
		k, v := child(n, step)
		if v == nil {
			return key, n, i
		}
		key, n = k, v
	}
	return key, n, len(steps)
}

func child(n *yaml.Node, step string) (key, value *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				return n.Content[i], n.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && 0 <= i && i < len(n.Content) {
			return n.Content[i], n.Content[i]
		}
	}
	return nil, nil
}

// width is the number of characters that a scalar takes on its line.
func (d *document) width(n *yaml.Node) int {
	line := []rune(d.line(n.Line))
	if n.Kind != yaml.ScalarNode || n.Column > len(line) {
		return 1
	}
	rest := line[n.Column-1:]
	quote := rune(0)
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		quote = '"'
	case n.Style&yaml.SingleQuotedStyle != 0:
		quote = '\''
	}
	if quote != 0 {
		for i := 1; i < len(rest); i++ {
			if rest[i] == '\\' && quote == '"' {
				i++
			} else if rest[i] == quote {
				return i + 1
			}
		}
		return len(rest)
	}
	if want := []rune(n.Value); len(want) <= len(rest) && string(rest[:len(want)]) == n.Value {
		return len(want)
	}
	return 1
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Style == 0 && n.ShortTag() == "!!null"
}

// filledBelow lists the scalars at and below n in which a variable was filled in.
func (d *document) filledBelow(n *yaml.Node) []*yaml.Node {
	var all []*yaml.Node
	if _, ok := d.filled[n]; ok {
		all = append(all, n)
	}
	for _, c := range n.Content {
		all = append(all, d.filledBelow(c)...)
	}
	return all
}
