// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"yett/admin"
	"yett/gateway"
	"yett/internal/cli/term"
	"yett/practice/apikey"
	"yett/practice/expose"
)

func (a *app) exposeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "expose", Short: "which caller sees which field"}
	cmd.AddCommand(a.exposeSimulate())
	return cmd
}

const simulateHint = `yett expose simulate --as '{"sub": "greta", "scope": "orders:read"}' GET /orders/1`

// exposeSimulate says what a caller would see of an operation's answers. It exits with 1 where something is kept from him.
func (a *app) exposeSimulate() *cobra.Command {
	var q expose.Question
	var as, answer string
	cmd := &cobra.Command{Use: "simulate --as KEY|CLAIMS|- METHOD PATH", Short: "what a caller would see of an operation's answers, and why",
		Args: cobra.ExactArgs(2), RunE: func(cmd *cobra.Command, args []string) error {
			q.Method, q.Path = strings.ToUpper(args[0]), args[1]
			s := simulation{who: "a caller without a credential"}
			id, err := s.asks(&q, as)
			if err != nil {
				return err
			}
			if answer != "" {
				if q.Answer, err = a.readAnswer(answer); err != nil {
					return err
				}
			}
			err = a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				if id != "" {
					if err := s.asKey(cmd.Context(), c, &q, id); err != nil {
						return err
					}
				}
				if err := c.Call(cmd.Context(), "POST", "/expose/simulate", q, &s.Simulation); err != nil {
					return err
				}
				return s.settings(cmd.Context(), c, &q)
			})
			if err != nil {
				return err
			}
			if a.json {
				err = a.printJSON(s.Simulation)
			} else {
				a.printSimulation(&s)
			}
			if err == nil && s.kept() > 0 {
				err = &failure{told: true}
			}
			return err
		}}
	f := cmd.Flags()
	f.StringVar(&as, "as", "", "who asks: a key or its id, the claims of a token as JSON, or - for nobody known")
	f.StringVar(&answer, "answer", "", "a file with an answer of the service, or - for the standard input, to show as the caller would get it")
	f.StringVar(&q.Type, "type", "", "media type of that answer; default: the first that is described")
	f.IntVar(&q.Status, "status", 0, "status of that answer; default: the first good one that is described")
	f.StringVar(&q.Host, "host", "", "host that is called, where APIs are told apart by it")
	return cmd
}

// A simulation is one beside what the command line knows of it.
type simulation struct {
	expose.Simulation
	who     string
	state   string // of a key that does not work
	off     string // the reason
	observe string // where that is configured
}

// asks reads --as. It returns the id of a key, which only the gateway knows more of. A key itself goes no further.
func (s *simulation) asks(q *expose.Question, as string) (id string, err error) {
	switch {
	case as == "-":
		return "", nil
	case as == "":
		return "", usage(simulateHint, "--as says who asks: a key or its id, the claims of a token as JSON, or - for nobody known")
	case strings.HasPrefix(strings.TrimSpace(as), "{"):
		d := json.NewDecoder(strings.NewReader(as))
		d.UseNumber()
		if err := d.Decode(&q.Claims); err != nil || d.More() {
			return "", usage(simulateHint, "--as: the claims are not a JSON object")
		}
		s.who = "the bearer of this token"
		if sub, ok := q.Claims["sub"].(string); ok && sub != "" {
			s.who = harmless(sub)
		}
		return "", nil
	case apikey.ValidID(as):
		return as, nil
	}
	if id, err = apikey.ParseKey(as); err != nil {
		return "", usage("yett key list", "--as is neither a key, nor the id of one, nor claims as JSON, nor -")
	}
	return id, nil
}

// asKey asks the gateway what a key is.
func (s *simulation) asKey(ctx context.Context, c *admin.Client, q *expose.Question, id string) error {
	var k key
	if err := c.Call(ctx, "GET", "/keys/"+url.PathEscape(id), nil, &k); err != nil {
		return err
	}
	q.Key = &expose.AsKey{ID: k.ID, Client: k.Client, Scopes: k.Scopes, AllScopes: k.AllScopes}
	s.who = fmt.Sprintf("key %s of %s", k.ID, k.Client)
	if k.State != string(apikey.Live) && k.State != string(apikey.Grace) {
		s.state = k.State
	}
	return nil
}

