// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"yett/api/schema"
	"yett/internal/source"
)

// Options say what the description itself does not.
type Options struct {
	Name  string          // default: the file's name without extension
	Hosts []string        // hosts the API answers for; nil: any
	Twins map[string]Twin // by operation id: what yett.yaml says in place of x-yett words
	// Fields is what yett.yaml says of fields in place of x-yett words, in file order.
	Fields []FieldTwin
}

// A Twin holds what yett.yaml says about one operation, for those who cannot touch the description.
type Twin struct {
	// Public is why anybody may call the operation. It takes the place of whatever security is described.
	Public string
	// Scopes are added to those that x-yett-scopes names.
	Scopes    []string
	WebSocket bool
	Where     source.Where
}

// A Warning is something that loads but that its owner should know.
type Warning struct {
	Where source.Where
	What  string
	Hint  string
}

// String prints as an error does: file:line: what (hint).
func (w Warning) String() string {
	return (&source.Error{Where: w.Where, What: w.What, Hint: w.Hint}).Error()
}

// Errors are all errors of one description, in file order. It is never empty.
type Errors []*source.Error

// Error prints one error a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find the single errors.
func (e Errors) Unwrap() []error {
	out := make([]error, len(e))
	for i := range e {
		out[i] = e[i]
	}
	return out
}

// maxErrors is how many errors of one description are shown: who made this many reads no more.
const maxErrors = 100

// Load reads the description at path and the files beside it that it refers to. All errors are found in one run;
// err is then Errors.
//
// It is an error, among others, when a description is not OpenAPI 3.0 or 3.1; when an operation says neither
// who may call it nor why everybody may; when security names a scheme that is not described; when templates and
// path parameters do not agree, or two templates match the same requests; when a schema does not compile; and
// when an x-yett word is unknown or stands where nothing reads it.
func Load(path string, o Options) (*API, []Warning, error) {
	set, file, err := source.Open(path)
	if err != nil {
		return nil, nil, asErrors(err)
	}
	name := o.Name
	if name == "" {
		name = filepath.Base(path)
		name = strings.TrimSuffix(strings.TrimSuffix(name, filepath.Ext(name)), ".openapi")
	}
	l := &loader{
		api:   &API{Name: name, Hosts: o.Hosts, File: file, Schemes: map[string]*Scheme{}, set: set},
		set:   set,
		twins: o.Twins, fields: o.Fields,
		files: map[*source.File]bool{},
		read:  map[*source.Node]bool{},
		used:  map[*source.Node]bool{},
		made:  map[*source.Node]*schema.Schema{},
	}
	l.shapes = shapes{resolve: l.resolve, made: map[*source.Node]*shape{}}
	l.document(file.Root)
	l.words()
	if len(l.errs) > 0 {
		return nil, l.sortedWarnings(), l.sortedErrors()
	}
	l.api.credentials()
	l.api.shapes = l.compiler.Shapes()
	return l.api, l.sortedWarnings(), nil
}

// credentials marks the parameters that carry a key: some descriptions list a scheme's field among the parameters too.
// Whoever verifies the key takes it off the request, so it is not looked for again.
func (a *API) credentials() {
	for _, s := range a.Schemes {
		if s.Kind != APIKey {
			continue
		}
		for _, op := range a.Operations {
			for _, p := range op.Params {
				if p.In == s.In && (p.Name == s.Param || p.In == "header" && strings.EqualFold(p.Name, s.Param)) {
					p.Credential, p.Sensitive = true, true
				}
			}
		}
	}
}

func asErrors(err error) error {
	var e *source.Error
	if errors.As(err, &e) {
		return Errors{e}
	}
	return Errors{{What: err.Error()}}
}

// A loader reads one description. It goes on after an error, so that all of them are found.
type loader struct {
	api      *API
	set      *source.Set
	twins    map[string]Twin
	fields   []FieldTwin
	compiler *schema.Compiler
	made     map[*source.Node]*schema.Schema
	shapes   shapes

	v31      bool
	security *source.Node // of the whole description; nil: absent
	ids      map[string]*source.Node
	files    map[*source.File]bool // that something was read from
	read     map[*source.Node]bool // keys of x-yett words that were read
	used     map[*source.Node]bool // what something refers to, or that stands where it counts

	errs  []*source.Error
	warns []Warning
}

func (l *loader) fail(n *source.Node, hint, format string, args ...any) {
	l.errs = append(l.errs, &source.Error{Where: n.Where(), What: fmt.Sprintf(format, args...), Hint: hint})
}

