// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"yett/admin"
	"yett/config"
	"yett/gateway"
	"yett/practice/cors"
)

func (a *app) explainCORSCommand() *cobra.Command {
	var host string
	cmd := &cobra.Command{Use: "cors ORIGIN METHOD PATH", Short: "what a browser lets a page of an origin do",
		Args: cobra.ExactArgs(3), RunE: func(cmd *cobra.Command, args []string) error {
			return a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				q := url.Values{"origin": {args[0]}, "method": {strings.ToUpper(args[1])}, "path": {args[2]}, "host": {host}}
				var e crossOrigin
				if err := c.Call(cmd.Context(), "GET", "/explain/cors?"+q.Encode(), nil, &e.Explanation); err != nil {
					return err
				}
				var route gateway.Explanation
				if err := c.Call(cmd.Context(), "GET", "/explain?"+q.Encode(), nil, &route); err != nil {
					return err
				}
				e.settings(route.Steps)
				if a.json {
					return a.printJSON(e)
				}
				a.printCrossOrigin(e)
				return nil
			})
		}}
	cmd.Flags().StringVar(&host, "host", "", "host that is called, where APIs are told apart by it")
	return cmd
}

// crossOrigin is what a page meets, and where that is configured.
type crossOrigin struct {
	cors.Explanation
	Values []config.Layer `json:"values,omitempty"`
}

// settings takes over what is configured for the operation. Only the gateway knows where cors is off.
func (e *crossOrigin) settings(steps []gateway.Step) {
	for _, s := range steps {
		if s.Practice != "cors" {
			continue
		}
		e.Values = s.Values
		if s.Off != "" {
			off := cors.Verdict{Why: fmt.Sprintf("cors is off here: %q; the upstream's own answer decides", s.Off), Hint: "take cors.off out of yett.yaml"}
			e.Answers, e.Preflight, e.Cookies = off, off, off
			e.Methods, e.Headers = nil, nil
		}
		return
	}
}

// from is where a key stands, in brackets; "" where nothing is configured.
func (e *crossOrigin) from(key string) string {
	for _, v := range e.Values {
		if v.Key == key && v.From != "default" {
			return " (" + v.From + ")"
		}
	}
	return ""
}

func (a *app) printCrossOrigin(e crossOrigin) {
	may := "may read"
	if !e.Answers.OK {
		may = "may not read"
	}
	call := e.Method + " " + e.Path
	if e.Operation != "" {
		call += ", " + e.Operation + " of " + e.API
	}
	a.out.Println("\n" + a.out.Bold(fmt.Sprintf("Pages of %s %s answers of %s.", e.Origin, may, call)) + "\n")
	hinted := make(map[string]bool)
	for _, row := range []struct {
		name string
		v    cors.Verdict
	}{{"Answers", e.Answers}, {"Preflight", e.Preflight}, {"Cookies", e.Cookies}} {
		word := "yes"
		if !row.v.OK {
			word = "no"
		}
		a.out.Printf("  %-10s %-4s %s\n", row.name, word, row.v.Why)
		if h := row.v.Hint; h != "" && !hinted[h] {
			hinted[h] = true
			a.out.Printf("  %-10s %-4s %s\n", "", "", a.out.Dim("("+h+")"))
		}
	}
	if len(e.Origins) == 0 {
		a.out.Printf("  %-10s none%s\n\n", "Listed", e.from("origins"))
		return
	}
	a.out.Printf("  %-10s %s%s\n\n", "Listed", strings.Join(e.Origins, ", "), e.from("origins"))
}
