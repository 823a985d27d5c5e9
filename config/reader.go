// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"yett/practice"
)

// The keys that stand at each place beside the practices' names.
var (
	rootKeys      = append(fieldNames(reflect.TypeFor[File]()), "admin", "apis")
	apiKeys       = append(fieldNames(reflect.TypeFor[API]()), "operations", "fields")
	operationKeys = fieldNames(reflect.TypeFor[Operation]())
)

// A reader fills a File.
type reader struct {
	*decoder
	file *File
}

// practices are the known ones, by name.
func (r *reader) practices() []*practice.Practice {
	all := slices.Collect(maps.Values(r.file.known))
	slices.SortFunc(all, func(a, b *practice.Practice) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// level decodes the keys of one place: those of v, those that own takes, and the practices' blocks.
func (r *reader) level(l *level, n *yaml.Node, v any, keys []string, own func(key, value *yaml.Node) bool) {
	l.node, l.blocks = n, map[string]*block{}
	for _, p := range r.practices() {
		keys = append(keys[:len(keys):len(keys)], p.Name)
	}
	extra := func(key, value *yaml.Node) bool {
		if p := r.file.known[key.Value]; p != nil {
			r.block(l, p, key, value)
			return true
		}
		return own(key, value)
	}
	r.structure(l.path, n, reflect.ValueOf(v).Elem(), extra, func(word string) string { return r.meant(word, keys) })
}

func (r *reader) gateway(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		r.wantKeys("", n, n)
		return
	}
	f := r.file
	r.level(&f.level, n, f, rootKeys, func(key, value *yaml.Node) bool {
		switch key.Value {
		case "apis":
			r.apis(key, value)
		case "admin":
			f.Admin.Listen = ""
			r.decode("admin", key, value, reflect.ValueOf(&f.Admin).Elem())
			if f.Admin.Listen == "" {
				f.Admin.Listen = DefaultAdminListen
			}
		default:
			return false
		}
		return true
	})
	r.checkAddress("listen", f.Listen)
	r.checkAddress("admin.listen", f.Admin.Listen)
	if _, port, err := net.SplitHostPort(f.Listen); err == nil {
		if f.Listen == f.Admin.Listen && port != "0" {
			r.report("admin.listen", "%q is also where the APIs are served (give it a port of its own)", r.written("admin.listen", f.Admin.Listen))
		}
		if f.PublicURL != "" {
			f.PublicURL = r.checkURL("public_url", f.PublicURL)
		} else if port != "0" && isPort(port) { // a wrong port was told above, at listen
			f.PublicURL = "https://localhost:" + port
		}
	} else if f.PublicURL != "" {
		f.PublicURL = r.checkURL("public_url", f.PublicURL)
	}
	if _, apis := child(n, "apis"); apis == nil {
		r.fail("", n, nil, "no apis are given (add apis: with name, openapi and upstream)")
	}
}

func (r *reader) apis(key, n *yaml.Node) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		r.fail("apis", key, n, "a list of APIs is wanted (begin each with - name: …)")
		return
	}
	named := map[string]int{}
	for i, item := range n.Content {
		a := &API{Timeout: DefaultTimeout, doc: r.doc, Operations: map[string]*Operation{}}
		a.path = fmt.Sprintf("apis[%d]", i)
		if item.Kind != yaml.MappingNode {
			r.wantKeys(a.path, item, item)
			continue
		}
		r.file.APIs = append(r.file.APIs, a)
		r.level(&a.level, item, a, apiKeys, func(key, value *yaml.Node) bool {
			switch key.Value {
			case "operations":
				r.operations(a, key, value)
			case "fields":
				r.fields(a, key, value)
			default:
				return false
			}
			return true
		})
		r.checkAPI(a)
		if first, twice := named[a.Name]; twice && a.Name != "" {
			r.report(a.path+".name", "%q is also the name of apis[%d] (give each its own)", r.written(a.path+".name", a.Name), first)
		} else {
			named[a.Name] = i
		}
	}
}

func (r *reader) operations(a *API, key, n *yaml.Node) {
	path := a.path + ".operations"
	if n.Kind != yaml.MappingNode {
		if isNull(n) {
			r.fail(path, key, n, "nothing is given (give a value, or remove the key)")
			return
		}
		r.wantKeys(path, key, n)
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		id, value := n.Content[i], n.Content[i+1]
		if r.skip[id] || a.Operations[id.Value] != nil {
			continue // reported: no key, or given twice
		}
		op := &Operation{ID: id.Value}
		op.path = join(path, op.ID)
		a.Operations[op.ID] = op
		a.ids = append(a.ids, op.ID)
		switch {
		case isNull(value):
			r.fail(op.path, id, value, "nothing is given (give a value, or remove the key)")
			continue
		case value.Kind != yaml.MappingNode:
			r.wantKeys(op.path, id, value)
			continue
		}
		r.level(&op.level, value, op, operationKeys, func(_, _ *yaml.Node) bool { return false })
		r.checkOperation(op)
	}
}

// report adds an error about a value by its path.
func (r *reader) report(path, format string, args ...any) {
	if !r.failed[path] {
		r.failed[path] = true
		if !r.full() {
			r.errs = append(r.errs, r.doc.errorf(path, format, args...))
		}
	}
}

