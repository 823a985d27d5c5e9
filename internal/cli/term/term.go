// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package term gives what the commands print its form: colour where a terminal shows it, symbols that the locale has,
// tables, and how numbers and times are written. It knows nothing of what is printed.
package term

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	xterm "golang.org/x/term"
)

// A Screen is one stream with what it can show.
type Screen struct {
	w        io.Writer
	Terminal bool
	Colour   bool
	ASCII    bool
	Width    int // columns; 0 where no terminal limits them
}

// Choice is the --color flag.
type Choice string

// What --color takes.
const (
	Auto   Choice = "auto"
	Always Choice = "always"
	Never  Choice = "never"
)

// On judges a stream. Standard output and standard error are judged apart.
func On(f *os.File, c Choice, ascii bool) *Screen {
	s := &Screen{w: f, ASCII: ascii || !utf8Locale() || os.Getenv("TERM") == "dumb"}
	s.Terminal = xterm.IsTerminal(int(f.Fd()))
	if s.Terminal {
		if w, _, err := xterm.GetSize(int(f.Fd())); err == nil {
			s.Width = w
		}
	}
	switch c {
	case Always:
		s.Colour = true
	case Never:
	default:
		s.Colour = s.Terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	return s
}

func utf8Locale() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(os.Getenv(name)); v != "" {
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return os.PathSeparator == '/' // no locale at all: a bare service or container, whose terminal is UTF-8 today
}

// Printf prints to the stream, with the symbols that it has. There is nobody to tell when that fails.
func (s *Screen) Printf(format string, args ...any) {
	_, _ = io.WriteString(s.w, s.Text(fmt.Sprintf(format, args...)))
}

// Println prints a line, with the symbols that the stream has.
func (s *Screen) Println(args ...any) { _, _ = io.WriteString(s.w, s.Text(fmt.Sprintln(args...))) }

// Write prints b as it is.
func (s *Screen) Write(b []byte) (int, error) { return s.w.Write(b) }

func (s *Screen) paint(code, text string) string {
	if !s.Colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Bold is for the one thing to read or copy.
func (s *Screen) Bold(t string) string { return s.paint("1", t) }

// Dim is for what is secondary.
func (s *Screen) Dim(t string) string { return s.paint("2", t) }

// Broken is red, Soon yellow, Proven green and Refused blue; a word or symbol always says the same.
func (s *Screen) Broken(t string) string { return s.paint("31", t) }

// Soon is for what is weak, or ends soon.
func (s *Screen) Soon(t string) string { return s.paint("33", t) }

// Proven is for verdicts with evidence.
func (s *Screen) Proven(t string) string { return s.paint("32", t) }

// Refused is for what yett refused, held or observed.
func (s *Screen) Refused(t string) string { return s.paint("34", t) }

var ascii = map[string]string{
	"✓": "ok", "▲": "!", "✗": "x", "◆": "*", "–": "-", "→": "->", "━": "=", "…": "...", "│": "|", "µ": "u",
}

var toASCII = func() *strings.Replacer {
	var pairs []string
	for symbol, a := range ascii {
		pairs = append(pairs, symbol, a)
	}
	return strings.NewReplacer(pairs...)
}()

// Symbol returns the symbol, or its ASCII form.
func (s *Screen) Symbol(sym string) string { return s.Text(sym) }

// Text replaces every symbol in t by its ASCII form where that is needed.
func (s *Screen) Text(t string) string {
	if !s.ASCII {
		return t
	}
	return toASCII.Replace(t)
}

// A Table is rows under heads. Where it does not fit the terminal, the columns named in Drop are left out, the first
// first, and then the cells of column Cut are shortened. Everything else is never cut.
type Table struct {
	Heads []string
	Right []bool // by column: numbers
	Drop  []int
	Cut   int // 0: none; the first column is what a row is called by
	Rows  [][]string
}

// least is how narrow a column may be cut.
const least = 12

// Print prints t, indented by two, without rules or boxes.
func (s *Screen) Print(t *Table) {
	keep := make([]bool, len(t.Heads))
	widths := make([]int, len(t.Heads))
	rows := make([][]string, 0, len(t.Rows)+1)
	for _, r := range append([][]string{t.Heads}, t.Rows...) {
		cells := make([]string, len(r))
		for i, c := range r {
			cells[i] = s.Text(c)
			widths[i] = max(widths[i], width(cells[i]))
		}
		rows = append(rows, cells)
	}
	for i := range keep {
		keep[i] = widths[i] > 0 // a column of symbols may hold none
	}
	for _, d := range t.Drop {
		if s.Width == 0 || total(widths, keep) <= s.Width {
			break
		}
		keep[d] = false
	}
	if over := total(widths, keep) - s.Width; s.Width > 0 && over > 0 && t.Cut > 0 {
		widths[t.Cut] = max(widths[t.Cut]-over, min(least, widths[t.Cut]))
		for _, r := range rows[1:] {
			r[t.Cut] = s.cut(r[t.Cut], widths[t.Cut])
		}
	}
	for i, r := range rows {
		s.row(t, r, widths, keep, i == 0)
	}
}

// cut shortens a plain text to n columns.
func (s *Screen) cut(text string, n int) string {
	r := []rune(text)
	if len(r) <= n {
		return text
	}
	more := s.Text("…")
	return string(r[:n-len([]rune(more))]) + more
}

func total(widths []int, keep []bool) int {
	n := 0
	for i, w := range widths {
		if keep[i] {
			n += w + 2
		}
	}
	return n
}

func (s *Screen) row(t *Table, cells []string, widths []int, keep []bool, head bool) {
	var b strings.Builder
	for i, c := range cells {
		if !keep[i] {
			continue
		}
		pad := strings.Repeat(" ", widths[i]-width(c))
		b.WriteString("  ")
		if i < len(t.Right) && t.Right[i] {
			b.WriteString(pad + c)
		} else {
			b.WriteString(c + pad)
		}
	}
	line := strings.TrimRight(b.String(), " ")
	if head {
		line = s.Dim(line)
	}
	_, _ = io.WriteString(s.w, line+"\n") // nobody to tell when that fails
}

// width is how many columns t takes; colour takes none, and every rune we print takes one.
func width(t string) int {
	n := 0
	for len(t) > 0 {
		if t[0] == 0x1b {
			if i := strings.IndexByte(t, 'm'); i >= 0 {
				t = t[i+1:]
				continue
			}
		}
		_, size := utf8.DecodeRuneInString(t)
		t = t[size:]
		n++
	}
	return n
}

// Count writes exact numbers up to six digits, then three figures and a unit.
func Count(n int64) string {
	switch {
	case n >= 1_000_000_000:
		return three(float64(n)/1e9) + " G"
	case n >= 1_000_000:
		return three(float64(n)/1e6) + " M"
	}
	text := strconv.FormatInt(n, 10)
	if n >= 1000 {
		return text[:len(text)-3] + "," + text[len(text)-3:]
	}
	return text
}

// three writes three figures.
func three(f float64) string {
	switch {
	case f < 10:
		return strconv.FormatFloat(f, 'f', 2, 64)
	case f < 100:
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'f', 0, 64)
}

// When writes an instant: seconds today, the day within a year, the date otherwise.
func When(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	switch {
	case t.IsZero():
		return "never"
	case t.Year() == now.Year() && t.YearDay() == now.YearDay():
		return t.Format("today 15:04")
	case t.Sub(now).Abs() < 300*24*time.Hour:
		return t.Format("Mon 2 Jan 15:04")
	}
	return t.Format("2 Jan 2006")
}

// Ago writes how long ago t was.
func Ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	switch d := now.Sub(t); {
	case d < time.Minute:
		return "now"
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}
