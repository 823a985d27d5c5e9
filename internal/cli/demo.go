// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"yett/internal/demo"
)

func (a *app) demoCommand() *cobra.Command {
	var stay bool
	var only int
	cmd := &cobra.Command{Use: "demo", Short: "attacks on a careless shop, without and with yett", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			attacks, err := chosen(only)
			if err != nil {
				return err
			}
			return a.demo(cmd.Context(), attacks, only != 0, stay)
		}}
	cmd.Flags().BoolVar(&stay, "stay", false, "keep both running, with living traffic")
	cmd.Flags().IntVar(&only, "only", 0, "fire one attack, and print both exchanges in full")
	return cmd
}

func chosen(only int) ([]demo.Attack, error) {
	all := demo.Attacks()
	if only == 0 {
		return all, nil
	}
	var numbers []string
	for _, at := range all {
		if at.Number == only {
			return []demo.Attack{at}, nil
		}
		numbers = append(numbers, strconv.Itoa(at.Number))
	}
	return nil, usage("yett demo --only "+numbers[0], "there is no attack %d (there are %s)", only, strings.Join(numbers, ", "))
}

// demo shows the attacks. What is shown is over when it returns.
func (a *app) demo(ctx context.Context, attacks []demo.Attack, full, stay bool) (err error) {
	began := time.Now()
	stage, err := demo.Open(ctx)
	if err != nil {
		return err
	}
	open := true
	end := func() error {
		if !open {
			return nil
		}
		open = false
		return stage.Close()
	}
	defer func() { err = errors.Join(err, end()) }()
	rows, err := a.fire(ctx, stage, attacks)
	if err != nil {
		return err
	}
	if a.json {
		if err := a.printJSON(demoReport(rows)); err != nil {
			return err
		}
	} else {
		a.summary(rows)
	}
	if full && !a.json {
		a.exchanges(rows[0])
	}
	if stay {
		if err := a.stay(ctx, stage); err != nil {
			return err
		}
	}
	if err := end(); err != nil {
		return err
	}
	if !a.json {
		a.out.Printf("Took %.0f s. The shop, the gateway and their data are gone.\n", time.Since(began).Seconds())
		if !full && !stay {
			a.demoHints()
		}
	}
	return judged(rows)
}

// judged is the failure of a gate that let an attack through. What cannot be told is never well.
func judged(rows []demo.Row) error {
	for _, r := range rows {
		if r.With.Verdict != demo.Refused && r.With.Verdict != demo.Noticed {
			return &failure{
				what: fmt.Sprintf("attack %d got through, or it cannot be told", r.Attack.Number),
				hint: fmt.Sprintf("yett demo --only %d", r.Attack.Number), code: exitFinding,
			}
		}
	}
	return nil
}

// fire fires the attacks and prints each row as soon as it is known.
func (a *app) fire(ctx context.Context, stage *demo.Stage, attacks []demo.Attack) ([]demo.Row, error) {
	if !a.json {
		a.out.Printf("\nA careless shop on %s, and the same shop behind yett on %s.\n", stage.Shop.URL, stage.Gate.URL)
		a.out.Printf("Each attack is fired at both.\n\n")
		a.out.Println(a.out.Dim(demoLine("#", "PRACTICE", "ATTACK", "WITHOUT YETT", "WITH YETT")))
	}
	var rows []demo.Row
	for _, at := range attacks {
		r := stage.Fire(ctx, at)
		if ctx.Err() != nil {
			return nil, &failure{what: "stopped; the shop, the gateway and their data are gone", code: exitStopped}
		}
		rows = append(rows, r)
		if !a.json {
			title := at.Title
			if a.out.ASCII {
				title = strings.ReplaceAll(title, "−", "-")
			}
			a.out.Println(demoLine(strconv.Itoa(at.Number), at.Practice, title, a.outcome(r.Without, widthWithout), a.outcome(r.With, 0)))
		}
	}
	return rows, nil
}

// Rows come one by one, so the widths of the columns are fixed.
const widthWithout = 21

func demoLine(number, practice, attack, without, with string) string {
	return fmt.Sprintf("%4s  %-10s  %-35s  %-*s  %s", number, practice, attack, widthWithout, without, with)
}

// outcome is a cell of the table, at least width wide: colour counts for nothing.
func (a *app) outcome(o demo.Outcome, width int) string {
	symbol, colour, text := "?", a.out.Soon, "cannot tell: "+o.Text
	switch o.Verdict {
	case demo.GotThrough:
		symbol, colour, text = a.out.Symbol("✗"), a.out.Broken, o.Text
	case demo.Refused, demo.Noticed:
		symbol, colour, text = a.out.Symbol("✓"), a.out.Proven, o.Text
	}
	return colour(symbol) + fmt.Sprintf(" %-*s", max(0, width-1-utf8.RuneCountInString(symbol)), text)
}

