// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"yett/admin"
	"yett/internal/cli/term"
	"yett/practice/activity"
)

func (a *app) logReview() *cobra.Command {
	var p struct{ week, since, until, note string }
	var sign bool
	var show int
	cmd := &cobra.Command{Use: "review", Short: "what was otherwise in a period, for a person to look at and sign off", Args: cobra.NoArgs,
		Long: `Compares a period with the one of the same length before it: the last whole week, or --week, or --since and --until.
--sign records, for good, that you have looked at it; you are whom the operating system says you are.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.note != "" && !sign {
				return usage("yett log review --sign --note …", "a note is part of a sign-off")
			}
			q := url.Values{"week": {p.week}, "since": {p.since}, "until": {p.until}}
			return a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				if sign {
					in := map[string]string{"week": p.week, "since": p.since, "until": p.until, "note": p.note}
					return a.signReview(cmd, c, in)
				}
				var raw json.RawMessage
				if err := c.Call(cmd.Context(), "GET", "/records/review?"+q.Encode(), nil, &raw); err != nil {
					return err
				}
				var r struct {
					activity.Review
					Stuck *activity.Stuck
				}
				if err := json.Unmarshal(raw, &r); err != nil {
					return err
				}
				if show > 0 {
					return a.showDiffers(cmd, c, &r.Review, show)
				}
				if a.json {
					return a.printJSON(raw)
				}
				a.warnState(activity.State{Stuck: r.Stuck})
				a.printReview(&r.Review)
				return nil
			})
		}}
	f := cmd.Flags()
	f.StringVar(&p.week, "week", "", "week, like 2026-W47")
	f.StringVar(&p.since, "since", "", "first day, like 2026-11-16")
	f.StringVar(&p.until, "until", "", "day after the last one")
	f.BoolVar(&sign, "sign", false, "record that you have looked at it")
	f.StringVar(&p.note, "note", "", "what you found, with --sign")
	f.IntVar(&show, "show", 0, "the records behind a line")
	return cmd
}

func (a *app) signReview(cmd *cobra.Command, c *admin.Client, in map[string]string) error {
	var s activity.Signed
	if err := c.Call(cmd.Context(), "POST", "/records/review", in, &s); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(s)
	}
	a.out.Printf("Signed by %s: %s. It is a record, and cannot be taken back.\n", s.By, periodWords(s.Since, s.Until))
	return nil
}

// showDiffers shows the records behind one line of a review.
func (a *app) showDiffers(cmd *cobra.Command, c *admin.Client, r *activity.Review, n int) error {
	if n > len(r.Differs) || r.Differs[n-1].Query == "" {
		return usage("yett log review lists the lines", "there is no line %d with records behind it", n)
	}
	var f found
	q := url.Values{"q": {r.Differs[n-1].Query}}
	if err := c.Call(cmd.Context(), "GET", "/records/search?"+q.Encode(), nil, &f); err != nil {
		return err
	}
	if a.json {
		return a.printLines(f.Records)
	}
	a.printRecords(f.Records, time.Now())
	a.out.Println(foundWords(f))
	return nil
}

func periodWords(since, until time.Time) string {
	last := until.AddDate(0, 0, -1)
	if since.Year() == last.Year() && since.Month() == last.Month() {
		return fmt.Sprintf("%d to %s", since.Day(), last.Format("2 January 2006"))
	}
	return since.Format("2 January 2006") + " to " + last.Format("2 January 2006")
}

func (a *app) printReview(r *activity.Review) {
	share := func(n int64) string {
		if r.Requests == 0 {
			return "none"
		}
		return fmt.Sprintf("%.2g %%", 100*float64(n)/float64(r.Requests))
	}
	a.out.Printf("Review of %s: %s %s, %s refused, %s failed. ", periodWords(r.Since, r.Until), term.Count(r.Requests), plural(int(r.Requests), "request"), share(r.Refused), share(r.Failed))
	switch n := len(r.Differs); {
	case r.Truncated:
		a.out.Printf("More than %d things differ.\n", n)
	case n == 0:
		a.out.Println("Nothing differs.")
	case n == 1:
		a.out.Println("One thing differs.")
	default:
		a.out.Printf("%d things differ.\n", n)
	}
	if len(r.Differs) > 0 {
		a.out.Println()
	}
	for i, d := range r.Differs {
		was := ""
		if d.Before > 0 {
			was = ", was " + term.Count(d.Before)
		}
		count := ""
		if d.Count > 0 {
			count = ": " + term.Count(d.Count) + was
		}
		a.out.Printf("%3d  %-10s %s%s\n", i+1, d.Kind, harmless(d.Text), count)
	}
	if r.Bad == "" {
		a.out.Println("\nAs usual: records whole.")
	}
	if len(r.Signed) == 0 {
		a.out.Printf("\nNobody has signed it.\n  yett log review --show 1              the records behind a line\n  yett log review --sign --note \"…\"     sign; cannot be taken back\n")
		return
	}
	a.out.Println()
	for _, s := range r.Signed {
		a.out.Printf("Signed by %s, %s. %s\n", s.By, s.At.Format("2 Jan 2006 15:04"), harmless(s.Note))
	}
}
