// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"yett/config"
	"yett/gateway"
	"yett/internal/cli/term"
)

// checkCommand reads a configuration, or a description alone, and tells all that is wrong in one run.
func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{Use: "check [OPENAPI]", Short: "is the configuration well; nothing is started", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := a.toCheck(args)
			if err != nil {
				return err
			}
			plan, err := gateway.Check(cmd.Context(), file)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(planJSON(plan))
			}
			if len(plan.Warnings)+len(plan.Told) > 0 {
				a.err.Println("Worth a look, not an error:")
				for _, w := range plan.Warnings {
					a.err.Println(w.String())
				}
				for _, t := range plan.Told {
					a.err.Println(t)
				}
				a.err.Println()
			}
			a.out.Println(wellWords(file, len(args) == 1, plan))
			return nil
		}}
}

// toCheck is the configuration to look at: what -c names, or what a start with a description alone would mean.
func (a *app) toCheck(args []string) (*config.File, error) {
	if len(args) == 0 {
		return a.load()
	}
	return config.Parse(config.CommandLine, config.Arguments{OpenAPI: args[0], Upstream: "http://localhost:9000"}.YAML(), gateway.Practices())
}

func wellWords(file *config.File, alone bool, plan *gateway.Plan) string {
	names := filepath.Base(file.APIs[0].OpenAPI)
	verb := "is"
	if !alone {
		verb = "are"
		if n := len(file.APIs); n > 1 {
			names = fmt.Sprintf("its %d descriptions", n)
		}
		names = filepath.Base(file.Path) + " and " + names
	}
	loosened := "none loosened"
	if plan.Loosened > 0 {
		loosened = fmt.Sprintf("%d loosened with a reason", plan.Loosened)
	}
	return fmt.Sprintf("%s %s well: %d %s, %s %s, all %d practices on, %s.", names, verb, len(plan.APIs), plural(len(plan.APIs), "API"),
		term.Count(int64(plan.Operations)), plural(plan.Operations, "operation"), len(gateway.Practices()), loosened)
}

// planJSON is a configuration that is well, as a machine reads it.
func planJSON(plan *gateway.Plan) any {
	type warning struct {
		Where string `json:"where,omitempty"`
		What  string `json:"what"`
		Hint  string `json:"hint,omitempty"`
	}
	warnings := []warning{}
	for _, w := range plan.Warnings {
		warnings = append(warnings, warning{w.Where.String(), w.What, w.Hint})
	}
	for _, t := range plan.Told {
		warnings = append(warnings, warning{What: t})
	}
	return map[string]any{"apis": len(plan.APIs), "operations": plan.Operations, "loosened": plan.Loosened, "warnings": warnings}
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
