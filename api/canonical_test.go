// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/url"
	"strings"
	"testing"
)

func TestCanonical(t *testing.T) {
	for _, tt := range []struct {
		name, target, path, query string
		doubt                     string
	}{
		{"a plain path is itself", "/orders/7", "/orders/7", "", "none"},
		{"the root is itself", "/", "/", "", "none"},
		{"the query is split off untouched", "/a?b=%7e&c", "/a", "b=%7e&c", "none"},
		{"a second question mark belongs to the query", "/a?b?c", "/a", "b?c", "none"},
		{"escaped unreserved characters are decoded", "/%61%7E%2d", "/a~-", "", "none"},
		{"escapes that stay get upper-case digits", "/caf%c3%a9", "/caf%C3%A9", "", "none"},
		{"an escaped space is ordinary", "/a%20b", "/a%20b", "", "none"},
		{"an escaped comma stays apart from a raw one", "/a%2cb,c", "/a%2Cb,c", "", "none"},
		{"braces are escaped, as a browser would", "/{a}", "/%7Ba%7D", "", "none"},
		{"a trailing slash is not ambiguous", "/a/", "/a/", "", "none"},
		{"dots inside a name are ordinary", "/a..b/...", "/a..b/...", "", "none"},
		{"a dot segment is reported", "/a/../b", "/a/../b", "", "dot_segment"},
		{"a dot segment at the end is reported", "/a/.", "/a/.", "", "dot_segment"},
		{"encoded dots are dots", "/a/%2e%2E/b", "/a/../b", "", "dot_segment"},
		{"dots behind an encoded slash are a segment", "/a/x%2f..%2fb", "/a/x%2F..%2Fb", "", "dot_segment, encoded_slash"},
		{"dots behind an encoded backslash are a segment", "/a%5c..", "/a%5C..", "", "dot_segment, backslash"},
		{"dots before a path parameter are a segment", "/a/..;x/b", "/a/..;x/b", "", "dot_segment, semicolon"},
		{"dots before an escaped path parameter are a segment", "/a/..%3bx/b", "/a/..%3Bx/b", "", "dot_segment, semicolon"},
		{"an empty segment is reported", "//a", "//a", "", "empty_segment"},
		{"an empty segment in the middle is reported", "/a//b", "/a//b", "", "empty_segment"},
		{"an encoded slash beside a slash makes an empty segment", "/a/%2fb", "/a/%2Fb", "", "empty_segment, encoded_slash"},
		{"an encoded slash is reported", "/a%2Fb", "/a%2Fb", "", "encoded_slash"},
		{"a raw backslash is reported and escaped", `/a\b`, "/a%5Cb", "", "backslash"},
		{"an encoded NUL is reported", "/a%00", "/a%00", "", "nul"},
		{"a double encoding is reported", "/%252e%252e", "/%252e%252e", "", "encoded_percent"},
		{"a semicolon is reported and stays raw", "/a;b=1", "/a;b=1", "", "semicolon"},
		{"a line feed is reported", "/a%0ab", "/a%0Ab", "", "control_byte"},
		{"a raw space is reported", "/a b", "/a%20b", "", "control_byte"},
		{"raw bytes above ASCII are reported", "/caf\xc3\xa9", "/caf%C3%A9", "", "non_ascii"},
		{"an overlong slash is not UTF-8", "/a%c0%afb", "/a%C0%AFb", "", "non_ascii"},
		{"raw bytes above ASCII in the query are reported", "/a?b=\xc3\xa9", "/a", "b=\xc3\xa9", "non_ascii"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path, query, doubt, err := Canonical(tt.target)
			if err != nil || path != tt.path || query != tt.query || doubt.String() != tt.doubt {
				t.Errorf("Canonical(%q) = %q, %q, %s, %v; want %q, %q, %s", tt.target, path, query, doubt, err, tt.path, tt.query, tt.doubt)
			}
		})
	}
}

func TestCanonicalRefuses(t *testing.T) {
	for _, tt := range []struct{ name, target string }{
		{"an empty target", ""},
		{"a target without a leading slash", "a/b"},
		{"an absolute form, which the caller must split", "http://example.org/"},
		{"a percent sign alone", "/100%"},
		{"an escape of one digit", "/a%2"},
		{"an escape that is not hexadecimal", "/a%zz"},
		{"a Microsoft escape", "/%u002e"},
		{"a fragment in the path", "/a#b"},
		{"a fragment in the query", "/a?b#c"},
		{"a space in the query", "/a?b c"},
		{"a line feed in the query", "/a?b\nc"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if path, _, a, err := Canonical(tt.target); err == nil {
				t.Errorf("Canonical(%q) = %q, %s; want an error", tt.target, path, a)
			}
		})
	}
}

func TestAmbiguityNamesAreReadBack(t *testing.T) {
	for i, name := range AmbiguityNames() {
		if a, ok := ParseAmbiguity(name); !ok || a != 1<<i || a.String() != name {
			t.Errorf("ParseAmbiguity(%q) = %v, %v", name, a, ok)
		}
	}
	if _, ok := ParseAmbiguity("none"); ok {
		t.Error(`ParseAmbiguity("none") succeeded; "none" is no ambiguity`)
	}
}

// FuzzCanonical: the canonical form is a fixed point, says no more about itself than the original did, and an
// upstream that reads it with net/url sees the segments that the original had.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"/", "/a/b?c=d", "/%2e%2e/%2f", "//", "/a;b", "/%25", "/caf%C3%A9", "/\x80", `/\`, "/a%c0%af", "/%7b{", "/..;/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		path, query, a, err := Canonical(target)
		if err != nil {
			return
		}
		again, q2, a2, err := Canonical(path + "?" + query)
		if err != nil || again != path || q2 != query {
			t.Fatalf("Canonical(%q) = %q; a second time %q, %v", target, path, again, err)
		}
		if a2&^a != 0 {
			t.Fatalf("Canonical(%q): %s; a second time also %s", target, a, a2&^a)
		}
		for i := 0; i < len(path); i++ {
			if c := path[i]; c <= ' ' || c >= 0x7F || c == '\\' || c == '?' || c == '#' {
				t.Fatalf("Canonical(%q) = %q, which holds byte %#x", target, path, c)
			}
		}
		raw, _, _ := strings.Cut(target, "?")
		want, err1 := url.PathUnescape(raw)
		got, err2 := url.PathUnescape(path)
		if err1 != nil || err2 != nil || want != got {
			t.Fatalf("Canonical(%q) = %q, which decodes to %q, not %q (%v, %v)", target, path, got, want, err1, err2)
		}
		if a == 0 {
			u, err := url.ParseRequestURI(path)
			if err != nil || u.EscapedPath() != path && u.Path != got {
				t.Fatalf("net/url reads %q as %q (%v)", path, u, err)
			}
			if c := u.JoinPath().EscapedPath(); strings.Count(c, "/") != strings.Count(path, "/") {
				t.Fatalf("%q is unambiguous, yet net/url cleans it to %q", path, c)
			}
			if strings.ContainsAny(got, "\\\x00;%") || strings.Contains(got, "//") || strings.Count(got, "/") != strings.Count(path, "/") {
				t.Fatalf("%q is called unambiguous, yet decodes to %q", path, got)
			}
		}
	})
}

func BenchmarkCanonical(b *testing.B) {
	for _, bb := range []struct{ name, target string }{
		{"already canonical", "/repos/octocat/hello-world/issues/1347?page=2&per_page=100"},
		{"with an escape", "/repos/octocat/hello%20world/issues/1347"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, _, err := Canonical(bb.target); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
