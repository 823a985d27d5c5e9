// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"strings"

	"yett/exchange"
)

// condition rewrites the entity tags in a field that makes a request conditional (RFC 9110 section 13.1). f gets what stands
// between the quotes and returns what stands there instead, or says that the tag goes. What is no tag stays as it is where
// keep says so: a condition that nobody here can read may be one that the upstream can, and must not be lost. It reports
// whether the field is there, and whether anything of it still is.
func condition(h *exchange.Header, name string, keep bool, f func(inner string) (string, bool)) (present, left bool) {
	lines := h.Values(name)
	if len(lines) == 0 {
		return false, false
	}
	before := strings.Join(lines, ", ")
	if strings.TrimSpace(before) == "*" {
		return true, true
	}
	var all []string
	for rest := before; ; {
		if rest = strings.TrimLeft(rest, " \t,"); rest == "" {
			break
		}
		element, weak, inner, ok := nextTag(rest)
		rest = rest[len(element):]
		if element = strings.TrimRight(element, " \t"); !ok {
			if keep {
				all = append(all, element)
			}
			continue
		}
		if inner, ok = f(inner); ok {
			all = append(all, weak+`"`+inner+`"`)
		}
	}
	after := strings.Join(all, ", ")
	switch {
	case after == "" && !keep:
		h.Del(name)
	case after != "" && after != before:
		h.Set(name, after)
	}
	return true, after != ""
}

// nextTag takes the first element off a list: an entity tag (RFC 9110 section 8.8.3), or whatever stands there to the next
// comma.
func nextTag(list string) (element, weak, inner string, ok bool) {
	rest, isWeak := strings.CutPrefix(list, "W/")
	if isWeak {
		weak = "W/"
	}
	if opened, quoted := strings.CutPrefix(rest, `"`); quoted {
		if end := strings.IndexByte(opened, '"'); end >= 0 {
			behind := strings.TrimLeft(opened[end+1:], " \t")
			if behind == "" || behind[0] == ',' {
				return list[:len(list)-len(behind)], weak, opened[:end], true
			}
		}
	}
	if comma := strings.IndexByte(list, ','); comma >= 0 {
		return list[:comma], "", "", false
	}
	return list, "", "", false
}
