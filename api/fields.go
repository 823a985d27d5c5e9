// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"slices"
	"strings"

	"yett/internal/source"
)

// A FieldTwin holds what yett.yaml says about one field, for those who cannot touch the description. It counts as if its
// words were written there.
type FieldTwin struct {
	// Name is a schema of components.schemas, or the id of an operation, and after a dot the way to a property of it:
	// Order.items.cost. Arrays, references and the parts of allOf, anyOf and oneOf are passed through. After an operation's
	// id stands the name of a parameter, or the way to a property of the body.
	Name  string
	Words []FieldWord
	Where source.Where
}

// A FieldWord is one of yett's words for fields.
type FieldWord struct {
	Word  string // x-yett-mask
	Value any    // as source.Node.Add takes it
	Where source.Where
}

// equalsClaim is the only word that a parameter itself has, beside its schema.
const equalsClaim = "x-yett-equals-claim"

// fieldTwins writes the twins of fields into the tree. It comes before anything is compiled, and nobody else has the tree
// yet: from then on nodes do not change.
func (l *loader) fieldTwins(root *source.Node, twins []FieldTwin) {
	if len(twins) == 0 {
		return
	}
	f := finder{l: l, schemas: root.Get("components").Get("schemas"), operations: map[string]operationAt{}}
	f.readOperations(root.Get("paths"))
	for _, t := range twins {
		places := f.find(t)
		for _, w := range t.Words {
			l.addWord(t, w, places)
		}
	}
}

func (l *loader) failAt(w source.Where, hint, format string, args ...any) {
	l.errs = append(l.errs, &source.Error{Where: w, What: fmt.Sprintf(format, args...), Hint: hint})
}

// addWord writes a word at the places that a twin names.
func (l *loader) addWord(t FieldTwin, w FieldWord, places []*fieldAt) {
	for _, p := range places {
		nodes := []*source.Node{p.way.own()}
		if p.parameter && w.Word != equalsClaim {
			if nodes = l.schemasOf(nodes[0]); len(nodes) == 0 {
				l.failAt(w.Where, "", "%s: the parameter has no schema to which %s could be added", t.Name, w.Word)
			}
		}
		for _, n := range nodes {
			if n.Kind != source.Mapping {
				l.failAt(w.Where, "write {} there", "%s is %s in the description (line %d), which takes no words", t.Name, n.Text, n.Line)
				continue
			}
			if there := n.Key(w.Word); there != nil {
				l.failAt(w.Where, "take one of them out", "%s has %s already, at %s", t.Name, w.Word, there.Where())
				continue
			}
			if err := n.Add(w.Word, w.Value, w.Where); err != nil {
				l.errs = append(l.errs, err)
			}
		}
	}
}

// schemasOf returns the schema of a parameter.
func (l *loader) schemasOf(parameter *source.Node) (all []*source.Node) {
	if i, ok := parameter.Find("schema"); ok {
		all = append(all, parameter.Own(i))
	}
	if i, ok := parameter.Find("content"); ok {
		content := parameter.Own(i)
		for j := range content.Items {
			media := content.Own(j)
			if k, ok := media.Find("schema"); ok {
				all = append(all, media.Own(k))
			}
		}
	}
	return all
}

// A way leads to a node from one that stands where it stands: by the values of mappings and lists.
type way struct {
	from *way
	node *source.Node
	at   int // in from
}

// own returns the node at the end of the way, with everything on the way its own place's: an alias elsewhere stays as it is.
func (w *way) own() *source.Node {
	if w.from == nil {
		return w.node
	}
	return w.from.own().Own(w.at)
}

func (w *way) get(key string) *way {
	if i, ok := w.node.Find(key); ok {
		return w.item(i)
	}
	return nil
}

func (w *way) item(i int) *way { return &way{w, w.node.Items[i], i} }

func (w *way) items() []*way {
	if w == nil {
		return nil
	}
	all := make([]*way, len(w.node.Items))
	for i := range all {
		all[i] = w.item(i)
	}
	return all
}

// start is the node at which the way begins: the root of the paths or schemas, or what a $ref led to.
func (w *way) start() *source.Node {
	for w.from != nil {
		w = w.from
	}
	return w.node
}

// A fieldAt is a place that a twin names.
type fieldAt struct {
	way       *way
	parameter bool
}

type operationAt struct{ item, operation *way }

// A finder finds what twins name.
type finder struct {
	l          *loader
	schemas    *source.Node
	paths      *source.Node
	operations map[string]operationAt
}

// follow goes through the references of anything but a schema. nil: one is broken, which is told elsewhere.
func (f *finder) follow(w *way) *way {
	if w == nil {
		return nil
	}
	to, err := f.l.set.Follow(w.node)
	switch {
	case err != nil:
		return nil
	case to == w.node:
		return w
	}
	return &way{node: to}
}

func (f *finder) readOperations(paths *source.Node) {
	f.paths = paths
	if paths == nil || paths.Kind != source.Mapping {
		return
	}
	for i, path := range paths.Keys {
		item := f.follow((&way{node: paths}).item(i))
		if item == nil || item.node.Kind != source.Mapping {
			continue
		}
		for j, k := range item.node.Keys {
			method := strings.ToUpper(k.Text)
			if methodIndex(method) < 0 || item.node.Items[j].Kind != source.Mapping {
				continue
			}
			op := item.item(j)
			id := textOf(op.node.Get("operationId"))
			if id == "" {
				id = method + " " + path.Text
			}
			f.operations[id] = operationAt{item, op}
		}
	}
}

