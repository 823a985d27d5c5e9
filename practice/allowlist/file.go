// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package allowlist

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
)

const (
	maxBytes = 64 << 20 // of a file
	maxLines = 5_000_000
	maxLine  = 4 << 10 // bytes of a line, comment included
)

// readFile reads a list of networks: one a line, "#" begins a comment, empty lines count for nothing. A file that is
// not read whole is an error, and so is one that is quite empty: that is how a broken write looks, and it would refuse
// everybody or deny nobody. A list of nobody is a file with nothing but a comment.
func readFile(name string) (*set, error) {
	s := new(set)
	info, err := eachLine(name, func(_ int, p netip.Prefix) bool { s.insert(p); return true })
	if err != nil {
		return nil, err
	}
	s.info = info
	return s, nil
}

// eachLine calls f with the networks of a file, until it returns false, and returns what the file was like before it
// was read.
func eachLine(name string, f func(line int, p netip.Prefix) bool) (_ os.FileInfo, err error) {
	// Looked at before it is opened: opening a named pipe would wait for a writer.
	before, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !before.Mode().IsRegular():
		return nil, fmt.Errorf("%s: it is not a regular file", name)
	case before.Size() > maxBytes:
		return nil, fmt.Errorf("%s: %d bytes are more than the %d that a list may have", name, before.Size(), maxBytes)
	}
	file, err := os.Open(name) // #nosec G304 -- the operator names the file
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	whole, err := parse(name, io.LimitReader(file, maxBytes), f)
	if err != nil || !whole {
		return before, err
	}
	after, err := os.Stat(name)
	if err == nil && !unchanged(before, after) {
		err = fmt.Errorf("%s: it changed while it was read (write another file, and rename it)", name)
	}
	return before, err
}

// parse reports whether all lines were read.
func parse(name string, r io.Reader, f func(line int, p netip.Prefix) bool) (whole bool, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, maxLine), maxLine)
	number, words := 0, false
	for lines.Scan() {
		if number++; number > maxLines {
			return false, fmt.Errorf("%s:%d: a list has at most %d lines", name, number, maxLines)
		}
		text, _, comment := bytes.Cut(lines.Bytes(), []byte("#"))
		text = bytes.TrimSpace(text)
		words = words || comment || len(text) > 0
		if len(text) == 0 {
			continue
		}
		p, err := parseNetwork(string(text))
		if err != nil {
			return false, fmt.Errorf("%s:%d: %w", name, number, err)
		}
		if !f(number, p) {
			return false, nil
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return false, fmt.Errorf("%s:%d: a line has at most %d bytes", name, number+1, maxLine)
	case err != nil:
		return false, fmt.Errorf("%s:%d: %w", name, number+1, err)
	case !words:
		return false, fmt.Errorf("%s: there is nothing in it (write a comment line where nobody is to be listed)", name)
	}
	return true, nil
}

// parseNetwork reads a prefix or a single address, strictly: no zones, no leading zeros, no short forms.
func parseNetwork(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		a, aerr := netip.ParseAddr(s)
		if aerr != nil || a.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%.60q is not a network (write one a line, like 192.0.2.0/24)", s)
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if p.Addr().Is4In6() && p.Bits() < 96 {
		return netip.Prefix{}, fmt.Errorf("%.60q is neither IPv4 nor IPv6 (write 0.0.0.0/0 for all of IPv4)", s)
	}
	return p, nil
}

func unchanged(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
