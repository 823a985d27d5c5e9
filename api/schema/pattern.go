// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// compilePattern compiles a regular expression of ECMA-262 in unicode mode, as JSON Schema has them, for Go's engine,
// which runs in linear time whatever the text. What needs backtracking is refused.
func compilePattern(src string) (*regexp.Regexp, error) {
	t := translator{src: src}
	out, err := t.translate()
	if err != nil {
		return nil, err
	}
	re, err := regexp.Compile(out)
	if err != nil {
		return nil, patternError(err)
	}
	return re, nil
}

// validPattern reports whether src is a regular expression, also if it is one that we do not run.
func validPattern(src string) bool {
	t := translator{src: src, syntaxOnly: true}
	out, err := t.translate()
	if err != nil {
		return false
	}
	_, err = syntax.Parse(out, syntax.Perl)
	return err == nil
}

func patternError(err error) error {
	var e *syntax.Error
	if !errors.As(err, &e) {
		return err
	}
	if e.Code == syntax.ErrInvalidRepeatSize {
		return errors.New("a repetition of more than 1000 is not supported; minLength and maxLength bound a length")
	}
	return fmt.Errorf("%s: %q", e.Code, e.Expr)
}

// What a class stands for in ECMA-262. Go's \d and \w are the same; its \s lacks most of white space.
const (
	space    = `\t-\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}`
	notSpace = `\x00-\x08\x0e-\x1f!-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}` +
		`\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff}`
	notNewline = `[^\n\r\x{2028}\x{2029}]`
)

// A translator rewrites ECMA-262 as Go's syntax, where the two differ.
type translator struct {
	src        string
	out        strings.Builder
	pos        int
	syntaxOnly bool // keep the shape, not the meaning, of what Go does not have
}

func (t *translator) translate() (string, error) {
	for t.pos < len(t.src) {
		var err error
		switch c := t.src[t.pos]; c {
		case '\\':
			err = t.escape(false)
		case '[':
			err = t.class()
		case '(':
			err = t.group()
		case '.':
			t.out.WriteString(notNewline)
			t.pos++
		default:
			t.copyRune()
		}
		if err != nil {
			return "", err
		}
	}
	return t.out.String(), nil
}

func (t *translator) copyRune() {
	_, size := utf8.DecodeRuneInString(t.src[t.pos:])
	t.out.WriteString(t.src[t.pos : t.pos+size])
	t.pos += size
}

func (t *translator) group() error {
	rest := t.src[t.pos:]
	for _, look := range []string{"(?=", "(?!", "(?<=", "(?<!"} {
		if strings.HasPrefix(rest, look) {
			return t.unsupported(len(look), "(?:", "lookaround "+look)
		}
	}
	if t.syntaxOnly && goGroup.MatchString(rest) {
		return errors.New("no such group")
	}
	t.out.WriteByte('(')
	t.pos++
	return nil
}

// goGroup is what Go has and ECMA-262 has not: (?P<name> and flags for the rest of the expression. Patterns of
// descriptions may use them, since so many do.
var goGroup = regexp.MustCompile(`^\(\?(?:P|[imsU-]+\))`)

func (t *translator) unsupported(size int, instead, what string) error {
	if !t.syntaxOnly {
		return fmt.Errorf("%s is not supported: it needs backtracking", what)
	}
	t.out.WriteString(instead)
	t.pos += size
	return nil
}

// class rewrites a bracket expression.
func (t *translator) class() error {
	t.pos++
	negated := strings.HasPrefix(t.src[t.pos:], "^")
	if negated {
		t.pos++
	}
	if strings.HasPrefix(t.src[t.pos:], "]") {
		t.pos++
		if negated { // [^] is any character, [] is none
			t.out.WriteString(`[\x00-\x{10ffff}]`)
		} else {
			t.out.WriteString(`[^\x00-\x{10ffff}]`)
		}
		return nil
	}
	t.out.WriteByte('[')
	if negated {
		t.out.WriteByte('^')
	}
	for t.pos < len(t.src) {
		switch c := t.src[t.pos]; c {
		case ']':
			t.out.WriteByte(']')
			t.pos++
			return nil
		case '\\':
			if err := t.escape(true); err != nil {
				return err
			}
		case '[': // a class of POSIX in Go, an ordinary character in ECMA-262
			t.out.WriteString(`\[`)
			t.pos++
		default:
			t.copyRune()
		}
	}
	return errors.New("missing closing ]")
}

