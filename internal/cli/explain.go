// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"yett/admin"
	"yett/gateway"
	"yett/internal/cli/term"
	"yett/internal/source"
	"yett/practice/activity"
)

func (a *app) explainCommand() *cobra.Command {
	var verbose bool
	var host string
	cmd := &cobra.Command{Use: "explain ID | METHOD PATH | ip ADDRESS | cors ORIGIN METHOD PATH", Short: "why a request was refused, or what one would meet",
		Args: cobra.RangeArgs(1, 2), RunE: func(cmd *cobra.Command, args []string) error {
			return a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				if len(args) == 1 {
					return a.explainID(cmd, c, args[0])
				}
				return a.explainRoute(cmd, c, strings.ToUpper(args[0]), args[1], host, verbose)
			})
		}}
	cmd.Flags().BoolVar(&verbose, "verbose", false, "every value and the place it comes from")
	cmd.AddCommand(a.explainIPCommand(), a.explainCORSCommand())
	cmd.Flags().StringVar(&host, "host", "", "host that is called, where APIs are told apart by it")
	return cmd
}

// record is a record of the activity log.
type record = activity.Entry

func (a *app) explainID(cmd *cobra.Command, c *admin.Client, id string) error {
	var r record
	if err := c.Call(cmd.Context(), "GET", "/records/"+url.PathEscape(strings.TrimPrefix(id, "urn:uuid:")), nil, &r); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(r)
	}
	a.out.Println("\n" + a.out.Bold(verdict(r)) + "\n")
	a.found(r)
	op := "undeclared"
	if r.Op != "" {
		op = r.Op + " of " + r.API
	}
	path := r.Path
	if path == "" {
		path = "(a path that is not recorded)"
	}
	a.out.Printf("  Request    %s %s, %s\n", r.Method, path, op)
	a.out.Printf("  When       %s\n", r.Time.UTC().Format("2 Jan 2006 15:04:05.000 MST"))
	a.out.Printf("  Who        %s\n", who(r))
	a.out.Printf("  Answer     %s; %s\n\n", answer(r), reached(r))
	t := &term.Table{Heads: []string{"STEP", "", "DECISION", "µs"}, Right: []bool{3: true}}
	for _, d := range r.Decisions {
		words := d.Decision
		if d.Reason != "" {
			words += ", " + d.Reason
		}
		if d.Note != "" {
			words += " (" + d.Note + ")"
		}
		took := "–"
		if d.Took > 0 {
			took = fmt.Sprintf("%.1f", d.Took*1e6)
		}
		t.Rows = append(t.Rows, []string{d.Practice, a.symbol(d.Decision), words, took})
	}
	a.out.Print(t)
	if !r.Reached {
		a.out.Println("  not reached: " + strings.Join(notReached(cmd, c, r), ", "))
	}
	if r.Original != "" {
		a.out.Printf("\nThe service's own answer, which the caller never saw, began:\n\n")
		for line := range strings.SplitSeq(strings.TrimSpace(r.Original), "\n") {
			a.out.Println("  " + harmless(line))
		}
	}
	return nil
}

// harmless is text that a caller or a service wrote, without what a terminal would obey.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// symbol marks what was not simply passed.
func (a *app) symbol(decision string) string {
	switch decision {
	case "refused", "observed":
		return a.out.Refused(a.out.Symbol("◆"))
	case "failed":
		return a.out.Broken(a.out.Symbol("✗"))
	}
	return ""
}

// found prints what was found in the request, each with the rule and the place that it comes from.
func (a *app) found(r record) {
	for i, f := range r.Findings {
		if i > 0 {
			a.out.Printf("  Also       %s %s\n", place(f.Pointer, f.Parameter, f.In), f.Detail)
			continue
		}
		if f.Value != "" {
			a.out.Printf("  Value      %s\n", harmless(f.Value))
		}
		if f.Rule != "" {
			a.out.Printf("  Rule       %s\n", f.Rule)
		}
		if f.Where != "" {
			a.out.Printf("  Described  %s\n", f.Where)
			a.excerpt(f.Where)
		}
	}
	if r.Cause != "" {
		a.out.Printf("  Cause      %s\n", r.Cause)
	}
	if len(r.Findings) > 0 || r.Cause != "" {
		a.out.Println()
	}
}

