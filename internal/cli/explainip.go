// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"yett/admin"
	"yett/internal/cli/term"
	"yett/practice/allowlist"
)

// explainIPCommand says what the lists make of an address. It exits with 1 where they refuse it.
func (a *app) explainIPCommand() *cobra.Command {
	var host string
	cmd := &cobra.Command{Use: "ip ADDRESS [METHOD PATH]", Short: "which list admits or refuses an address",
		Args: cobra.RangeArgs(1, 3), RunE: func(cmd *cobra.Command, args []string) error {
			if err := addressArguments(args); err != nil {
				return err
			}
			q := url.Values{"address": {args[0]}}
			if len(args) == 3 {
				q.Set("method", strings.ToUpper(args[1]))
				q.Set("path", args[2])
				q.Set("host", host)
			}
			var e allowlist.Explanation
			err := a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				return c.Call(cmd.Context(), "GET", "/explain/ip?"+q.Encode(), nil, &e)
			})
			if err != nil {
				return err
			}
			if a.json {
				err = a.printJSON(e)
			} else {
				a.printAddress(&e)
			}
			if err == nil && e.Refused {
				err = &failure{told: true}
			}
			return err
		}}
	cmd.Flags().StringVar(&host, "host", "", "host that is called, where APIs are told apart by it")
	return cmd
}

func addressArguments(args []string) error {
	if len(args) == 2 {
		return usage("yett explain ip "+shellWord(args[0])+" GET /orders", "a path belongs to a method")
	}
	if addr, err := netip.ParseAddr(args[0]); err != nil || addr.Zone() != "" {
		return usage("yett explain ip 192.0.2.7", "%q is not an address", args[0])
	}
	return nil
}

func (a *app) printAddress(e *allowlist.Explanation) {
	a.out.Println("\n" + a.out.Bold(addressVerdict(e)) + "\n")
	t := &term.Table{Heads: []string{"LIST", "NETWORK", "FROM", "", "DECISION"}, Cut: 2}
	for _, j := range e.Levels {
		mark, words := "", "admitted"
		switch {
		case j.Off:
			words = "off"
		case j.Refused:
			mark, words = a.out.Refused(a.out.Symbol("◆")), "refused, "+j.Code
		}
		t.Rows = append(t.Rows, []string{listName(j), orDash(j.Network), orDash(j.From), mark, words})
	}
	a.out.Print(t)
	a.out.Println()
	if e.TrustedProxy != "" {
		a.out.Printf("  It is a trusted proxy, in %s: its forwarding fields are believed, and who they name is judged instead.\n", e.TrustedProxy)
		if e.ProxyProtocol != "off" {
			a.out.Printf("  A PROXY header is read from it first (%s).\n", e.ProxyProtocol)
		}
	}
	a.out.Println("  The networks of API keys are not judged here: yett key show ID.")
}

// addressVerdict is the whole answer in one line.
func addressVerdict(e *allowlist.Explanation) string {
	for _, j := range e.Levels {
		if j.Refused && e.Refused {
			return fmt.Sprintf("%s is refused by the list of %s: %s.", e.Address, listName(j), j.Code)
		}
	}
	if e.Operation != "" {
		return fmt.Sprintf("%s may call %s of %s.", e.Address, e.Operation, e.API)
	}
	n := 0
	for _, j := range e.Levels[1:] {
		if j.Refused {
			n++
		}
	}
	if n > 0 {
		return fmt.Sprintf("%s is admitted by the gateway, and refused by %d of the %d lists behind it.", e.Address, n, len(e.Levels)-1)
	}
	return fmt.Sprintf("%s is admitted.", e.Address)
}

// listName says where a list stands.
func listName(j allowlist.Judgment) string {
	switch {
	case j.API == "":
		return "the gateway"
	case j.Operation == "":
		return j.API
	}
	return j.Operation + " of " + j.API
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
