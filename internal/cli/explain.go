// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"yett/admin"
	"yett/gateway"
	"yett/internal/cli/term"
	"yett/internal/source"
)

func (a *app) explainCommand() *cobra.Command {
	var verbose bool
	var host string
	cmd := &cobra.Command{Use: "explain ID | METHOD PATH", Short: "why a request was refused, or what one would meet",
		Args: cobra.RangeArgs(1, 2), RunE: func(cmd *cobra.Command, args []string) error {
			return a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				if len(args) == 1 {
					return a.explainID(cmd, c, args[0])
				}
				return a.explainRoute(cmd, c, strings.ToUpper(args[0]), args[1], host, verbose)
			})
		}}
	cmd.Flags().BoolVar(&verbose, "verbose", false, "every value and the place it comes from")
	cmd.Flags().StringVar(&host, "host", "", "host that is called, where APIs are told apart by it")
	return cmd
}

// record is a record of the activity log.
type record struct {
	ID        string    `json:"id"`
	Time      time.Time `json:"time"`
	API       string    `json:"api"`
	Op        string    `json:"op"`
	Method    string    `json:"method"`
	Path      string    `json:"path"`
	Status    int       `json:"status"`
	Principal *struct {
		Client  string `json:"client,omitempty"`
		Subject string `json:"subject,omitempty"`
		Key     string `json:"key,omitempty"`
	} `json:"principal,omitempty"`
	Address  string `json:"address,omitempty"`
	Code     string `json:"code,omitempty"`
	Cause    string `json:"cause,omitempty"`
	Findings []struct {
		Pointer   string `json:"pointer,omitempty"`
		Parameter string `json:"parameter,omitempty"`
		In        string `json:"in,omitempty"`
		Detail    string `json:"detail"`
		Where     string `json:"where,omitempty"`
		Rule      string `json:"rule,omitempty"`
	} `json:"findings,omitempty"`
	Decisions []struct {
		Practice string  `json:"practice"`
		Decision string  `json:"decision"`
		Reason   string  `json:"reason,omitempty"`
		Note     string  `json:"note,omitempty"`
		TookUS   float64 `json:"took_us"`
	} `json:"decisions,omitempty"`
	Reached    bool   `json:"reached"`
	Aborted    bool   `json:"aborted,omitempty"`
	DurationUS int64  `json:"duration_us"`
	UpstreamUS int64  `json:"upstream_us,omitempty"`
	BytesIn    int64  `json:"bytes_in"`
	BytesOut   int64  `json:"bytes_out"`
	Proto      string `json:"proto,omitempty"`
	Trace      string `json:"trace,omitempty"`
}

func (a *app) explainID(cmd *cobra.Command, c *admin.Client, id string) error {
	var r record
	if err := c.Call(cmd.Context(), "GET", "/records/"+url.PathEscape(strings.TrimPrefix(id, "urn:uuid:")), nil, &r); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(r)
	}
	by := ""
	for _, d := range r.Decisions {
		if d.Decision == "refused" || d.Decision == "failed" {
			by = d.Practice
		}
	}
	a.out.Println("\n" + a.out.Bold(verdict(r, by)) + "\n")
	for i, f := range r.Findings {
		if i > 0 {
			a.out.Printf("  Also       %s %s\n", place(f.Pointer, f.Parameter, f.In), f.Detail)
			continue
		}
		a.out.Printf("  Rule       %s\n", f.Rule)
		if f.Where != "" {
			a.out.Printf("  Described  %s\n", f.Where)
			a.excerpt(f.Where)
		}
	}
	if r.Cause != "" {
		a.out.Printf("  Cause      %s\n", r.Cause)
	}
	op := "undeclared"
	if r.Op != "" {
		op = r.Op + " of " + r.API
	}
	a.out.Printf("\n  Request    %s %s, %s\n", r.Method, r.Path, op)
	a.out.Printf("  When       %s\n", r.Time.UTC().Format("2 Jan 2006 15:04:05.000 MST"))
	a.out.Printf("  Who        %s\n", who(r))
	a.out.Printf("  Answer     %d%s; %s\n\n", r.Status, code(r.Code), reached(r))
	t := &term.Table{Heads: []string{"STEP", "DECISION", "µs"}, Right: []bool{2: true}}
	for _, d := range r.Decisions {
		words := d.Decision
		if d.Reason != "" {
			words += ", " + d.Reason
		}
		if d.Note != "" {
			words += " (" + d.Note + ")"
		}
		if d.Decision == "refused" || d.Decision == "observed" {
			words = a.out.Refused("◆ ") + words
		}
		t.Rows = append(t.Rows, []string{d.Practice, words, fmt.Sprintf("%.1f", d.TookUS)})
	}
	a.out.Print(t)
	return nil
}

func verdict(r record, by string) string {
	switch {
	case by == "" && r.Code == "" && r.Aborted:
		return "Broken off."
	case by == "" && r.Code == "":
		return fmt.Sprintf("Passed: %d.", r.Status)
	case by == "":
		by = "the upstream"
	}
	if len(r.Findings) > 0 {
		f := r.Findings[0]
		return fmt.Sprintf("Refused by %s: %s %s.", by, place(f.Pointer, f.Parameter, f.In), f.Detail)
	}
	if r.Status >= 500 {
		return fmt.Sprintf("Failed at %s: %s.", by, r.Code)
	}
	return fmt.Sprintf("Refused by %s: %s.", by, r.Code)
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
	} else {
		parts = append(parts, "nobody known")
	}
	return strings.Join(parts, ", ") + ", from " + r.Address
}

func code(c string) string {
	if c == "" {
		return ""
	}
	return ", code " + c
}

func reached(r record) string {
	if !r.Reached {
		return "the upstream saw nothing"
	}
	return fmt.Sprintf("the upstream was asked, %.1f ms", float64(r.UpstreamUS)/1000)
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
		a.out.Printf("%s %s is not declared: %d %s.", method, path, e.Status, http.StatusText(e.Status))
		if len(e.Nearest) > 0 {
			a.out.Printf(" Nearest declared: %s", strings.Join(e.Nearest, ", "))
		}
		a.out.Println()
		return nil
	}
	a.out.Printf("\n%s %s is %s of %s (%s), sent on to %s.\n\n", method, path, e.Operation, e.API, e.Declared, e.Upstream)
	if e.Public != "" {
		a.out.Printf("  Anybody may call: %q\n\n", e.Public)
	} else {
		a.out.Printf("  Who may call: %s\n\n", strings.Join(e.Security, " or "))
	}
	t := &term.Table{Heads: []string{"STEP", "ON", "MODE", "VALUE", "FROM"}, Drop: []int{1}}
	for _, s := range e.Steps {
		t.Rows = append(t.Rows, stepRows(s, verbose)...)
	}
	a.out.Print(t)
	for _, s := range e.Steps {
		if s.Off != "" && s.On == "request" {
			a.out.Printf("\n%s %s is off here: %q\n", a.out.Soon("▲"), s.Practice, s.Off)
		}
	}
	return nil
}

// stepRows is one line a step, or with verbose one line a value.
func stepRows(s gateway.Step, verbose bool) [][]string {
	first := []string{s.Practice, s.On, s.Mode, "", ""}
	var rows [][]string
	for _, v := range s.Values {
		if !verbose && v.From == "default" {
			continue
		}
		rows = append(rows, []string{"", "", "", v.Key + ": " + v.Value, v.From})
	}
	if len(rows) == 0 {
		first[3], first[4] = "–", "default"
		return [][]string{first}
	}
	rows[0][0], rows[0][1], rows[0][2] = s.Practice, s.On, s.Mode
	return rows
}
