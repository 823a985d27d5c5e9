// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"strings"
	"testing"
)

func TestFormats(t *testing.T) {
	for _, tt := range []struct {
		format  string
		yes, no []string
	}{
		{"date", []string{"2024-02-29", "2000-02-29", "2026-12-31"},
			[]string{"", "2023-02-29", "1900-02-29", "2024-04-31", "2024-13-01", "2024-00-01", "2024-01-00", "2024-1-1", "20240101", "２024-01-01"}},
		{"time", []string{"08:30:06Z", "08:30:06.283185+00:20", "23:59:60Z", "01:29:60+01:30"},
			[]string{"", "08:30:06", "24:00:00Z", "08:60:00Z", "08:30:60Z", "22:59:60Z", "08:30:06.Z", "08:30:06+24:00", "08:30:06+0020", "8:30:06Z"}},
		{"date-time", []string{"1963-06-19T08:30:06.283185Z", "1963-06-19t08:30:06-08:00"},
			[]string{"", "1963-06-19", "1963-06-19 08:30:06Z", "1963-06-31T08:30:06Z", "1963-06-19T08:30:06"}},
		{"duration", []string{"P4Y", "P1Y2M3DT4H5M6S", "PT36H", "P3W"},
			[]string{"", "P", "PT", "P1", "4D", "P1D2H", "PT1D", "P1M2Y", "P1Y2D", "P1W1D", "P2S", "P½Y"}},
		{"email", []string{"a@b.org", "a.b+c@b-c.org", `"a b"@c.org`, "a@[127.0.0.1]", "a@[IPv6:::1]"},
			[]string{"", "a", "@b.org", "a@", ".a@b.org", "a..b@c.org", "a.@b.org", "a b@c.org", "a@b_c.org", "a@b, c@d", "é@b.org", strings.Repeat("a", 65) + "@b.org"}},
		{"idn-email", []string{"é@bücher.example", `"é"@b.org`}, []string{"", "é", "é@", "é@-b.org"}},
		{"hostname", []string{"a", "a.b-c.org", "1a.org", "xn--bcher-kva.example", strings.Repeat("a", 63)},
			[]string{"", ".", "a.", "-a", "a-", "a_b", "a b", "é.org", "xn--X", strings.Repeat("a", 64), strings.Repeat("a.", 127) + "a"}},
		{"idn-hostname", []string{"bücher.example", "例え。テスト", "l·l", "a.b"}, []string{"", "。", "-é", "é-", "a·b", "\u0300e", "é.", strings.Repeat("é", 300)}},
		{"ipv4", []string{"0.0.0.0", "255.255.255.255"}, []string{"", "1.2.3", "1.2.3.4.5", "256.0.0.1", "1.2.3.04", "1.2.3.", "0x1.2.3.4", "1.2.3.4 "}},
		{"ipv6", []string{"::", "::1", "2001:db8::8a2e:370:7334", "::ffff:192.0.2.1"}, []string{"", "1.2.3.4", "1::2::3", "12345::", "fe80::1%eth0", ":::", "::1/64"}},
		{"uri", []string{"https://a.org/b?c=d#e", "urn:a:b", "mailto:a@b.org", "http://[::1]:80/", "http://a%20b/"},
			[]string{"", "a", "//a.org", "http://a b", "http://a/%zz", "http://a:b/", "1http://a", "http://[::1", "http://a/[", "http://é/", `http://a\b`}},
		{"uri-reference", []string{"", "a", "/a", "//a", "#a", "?a", "./a:b"}, []string{"a:b:c d", "1:b", "#a#b", "/[a]", "//a@b@c"}},
		{"iri", []string{"http://é.org/ß?ü#ö"}, []string{"", "é", "http://é.org/\n", "http://a/\uffff"}},
		{"iri-reference", []string{"", "/é", "é"}, []string{"/é\\", "/é<"}},
		{"uri-template", []string{"", "/a/{b}", "{?a,b*}", "{v:10}", "{a.b}", "{%41}"}, []string{"{", "}", "{}", "{a", "{a,}", "{a:0}", "{a b}", "{=a}", "a b", "{a..b}", "%4"}},
		{"uuid", []string{"2eb8aa08-aa98-11ea-b4aa-73b441d16380", "2EB8AA08-AA98-11EA-B4AA-73B441D16380"},
			[]string{"", "2eb8aa08aa9811eab4aa73b441d16380", "2eb8aa08-aa98-11ea-b4aa-73b441d1638", "2eb8aa08-aa98-11ea-b4aa-73b441d1638g"}},
		{"json-pointer", []string{"", "/", "/a~0b/~1"}, []string{"a", "/~", "/~2", "#/a"}},
		{"relative-json-pointer", []string{"0", "1/a", "12#"}, []string{"", "/a", "01/a", "-1/a", "1a", "0##"}},
		{"regex", []string{"", "^a+$", "(?=a)"}, []string{"(", "[a", `\a`, strings.Repeat("a", 5000)}},
		{"byte", []string{"", "YQ==", strings.Repeat("YWFh", 1000)}, []string{"Y", "YQ=", "Y===", "YR==", "YQ==YQ==", "YWF-", "YW\nFh", strings.Repeat("YWFh", 255) + "YQ==YWFh"}},
	} {
		t.Run(tt.format, func(t *testing.T) {
			is := textFormats[tt.format]
			for _, s := range tt.yes {
				if !is([]byte(s)) {
					t.Errorf("%q is refused", s)
				}
			}
			for _, s := range tt.no {
				if is([]byte(s)) {
					t.Errorf("%q is taken", s)
				}
			}
		})
	}
}

// FuzzFormats looks for text on which a format goes out of bounds or never ends.
func FuzzFormats(f *testing.F) {
	for _, s := range []string{"", "xn--bcher-kva.example", "xn--99999999", "{a:1}", "http://[v1.a]:1/", "PT1S", "a@[IPv6:", "23:59:60Z"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, s string) {
		for _, is := range textFormats {
			is([]byte(s))
		}
	})
}
