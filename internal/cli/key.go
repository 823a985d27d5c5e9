// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	xterm "golang.org/x/term"

	"yett/admin"
	"yett/internal/cli/term"
)

// key is a key as the admin API answers it.
type key struct {
	ID         string    `json:"id"`
	Key        string    `json:"key,omitzero"`
	Client     string    `json:"client"`
	Owner      string    `json:"owner,omitzero"`
	Plan       string    `json:"plan,omitzero"`
	Scopes     []string  `json:"scopes"`
	AllScopes  bool      `json:"all_scopes,omitzero"`
	Networks   []string  `json:"networks,omitempty"`
	Created    time.Time `json:"created"`
	Expires    time.Time `json:"expires,omitzero"`
	Revoked    time.Time `json:"revoked,omitzero"`
	Replaces   string    `json:"replaces,omitzero"`
	ReplacedBy string    `json:"replaced_by,omitzero"`
	GraceEnds  time.Time `json:"grace_ends,omitzero"`
	LastUsed   time.Time `json:"last_used,omitzero"`
	State      string    `json:"state"`
	Calls30D   *int64    `json:"calls_30d,omitzero"`
}

func (k key) scopes() string {
	if k.AllScopes {
		return "all"
	}
	if len(k.Scopes) == 0 {
		return "none"
	}
	return strings.Join(k.Scopes, ", ")
}

func (a *app) keyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "key", Short: "API keys: create, list, show, rotate, revoke, usage, import"}
	cmd.AddCommand(a.keyCreate(), a.keyList(), a.keyShow(), a.keyRotate(), a.keyRevoke(), a.keyUsageCommand(), a.keyImport())
	return cmd
}

// span reads a duration; d is a day.
func span(s string) (time.Duration, error) {
	if s == "" {
		return 0, errors.New("no duration")
	}
	days, rest := 0, s
	if before, after, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.Atoi(before)
		if err != nil || n < 0 || n > 36500 {
			return 0, fmt.Errorf("%q is not a duration", s)
		}
		days, rest = n, after
	}
	d := time.Duration(days) * 24 * time.Hour
	if rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil || more < 0 {
		return 0, fmt.Errorf("%q is not a duration", s)
	}
	return d + more, nil
}

func (a *app) keyCreate() *cobra.Command {
	var in struct {
		Client     string   `json:"client"`
		Owner      string   `json:"owner,omitempty"`
		Plan       string   `json:"plan,omitempty"`
		Scopes     []string `json:"scopes,omitempty"`
		Networks   []string `json:"networks,omitempty"`
		ExpiresInS int64    `json:"expires_in_s,omitempty"`
	}
	var expires string
	cmd := &cobra.Command{Use: "create --client NAME", Short: "make a key; it is shown once", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if in.Client == "" {
				return usage("yett key create --client partner-nord --scope orders:read --expires 90d", "a key needs a client: --client NAME")
			}
			if expires != "" {
				d, err := span(expires)
				if err != nil || d < time.Second {
					return usage("--expires 90d", "--expires: %q is not a duration", expires)
				}
				in.ExpiresInS = int64(d / time.Second)
			}
			var made key
			err := a.withAdmin(cmd.Context(), func(c *admin.Client) error { return c.Call(cmd.Context(), "POST", "/keys", in, &made) })
			if err != nil {
				return err
			}
			return a.newKey(made, "")
		}}
	f := cmd.Flags()
	f.StringVar(&in.Client, "client", "", "the application that will use it")
	f.StringVar(&in.Owner, "owner", "", "the person who answers for it")
	f.StringVar(&in.Plan, "plan", "", "the plan its limits come from")
	f.StringArrayVar(&in.Scopes, "scope", nil, "a scope it holds; may be repeated")
	f.StringArrayVar(&in.Networks, "network", nil, "a network it works from, as CIDR; may be repeated")
	f.StringVar(&expires, "expires", "", "when it ends, for instance 90d (default: never)")
	return cmd
}

// newKey prints a fresh key. On a pipe standard output holds the key alone.
func (a *app) newKey(k key, note string) error {
	if a.json {
		return a.printJSON(k)
	}
	info := a.out
	if a.out.Terminal {
		a.out.Printf("\n%s\n\n  %s\n\n", a.out.Bold(fmt.Sprintf("Key %s for %s, shown only now:", k.ID, k.Client)), a.out.Bold(k.Key))
	} else {
		a.out.Println(k.Key)
		info = a.err
		info.Printf("Key %s for %s, shown only now.\n\n", k.ID, k.Client)
	}
	networks := "all"
	if len(k.Networks) > 0 {
		networks = strings.Join(k.Networks, ", ")
	}
	info.Printf("  Scopes    %s\n  Networks  %s\n  Ends      %s\n", k.scopes(), networks, ends(k, time.Now()))
	if note != "" {
		info.Println("\n" + note)
	}
	info.Printf("\nTake it back: yett key revoke %s\n", k.ID)
	return nil
}

