// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"strings"

	"yett/api/schema"
	"yett/internal/source"
)

// document reads the description from its root.
func (l *loader) document(root *source.Node) {
	l.files[root.File] = true
	if !l.version(root) {
		return
	}
	info := root.Get("info")
	l.api.Title, l.api.Version = l.text(info, "title"), versionText(info)
	l.api.BasePath = l.basePath(root.Get("servers"))
	l.fieldTwins(root, l.fields)
	l.compiler = schema.NewCompiler(schema.Options{Dialect: l.dialect(root), AssertFormat: true, Resolve: l.resolve})
	l.schemes(root)
	l.paths(root.Get("paths"))
	for _, n := range l.compiler.Unknown() {
		l.warn(n, "leave $schema and $dynamicRef out, and refer to a schema by its place: #/components/schemas/NAME",
			"members of this schema are not known, so none are held back and none refused")
	}
	for id, twin := range l.twins {
		if l.ids[id] == nil {
			hint := "list them with: yett check"
			if near := nearest(id, keysOf(l.ids)); near != "" {
				hint = "did you mean " + near + "?"
			}
			l.errs = append(l.errs, &source.Error{Where: twin.Where, What: fmt.Sprintf("no operation %s in %s", id, l.api.File.Name), Hint: hint})
		}
	}
}

// version accepts OpenAPI 3.0 and 3.1 and refuses the others by name.
func (l *loader) version(root *source.Node) bool {
	if root.Kind != source.Mapping {
		l.fail(root, "", "this is a %s, want an OpenAPI description", root.Kind)
		return false
	}
	if v := root.Get("swagger"); v != nil {
		l.fail(v, "convert it first, to OpenAPI 3.0 or 3.1", "OpenAPI %s is not supported", v.Text)
		return false
	}
	v := root.Get("openapi")
	if v == nil || v.Kind != source.String {
		l.fail(root, `a description begins with openapi: "3.1.0" or "3.0.3"`, "this is not an OpenAPI description")
		return false
	}
	l.api.OpenAPI = v.Text
	switch {
	case v.Text == "3.0" || strings.HasPrefix(v.Text, "3.0."):
		return true
	case v.Text == "3.1" || strings.HasPrefix(v.Text, "3.1."):
		l.v31 = true
		return true
	}
	l.fail(v, "convert it first, to OpenAPI 3.0 or 3.1", "OpenAPI %s is not supported", v.Text)
	return false
}

// dialect is how schemas are read.
func (l *loader) dialect(root *source.Node) schema.Dialect {
	if !l.v31 {
		return schema.OpenAPI30
	}
	if d := root.Get("jsonSchemaDialect"); d != nil {
		switch strings.TrimSuffix(d.Text, "#") {
		case "https://spec.openapis.org/oas/3.1/dialect/base", "https://json-schema.org/draft/2020-12/schema":
		default:
			l.fail(d, "leave jsonSchemaDialect out", "schemas of the dialect %q are not supported", d.Text)
		}
	}
	return schema.OpenAPI31
}

// versionText takes numbers too: version: 1.0 is in every second description.
func versionText(info *source.Node) string {
	if v := info.Get("version"); v != nil && v.Kind <= source.String {
		return v.Text
	}
	return ""
}

// basePath is the path of the first server, with the defaults of its variables.
func (l *loader) basePath(servers *source.Node) string {
	if servers == nil || servers.Kind != source.Sequence || len(servers.Items) == 0 {
		return ""
	}
	first := l.serverPath(servers.Items[0])
	for _, s := range servers.Items[1:] {
		if p := l.serverPath(s); p != first {
			l.warn(s, "only the path of servers[0] counts", "another server has the path %q", p)
			break
		}
	}
	return first
}

func (l *loader) serverPath(server *source.Node) string {
	node := server.Get("url")
	if node == nil || node.Kind != source.String {
		l.fail(server, "", "a server has no url")
		return ""
	}
	url := node.Text
	if vars := server.Get("variables"); vars != nil && vars.Kind == source.Mapping {
		for i, k := range vars.Keys {
			url = strings.ReplaceAll(url, "{"+k.Text+"}", textOf(vars.Items[i].Get("default")))
		}
	}
	if _, rest, ok := strings.Cut(url, "://"); ok {
		_, path, found := strings.Cut(rest, "/")
		if url = ""; found {
			url = "/" + path
		}
	}
	url = strings.TrimRight(strings.TrimPrefix(url, "."), "/")
	if url == "" {
		return ""
	}
	if url[0] != '/' {
		url = "/" + url
	}
	path, query, doubt, err := Canonical(url)
	switch {
	case strings.ContainsAny(url, "{}"):
		l.fail(node, "give it a default under variables", "the url of a server holds a variable that has no value")
	case err != nil:
		l.fail(node, "", "the url of a server: %v", err)
	case query != "" || doubt != 0:
		l.fail(node, "write its path plainly", "the path of a server is ambiguous: %s", doubt)
	default:
		return path
	}
	return ""
}
