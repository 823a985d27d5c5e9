// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"yett/admin"
	"yett/internal/cli/term"
	"yett/ledger"
	"yett/practice/activity"
)

// logCommand is everything about records.
func (a *app) logCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "log", Short: "records: find, follow, verify, export and review them"}
	cmd.AddCommand(a.logSearch(), a.logTail(), a.logShow(), a.logVerify(), a.logCheckpoint(), a.logExport(), a.logSinks(), a.logShred(), a.logReview(), a.logAccept())
	return cmd
}

const queryHelp = `A search is terms that must all hold: FIELD OPERATOR VALUE, with = != > >= < <= ~ (contains); commas mean one of.

  status>=400 client=acme-mobile since=1h
  op=createOrder,getOrder status=4xx practice!=ratelimit
  address=192.0.2.0/24 since=2026-11-23 until=2026-11-24

Fields: kind id seq api op method path status principal client key subject person actor address code practice decision
rule reached aborted duration upstream bytes_in bytes_out proto trace since until`

// found is the answer to a search.
type found struct {
	Records []record        `json:"records"`
	Matched int64           `json:"matched"`
	All     bool            `json:"all"`
	Of      int64           `json:"of"`
	Took    float64         `json:"took"`
	Period  activity.Period `json:"period"`
	activity.State
}

func (a *app) logSearch() *cobra.Command {
	var limit int
	cmd := &cobra.Command{Use: "search QUERY", Short: "records that match, the newest first", Long: queryHelp, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			var f found
			err := a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				q := url.Values{"q": {strings.Join(args, " ")}, "limit": {fmt.Sprint(limit)}}
				return c.Call(cmd.Context(), "GET", "/records/search?"+q.Encode(), nil, &f)
			})
			if err != nil {
				return queryError(err)
			}
			a.warnState(f.State)
			a.periodWarning(f.Period)
			if a.json {
				return a.printLines(f.Records)
			}
			a.printRecords(f.Records, time.Now())
			a.out.Println(foundWords(f))
			return nil
		}}
	cmd.Flags().IntVarP(&limit, "limit", "n", 100, "most records to show")
	return cmd
}

// queryError gives a wrong search its way on.
func queryError(err error) error {
	if e, ok := errors.AsType[*admin.Error](err); ok && e.Code == "bad_query" {
		return usage("yett log search --help", "%s", e.Detail)
	}
	return err
}

// printLines prints a stream: one object a line.
func (a *app) printLines(all []record) error {
	for i := range all {
		b, err := json.Marshal(&all[i])
		if err != nil {
			return err
		}
		a.out.Println(string(b))
	}
	return nil
}

// foundWords is what a search came to, in one line.
func foundWords(f found) string {
	n := term.Count(f.Matched)
	if !f.All {
		n = "At least " + n
	}
	shown := ""
	if int64(len(f.Records)) < f.Matched || !f.All {
		shown = fmt.Sprintf("; the newest %s are shown (-n shows more)", term.Count(int64(len(f.Records))))
	}
	period := "in the period"
	if w := boundsWords(f.Period); w != "" {
		period += " " + w
	}
	return fmt.Sprintf("%s %s of %s %s, %.0f ms%s.", n, plural(int(f.Matched), "record"), term.Count(f.Of), period, f.Took*1000, shown)
}

func (a *app) printRecords(all []record, now time.Time) {
	if len(all) == 0 {
		return
	}
	t := &term.Table{Heads: []string{"TIME", "STATUS", "OPERATION", "CLIENT", "REASON", "ID"}, Drop: []int{3}, Cut: 4}
	for i := range all {
		t.Rows = append(t.Rows, a.recordRow(&all[i], now))
	}
	a.out.Println()
	a.out.Print(t)
	a.out.Println()
}

// recordRow is a record as a line of a table.
func (a *app) recordRow(r *record, now time.Time) []string {
	at := r.Time.UTC().Format(time.TimeOnly)
	if now.Sub(r.Time) > 24*time.Hour {
		at = r.Time.UTC().Format("2 Jan 15:04:05")
	}
	if r.Kind != activity.KindExchange {
		return []string{at, r.Kind, r.Op, r.Actor, noticeWords(r), r.ID}
	}
	op := cmp.Or(r.Op, "(undeclared)")
	client := ""
	if p := r.Principal; p != nil {
		client = harmless(cmp.Or(p.Client, p.Key, p.Subject, p.Person))
	}
	return []string{at, a.statusWord(r), op, client, why(r), r.ID}
}

// statusWord marks refused and failed apart.
func (a *app) statusWord(r *record) string {
	s := fmt.Sprint(r.Status)
	switch {
	case r.Status == 0 || r.Aborted:
		return a.out.Broken(a.out.Symbol("✗")) + " cut"
	case refuser(*r) != "" && r.Status < 500:
		return a.out.Refused(a.out.Symbol("◆")) + " " + s
	case r.Status >= 500:
		return a.out.Broken(a.out.Symbol("✗")) + " " + s
	}
	return "  " + s
}

