// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"yett/internal/source"
)

// A Router finds the operation that a canonical path names. The cost of a match depends on the length of the
// path, not on the number of operations. Literal segments win over segments with parameters; where a literal
// leads nowhere the parameter beside it is tried.
type Router struct {
	hosts map[string]*region
	any   *region // for APIs that name no host
}

// A region is a node of the tree of base paths. Where tree is set no deeper region exists.
type region struct {
	below map[string]*region
	tree  *tree
}

// NewRouter builds the router of several APIs. It is an error when two APIs could answer for the same host
// and path: one base path is, or begins with, the other's, and they share a host.
func NewRouter(apis ...*API) (*Router, error) {
	r := &Router{hosts: map[string]*region{}}
	for i, a := range apis {
		for _, b := range apis[:i] {
			if host, ok := sharedHost(a, b); ok && overlap(a.BasePath, b.BasePath) {
				return nil, &source.Error{
					Where: a.where(),
					What: fmt.Sprintf("apis %s and %s (%s) both answer for %s below %s/",
						a.Name, b.Name, b.where(), host, longer(a.BasePath, b.BasePath)),
					Hint: "give them different hosts, or servers[0].url with different paths",
				}
			}
		}
		t, err := newTree(a)
		if err != nil {
			return nil, err
		}
		if len(a.Hosts) == 0 {
			r.any = r.any.add(a.BasePath, t)
		}
		for _, h := range a.Hosts {
			h = hostName(h)
			r.hosts[h] = r.hosts[h].add(a.BasePath, t)
		}
	}
	return r, nil
}

func (a *API) where() source.Where {
	if a.File != nil && a.File.Root != nil {
		return a.File.Root.Where()
	}
	return source.Where{}
}

func sharedHost(a, b *API) (string, bool) {
	if len(a.Hosts) == 0 && len(b.Hosts) == 0 {
		return "every host", true
	}
	for _, h := range a.Hosts {
		if len(b.Hosts) == 0 || slices.ContainsFunc(b.Hosts, func(o string) bool { return hostName(o) == hostName(h) }) {
			return h, true
		}
	}
	if len(a.Hosts) == 0 {
		return b.Hosts[0], true
	}
	return "", false
}

func overlap(a, b string) bool {
	return strings.HasPrefix(a+"/", b+"/") || strings.HasPrefix(b+"/", a+"/")
}

func longer(a, b string) string {
	if len(a) > len(b) {
		return a
	}
	return b
}

func (g *region) add(base string, t *tree) *region {
	if g == nil {
		g = &region{below: map[string]*region{}}
	}
	at := g
	for base != "" {
		var seg string
		seg, base = cut(base)
		seg, _ = unescape(seg)
		if at.below[seg] == nil {
			at.below[seg] = &region{below: map[string]*region{}}
		}
		at = at.below[seg]
	}
	at.tree = t
	return g
}

// find returns the tree that path lies in and what of path is below its base.
func (g *region) find(path string) (*tree, string) {
	for g != nil {
		if g.tree != nil {
			return g.tree, path
		}
		if path == "" {
			return nil, ""
		}
		var seg string
		seg, path = cut(path)
		seg, _ = unescape(seg)
		g = g.below[seg]
	}
	return nil, ""
}

// cut takes the first segment off a path that begins with a slash. rest is "" or begins with a slash.
func cut(path string) (segment, rest string) {
	path = path[1:]
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

// hostName is a host as it is compared: lower case, without port, brackets and final dot.
func hostName(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
	}
	host = strings.TrimSuffix(strings.Trim(host, "[]"), ".")
	return strings.ToLower(host) // copies only where there is something to lower
}

// A Match is what a path names. The zero Match is no API at all.
type Match struct {
	API  *API   // nil: no API answers for this host and path
	Path string // template; "" = the API does not declare the path
	leaf *leaf
}

// Match finds what path names for host. path is canonical and still escaped; the parameters in it are appended
// to params in the order of the template. Literals are compared decoded, because an upstream does: no escape
// makes /users/%40me another operation than /users/@me.
func (r *Router) Match(host, path string, params []Param) (Match, []Param) {
	if r == nil || path == "" || path[0] != '/' {
		return Match{}, params
	}
	var t *tree
	var below string
	if len(r.hosts) > 0 {
		t, below = r.hosts[hostName(host)].find(path)
	}
	if t == nil {
		t, below = r.any.find(path)
	}
	if t == nil {
		return Match{}, params
	}
	leaf, params := t.match(below, params)
	if leaf == nil {
		return Match{API: t.api}, params
	}
	return Match{API: t.api, Path: leaf.template, leaf: leaf}, params
}

// Operation is the operation of this method, or nil. HEAD falls back to GET (RFC 9110 section 9.3.2).
func (m Match) Operation(method string) *Operation {
	if m.leaf == nil {
		return nil
	}
	i := methodIndex(method)
	if i < 0 {
		return nil
	}
	op := m.leaf.ops[i]
	if op == nil && method == "HEAD" {
		return m.leaf.ops[0]
	}
	return op
}

// First is an operation of the path, whatever its method; nil for an undeclared path.
func (m Match) First() *Operation {
	if m.leaf == nil {
		return nil
	}
	for _, op := range m.leaf.ops {
		if op != nil {
			return op
		}
	}
	return nil
}

// Allow is the value of the Allow field: "GET, HEAD, OPTIONS"; "" for an undeclared path.
func (m Match) Allow() string {
	if m.leaf == nil {
		return ""
	}
	return m.leaf.allow
}

// methods that a description can declare and yett serves. TRACE is not among them: it echoes credentials.
var methods = [...]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

func methodIndex(m string) int {
	for i, s := range methods {
		if s == m {
			return i
		}
	}
	return -1
}
