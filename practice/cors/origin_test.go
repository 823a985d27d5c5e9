// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cors

import (
	"strings"
	"testing"
	"time"
)

func TestOriginsAsBrowsersWriteThemLoad(t *testing.T) {
	for _, origin := range []string{
		"https://shop.example.org", "https://shop.example.org:8443", "https://xn--bcher-kva.example", "https://192.0.2.1",
		"https://[2001:db8::1]:8443", "http://localhost:3000", "http://localhost", "http://127.0.0.1:5173", "http://[::1]:5173",
		"http://shop.localhost:3000", "https://localhost:3000", "https://a_b.example.org",
	} {
		if err := listing(origin).Validate(); err != nil {
			t.Errorf("%s: %v", origin, err)
		}
	}
}

func TestOriginsThatLookLikeMoreThanTheyAreDoNotLoad(t *testing.T) {
	for _, tt := range []struct{ name, origin, want string }{
		{"every page on the web", "*", "every page on the web"},
		{"null", "null", "sandboxed frames"},
		{"nothing", "", "no origin"},
		{"a wildcard for names", "https://*.example.org", "pattern"},
		{"a wildcard for ports", "https://shop.example.org:*", "pattern"},
		{"a pattern for all", ".*", "pattern"},
		{"an anchored pattern", "^https://shop.example.org$", "pattern"},
		{"an escaped dot", `https://shop\.example\.org`, "pattern"},
		{"a choice", "https://(shop|pay).example.org", "pattern"},
		{"a class", "https://shop[0-9].example.org", "pattern"},
		{"a template", "https://{tenant}.example.org", "pattern"},
		{"a slash at the end", "https://shop.example.org/", "try https://shop.example.org)"},
		{"a path", "https://shop.example.org/cart", "try https://shop.example.org)"},
		{"a query", "https://shop.example.org?a=b", "try https://shop.example.org)"},
		{"a fragment", "https://shop.example.org#a", "try https://shop.example.org)"},
		{"a user", "https://shop.example.org@evil.example", "try https://evil.example)"},
		{"no scheme", "shop.example.org", "try https://shop.example.org)"},
		{"no scheme but slashes", "//shop.example.org", "try https://shop.example.org)"},
		{"another scheme", "ftp://shop.example.org", "try https://shop.example.org)"},
		{"the default port", "https://shop.example.org:443", "try https://shop.example.org)"},
		{"the default port in clear", "http://localhost:80", "try http://localhost)"},
		{"a port with leading zeros", "https://shop.example.org:08443", "try https://shop.example.org:8443)"},
		{"a port that is none", "https://shop.example.org:99999", "between 1 and 65535"},
		{"a colon without a port", "https://shop.example.org:", "try https://shop.example.org)"},
		{"upper case", "https://Shop.example.org", "try https://shop.example.org)"},
		{"letters outside ASCII", "https://bücher.example", "xn--"},
		{"in clear", "http://shop.example.org", "try https://shop.example.org)"},
		{"in clear, with the name of this machine before it", "http://localhost.example.org", "in clear"},
		{"two origins in one", "https://shop.example.org https://pay.example.org", "one entry"},
		{"a list in one", "https://shop.example.org,https://pay.example.org", "one entry"},
		{"white space", " https://shop.example.org", "white space"},
		{"a final dot", "https://shop.example.org.", "final dot"},
		{"an empty label", "https://shop..example.org", "letters, digits"},
		{"no host", "https://", "host"},
		{"half an address", "https://127.1", "four numbers"},
		{"an address of one number", "https://2130706433", "four numbers"},
		{"a long IPv6 address", "https://[2001:db8:0:0:0:0:0:1]", "try 2001:db8::1)"},
		{"IPv4 in IPv6", "https://[::ffff:192.0.2.1]", "try 192.0.2.1)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := listing(tt.origin).Validate()
			if err == nil || !strings.HasPrefix(err.Error(), "origins[0]: ") || !strings.Contains(err.Error(), tt.want) || !strings.HasSuffix(err.Error(), ")") {
				t.Errorf("%q: %v, want %q", tt.origin, err, tt.want)
			}
		})
	}
}

func TestSettingsThatDoNotDoWhatTheySayDoNotLoad(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config Config
		want   string
	}{
		{"every page with cookies", withCookies(listing("*")), "hand every visitor's data"},
		{"an origin twice", listing(shopPage, shopPage), "origins[1]: "},
		{"every field", Config{Headers: []string{"*"}}, "headers[0]: "},
		{"no field name", Config{Headers: []string{"X Id"}}, "headers[0]: "},
		{"cookies as a field", Config{Headers: []string{"Cookie"}}, "credentials: true"},
		{"a field twice", Config{Headers: []string{"X-Id", "x-id"}}, "headers[1]: "},
		{"cookies for reading", Config{Expose: []string{"Set-Cookie"}}, "expose[0]: "},
		{"all fields for reading", Config{Expose: []string{"*"}}, "expose[0]: "},
		{"a time below zero", Config{MaxAge: -time.Second}, "max_age: "},
		{"a time that no browser keeps", Config{MaxAge: 48 * time.Hour}, "max_age: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.config.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
	if err := Defaults().Validate(); err != nil {
		t.Error(err)
	}
}
