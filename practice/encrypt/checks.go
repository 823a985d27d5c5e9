// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"runtime"
	"time"

	"yett/practice"
	"yett/store"
)

func (k *kept) checks() []practice.Check {
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
	f := practice.Finding{Verdict: practice.Effective, Summary: fmt.Sprintf("%d classes, every key younger than a year", len(s.Classes))}
	for _, c := range s.Classes {
		f.Evidence = append(f.Evidence, practice.Evidence{What: c.Name, Saw: fmt.Sprintf("%s, %s old, %d values under older keys", c.Cipher, c.KeyAge, c.Older)})
		if c.AgeS > oldKey.Seconds() || c.Older > 0 {
			f.Verdict, f.Summary, f.Fix = practice.Weak, "a key of "+c.Name+" is old, or values are under older keys", "yett encrypt rotate"
		}
	}
	return f
}