// notReached lists what a refused request did not get to. Only the running gateway knows the steps of an operation.
func notReached(cmd *cobra.Command, c *admin.Client, r record) []string {
	done, routed := 0, false
	for _, d := range r.Decisions {
		if routed {
			done++
		}
		routed = routed || d.Practice == "route"
	}
	var e gateway.Explanation
	q := url.Values{"method": {r.Method}, "path": {r.Path}}
	if r.Op == "" || c.Call(cmd.Context(), "GET", "/explain?"+q.Encode(), nil, &e) != nil {
		return []string{"upstream"}
	}
	var left []string
	for _, s := range e.Steps {
		if s.On != "request" || s.Off != "" {
			continue
		}
		if done--; done < 0 {
			left = append(left, s.Practice)
		}
	}
	return append(left, "upstream")
}

// refuser is the practice that refused r, or that failed.
func refuser(r record) string {
	by := ""
	for _, d := range r.Decisions {
		if d.Decision == "refused" || d.Decision == "failed" {
			by = d.Practice
		}
	}
	return by
}

// verdict is the whole answer in one line. Refused is not failed.
func verdict(r record) string {
	by := refuser(r)
	switch {
	case r.Code == "" && by == "" && r.Aborted:
		return "Broken off."
	case r.Code == "" && by == "":
		return fmt.Sprintf("Passed: %d.", r.Status)
	case r.Status >= 500 && by == "":
		return fmt.Sprintf("Failed at the upstream: %s.", r.Code)
	case r.Status >= 500:
		return fmt.Sprintf("Failed at %s: %s.", by, r.Code)
	case by == "":
		by = "the gateway"
	}
	if len(r.Findings) > 0 {
		f := r.Findings[0]
		return fmt.Sprintf("Refused by %s: %s %s.", by, place(f.Pointer, f.Parameter, f.In), strings.TrimSuffix(f.Detail, "."))
	}
	return fmt.Sprintf("Refused by %s: %s.", by, r.Code)
}

func answer(r record) string {
	switch {
	case r.Status == 0:
		return "none, the connection was broken off"
	case r.Code != "":
		return fmt.Sprintf("%d, code %s", r.Status, r.Code)
	}
	return fmt.Sprint(r.Status)
}

func place(pointer, parameter, in string) string {
	if parameter != "" {
		return in + " parameter " + parameter
	}
	if pointer == "" {
		return "the body"
	}
	return pointer
}

// excerpt shows the line of the description, where it can be read from here.
func (a *app) excerpt(where string) {
	name, line, ok := cutLine(where)
	if !ok {
		return
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return // the command may run elsewhere than the gateway; the place was told
	}
	f, err := source.Parse(name, b)
	if err != nil {
		return
	}
	for _, l := range f.Excerpt(line, 1) {
		a.out.Printf("               %s\n", a.out.Dim(fmt.Sprintf("%4d %s %s", l.Number, a.out.Symbol("│"), l.Text)))
	}
}

func cutLine(where string) (name string, line int, ok bool) {
	i := strings.LastIndexByte(where, ':')
	if i < 0 {
		return "", 0, false
	}
	_, err := fmt.Sscanf(where[i+1:], "%d", &line)
	return where[:i], line, err == nil
}

func who(r record) string {
	var parts []string
	if p := r.Principal; p != nil {
		if p.Client != "" {
			parts = append(parts, p.Client)
		}
		if p.Key != "" {
			parts = append(parts, "key "+p.Key)
		}
		if s := cmp.Or(p.Subject, p.Person); s != "" {
			parts = append(parts, harmless(s))
		}
		if r.Shredded {
			parts = append(parts, "whose name was shredded")
		}
	} else {
		parts = append(parts, "nobody known")
	}
	return strings.Join(parts, ", ") + ", from " + r.Address
}

