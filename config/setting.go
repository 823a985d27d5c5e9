// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"

	"yett/practice"
)

// A Setting is what a practice is to do at one place.
type Setting struct {
	Practice *practice.Practice
	Config   any     // as of Practice.NewConfig: a pointer that nobody else has
	Observe  bool    // decide, but refuse nothing
	Off      string  // why the practice is off here; "" if it is on
	Own      bool    // the place has a block of its own
	Layers   []Layer // mode or off first, then each key of the configuration, in the order of the struct

	file    *File
	decides map[string]*block // of each key that is written, the block that counts
}

// A Layer says where the value of a key comes from.
type Layer struct {
	Key   string `json:"key"`
	Value string `json:"value"` // as written; a secret is <secret>
	From  string `json:"from"`  // "default", or where the value stands: "yett.yaml:12"
}

// Gateway is the setting of a practice for the gateway as a whole. It is an error if the practice was not among those
// that the file was read with.
func (f *File) Gateway(p *practice.Practice) (*Setting, error) {
	return f.setting(p, &f.level)
}

// ForAPI is the setting of a practice for one API. Where the API has no block it equals that of the gateway.
func (f *File) ForAPI(a *API, p *practice.Practice) (*Setting, error) {
	return f.setting(p, &f.level, &a.level)
}

// ForOperation is the setting of a practice for one operation. Where the file does not name the operation, or gives it
// no block, it equals that of the API.
func (f *File) ForOperation(a *API, id string, p *practice.Practice) (*Setting, error) {
	if op := a.Operations[id]; op != nil {
		return f.setting(p, &f.level, &a.level, &op.level)
	}
	s, err := f.ForAPI(a, p)
	if err != nil {
		return nil, err
	}
	s.Own = false
	return s, nil
}

func (f *File) setting(p *practice.Practice, levels ...*level) (*Setting, error) {
	if f.known[p.Name] != p {
		return nil, fmt.Errorf("config: %s was read without the practice %s", f.Path, p.Name)
	}
	d := newDecoder(f.doc)
	s := f.merge(d, p, levels)
	if err := d.result(); err != nil {
		return nil, err
	}
	return s, nil
}

// merge merges the blocks of a practice, the widest level first, and decodes the result once.
func (f *File) merge(d *decoder, p *practice.Practice, levels []*level) *Setting {
	decides := map[string]*block{}
	s := &Setting{Practice: p, Config: p.NewConfig(), Own: levels[len(levels)-1].blocks[p.Name] != nil, file: f, decides: decides}
	s.state(f, levels)
	for _, l := range levels {
		if b := l.blocks[p.Name]; b != nil {
			for _, e := range b.entries {
				decides[e.key.Value] = b
			}
		}
	}
	v := reflect.ValueOf(s.Config).Elem()
	for _, fd := range fieldsOf(v.Type()) {
		b := decides[fd.name]
		if b == nil {
			s.Layers = append(s.Layers, Layer{fd.name, showValue(v.Field(fd.index)), "default"})
			continue
		}
		e, _ := b.entry(fd.name)
		d.field(join(b.path, fd.name), e.key, e.value, v, fd)
		s.Layers = append(s.Layers, Layer{fd.name, showNode(e.value, fd.kind), f.from(e.key)})
	}
	return s
}

// Placed gives what Build says of the configuration its place in the file, as what Validate says has one: an error whose
// text begins with a key that is written becomes an *Error there. Every other one gets the practice's name.
func (s *Setting) Placed(err error) error {
	found := flatten(err)
	for i, err := range found {
		steps, rest := splitPath(err.Error())
		what, ok := strings.CutPrefix(rest, ": ")
		if !ok || len(steps) == 0 || s.decides[steps[0]] == nil {
			found[i] = fmt.Errorf("%s: %w", s.Practice.Name, err)
			continue
		}
		b := s.decides[steps[0]]
		what = s.file.doc.concealed(what, s.filled())
		found[i] = s.file.Errorf(b.path+"."+strings.TrimSuffix(err.Error(), rest), "%s", what)
	}
	if len(found) == 1 {
		return found[0]
	}
	return errors.Join(found...)
}

