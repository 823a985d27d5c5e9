// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package term

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestTablesFitTheTerminal(t *testing.T) {
	table := &Table{
		Heads: []string{"KEY", "CLIENT", "SCOPES", "CALLS"}, Right: []bool{3: true}, Drop: []int{1}, Cut: 2,
		Rows: [][]string{{"k1", "acme", "orders:read, orders:write", "7"}, {"k2", "nord", "–", "1,204"}},
	}
	for _, tt := range []struct {
		name  string
		width int
		ascii bool
		want  string
	}{
		{"without a terminal it is as wide as it is", 0, false,
			"  KEY  CLIENT  SCOPES                     CALLS\n  k1   acme    orders:read, orders:write      7\n  k2   nord    –                          1,204\n"},
		{"a narrow terminal loses the column that matters least", 45, false,
			"  KEY  SCOPES                     CALLS\n  k1   orders:read, orders:write      7\n  k2   –                          1,204\n"},
		{"a narrower one cuts text, never ids and numbers", 30, false,
			"  KEY  SCOPES            CALLS\n  k1   orders:read, or…      7\n  k2   –                 1,204\n"},
		{"ASCII symbols are measured as they are printed", 45, true,
			"  KEY  SCOPES                     CALLS\n  k1   orders:read, orders:write      7\n  k2   -                          1,204\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			(&Screen{w: &b, Width: tt.width, ASCII: tt.ascii}).Print(table)
			if b.String() != tt.want {
				t.Errorf("got\n%s\nwant\n%s", b.String(), tt.want)
			}
		})
	}
}

func TestColourTakesNoRoomInATable(t *testing.T) {
	var b strings.Builder
	s := &Screen{w: &b, Colour: true}
	s.Print(&Table{Heads: []string{"A", "B"}, Rows: [][]string{{s.Soon("▲") + " x", "1"}, {"abc", "2"}}})
	if want := "\x1b[2m  A    B\x1b[0m\n  \x1b[33m▲\x1b[0m x  1\n  abc  2\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

func TestColourIsForWhoSeesIt(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, tt := range []struct {
		name, noColour string
		choice         Choice
		want           bool
	}{
		{"a file gets none", "", Auto, false},
		{"a file gets it when it is asked for", "", Always, true},
		{"what is asked for wins over NO_COLOR", "1", Always, true},
		{"never is never", "", Never, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("NO_COLOR", tt.noColour)
			if got := On(file, tt.choice, false).Colour; got != tt.want {
				t.Errorf("colour %v, want %v", got, tt.want)
			}
		})
	}
}

func TestSymbolsFollowTheLocale(t *testing.T) {
	for _, tt := range []struct {
		name, locale, term string
		flag, ascii        bool
	}{
		{"a UTF-8 locale has all symbols", "de_DE.UTF-8", "xterm", false, false},
		{"another locale has ASCII", "de_DE.ISO-8859-1", "xterm", false, true},
		{"the C locale has ASCII", "C", "xterm", false, true},
		{"a dumb terminal has ASCII", "C.utf8", "dumb", false, true},
		{"--ascii asks for it", "C.UTF-8", "xterm", true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("LC_ALL", tt.locale)
			t.Setenv("TERM", tt.term)
			if got := On(os.Stderr, Never, tt.flag).ASCII; got != tt.ascii {
				t.Errorf("ASCII %v, want %v", got, tt.ascii)
			}
		})
	}
	if got := (&Screen{ASCII: true}).Text("▲ a → b …"); got != "! a -> b ..." {
		t.Errorf("Text: got %q", got)
	}
}

func TestCountsAreExactUpToSixDigits(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 999: "999", 1000: "1,000", 999_999: "999,999", 1_284_000: "1.28 M", 12_840_000: "12.8 M", 999_999_999: "1000 M", 1_124_806_117: "1.12 G",
	} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestTimesAreWrittenByTheirDistance(t *testing.T) {
	now := time.Date(2026, 11, 23, 14, 8, 0, 0, time.Local)
	for _, tt := range []struct {
		name      string
		at        time.Time
		when, ago string
	}{
		{"no instant is never", time.Time{}, "never", "never"},
		{"seconds ago is now", now.Add(-20 * time.Second), "today 14:07", "now"},
		{"minutes", now.Add(-4 * time.Minute), "today 14:04", "4 min"},
		{"yesterday has its day", now.Add(-24 * time.Hour), "Sun 22 Nov 14:08", "24 h"},
		{"long ago has its year", now.AddDate(-2, 0, 0), "23 Nov 2024", "730 days"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := When(tt.at, now); got != tt.when {
				t.Errorf("When: got %q, want %q", got, tt.when)
			}
			if got := Ago(tt.at, now); got != tt.ago {
				t.Errorf("Ago: got %q, want %q", got, tt.ago)
			}
		})
	}
}