func ends(k key, now time.Time) string {
	if k.Expires.IsZero() {
		return "never"
	}
	switch left := k.Expires.Sub(now); {
	case left < 0:
		return soonWords(k.Expires, now)
	case left < 48*time.Hour:
		return term.When(k.Expires, now) + ", " + soonWords(k.Expires, now)
	}
	return k.Expires.Local().Format("2 Jan 2006") + ", " + soonWords(k.Expires, now)
}

func (a *app) keyShow() *cobra.Command {
	return &cobra.Command{Use: "show ID", Short: "one key, without its secret", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var k key
			err := a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				return c.Call(cmd.Context(), "GET", "/keys/"+url.PathEscape(args[0]), nil, &k)
			})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(k)
			}
			now := time.Now()
			a.out.Printf("%s of %s is %s.\n\n", k.ID, k.Client, k.State)
			for _, line := range [][2]string{{"Owner", k.Owner}, {"Plan", k.Plan}, {"Scopes", k.scopes()}, {"Networks", strings.Join(k.Networks, ", ")},
				{"Created", term.When(k.Created, now)}, {"Ends", ends(k, now)}, {"Last used", term.Ago(k.LastUsed, now)},
				{"Replaces", k.Replaces}, {"Replaced", k.ReplacedBy}} {
				if line[1] != "" {
					a.out.Printf("  %-10s%s\n", line[0], line[1])
				}
			}
			return nil
		}}
}

func (a *app) keyRotate() *cobra.Command {
	var grace string
	cmd := &cobra.Command{Use: "rotate ID", Short: "make a successor; the old key works through a grace period", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := map[string]int64{}
			if grace != "" {
				d, err := span(grace)
				if err != nil {
					return usage("--grace 24h", "--grace: %q is not a duration", grace)
				}
				in["grace_s"] = int64(d / time.Second)
			}
			var made key
			err := a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				return c.Call(cmd.Context(), "POST", "/keys/"+url.PathEscape(args[0])+"/rotate", in, &made)
			})
			if err != nil {
				return err
			}
			return a.newKey(made, fmt.Sprintf("It replaces %s, which works on through its grace period: yett key show %s", args[0], args[0]))
		}}
	cmd.Flags().StringVar(&grace, "grace", "", "how long the old key works on, for instance 24h; 0s ends it now")
	return cmd
}

func (a *app) keyRevoke() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{Use: "revoke ID", Short: "end a key within a second", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var k key
			agreed := true
			err := a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				path := "/keys/" + url.PathEscape(args[0])
				if err := c.Call(cmd.Context(), "GET", path, nil, &k); err != nil {
					return err
				}
				if agreed = yes || !a.asks() || a.confirm(effect(k)); !agreed {
					return nil
				}
				return c.Call(cmd.Context(), "POST", path+"/revoke", nil, &k)
			})
			if err != nil {
				return err
			}
			if !agreed {
				a.err.Println("Nothing was changed.")
				return nil
			}
			if a.json {
				return a.printJSON(k)
			}
			a.out.Printf("%s of %s is revoked. That cannot be taken back; a new key: yett key create --client %s\n", k.ID, k.Client, k.Client)
			return nil
		}}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// effect is the question before a key ends for good.
func effect(k key) string {
	calls := "It was never used."
	if k.Calls30D != nil && *k.Calls30D > 0 {
		calls = fmt.Sprintf("It made %s %s in 30 days; they get 401 within a second.", term.Count(*k.Calls30D), plural(int(*k.Calls30D), "call"))
	}
	return fmt.Sprintf("Revoke %s of %s? %s", k.ID, k.Client, calls)
}

// asks reports whether there is somebody to ask: scripts are not asked, and go on.
func (a *app) asks() bool { return a.err.Terminal && xterm.IsTerminal(int(a.in.Fd())) }

// confirm asks on the terminal; the answer is no unless it is yes.
func (a *app) confirm(question string) bool {
	a.err.Printf("%s [y/N] ", question)
	line, err := bufio.NewReader(a.in).ReadString('\n')
	return err == nil && strings.EqualFold(strings.TrimSpace(line), "y")
}
