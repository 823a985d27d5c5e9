// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"yett/internal/source"
	"yett/jsonstream"
)

// A foreign schema is one that the library judges.
type foreign struct{ compiled *jsonschema.Schema }

// A library is jsonschema/v6 with the files of one description. It is made when the first foreign schema is met.
type library struct {
	compiler *jsonschema.Compiler
	ids      map[string]*source.Node // schemas by the absolute URI of their $id
	scanned  map[*source.File]bool
	resolve  func(from *source.Node, ref string) (*source.Node, error)
	remote   func(string) (any, error)
	root     *source.Node // of the first file, to resolve others from
	handed   []*source.Node
}

// Unknown returns the schemas that the library judges: what they declare, they or what they refer to, is not known.
func (c *Compiler) Unknown() []*source.Node { return c.library.handed }

// scheme makes URIs of files, as the library wants them. Nothing is ever fetched by it.
const scheme = "yett:///"

func fileURI(f *source.File) string {
	return scheme + (&url.URL{Path: strings.TrimLeft(f.Path, "/")}).EscapedPath()
}

func nodeURI(n *source.Node) string {
	return fileURI(n.File) + "#" + (&url.URL{Fragment: n.Pointer()}).EscapedFragment()
}

// isForeign decides whether s is for the library, and hands it over.
func (c *Compiler) isForeign(s *Schema) bool {
	if c.options.Dialect == OpenAPI30 {
		return false
	}
	s.dynamic = isString(s.node.Get("$dynamicRef"))
	if !otherDialect(s.node) && !c.namedRef(s.node) {
		return false
	}
	f, err := c.hand(s.node)
	if err != nil {
		c.errs = append(c.errs, err)
	}
	s.foreign = f
	return true
}

func isString(n *source.Node) bool { return n != nil && n.Kind == source.String }

var ownDialects = []string{
	"https://json-schema.org/draft/2020-12/schema",
	"https://spec.openapis.org/oas/3.1/dialect/base",
	"https://spec.openapis.org/oas/3.1/schema-base",
}

// otherDialect reports whether a resource declares a dialect that is not ours. Elsewhere $schema means nothing.
func otherDialect(n *source.Node) bool {
	dialect := n.Get("$schema")
	if !isString(dialect) || n.Parent() != nil && !isString(n.Get("$id")) {
		return false
	}
	for _, own := range ownDialects {
		if strings.TrimSuffix(dialect.Text, "#") == own || strings.HasPrefix(dialect.Text, "https://spec.openapis.org/oas/3.1/dialect/") {
			return false
		}
	}
	return true
}

// namedRef reports whether n has a $ref that only $id and $anchor can resolve.
func (c *Compiler) namedRef(n *source.Node) bool {
	ref := n.Get("$ref")
	if !isString(ref) {
		return false
	}
	u, err := url.Parse(ref.Text)
	if err != nil {
		return false // Resolve says so better
	}
	switch {
	case u.Scheme != "":
		c.library.scan(n.File)
		return c.options.Remote != nil || len(c.library.ids) > 0
	case u.Fragment != "" && u.Fragment[0] != '/':
		return c.anchored(n) == nil
	case u.Path == "" && u.Host == "":
		return underID(n, false)
	}
	return underID(n, true)
}

// underID reports whether n lies in a resource with a name of its own; the root of the file counts if asked.
func underID(n *source.Node, root bool) bool {
	for ; n != nil; n = n.Parent() {
		if isString(n.Get("$id")) && (root || n.Parent() != nil) {
			return true
		}
	}
	return false
}

// scan finds the names that schemas of a file have.
func (l *library) scan(f *source.File) {
	if l.scanned[f] {
		return
	}
	if l.scanned == nil {
		l.scanned, l.ids = map[*source.File]bool{}, map[string]*source.Node{}
	}
	l.scanned[f] = true
	base, err := url.Parse(fileURI(f))
	if err == nil {
		l.scanNode(f.Root, base, map[*source.Node]bool{})
	}
}

func (l *library) scanNode(n *source.Node, base *url.URL, seen map[*source.Node]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	if id := n.Get("$id"); isString(id) {
		if u, err := base.Parse(id.Text); err == nil {
			base = u
			if l.ids[u.String()] == nil {
				l.ids[u.String()] = n
			}
		}
	}
	for _, c := range n.Items {
		l.scanNode(c, base, seen)
	}
}

