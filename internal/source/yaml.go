// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"errors"
	"math/big"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// A yamlReader turns the library's nodes into ours. Scalars are resolved here, by the core schema of YAML 1.2: the
// library also knows YAML 1.1's timestamps and octals.
type yamlReader struct {
	builder
	made map[*yaml.Node]*Node
	open map[*yaml.Node]bool // around the current node: an alias to one of them is a cycle
	size map[*Node]int       // values in it, those counted again that aliases repeat
}

func (f *File) readYAML() *Error {
	var docs []yaml.Node
	err := yaml.Load(f.data, &docs, yaml.WithAllDocuments(),
		yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth), loaderlimits.AliasNone())))
	if err != nil {
		return f.yamlFault(err)
	}
	if len(docs) == 0 {
		return f.errorAt(0, "empty")
	}
	if len(docs) != 1 {
		return f.errorAt(0, "%d YAML documents", len(docs)).WithHint("one file holds one document")
	}
	r := &yamlReader{
		builder: builder{file: f},
		made:    map[*yaml.Node]*Node{}, open: map[*yaml.Node]bool{}, size: map[*Node]int{},
	}
	root := &docs[0]
	if root.Kind == yaml.DocumentNode {
		if len(root.Content) != 1 {
			return f.errorAt(0, "empty")
		}
		root = root.Content[0]
	}
	n, e := r.value(root, 0)
	if e != nil {
		return e
	}
	f.Root = n
	return nil
}

func (f *File) yamlFault(err error) *Error {
	var load *yaml.LoadError
	if errors.As(err, &load) {
		return f.errorAt(load.Mark.Line, "not YAML: %s", load.Message)
	}
	return f.errorAt(0, "not YAML: %v", err)
}

func (r *yamlReader) fault(y *yaml.Node, format string, args ...any) *Error {
	return r.file.errorAt(y.Line, format, args...)
}

func (r *yamlReader) value(y *yaml.Node, depth int) (*Node, *Error) {
	if y.Kind == yaml.AliasNode {
		if r.open[y.Alias] {
			return nil, r.fault(y, "alias *%s stands inside its own anchor", y.Value)
		}
		y = y.Alias
	}
	if n := r.made[y]; n != nil {
		return n, nil
	}
	// An alias cannot nest deeper than the text, but what it stands for may be used far down.
	if depth > maxDepth {
		return nil, r.fault(y, "nested more than %d deep", maxDepth)
	}
	r.open[y] = true
	n, err := r.make(y, depth)
	delete(r.open, y)
	if err != nil {
		return nil, err
	}
	size := 1
	for _, c := range n.Items {
		size = min(size+r.size[c], maxNodes+1)
	}
	if size > maxNodes {
		return nil, r.fault(y, "more than %d values once aliases are followed", maxNodes)
	}
	r.size[n], r.made[y] = size, n
	return n, nil
}

func (r *yamlReader) make(y *yaml.Node, depth int) (*Node, *Error) {
	switch y.Kind {
	case yaml.ScalarNode:
		return r.scalar(y)
	case yaml.SequenceNode:
		if err := r.tagged(y, "!!seq"); err != nil {
			return nil, err
		}
		n := r.node(y.Line, y.Column, Sequence)
		for _, c := range y.Content {
			if err := r.item(n, c, depth); err != nil {
				return nil, err
			}
		}
		return n, nil
	case yaml.MappingNode:
		if err := r.tagged(y, "!!map"); err != nil {
			return nil, err
		}
		return r.mapping(y, depth)
	}
	return nil, r.fault(y, "not a value")
}

// item appends the value of y to n. What an alias stands for stays the child of the place where it is written out.
func (r *yamlReader) item(n *Node, y *yaml.Node, depth int) *Error {
	v, err := r.value(y, depth+1)
	if err != nil {
		return err
	}
	if y.Kind == yaml.AliasNode {
		v.shared = true
		n.Items = append(n.Items, v)
	} else {
		r.add(n, v)
	}
	return nil
}

// tagged refuses tags other than the one a node of its kind has anyway: what they would mean is nobody's agreement.
func (r *yamlReader) tagged(y *yaml.Node, want string) *Error {
	if y.Style&yaml.TaggedStyle == 0 || y.Tag == want {
		return nil
	}
	return r.fault(y, "tag %s is not supported", quote(y.Tag))
}

