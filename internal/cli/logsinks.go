// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"yett/admin"
	"yett/internal/cli/term"
	"yett/practice/activity"
)

func (a *app) logSinks() *cobra.Command {
	return &cobra.Command{Use: "sinks", Short: "where records go besides, and how each sink is doing", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var raw json.RawMessage
			err := a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				return c.Call(cmd.Context(), "GET", "/records/sinks", nil, &raw)
			})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(raw)
			}
			var out struct {
				Sinks map[string]activity.SinkState `json:"sinks"`
			}
			if err := json.Unmarshal(raw, &out); err != nil {
				return err
			}
			a.printSinks(out.Sinks, time.Now())
			return nil
		}}
}

func (a *app) printSinks(all map[string]activity.SinkState, now time.Time) {
	if len(all) == 0 {
		a.out.Println("No sink is at work: none is configured (activity.sinks in yett.yaml), or no gateway runs.")
		return
	}
	t := &term.Table{Heads: []string{"SINK", "KIND", "STATE", "BEHIND", "LAST SENT", "LAST ERROR"}, Right: []bool{3: true}, Drop: []int{1, 4}, Cut: 5}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		s := all[name]
		t.Rows = append(t.Rows, []string{harmless(name), harmless(s.Type), a.sinkWord(s.Doing), whole(int64(s.Lag)), term.Ago(s.LastSent, now), harmless(sinkTrouble(&s, now))}) // #nosec G115 -- a count
	}
	a.out.Println()
	a.out.Print(t)
}

// sinkWord marks what somebody should look at.
func (a *app) sinkWord(doing string) string {
	words := strings.ReplaceAll(harmless(doing), "_", " ")
	switch doing {
	case "ok", "catching_up":
		return "  " + words
	case "retrying":
		return a.out.Soon(a.out.Symbol("▲")) + " " + words
	}
	return a.out.Broken(a.out.Symbol("✗")) + " " + words
}

// sinkTrouble is what is wrong with a sink, or was: records that it will never have.
func sinkTrouble(s *activity.SinkState, now time.Time) string {
	var words []string
	if s.Error != "" {
		words = append(words, "since "+term.When(s.Since, now)+": "+s.Error)
	}
	if s.Skipped > 0 {
		words = append(words, whole(int64(s.Skipped))+" left out") // #nosec G115 -- a count
	}
	if s.Rejected > 0 {
		words = append(words, whole(int64(s.Rejected))+" rejected: "+s.Rejects) // #nosec G115 -- a count
	}
	return strings.Join(words, "; ")
}
