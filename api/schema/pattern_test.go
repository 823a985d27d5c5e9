// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import "testing"

func TestPatternsMeanWhatECMAScriptSays(t *testing.T) {
	for _, tt := range []struct {
		name, pattern string
		matches, not  []string
	}{
		{"the dot stops at each line end", `^.$`, []string{"x", "😀"}, []string{"\n", "\r", "\u2028", "\u2029"}},
		{`\d and \w are ASCII`, `^[\d][\w]$`, []string{"1a"}, []string{"٣a", "1é"}},
		{`\s is all white space`, `^\s$`, []string{" ", "\t", "\v", "\u00a0", "\ufeff", "\u2003"}, []string{"\u200b", "x", "\u0085"}},
		{`\S is the rest`, `^\S$`, []string{"x", "\u200b", "\U0010ffff"}, []string{" ", "\v", "\u3000"}},
		{`\S in a class too`, `^[\Sx]$`, []string{"x", "y"}, []string{" ", "\ufeff"}},
		{`\s in a class too`, `^[a\s]$`, []string{"a", "\u00a0"}, []string{"b"}},
		{"code points by number", `^\u0041\x42\u{43}\u{1F600}$`, []string{"ABC😀"}, nil},
		{"a pair of surrogates is one character", `^\ud83d\ude00{2}$`, []string{"😀😀"}, []string{"😀"}},
		{"control characters", `^\cI\0$`, []string{"\t\x00"}, nil},
		{"a slash may be escaped", `^a\/b$`, []string{"a/b"}, nil},
		{"as may what means nothing", `^\-\_\é$`, []string{"-_é"}, nil},
		{"a class may hold a bracket", `^[[:alpha:]x]$`, nil, []string{"a"}},
		{"and a backspace", `^[\b]$`, []string{"\b"}, []string{"b"}},
		{"the empty class matches nothing", `^[]$`, nil, []string{"", "a"}},
		{"its negation everything", `^[^]$`, []string{"a", "\n"}, []string{""}},
		{"categories and scripts by any name", `^\p{L}\p{Lu}\p{Script=Greek}\P{gc=Nd}$`, []string{"aAαx"}, []string{"aAa1"}},
		{"named groups", `^(?<year>\d{4})$`, []string{"2024"}, []string{"24"}},
		{"$ is the end, not the last line end", `^a$`, []string{"a"}, []string{"a\n"}},
		{"flags of Go are let pass, since so many use them", `(?i)^a$`, []string{"A"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			re, err := compilePattern(tt.pattern)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range tt.matches {
				if !re.MatchString(s) {
					t.Errorf("%q does not match", s)
				}
			}
			for _, s := range tt.not {
				if re.MatchString(s) {
					t.Errorf("%q matches", s)
				}
			}
		})
	}
}

func TestPatternsThatAreNoneAreRefused(t *testing.T) {
	for _, pattern := range []string{
		`a\`, `[a`, `[`, `\a`, `\Z`, `\cß`, `\c`, `\x1`, `\u12`, `\u{}`, `\u{110000}`, `\ud800`, `\pL`, `\p{Nothing}`, `a**`, `(`, `\k`, `[\u12]`,
	} {
		if _, err := compilePattern(pattern); err == nil {
			t.Errorf("%s compiles", pattern)
		}
		if validPattern(pattern) {
			t.Errorf("%s is called valid", pattern)
		}
	}
	for _, pattern := range []string{`(?=a)b`, `(?<!a)b`, `(a)\1`, `(?<n>a)\k<n>`} {
		if _, err := compilePattern(pattern); err == nil {
			t.Errorf("%s compiles, though it needs backtracking", pattern)
		}
		if !validPattern(pattern) {
			t.Errorf("%s is a valid pattern, if not one that we run", pattern)
		}
	}
}

// FuzzPattern looks for patterns on which the translation goes out of bounds.
func FuzzPattern(f *testing.F) {
	for _, s := range []string{`^[a-z]+$`, `\u{1F600}`, `\ud83d\ude00`, `[^\S\d]`, `(?<a>b)\k<a>`, `\p{L}`, `[]`, `\`} {
		f.Add(s, "text")
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 200 {
			return
		}
		re, err := compilePattern(pattern)
		if err != nil {
			return
		}
		re.MatchString(text)
		if !validPattern(pattern) && !goOnly(pattern) {
			t.Errorf("%q compiles but is called invalid", pattern)
		}
	})
}

// goOnly reports whether a pattern may hold groups that only Go has.
func goOnly(pattern string) bool {
	for i := range len(pattern) - 1 {
		if pattern[i:i+2] == "(?" {
			return true
		}
	}
	return false
}