func (l *loader) warn(n *source.Node, hint, format string, args ...any) {
	l.warns = append(l.warns, Warning{n.Where(), fmt.Sprintf(format, args...), hint})
}

// failed records an error that another package found.
func (l *loader) failed(n *source.Node, what string, err error) {
	var many interface{ Unwrap() []error }
	if errors.As(err, &many) {
		for _, e := range many.Unwrap() {
			l.failed(n, what, e)
		}
		return
	}
	var e *source.Error
	if !errors.As(err, &e) {
		e = &source.Error{Where: n.Where(), What: err.Error()}
	}
	l.errs = append(l.errs, &source.Error{Where: e.Where, What: what + e.What, Hint: e.Hint})
}

func (l *loader) before(a, b source.Where) int {
	main := l.api.File.Name
	return cmp.Or(
		cmp.Compare(rank(a.Name == main), rank(b.Name == main)),
		cmp.Compare(a.Name, b.Name), cmp.Compare(a.Line, b.Line))
}

func rank(first bool) int {
	if first {
		return 0
	}
	return 1
}

func (l *loader) sortedErrors() Errors {
	slices.SortStableFunc(l.errs, func(a, b *source.Error) int { return l.before(a.Where, b.Where) })
	// A shared parameter or schema is read by every operation that refers to it: say what is wrong with it once.
	l.errs = slices.CompactFunc(l.errs, func(a, b *source.Error) bool { return *a == *b })
	if n := len(l.errs); n > maxErrors {
		l.errs = append(l.errs[:maxErrors], &source.Error{What: fmt.Sprintf("and %d more errors", n-maxErrors)})
	}
	return l.errs
}

func (l *loader) sortedWarnings() []Warning {
	slices.SortStableFunc(l.warns, func(a, b Warning) int { return l.before(a.Where, b.Where) })
	return slices.Compact(l.warns)
}

// resolve follows a reference and remembers the file it led to.
func (l *loader) resolve(from *source.Node, ref string) (*source.Node, error) {
	n, err := l.set.Resolve(from, ref)
	if err == nil {
		l.files[n.File], l.used[n] = true, true
	}
	return n, err
}

// follow returns what n refers to, or n. false: the reference is broken, which is recorded.
func (l *loader) follow(n *source.Node, what string) (*source.Node, bool) {
	to, err := l.set.Follow(n)
	if err != nil {
		l.failed(n, what, err)
		return nil, false
	}
	l.files[to.File], l.used[to] = true, true
	if to.Kind != source.Mapping {
		l.fail(to, "", "%sis a %s, want a mapping", what, to.Kind)
		return nil, false
	}
	return to, true
}

// schema compiles the schema at n once.
func (l *loader) schema(n *source.Node, what string) *schema.Schema {
	if n == nil {
		return nil
	}
	if s, ok := l.made[n]; ok {
		return s
	}
	s, err := l.compiler.Compile(n)
	if err != nil {
		l.failed(n, what, err)
	}
	l.made[n] = s
	return s
}

// text is the string at key; "" where it is absent. Another type is an error.
func (l *loader) text(n *source.Node, key string) string {
	v := n.Get(key)
	if v == nil {
		return ""
	}
	if v.Kind != source.String {
		l.fail(v, "", "%s is a %s, want a string", key, v.Kind)
		return ""
	}
	return v.Text
}

// flag is the boolean at key; def where it is absent. Another type is an error.
func (l *loader) flag(n *source.Node, key string, def bool) bool {
	v := n.Get(key)
	if v == nil {
		return def
	}
	if v.Kind != source.Bool {
		l.fail(v, "", "%s is a %s, want true or false", key, v.Kind)
		return def
	}
	return v.Text == "true"
}

// texts is the list of strings n.
func (l *loader) texts(n *source.Node, what string) []string {
	if n == nil {
		return nil
	}
	if n.Kind != source.Sequence {
		l.fail(n, "", "%s is a %s, want a list of strings", what, n.Kind)
		return nil
	}
	var out []string
	for _, item := range n.Items {
		if item.Kind != source.String || item.Text == "" {
			l.fail(item, "", "%s holds a %s, want strings that are not empty", what, item.Kind)
			continue
		}
		out = append(out, item.Text)
	}
	return out
}

func valuesOf(n *source.Node) []*source.Node {
	if n == nil || n.Kind != source.Mapping {
		return nil
	}
	return n.Items
}

func textOf(n *source.Node) string {
	if n == nil {
		return ""
	}
	return n.Text
}
