// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// judge says why text is not an origin as browsers write it (RFC 6454 section 6.2). Whatever differs from that by one
// character would match nothing, and nobody would know why; whatever looks like a pattern would be one elsewhere.
func judge(text string) error {
	wrong := func(what, hint string) error { return fmt.Errorf("%q %s (%s)", text, what, hint) }
	switch {
	case text == "":
		return wrong("is no origin", "write it whole: https://shop.example.org")
	case text == "*":
		return wrong("would let every page on the web read answers", "list each origin: https://shop.example.org")
	case text == "null":
		return wrong("is what sandboxed frames and local files of anybody send", "serve the page from an origin of its own and list that")
	case strings.TrimSpace(text) != text || strings.ContainsAny(text, " \t\r\n,"):
		return wrong("is more than one origin, or has white space", "one entry for each origin")
	case strings.ContainsAny(text, `*^$\()|+{}`) || strings.Contains(text, ".?") || strings.Contains(strings.Replace(text, "://[", "", 1), "["):
		return wrong("looks like a pattern, and origins are compared whole", "list each origin: https://shop.example.org")
	}
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return wrong("has no scheme", "try https://"+strings.TrimLeft(text, "/"))
	}
	if lower := strings.ToLower(text); lower != text {
		return wrong("has upper case, which browsers never send", "try "+lower)
	}
	if scheme != "https" && scheme != "http" {
		return wrong("is neither https nor http", "try https://"+rest)
	}
	if host, path, ok := strings.Cut(rest, "/"); ok {
		if path == "" {
			return wrong("ends in a slash, which browsers never send", "try "+scheme+"://"+host)
		}
		return wrong("has a path, and pages of one origin share it whole", "try "+scheme+"://"+host)
	}
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		return wrong("has a query or a fragment", "try "+scheme+"://"+rest[:i])
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		return wrong("has a user name", "try "+scheme+"://"+rest[i+1:])
	}
	for i := range len(rest) {
		if rest[i] > '~' {
			return wrong("has letters outside ASCII, which browsers send in punycode", "write the name as xn--…")
		}
	}
	u, err := url.Parse(text)
	if err != nil {
		return wrong("is no origin", "write it whole: https://shop.example.org")
	}
	if hint := badPort(u); hint != "" {
		return wrong("has a port that browsers do not send so", hint)
	}
	loopback, hint := host(u.Hostname())
	if hint != "" {
		return wrong("has a host that browsers do not send so", hint)
	}
	if scheme == "http" && !loopback {
		return wrong("is in clear: whoever is on the way could write the page", "try https://"+rest)
	}
	return nil
}

// badPort returns a way on if the port is not written as browsers do: never the default one, no leading zeros.
func badPort(u *url.URL) string {
	port := u.Port()
	bare := u.Scheme + "://" + strings.TrimSuffix(u.Host, ":"+port)
	if port == "" {
		if strings.HasSuffix(u.Host, ":") {
			return "try " + strings.TrimSuffix(bare, ":")
		}
		return ""
	}
	n, err := strconv.ParseUint(port, 10, 16)
	switch {
	case err != nil || n == 0:
		return "a port is between 1 and 65535"
	case u.Scheme == "https" && n == 443 || u.Scheme == "http" && n == 80:
		return "try " + bare
	case strconv.FormatUint(n, 10) != port:
		return fmt.Sprintf("try %s:%d", bare, n)
	}
	return ""
}

// host reports whether name is this machine, and returns a way on if browsers would write it otherwise.
func host(name string) (loopback bool, hint string) {
	if a, err := netip.ParseAddr(name); err == nil {
		if a.Zone() != "" || a.Is4In6() || a.String() != name {
			return false, "try " + a.Unmap().WithZone("").String()
		}
		return a.IsLoopback(), ""
	}
	labels := strings.Split(name, ".")
	last := labels[len(labels)-1]
	switch {
	case len(name) > 253:
		return false, "a name has at most 253 characters"
	case last == "" && name != "":
		return false, "try it without the final dot: " + strings.TrimRight(name, ".")
	case last != "" && strings.Trim(last, "0123456789") == "":
		return false, "an address has four numbers: 192.0.2.1"
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false, "a name has letters, digits, hyphens and dots"
		}
	}
	return name == "localhost" || last == "localhost", ""
}
