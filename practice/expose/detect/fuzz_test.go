// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

// FuzzFind holds what is true of any text: matches are in order and within it, masked nothing is found, and a detector of one
// kind finds what that of all kinds finds, unless something else stands there.
func FuzzFind(f *testing.F) {
	r := rand.New(rand.NewPCG(15, 5))
	for _, l := range lookAlikes {
		f.Add([]byte(l.draw(r)), "note", uint8(everything))
	}
	for _, piece := range hostile {
		f.Add([]byte(strings.Repeat(piece, 4)), "", uint8(everything))
	}
	for n := range networks {
		f.Add([]byte(cardSeed(r, networks[n]).text+plainSeed(r).text+" "+idSeed(r).text), "bsn", uint8(n))
	}
	f.Add([]byte("pesel 44051401359 ssn 219099999 DE89 3704 0044 0532 0130 00 cpf 52998224725 RSSMRA85T10A562S"), "", uint8(everything))
	f.Add([]byte("-----BEGIN "+"PRIVATE KEY-----\n"+strings.Repeat("MIIE", 20)+"\n-----END PRIVATE KEY-----4111111111111111"), "", uint8(everything))
	f.Fuzz(func(t *testing.T, text []byte, name string, kinds uint8) {
		check(t, text, name, set(kinds)&everything)
	})
}

func check(t *testing.T, text []byte, name string, s set) {
	t.Helper()
	d := New(s.names()...)
	before := bytes.Clone(text)
	m := d.FindAt(nil, Place{Name: []byte(name)}, text)
	if !bytes.Equal(text, before) {
		t.Fatal("the text was changed")
	}
	checkMatches(t, text, m)
	for _, f := range m {
		if setOf([]Kind{f.Kind})&s == 0 {
			t.Fatalf("%v is not of %v", f, s.names())
		}
	}
	for _, at := range []Place{{Name: []byte(name), Declared: true}, {Name: []byte(name), Declared: true, Number: true}} {
		checkMatches(t, text, d.FindAt(nil, at, text))
	}
	masked := Mask(nil, text, m)
	if again := d.FindAt(nil, Place{Name: []byte(name)}, masked); len(again) > 0 {
		t.Fatalf("%q became %q, and that has %s", text, masked, told(string(masked), again))
	}
	// At another place in the eight bytes that are looked at together, the same is found.
	if again := d.Find(nil, append([]byte("\n\n\n"), text...)); name == "" {
		if len(again) != len(m) {
			t.Fatalf("%q: found %s, and behind three bytes %s", text, told(string(text), m), told("\n\n\n"+string(text), again))
		}
		for i := range again {
			if again[i].From != m[i].From+3 || again[i].To != m[i].To+3 || again[i].Kind != m[i].Kind {
				t.Fatalf("%q: found %v, and behind three bytes %v", text, m, again)
			}
		}
	}
}

// TestPiecesOfSecretsInAnyOrder puts secrets, parts of them and what stands around them together at random: more of them
// meet than a fuzzer would have meet.
func TestPiecesOfSecretsInAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 6))
	pieces := []string{" ", "-", ".", "_", "\n", `\n`, `"`, ":", "=", "*", "****", "/", "+", "{", "}", "[", "]", "x", "1", "pesel ", "bsn: ", "secret", "tax_id ", "ssn ", "card ", "https://example.org/", "/a/", "?no=", ", ", "@", "219-09-9999", "219099999", "4222222222222", "[redacted card]", "[redacted ", "44051401359", "111222333", "12345678Z", "AB123456C", awsKey}
	for range 200_000 {
		var b strings.Builder
		for range 1 + r.IntN(6) {
			var s string
			switch r.IntN(8) {
			case 0:
				s = cardSeed(r, networks[r.IntN(len(networks))]).text
			case 1:
				s = ibanSeed(r, []string{"DE", "GB", "NO", "LV", "SC"}[r.IntN(5)]).text
			case 2:
				s = idSeed(r).text
			case 3:
				s = plainSeed(r).text
			case 4:
				s = madeUp(r)[r.IntN(3)].text
			default:
				s = pieces[r.IntN(len(pieces))]
			}
			if len(s) > 4 && r.IntN(6) == 0 {
				s = s[:r.IntN(len(s))]
			}
			b.WriteString(s)
		}
		check(t, []byte(b.String()), "", everything)
	}
}
