// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"slices"
	"strings"

	"yett/internal/source"
)

// knownWords are yett's own words in a description. Those of operations are read here; the others belong to the
// practices that read them from the nodes of schemas.
var knownWords = []string{
	"x-yett-public", "x-yett-scopes", "x-yett-websocket", // of operations; scopes also of schemes
	"x-yett-visible", "x-yett-mask", "x-yett-contains", "x-yett-encrypt", "x-yett-encrypt-bind", equalsClaim, // of fields
	"x-yett-webhook", "x-yett-deprecated", "x-yett-sunset",
}

var operationWords, fieldWords = knownWords[:3], knownWords[3:9]

// word is the value of one of yett's words, which counts as read.
func (l *loader) word(n *source.Node, word string) *source.Node {
	if k := n.Key(word); k != nil {
		l.read[k] = true
	}
	return n.Get(word)
}

// words looks through every file for words of yett's that are unknown, or that stand where nothing reads them. A
// misspelt x-yett-public must not pass as an extension that nobody knows.
func (l *loader) words() {
	var all []written
	for f := range l.files {
		all = appendWords(all, f.Root)
	}
	complete := len(l.errs) == 0 // else there may be schemas that were not reached, and schemes that were not read
	if slices.ContainsFunc(all, func(w written) bool { return slices.Contains(fieldWords, w.key.Text) }) {
		l.readFieldWords(complete)
	}
	for _, w := range all {
		l.checkWord(w.in, w.key, complete)
	}
}

// written is a word in a mapping.
type written struct{ in, key *source.Node }

func appendWords(all []written, n *source.Node) []written {
	for i, item := range n.Items {
		if n.Kind == source.Mapping {
			if k := n.Keys[i]; strings.HasPrefix(strings.ToLower(k.Text), "x-yett") {
				all = append(all, written{n, k})
			}
		}
		if item.Kind >= source.Sequence {
			all = appendWords(all, item)
		}
	}
	return all
}

func (l *loader) checkWord(n, k *source.Node, complete bool) {
	switch {
	case !slices.Contains(knownWords, k.Text):
		hint := "known are " + strings.Join(knownWords, ", ")
		if near := nearest(k.Text, knownWords); near != "" {
			hint = "did you mean " + near + "?"
		}
		l.fail(k, hint, "unknown word %s", k.Text)
	case l.read[k]:
	case k.Text == "x-yett-scopes":
		l.fail(k, "put it into an operation, or into a scheme whose keys have these scopes", "%s has no effect here", k.Text)
	case slices.Contains(operationWords, k.Text):
		l.fail(k, "put it into an operation", "%s has no effect here", k.Text)
	case !slices.Contains(fieldWords, k.Text) || !complete:
	case l.unused(n):
		l.warn(k, "", "%s has no effect: nothing refers to what it stands in", k.Text)
	case k.Text == equalsClaim:
		l.fail(k, "put it on a parameter, or into the schema of a parameter or property", "%s has no effect here", k.Text)
	default:
		l.fail(k, "put it into the schema of a property, of items, or of a body", "%s has no effect here", k.Text)
	}
}

// unused reports whether n lies in a definition that nothing refers to: a component, one under $defs, or something in a
// file of definitions.
func (l *loader) unused(n *source.Node) bool {
	for ; !l.used[n]; n = n.Parent() {
		up := n.Parent()
		switch {
		case up == nil:
			return n.File != l.api.File
		case up.Get("$defs") == n, up.Parent() == nil && n.File == l.api.File && up.Get("components") == n:
			return true
		}
	}
	return false
}

// nearest is the known word that a misspelt one is closest to, "" if none is close.
func nearest(word string, known []string) string {
	best, least := "", max(2, len(word)/4)+1
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance counts the insertions, deletions and replacements that make a out of b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

func keysOf[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
