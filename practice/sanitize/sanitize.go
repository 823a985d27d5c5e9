// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package sanitize keeps answers from telling internals.
//
// It stops stack traces, SQL errors, debug pages, file paths, internal addresses and version banners from reaching a
// caller (OWASP API8:2023, CWE-209). It does not know which data an answer may hold; packages minimize and expose do.
//
// Used alone, New(Config{}, Options{}).Handler(next) guards the answers of any handler.
package sanitize

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"yett/exchange"
	"yett/problem"
)

// A Sanitizer looks at answers. It is safe for concurrent use.
type Sanitizer struct {
	config   Config
	allowed  map[Kind]bool
	banners  map[string]bool // lower case
	log      *slog.Logger
	upstream *url.URL // nil: unknown
	public   *url.URL // nil: unknown
}

// Options are what the program knows; the zero value works.
type Options struct {
	Upstream  string       // address of the service whose answers these are
	PublicURL string       // what callers call it
	Log       *slog.Logger // told when something is masked; default: nowhere
}

// New makes a Sanitizer.
func New(c Config, o Options) *Sanitizer {
	s := &Sanitizer{config: c, allowed: make(map[Kind]bool), banners: make(map[string]bool), log: o.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	for _, k := range c.Allow {
		s.allowed[k] = true
	}
	for _, name := range append(append([]string(nil), banners...), c.Remove...) {
		s.banners[strings.ToLower(name)] = true
	}
	s.upstream, s.public = parse(o.Upstream), parse(o.PublicURL)
	return s
}

func parse(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return nil
	}
	return u
}

// banners are fields with which servers and frameworks introduce themselves.
var banners = []string{
	"Server", "X-Powered-By", "X-AspNet-Version", "X-AspNetMvc-Version", "X-Generator", "X-Drupal-Cache", "X-Runtime",
	"X-Rack-Cache", "X-Version", "X-Backend", "X-Backend-Server", "X-Served-By", "X-Server", "X-Server-Name", "X-Host",
	"X-Node", "X-Upstream", "X-Varnish", "X-Debug", "X-Debug-Token", "X-Debug-Token-Link", "X-Debug-Exception",
	"X-Debug-Exception-File", "X-SourceFiles", "X-OWA-Version", "X-Jenkins", "X-Application-Context", "X-Envoy-Upstream-Service-Time",
	"X-Envoy-Decorator-Operation", "X-Amzn-Trace-Id", "X-Cloud-Trace-Context", "X-Php-Version", "X-Turbo-Charged-By", "Via", "SourceMap", "X-SourceMap",
	"Server-Timing", "X-Sendfile", "Alt-Svc", "Proxy-Status",
}

// Handler guards the answers of next.
func (s *Sanitizer) Handler(next http.Handler) http.Handler {
	c := &exchange.Chain{
		Response: []exchange.Link{{Practice: "sanitize", Step: s.Check}},
		Header:   []func(*exchange.Exchange){s.Header},
	}
	return c.Handler(next)
}

// Check judges the head of an answer and has its body looked at.
func (s *Sanitizer) Check(x *exchange.Exchange) error {
	a := &x.Answer
	if a.Status >= 500 {
		return s.replaced(a)
	}
	if s.config.HideForbidden && (a.Status == http.StatusForbidden || a.Status == http.StatusNotFound) {
		return &problem.Error{Status: http.StatusNotFound, Code: "not_found", Detail: "There is no such thing, or it is not yours.", Replaces: true,
			Cause: errors.New("the upstream answered " + http.StatusText(a.Status))}
	}
	a.Header.DelFunc(func(f exchange.Field) bool { return s.banner(f.Name) })
	if err := s.addresses(x); err != nil {
		return err
	}
	if textual(a.Header.Get("Content-Type")) {
		a.AddFilter(newFilter(x, s))
	}
	return nil
}

