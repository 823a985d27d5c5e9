// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package cli is the command line: it reads flags, calls the gateway or the admin API, and prints what came of it.
package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"yett/admin"
	"yett/alert"
	"yett/config"
	"yett/gateway"
	"yett/internal/cli/term"
	"yett/store"
)

// Version is what `yett version` prints; releases set it when they link.
var Version = "0.1.0"

// app is what every command shares.
type app struct {
	out, err *term.Screen
	in       *os.File
	stdout   *os.File
	stderr   *os.File

	colour string
	ascii  bool
	json   bool
	data   string
	file   string
}

// Run runs one command and returns its exit code.
func Run(ctx context.Context, args []string, in, out, errs *os.File) int {
	a := &app{in: in, stdout: out, stderr: errs}
	a.screens()
	root := a.root()
	root.SetArgs(args)
	a.json = slices.Contains(args, "--json") // an error in the flags themselves is told as JSON too
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	a.screens() // flags may have failed before they were applied
	return a.report(cmd, err)
}

func (a *app) screens() {
	choice := term.Choice(a.colour)
	a.out, a.err = term.On(a.stdout, choice, a.ascii), term.On(a.stderr, choice, a.ascii)
}

func (a *app) root() *cobra.Command {
	var start startFlags
	root := &cobra.Command{
		Use:   "yett OPENAPI UPSTREAM",
		Short: "an API security gateway: the description is the policy",
		Long: `yett stands in front of an HTTP API and lets through what its OpenAPI description declares.

  yett shop.openapi.yaml http://localhost:9000    put an API behind the gate
  yett demo                                       see attacks with and without it`,
		Args:          a.rootArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			switch term.Choice(a.colour) {
			case term.Auto, term.Always, term.Never:
			default:
				return usage("use auto, always or never", "--color %q is not a choice", a.colour)
			}
			a.screens()
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return a.startArguments(cmd.Context(), args, start)
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	pf := root.PersistentFlags()
	pf.StringVar(&a.colour, "color", "auto", "auto, always or never")
	pf.BoolVar(&a.ascii, "ascii", false, "no symbols beyond ASCII")
	pf.BoolVar(&a.json, "json", false, "print JSON")
	pf.StringVar(&a.data, "data", "", "data directory (default ./yett-data)")
	pf.StringVarP(&a.file, "config", "c", "", "configuration file")
	start.add(root)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(cmd.CommandPath()+" --help", "%s", err)
	})
	root.AddCommand(a.runCommand(), a.initCommand(), a.checkCommand(), a.keyCommand(), a.encryptCommand(), a.tokenCommand(), a.userCommand(), a.explainCommand(), a.reloadCommand(), a.inventoryCommand(), a.exposeCommand(), a.logCommand(),
		a.statusCommand(), a.demoCommand(), a.versionCommand(), a.exitHelp())
	strict(root)
	return root
}

// rootArgs takes two arguments, or none. One word is a misspelt command.
func (a *app) rootArgs(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0 || len(args) == 2:
		return nil
	case len(args) == 1 && (strings.ContainsAny(args[0], "./") || strings.HasSuffix(args[0], "yaml")):
		return usage("yett "+args[0]+" http://localhost:9000", "%s needs the address of the service behind it", args[0])
	}
	return nearest(cmd, args[0])
}

// dataDir is the data directory that --data or the configuration names, and the configuration if one is named.
func (a *app) dataDir() (string, *config.File, error) {
	if a.file == "" {
		return cmp.Or(a.data, "yett-data"), nil, nil
	}
	f, err := config.Load(a.file, gateway.Practices())
	if err != nil {
		return "", nil, err
	}
	return cmp.Or(a.data, f.Data), f, nil
}

// withAdmin calls f with the admin API: that of the running gateway, or of the store itself where none runs.
func (a *app) withAdmin(ctx context.Context, f func(*admin.Client) error) (err error) {
	dir, file, err := a.dataDir()
	if err != nil {
		return err
	}
	if _, serr := os.Stat(dir); serr != nil {
		return usage("start one: yett OPENAPI UPSTREAM, or name its directory: --data DIR", "there is no gateway's data in %s", dir)
	}
	g, err := gateway.Offline(ctx, dir, file)
	if _, locked := errors.AsType[*store.LockedError](err); locked {
		return f(admin.Socket(filepath.Join(dir, gateway.SocketName)))
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	return f(admin.InProcess(g.AdminHandler()))
}

// printJSON prints v as JSON, indented.
func (a *app) printJSON(v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	a.out.Println(string(b))
	return nil
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "print the version", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		if a.json {
			return a.printJSON(map[string]string{"version": Version})
		}
		a.out.Println("yett " + Version)
		return nil
	}}
}

func (a *app) exitHelp() *cobra.Command {
	return &cobra.Command{Use: "exit", Short: "the exit codes", Long: `0    done and well
1    a finding, a refusal or a failure
2    wrong usage or configuration
130  stopped by Ctrl-C`}
}

// statusCommand says what the running gateway is.
func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{Use: "status", Short: "is the gateway running, and where", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return a.withAdmin(cmd.Context(), func(c *admin.Client) error {
			var s struct {
				Ready         bool          `json:"ready"`
				Address       string        `json:"address,omitempty"`
				Plain         string        `json:"plain,omitempty"`
				Admin         string        `json:"admin,omitempty"`
				PID           int           `json:"pid"`
				Configuration string        `json:"configuration"`
				Alerts        []alert.Alert `json:"alerts"`
			}
			if err := c.Call(cmd.Context(), "GET", "/status", nil, &s); err != nil {
				return err
			}
			if a.json {
				return a.printJSON(s)
			}
			if !s.Ready {
				return &failure{what: "no gateway serves here", hint: "yett OPENAPI UPSTREAM"}
			}
			a.out.Printf("Serving on https://%s, admin on https://%s (pid %d), configuration %s\n", s.Address, s.Admin, s.PID, s.Configuration)
			if s.Plain != "" {
				a.out.Printf("Calls in clear on http://%s: sent to https, or refused\n", s.Plain)
			}
			for _, al := range s.Alerts {
				a.out.Printf("%s %s since %s: %s\n", a.out.Broken(a.out.Symbol("✗")), al.Name, al.Since.Format(time.DateTime), al.Summary)
			}
			return nil
		})
	}}
}
