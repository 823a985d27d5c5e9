// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package practicetest

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Plain is a request that every reader of HTTP/1.1 understands in the same way.
type Plain struct {
	Method, Target string
	Host           string // of the target in absolute form, else of the field; "" in HTTP/1.0 without one
	Fields         [][2]string
	Body           []byte
	Whole          bool // the end of the body was there
}

// ErrCut says that the bytes end before the request does.
var ErrCut = errors.New("the bytes end before the request does")

// ReadPlain reads the request that b begins with, and returns the bytes behind it. It takes nothing that two readers
// are known to understand in two ways, and shares no code with what it is compared with. Where the bytes end too early
// the error is ErrCut; with any error the request is what was read of it, nil if its head is not in order.
func ReadPlain(b []byte) (p *Plain, rest []byte, err error) {
	b = bytes.TrimPrefix(b, []byte("\r\n"))
	lines, rest, err := plainLines(b)
	if err != nil {
		return nil, nil, err
	}
	if len(lines) == 0 {
		return nil, nil, errors.New("there is no request line")
	}
	p = new(Plain)
	if err := p.readHead(lines); err != nil {
		return nil, nil, err
	}
	if rest, err = p.readBody(rest); err != nil {
		return p, nil, err
	}
	p.Whole = true
	return p, rest, nil
}

// Values are those of every field that a reader may take for name: CGI and its descendants read '_' as '-'.
func (p *Plain) Values(name string) (all []string) {
	for _, f := range p.Fields {
		if strings.EqualFold(strings.ReplaceAll(f[0], "_", "-"), name) {
			all = append(all, f[1])
		}
	}
	return all
}

// plainLines cuts a section of lines up to the empty one.
func plainLines(b []byte) (lines []string, rest []byte, err error) {
	for {
		i := bytes.IndexAny(b, "\r\n\x00")
		switch {
		case i < 0, b[i] == '\r' && i == len(b)-1:
			return nil, nil, ErrCut
		case !bytes.HasPrefix(b[i:], []byte("\r\n")):
			return nil, nil, fmt.Errorf("byte %q where a line should go on or end", b[i])
		case i == 0:
			return lines, b[2:], nil
		}
		lines = append(lines, string(b[:i]))
		b = b[i+2:]
	}
}

func (p *Plain) readHead(lines []string) error {
	words := strings.Split(lines[0], " ")
	if len(words) != 3 || !plainToken(words[0]) || words[0] == "CONNECT" || words[2] != "HTTP/1.1" && words[2] != "HTTP/1.0" {
		return fmt.Errorf("request line %q", lines[0])
	}
	p.Method, p.Target = words[0], words[1]
	for _, l := range lines[1:] {
		f, err := plainField(l)
		if err != nil {
			return err
		}
		p.Fields = append(p.Fields, f)
	}
	hosts := p.Values("Host")
	switch {
	case len(hosts) > 1, len(hosts) == 0 && words[2] == "HTTP/1.1":
		return fmt.Errorf("%d times Host", len(hosts))
	case len(hosts) == 1:
		p.Host = hosts[0]
		if strings.Trim(strings.ToLower(p.Host), "abcdefghijklmnopqrstuvwxyz0123456789.-_:[]") != "" || p.Host == "" {
			return fmt.Errorf("host %q", p.Host)
		}
	}
	for _, c := range []byte(p.Target) {
		if c <= ' ' || c >= 0x7f || c == '#' {
			return fmt.Errorf("target %q", p.Target)
		}
	}
	if scheme, after, absolute := strings.Cut(p.Target, "://"); absolute && (scheme == "http" || scheme == "https") {
		host, path, _ := strings.Cut(after, "/")
		if len(hosts) == 1 && !strings.EqualFold(host, p.Host) || host == "" || strings.ContainsAny(host, "@?\\%") {
			return fmt.Errorf("target %q for host %q", p.Target, p.Host)
		}
		p.Host, p.Target = host, "/"+path
	} else if !strings.HasPrefix(p.Target, "/") && (p.Target != "*" || p.Method != "OPTIONS") {
		return fmt.Errorf("target %q", p.Target)
	}
	return p.frame(words[2])
}

// frame looks whether there is one way to find the end of the body.
func (p *Plain) frame(version string) error {
	lengths, codings := p.Values("Content-Length"), p.Values("Transfer-Encoding")
	for _, f := range p.Fields {
		if strings.EqualFold(f[0], "Content_Length") || strings.EqualFold(f[0], "Transfer_Encoding") {
			return fmt.Errorf("field %q", f[0])
		}
	}
	switch {
	case len(lengths)+len(codings) > 1:
		return fmt.Errorf("Content-Length %q with Transfer-Encoding %q", lengths, codings)
	case len(codings) == 1 && (!strings.EqualFold(codings[0], "chunked") || version != "HTTP/1.1"):
		return fmt.Errorf("Transfer-Encoding %q in %s", codings[0], version)
	case len(lengths) == 1 && (lengths[0] == "" || len(lengths[0]) > 15 || strings.Trim(lengths[0], "0123456789") != "" || len(lengths[0]) > 1 && lengths[0][0] == '0'):
		return fmt.Errorf("Content-Length %q", lengths[0])
	}
	return nil
}

func plainField(l string) (f [2]string, err error) {
	name, value, ok := strings.Cut(l, ":")
	if !ok || !plainToken(name) {
		return f, fmt.Errorf("field %q", l)
	}
	for _, c := range []byte(value) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return f, fmt.Errorf("field %q", l)
		}
	}
	return [2]string{name, strings.Trim(value, " \t")}, nil
}

func plainToken(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) >= 0 {
			return false
		}
	}
	return s != ""
}

func (p *Plain) readBody(b []byte) (rest []byte, err error) {
	if v := p.Values("Content-Length"); len(v) == 1 {
		n, err := strconv.Atoi(v[0])
		if err != nil {
			return nil, err
		}
		p.Body = b[:min(n, len(b))]
		if n > len(b) {
			return nil, ErrCut
		}
		return b[n:], nil
	}
	if len(p.Values("Transfer-Encoding")) == 0 {
		return b, nil
	}
	for {
		size, after, found := bytes.Cut(b, []byte("\r\n"))
		if !found {
			size = bytes.TrimSuffix(size, []byte("\r")) // its line feed may be missing only
		}
		if len(bytes.Trim(size, "0123456789abcdefABCDEF")) > 0 || len(size) > 8 || found && len(size) == 0 {
			return nil, fmt.Errorf("chunk size %.20q", size)
		}
		if !found {
			return nil, ErrCut
		}
		n, err := strconv.ParseUint(string(size), 16, 32)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return p.readTrailer(after)
		}
		p.Body = append(p.Body, after[:min(n, uint64(len(after)))]...)
		if uint64(len(after)) < n+2 {
			if uint64(len(after)) == n+1 && after[n] != '\r' {
				return nil, errors.New("chunk without an end")
			}
			return nil, ErrCut
		}
		if string(after[n:n+2]) != "\r\n" {
			return nil, errors.New("chunk without an end")
		}
		b = after[n+2:]
	}
}

func (p *Plain) readTrailer(b []byte) (rest []byte, err error) {
	lines, rest, err := plainLines(b)
	if err != nil {
		return nil, err
	}
	for _, l := range lines {
		f, err := plainField(l)
		if err != nil {
			return nil, err
		}
		switch strings.ToLower(strings.ReplaceAll(f[0], "_", "-")) {
		case "content-length", "transfer-encoding", "host":
			return nil, fmt.Errorf("trailer %q", l)
		}
	}
	return rest, nil
}
