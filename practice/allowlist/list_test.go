// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package allowlist

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"yett/exchange"
)

func prefixes(list ...string) []netip.Prefix {
	out := []netip.Prefix{}
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func listed(list ...string) *[]netip.Prefix {
	all := prefixes(list...)
	return &all
}

// newList makes a list of a configuration without files.
func newList(t testing.TB, c Config) *List {
	t.Helper()
	l, err := New(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// ask sends a request from peer and returns the status and code of the answer, and the address that the upstream learns.
func ask(t *testing.T, l *List, peer string, fields ...string) (status int, code, client string) {
	t.Helper()
	h := l.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		x, _ := exchange.From(r.Context())
		if a, err := x.ClientAddr(); err == nil {
			client = a.String()
		}
	}))
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = peer
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var p struct{ Code string }
	if w.Code >= 400 {
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
	}
	return w.Code, p.Code, client
}

func TestLists(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config Config
		peer   string
		code   string // "" admits
	}{
		{"without a list everybody passes", Config{}, "192.0.2.1:9", ""},
		{"an empty list refuses everyone", Config{Networks: listed()}, "192.0.2.1:9", "address_not_listed"},
		{"a listed address passes", Config{Networks: listed("10.0.0.0/8")}, "10.1.2.3:9", ""},
		{"the first address of a network passes", Config{Networks: listed("10.0.0.0/8")}, "10.0.0.0:9", ""},
		{"the last address of a network passes", Config{Networks: listed("10.0.0.0/8")}, "10.255.255.255:9", ""},
		{"a neighbouring network is refused", Config{Networks: listed("10.0.0.0/8")}, "11.0.0.0:9", "address_not_listed"},
		{"IPv4 written as IPv6 counts as IPv4", Config{Networks: listed("10.0.0.0/8")}, "[::ffff:10.1.2.3]:9", ""},
		{"a list written as IPv6 around IPv4 counts as IPv4", Config{Networks: listed("::ffff:10.0.0.0/104")}, "10.1.2.3:9", ""},
		{"a zone does not slip past a list", Config{Deny: prefixes("fe80::/10")}, "[fe80::1%eth0]:9", "address_denied"},
		{"all of IPv4 is not all of IPv6", Config{Networks: listed("0.0.0.0/0")}, "[2001:db8::1]:9", "address_not_listed"},
		{"deny wins over networks", Config{Networks: listed("10.0.0.0/8"), Deny: prefixes("10.1.0.0/16")}, "10.1.2.3:9", "address_denied"},
		{"deny alone admits the others", Config{Deny: prefixes("10.1.0.0/16")}, "10.2.0.1:9", ""},
		{"a prefix with bits behind it is its network", Config{Networks: listed("10.1.2.3/8")}, "10.9.9.9:9", ""},
		{"a peer without an address is refused, list or no list", Config{}, "@", "address_unreadable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.config.Validate(); err != nil {
				t.Fatal(err)
			}
			status, code, _ := ask(t, newList(t, tt.config), tt.peer)
			want := 200
			if tt.code != "" {
				want = 403
			}
			if code != tt.code || status != want {
				t.Errorf("got %d %q, want %d %q", status, code, want, tt.code)
			}
		})
	}
}

