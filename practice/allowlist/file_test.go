// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package allowlist

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write makes a file of a list, and returns its name.
func write(t testing.TB, name, text string) string {
	t.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join(t.TempDir(), name)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestWhatStandsInAFile(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		size       int
		err        string // in the error, behind the name of the file; "" is well
	}{
		{"prefixes and addresses of both kinds", "192.0.2.0/24\n192.0.3.1\n2001:db8::/32\n2001:db9::1\n", 4, ""},
		{"comments, empty lines, spaces and the lines of Windows", "# ours\r\n\r\n  192.0.2.0/24\t# office\r\n", 1, ""},
		{"no line feed at the end", "192.0.2.1", 1, ""},
		{"the same network twice", "192.0.2.0/24\n192.0.2.7/24\n::ffff:192.0.2.0/120\n", 1, ""},
		{"nothing but a comment lists nobody", "# nobody at present\n", 0, ""},
		{"an empty file is no list", "", 0, ": there is nothing in it"},
		{"nor is one of empty lines", "\n \n", 0, ": there is nothing in it"},
		{"a word", "192.0.2.1\nlocalhost\n", 0, `:2: "localhost" is not a network`},
		{"two on a line", "192.0.2.1 192.0.2.2\n", 0, ":1: "},
		{"a zone", "fe80::1%eth0\n", 0, ":1: "},
		{"leading zeros", "010.0.0.1\n", 0, ":1: "},
		{"a short form", "10.1/16\n", 0, ":1: "},
		{"a number", "3221225985\n", 0, ":1: "},
		{"a range", "192.0.2.1-192.0.2.9\n", 0, ":1: "},
		{"more bits than there are", "192.0.2.0/33\n", 0, ":1: "},
		{"between IPv4 and IPv6", "::ffff:0.0.0.0/90\n", 0, ":1: "},
		{"a line without end", "1.1.1.1\n# " + strings.Repeat("x", maxLine), 0, ":2: a line has at most"},
		{"zeros", "\x00\x00\x00\x00", 0, ":1: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name := write(t, "list.txt", tt.text)
			s, err := readFile(name)
			if tt.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), name+tt.err) {
					t.Errorf("got %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil || s.size() != tt.size {
				t.Errorf("got %v, %v; want %d networks", s, err, tt.size)
			}
		})
	}
}

func TestFilesThatAreNotRead(t *testing.T) {
	dir := t.TempDir()
	large := write(t, "large.txt", "#")
	if err := os.Truncate(large, maxBytes+1); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, path, want string }{
		{"none", filepath.Join(dir, "none"), ""},
		{"a folder", dir, "not a regular file"},
		{"too large", large, "more than the 67108864"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readFile(tt.path)
			if err == nil || !strings.Contains(err.Error(), tt.path) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	t.Run("too many lines", func(t *testing.T) {
		_, err := parse("list.txt", strings.NewReader(strings.Repeat("\n", maxLines)+"192.0.2.1\n"), func(int, netip.Prefix) bool { return true })
		if err == nil || !strings.HasPrefix(err.Error(), "list.txt:5000001: ") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("changed while it is read", func(t *testing.T) {
		name := write(t, "list.txt", "192.0.2.1\n192.0.2.2\n")
		_, err := eachLine(name, func(int, netip.Prefix) bool { write(t, name, "192.0.2.3\n"); return true })
		if err == nil || !strings.Contains(err.Error(), "changed while it was read") {
			t.Errorf("got %v", err)
		}
	})
}

// many writes n networks of both kinds that do not touch each other.
func many(t testing.TB, n int) string {
	var b strings.Builder
	for i := range n {
		if i%10 == 0 {
			fmt.Fprintf(&b, "2001:db8:%x:%x::/64\n", i>>16, i&0xffff)
			continue
		}
		fmt.Fprintf(&b, "%d.%d.%d.%d/31\n", 11+i>>20, i>>12&255, i>>4&255, i&15<<4)
	}
	return write(t, "many.txt", b.String())
}

func TestManyNetworks(t *testing.T) {
	const n = 50_000
	l, err := New(Config{NetworksFiles: []string{many(t, n)}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := l.allow[0].now.Load().size(); got != n {
		t.Fatalf("%d networks, want %d", got, n)
	}
	for i := range n {
		in, out := fmt.Sprintf("%d.%d.%d.%d", 11+i>>20, i>>12&255, i>>4&255, i&15<<4|1), fmt.Sprintf("%d.%d.%d.%d", 11+i>>20, i>>12&255, i>>4&255, i&15<<4|2)
		if i%10 == 0 {
			in, out = fmt.Sprintf("2001:db8:%x:%x::9", i>>16, i&0xffff), fmt.Sprintf("2001:db8:%x:%x::9", i>>16|0x1000, i&0xffff)
		}
		if err := l.admit(netip.MustParseAddr(in)); err != nil {
			t.Fatal(err)
		}
		if l.admit(netip.MustParseAddr(out)) == nil {
			t.Fatalf("%s is admitted", out)
		}
	}
}
