// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

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
	cmd.AddCommand(a.keyCreate(), a.keyList(), a.keyShow(), a.keyRotate(), a.keyRevoke(), a.keyUsage(), a.keyImport())
	return cmd
}

// span reads a duration; d is a day.
func span(s string) (time.Duration, error) {
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
	if !a.out.Terminal {
		a.out.Println(k.Key)
		info = a.err
	} else {
		a.out.Printf("Key %s for %s, shown only now:\n\n  %s\n\n", k.ID, k.Client, a.out.Bold(k.Key))
	}
	networks := "all"
	if len(k.Networks) > 0 {
		networks = strings.Join(k.Networks, ", ")
	}
	info.Printf("  Key       %s of %s\n  Scopes    %s\n  Networks  %s\n  Ends      %s\n", k.ID, k.Client, k.scopes(), networks, ends(k, time.Now()))
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
	left := k.Expires.Sub(now)
	switch {
	case left < 0:
		return "ended " + term.When(k.Expires, now)
	case left < 48*time.Hour:
		return fmt.Sprintf("%s, in %d hours", term.When(k.Expires, now), int(left.Hours()+0.5))
	}
	return fmt.Sprintf("%s, in %d days", k.Expires.Local().Format("2 Jan 2006"), int(left.Hours()/24+0.5))
}

func (a *app) keyList() *cobra.Command {
	var all bool
	var client string
	cmd := &cobra.Command{Use: "list", Short: "the keys that need you and the busiest", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var page struct {
				Keys    []key  `json:"keys"`
				Total   int64  `json:"total"`
				Working int64  `json:"working"`
				Next    string `json:"next,omitzero"`
			}
			q := url.Values{"limit": {"1000"}}
			if client != "" {
				q.Set("client", client)
			}
			if !all {
				q.Set("working", "true")
			}
			err := a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				return c.Call(cmd.Context(), "GET", "/keys?"+q.Encode(), nil, &page)
			})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(page)
			}
			if len(page.Keys) == 0 {
				a.out.Println("There is no key. Make one: yett key create --client NAME")
				return nil
			}
			now := time.Now()
			t := &term.Table{Heads: []string{"KEY", "CLIENT", "OWNER", "SCOPES", "LAST USED", "CALLS 30 D", "ENDS"},
				Right: []bool{5: true}, Drop: []int{3, 5, 4}}
			for _, k := range page.Keys {
				t.Rows = append(t.Rows, a.keyRow(k, now))
			}
			a.out.Print(t)
			if int64(len(page.Keys)) < page.Total {
				a.out.Printf("\n%d of %s keys. All: yett key list --all\n", len(page.Keys), term.Count(page.Total))
			}
			return nil
		}}
	cmd.Flags().BoolVar(&all, "all", false, "ended and revoked keys too")
	cmd.Flags().StringVar(&client, "client", "", "keys of one client")
	return cmd
}

func (a *app) keyRow(k key, now time.Time) []string {
	owner, end, scopes := k.Owner, ends(k, now), k.scopes()
	if owner == "" {
		owner = a.out.Soon("▲") + " none"
	}
	switch {
	case !k.Revoked.IsZero():
		end = "revoked " + term.When(k.Revoked, now)
	case k.ReplacedBy != "":
		scopes, end = "replaced by "+k.ReplacedBy, term.When(k.GraceEnds, now)
	case k.Expires.IsZero():
		end = a.out.Soon("▲") + " never"
	case k.Expires.Sub(now) < 7*24*time.Hour:
		end = a.out.Soon("▲") + " " + end
	}
	calls := "–"
	if k.Calls30D != nil {
		calls = term.Count(*k.Calls30D)
	}
	return []string{k.ID, k.Client, owner, scopes, term.Ago(k.LastUsed, now), calls, end}
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
			if !yes && !a.json && a.out.Terminal && !a.confirm(fmt.Sprintf("Revoke %s? Its callers get 401 within a second.", args[0])) {
				a.out.Println("Nothing was changed.")
				return nil
			}
			var k key
			err := a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				return c.Call(cmd.Context(), "POST", "/keys/"+url.PathEscape(args[0])+"/revoke", nil, &k)
			})
			if err != nil {
				return err
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

// confirm asks on the terminal; the answer is no unless it is yes.
func (a *app) confirm(question string) bool {
	a.err.Printf("%s [y/N] ", question)
	line, err := bufio.NewReader(a.in).ReadString('\n')
	return err == nil && strings.EqualFold(strings.TrimSpace(line), "y")
}

func (a *app) keyUsage() *cobra.Command {
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
			return a.usageTables(args[0], days, raw)
		}}
	cmd.Flags().IntVar(&days, "days", 30, "how many days back")
	return cmd
}

func (a *app) usageTables(id string, days int, raw json.RawMessage) error {
	var u struct {
		Days []struct {
			Day            string
			Calls, Refused int64
		}
		Operations []struct {
			Operation      string
			Calls, Refused int64
			LastUsed       time.Time `json:"last_used"`
		}
		Calls, Refused int64
	}
	if err := json.Unmarshal(raw, &u); err != nil {
		return err
	}
	if u.Calls == 0 {
		a.out.Printf("%s: no calls in %d days.\n", id, days)
		return nil
	}
	a.out.Printf("%s: %s calls in %d days, %.1f %% refused.\n\n", id, term.Count(u.Calls), days, 100*float64(u.Refused)/float64(u.Calls))
	most := int64(1)
	for _, d := range u.Days {
		most = max(most, d.Calls)
	}
	t := &term.Table{Heads: []string{"DAY", "CALLS", "", "REFUSED"}, Right: []bool{1: true, 3: true}, Drop: []int{2}}
	for _, d := range u.Days {
		t.Rows = append(t.Rows, []string{d.Day, term.Count(d.Calls), strings.Repeat("━", int(20*d.Calls/most)), term.Count(d.Refused)})
	}
	a.out.Print(t)
	a.out.Println()
	now := time.Now()
	t = &term.Table{Heads: []string{"OPERATION", "CALLS", "REFUSED", "LAST USED"}, Right: []bool{1: true, 2: true}}
	for _, o := range u.Operations {
		t.Rows = append(t.Rows, []string{o.Operation, term.Count(o.Calls), term.Count(o.Refused), term.Ago(o.LastUsed, now)})
	}
	a.out.Print(t)
	return nil
}

func (a *app) keyImport() *cobra.Command {
	return &cobra.Command{Use: "import FILE", Short: "make many keys from a file of JSON lines, printed one a line", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return usage("", "%s", err)
			}
			defer func() { _ = f.Close() }() // only read
			return a.withAdmin(cmd.Context(), func(c *admin.Client) error { return a.importKeys(cmd.Context(), c, f) })
		}}
}

func (a *app) importKeys(ctx context.Context, c *admin.Client, f *os.File) error {
	return c.Copy(ctx, "POST", "/keys/import", "application/x-ndjson", f, a.out)
}
