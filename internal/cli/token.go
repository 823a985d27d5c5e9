// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"yett/admin"
	"yett/internal/cli/term"
	"yett/practice/token"
)

func (a *app) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "access tokens: inspect, revoke, revocations"}
	cmd.AddCommand(a.tokenInspect(), a.tokenRevoke(), a.tokenRevocations())
	return cmd
}

// maxTokenText bounds what is read from stdin.
const maxTokenText = 64 << 10

func (a *app) tokenInspect() *cobra.Command {
	var stdin bool
	cmd := &cobra.Command{Use: "inspect TOKEN | -", Short: "what a token says, and what is thought of it", Args: cobra.MaximumNArgs(1),
		Long: `What a token says, and what is thought of it.

Other users of the machine can see the arguments of a process, and a shell keeps
them in its history: with - or --stdin the token is read from stdin.

Issuers are known only to a running gateway.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			text := "-"
			if len(args) == 1 {
				text = args[0]
			}
			if len(args) == 0 && !stdin || stdin && text != "-" {
				return usage("yett token inspect - < token.txt", "name one token, or - to read it from stdin")
			}
			var err error
			if text == "-" {
				if text, err = tokenFrom(cmd.InOrStdin()); err != nil {
					return err
				}
			}
			var in token.Inspection
			err = a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				return c.Call(cmd.Context(), "POST", "/tokens/inspect", map[string]string{"token": text}, &in)
			})
			if err != nil {
				return err
			}
			if a.json {
				err = a.printJSON(in)
			} else {
				a.printInspection(in)
			}
			if err == nil && !in.Valid {
				return &failure{what: "the token is refused", told: true}
			}
			return err
		}}
	cmd.Flags().BoolVar(&stdin, "stdin", false, "read the token from stdin, as - does")
	return cmd
}

// tokenFrom reads a token from stdin.
func tokenFrom(in io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(in, maxTokenText))
	return strings.TrimSpace(string(b)), err
}

func (a *app) printInspection(in token.Inspection) {
	first := "The token is good."
	for _, j := range in.Judging {
		if !j.OK {
			first = "The token is refused: " + j.Why + "."
			break
		}
	}
	a.out.Println("\n" + a.out.Bold(harmless(first)) + "\n")
	if in.Place != "" {
		a.out.Printf("  Trusted at  %s\n\n", in.Place)
	}
	t := &term.Table{Heads: []string{"RULE", "", ""}}
	for _, j := range in.Judging {
		mark := a.out.Symbol("✓") + " met"
		if !j.OK {
			mark = a.out.Refused(a.out.Symbol("◆") + " refused")
		}
		t.Rows = append(t.Rows, []string{j.Rule, mark, harmless(j.Why)})
	}
	a.out.Print(t)
	if len(in.Claims) == 0 {
		return
	}
	claims := &term.Table{Heads: []string{"CLAIM", "VALUE"}, Cut: 1}
	for _, c := range in.Claims {
		value := string(c.Value)
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && (c.Name == "exp" || c.Name == "nbf" || c.Name == "iat") {
			value += "  " + time.Unix(n, 0).UTC().Format(time.RFC3339)
		}
		claims.Rows = append(claims.Rows, []string{harmless(c.Name), harmless(value)})
	}
	a.out.Println()
	a.out.Print(claims)
}

func (a *app) tokenRevoke() *cobra.Command {
	in := make(map[string]any)
	var id, subject, client, before, issuer, reason string
	cmd := &cobra.Command{Use: "revoke --id J | --subject S | --client C | --issued-before T | -", Short: "take tokens back; there is no way to take that back",
		Args: cobra.MaximumNArgs(1),
		Long: `Take tokens back; there is no way to take that back.

With - a token is read from stdin, and taken back by its id (jti) and its issuer.
It is never an argument: other users of the machine can see those.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			named := 0
			if len(args) == 1 {
				if args[0] != "-" || id+subject+client+issuer+before != "" {
					return usage("yett token revoke - < token.txt", "the token comes from stdin, and names its id and its issuer itself")
				}
				text, err := tokenFrom(cmd.InOrStdin())
				if err != nil {
					return err
				}
				if text == "" {
					return usage("yett token revoke - < token.txt", "there is no token in the input")
				}
				in["token"] = text
				named++
			}
			for name, value := range map[string]string{"id": id, "subject": subject, "client": client, "issuer": issuer, "reason": reason} {
				if value != "" {
					in[name] = value
				}
				if value != "" && name != "issuer" && name != "reason" {
					named++
				}
			}
			if before != "" {
				t, err := moment(before, time.Now())
				if err != nil {
					return err
				}
				in["issued_before"] = t
			}
			if named > 1 || named == 0 && before == "" {
				return usage("yett token revoke --subject greta", "name one of --id, --subject, --client, or a moment: --issued-before")
			}
			var r token.Revoked
			err := a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				return c.Call(cmd.Context(), "POST", "/tokens/revoke", in, &r)
			})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(r)
			}
			a.out.Println(a.out.Bold("Revoked: " + harmless(tokensOf(r.Revocation)) + "."))
			if r.Warning != "" {
				a.err.Printf("%s The issuer %s: %s.\n", a.err.Soon("!"), harmless(r.Issuer), r.Warning)
			}
			a.out.Println("It holds from the next request on, on other nodes within a second. There is no way back but a new token.")
			if r.Until.After(r.Created) {
				a.out.Println("An issuer's clock may be a minute ahead: what it issues until " + r.Until.UTC().Format(time.TimeOnly) + " UTC is refused too.")
			}
			return nil
		}}
	f := cmd.Flags()
	f.StringVar(&id, "id", "", "the token with this jti")
	f.StringVar(&subject, "subject", "", "all tokens of a subject (sub) that were issued so far, and within the next minute")
	f.StringVar(&client, "client", "", "all tokens of a client that were issued so far, and within the next minute")
	f.StringVar(&before, "issued-before", "", "those issued before: 2026-11-24T03:00:00Z, or 2h for two hours ago, or now")
	f.StringVar(&issuer, "issuer", "", "those of one issuer alone")
	f.StringVar(&reason, "reason", "", "one line for who reads the list")
	return cmd
}