// Load serves the library. It never reaches for a file or the network by itself.
func (l *library) Load(uri string) (any, error) {
	if n := l.ids[uri]; n != nil {
		return n.Any(), nil
	}
	if path, ok := strings.CutPrefix(uri, scheme); ok {
		if uri == fileURI(l.root.File) {
			return l.root.Any(), nil
		}
		if l.resolve == nil {
			return nil, errors.New("references are not allowed here")
		}
		path, err := url.PathUnescape(path)
		if err != nil {
			return nil, err
		}
		n, err := l.resolve(l.root, relative(l.root.File.Path, path))
		if err != nil {
			return nil, err
		}
		l.scan(n.File)
		return n.Any(), nil
	}
	if l.remote == nil {
		return nil, errors.New("not in the description, and nothing is fetched")
	}
	return l.remote(uri)
}

// relative is the reference from one file of a set to another.
func relative(from, to string) string {
	return strings.Repeat("../", strings.Count(from, "/")) + (&url.URL{Path: to}).EscapedPath()
}

func (c *Compiler) newLibrary(n *source.Node) {
	l := &c.library
	l.resolve, l.remote, l.root = c.options.Resolve, c.options.Remote, n.File.Root
	l.compiler = jsonschema.NewCompiler()
	l.compiler.DefaultDraft(jsonschema.Draft2020)
	l.compiler.UseLoader(l)
	l.compiler.UseRegexpEngine(func(src string) (jsonschema.Regexp, error) {
		re, err := compilePattern(src)
		if err != nil {
			return nil, err
		}
		return re, nil
	})
	if c.options.Dialect == OpenAPI31 {
		// Where else in the description there are schemas: without it no anchor there would be found.
		l.compiler.RegisterVocabulary(&jsonschema.Vocabulary{
			URL: scheme + "openapi",
			Subschemas: []jsonschema.SchemaPath{
				{jsonschema.Prop("components"), jsonschema.Prop("schemas"), jsonschema.AllProp{}},
			},
			Compile: func(*jsonschema.CompilerContext, map[string]any) (jsonschema.SchemaExt, error) { return nil, nil },
		})
	}
	if !c.options.AssertFormat {
		return
	}
	l.compiler.AssertFormat()
	for name, ok := range textFormats {
		l.compiler.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(v any) error {
			if s, is := v.(string); is && !ok([]byte(s)) {
				return errors.New("not of the format")
			}
			return nil
		}})
	}
	for name, f := range numberFormats {
		r := f.bounds()
		l.compiler.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(v any) error {
			if n, is := v.(json.Number); is {
				if x := parseDecimal([]byte(n)); !r.holds(&x) {
					return errors.New("out of range")
				}
			}
			return nil
		}})
	}
}

// hand compiles n with the library.
func (c *Compiler) hand(n *source.Node) (*foreign, error) {
	if c.library.compiler == nil {
		c.newLibrary(n)
	}
	c.library.scan(n.File)
	s, err := c.library.compiler.Compile(nodeURI(n))
	if err != nil {
		return nil, source.Errorf(n, "%v", strings.ReplaceAll(err.Error(), scheme, ""))
	}
	c.library.handed = append(c.library.handed, n)
	return &foreign{s}, nil
}

// judge asks the library about n.
func (k *checker) judge(s *Schema, n jsonstream.Node) bool {
	k.spend(len(k.doc.Raw(n)))
	err := s.foreign.compiled.Validate(jsonstream.Any(k.doc, n))
	if err == nil {
		return true
	}
	if k.quiet > 0 {
		return false
	}
	var e *jsonschema.ValidationError
	if !errors.As(err, &e) {
		return k.fail(s, n, "", "does not fit")
	}
	k.leaves(s, n, e)
	return false
}

// leaves reports the faults that are not explained by others.
func (k *checker) leaves(s *Schema, n jsonstream.Node, e *jsonschema.ValidationError) {
	for _, cause := range e.Causes {
		k.leaves(s, n, cause)
	}
	if len(e.Causes) > 0 || k.full() {
		return
	}
	at := n
	for _, token := range e.InstanceLocation {
		at = k.child(at, token)
	}
	keyword := "false"
	if path := e.ErrorKind.KeywordPath(); len(path) > 0 {
		keyword = path[0]
	}
	k.fail(s, at, keyword, "does not fit the rule "+keyword)
}

// child is the member or item of n that a token of a pointer names.
func (k *checker) child(n jsonstream.Node, token string) jsonstream.Node {
	if k.doc.Kind(n) == jsonstream.Object {
		return k.doc.Member(n, token)
	}
	i := 0
	if _, err := fmt.Sscanf(token, "%d", &i); err != nil {
		return jsonstream.None
	}
	c := k.doc.First(n)
	for ; i > 0; i-- {
		c = k.doc.Next(c)
	}
	return c
}
