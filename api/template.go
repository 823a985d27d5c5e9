// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"fmt"
	"strings"
)

// A segment is one segment of a path template: literals[0] {names[0]} literals[1] … The literals are decoded.
type segment struct{ literals, names []string }

// whole reports whether the segment is one parameter and nothing else.
func (s segment) whole() bool {
	return len(s.names) == 1 && s.literals[0] == "" && s.literals[1] == ""
}

func parseSegment(text string) (s segment, err error) {
	for {
		lit, rest, found := strings.Cut(text, "{")
		if strings.ContainsRune(lit, '}') {
			return s, fmt.Errorf("segment %q: } without {", text)
		}
		decoded, ok := unescape(lit)
		if !ok {
			return s, fmt.Errorf("segment %q: a percent sign is not followed by two hexadecimal digits", text)
		}
		s.literals = append(s.literals, decoded)
		if !found {
			return s, nil
		}
		if lit == "" && len(s.names) > 0 {
			return s, fmt.Errorf("parameters {%s} and the next one touch: nobody can tell where one ends", s.names[len(s.names)-1])
		}
		name, rest, found := strings.Cut(rest, "}")
		switch {
		case !found || strings.ContainsRune(name, '{'):
			return s, fmt.Errorf("segment %q: { without }", text)
		case name == "":
			return s, errors.New("{} has no name")
		case name[0] == '+' || strings.HasSuffix(name, "*"):
			return s, fmt.Errorf("{%s} would span several segments, which OpenAPI does not know", name)
		}
		s.names = append(s.names, name)
		text = rest
	}
}

// parseTemplate checks a path template. shape is the template with its names taken out, as two templates are
// compared; names are its parameters from left to right.
func parseTemplate(path string) (shape string, names []string, err error) {
	if path == "" || path[0] != '/' {
		return "", nil, errors.New("a path begins with a slash")
	}
	var b strings.Builder
	for rest := path; rest != ""; {
		var text string
		text, rest = cut(rest)
		s, err := parseSegment(text)
		if err != nil {
			return "", nil, err
		}
		if len(s.names) == 0 && (s.literals[0] == "." || s.literals[0] == "..") {
			return "", nil, errors.New("a dot segment is never matched")
		}
		if len(s.names) == 0 && s.literals[0] == "" && rest != "" {
			return "", nil, errors.New("an empty segment is never matched")
		}
		if strings.ContainsAny(text, "?#") {
			return "", nil, errors.New("a path holds neither query nor fragment")
		}
		b.WriteString("/" + strings.Join(s.literals, "{}"))
		names = append(names, s.names...)
	}
	for i, n := range names {
		for _, m := range names[:i] {
			if n == m {
				return "", nil, fmt.Errorf("{%s} stands twice", n)
			}
		}
	}
	return b.String(), names, nil
}