// escape rewrites what begins with a backslash, inside a class or outside.
func (t *translator) escape(inClass bool) error {
	if t.pos+1 == len(t.src) {
		return errors.New("ends in a backslash")
	}
	c := t.src[t.pos+1]
	t.pos += 2
	switch c {
	case 'd', 'D', 'w', 'W', 'f', 'n', 'r', 't', 'v':
		t.out.WriteString(`\` + string(c))
		return nil
	case 's', 'S':
		t.space(c == 'S', inClass)
		return nil
	case 'b', 'B':
		if !inClass {
			t.out.WriteString(`\` + string(c))
			return nil
		}
		if c == 'b' {
			t.out.WriteString(`\x08`)
			return nil
		}
	case '0':
		t.out.WriteString(`\x00`)
		return nil
	case 'c':
		return t.control()
	case 'x':
		return t.hex(2)
	case 'u':
		return t.unicode()
	case 'p', 'P':
		return t.property(c)
	case '1', '2', '3', '4', '5', '6', '7', '8', '9', 'k':
		if !inClass {
			return t.backreference(c)
		}
	}
	if c < utf8.RuneSelf && (c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z') {
		return fmt.Errorf(`no such escape: \%c`, c)
	}
	t.pos--
	if t.src[t.pos] < utf8.RuneSelf {
		t.out.WriteByte('\\')
	}
	t.copyRune()
	return nil
}

func (t *translator) space(negated, inClass bool) {
	set := space
	if negated {
		set = notSpace
	}
	if inClass {
		t.out.WriteString(set)
	} else {
		t.out.WriteString("[" + set + "]")
	}
}

func (t *translator) backreference(c byte) error {
	size := 0
	if c == 'k' {
		end := strings.IndexByte(t.src[t.pos:], '>')
		if !strings.HasPrefix(t.src[t.pos:], "<") || end < 0 {
			return errors.New(`no such escape: \k`)
		}
		size = end + 1
	}
	return t.unsupported(size, "(?:)", "a backreference")
}

func (t *translator) control() error {
	if t.pos == len(t.src) || t.src[t.pos]|0x20 < 'a' || t.src[t.pos]|0x20 > 'z' {
		return errors.New(`\c without a letter`)
	}
	t.rune(rune(t.src[t.pos] & 0x1f))
	t.pos++
	return nil
}

func (t *translator) rune(r rune) { fmt.Fprintf(&t.out, `\x{%x}`, r) }

// digits reads n hexadecimal digits.
func (t *translator) digits(n int) (rune, bool) {
	if t.pos+n > len(t.src) {
		return 0, false
	}
	v, err := strconv.ParseUint(t.src[t.pos:t.pos+n], 16, 32)
	if err != nil {
		return 0, false
	}
	t.pos += n
	return rune(v), true
}

func (t *translator) hex(n int) error {
	r, ok := t.digits(n)
	if !ok {
		return errors.New(`\x without two hexadecimal digits`)
	}
	t.rune(r)
	return nil
}

func (t *translator) unicode() error {
	if strings.HasPrefix(t.src[t.pos:], "{") {
		end := strings.IndexByte(t.src[t.pos:], '}')
		if end < 2 {
			return errors.New(`\u{ without a code point`)
		}
		t.pos++
		r, ok := t.digits(end - 1)
		if !ok || r > utf8.MaxRune {
			return errors.New(`\u{ without a code point`)
		}
		t.pos++
		t.rune(r)
		return nil
	}
	r, ok := t.digits(4)
	if !ok {
		return errors.New(`\u without four hexadecimal digits`)
	}
	if utf16.IsSurrogate(r) {
		low := rune(0)
		if strings.HasPrefix(t.src[t.pos:], `\u`) {
			t.pos += 2
			low, _ = t.digits(4)
		}
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			return errors.New(`\u names half a surrogate pair, which no text holds`)
		}
	}
	t.rune(r)
	return nil
}

// property rewrites \p{…}. Go takes names of categories and scripts, not what they are names of.
func (t *translator) property(c byte) error {
	end := strings.IndexByte(t.src[t.pos:], '}')
	if !strings.HasPrefix(t.src[t.pos:], "{") || end < 2 {
		return fmt.Errorf(`\%c without {`, c)
	}
	name := t.src[t.pos+1 : t.pos+end]
	t.pos += end + 1
	if _, value, ok := strings.Cut(name, "="); ok {
		name = value
	}
	t.out.WriteString(`\` + string(c) + "{" + name + "}")
	return nil
}