func (r *reader) checkAPI(a *API) {
	first := a.node
	if len(a.node.Content) > 0 {
		first = a.node.Content[0]
	}
	missing := func(key, example string) {
		r.note(a.path, first, nil, "%s is missing (add %s: %s)", key, key, example)
	}
	given := func(key string) bool { _, v := child(a.node, key); return v != nil && !isNull(v) }
	switch {
	case !given("name"):
		missing("name", apiName(r.written(a.path+".openapi", a.OpenAPI)))
	case !isAPIName(a.Name):
		name := r.written(a.path+".name", a.Name)
		r.report(a.path+".name", "%.60q is not a name: lower-case letters, digits, - and _ (try %s)", name, apiName(name))
	}
	if _, n := child(a.node, "openapi"); !given("openapi") {
		missing("openapi", "shop.openapi.yaml")
	} else if strings.Contains(n.Value, "://") {
		r.report(a.path+".openapi", "is an address; yett reads a file (download it first)")
	}
	if !given("upstream") {
		missing("upstream", "http://localhost:9000")
	} else {
		a.Upstream = r.checkURL(a.path+".upstream", a.Upstream)
	}
	for i, h := range a.Hosts {
		a.Hosts[i] = r.checkHost(fmt.Sprintf("%s.hosts[%d]", a.path, i), h)
	}
	if a.Timeout <= 0 {
		r.report(a.path+".timeout", "no call can end in no time (try 30s)")
	}
}

func (r *reader) checkOperation(op *Operation) {
	if key, n := child(op.node, "public"); n != nil && !isNull(n) {
		op.Public = r.reason(join(op.path, "public"), key, n)
		if op.Scopes != nil {
			r.fail(op.path, key, nil, "public and scopes contradict each other (keep one)")
		}
	}
	for i, s := range op.Scopes {
		r.checkScope(fmt.Sprintf("%s[%d]", join(op.path, "scopes"), i), s)
	}
}

// checkScope judges a scope by RFC 6749 section 3.3: scope-token.
func (r *reader) checkScope(path, s string) {
	if s == "" || strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }) {
		r.report(path, "%.60q is not a scope (try orders:read)", r.written(path, s))
	}
}

// checkAddress judges host:port, in which the host may be empty.
func (r *reader) checkAddress(path, address string) {
	host, port, err := net.SplitHostPort(address)
	if err == nil && isPort(port) && (host == "" || isHost(host)) {
		return
	}
	hint := "127.0.0.1:8443"
	address = r.written(path, address)
	switch {
	case isPort(address):
		hint = `":` + address + `"`
	case isHost(address):
		hint = net.JoinHostPort(address, "8443")
	}
	r.report(path, "%.80q is not an address with a port (try %s)", address, hint)
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && strconv.FormatUint(n, 10) == s
}

// isHost reports whether s is an address or a host name (RFC 1123, and underscores as container names have them).
func isHost(s string) bool {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Zone() == ""
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || wordLen(label) != len(label) || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return len(s) <= 253
}

// checkHost returns a host name as it is compared with SNI and Host.
func (r *reader) checkHost(path, host string) string {
	if isHost(host) {
		return strings.ToLower(host)
	}
	host = r.written(path, host)
	text := fmt.Sprintf("%.80q is not a host name", host)
	_, rest, found := strings.Cut(host, "://")
	if !found {
		rest = host
	}
	if u, err := url.Parse("//" + rest); err == nil && isHost(u.Hostname()) && u.User == nil {
		text += fmt.Sprintf(" (try %s)", u.Hostname())
	} else if strings.Contains(host, "*") {
		text += " (list each name)"
	}
	r.report(path, "%s", text)
	return host
}

// checkURL returns an http or https address without a slash at its end.
func (r *reader) checkURL(path, address string) string {
	written := r.written(path, address)
	if r.failed[path] {
		return address
	}
	u, err := url.Parse(address)
	switch {
	case !strings.Contains(address, "://"):
		r.report(path, "%.80q has no scheme (try http://%s)", written, written)
	case strings.Contains(address, "@"):
		// Not a word of it is repeated, and its line is not shown: it may hold a password.
		steps, _ := splitPath(path)
		key, n, _ := find(nil, r.doc.root, steps)
		r.hide(key, n)
		r.fail(path, key, nil, "an address here has no user and no password (remove all before the @)")
	case err != nil || u.Host == "" || !isHost(u.Hostname()) || u.Port() != "" && !isPort(u.Port()):
		r.report(path, "%.80q is not an address (try http://localhost:9000)", written)
	case u.Scheme != "http" && u.Scheme != "https":
		r.report(path, "%.80q is neither http nor https", written)
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(address, "#"):
		r.report(path, "%.80q goes beyond the path (remove what follows it)", written)
	default:
		return strings.TrimRight(address, "/")
	}
	return address
}

// written is a value as it stands in the file: with the names of variables, not their values.
func (r *reader) written(path, value string) string {
	steps, _ := splitPath(path)
	if _, n, depth := find(nil, r.doc.root, steps); depth == len(steps) && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return value
}

func isAPIName(s string) bool {
	return s != "" && len(s) <= 63 && wordLen(s) == len(s) && s == strings.ToLower(s) && s[0] != '-' && s[0] != '_'
}

// apiName makes a name of the description's: shop of shop.openapi.yaml.
func apiName(openapi string) string {
	base, _, _ := strings.Cut(filepath.Base(filepath.ToSlash(openapi)), ".")
	name := strings.Trim(strings.Map(func(c rune) rune {
		if c < 0x80 && wordLen(string(c)) == 1 {
			return c
		}
		return '-'
	}, strings.ToLower(base)), "-_")
	if name = name[:min(len(name), 63)]; !isAPIName(name) {
		return "api"
	}
	return name
}
