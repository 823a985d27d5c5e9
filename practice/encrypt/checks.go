// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"yett/practice"
	"yett/store"
)

func (k *kept) checks(all *allFields) []practice.Check {
	return []practice.Check{
		{
			ID:    "encrypt/places",
			Asks:  "Does a sealed value open at its own place alone, and unchanged alone?",
			Cites: []string{"OWASP API8:2023", "OWASP ASVS 5.0 V11.3"},
			Run:   k.checkPlaces,
		},
		{
			ID:    "encrypt/kek",
			Asks:  "Is the key-encryption key kept apart from the data that it opens?",
			Cites: []string{"OWASP ASVS 5.0 V13.3", "NIST SP 800-57 part 1 section 6.2.2"},
			Run:   k.checkKEK,
		},
		{
			ID:    "encrypt/modes",
			Asks:  "Can only the gateway's own user read the data directory?",
			Cites: []string{"OWASP ASVS 5.0 V14.2"},
			Run:   k.checkModes,
		},
		{
			ID:    "encrypt/age",
			Asks:  "Is every key younger than a year, and every rotation at its end?",
			Cites: []string{"OWASP ASVS 5.0 V11.2", "NIST SP 800-57 part 1 section 5.3"},
			Run:   k.checkAge,
		},
		{
			ID:    "encrypt/fields",
			Asks:  "Are the fields of the API's own data sealed on the way to the service, opened on the way back, and never met in clear?",
			Cites: []string{"OWASP API3:2023", "OWASP ASVS 5.0 V11.3", "OWASP ASVS 5.0 V14.1"},
			Run:   func(ctx context.Context, _ practice.Target) practice.Finding { return checkFields(ctx, all.list()) },
		},
	}
}

