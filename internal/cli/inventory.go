// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"yett/admin"
	"yett/internal/cli/term"
	"yett/practice/inventory"
)

// inventoryCommand tells what is declared, what is called, and where the two differ.
func (a *app) inventoryCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{Use: "inventory", Short: "operations that nobody or somebody still calls, and calls of what is not declared", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var raw json.RawMessage
			err := a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				return c.Call(cmd.Context(), "GET", "/inventory", nil, &raw)
			})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(raw)
			}
			var r inventory.Report
			if err := json.Unmarshal(raw, &r); err != nil {
				return err
			}
			a.printInventory(r, all, time.Now())
			return nil
		}}
	cmd.Flags().BoolVar(&all, "all", false, "every operation and every undeclared path")
	return cmd
}

const shownShadow = 15 // undeclared paths without --all

// stateOrder puts first what asks for a decision.
var stateOrder = []inventory.State{inventory.Zombie, inventory.Orphan, inventory.Disabled, inventory.Declared, inventory.Unknown}

func (a *app) printInventory(r inventory.Report, all bool, now time.Time) {
	if r.Offline {
		a.out.Println("No gateway runs here: what is declared cannot be told, only what was counted so far.")
		a.printOperations(r.Operations, now)
	} else {
		a.out.Println(inventoryWords(r))
		a.printOperations(notable(r.Operations, all), now)
	}
	a.printShadow(r, all, now)
	if n := r.Counts.Declared; n > 0 && !all && !r.Offline {
		a.out.Printf("\nIn use and not deprecated: %s more. All: yett inventory --all\n", term.Count(int64(n)))
	}
}

// inventoryWords is the inventory in one line.
func inventoryWords(r inventory.Report) string {
	c := r.Counts
	return fmt.Sprintf("%s %s: %d called, %d never called, %d deprecated and still called, %d disabled. Undeclared paths called: %s.",
		term.Count(int64(len(r.Operations))), plural(len(r.Operations), "operation"), c.Declared+c.Zombie, c.Orphan, c.Zombie, c.Disabled,
		term.Count(int64(c.Shadow)))
}

// notable sorts operations by what they ask of the operator, and the called ones by their calls; without all, those that
// ask nothing are left out.
func notable(operations []inventory.Operation, all bool) []inventory.Operation {
	out := slices.DeleteFunc(slices.Clone(operations), func(o inventory.Operation) bool { return !all && o.State == inventory.Declared })
	slices.SortStableFunc(out, func(x, y inventory.Operation) int {
		return cmp.Or(cmp.Compare(slices.Index(stateOrder, x.State), slices.Index(stateOrder, y.State)), cmp.Compare(y.Calls, x.Calls))
	})
	return out
}

func (a *app) printOperations(operations []inventory.Operation, now time.Time) {
	if len(operations) == 0 {
		return
	}
	t := &term.Table{Heads: []string{"STATE", "OPERATION", "METHOD", "PATH", "CALLS", "LAST CALLED", "BY"}, Right: []bool{4: true}, Drop: []int{6, 2}, Cut: 3}
	for _, o := range operations {
		state := string(o.State)
		if o.State == inventory.Zombie {
			state = a.out.Soon(a.out.Symbol("▲")) + " " + state
		}
		t.Rows = append(t.Rows, []string{state, o.ID, o.Method, o.Path, term.Count(o.Calls), term.Ago(o.LastCalled, now), o.LastCaller})
	}
	a.out.Println()
	a.out.Print(t)
}

func (a *app) printShadow(r inventory.Report, all bool, now time.Time) {
	if len(r.Shadow) == 0 {
		return
	}
	rows := slices.Clone(r.Shadow)
	// Probes of debug paths come last: nobody misses an endpoint there.
	slices.SortStableFunc(rows, func(x, y inventory.Shadow) int {
		if x.Debug != y.Debug {
			return map[bool]int{true: 1, false: -1}[x.Debug]
		}
		return cmp.Compare(y.Calls, x.Calls)
	})
	if !all && len(rows) > shownShadow {
		rows = rows[:shownShadow]
	}
	t := &term.Table{Heads: []string{"UNDECLARED", "PATH", "CALLS", "LAST CALLED", "BY", ""}, Right: []bool{2: true}, Drop: []int{4, 5}, Cut: 1}
	for _, s := range rows {
		note := ""
		if s.Debug {
			note = "looks for a debug path"
		}
		t.Rows = append(t.Rows, []string{s.Method, s.Path, term.Count(s.Calls), term.Ago(s.LastCalled, now), s.LastCaller, note})
	}
	a.out.Println()
	a.out.Print(t)
	if n := len(r.Shadow) - len(rows); n > 0 {
		a.out.Printf("  … and %s more: yett inventory --all\n", term.Count(int64(n)))
	}
	if r.OtherCalls > 0 {
		a.out.Printf("  … and %s calls of paths that were not kept\n", term.Count(r.OtherCalls))
	}
}
