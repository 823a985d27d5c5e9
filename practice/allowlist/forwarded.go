// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package allowlist

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"yett/exchange"
)

const (
	maxHops  = 32
	maxField = 4 << 10 // bytes of all forwarding fields of one kind together
)

var errGarbled = errors.New("not a list of addresses")

// forwarded returns the rightmost address that no trusted proxy stands for. Proxies append, so only what trusted ones
// wrote is read: from the right, until the first address that is not theirs.
func (l *List) forwarded(peer netip.Addr, h *exchange.Header) (netip.Addr, error) {
	xff, xerr := hops(h, "X-Forwarded-For", parseXFF)
	fwd, ferr := hops(h, "Forwarded", parseForwarded)
	if xerr != nil {
		return netip.Addr{}, fmt.Errorf("reading X-Forwarded-For: %w", xerr)
	}
	if ferr != nil {
		return netip.Addr{}, fmt.Errorf("reading Forwarded: %w", ferr)
	}
	a, aerr := l.walk(peer, xff)
	b, berr := l.walk(peer, fwd)
	switch {
	case len(fwd) == 0:
		return a, aerr
	case len(xff) == 0:
		return b, berr
	case aerr != nil || berr != nil:
		return netip.Addr{}, errors.Join(aerr, berr)
	case a != b:
		// A proxy that sets one field passes the other on as the client wrote it.
		return netip.Addr{}, fmt.Errorf("X-Forwarded-For says %s and Forwarded says %s", a, b)
	}
	return a, nil
}

// walk goes from the proxy towards the client.
func (l *List) walk(peer netip.Addr, hops []string) (netip.Addr, error) {
	at := peer
	for i := len(hops) - 1; i >= 0 && l.proxies.contains(at); i-- {
		a, err := parseNode(hops[i])
		if err != nil {
			return netip.Addr{}, err
		}
		at = a
	}
	return at, nil
}

// hops splits all lines of a field into its elements, in order.
func hops(h *exchange.Header, name string, parse func(line string, out []string) ([]string, error)) ([]string, error) {
	var out []string
	size := 0
	for _, line := range h.Values(name) {
		if size += len(line); size > maxField {
			return nil, errors.New("too long")
		}
		var err error
		if out, err = parse(line, out); err != nil {
			return nil, err
		}
		if len(out) > maxHops {
			return nil, fmt.Errorf("more than %d hops", maxHops)
		}
	}
	return out, nil
}

func parseXFF(line string, out []string) ([]string, error) {
	for part := range strings.SplitSeq(line, ",") {
		out = append(out, strings.Trim(part, " \t"))
	}
	return out, nil
}

// parseForwarded reads the for parameters of RFC 7239. An element without one counts as a hop that hides itself.
func parseForwarded(line string, out []string) ([]string, error) {
	for line != "" {
		node, found := "unknown", false
		for {
			line = strings.TrimLeft(line, " \t")
			name, rest, ok := strings.Cut(line, "=")
			if !ok || !exchange.ValidName(name) {
				return nil, errGarbled
			}
			value, after, err := token(rest)
			if err != nil {
				return nil, err
			}
			if strings.EqualFold(name, "for") {
				if found {
					return nil, errGarbled
				}
				node, found = value, true
			}
			line = strings.TrimLeft(after, " \t")
			if line == "" || line[0] != ';' {
				break
			}
			line = line[1:]
		}
		out = append(out, node)
		if line == "" {
			return out, nil
		}
		if line[0] != ',' {
			return nil, errGarbled
		}
		if line = strings.TrimLeft(line[1:], " \t"); line == "" {
			return nil, errGarbled
		}
	}
	return out, nil
}

// token reads a token or a quoted string and returns what follows it.
func token(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, ";, \t")
		if end < 0 {
			end = len(s)
		}
		if !exchange.ValidName(s[:end]) {
			return "", "", errGarbled
		}
		return s[:end], s[end:], nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], nil
		case '\\':
			if i++; i == len(s) {
				return "", "", errGarbled
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", errGarbled
}

// parseNode reads an address with or without a port: 192.0.2.1, 192.0.2.1:80, [2001:db8::1], [2001:db8::1]:80,
// 2001:db8::1. The port may be obfuscated (192.0.2.1:_a1, RFC 7239 section 6.3). Names, "unknown" and obfuscated
// identifiers are no addresses, and a zone means something only on the machine that wrote it.
func parseNode(s string) (netip.Addr, error) {
	bad := func() (netip.Addr, error) { return netip.Addr{}, fmt.Errorf("%.40q is not an address", s) }
	if strings.Contains(s, "%") {
		return netip.Addr{}, fmt.Errorf("%.40q has a zone", s)
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap(), nil
	}
	var host, port string
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if host, port, ok = strings.Cut(inner, "]"); !ok || port != "" && port[0] != ':' {
			return bad()
		}
		port = strings.TrimPrefix(port, ":")
		if strings.HasSuffix(s, ":") {
			return bad()
		}
	} else if host, port, ok = strings.Cut(s, ":"); !ok || port == "" {
		return bad()
	}
	a, err := netip.ParseAddr(host)
	if err != nil || a.Is6() != strings.HasPrefix(s, "[") || port != "" && !validPort(port) {
		return bad()
	}
	return a.Unmap(), nil
}

// validPort reports whether s is a port or an obfuscated one.
func validPort(s string) bool {
	if name, ok := strings.CutPrefix(s, "_"); ok {
		return name != "" && exchange.ValidName(name)
	}
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}