// why says why a request was refused, in a few words.
func why(r *record) string {
	by := refuser(*r)
	if len(r.Findings) > 0 {
		f := r.Findings[0]
		return by + ": " + place(f.Pointer, f.Parameter, f.In) + " " + f.Detail
	}
	switch {
	case by != "":
		return by + ": " + r.Code
	case r.Code != "":
		return "upstream: " + r.Code
	}
	return ""
}

// noticeWords says what a line that is no exchange is about.
func noticeWords(r *record) string {
	switch r.Kind {
	case activity.KindGap:
		if r.From != 0 {
			return fmt.Sprintf("no records for %d to %d: %s", r.From, r.To, r.Cause)
		}
		return r.Cause
	case activity.KindAdmin:
		return harmless(strings.TrimSpace(r.Target + " " + r.Note))
	}
	return r.Cause
}

func (a *app) logTail() *cobra.Command {
	var last int
	cmd := &cobra.Command{Use: "tail [QUERY]", Short: "records as they come", Long: queryHelp, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				q := url.Values{"q": {strings.Join(args, " ")}}
				if last > 0 {
					q.Set("last", fmt.Sprint(last))
				}
				read, write := io.Pipe()
				printed := make(chan error, 1)
				go func() { printed <- a.printTail(read) }()
				s := &logStream{w: write}
				err := c.Copy(cmd.Context(), "GET", "/records/tail?"+q.Encode(), "", nil, s)
				err = errors.Join(queryError(err), write.Close(), <-printed)
				if cmd.Context().Err() != nil {
					return nil // stopped by Ctrl-C, which is how it ends
				}
				if err != nil {
					return err
				}
				if err := s.end(a, "what was shown"); err != nil {
					return err
				}
				// The gateway has ended, and with it the stream: whoever follows must know.
				return &failure{what: "the gateway has ended the stream", hint: "yett status tells whether it runs"}
			})
		}}
	cmd.Flags().IntVarP(&last, "last", "n", 0, "begin with so many of the newest records")
	return cmd
}

// printTail prints a stream of records as it comes.
func (a *app) printTail(r io.Reader) error {
	d := json.NewDecoder(r)
	for {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if a.json {
			a.out.Println(string(raw))
			continue
		}
		var e record
		if err := json.Unmarshal(raw, &e); err != nil {
			return err
		}
		row := a.recordRow(&e, e.Time)
		a.out.Printf("%s  %s  %s\n", row[0], row[1], strings.Join(slices.DeleteFunc(row[2:], func(s string) bool { return s == "" }), "  "))
	}
}

func (a *app) logShow() *cobra.Command {
	return &cobra.Command{Use: "show ID", Short: "one record, whole", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withAdmin(cmd.Context(), func(c *admin.Client) error { return a.explainID(cmd, c, args[0]) })
		}}
}

