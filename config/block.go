// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"yett/practice"
)

// A block is what is written for one practice at one place.
type block struct {
	path      string
	key, node *yaml.Node
	broken    bool
	mode      string // "" if not given
	off       string // "" if not given
	stated    *yaml.Node
	entries   []entry // all keys but mode and off
}

type entry struct{ key, value *yaml.Node }

func (b *block) entry(name string) (entry, bool) {
	i := slices.IndexFunc(b.entries, func(e entry) bool { return e.key.Value == name })
	if i < 0 {
		return entry{}, false
	}
	return b.entries[i], true
}

// block reads a practice's block and judges it by itself.
func (r *reader) block(l *level, p *practice.Practice, key, n *yaml.Node) {
	b := &block{path: join(l.path, p.Name), key: key, node: n}
	l.blocks[p.Name] = b
	before := len(r.errs)
	defer func() { b.broken = len(r.errs) > before }()
	switch {
	case r.failed[b.path]:
		return
	case isNull(n):
		r.fail(b.path, key, n, "nothing is given (give a value, or remove the key)")
		return
	case n.Kind == yaml.ScalarNode && slices.Contains([]string{"false", "off", "no", "disabled"}, n.Value):
		r.fail(b.path, key, n, "no reason given (write why: %s: { off: \"…\" })", p.Name)
		return
	case n.Kind != yaml.MappingNode:
		r.wantKeys(b.path, key, n)
		return
	}
	extra := func(key, value *yaml.Node) bool {
		switch key.Value {
		case "mode":
			r.mode(b, p, key, value)
		case "off":
			r.off(b, key, value)
		default:
			return false
		}
		b.stated = key
		return true
	}
	config := reflect.ValueOf(p.NewConfig()).Elem()
	words := append(fieldNames(config.Type()), "mode", "off")
	r.structure(b.path, n, config, extra, func(word string) string { return r.meant(word, words) })
	fields := fieldsOf(config.Type())
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := n.Content[i]; k.Value != "mode" && k.Value != "off" {
			if f, _ := fields.named(k.Value); f.wide && l.path != "" {
				r.fail(join(b.path, k.Value), k, nil, "counts only for the whole gateway (move it to %s: at the top of the file)", p.Name)
				continue
			}
			b.entries = append(b.entries, entry{k, n.Content[i+1]})
		}
	}
	if b.mode != "" && b.off != "" {
		r.fail(b.path, key, nil, "mode and off contradict each other (keep one)")
	}
}

func (r *reader) mode(b *block, p *practice.Practice, key, n *yaml.Node) {
	path := join(b.path, "mode")
	var mode string
	before := len(r.errs)
	if r.decode(path, key, n, reflect.ValueOf(&mode).Elem()); len(r.errs) > before {
		return
	}
	switch {
	case mode == "off":
		r.fail(path, key, n, "a practice is switched off with a reason (write off: \"why\")")
	case mode != "enforce" && mode != "observe":
		r.fail(path, key, n, "%.40q is not enforce or observe", n.Value)
	case mode == "observe" && !p.MayObserve:
		r.fail(path, key, n, "%s cannot only observe: what it decides, others rely on (remove mode, or write off: \"why\")", p.Name)
	default:
		b.mode = mode
	}
}

func (r *reader) off(b *block, key, n *yaml.Node) {
	b.off = r.reason(join(b.path, "off"), key, n)
}

// reason reads why something is loosened. What is no text of its own, such as true, is none.
func (r *reader) reason(path string, key, n *yaml.Node) string {
	text := strings.TrimSpace(r.doc.text(n))
	switch {
	case n.Kind != yaml.ScalarNode, isNull(n), strings.Trim(text, " .-_?!x0123456789") == "",
		slices.Contains([]string{"true", "false", "yes", "no", "on", "off", "null"}, strings.ToLower(text)):
		r.fail(path, key, n, "no reason given (write why)")
		return ""
	}
	return text
}