// filled are the values in the blocks that count which came from the environment.
func (s *Setting) filled() []*yaml.Node {
	var all []*yaml.Node
	for name, b := range s.decides {
		e, _ := b.entry(name)
		all = append(all, s.file.doc.filledBelow(e.value)...)
	}
	return all
}

// state decides between enforcing, observing and being off.
func (s *Setting) state(f *File, levels []*level) {
	layer := Layer{"mode", "enforce", "default"}
	if f.Observe && s.Practice.MayObserve {
		layer = Layer{"mode", "observe", "--observe"}
		if key, _ := child(f.doc.root, "observe"); key != nil {
			layer.From = f.from(key)
		}
	}
	for _, l := range levels {
		switch b := l.blocks[s.Practice.Name]; {
		case b == nil || b.stated == nil:
		case b.off != "":
			layer = Layer{"off", b.off, f.from(b.stated)}
		default:
			layer = Layer{"mode", b.mode, f.from(b.stated)}
		}
	}
	if layer.Key == "off" {
		s.Off = layer.Value
	}
	s.Observe = layer.Value == "observe" && layer.Key == "mode"
	s.Layers = append(s.Layers, layer)
}

func (f *File) from(n *yaml.Node) string {
	return f.doc.error(n.Line, n.Column, 0, "").Where()
}

// checkSettings has each practice judge every configuration that it will be built with.
func (r *reader) checkSettings(known []*practice.Practice) {
	f := r.file
	for _, p := range known {
		r.checkSetting(p, &f.level)
		for _, a := range f.APIs {
			if a.blocks[p.Name] != nil {
				r.checkSetting(p, &f.level, &a.level)
			}
			for _, id := range a.ids {
				if op := a.Operations[id]; op.blocks[p.Name] != nil {
					r.checkSetting(p, &f.level, &a.level, &op.level)
				}
			}
		}
	}
}

func (r *reader) checkSetting(p *practice.Practice, levels ...*level) {
	at, key := join(levels[0].path, p.Name), levels[0].node
	for _, l := range levels {
		b := l.blocks[p.Name]
		switch {
		case b == nil:
		case b.broken:
			return // reported; what follows from it is not worth a line
		default:
			at, key = b.path, b.key
		}
	}
	s := r.file.merge(r.decoder, p, levels)
	if s.Off != "" {
		return
	}
	errs := flatten(p.Validate(s.Config))
	if len(errs) == 0 {
		return
	}
	filled := s.filled()
	for _, err := range errs {
		if !r.full() {
			r.invalid(err.Error(), at, key, s.decides, filled)
		}
	}
}

// invalid reports what a practice's Validate found. A path of keys at the beginning of its text is the place; without
// one the narrowest block is. filled are the values that must not be shown.
func (r *reader) invalid(text, at string, key *yaml.Node, decides map[string]*block, filled []*yaml.Node) {
	steps, rest := splitPath(text)
	what, found := strings.CutPrefix(rest, ": ")
	located := found && len(steps) > 0
	if !located {
		what = text
	}
	what = r.doc.concealed(what, filled)
	if !located {
		r.fail(at, key, nil, "%s", what)
		return
	}
	path := at
	for i, step := range steps {
		if _, err := fmt.Sscanf(step, "%d", new(int)); err == nil && i > 0 {
			path += "[" + step + "]"
		} else {
			path = join(path, step)
		}
	}
	b := decides[steps[0]]
	if b == nil { // a default: what is wrong follows from another key, or from there being none
		r.fail(path, key, nil, "%s", what)
		return
	}
	path = b.path + strings.TrimPrefix(path, at)
	if b.path != at { // wrong only together with what a narrower block gives, else it was reported there
		if r.failed[path] {
			return
		}
		what += ", at " + at
	}
	e, _ := b.entry(steps[0])
	k, n, _ := find(e.key, e.value, steps[1:])
	r.fail(path, k, n, "%s", what)
}

// flatten parts joined errors.
func flatten(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, flatten(e)...)
		}
		return all
	}
	if err == nil {
		return nil
	}
	return []error{err}
}
