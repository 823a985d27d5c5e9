// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// CommandLine is the name under which a configuration made of arguments is parsed. Errors in it name no line.
const CommandLine = "command line"

// maxErrors bounds how many errors one run reports: a file that is wrong throughout is not worth more lines.
const maxErrors = 200

// An Error says where a configuration is wrong, what is wrong, and a way on. It never holds the value of a variable
// or a secret.
type Error struct {
	File         string
	Line, Column int    // from 1; 0 if the file could not be read. Column counts characters.
	Key          string // apis[0].ratelimit.per; "" for the file as a whole
	What         string // "1 minute" is not a duration
	Got          string // the value as written, where one was judged
	Hint         string // try 1m

	text  string // the line as written; "" if it is not to be shown
	width int    // of the marked place
}

// Where is the place in the form file:line, or the file alone where a line says nothing.
func (e *Error) Where() string {
	if e.Line == 0 || e.File == CommandLine {
		return e.File
	}
	return fmt.Sprintf("%s:%d", e.File, e.Line)
}

// Error prints the error on one line: where: key: what (hint).
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Where())
	if e.Key != "" {
		b.WriteString(": " + e.Key)
	}
	b.WriteString(": " + e.What)
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// Excerpt shows the line in question and marks the place, as the function Excerpt does. It is empty where the line
// may hold a secret.
func (e *Error) Excerpt(ascii bool) string {
	if e.text == "" || e.File == CommandLine {
		return ""
	}
	return Excerpt(e.Line, e.text, e.Column, e.width, ascii)
}

// Excerpt renders a line of a file with its number and marks width characters from column (counted from 1):
//
//	9 │       cors: { orgins: ["https://shop.example.org"] }
//	  │               ^^^^^^
//
// Without a width it is one line. What a terminal would not print as a character is replaced, and a long line is cut
// around the mark.
func Excerpt(line int, text string, column, width int, ascii bool) string {
	const before, after = 60, 100 // characters kept around the mark
	bar := "│"
	if ascii {
		bar = "|"
	}
	runes := []rune(strings.TrimRight(text, "\r\n"))
	for i, r := range runes {
		switch {
		case r == '\t':
			runes[i] = ' '
		case !unicode.IsPrint(r) || ascii && r > unicode.MaxASCII:
			runes[i] = '?'
		}
	}
	column = min(max(column, 1), len(runes)+1)
	if column > before {
		runes, column = runes[column-before:], before
	}
	runes = runes[:min(len(runes), after)]
	width = min(width, len(runes)-column+1)
	out := fmt.Sprintf("%8d %s %s\n", line, bar, string(runes))
	if width > 0 {
		out += fmt.Sprintf("%8s %s %s%s\n", "", bar, strings.Repeat(" ", column-1), strings.Repeat("^", width))
	}
	return out
}

// Errors are all errors of one run, in file order.
type Errors []*Error

// Error prints one error a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the errors one by one.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, err := range e {
		all[i] = err
	}
	return all
}

// sorted returns the errors in file order, at most maxErrors of them; more were found beside them.
func (e Errors) sorted(more int) Errors {
	e = slices.Clone(e)
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if len(e) > maxErrors {
		last := *e[maxErrors-1]
		last.Key, last.Got, last.Hint = "", "", ""
		last.What = fmt.Sprintf("%d errors more are not shown", len(e)+more-maxErrors+1)
		e = append(e[:maxErrors-1:maxErrors-1], &last)
	}
	return e
}

// splitHint parts a text from the parenthesis at its end.
func splitHint(text string) (what, hint string) {
	i := strings.LastIndex(text, " (")
	if i < 0 || !strings.HasSuffix(text, ")") {
		return text, ""
	}
	return text[:i], text[i+2 : len(text)-1]
}
