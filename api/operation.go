// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"slices"
	"strconv"
	"strings"

	"yett/internal/source"
)

// pathItemKeys are the keys of a path item that are no method.
var pathItemKeys = []string{"$ref", "summary", "description", "servers", "parameters"}

func (l *loader) paths(paths *source.Node) {
	l.ids = map[string]*source.Node{}
	if paths == nil || paths.Kind != source.Mapping {
		l.fail(l.api.File.Root, "add paths", "the description has no paths")
		return
	}
	shapes := map[string][]*source.Node{}
	for i, k := range paths.Keys {
		if strings.HasPrefix(k.Text, "x-") {
			continue
		}
		shape, names, err := parseTemplate(k.Text)
		if err != nil {
			l.fail(k, "", "path %s: %v", k.Text, err)
			continue
		}
		for _, other := range shapes[shape] {
			l.rivals(k, paths.Items[i], other, paths.Get(other.Text))
		}
		shapes[shape] = append(shapes[shape], k)
		l.pathItem(k, names, paths.Items[i])
	}
	if len(l.api.Operations) == 0 && len(l.errs) == 0 {
		l.fail(paths, "", "the description has no operations")
	}
}

// rivals judges two templates that match the same requests. OpenAPI forbids them; where no method is in both
// there is nothing to confuse, and GitHub's own description has such.
func (l *loader) rivals(path, item, other, otherItem *source.Node) {
	item, err1 := l.set.Follow(item)
	otherItem, err2 := l.set.Follow(otherItem)
	if err1 != nil || err2 != nil {
		return // pathItem reports it
	}
	for _, m := range methods {
		if m = strings.ToLower(m); item.Get(m) != nil && otherItem.Get(m) != nil {
			l.fail(path, "merge them, or give one a literal segment", "paths %s and %s (line %d) match the same requests", path.Text, other.Text, other.Line)
			return
		}
	}
	l.warn(path, "give their parameters the same names", "paths %s and %s (line %d) match the same requests and differ only in method", path.Text, other.Text, other.Line)
}

func (l *loader) pathItem(path *source.Node, names []string, item *source.Node) {
	item, ok := l.follow(item, "path "+path.Text+": ")
	if !ok {
		return
	}
	shared := l.parameters(item.Get("parameters"), "path "+path.Text+": ")
	for i, k := range item.Keys {
		method := strings.ToUpper(k.Text)
		switch {
		case k.Text == "servers":
			l.warn(k, "only servers[0] of the whole description counts", "path %s: servers are ignored", path.Text)
		case slices.Contains(pathItemKeys, k.Text) || strings.HasPrefix(k.Text, "x-"):
		case k.Text == "trace":
			l.warn(k, "TRACE echoes credentials", "path %s: TRACE is never served", path.Text)
		case methodIndex(method) < 0 || k.Text != strings.ToLower(k.Text):
			l.fail(k, "methods are get, head, post, put, patch, delete and options", "path %s: %q is no method", path.Text, k.Text)
		default:
			l.operation(path, names, method, k, item.Items[i], shared)
		}
	}
}

func (l *loader) operation(path *source.Node, names []string, method string, key, node *source.Node, shared []*Parameter) {
	if node.Kind != source.Mapping {
		l.fail(node, "", "operation %s %s is a %s, want a mapping", method, path.Text, node.Kind)
		return
	}
	op := &Operation{
		API: l.api, Index: len(l.api.Operations), Method: method, Path: path.Text,
		ID: l.text(node, "operationId"), Summary: l.text(node, "summary"),
		Deprecated: l.flag(node, "deprecated", false),
		Where:      key,
	}
	if op.ID == "" {
		op.ID = method + " " + path.Text
	}
	if first := l.ids[op.ID]; first != nil {
		l.fail(key, "first on line "+strconv.Itoa(first.Line), "operation %s: the operationId stands twice", op.ID)
		return
	}
	l.ids[op.ID] = key
	op.names = names
	what := "operation " + op.ID + ": "
	op.Tags = l.texts(node.Get("tags"), what+"tags")
	op.WebSocket = l.twins[op.ID].WebSocket
	if w := l.word(node, "x-yett-websocket"); w != nil && l.flag(node, "x-yett-websocket", false) {
		op.WebSocket = true
	}
	if op.WebSocket && method != "GET" {
		l.fail(key, "a WebSocket is opened with GET (RFC 6455 section 4.1)", "%sx-yett-websocket on %s", what, method)
	}
	if s := node.Key("servers"); s != nil {
		l.warn(s, "only servers[0] of the whole description counts", "%sservers are ignored", what)
	}
	op.Params = merge(shared, l.parameters(node.Get("parameters"), what))
	l.checkTemplate(op, key, names, what)
	if b := node.Get("requestBody"); b != nil {
		op.Body = l.body(b, what+"requestBody: ")
	}
	op.Responses = l.responses(node.Get("responses"), what)
	l.authorize(op, node)
	l.api.Operations = append(l.api.Operations, op)
}

// merge puts the operation's own parameters in the place of those of its path item that they redefine.
func merge(shared, own []*Parameter) []*Parameter {
	out := make([]*Parameter, 0, len(shared)+len(own))
	for _, p := range shared {
		if !slices.ContainsFunc(own, p.same) {
			out = append(out, p)
		}
	}
	return append(out, own...)
}

// checkTemplate demands that the template and the path parameters name the same things.
func (l *loader) checkTemplate(op *Operation, key *source.Node, names []string, what string) {
	for _, name := range names {
		if !op.declares("path", name) {
			l.fail(key, "add it to parameters, in: path", "%sthe path parameter {%s} is not described", what, name)
		}
	}
	for _, p := range op.Params {
		if p.In == "path" && !slices.Contains(names, p.Name) {
			l.fail(p.Where, "put {"+p.Name+"} into the path, or take the parameter out", "%sthe path parameter %s is not in %s", what, p.Name, op.Path)
		}
	}
}
