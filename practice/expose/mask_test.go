// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"yett/jsonstream"
)

func TestMasks(t *testing.T) {
	for _, tt := range []struct {
		mask       Mask
		name       string
		value, out string
	}{
		{Redact, "a text", `"secret"`, `"***"`},
		{Redact, "a number", `17`, `null`},
		{Redact, "a truth", `true`, `null`},
		{Redact, "an object", `{"a":1}`, `{}`},
		{Redact, "a list", `[1]`, `[]`},
		{Last4, "a card", `"4111111111111111"`, `"****1111"`},
		{Last4, "nine characters", `"123456789"`, `"****6789"`},
		{Last4, "eight characters", `"12345678"`, `"****"`},
		{Last4, "nothing", `""`, `"****"`},
		{Last4, "eight characters of many bytes", `"ääääääää"`, `"****"`},
		{Last4, "nine of them", `"ääääää€€€"`, `"****ä€€€"`},
		{Last4, "what must be escaped", `"123456\"\\\n\u0001"`, `"****\"\\\u000a\u0001"`},
		{Last4, "a number", `-123456.789`, `"****.789"`},
		{Last4, "a truth", `false`, `null`},
		{Email, "an address", `"anna@example.org"`, `"a***@example.org"`},
		{Email, "one letter", `"a@example.org"`, `"a***@example.org"`},
		{Email, "in other scripts", `"äöü@münchen.example"`, `"ä***@münchen.example"`},
		{Email, "two signs", `"anna@home@example.org"`, `"a***@example.org"`},
		{Email, "no sign", `"anna"`, `"***"`},
		{Email, "no name", `"@example.org"`, `"***"`},
		{Email, "no domain", `"anna@"`, `"***"`},
		{Email, "a name in brackets", `"Anna <anna@example.org>"`, `"***"`},
		{Email, "something else behind the sign", `"pay@once 4111 1111"`, `"***"`},
		{Email, "a quoted name", `"\"a b\"@example.org"`, `"***@example.org"`},
		{Email, "a number", `17`, `"***"`},
		{Hash, "a truth", `true`, `null`},
		{Hash, "an object", `{"a":1}`, `{}`},
	} {
		t.Run(string(tt.mask)+" of "+tt.name, func(t *testing.T) {
			if got := masked(t, &masker{mask: tt.mask, hash: newHasher([]byte("k"), "f")}, tt.value); got != tt.out {
				t.Errorf("got %s, want %s", got, tt.out)
			}
		})
	}
}

// masked is what a masker makes of JSON text.
func masked(t interface{ Fatal(...any) }, m *masker, value string) string {
	var doc jsonstream.Doc
	if err := doc.Parse([]byte(value), jsonstream.Limits{}); err != nil {
		t.Fatal(err)
	}
	out, changed := m.value(nil, doc.Kind(doc.Root()), doc.Raw(doc.Root()), doc.Text(doc.Root()))
	if !changed {
		return value
	}
	return string(out)
}

func TestANullStaysAndWhatCannotBeReadDoesNot(t *testing.T) {
	for _, mask := range Masks {
		m := &masker{mask: mask, hash: newHasher([]byte("k"), "f")}
		if got := masked(t, m, "null"); got != "null" {
			t.Errorf("%s: null became %s", mask, got)
		}
		// The pass gives no text of what is too long for it.
		if out, changed := m.value(nil, jsonstream.String, nil, nil); !changed || string(out) != `"***"` {
			t.Errorf("%s: a text that is too long became %s", mask, out)
		}
	}
}

func TestHashesAreEqualWithinAFieldAndNowhereElse(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	hash := func(key []byte, field, value string) string {
		return masked(t, &masker{mask: Hash, hash: newHasher(key, field)}, value)
	}
	one := hash(key, "a", `"x"`)
	if len(one) != hashDigits+2 || strings.Trim(one, `"0123456789abcdef`) != "" {
		t.Errorf("%s is not %d hex digits", one, hashDigits)
	}
	if again := hash(key, "a", `"x"`); again != one {
		t.Errorf("the same value is %s and %s", one, again)
	}
	m := &masker{mask: Hash, hash: newHasher(key, "a")}
	if first, second := masked(t, m, `"x"`), masked(t, m, `"x"`); first != one || second != one {
		t.Errorf("one after the other it is %s and %s, want %s", first, second, one)
	}
	for name, other := range map[string]string{
		"another value": hash(key, "a", `"y"`), "another field": hash(key, "b", `"x"`), "another key": hash(key[1:], "a", `"x"`),
	} {
		if other == one {
			t.Errorf("%s has the same hash", name)
		}
	}
}

// Whatever a value is, a mask makes JSON of it that does not hold it.
func TestMaskedValuesAreJSONAndTellNothingMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		raw, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, mask := range Masks {
			got := masked(t, &masker{mask: mask, hash: newHasher([]byte("k"), "f")}, string(raw))
			var out string
			if err := json.Unmarshal([]byte(got), &out); err != nil {
				t.Fatalf("%s of %q is %s: %v", mask, text, got, err)
			}
			if len(text) > 4 && strings.Contains(out, text) {
				t.Errorf("%s of %q is %q", mask, text, out)
			}
		}
	})
}
