// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func stage(t *testing.T, text string) *Stage {
	t.Helper()
	s, err := open(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(s.Dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", s.Dir, err)
		}
	})
	return s
}

func TestEveryAttackGetsThroughWithoutTheGateOnly(t *testing.T) {
	s := stage(t, configuration)
	for _, a := range Attacks() {
		t.Run(a.Practice, func(t *testing.T) {
			r := s.Fire(t.Context(), a)
			if r.Without.Verdict != GotThrough {
				t.Errorf("without yett: %q, %s\n%s", r.Without.Verdict, r.Without.Text, r.WithoutText)
			}
			if r.With.Verdict != Refused && r.With.Verdict != Noticed {
				t.Errorf("with yett: %q, %s\n%s", r.With.Verdict, r.With.Text, r.WithText)
			}
			if n := utf8.RuneCountInString(a.Title); n > 35 {
				t.Errorf("title %q has %d columns, want 35 at most", a.Title, n)
			}
			for _, text := range []string{r.WithoutText, r.WithText} {
				if strings.Contains(text, "yett_") || !strings.Contains(text, "HTTP/1.1") {
					t.Errorf("the transcript has a key in it, or no exchange:\n%s", text)
				}
			}
		})
	}
}

// doubled are practices whose attack a second one stops as well: both are off.
var doubled = map[string]string{
	"sanitize": "minimize", // an error that is not declared leaves in words of the gate
}

// An attack that is stopped anyway, without the practice, proves nothing.
func TestNoAttackIsStoppedByAnotherPractice(t *testing.T) {
	for _, a := range Attacks() {
		switch a.Practice {
		case "https", "inventory", "encrypt":
			continue // cannot be switched off
		}
		t.Run(a.Practice, func(t *testing.T) {
			off := a.Practice + `: { off: "to see the attack get through" }`
			text := configuration + off + "\n"
			// The narrowest block decides. Where the operation has its own, that is the one to go.
			for line := range strings.Lines(configuration) {
				if block := strings.TrimSpace(line); strings.HasPrefix(block, a.Practice+":") {
					text = strings.Replace(configuration, block, off, 1)
				}
			}
			if other := doubled[a.Practice]; other != "" {
				text += other + `: { off: "it stops the same" }` + "\n"
			}
			r := stage(t, text).Fire(t.Context(), a)
			if r.With.Verdict == Refused || r.With.Verdict == Noticed {
				t.Errorf("without %s: %q, %s\n%s", a.Practice, r.With.Verdict, r.With.Text, r.WithText)
			}
		})
	}
}

func TestLivingTrafficPasses(t *testing.T) {
	s := stage(t, configuration)
	key, err := s.Key(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for n := range 8 {
		c := ordinary(n, key)
		a, err := s.Gate.withTranscript().Do(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if a.Status != 200 && a.Status != 201 {
			t.Errorf("%s %s: %d %s", c.Method, c.Path, a.Status, a.Body)
		}
	}
}

func TestWireHearsWhatIsSaidOnIt(t *testing.T) {
	s := stage(t, configuration)
	w, err := listen(t.Context(), s.Shop.host())
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if w.heard("secret-word") {
		t.Error("heard before it was said")
	}
	if _, err := s.Shop.withTranscript().Do(t.Context(), Call{Method: "GET", Base: "http://" + w.l.Addr().String(), Path: "/products?q=secret-word"}); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if w.heard("secret-word") {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("not heard")
}
