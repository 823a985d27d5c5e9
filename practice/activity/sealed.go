// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"yett/exchange"
	"yett/practice"
	"yett/store"
)

// sealed is what only the operator may see of an exchange or an action. A person's part is under the person's key.
type sealed struct {
	Subject  string          `json:"subject,omitempty"`
	Address  string          `json:"address,omitempty"`
	Cause    string          `json:"cause,omitempty"`
	Target   string          `json:"target,omitempty"`
	Original string          `json:"original,omitempty"`
	Values   map[int]string  `json:"values,omitempty"` // by the number of the finding
	Places   map[int]located `json:"places,omitempty"` // as Values
	Notes    map[int]string  `json:"notes,omitempty"`  // what follows in the note of a decision, by its number
}

func (s *sealed) empty() bool {
	return s.Subject == "" && s.Address == "" && s.Cause == "" && s.Target == "" && s.Original == "" &&
		s.Values == nil && s.Places == nil && s.Notes == nil
}

// words keeps what a record says in the caller's words.
func (s *sealed) words(r *exchange.Record) {
	for i := range r.Findings[:min(len(r.Findings), maxFindings)] {
		f := &r.Findings[i]
		if p := locate(f); p.Place != "" {
			if s.Places == nil {
				s.Places = make(map[int]located)
			}
			s.Places[i] = p
		}
		if f.Value != "" && s.Values == nil {
			// One is enough to understand a refusal, and the less is kept the better.
			s.Values = map[int]string{i: cut(f.Value)}
		}
	}
	for i := range r.Decisions[:min(len(r.Decisions), maxDecisions)] {
		if _, rest := noteOf(&r.Decisions[i]); rest != "" {
			if s.Notes == nil {
				s.Notes = make(map[int]string)
			}
			s.Notes[i] = cut(rest)
		}
	}
}

// place binds what is sealed to its record: it opens in no other line.
func place(id string) store.Place { return store.Place{Table: "activity", Row: id, Column: "sealed"} }

// What Options.Hide may name.
const (
	Subjects  = "subjects"
	Addresses = "addresses"
)

const (
	hideSubjects = 1 << iota
	hideAddresses
)

func hidden(names []string) uint32 {
	var bits uint32
	for _, n := range names {
		switch n {
		case Subjects:
			bits |= hideSubjects
		case Addresses:
			bits |= hideAddresses
		}
	}
	return bits
}

// prepare meets the people of items who are not known yet.
func (l *Log) prepare(ctx context.Context, items []item) {
	if l.o.People == nil {
		return
	}
	var missing map[string]bool
	for i := range items {
		s := ""
		if items[i].record.Person {
			s = items[i].record.Subject
		}
		if a := items[i].action; a != nil {
			s = a.Person
		}
		if s != "" && l.o.People.of(s) == nil {
			if missing == nil {
				missing = make(map[string]bool)
			}
			missing[s] = true
		}
	}
	if missing == nil {
		return
	}
	if err := l.o.People.meet(ctx, missing); err != nil {
		// Their records are kept without what they say of them: what cannot be sealed is not written.
		l.o.Log.Error("the personal part of records cannot be sealed, so it is left out", "error", err.Error())
	}
}

// unknown is the pseudonym of people whom the store could not take.
const unknown = "p_unknown"

// seal returns what a record holds for the operator alone, nil if there is nothing. who is the person of the record,
// nil if there is none.
func (l *Log) seal(ctx context.Context, id string, who *person, s *sealed) []byte {
	if s.empty() {
		return nil
	}
	plain, err := json.Marshal(s)
	if err == nil {
		if who != nil {
			return who.aead.Seal(nil, nil, plain, place(id).Bytes())
		}
		plain, err = l.o.Sealer.Seal(ctx, plain, place(id))
	}
	if err != nil {
		// The record is kept without it: what cannot be sealed is not written.
		l.o.Log.Error("a part of a record cannot be sealed, so it is left out", "id", id, "error", err.Error())
		return nil
	}
	return plain
}

// personal is how a record speaks of its caller.
type personal struct {
	client, subject, person, address, cause string
	sealed                                  []byte
}

