// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"yett/api"
	"yett/config"
	"yett/gateway"
	"yett/internal/source"
)

// checkCommand reads a configuration, or a description alone, and tells all that is wrong in one run.
func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{Use: "check [OPENAPI]", Short: "is the configuration well; nothing is started", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var file *config.File
			var err error
			if len(args) == 1 {
				file, err = config.Parse(config.CommandLine, config.Arguments{OpenAPI: args[0], Upstream: "http://localhost:9000"}.YAML(), gateway.Practices())
			} else {
				file, err = a.load()
			}
			if err != nil {
				return a.findings(err)
			}
			plan, err := gateway.Check(file)
			if err != nil {
				return a.findings(err)
			}
			for _, w := range plan.Warnings {
				a.err.Printf("%s: %s%s\n", w.Where, w.What, parens(w.Hint))
			}
			name := filepath.Base(file.Path)
			if len(args) == 1 {
				name = args[0]
			}
			if a.json {
				return a.printJSON(map[string]any{"apis": len(plan.APIs), "operations": plan.Operations, "loosened": plan.Loosened})
			}
			a.out.Printf("%s is well: %d %s, %d operations, %d loosened with a reason.\n", name, len(plan.APIs), plural(len(plan.APIs), "API"), plan.Operations, plan.Loosened)
			return nil
		}}
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// findings prints every error at its place, with the excerpt on a terminal only.
func (a *app) findings(err error) error {
	n := 0
	for _, e := range flatten(err) {
		n++
		a.err.Println(e.Error())
		if c, ok := errors.AsType[*config.Error](e); ok && a.err.Terminal {
			a.err.Printf("%s", c.Excerpt(a.err.ASCII))
		}
	}
	return &failure{what: "", hint: fmt.Sprintf("%d %s. Nothing was started or changed.", n, plural(n, "error")), code: exitUsage, cause: err}
}

// flatten lists the single errors of what may be many.
func flatten(err error) []error {
	switch e := err.(type) { //nolint:errorlint // the shape of this very error, not of what it wraps
	case *config.Error, *source.Error:
		return []error{err}
	case config.Errors:
		return e.Unwrap()
	case api.Errors:
		return e.Unwrap()
	case interface{ Unwrap() []error }:
		var all []error
		for _, inner := range e.Unwrap() {
			all = append(all, flatten(inner)...)
		}
		return all
	}
	return []error{err}
}
