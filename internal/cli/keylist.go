// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"yett/admin"
	"yett/internal/cli/term"
)

// A keyPage is what the admin API lists at once.
type keyPage struct {
	Keys    []key  `json:"keys"`
	Total   int64  `json:"total"`
	Working int64  `json:"working"`
	Next    string `json:"next,omitzero"`
}

// eachPage calls f with one page after the other.
func (a *app) eachPage(ctx context.Context, q url.Values, f func(keyPage) error) error {
	q.Set("limit", "1000")
	return a.withAdmin(ctx, func(c *admin.Client) error {
		for {
			var page keyPage
			if err := c.Call(ctx, "GET", "/keys?"+q.Encode(), nil, &page); err != nil {
				return err
			}
			if err := f(page); err != nil || page.Next == "" {
				return err
			}
			q.Set("after", page.Next)
		}
	})
}

func (a *app) keyList() *cobra.Command {
	var all bool
	var client string
	cmd := &cobra.Command{Use: "list", Short: "the keys that need you and the busiest", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{}
			if client != "" {
				q.Set("client", client)
			}
			if !all {
				q.Set("working", "true")
			}
			list := keyPage{Keys: []key{}}
			now := time.Now()
			choose := !all && client == "" && !a.json
			err := a.eachPage(cmd.Context(), q, func(p keyPage) error {
				list.Keys, list.Total, list.Working = append(list.Keys, p.Keys...), p.Total, p.Working
				if choose {
					list.Keys = foremost(list.Keys, now)
				}
				return nil
			})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(list)
			}
			a.printKeys(list, now)
			if choose && int64(len(list.Keys)) < list.Total {
				a.out.Printf("\n%d of %s keys, those that need you and the busiest. All: yett key list --all\n", len(list.Keys), term.Count(list.Total))
			}
			return nil
		}}
	cmd.Flags().BoolVar(&all, "all", false, "every key, ended and revoked ones too")
	cmd.Flags().StringVar(&client, "client", "", "keys of one client")
	return cmd
}

const (
	shownNeedy   = 15 // keys that need somebody, at most
	shownBusiest = 3
	endsSoon     = 7 * 24 * time.Hour
	unusedLong   = 90 * 24 * time.Hour
)

// needsYou reports whether somebody should look at a key that works: nobody owns it, it never ends or ends soon, it is
// being replaced, or nobody has used it for long.
func needsYou(k key, now time.Time) bool {
	idle := k.LastUsed
	if idle.IsZero() {
		idle = k.Created
	}
	return k.Owner == "" || k.Expires.IsZero() || k.Expires.Sub(now) < endsSoon || k.ReplacedBy != "" || now.Sub(idle) > unusedLong
}

// foremost picks the keys that need somebody and the busiest, the busiest first. Applied page by page it picks the same.
func foremost(keys []key, now time.Time) []key {
	calls := func(k key) int64 {
		if k.Calls30D == nil {
			return 0
		}
		return *k.Calls30D
	}
	slices.SortStableFunc(keys, func(x, y key) int { return cmp.Compare(calls(y), calls(x)) })
	var out []key
	needy, busy := 0, 0
	for _, k := range keys {
		switch {
		case needsYou(k, now) && needy < shownNeedy:
			needy++
		case busy < shownBusiest:
			busy++
		default:
			continue
		}
		out = append(out, k)
	}
	return out
}

func (a *app) printKeys(list keyPage, now time.Time) {
	if len(list.Keys) == 0 {
		a.out.Println("There is no key. Make one: yett key create --client NAME")
		return
	}
	t := &term.Table{Heads: []string{"KEY", "CLIENT", "OWNER", "SCOPES", "LAST USED", "CALLS 30 D", "ENDS"},
		Right: []bool{5: true}, Drop: []int{5, 4, 2}, Cut: 3}
	for _, k := range list.Keys {
		t.Rows = append(t.Rows, a.keyRow(k, now))
	}
	a.out.Println()
	a.out.Print(t)
}

func (a *app) keyRow(k key, now time.Time) []string {
	soon := a.out.Soon(a.out.Symbol("▲")) + " "
	owner, scopes := k.Owner, k.scopes()
	if owner == "" {
		owner = soon + "none"
	}
	var end string
	switch {
	case !k.Revoked.IsZero():
		end = "revoked " + term.When(k.Revoked, now)
	case k.ReplacedBy != "":
		scopes, end = "replaced by "+k.ReplacedBy, term.When(k.GraceEnds, now)
	case k.Expires.IsZero():
		end = soon + "never"
	case k.Expires.Sub(now) < endsSoon:
		end = soon + soonWords(k.Expires, now)
	default:
		end = k.Expires.Local().Format("2 Jan 2006")
	}
	calls := "–"
	if k.Calls30D != nil {
		calls = term.Count(*k.Calls30D)
	}
	return []string{k.ID, k.Client, owner, scopes, term.Ago(k.LastUsed, now), calls, end}
}

// soonWords says when something near ends.
func soonWords(t, now time.Time) string {
	switch left := t.Sub(now); {
	case left < 0:
		return "ended " + term.When(t, now)
	case left < 2*time.Hour:
		return fmt.Sprintf("in %d min", int(left.Minutes()+0.5))
	case left < 48*time.Hour:
		return fmt.Sprintf("in %d hours", int(left.Hours()+0.5))
	default:
		return fmt.Sprintf("in %d days", int(left.Hours()/24+0.5))
	}
}
