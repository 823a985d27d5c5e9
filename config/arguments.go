// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Arguments are what the two-argument start and yett init are given. An empty field stands for its default.
type Arguments struct {
	OpenAPI, Upstream   string
	Listen, Admin, Data string
	Observe             bool
}

// YAML is the configuration that the arguments mean: the file that yett init writes, and the text that the
// two-argument start parses under the name CommandLine. Whatever text the arguments hold, it means exactly that
// text; whether these are well is Parse's to say.
func (a Arguments) YAML() []byte {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	or := func(s, otherwise string) string {
		if s == "" {
			s = otherwise
		}
		return quote(s)
	}
	line("# What is not written here has its default: every practice is on.")
	line("# yett check finds mistakes, yett explain METHOD PATH --verbose shows what holds where.")
	line("")
	line("listen: %s # where the APIs are served, HTTPS only", or(a.Listen, DefaultListen))
	line("data: %s # keys, records and the local certificate; keep it private", or(a.Data, "./"+DefaultData))
	line("admin: { listen: %s } # the dashboard and the control API", or(a.Admin, DefaultAdminListen))
	line("# public_url: https://api.example.org # how callers reach this gateway")
	if a.Observe {
		line("observe: true # decide but refuse nothing, wherever a practice allows that")
	} else {
		line("# observe: true # decide but refuse nothing, wherever a practice allows that")
	}
	line("")
	line("apis:")
	line("  - name: %s", quote(apiName(filepath.ToSlash(a.OpenAPI))))
	line("    openapi: %s", quote(a.OpenAPI))
	line("    upstream: %s", quote(a.Upstream))
	line("    # A practice's block holds for the whole gateway at the top of the file, for one API here,")
	line("    # and for one operation below its id.")
	line("    # cors: { origins: [\"https://shop.example.org\"] }")
	line("    # operations:")
	line("    #   importOrders:")
	line("    #     waf: { off: \"binary upload, scanned upstream\" }")
	return []byte(b.String())
}

// quote writes a text as a double-quoted YAML scalar in which no variable is filled in. A text of ordinary characters
// stays as it is.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range strings.ReplaceAll(s, "${", "$${") {
		switch {
		case c == '"' || c == '\\':
			b.WriteString(`\` + string(c))
		case c < ' ' || 0x7f <= c && c < 0xa0 || c == 0x2028 || c == 0x2029 || 0x202a <= c && c <= 0x202e ||
			0x2066 <= c && c <= 0x2069 || c == 0xfeff || 0xfff0 <= c && c <= 0xffff:
			fmt.Fprintf(&b, `\u%04X`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