// find returns the places that t names. What it does not find is an error.
func (f *finder) find(t FieldTwin) []*fieldAt {
	var known []string // names of properties that could have been meant, with what stands before them
	named := false
	for i := len(t.Name) - 1; i > 0; i-- { // names may hold dots: the longest counts
		if t.Name[i] != '.' {
			continue
		}
		name, rest := t.Name[:i], t.Name[i+1:]
		inSchema, more, isSchema := f.inSchema(name, rest)
		inOperation, others, isOperation := f.inOperation(name, rest)
		switch {
		case len(inSchema) > 0 && len(inOperation) > 0:
			f.l.failAt(t.Where, "", "%s can mean the schema %s or the operation %s", t.Name, name, name)
			return nil
		case len(inSchema) > 0:
			return inSchema
		case len(inOperation) > 0:
			f.warnShared(t, name, inOperation)
			return inOperation
		}
		named = named || isSchema || isOperation
		for _, p := range append(more, others...) {
			known = append(known, name+"."+p)
		}
	}
	what := "%s: the description has no such schema and no such operation"
	if named {
		what = "%s: there is no such property or parameter"
	} else if !strings.Contains(t.Name, ".") {
		f.l.failAt(t.Where, "write "+t.Name+".NAME", "%s names no field", t.Name)
		return nil
	} else {
		known = f.names(t.Name)
	}
	hint := ""
	if near := nearest(t.Name, known); near != "" {
		hint = "did you mean " + near + "?"
	}
	f.l.failAt(t.Where, hint, what, t.Name)
	return nil
}

// names lists the schemas and operations that could have been meant, each with the rest of name.
func (f *finder) names(name string) (all []string) {
	known := keysOf(f.operations)
	if f.schemas != nil {
		for _, k := range f.schemas.Keys {
			known = append(known, k.Text)
		}
	}
	for i := range len(name) {
		if name[i] == '.' {
			if near := nearest(name[:i], known); near != "" {
				all = append(all, near+name[i:])
			}
		}
	}
	return all
}

// warnShared tells when a place that was named by an operation belongs to others too.
func (f *finder) warnShared(t FieldTwin, operation string, places []*fieldAt) {
	for _, p := range places {
		if start := p.way.start(); start != f.paths {
			f.l.warns = append(f.l.warns, Warning{
				Where: t.Where, What: fmt.Sprintf("%s stands in what %s refers to (%s), and counts wherever that is used", t.Name, operation, start.Where()),
			})
			return
		}
	}
}

func (f *finder) inSchema(name, rest string) (places []*fieldAt, known []string, found bool) {
	if f.schemas == nil || f.schemas.Kind != source.Mapping {
		return nil, nil, false
	}
	w := (&way{node: f.schemas}).get(name)
	if w == nil {
		return nil, nil, false
	}
	p := properties{finder: f}
	p.look(w, rest)
	return p.found, p.known, true
}

// inOperation finds a parameter, and where there is none of this name, a property of the body.
func (f *finder) inOperation(id, rest string) (places []*fieldAt, known []string, found bool) {
	at, ok := f.operations[id]
	if !ok {
		return nil, nil, false
	}
	for _, list := range []*way{at.item.get("parameters"), at.operation.get("parameters")} {
		for _, w := range list.items() {
			if w = f.follow(w); w == nil {
				continue
			}
			switch name := textOf(w.node.Get("name")); name {
			case "":
			case rest:
				places = append(places, &fieldAt{w, true})
			default:
				known = append(known, name)
			}
		}
	}
	if len(places) > 0 {
		return places, known, true
	}
	p := properties{finder: f}
	if body := f.follow(at.operation.get("requestBody")); body != nil {
		for _, media := range body.get("content").items() {
			if media = f.follow(media); media == nil {
				continue
			}
			if s := media.get("schema"); s != nil {
				p.look(s, rest)
			}
		}
	}
	return p.found, append(known, p.known...), true
}

// properties looks for a property through everything that applies to one value.
type properties struct {
	*finder
	found []*fieldAt
	known []string
	seen  map[lookedAt]bool
}

type lookedAt struct {
	node *source.Node
	path string
}

func (p *properties) look(w *way, path string) {
	if at := (lookedAt{w.node, path}); w.node.Kind != source.Mapping || p.seen[at] {
		return
	} else if p.seen == nil {
		p.seen = map[lookedAt]bool{at: true}
	} else {
		p.seen[at] = true
	}
	if ref := w.node.Get("$ref"); ref != nil && ref.Kind == source.String {
		if to, err := p.l.set.Resolve(ref, ref.Text); err == nil {
			p.look(&way{node: to}, path)
		}
		if !p.l.v31 {
			return // OpenAPI 3.0 ignores what stands beside it
		}
	}
	p.byName(w.get("properties"), path)
	for _, key := range []string{"items", "if", "then", "else"} {
		if below := w.get(key); below != nil {
			p.look(below, path)
		}
	}
	for _, key := range []string{"prefixItems", "allOf", "anyOf", "oneOf", "dependentSchemas"} {
		for _, below := range w.get(key).items() {
			p.look(below, path)
		}
	}
}

func (p *properties) byName(w *way, path string) {
	if w == nil || w.node.Kind != source.Mapping {
		return
	}
	for i, k := range w.node.Keys {
		rest, longer := strings.CutPrefix(path, k.Text+".")
		switch {
		case path == k.Text:
			at := w.item(i)
			if !slices.ContainsFunc(p.found, func(f *fieldAt) bool { return f.way.node == at.node && f.way.from.node == w.node }) {
				p.found = append(p.found, &fieldAt{way: at})
			}
		case longer:
			before := len(p.known)
			p.look(w.item(i), rest)
			for j := before; j < len(p.known); j++ {
				p.known[j] = k.Text + "." + p.known[j]
			}
		default:
			p.known = append(p.known, k.Text)
		}
	}
}