// settings takes over what is configured for the operation. Only the gateway knows where expose is off.
func (s *simulation) settings(ctx context.Context, c *admin.Client, q *expose.Question) error {
	var route gateway.Explanation
	v := url.Values{"method": {q.Method}, "path": {q.Path}, "host": {q.Host}}
	if err := c.Call(ctx, "GET", "/explain?"+v.Encode(), nil, &route); err != nil {
		return err
	}
	i := slices.IndexFunc(route.Steps, func(step gateway.Step) bool { return step.Practice == "expose" })
	if i < 0 {
		return nil
	}
	switch step := route.Steps[i]; {
	case step.Off != "":
		s.off, s.Off = step.Off, true
	case step.Mode == "observe" && len(step.Values) > 0:
		s.observe = step.Values[0].From
	}
	if s.Off || s.observe != "" {
		s.Answer = q.Answer
		for i := range s.Fields {
			s.Fields[i].SeenAs = asItIs
		}
	}
	return nil
}

const asItIs = "as it is"

// kept counts the fields that the caller does not see as they are.
func (s *simulation) kept() (n int) {
	for _, f := range s.Fields {
		if f.SeenAs != asItIs {
			n++
		}
	}
	return n
}

const maxAnswerFile = 4 << 20

func (a *app) readAnswer(name string) (_ string, err error) {
	in := io.Reader(a.in)
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer func() { _ = f.Close() }() // it was only read
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxAnswerFile+1))
	switch {
	case err != nil:
		return "", err
	case len(b) > maxAnswerFile:
		return "", usage("", "%s is larger than 4 MiB", name)
	}
	return string(bytes.TrimSpace(b)), nil
}

func (a *app) printSimulation(s *simulation) {
	a.out.Println("\n" + a.out.Bold(simulationWords(s)) + "\n")
	mark := a.out.Soon(a.out.Symbol("▲"))
	if s.state != "" {
		a.out.Printf("%s The key is %s: it opens nothing any more.\n\n", mark, s.state)
	}
	switch {
	case s.Off && s.off != "":
		a.out.Printf("%s expose is off here: %q\n\n", mark, s.off)
	case s.Off:
		a.out.Printf("%s expose is off for this API.\n\n", mark)
	case s.observe != "":
		a.out.Printf("%s expose only observes here (%s).\n\n", mark, s.observe)
	}
	if len(s.Fields) > 0 {
		a.out.Print(a.simulationTable(s))
		a.out.Println()
	}
	more := ""
	if s.More {
		more = " at least"
	}
	if !s.Off {
		a.out.Printf("  Nothing is said of%s %s.\n", more, amount(s.Others, "other field that the caller gets to see", "other fields that the caller gets to see"))
	}
	a.out.Printf("  Described: %s\n", s.Declared)
	if s.Answer != "" {
		a.out.Printf("\nThe answer, as expose hands it on:\n\n")
		for line := range strings.SplitSeq(s.Answer, "\n") {
			a.out.Println("  " + harmless(line))
		}
	}
}

// simulationWords is the whole answer in one line.
func simulationWords(s *simulation) string {
	what := s.Operation + " of " + s.API
	who := s.who
	if n := s.kept(); n > 0 {
		return fmt.Sprintf("%s keeps %s from %s.", what, amount(n, "field", "fields"), who)
	}
	return fmt.Sprintf("%s keeps no field from %s.", what, who)
}

func (a *app) simulationTable(s *simulation) *term.Table {
	several := slices.ContainsFunc(s.Fields, func(f expose.Seen) bool { return f.Status != s.Fields[0].Status })
	t := &term.Table{Heads: []string{"FIELD", "", "SEEN AS", "BECAUSE"}, Cut: 3}
	if several {
		t.Heads = append([]string{"ANSWER"}, t.Heads...)
		t.Cut++
	}
	for _, f := range s.Fields {
		mark := ""
		if f.SeenAs != asItIs {
			mark = a.out.Refused(a.out.Symbol("◆"))
		}
		row := []string{f.Field, mark, f.SeenAs, f.Because}
		if several {
			row = append([]string{f.Status}, row...)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