func (a *app) summary(rows []demo.Row) {
	var without, with, held, unknown int
	var seen []string
	for _, r := range rows {
		if r.Without.Verdict == demo.GotThrough {
			without++
		}
		switch r.With.Verdict {
		case demo.GotThrough:
			with++
		case demo.Refused:
			held++
		case demo.Noticed:
			seen = append(seen, strconv.Itoa(r.Attack.Number))
		case demo.CannotTell:
			unknown++
		}
	}
	gate := fmt.Sprintf("With yett %d of %d", with, len(rows))
	if with > 0 {
		gate = a.out.Broken(gate)
	}
	parts := []string{fmt.Sprintf("%d refused", held)}
	if len(seen) > 0 {
		parts = append(parts, fmt.Sprintf("%d noticed (%s)", len(seen), strings.Join(seen, ", ")))
	}
	if unknown > 0 {
		parts = append(parts, fmt.Sprintf("%d cannot be told", unknown))
	}
	a.out.Printf("\nWithout yett %d of %d got through. %s: %s.\n", without, len(rows), gate, strings.Join(parts, ", "))
}

func (a *app) exchanges(r demo.Row) {
	a.out.Printf("\n%s\n\n%s\n%s\n\n%s\n", a.out.Bold("Without yett"), strings.TrimSpace(r.WithoutText), "\n"+a.out.Bold("With yett"), strings.TrimSpace(r.WithText))
	a.out.Println()
}

// stay keeps both sides running until Ctrl-C.
func (a *app) stay(ctx context.Context, stage *demo.Stage) error {
	key, err := stage.Key(ctx)
	if err != nil {
		return err
	}
	s := a.err // with --json the report alone goes to standard output
	if !a.json {
		s = a.out
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(stage.Gate.URL, "https://"), ":")
	_, adminPort, _ := strings.Cut(strings.TrimPrefix(stage.Admin, "https://"), ":")
	s.Printf("\n  Shop   %s    nothing before it\n", stage.Shop.URL)
	s.Printf("  API    https://localhost:%s    root certificate %s\n", port, stage.CA())
	s.Printf("  Admin  https://localhost:%s    /livez, /readyz\n", adminPort)
	s.Printf("  Data   %s    yett.yaml, the description, the records\n\n", stage.Dir)
	s.Printf("A key for it, shown only now: all that the shop needs, ends in 24 hours\n\n  %s\n\nTry it:\n\n", s.Bold(key))
	s.Printf("  %s\n\n", s.Bold(fmt.Sprintf("curl %s/customers/1", stage.Shop.URL)))
	s.Printf("  %s\n\n", s.Bold(fmt.Sprintf("curl --cacert %s -H 'X-API-Key: %s' https://localhost:%s/customers/1", shellWord(stage.CA()), key, port)))
	s.Println("Two calls a second keep it alive. Ctrl-C ends both and removes their data.")
	if err := stage.Live(ctx); err != nil {
		return err
	}
	s.Println()
	return nil
}

func (a *app) demoHints() {
	a.out.Println("\n  yett demo --stay              keep both running, with living traffic")
	a.out.Println("  yett demo --only 2            one attack, with both exchanges printed in full")
	a.out.Println("  yett YOUR.openapi.yaml URL    put an API of your own behind the gate")
}

// demoReport is the table as JSON.
func demoReport(rows []demo.Row) any {
	type outcome struct {
		Verdict string `json:"verdict"`
		Text    string `json:"text"`
	}
	type row struct {
		Number   int     `json:"number"`
		Practice string  `json:"practice"`
		Attack   string  `json:"attack"`
		Without  outcome `json:"without"`
		With     outcome `json:"with"`
	}
	said := func(o demo.Outcome) outcome {
		v := strings.ReplaceAll(string(o.Verdict), " ", "_")
		if v == "" {
			v = "unknown"
		}
		return outcome{v, o.Text}
	}
	out := struct {
		Attacks []row `json:"attacks"`
		Without int   `json:"got_through_without"`
		With    int   `json:"got_through_with"`
	}{Attacks: []row{}}
	for _, r := range rows {
		out.Attacks = append(out.Attacks, row{r.Attack.Number, r.Attack.Practice, r.Attack.Title, said(r.Without), said(r.With)})
		if r.Without.Verdict == demo.GotThrough {
			out.Without++
		}
		if r.With.Verdict == demo.GotThrough {
			out.With++
		}
	}
	return out
}