func (r *yamlReader) mapping(y *yaml.Node, depth int) (*Node, *Error) {
	n := r.node(y.Line, y.Column, Mapping)
	var merges []*yaml.Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		if isMerge(k) {
			merges = append(merges, v)
			continue
		}
		key, err := r.key(k)
		if err != nil {
			return nil, err
		}
		n.Keys = append(n.Keys, key)
		if err := r.item(n, v, depth); err != nil {
			return nil, err
		}
	}
	if len(merges) > 1 {
		return nil, r.fault(merges[1], "merge key << is here twice").WithHint("one << takes a list")
	}
	// Own keys first: a key that is written twice is an error, one that is merged as well is not.
	if err := r.unique(n); err != nil {
		return nil, err
	}
	for _, m := range merges {
		if err := r.merge(n, m, depth); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func isMerge(k *yaml.Node) bool {
	return k.Kind == yaml.ScalarNode && k.Value == "<<" && k.Style&^yaml.TaggedStyle == 0 && k.Tag != "!!str"
}

// merge adds to n the keys of one mapping or of a list of them, where n does not have them yet.
func (r *yamlReader) merge(n *Node, y *yaml.Node, depth int) *Error {
	list := y
	if y.Kind == yaml.AliasNode {
		list = y.Alias
	}
	from := []*yaml.Node{y}
	if list.Kind == yaml.SequenceNode {
		from = list.Content
	}
	for _, m := range from {
		v, err := r.value(m, depth+1)
		if err != nil {
			return err
		}
		if v.Kind != Mapping {
			return r.fault(m, "<< merges a %s", v.Kind).WithHint("only mappings can be merged")
		}
		for i, k := range v.Keys {
			if _, ok := n.find(k.Text); ok {
				continue
			}
			if n.index != nil {
				n.index[k.Text] = len(n.Keys)
			}
			n.Keys = append(n.Keys, k)
			if item := v.Items[i]; item.parent == v && m.Kind != yaml.AliasNode {
				r.add(n, item) // written out here and nowhere else
			} else {
				item.shared = true
				n.Items = append(n.Items, item)
			}
		}
	}
	if n.index == nil {
		return r.unique(n)
	}
	return nil
}

// key reads a key. It is a string whatever it looks like: 200, on and null are names here.
func (r *yamlReader) key(y *yaml.Node) (*Node, *Error) {
	at := y
	if y.Kind == yaml.AliasNode {
		y = y.Alias
	}
	if y.Kind != yaml.ScalarNode {
		return nil, r.fault(at, "a key is neither text nor a number")
	}
	n := r.node(at.Line, at.Column, String)
	n.Text = y.Value
	return n, nil
}

// The core schema of YAML 1.2, section 10.3.2.
var (
	isInt   = regexp.MustCompile(`^[-+]?[0-9]+$`)
	isBased = regexp.MustCompile(`^0(?:o[0-7]+|x[0-9a-fA-F]+)$`)
	isFloat = regexp.MustCompile(`^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$`)
	isSpec  = regexp.MustCompile(`^(?:[-+]?\.(?:inf|Inf|INF)|\.nan|\.NaN|\.NAN)$`)
)

func (r *yamlReader) scalar(y *yaml.Node) (*Node, *Error) {
	n := r.node(y.Line, y.Column, String)
	n.Text = y.Value
	tag := ""
	if y.Style&yaml.TaggedStyle != 0 {
		tag = y.Tag
	}
	switch tag {
	case "":
		if y.Style&^yaml.TaggedStyle != 0 {
			return n, nil // quoted or a block
		}
		return n, r.plain(y, n)
	case "!!str", "!!timestamp", "!!binary":
		return n, nil
	case "!!null", "!!bool", "!!int", "!!float":
		if err := r.plain(y, n); err != nil {
			return nil, err
		}
		if want := map[string]Kind{"!!null": Null, "!!bool": Bool, "!!int": Number, "!!float": Number}[tag]; n.Kind != want {
			return nil, r.fault(y, "%s is not what its tag %s says", quote(y.Value), tag)
		}
		return n, nil
	}
	return nil, r.tagged(y, "!!str")
}

func (r *yamlReader) plain(y *yaml.Node, n *Node) *Error {
	switch s := y.Value; {
	case s == "" || s == "~" || s == "null" || s == "Null" || s == "NULL":
		n.Kind, n.Text = Null, ""
	case s == "true" || s == "True" || s == "TRUE":
		n.Kind, n.Text = Bool, "true"
	case s == "false" || s == "False" || s == "FALSE":
		n.Kind, n.Text = Bool, "false"
	case isSpec.MatchString(s):
		return r.fault(y, "%s is not a number JSON has", s).WithHint("quote it if it is text")
	case isBased.MatchString(s):
		n.Kind, n.Text = Number, fromBased(s)
	case isInt.MatchString(s), isFloat.MatchString(s):
		n.Kind, n.Text = Number, toJSON(s)
	}
	return nil
}

// toJSON respells a YAML number as JSON does: no plus sign, no leading zeros, digits on both sides of the point.
func toJSON(s string) string {
	sign := ""
	if s[0] == '-' || s[0] == '+' {
		sign, s = strings.TrimPrefix(s[:1], "+"), s[1:]
	}
	exp := ""
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		s, exp = s[:i], s[i:]
	}
	whole, frac, _ := strings.Cut(s, ".")
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if frac != "" {
		whole += "." + frac
	}
	return sign + whole + exp
}

// fromBased writes 0o17 and 0xFF in decimal.
func fromBased(s string) string {
	i, ok := new(big.Int).SetString(s, 0)
	if !ok {
		return "0" // cannot be: isBased has matched
	}
	return i.String()
}
