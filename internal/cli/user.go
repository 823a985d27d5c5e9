// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	xterm "golang.org/x/term"

	"yett/admin"
	"yett/internal/cli/term"
	"yett/practice/authn"
)

func (a *app) userCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "user", Short: "users with passwords: create, list, password, disable, enable, remove"}
	cmd.AddCommand(a.userCreate(), a.userList(), a.userPassword(),
		a.userChange("disable NAME", "keep a user out", "POST", "/disable", "is kept out, on every node within a second. The way back: yett user enable "),
		a.userChange("enable NAME", "let a user in again", "POST", "/enable", "may log in again."),
		a.userChange("remove NAME", "remove a user; there is no way back", "DELETE", "", "is removed."))
	return cmd
}

// maxPasswordText bounds what is read from stdin.
const maxPasswordText = 4 << 10

// password reads a new password: from stdin, or twice from a terminal that does not show it. It never comes as an argument,
// where others on the machine could see it.
func (a *app) password(cmd *cobra.Command, stdin bool) (string, error) {
	if stdin {
		b, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxPasswordText+1))
		if len(b) > maxPasswordText {
			return "", usage("", "the password is longer than %d bytes", maxPasswordText)
		}
		return strings.TrimRight(string(b), "\r\n"), err
	}
	fd := int(os.Stdin.Fd()) // #nosec G115 -- a descriptor is small
	if !xterm.IsTerminal(fd) {
		return "", usage("--stdin", "there is no terminal to ask for the password")
	}
	a.err.Printf("Password: ")
	first, err := xterm.ReadPassword(fd)
	a.err.Printf("\nAgain: ")
	second, err2 := xterm.ReadPassword(fd)
	a.err.Println()
	if err := errors.Join(err, err2); err != nil {
		return "", err
	}
	if string(first) != string(second) {
		return "", usage("", "the two passwords differ; nothing was changed")
	}
	return string(first), nil
}

func (a *app) userCreate() *cobra.Command {
	var client string
	var scopes []string
	var stdin bool
	cmd := &cobra.Command{Use: "create NAME", Short: "make a user, who logs in by HTTP Basic where the description declares it", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := a.password(cmd, stdin)
			if err != nil {
				return err
			}
			var made authn.User
			in := map[string]any{"name": args[0], "client": client, "scopes": scopes, "password": password}
			err = a.withAdmin(cmd.Context(), func(c *admin.Client) error { return c.Call(cmd.Context(), "POST", "/users", in, &made) })
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(made)
			}
			a.out.Println(a.out.Bold("User " + made.Name + " may log in."))
			a.out.Printf("  Scopes    %s\n", scopesOf(made))
			return nil
		}}
	f := cmd.Flags()
	f.StringVar(&client, "client", "", "which application the user is (default: the name)")
	f.StringSliceVar(&scopes, "scope", nil, "a scope that the user holds; may be repeated")
	f.BoolVar(&stdin, "stdin", false, "read the password from stdin")
	return cmd
}

func scopesOf(u authn.User) string {
	if len(u.Scopes) == 0 {
		return "none"
	}
	return strings.Join(u.Scopes, ", ")
}

func (a *app) userList() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "all users", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		var list struct {
			Users []authn.User `json:"users"`
		}
		err := a.withAdmin(cmd.Context(), func(c *admin.Client) error { return c.Call(cmd.Context(), "GET", "/users", nil, &list) })
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(list)
		}
		if len(list.Users) == 0 {
			a.out.Println("There is no user. Make one: yett user create NAME")
			return nil
		}
		now := time.Now()
		t := &term.Table{Heads: []string{"USER", "CLIENT", "SCOPES", "SINCE", ""}, Drop: []int{3, 1}, Cut: 2}
		for _, u := range list.Users {
			state := ""
			if !u.Disabled.IsZero() {
				state = a.out.Soon("disabled")
			}
			t.Rows = append(t.Rows, []string{u.Name, u.Client, scopesOf(u), term.When(u.Created, now), state})
		}
		a.out.Println()
		a.out.Print(t)
		return nil
	}}
}

func (a *app) userPassword() *cobra.Command {
	var stdin bool
	cmd := &cobra.Command{Use: "password NAME", Short: "change a password", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := a.password(cmd, stdin)
			if err != nil {
				return err
			}
			err = a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				return c.Call(cmd.Context(), "POST", "/users/"+url.PathEscape(args[0])+"/password", map[string]string{"password": password}, nil)
			})
			if err == nil && !a.json {
				a.out.Println("The password of " + args[0] + " is changed; the old one is refused, on every node within a second.")
			}
			return err
		}}
	cmd.Flags().BoolVar(&stdin, "stdin", false, "read the password from stdin")
	return cmd
}

// userChange is a command that changes one user.
func (a *app) userChange(use, short, method, path, done string) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		err := a.withAdmin(cmd.Context(), func(c *admin.Client) error {
			return c.Call(cmd.Context(), method, "/users/"+url.PathEscape(args[0])+path, nil, nil)
		})
		if err == nil && !a.json {
			text := "User " + args[0] + " " + done
			if strings.HasSuffix(done, "enable ") {
				text += args[0]
			}
			a.out.Println(text)
		}
		return err
	}}
}