func (k *kept) checkPlaces(ctx context.Context, _ practice.Target) practice.Finding {
	s, err := k.vault.Class(ctx, "check")
	if err != nil {
		return practice.CouldNotTell(err)
	}
	plain := make([]byte, 32)
	_, _ = rand.Read(plain) // never fails: crypto/rand ends the program first
	at := store.Place{Table: "check", Row: "1", Column: "value"}
	sealed, err := s.Seal(ctx, plain, at)
	if err != nil {
		return practice.CouldNotTell(err)
	}
	if got, err := s.Open(ctx, sealed, at); err != nil || !bytes.Equal(got, plain) {
		return practice.Finding{Verdict: practice.Ineffective, Summary: "what was sealed does not open", Fix: "look at the log of the gateway"}
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	tries := []struct {
		what   string
		sealed []byte
		at     store.Place
	}{
		{"in another row", sealed, store.Place{Table: "check", Row: "2", Column: "value"}},
		{"in another column", sealed, store.Place{Table: "check", Row: "1", Column: "other"}},
		{"in another table", sealed, store.Place{Table: "other", Row: "1", Column: "value"}},
		{"with one bit changed", changed, at},
		{"cut", sealed[:len(sealed)-1], at},
	}
	f := practice.Finding{Verdict: practice.Effective, Summary: fmt.Sprintf("a value opens at its place; none of %d changes of it does", len(tries))}
	for _, t := range tries {
		saw := "does not open"
		if _, err := s.Open(ctx, t.sealed, t.at); err == nil {
			saw = "opens"
			f.Verdict, f.Summary, f.Fix = practice.Ineffective, "a sealed value opens "+t.what, "restore the binary: it does not seal as released"
		}
		f.Evidence = append(f.Evidence, practice.Evidence{What: "a value " + t.what, Saw: saw})
	}
	return f
}

func (k *kept) checkKEK(context.Context, practice.Target) practice.Finding {
	e := []practice.Evidence{{What: "place", Saw: k.place}, {What: "id", Saw: k.vault.by().ID()}}
	if k.beside {
		return practice.Finding{Verdict: practice.Weak, Evidence: e, Summary: "the key-encryption key lies beside the data: whoever takes the directory can open it",
			Fix: "move " + k.place + " to another disk or a secret store, and name it as encrypt.kek"}
	}
	if _, err := os.Stat(k.env.Data.Path(kekFile)); err == nil {
		return practice.Finding{Verdict: practice.Weak, Evidence: e, Summary: "the key-encryption key is kept apart, and an old one still lies beside the data",
			Fix: "remove " + k.env.Data.Path(kekFile)}
	}
	return practice.Finding{Verdict: practice.Effective, Evidence: e, Summary: "the key-encryption key is kept apart from the data"}
}

func (k *kept) checkModes(context.Context, practice.Target) practice.Finding {
	if runtime.GOOS == "windows" {
		return practice.None("Windows keeps no such bits; the access list of the folder decides")
	}
	entries, err := os.ReadDir(k.env.Data.Path("."))
	if err != nil {
		return practice.CouldNotTell(err)
	}
	f := practice.Finding{Verdict: practice.Effective, Summary: fmt.Sprintf("the directory and its %d entries are closed to others", len(entries))}
	names := []string{"."}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	for _, name := range names {
		info, err := os.Stat(k.env.Data.Path(name))
		if err != nil {
			continue // it was there a moment ago
		}
		mode := info.Mode().Perm()
		if mode&0o077 == 0 {
			continue
		}
		f.Evidence = append(f.Evidence, practice.Evidence{What: name, Saw: mode.String()})
		if name == "." {
			f.Verdict, f.Summary, f.Fix = practice.Ineffective, "others may enter the data directory", "chmod 700 "+k.env.Data.Path(".")
			return f
		}
		// What others may read is of no use to them while they cannot enter the directory.
		f.Verdict, f.Summary, f.Fix = practice.Weak, "others may read "+name, "chmod 600 "+k.env.Data.Path(name)
	}
	return f
}

// oldKey is how old a key may be.
const oldKey = 365 * 24 * time.Hour

func (k *kept) checkAge(ctx context.Context, _ practice.Target) practice.Finding {
	s, err := k.status(ctx)
	if err != nil {
		return practice.CouldNotTell(err)
	}
	f := practice.Finding{Verdict: practice.Effective, Summary: fmt.Sprintf("%d classes, every key that is ever replaced younger than a year", len(s.Classes))}
	for _, c := range s.Classes {
		if c.Stays {
			// A new key would end the search for equal values: it is no fault that this one grows old.
			f.Evidence = append(f.Evidence, practice.Evidence{What: c.Name, Saw: fmt.Sprintf("%s, %s old, stays so that equal values stay equal", c.Cipher, c.KeyAge)})
			continue
		}
		f.Evidence = append(f.Evidence, practice.Evidence{What: c.Name, Saw: fmt.Sprintf("%s, %s old, %d values under older keys", c.Cipher, c.KeyAge, c.Older)})
		if c.AgeS > oldKey.Seconds() || c.Older > 0 {
			f.Verdict, f.Summary, f.Fix = practice.Weak, "a key of "+c.Name+" is old, or values are under older keys", "yett encrypt rotate"
		}
	}
	return f
}

// checkFields seals a value for every place and opens it there and elsewhere, and tells what was met in traffic.
func checkFields(ctx context.Context, all []*Fields) practice.Finding {
	if len(all) == 0 {
		return practice.None("no description says " + encryptWord)
	}
	f := practice.Finding{Verdict: practice.Effective}
	worse := func(v practice.Verdict, summary, fix string) {
		if f.Verdict == practice.Effective || v == practice.Ineffective && f.Verdict == practice.Weak {
			f.Verdict, f.Summary, f.Fix = v, summary, fix
		}
	}
	places := 0
	for _, fields := range all {
		for _, p := range fields.plan.places {
			places++
			saw, err := fields.try(ctx, p)
			f.Evidence = append(f.Evidence, practice.Evidence{What: fmt.Sprintf("%s: %s (%s)", fields.api.Name, p.member(), p.node.Where()), Saw: saw})
			switch {
			case err != nil:
				worse(practice.Ineffective, fmt.Sprintf("%s: a value of %s %v", fields.api.Name, p.member(), err), "look at the log of the gateway")
			case p.half != "":
				worse(practice.Weak, fmt.Sprintf("%s: %s %s", fields.api.Name, p.member(), p.half), halfHint)
			}
		}
		c := fields.counts
		f.Evidence = append(f.Evidence, practice.Evidence{What: fields.api.Name + ": values since the start", Saw: fmt.Sprintf("%d sealed, %d opened, %d in clear, %d that did not open",
			c.sealed.Load(), c.opened.Load(), c.clear.Load(), c.failed.Load())})
		if n := c.failed.Load(); n > 0 {
			worse(practice.Weak, fmt.Sprintf("%s: %d values did not open", fields.api.Name, n), "look for "+unopenedAlert+" among the alerts and records: somebody changed them, or their key is gone")
		}
		if n := c.clear.Load(); n > 0 {
			worse(practice.Weak, fmt.Sprintf("%s: %d values came from the service in clear", fields.api.Name, n), "write them again through the gateway: read each and put it back")
		}
	}
	if f.Verdict == practice.Effective {
		f.Summary = fmt.Sprintf("%d places, each sealed and opened; no value was met in clear", places)
	}
	return f
}

// try seals a value for a place, and opens it there and at others.
func (f *Fields) try(ctx context.Context, p *placed) (saw string, err error) {
	plain := make([]byte, 16)
	_, _ = rand.Read(plain) // never fails: crypto/rand ends the program first
	var id []byte
	if p.bind != "" {
		id = []byte("1")
	}
	at, name := f.field(p.spot, false), []byte(p.name)
	at.count = new(counts) // what a check seals is no traffic
	sealed, err := at.seal(nil, name, id, plain)
	if err != nil {
		return "does not seal", errors.New("cannot be sealed")
	}
	if got, err := at.open(ctx, name, id, sealed); err != nil || !bytes.Equal(got, plain) {
		return "does not open", errors.New("does not open once it is sealed")
	}
	moved := p.spot
	moved.pointer += "/elsewhere"
	other := f.field(moved, false)
	for _, try := range []struct {
		what     string
		at       *field
		name, id []byte
	}{
		{"at another place", other, name, id},
		{"under another name", at, append([]byte("x"), name...), id},
		{"in another row", at, name, append([]byte("1"), id...)},
	} {
		if _, err := try.at.open(ctx, try.name, try.id, sealed); err == nil {
			return "opens " + try.what, errors.New("opens " + try.what)
		}
	}
	return p.mode.String() + ", opens at its own place alone", nil
}