func (a *app) logVerify() *cobra.Command {
	var against string
	cmd := &cobra.Command{Use: "verify", Short: "whether the records are as they were written", Args: cobra.NoArgs,
		Long: `Reads every record, hash, checkpoint and index, and compares them with the newest checkpoint in the store, and with an
exported one (--against). Exit code 0: whole. 1: the first bad record is named.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{}
			if against != "" {
				b, err := os.ReadFile(against)
				if err != nil {
					return usage("yett log checkpoint > FILE makes one", "%v", err)
				}
				q.Set("against", onlyCheckpoint(string(b)))
			}
			var raw json.RawMessage
			dir, _, err := a.dataDir()
			if err != nil {
				return err
			}
			err = a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				return c.Call(cmd.Context(), "GET", "/records/verify?"+q.Encode(), nil, &raw)
			})
			if err != nil {
				return err
			}
			var r struct {
				ledger.Report
				activity.State
			}
			if err := json.Unmarshal(raw, &r); err != nil {
				return err
			}
			if a.json {
				if err := a.printJSON(raw); err != nil {
					return err
				}
			} else {
				a.warnState(r.State)
				a.printReport(&r.Report, dir)
			}
			if r.Bad != nil {
				return &failure{what: "the records are not as they were written", told: true}
			}
			return nil
		}}
	cmd.Flags().StringVar(&against, "against", "", "file with a checkpoint that was exported before")
	return cmd
}

// onlyCheckpoint leaves out the line with the key that yett log checkpoint prints below.
func onlyCheckpoint(s string) string {
	if i := strings.Index(s, "\n# key "); i >= 0 {
		s = s[:i]
	}
	return s
}

func (a *app) printReport(r *ledger.Report, dir string) {
	stamp := func(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04:05") }
	if b := r.Bad; b != nil {
		what := fmt.Sprintf("record %s", whole(b.Record))
		if b.ID != "" {
			what += " (" + harmless(b.ID) + ")"
		}
		a.out.Printf("%s %s: %s: %s.\n", a.out.Broken(a.out.Symbol("✗")), strings.ToUpper(b.What[:1])+b.What[1:], what, b.Detail)
		a.out.Printf("  File       %s, byte %s\n", filepath.Join(dir, "activity", filepath.Base(b.File)), whole(b.Byte))
		good := "no checkpoint vouches for any"
		if b.Checkpoint > 0 {
			good = fmt.Sprintf("%s records, checkpoint %s signed %s", whole(b.Whole), whole(b.Checkpoint), stamp(b.Signed))
		}
		a.out.Printf("  Whole      before it, %s\n", good)
		if b.Suspect > 0 {
			a.out.Printf("  Suspect    the %s records after these\n", whole(b.Suspect))
		}
		a.out.Println("  Next       keep the files; compare with an exported checkpoint: yett log verify --against FILE")
		return
	}
	if r.Records == 0 {
		a.out.Println("Nothing was recorded yet.")
		return
	}
	a.out.Printf("%s Whole: %s records, %s to %s, %d %s.\n", a.out.Proven(a.out.Symbol("✓")), whole(r.Records), stamp(r.First), stamp(r.Last), r.Segments, plural(r.Segments, "segment"))
	if r.Before > 0 {
		a.out.Printf("The %s records before these were old and are removed, as the log says.\n", whole(r.Before))
	}
	if r.Unsigned > 0 {
		a.out.Printf("The last %s are newer than the last checkpoint; they are whole but not yet signed.\n", whole(r.Unsigned))
	}
	for _, h := range r.Heads {
		a.out.Printf("Head: on %s %s.\n", stamp(h.Time), h.Cause)
	}
	for _, n := range r.Resumed {
		if n.Unsigned > 0 {
			a.out.Printf("Resumed: on %s after %s %s under no checkpoint; nothing tells whether they are what was written.\n", stamp(n.Time), whole(n.Unsigned), plural(int(n.Unsigned), "record"))
		}
	}
	for _, g := range r.Gaps {
		a.printGap(&g)
	}
	if r.Unsynced != nil {
		a.printGap(r.Unsynced)
	}
	if r.Torn > 0 {
		a.out.Printf("The unclean end left %s bytes that are no record.\n", whole(r.Torn))
	}
	if r.Unindexed > 0 {
		a.out.Printf("Without an index yet: %d %s; searches there read every record.\n", r.Unindexed, plural(r.Unindexed, "segment"))
	}
}

// printGap says which numbers have no record, and why.
func (a *app) printGap(g *ledger.Notice) {
	switch {
	case g.From == 0:
		a.out.Printf("Gap: %s.\n", g.Cause)
	case g.Open > 0:
		a.out.Printf("Gap: no records for numbers %d to %d, %s of them requests under way: %s.\n", g.From, g.To, whole(int64(g.Open)), g.Cause) // #nosec G115 -- a count
	default:
		a.out.Printf("Gap: no records for numbers %d to %d: %s.\n", g.From, g.To, g.Cause)
	}
}

// whole is a number with its thousands apart, no digit left out.
func whole(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func (a *app) logCheckpoint() *cobra.Command {
	return &cobra.Command{Use: "checkpoint", Short: "the newest signed checkpoint, to be kept elsewhere", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var out struct{ Checkpoint, Key string }
			err := a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				return c.Call(cmd.Context(), "GET", "/records/checkpoint", nil, &out)
			})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(map[string]string{"checkpoint": out.Checkpoint, "key": out.Key})
			}
			_, err = a.out.Write([]byte(out.Checkpoint + "\n# key " + out.Key + "\n"))
			return err
		}}
}

func (a *app) logExport() *cobra.Command {
	var format string
	cmd := &cobra.Command{Use: "export [QUERY]", Short: "records that match as lines of JSON, the oldest first; nothing sealed is opened", Long: queryHelp, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				q := url.Values{"q": {strings.Join(args, " ")}, "format": {format}}
				s := &logStream{w: a.out}
				if err := c.Copy(cmd.Context(), "GET", "/records/export?"+q.Encode(), "", nil, s); err != nil {
					return queryError(err)
				}
				return s.end(a, "the export")
			})
		}}
	cmd.Flags().StringVar(&format, "format", "yett", "yett or ocsf")
	return cmd
}

func (a *app) logShred() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{Use: "shred SUBJECT", Short: "make what the records say of one person unreadable, for good", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes {
				return usage("yett log shred --yes SUBJECT", "shredding cannot be taken back")
			}
			var out struct {
				Person string `json:"person"`
			}
			err := a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				return c.Call(cmd.Context(), "POST", "/records/shred", map[string]string{"subject": args[0]}, &out)
			})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(out)
			}
			a.out.Printf("Shredded: what the records of %s say of the person cannot be read any more. The records stay, and stay whole.\n", out.Person)
			a.out.Println("Backups of the store from before still hold the person's key, sealed.")
			return nil
		}}
	cmd.Flags().BoolVar(&yes, "yes", false, "shred, without asking")
	return cmd
}
