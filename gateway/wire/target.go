// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"net/netip"
	"strings"
)

// maxMethod is far above any registered method (RFC 9110 section 16.1); methods become metric labels.
const maxMethod = 32

func judgeMethod(method []byte) violation {
	if len(method) == 0 || len(method) > maxMethod {
		return badMethod
	}
	for _, c := range method {
		if !isToken[c] {
			return badMethod
		}
	}
	if string(method) == "CONNECT" {
		return connectMethod
	}
	return none
}

// judgeTarget admits origin form, absolute form with http or https and a path, and '*' for OPTIONS (RFC 9112
// section 3.2). It returns where the authority of an absolute form stands, else an empty span.
func judgeTarget(method, target []byte) (authority span, v violation) {
	for _, c := range target {
		if c <= ' ' || c > '~' || c == '#' {
			return span{}, badTarget
		}
	}
	path := target
	switch {
	case len(target) == 0:
		return span{}, badTarget
	case target[0] == '/':
	case string(target) == "*":
		if string(method) != "OPTIONS" {
			return span{}, badTarget
		}
		return span{}, none
	default:
		from := 0
		for _, scheme := range []string{"http://", "https://"} {
			if len(target) >= len(scheme) && string(target[:len(scheme)]) == scheme {
				from = len(scheme)
			}
		}
		end := bytes.IndexByte(target[from:], '/')
		if from == 0 || end < 0 || !validAuthority(target[from:from+end]) {
			return span{}, badTarget
		}
		authority = span{from, from + end}
		path = target[from+end:]
	}
	if q := bytes.IndexByte(path, '?'); q >= 0 {
		path = path[:q]
	}
	for i, c := range path {
		if c == '%' && (i+2 >= len(path) || !isHex(path[i+1]) || !isHex(path[i+2])) {
			return span{}, badTarget
		}
	}
	return authority, none
}

// validAuthority reports whether b is a host name, an IPv4 address or a bracketed IPv6 address, with or without a port.
// Userinfo, zones, percent-encoding and an empty name are not.
func validAuthority(b []byte) bool {
	var port []byte
	if first(b) == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 {
			return false
		}
		a, err := netip.ParseAddr(string(b[1:end]))
		if err != nil || !a.Is6() || a.Zone() != "" {
			return false
		}
		if port = b[end+1:]; len(port) == 0 {
			return true
		}
	} else {
		end := 0
		for end < len(b) && isHost[b[end]] {
			end++
		}
		if end == 0 || end > 255 {
			return false
		}
		if port = b[end:]; len(port) == 0 {
			return true
		}
	}
	if port[0] != ':' || len(port) < 2 || len(port) > 6 {
		return false
	}
	for _, c := range port[1:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// pathOf returns target without its query, which may hold secrets.
func pathOf(target string) string {
	path, _, _ := strings.Cut(target, "?")
	return path
}

func isHex(c byte) bool { return hexValue(c) >= 0 }

// hexValue returns the value of a hexadecimal digit, or -1.
func hexValue(c byte) int64 {
	switch {
	case '0' <= c && c <= '9':
		return int64(c - '0')
	case 'a' <= c && c <= 'f':
		return int64(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int64(c-'A') + 10
	}
	return -1
}
