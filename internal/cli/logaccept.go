// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"yett/admin"
	"yett/ledger"
)

func (a *app) logAccept() *cobra.Command {
	var note string
	cmd := &cobra.Command{Use: "accept", Short: "vouch for the records although the store had lost their newest checkpoint", Args: cobra.NoArgs,
		Long: `Where the store has no newest checkpoint of the log, because it was restored or is a new one, nothing tells whether the
records were set back or altered, and yett log verify says "unproven". Whoever knows why can vouch for what there is, with the
reason. It is a record, cannot be taken back, and excuses nothing else that verify finds.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if note == "" {
				return usage(`yett log accept --note "the store was restored from the backup of Monday"`, "a reason is needed")
			}
			return a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				var n ledger.Notice
				if err := c.Call(cmd.Context(), "POST", "/records/accept", map[string]string{"note": note}, &n); err != nil {
					return err
				}
				if a.json {
					return a.printJSON(n)
				}
				a.out.Printf("Accepted: the first %s records, for the reason given. It is a record, and cannot be taken back.\n", whole(n.Before))
				return nil
			})
		}}
	cmd.Flags().StringVar(&note, "note", "", "why the store had no checkpoint")
	return cmd
}