func TestWhoIsReallyAtTheOtherEnd(t *testing.T) {
	l := newList(t, Config{TrustedProxies: prefixes("10.0.0.0/8", "2001:db8:ff::/48")})
	const proxy, stranger = "10.0.0.1:9", "192.0.2.1:9"
	for _, tt := range []struct {
		name, peer string
		fields     []string
		want       string // "" is unreadable
	}{
		{"a stranger's fields are nothing but text", stranger, []string{"X-Forwarded-For: 198.51.100.7", "Forwarded: for=;;"}, "192.0.2.1"},
		{"a proxy that says nothing speaks for itself", proxy, nil, "10.0.0.1"},
		{"a proxy speaks for its client", proxy, []string{"X-Forwarded-For: 198.51.100.7"}, "198.51.100.7"},
		{"a proxy seen as IPv6 speaks too", "[::ffff:10.0.0.1]:9", []string{"X-Forwarded-For: 198.51.100.7"}, "198.51.100.7"},
		{"only what the proxy appended counts", proxy, []string{"X-Forwarded-For: 203.0.113.9, 198.51.100.7"}, "198.51.100.7"},
		{"a trusted proxy before it is passed over", proxy, []string{"X-Forwarded-For: 198.51.100.7, 10.9.9.9"}, "198.51.100.7"},
		{"where all are proxies the first of them counts", proxy, []string{"X-Forwarded-For: 10.2.2.2, 10.9.9.9"}, "10.2.2.2"},
		{"lines make one list", proxy, []string{"X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 198.51.100.7"}, "198.51.100.7"},
		{"garbage before the client is never read", proxy, []string{"X-Forwarded-For: ~~~, 198.51.100.7"}, "198.51.100.7"},
		{"garbage behind the client is unreadable", proxy, []string{"X-Forwarded-For: 198.51.100.7, ~~~"}, ""},
		{"garbage behind a proxy is unreadable", proxy, []string{"X-Forwarded-For: ~~~, 10.9.9.9"}, ""},
		{"an empty field is unreadable", proxy, []string{"X-Forwarded-For: "}, ""},
		{"a comma at the end is unreadable", proxy, []string{"X-Forwarded-For: 198.51.100.7,"}, ""},
		{"RFC 7239", proxy, []string{`Forwarded: for=198.51.100.7;proto=http;by=10.0.0.1`}, "198.51.100.7"},
		{"RFC 7239 in any case, with IPv6 and a port", proxy, []string{`Forwarded: FOR="[2001:db8:cafe::17]:4711"`}, "2001:db8:cafe::17"},
		{"RFC 7239 with an obfuscated port", proxy, []string{`Forwarded: for="198.51.100.7:_a1"`}, "198.51.100.7"},
		{"RFC 7239 with escapes in quotes", proxy, []string{`Forwarded: for="198.51.100.\7"`}, "198.51.100.7"},
		{"RFC 7239 with a comma in quotes", proxy, []string{`Forwarded: for=203.0.113.9;by="a,for=203.0.113.8", for=198.51.100.7`}, "198.51.100.7"},
		{"an element without a client hides it", proxy, []string{"Forwarded: for=198.51.100.7, proto=http"}, ""},
		{"an unknown client", proxy, []string{"Forwarded: for=unknown"}, ""},
		{"a hidden client", proxy, []string{"Forwarded: for=_gazonk"}, ""},
		{"IPv6 that is not in quotes", proxy, []string{"Forwarded: for=[2001:db8::1]"}, ""},
		{"a pair without a value", proxy, []string{"Forwarded: for"}, ""},
		{"a pair twice", proxy, []string{"Forwarded: for=198.51.100.7;For=198.51.100.8"}, ""},
		{"a quote without end", proxy, []string{`Forwarded: for="198.51.100.7`}, ""},
		{"an escape without end", proxy, []string{`Forwarded: for="198.51.100.7\`}, ""},
		{"a comma at the end of RFC 7239", proxy, []string{"Forwarded: for=198.51.100.7,"}, ""},
		{"a word behind a quote", proxy, []string{`Forwarded: for="198.51.100.7"x`}, ""},
		{"both fields, the same client", proxy, []string{"X-Forwarded-For: 198.51.100.7", `Forwarded: for="[::ffff:198.51.100.7]"`}, "198.51.100.7"},
		{"both fields, two clients", proxy, []string{"X-Forwarded-For: 198.51.100.7", "Forwarded: for=198.51.100.8"}, ""},
		{"both fields, one unreadable", proxy, []string{"X-Forwarded-For: 198.51.100.7", "Forwarded: for=unknown"}, ""},
		{"as many hops as are read", proxy, []string{"X-Forwarded-For: " + strings.Repeat("10.0.0.1,", 31) + "198.51.100.7"}, "198.51.100.7"},
		{"one hop more", proxy, []string{"X-Forwarded-For: " + strings.Repeat("10.0.0.1,", 32) + "198.51.100.7"}, ""},
		{"more bytes than are read", proxy, []string{"X-Forwarded-For: " + strings.Repeat("x", maxField), "X-Forwarded-For: 198.51.100.7"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, code, client := ask(t, l, tt.peer, tt.fields...)
			if tt.want == "" && (status != 400 || code != "address_unreadable") || client != tt.want {
				t.Errorf("got %d %q, client %q; want %q", status, code, client, tt.want)
			}
		})
	}
}

func TestNodes(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "192.0.2.1:80": "192.0.2.1", "2001:db8::1": "2001:db8::1", "[2001:db8::1]": "2001:db8::1",
		"[2001:db8::1]:80": "2001:db8::1", "[2001:db8::1]:_x": "2001:db8::1", "[::ffff:192.0.2.1]:1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1",
		"": "", "_x": "", "unknown": "", "localhost": "", "192.0.2.1:": "", "192.0.2.1:65536": "", "192.0.2.1:-1": "", "192.0.2.1:_": "",
		"192.0.2.01": "", "0300.0.2.1": "", "3221225985": "", "192.0.2": "", "[192.0.2.1]": "", "[192.0.2.1]:80": "", "[2001:db8::1": "",
		"[2001:db8::1]80": "", "[2001:db8::1]:": "", "fe80::1%eth0": "", "[fe80::1%25eth0]": "", " 192.0.2.1": "", "192.0.2.1 ": "",
	} {
		got := ""
		if a, err := parseNode(in); err == nil {
			got = a.String()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestConfigurations(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config Config
		want   string // in the error; "" is well
	}{
		{"nothing is well", Config{}, ""},
		{"a proxy's own address is well", Config{TrustedProxies: prefixes("10.0.0.1/32")}, ""},
		{"nobody trusts the whole internet", Config{TrustedProxies: prefixes("10.0.0.1/32", "0.0.0.0/0")}, "trusted_proxies[1]:"},
		{"nor all of IPv6", Config{TrustedProxies: prefixes("::/0")}, "trusted_proxies[0]:"},
		{"nor all of IPv4 written as IPv6", Config{TrustedProxies: prefixes("::ffff:0.0.0.0/96")}, "trusted_proxies[0]:"},
		{"a network that is none would deny nobody", Config{Deny: []netip.Prefix{{}}}, "deny[0]:"},
		{"one between IPv4 and IPv6 would deny nobody", Config{Deny: prefixes("::ffff:0.0.0.0/90")}, "deny[0]:"},
		{"a file without a name", Config{NetworksFiles: []string{"a.txt", ""}}, "networks_files[1]:"},
		{"more files than are looked through", Config{DenyFiles: make([]string, maxFiles+1)}, "deny_files:"},
		{"PROXY headers from a proxy are well", Config{TrustedProxies: prefixes("10.0.0.1/32"), ProxyProtocol: "required"}, ""},
		{"PROXY headers from nobody", Config{ProxyProtocol: "optional"}, "proxy_protocol:"},
		{"a word that is no choice", Config{TrustedProxies: prefixes("10.0.0.1/32"), ProxyProtocol: "on"}, "proxy_protocol:"},
		{"in networks likewise", Config{Networks: &[]netip.Prefix{{}}}, "networks[0]:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.config.Validate(); (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// FuzzForwarded looks for fields that are read in another way than their right end says: whatever a caller writes, the
// address is the one that the proxy appended, or there is none.
func FuzzForwarded(f *testing.F) {
	for _, s := range []string{"", "10.0.0.1", "for=10.0.0.1", `for="10.0.0.1`, `for="a\`, "for=unknown;by=_x", `for="[::1]:80"`, "a, b,, c", ";", ",", "for=1;for=2"} {
		f.Add(s, s)
	}
	l := newList(f, Config{TrustedProxies: prefixes("10.0.0.0/8")})
	proxy, client := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("198.51.100.7")
	f.Fuzz(func(t *testing.T, xff, forwarded string) {
		if !exchange.ValidValue(xff) || !exchange.ValidValue(forwarded) {
			return
		}
		var h exchange.Header
		h.Add("X-Forwarded-For", xff)
		h.Add("Forwarded", forwarded)
		if a, err := l.forwarded(proxy, &h); (err == nil) != a.IsValid() || a.Is4In6() || a.Zone() != "" {
			t.Errorf("%v, %v", a, err)
		}
		for _, appended := range []exchange.Field{
			{Name: "X-Forwarded-For", Value: xff + ", 198.51.100.7"},
			{Name: "Forwarded", Value: forwarded + ", for=198.51.100.7"},
		} {
			var h exchange.Header
			h.Add(appended.Name, appended.Value)
			if a, err := l.forwarded(proxy, &h); err == nil && a != client {
				t.Errorf("%s: %q made it %v", appended.Name, appended.Value, a)
			}
		}
	})
}