// bannerPrefixes begin the names of whole families of banners.
var bannerPrefixes = []string{"x-debug", "x-aspnet", "x-backend", "x-powered", "x-accel-", "x-litespeed", "x-envoy-", "x-kong-"}

// banner reports whether a field introduces the server.
func (s *Sanitizer) banner(name string) bool {
	var room [32]byte
	lower := room[:0]
	for i := range min(len(name), len(room)) {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower = append(lower, c)
	}
	if len(name) > len(room) {
		return s.banners[strings.ToLower(name)]
	}
	if s.banners[string(lower)] {
		return true
	}
	if len(lower) < 2 || lower[0] != 'x' || lower[1] != '-' {
		return false
	}
	for _, p := range bannerPrefixes {
		if hasPrefix(lower, p) {
			return true
		}
	}
	return false
}

// replaced is the answer in place of an upstream's failure. Its status stays, and when to come again.
func (s *Sanitizer) replaced(a *exchange.Answer) error {
	p := &problem.Error{Status: a.Status, Code: "upstream_error", Detail: "The service behind this gateway failed.", Replaces: true,
		Cause: errors.New("the upstream answered " + http.StatusText(a.Status))}
	if after := a.Header.Get("Retry-After"); after != "" && len(after) <= 40 {
		p.Header = append(p.Header, problem.Field{Name: "Retry-After", Value: after})
	}
	return p
}

// Header makes answers inert in browsers: no sniffing of types, and nothing loads or frames an answer of an API. Pages
// that the upstream serves keep their own policy.
func (s *Sanitizer) Header(x *exchange.Exchange) {
	h := &x.Answer.Header
	h.Set("X-Content-Type-Options", "nosniff")
	if t, _, _ := strings.Cut(h.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(t), "text/html") {
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	}
}

// textual reports whether a media type is text that a person or a log would read.
func textual(contentType string) bool {
	t, _, _ := strings.Cut(contentType, ";")
	t = strings.ToLower(strings.TrimSpace(t))
	return t == "" || strings.HasPrefix(t, "text/") || strings.HasSuffix(t, "json") || strings.HasSuffix(t, "xml") ||
		t == "application/javascript" || t == "application/x-ndjson" || t == "application/jsonl" || strings.HasSuffix(t, "yaml")
}

// addresses rewrites the upstream's own address in the head of an answer, and refuses other internal ones.
func (s *Sanitizer) addresses(x *exchange.Exchange) error {
	h := &x.Answer.Header
	for _, name := range []string{"Location", "Content-Location"} {
		v, ok := h.Lookup(name)
		if !ok {
			continue
		}
		to, err := s.rewrite(x, v)
		if err != nil {
			return err
		}
		if to != v {
			h.Set(name, to)
		}
	}
	if lines := h.Values("Link"); len(lines) > 0 {
		for i, line := range lines {
			to, err := s.links(x, line)
			if err != nil {
				return err
			}
			lines[i] = to
		}
		h.Del("Link")
		for _, line := range lines {
			h.Add("Link", line)
		}
	}
	if h.Count("Refresh") > 0 {
		h.Del("Refresh") // an answer of an API redirects by its status
	}
	if lines := h.Values("Set-Cookie"); len(lines) > 0 {
		h.Del("Set-Cookie")
		for _, line := range lines {
			h.Add("Set-Cookie", s.cookie(line))
		}
	}
	return nil
}

// rewrite returns the public form of an address. Relative ones lose the upstream's own prefix.
func (s *Sanitizer) rewrite(x *exchange.Exchange, v string) (string, error) {
	u, err := url.Parse(v)
	if err != nil {
		return "", internalAddress("an address that cannot be read")
	}
	switch {
	case u.Host == "" && u.Scheme == "" && strings.HasPrefix(u.Path, "/"):
		if to, ok := s.stripped(u); ok {
			return to.String(), nil
		}
	case u.Host == "":
	case s.upstream != nil && sameHost(u, s.upstream):
		to, _ := s.stripped(u)
		to.Scheme, to.Host, to.User = "", "", nil
		if s.public != nil {
			to.Scheme, to.Host = s.public.Scheme, s.public.Host
		} else if strings.HasPrefix(to.Path, "//") {
			return "", internalAddress(u.Host) // without a host it would name another one
		}
		return to.String(), nil
	case s.public != nil && sameHost(u, s.public), called(x, u):
	case internalHost(u.Hostname()):
		return "", internalAddress(u.Host)
	}
	return v, nil
}