// personal parts what a record says of a person from the rest.
func (l *Log) personal(ctx context.Context, r *exchange.Record) personal {
	p := personal{client: r.Client, subject: r.Subject, cause: r.Cause}
	if r.Subject == r.Client && !r.Person {
		p.subject = "" // a program that calls for itself
	}
	if r.Address.IsValid() {
		p.address = r.Address.String()
	}
	if l.o.Sealer == nil && l.o.People == nil {
		return p
	}
	s := sealed{Cause: r.Cause, Original: string(r.Original)}
	p.cause = ""
	s.words(r)
	var who *person
	hide := l.hide.Load()
	if l.o.People != nil && p.address != "" && (r.Person || hide&hideAddresses != 0) {
		if hide&hideAddresses == 0 {
			s.Address = p.address
		}
		p.address = l.o.People.Address(r.Address)
	}
	if l.o.People != nil && r.Person {
		subject := p.subject
		p.subject, p.person = "", unknown
		if p.client == subject {
			p.client = ""
		}
		if who = l.o.People.of(subject); who == nil {
			return p
		}
		p.person = who.pseudonym
		if hide&hideSubjects == 0 {
			s.Subject = subject
		}
	}
	if who != nil || l.o.Sealer != nil {
		p.sealed = l.seal(ctx, r.ID, who, &s)
	}
	return p
}

// sealAction returns to whom an action was done.
func (l *Log) sealAction(ctx context.Context, a *practice.Action) (person string, sealedPart []byte) {
	if a.Person == "" || l.o.People == nil {
		return "", nil
	}
	who := l.o.People.of(a.Person)
	if who == nil {
		return unknown, nil
	}
	return who.pseudonym, l.seal(ctx, a.ID, who, &sealed{Target: a.Person})
}

// Reveal opens the sealed part of e, if it has one. Where its person was shredded, e says so and the rest stays sealed.
func (l *Log) Reveal(ctx context.Context, e *Entry) error {
	if len(e.Sealed) == 0 {
		return nil
	}
	plain, err := l.open(ctx, e)
	if errors.Is(err, errShredded) {
		e.Sealed, e.Shredded = nil, true
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the sealed part of record %s: %w", e.ID, err)
	}
	var s sealed
	if err := json.Unmarshal(plain, &s); err != nil {
		return fmt.Errorf("read the sealed part of record %s: %w", e.ID, err)
	}
	e.Sealed, e.Original = nil, s.Original
	e.Target = strings.TrimSpace(e.Target + " " + s.Target)
	if s.Cause != "" {
		e.Cause = s.Cause
	}
	if s.Address != "" {
		e.Address = s.Address
	}
	if s.Subject != "" && e.Principal != nil {
		e.Principal.Subject = s.Subject
	}
	s.reveal(e)
	return nil
}

// reveal puts the caller's words back in their places.
func (s *sealed) reveal(e *Entry) {
	for i := range e.Findings {
		f := &e.Findings[i]
		f.Value = s.Values[i]
		p := s.Places[i]
		if f.Detail == "" {
			f.Detail = p.Detail
		}
		switch {
		case p.Place == "":
		case f.Parameter != "":
			f.Parameter = p.Place
		default:
			f.Pointer = p.Place
		}
	}
	for i := range e.Decisions {
		if rest := s.Notes[i]; rest != "" {
			e.Decisions[i].Note += ": " + rest
		}
	}
}

func (l *Log) open(ctx context.Context, e *Entry) ([]byte, error) {
	name := e.Person
	if e.Principal != nil && e.Principal.Person != "" {
		name = e.Principal.Person
	}
	if name != "" {
		if l.o.People == nil {
			return nil, errors.New("nothing to open a record with")
		}
		who, err := l.o.People.reader(ctx, name)
		if err != nil {
			return nil, err
		}
		return who.aead.Open(nil, nil, e.Sealed, place(e.ID).Bytes())
	}
	if l.o.Sealer == nil {
		return nil, errors.New("nothing to open a record with")
	}
	return l.o.Sealer.Open(ctx, e.Sealed, place(e.ID))
}
