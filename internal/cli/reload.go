// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"yett/admin"
	"yett/gateway"
	"yett/internal/cli/term"
)

// reloadCommand asks the running gateway to read its configuration again.
func (a *app) reloadCommand() *cobra.Command {
	return &cobra.Command{Use: "reload", Short: "have the running gateway read its configuration again", Long: `The gateway reads yett.yaml and the descriptions again, builds all of it anew, tries it out, and only then lets it serve.
Requests in flight end as they began. If anything is wrong, nothing changes.

It does the same by itself when one of these files changes, and on SIGHUP.`,
		Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				var change gateway.Change
				err := c.Call(cmd.Context(), "POST", "/reload", nil, &change)
				if e, ok := errors.AsType[*admin.Error](err); ok && e.Code == "reload_failed" {
					return a.reloadRefused(e)
				}
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(change)
				}
				a.out.Printf("%s", changeLines(&change))
				return nil
			})
		}}
}

// reloadRefused prints what is wrong, line by line as the start would.
func (a *app) reloadRefused(e *admin.Error) error {
	still := strings.TrimSuffix(lower(e.Detail), ".")
	if a.json {
		var all []told
		for _, f := range e.Errors {
			all = append(all, told{Where: "yett reload", What: f.Detail})
		}
		a.tell(told{Where: "yett reload", What: still}, all)
		return &failure{told: true}
	}
	for _, f := range e.Errors {
		a.err.Println(f.Detail)
	}
	a.err.Printf("\nNothing was changed: %s.\n", still)
	return &failure{told: true}
}

// changeLines says what a reload did.
func changeLines(c *gateway.Change) string {
	var b strings.Builder
	if c.From == c.To {
		fmt.Fprintf(&b, "Reloaded configuration %s: nothing in it has changed.\n", c.To)
	} else {
		fmt.Fprintf(&b, "Reloaded: configuration %s is now %s, after %.2f s.\n", c.From, c.To, c.Took.Seconds())
	}
	for _, part := range []struct {
		word string
		list []string
	}{{"new", c.Added}, {"gone", c.Removed}, {"changed", c.Changed}} {
		const shown = 10
		for _, name := range part.list[:min(len(part.list), shown)] {
			fmt.Fprintf(&b, "  %-8s %s\n", part.word, name)
		}
		if more := len(part.list) - shown; more > 0 {
			fmt.Fprintf(&b, "  … and %s more %s\n", term.Count(int64(more)), part.word)
		}
	}
	return b.String()
}

// tellReload tells a reload that nobody at this terminal asked for.
func (a *app) tellReload(c *gateway.Change, err error) {
	now := time.Now().Format(time.TimeOnly)
	if err == nil {
		if a.err.Terminal && c.From != c.To {
			a.err.Printf("%s  %s", now, changeLines(c))
		}
		return
	}
	if !a.err.Terminal {
		return // the log has told it
	}
	a.err.Printf("%s  %s the configuration was not reloaded:\n", now, a.err.Broken(a.err.Symbol("✗")))
	for line := range strings.SplitSeq(err.Error(), "\n") {
		a.err.Println("          " + line)
	}
}

// onHangup calls f for every SIGHUP until ctx ends. A gateway whose terminal was closed goes on serving.
func onHangup(ctx context.Context, f func()) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	go func() {
		defer signal.Stop(hangup)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangup:
				f()
			}
		}
	}()
}