// moment reads an instant, or how long ago it was.
func moment(s string, now time.Time) (time.Time, error) {
	if s == "now" {
		return now, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, s, time.Local); err == nil {
		return t, nil
	}
	d, err := span(s)
	if err != nil {
		return now, usage("--issued-before 2026-11-24T03:00:00Z", "--issued-before: %q is neither an instant nor a duration", s)
	}
	return now.Add(-d), nil
}

// tokensOf says which tokens a revocation takes back.
func tokensOf(r token.Revocation) string {
	words := "all tokens"
	switch r.Kind {
	case token.ByID:
		words = "the token " + r.Name
	case token.BySubject:
		words = "all tokens of " + r.Name
	case token.ByClient:
		words = "all tokens of the client " + r.Name
	}
	if r.Issuer != "" {
		words += " by " + r.Issuer
	}
	if !r.Until.IsZero() {
		words += " issued up to " + r.Until.UTC().Format(time.RFC3339)
	}
	return words
}

func (a *app) tokenRevocations() *cobra.Command {
	var limit int
	cmd := &cobra.Command{Use: "revocations", Short: "what was taken back, the newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list struct {
				Revocations []token.Revocation `json:"revocations"`
				Total       int64              `json:"total"`
			}
			q := url.Values{"limit": {strconv.Itoa(limit)}}
			err := a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				return c.Call(cmd.Context(), "GET", "/tokens/revocations?"+q.Encode(), nil, &list)
			})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(list)
			}
			if list.Total == 0 {
				a.out.Println("Nothing was revoked.")
				return nil
			}
			t := &term.Table{Heads: []string{"WHEN", "REVOKED", "REASON"}, Drop: []int{2}, Cut: 1}
			now := time.Now()
			for _, r := range list.Revocations {
				t.Rows = append(t.Rows, []string{term.When(r.Created, now), harmless(tokensOf(r)), harmless(r.Reason)})
			}
			a.out.Println()
			a.out.Print(t)
			if n := int64(len(list.Revocations)); n < list.Total {
				a.out.Println(fmt.Sprintf("\n%d of %s, the newest. More: --limit", n, term.Count(list.Total)))
			}
			return nil
		}}
	cmd.Flags().IntVar(&limit, "limit", 100, "at most this many, up to 1000")
	return cmd
}
