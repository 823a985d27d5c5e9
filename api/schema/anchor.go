// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"net/url"
	"slices"
	"strings"

	"yett/internal/source"
)

// anchored returns the schema that the $ref at n names by its $anchor, nil where that is for the library to find: in schemas
// with names of their own, and where the name is dynamic or stands twice.
func (c *Compiler) anchored(n *source.Node) *source.Node {
	ref := n.Get("$ref")
	if c.options.Dialect == OpenAPI30 || !isString(ref) {
		return nil
	}
	u, err := url.Parse(ref.Text)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Fragment == "" || u.Fragment[0] == '/' {
		return nil
	}
	file := n.File
	switch {
	case underID(n, u.Path != ""):
		return nil
	case u.Path != "":
		if c.options.Resolve == nil {
			return nil
		}
		to, err := c.options.Resolve(ref, u.Path)
		if err != nil || to != to.File.Root {
			return nil // the library says why
		}
		file = to.File
	}
	names := c.anchors[file]
	if names == nil {
		names = map[string]*source.Node{}
		findAnchors(file.Root, names, map[*source.Node]bool{})
		if c.anchors == nil {
			c.anchors = map[*source.File]map[string]*source.Node{}
		}
		c.anchors[file] = names
	}
	return names[u.Fragment]
}

// data are keys whose values are no schemas, whatever they look like.
var data = []string{"const", "default", "enum", "example", "examples"}

// findAnchors finds the anchors at and below n, but in schemas with names of their own. One that stands twice is nil.
func findAnchors(n *source.Node, names map[string]*source.Node, seen map[*source.Node]bool) {
	if seen[n] || n.Parent() != nil && isString(n.Get("$id")) {
		return
	}
	seen[n] = true
	for _, key := range []string{"$anchor", "$dynamicAnchor"} {
		if name := n.Get(key); isString(name) {
			_, twice := names[name.Text]
			names[name.Text] = nil
			if !twice && key == "$anchor" {
				names[name.Text] = n
			}
		}
	}
	for i, item := range n.Items {
		if n.Kind == source.Mapping && (slices.Contains(data, n.Keys[i].Text) || strings.HasPrefix(n.Keys[i].Text, "x-")) {
			continue
		}
		findAnchors(item, names, seen)
	}
}
