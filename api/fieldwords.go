// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"slices"
	"strings"

	"yett/api/schema"
	"yett/internal/source"
)

// What the words for fields may say.
var (
	masks = []string{"redact", "last4", "email", "hash"}
	kept  = []string{"card", "iban", "national_id", "private_key", "token", "cloud_secret"} // what a field may contain
)

// readFieldWords reads the words for fields wherever something reads them: on the schemas that bodies and parameters reach,
// and x-yett-equals-claim on parameters themselves. It judges their form. What the words for sealing say, and on what
// types of value and in which header fields they cannot be kept, practice encrypt tells.
func (l *loader) readFieldWords(complete bool) {
	j := judge{loader: l, seen: map[*source.Node]bool{}}
	j.scopes, j.listed = l.scopesKnown()
	j.listed = j.listed && complete
	w := walker{from: map[reached]direction{}}
	w.bodies(l.api)
	var params, headers []*schema.Shape
	for _, op := range l.api.Operations {
		for _, p := range op.Params {
			if claim := p.Where.Get(equalsClaim); claim != nil {
				j.claim(claim)
			}
			params = append(params, p.Schema.Shape())
		}
		for _, r := range op.Responses {
			for _, h := range r.Headers {
				headers = append(headers, h.Schema.Shape())
			}
		}
	}
	w.walk(params, elsewhere)
	for _, at := range w.all {
		j.shape(at.shape, fieldWords)
	}
	w = walker{from: map[reached]direction{}}
	w.walk(headers, elsewhere)
	for _, at := range w.all {
		j.shape(at.shape, []string{"x-yett-encrypt", "x-yett-encrypt-bind"})
	}
}

// scopesKnown returns the scopes that schemes list or operations ask for, and whether a scheme lists any.
func (l *loader) scopesKnown() (all []string, listed bool) {
	for _, s := range l.api.Schemes {
		all = append(all, s.Scopes...)
	}
	listed = len(all) > 0
	for _, op := range l.api.Operations {
		for _, r := range op.Security {
			for _, u := range r {
				all = append(all, u.Scopes...)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all), listed
}

// A judge judges the form of words, each once.
type judge struct {
	*loader
	scopes []string
	listed bool                  // scopes is all that there are
	seen   map[*source.Node]bool // values
}

func (j *judge) shape(p *schema.Shape, words []string) {
	for _, said := range p.Speakers() {
		for i, k := range said.Keys {
			if !slices.Contains(words, k.Text) {
				continue
			}
			j.read[k] = true
			n := said.Items[i]
			if j.seen[n] {
				continue
			}
			j.seen[n] = true
			switch k.Text {
			case "x-yett-visible":
				j.visible(n)
			case "x-yett-mask":
				j.oneOf(n, k.Text, masks)
			case "x-yett-contains":
				j.contains(n)
			case equalsClaim:
				j.claim(n)
			}
		}
	}
}

func (j *judge) oneOf(n *source.Node, word string, known []string) {
	if n.Kind == source.String && slices.Contains(known, n.Text) {
		return
	}
	hint := "want " + strings.Join(known, ", ")
	if near := nearest(n.Text, known); near != "" {
		hint = "did you mean " + near + "?"
	}
	if n.Kind >= source.Sequence {
		j.fail(n, hint, "%s: a %s stands where a word is wanted", word, n.Kind)
		return
	}
	j.fail(n, hint, "%s: %q is not known", word, n.Text)
}

func (j *judge) contains(n *source.Node) {
	const word = "x-yett-contains"
	if n.Kind != source.Sequence || len(n.Items) == 0 {
		j.fail(n, "want some of "+strings.Join(kept, ", "), "%s is a list of what the field may hold", word)
		return
	}
	for _, item := range n.Items {
		j.oneOf(item, word, kept)
	}
}

func (j *judge) claim(n *source.Node) {
	if n.Kind != source.String || n.Text == "" {
		j.fail(n, "try sub", "%s is the name of a claim", equalsClaim)
	}
}

// visible judges who sees a field. An empty list is good: it admits nobody.
func (j *judge) visible(n *source.Node) {
	const word = "x-yett-visible"
	if n.Kind != source.Sequence {
		j.fail(n, "want a list", "%s is a list of scopes and of {if: condition}", word)
		return
	}
	for _, item := range n.Items {
		when := item.Get("if")
		switch {
		case item.Kind == source.String && item.Text != "":
			j.scope(item)
		case when == nil || len(item.Keys) != 1 || when.Kind != source.String || when.Text == "":
			j.fail(item, "", "%s holds what is neither a scope nor {if: condition}", word)
		}
	}
}

// scope demands that a scope exists, where a scheme lists those that there are. A description of keys alone has no such
// list: there a scope may be for a field and for nothing else, and to name it in an operation would be to ask for it.
func (j *judge) scope(n *source.Node) {
	if !j.listed || slices.Contains(j.scopes, n.Text) {
		return
	}
	hint := "list it in the scheme: its scopes, or x-yett-scopes"
	if near := nearest(n.Text, j.scopes); near != "" {
		hint = "did you mean " + near + "?"
	}
	j.fail(n, hint, "x-yett-visible names the scope %s, which does not exist", n.Text)
}
