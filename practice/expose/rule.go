// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	"fmt"
	"slices"
	"strings"

	"yett/api/schema"
	"yett/internal/source"
)

// The words of a description that are read here.
const (
	wordVisible  = "x-yett-visible"
	wordMask     = "x-yett-mask"
	wordContains = "x-yett-contains"
	wordEncrypt  = "x-yett-encrypt"
	wordEquals   = "x-yett-equals-claim"
)

// A rule is what one schema says of who sees its values, and what the others see instead.
type rule struct {
	key        string   // the same for rules that do the same
	shown      bool     // there are callers who see the values as they are; false: a mask for everybody
	scopes     []string // any of them admits
	conditions []*condition
	mask       Mask
	where      string // of the word that decides: file and line
}

// hides reports whether the rule keeps the values from who asks. A condition that cannot be evaluated admits nobody; it
// is returned.
func (r *rule) hides(a *asker) (hidden bool, failed *condition) {
	for _, s := range r.scopes {
		if a.caller.Holds(s) {
			return false, nil
		}
	}
	for _, c := range r.conditions {
		ok, err := c.holds(a)
		if err != nil {
			// Whoever cannot be judged sees nothing: to show the value here would admit all who garble a claim.
			failed = c
			continue
		}
		if ok {
			return false, nil
		}
	}
	return true, failed
}

// always reports whether the rule hides the values from everybody.
func (r *rule) always() bool { return len(r.scopes) == 0 && len(r.conditions) == 0 }

// A reader reads the words of schemas into rules, each schema and each condition once.
type reader struct {
	rules      map[*source.Node]*rule // by the schema
	conditions map[string]*condition
	errs       []error
}

func newReader() *reader {
	return &reader{rules: map[*source.Node]*rule{}, conditions: map[string]*condition{}}
}

// of returns the rules of a shape: one for each schema that says something. Each schema speaks for itself, and a caller
// gets what the strictest of them leaves.
func (r *reader) of(shape *schema.Shape) []*rule {
	var all []*rule
	for _, n := range shape.Speakers() {
		visible, mask := n.Get(wordVisible), n.Get(wordMask)
		if visible == nil && mask == nil {
			continue
		}
		made := r.rules[n]
		if made == nil {
			made = r.rule(visible, mask)
			r.rules[n] = made
		}
		all = append(all, made)
	}
	return all
}

// rule reads the words of one schema.
func (r *reader) rule(visible, mask *source.Node) *rule {
	made := &rule{shown: visible != nil}
	if mask != nil {
		made.where = mask.Where().String()
		made.mask = Mask(mask.Text)
		if !slices.Contains(Masks, made.mask) {
			r.fail(mask, "%s: %.40q is no mask (want redact, last4, email or hash)", wordMask, mask.Text)
			made.mask = Redact
		}
	}
	if visible != nil {
		made.where = visible.Where().String()
		r.admit(made, visible)
	}
	made.key = made.describe()
	return made
}

// admit reads who sees the values.
func (r *reader) admit(made *rule, visible *source.Node) {
	if visible.Kind != source.Sequence {
		r.fail(visible, "%s is a %s (want a list of scopes)", wordVisible, visible.Kind)
		return
	}
	for _, entry := range visible.Items {
		if entry.Kind == source.String && entry.Text != "" {
			made.scopes = append(made.scopes, entry.Text)
			continue
		}
		text := entry.Get("if")
		if text == nil || text.Kind != source.String || len(entry.Keys) != 1 {
			r.fail(entry, "%s: this is neither a scope nor {if: a condition}", wordVisible)
			continue
		}
		if c := r.condition(text); c != nil {
			made.conditions = append(made.conditions, c)
		}
	}
	slices.Sort(made.scopes)
	made.scopes = slices.Compact(made.scopes)
	slices.SortFunc(made.conditions, func(a, b *condition) int { return strings.Compare(a.text, b.text) })
	made.conditions = slices.Compact(made.conditions)
}

func (r *reader) condition(n *source.Node) *condition {
	if c := r.conditions[n.Text]; c != nil {
		return c
	}
	c, err := newCondition(n.Text, n.Where().String())
	if err != nil {
		r.fail(n, "%s: %w", wordVisible, err)
		return nil
	}
	r.conditions[n.Text] = c
	return c
}

// describe writes the rule so that two which do the same are written alike.
func (r *rule) describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %t", r.mask, r.shown)
	for _, s := range r.scopes {
		fmt.Fprintf(&b, " %q", s)
	}
	for _, c := range r.conditions {
		fmt.Fprintf(&b, " if %q", c.text)
	}
	return b.String()
}

func (r *reader) fail(n *source.Node, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%s: %w", n.Where(), fmt.Errorf(format, args...)))
}
