// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	"strings"
	"testing"

	"yett/practice/expose/detect"
)

func TestConfigurations(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string // part of the error; "" accepts
	}{
		{"the defaults", func(*Config) {}, ""},
		{"nothing is searched for", func(c *Config) { c.Detect = nil }, ""},
		{"a kind that there is not", func(c *Config) { c.Detect = []detect.Kind{"card", "ssn"} }, `detect[1]: "ssn"`},
		{"a kind twice", func(c *Config) { c.Detect = []detect.Kind{"card", "card"} }, "detect[1]: card stands twice"},
		{"an unknown way", func(c *Config) { c.Found = "drop" }, `found: "drop"`},
		{"no way", func(c *Config) { c.Found = "" }, "found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Defaults()
			tt.change(&c)
			err := c.Validate()
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestAKeyThatIsTooShortIsRefused(t *testing.T) {
	if _, err := New(Defaults(), clinic(t), Options{Key: []byte("short")}); err == nil || strings.Contains(err.Error(), "short") {
		t.Errorf("got %v", err)
	}
}

// Hashes stay what they are when lines are added above, and when the folder is another.
func TestHashesDoNotDependOnLinesAndFolders(t *testing.T) {
	hash := func(text string) string {
		a := loadText(t, text)
		if a == nil {
			t.Fatal("the description is refused")
		}
		r := newRig(t, a, nil)
		r.body = `{"v":"value"}`
		_, got := r.ask(t, nil, "POST", "/things", "")
		return got
	}
	text := thing(`{"properties":{"v":{"x-yett-mask":"hash"},"w":{"x-yett-mask":"hash"}}}`)
	one, again := hash(text), hash("# a line more\n\n"+text)
	if one != again || len(one) != len(`{"v":""}`)+hashDigits {
		t.Errorf("got %s and %s", one, again)
	}
	if other := hash(strings.Replace(text, `{"v":{`, `{"u":{"x-yett-mask":"hash"},"v":{`, 1)); other != one {
		t.Errorf("with another member: got %s", other)
	}
}
