// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package demo fires attacks at the careless shop, once as it stands and once behind the gate, and tells what got
// through.
//
// It stops nothing itself: it shows on one small API what each practice stops. Nothing in it is canned. Every attack
// goes over a real connection to both sides, and what it tells was read from the answers. It does not prove that the
// gate stops other attacks, or these ones on another API.
//
// Use it alone with Open, Stage.Fire for each of Attacks, and Stage.Close.
package demo

import (
	"context"
	"fmt"
	"time"
)

// An Attack is one row of the demonstration.
type Attack struct {
	Number   int    // of the practice among the twenty
	Practice string // its word
	Title    string // at most 35 columns
	// Fire attacks one side and judges what came of it. It makes a bounded number of calls and ends when the context
	// does. On the gate's side it holds every credential that the attack does not do without on purpose, so that no
	// other practice stops it.
	Fire func(context.Context, *Side) Outcome
}

// Attacks returns all rows, by number.
func Attacks() []Attack {
	return []Attack{
		clearPassword,
		negativeOrder,
		strangersOrder,
		formerPartner,
		manyLogins,
		everyColumn,
		quoteMark,
		foreignPage,
		copyOfTheStore,
		cutLines,
		unsignedToken,
		forgedAddress,
		clerkReadsCard,
		debugVars,
	}
}

// A Verdict says what came of an attack.
type Verdict string

// The zero Verdict is that nothing is known. It never counts as well.
const (
	CannotTell Verdict = ""
	GotThrough Verdict = "got through"
	Refused    Verdict = "refused"
	Noticed    Verdict = "noticed" // it passes, and leaves a trace that leads to who did it
)

// An Outcome is what came of an attack on one side.
type Outcome struct {
	Verdict Verdict
	Text    string // what was measured, in a few words
}

func gotThrough(format string, args ...any) Outcome {
	return Outcome{GotThrough, fmt.Sprintf(format, args...)}
}

func refused(format string, args ...any) Outcome {
	return Outcome{Refused, fmt.Sprintf(format, args...)}
}

func noticed(format string, args ...any) Outcome {
	return Outcome{Noticed, fmt.Sprintf(format, args...)}
}

// cannotTell is the outcome of an attack that could not be fired, or whose answer is neither of those that it knows.
func cannotTell(err error) Outcome { return Outcome{CannotTell, err.Error()} }

func unexpected(a *Answer) Outcome {
	if code := a.Problem().Code; code != "" {
		return cannotTell(fmt.Errorf("%d, %s", a.Status, code))
	}
	return cannotTell(fmt.Errorf("unexpected %d", a.Status))
}

// A Row is an attack fired at both sides.
type Row struct {
	Attack        Attack
	Without, With Outcome
	// WithoutText and WithText are the exchanges, with every key shown as <secret>.
	WithoutText, WithText string
}

// limit is how long one attack may take on one side.
const limit = 90 * time.Second

// Fire fires an attack at both sides.
func (s *Stage) Fire(ctx context.Context, a Attack) Row {
	r := Row{Attack: a}
	r.Without, r.WithoutText = fire(ctx, a, s.Shop)
	r.With, r.WithText = fire(ctx, a, s.Gate)
	return r
}

func fire(ctx context.Context, a Attack, s *Side) (Outcome, string) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	on := s.withTranscript()
	o := a.Fire(ctx, on)
	return o, on.transcript.String()
}