func reached(r record) string {
	if !r.Reached {
		return "the upstream saw nothing"
	}
	return fmt.Sprintf("the upstream was asked, %.1f ms", r.Upstream*1000)
}

func (a *app) explainRoute(cmd *cobra.Command, c *admin.Client, method, path, host string, verbose bool) error {
	var e gateway.Explanation
	q := url.Values{"method": {method}, "path": {path}, "host": {host}}
	if err := c.Call(cmd.Context(), "GET", "/explain?"+q.Encode(), nil, &e); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(e)
	}
	if e.Operation == "" {
		a.out.Printf("%s %s is not declared: %d.", method, path, e.Status)
		if len(e.Nearest) > 0 {
			a.out.Printf(" Nearest declared: %s", strings.Join(e.Nearest, ", "))
		}
		a.out.Println()
		return nil
	}
	a.out.Printf("\n%s\n\n", a.out.Bold(fmt.Sprintf("%s %s is %s of %s (%s), sent on to %s.", method, path, e.Operation, e.API, e.Declared, e.Upstream)))
	if e.Public != "" {
		a.out.Printf("  Anybody may call: %q\n\n", e.Public)
	} else {
		a.out.Printf("  Who may call: %s\n\n", strings.Join(e.Security, " or "))
	}
	t := &term.Table{Heads: []string{"STEP", "MODE", "VALUE", "FROM"}, Cut: 2}
	var back []string
	for _, s := range e.Steps {
		switch {
		case s.On == "response" || s.On == "header":
			if !slices.Contains(back, s.Practice) {
				back = append(back, s.Practice)
			}
		case verbose:
			t.Rows = append(t.Rows, values(s)...)
		default:
			t.Rows = append(t.Rows, summary(s))
		}
	}
	t.Rows = append(t.Rows, []string{a.out.Symbol("→") + " upstream", "", e.Upstream, ""})
	a.out.Print(t)
	a.out.Printf("  %s  on the way back\n", strings.Join(back, ", "))
	a.loosened(e)
	if !verbose {
		a.out.Printf("\n  yett explain %s %s --verbose    every value and where it comes from\n", method, path)
	}
	return nil
}

// loosened says where the gate is less than it could be, and why.
func (a *app) loosened(e gateway.Explanation) {
	var told []string
	for _, s := range e.Steps {
		if slices.Contains(told, s.Practice) || s.Mode == "enforce" {
			continue
		}
		told = append(told, s.Practice)
		mark := a.out.Soon(a.out.Symbol("▲"))
		if s.Off != "" {
			a.out.Printf("\n%s %s is off here: %q (%s)\n", mark, s.Practice, s.Off, s.Values[0].From)
		} else {
			a.out.Printf("\n%s %s only observes here (%s)\n", mark, s.Practice, s.Values[0].From)
		}
	}
}

// summary is a step in one row: all that is set, and where the narrowest part of it stands.
func summary(s gateway.Step) []string {
	var words []string
	from := "default"
	for i, v := range s.Values {
		if v.From != "default" {
			from = v.From
		}
		if i > 0 && v.Value != "" && v.Value != `""` && v.Value != "[]" {
			words = append(words, v.Key+": "+v.Value)
		}
	}
	if len(words) == 0 {
		words = []string{"–"}
	}
	return []string{s.Practice, s.Mode, strings.Join(words, ", "), from}
}

// values is a step with a row for each value.
func values(s gateway.Step) [][]string {
	var rows [][]string
	for i, v := range s.Values {
		row := []string{"", "", v.Key + ": " + v.Value, v.From}
		if i == 0 {
			row[0], row[1] = s.Practice, s.Mode
		}
		rows = append(rows, row)
	}
	return rows
}
