// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"yett/admin"
	"yett/internal/cli/term"
)

func (a *app) keyUsageCommand() *cobra.Command {
	var days int
	cmd := &cobra.Command{Use: "usage ID", Short: "calls by day and by operation", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var raw json.RawMessage
			err := a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				return c.Call(cmd.Context(), "GET", fmt.Sprintf("/keys/%s/usage?days=%d", url.PathEscape(args[0]), days), nil, &raw)
			})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(raw)
			}
			var u keyUsage
			if err := json.Unmarshal(raw, &u); err != nil {
				return err
			}
			a.printUsage(args[0], days, u)
			return nil
		}}
	cmd.Flags().IntVar(&days, "days", 30, "how many days back")
	return cmd
}

// keyUsage is how a key was used, as the admin API answers it.
type keyUsage struct {
	Days []struct {
		Day       string `json:"day"`
		Calls     int64  `json:"calls"`
		Refused   int64  `json:"refused"`
		RefusedBy string `json:"refused_by"`
		Operation string `json:"operation"`
	} `json:"days"`
	Operations []struct {
		Operation string    `json:"operation"`
		Calls     int64     `json:"calls"`
		Refused   int64     `json:"refused"`
		LastUsed  time.Time `json:"last_used"`
	} `json:"operations"`
	Calls   int64 `json:"calls"`
	Refused int64 `json:"refused"`
}

func (a *app) printUsage(id string, days int, u keyUsage) {
	if u.Calls == 0 {
		a.out.Printf("%s: no calls in %d %s.\n", id, days, plural(days, "day"))
		return
	}
	now := time.Now()
	var last time.Time
	for _, o := range u.Operations {
		if o.LastUsed.After(last) {
			last = o.LastUsed
		}
	}
	a.out.Printf("\n%s: %s %s in %d %s, %.1f %% refused. Last used: %s.\n\n", id, term.Count(u.Calls), plural(int(u.Calls), "call"),
		days, plural(days, "day"), 100*float64(u.Refused)/float64(u.Calls), term.Ago(last, now))
	most := int64(1)
	for _, d := range u.Days {
		most = max(most, d.Calls)
	}
	t := &term.Table{Heads: []string{"DAY", "CALLS", "", "REFUSED", ""}, Right: []bool{1: true, 3: true}, Drop: []int{2, 4}}
	for _, d := range u.Days {
		by := ""
		if d.Refused > 0 && d.RefusedBy != "" {
			by = a.out.Refused(a.out.Symbol("◆")) + " by " + d.RefusedBy
			if d.Operation != "" {
				by += ", " + d.Operation
			}
		}
		t.Rows = append(t.Rows, []string{weekday(d.Day), term.Count(d.Calls), strings.Repeat("━", int(20*d.Calls/most)), term.Count(d.Refused), by})
	}
	a.out.Print(t)
	a.out.Println()
	t = &term.Table{Heads: []string{"OPERATION", "CALLS", "REFUSED", "LAST USED"}, Right: []bool{1: true, 2: true}}
	for _, o := range u.Operations {
		name := o.Operation
		if name == "" {
			name = "(undeclared)"
		}
		t.Rows = append(t.Rows, []string{name, term.Count(o.Calls), term.Count(o.Refused), term.Ago(o.LastUsed, now)})
	}
	a.out.Print(t)
}

// weekday writes a day in UTC as "Mon 23 Nov"; what is no day stays as it is.
func weekday(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.Format("Mon 2 Jan")
}