// called reports whether u names the host and port that the client called.
func called(x *exchange.Exchange, u *url.URL) bool {
	r := &x.Request
	return strings.EqualFold(u.Hostname(), strings.Trim(r.Host, "[]")) && port(u) == port(&url.URL{Scheme: r.Scheme, Host: ":" + r.Port})
}

func internalAddress(what string) error {
	return &problem.Error{Status: http.StatusBadGateway, Code: "internal_address",
		Detail: "The service behind this gateway gave an answer that cannot be passed on.", Cause: errors.New("the answer points to " + what)}
}

// stripped returns a copy of u without the path under which the gateway finds the upstream, and whether it was there.
func (s *Sanitizer) stripped(u *url.URL) (*url.URL, bool) {
	out := *u
	if s.upstream == nil {
		return &out, false
	}
	prefix := strings.TrimSuffix(s.upstream.EscapedPath(), "/")
	rest, ok := strings.CutPrefix(u.EscapedPath(), prefix)
	if prefix == "" || !ok || rest != "" && rest[0] != '/' {
		return &out, false
	}
	if rest == "" {
		rest = "/"
	}
	path, err := url.PathUnescape(rest)
	if err != nil {
		return &out, false
	}
	out.Path, out.RawPath = path, rest
	return &out, true
}

func sameHost(a, b *url.URL) bool {
	return strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch p := u.Port(); {
	case p != "":
		return p
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

// carrier is the space that providers share out behind their own address translation (RFC 6598).
var carrier = netip.MustParsePrefix("100.64.0.0/10")

// internalHost reports whether a name or address means something only inside: private, loopback and link-local
// addresses, names without a dot, and the endings that are never public (RFC 6762, RFC 8375, RFC 9476).
func internalHost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if a, err := netip.ParseAddr(host); err == nil {
		a = a.Unmap()
		return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || carrier.Contains(a)
	}
	if !strings.Contains(host, ".") {
		return true
	}
	for _, end := range []string{".local", ".internal", ".lan", ".intranet", ".corp", ".home.arpa", ".svc", ".localhost", ".localdomain"} {
		if strings.HasSuffix(host, end) {
			return true
		}
	}
	return false
}

// links rewrites the targets of a Link field (RFC 8288).
func (s *Sanitizer) links(x *exchange.Exchange, line string) (string, error) {
	var b strings.Builder
	for {
		open := strings.IndexByte(line, '<')
		if open < 0 {
			break
		}
		end := strings.IndexByte(line[open:], '>')
		if end < 0 {
			break
		}
		to, err := s.rewrite(x, line[open+1:open+end])
		if err != nil {
			return "", err
		}
		b.WriteString(line[:open+1])
		b.WriteString(to)
		b.WriteByte('>')
		line = line[open+end+1:]
	}
	b.WriteString(line)
	return b.String(), nil
}

// cookie takes an internal domain out of a cookie, which then belongs to the host that was called.
func (s *Sanitizer) cookie(line string) string {
	parts := strings.Split(line, ";")
	kept := parts[:1]
	for _, p := range parts[1:] {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		domain := strings.TrimPrefix(strings.TrimSpace(value), ".")
		if strings.EqualFold(name, "Domain") && (internalHost(domain) || s.upstream != nil && strings.EqualFold(domain, s.upstream.Hostname())) {
			continue
		}
		kept = append(kept, p)
	}
	return strings.Join(kept, ";")
}
