// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"yett/admin"
	"yett/config"
	"yett/internal/source"
	"yett/store"
)

// Exit codes.
const (
	exitOK      = 0 // done and well
	exitFinding = 1 // a finding, a refusal or a failure
	exitUsage   = 2 // wrong usage or configuration
	exitStopped = 130
)

// A failure is an error with one way on and its exit code.
type failure struct {
	what, hint string
	code       int  // 0: exitFinding
	told       bool // it was printed where it was found
}

func (f *failure) Error() string { return f.what }

func usage(hint, format string, args ...any) error {
	return &failure{what: fmt.Sprintf(format, args...), hint: hint, code: exitUsage}
}

// told is an error as a machine reads it.
type told struct {
	Where string `json:"where"`
	What  string `json:"what"`
	Got   string `json:"got,omitempty"`
	Hint  string `json:"hint,omitempty"`
}

// report prints an error and returns the exit code: what is wrong in files finding by finding, all else in two lines,
// what and one way on.
func (a *app) report(cmd *cobra.Command, err error) int {
	if found := findings(err); len(found) > 0 {
		a.reportFindings(found)
		return exitUsage
	}
	name := strings.TrimSuffix(cmd.CommandPath(), " OPENAPI")
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = explained(name, err)
	}
	switch {
	case f.told:
	case a.json:
		a.tell(told{Where: name, What: f.what, Hint: f.hint}, nil)
	default:
		a.err.Println(name + ": " + f.what)
		if f.hint != "" {
			a.err.Println("      " + a.err.Dim(f.hint))
		}
	}
	if f.code == 0 {
		return exitFinding
	}
	return f.code
}

// tell prints an error as one line of JSON, with those that were found beside it.
func (a *app) tell(first told, all []told) {
	out := struct {
		Error  told   `json:"error"`
		Errors []told `json:"errors,omitempty"`
	}{first, all}
	b, err := json.Marshal(out)
	if err != nil {
		a.err.Println(first.What)
		return
	}
	_, _ = a.err.Write(append(b, '\n')) // nobody is left to tell
}

// explained finds the words and the way on for errors of the layers below.
func explained(name string, err error) *failure {
	if e, ok := errors.AsType[*store.LockedError](err); ok {
		return &failure{what: e.Error(), hint: "talk to it: yett key list --data " + shellWord(e.Path) + ". A second one needs its own --data"}
	}
	if e, ok := errors.AsType[*admin.Error](err); ok {
		return refused(name, e)
	}
	if errors.Is(err, context.Canceled) {
		return &failure{what: "stopped", code: exitStopped}
	}
	if f := taken(err); f != nil {
		return f
	}
	return &failure{what: strings.ReplaceAll(err.Error(), "\n", "; ")}
}

// didYouMean finds the key that the admin API proposes.
var didYouMean = regexp.MustCompile(`\(did you mean (\S+)( of \S+)?\?\)$`)

// refused writes a refusal of the admin API as the other errors are written.
func refused(name string, e *admin.Error) *failure {
	f := &failure{what: strings.TrimSuffix(lower(e.Error()), ".")}
	if e.Status == 400 || e.Status == 422 {
		f.code = exitUsage
	}
	if m := didYouMean.FindStringSubmatch(f.what); m != nil {
		f.hint = name + " " + m[1]
	}
	return f
}

// lower begins a sentence as the rest of a line.
func lower(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(r)) + s[n:]
}

// taken says which of our addresses somebody else has.
func taken(err error) *failure {
	op, ok := errors.AsType[*net.OpError](err)
	// Windows has a number of its own for it.
	inUse := errors.Is(err, syscall.EADDRINUSE) || strings.Contains(err.Error(), "Only one usage of each socket address")
	if !ok || !inUse || op.Addr == nil {
		return nil
	}
	flag, other := "--listen", "127.0.0.1:9443"
	if strings.HasPrefix(err.Error(), "admin.listen") {
		flag, other = "--admin", "127.0.0.1:9444"
	}
	return &failure{what: fmt.Sprintf("https://%s is taken by another process", op.Addr), hint: "use " + flag + " " + other}
}

// findings lists what is wrong in files and what was found beside it, or nil if nothing is wrong in files.
func findings(err error) []error {
	switch e := err.(type) { //nolint:errorlint // the shape of this very error, not of what it wraps
	case nil, *failure:
		return nil
	case *config.Error, *source.Error:
		return []error{err}
	case interface{ Unwrap() []error }:
		var all, others []error
		for _, inner := range e.Unwrap() {
			if found := findings(inner); len(found) > 0 {
				all = append(all, found...)
			} else if inner != nil {
				others = append(others, inner)
			}
		}
		if len(all) == 0 {
			return nil
		}
		return append(all, others...) // what has no place in a file is told all the same
	}
	return findings(errors.Unwrap(err))
}

// reportFindings prints each finding as "where: what (way on)", with the excerpt on a terminal only.
func (a *app) reportFindings(found []error) {
	if a.json {
		var all []told
		for _, e := range found {
			all = append(all, asTold(e))
		}
		a.tell(all[0], all)
		return
	}
	for _, e := range found {
		a.err.Println(e.Error())
		if a.err.Terminal {
			a.err.Printf("%s", excerptOf(e, a.err.ASCII))
		}
	}
	a.err.Printf("\n%d %s. Nothing was started or changed.\n", len(found), plural(len(found), "error"))
}

func asTold(err error) told {
	if e, ok := errors.AsType[*config.Error](err); ok {
		what := e.What
		if e.Key != "" {
			what = e.Key + ": " + what
		}
		return told{Where: e.Where(), What: what, Got: e.Got, Hint: e.Hint}
	}
	if e, ok := errors.AsType[*source.Error](err); ok {
		return told{Where: e.Where.String(), What: e.What, Hint: e.Hint}
	}
	return told{What: err.Error()}
}

// excerptOf shows the line in question. A configuration knows which of its lines may hold a secret.
func excerptOf(err error, ascii bool) string {
	if e, ok := errors.AsType[*config.Error](err); ok {
		return e.Excerpt(ascii)
	}
	e, ok := errors.AsType[*source.Error](err)
	if !ok || e.Where.Line == 0 {
		return ""
	}
	b, rerr := os.ReadFile(e.Where.Name)
	if rerr != nil {
		return "" // the place was told
	}
	f, rerr := source.Parse(e.Where.Name, b)
	if rerr != nil {
		return "" // what it holds cannot be read: that may be the very finding
	}
	out := ""
	for _, l := range f.Excerpt(e.Where.Line, 0) {
		out += config.Excerpt(l.Number, l.Text, 1, 0, ascii)
	}
	return out
}

// nearest proposes the command that was meant.
func nearest(cmd *cobra.Command, word string) error {
	var words []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			words = append(words, c.Name())
		}
	}
	near := config.Nearest(word, words)
	if near == "" {
		return usage(cmd.CommandPath()+" --help", "unknown command %q", word)
	}
	hint := cmd.CommandPath() + " " + near
	for _, c := range cmd.Commands() {
		if c.Name() == near && c.Annotations[group] != "" {
			hint += " " + c.Commands()[0].Name()
			if c.Name() == "key" {
				hint = cmd.CommandPath() + " key list"
			}
		}
	}
	return usage(hint, "unknown command %q (did you mean %s?)", word, near)
}

// group marks a command that does nothing without one of its own.
const group = "group"

// strict makes every command answer wrong arguments as wrong usage, and a group name the command that was meant.
func strict(cmd *cobra.Command) {
	if check := cmd.Args; check != nil && cmd.HasParent() {
		cmd.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usage(c.UseLine(), "%s", argumentWords(c, args))
			}
			return nil
		}
	}
	if cmd.HasParent() && cmd.HasSubCommands() && cmd.RunE == nil {
		cmd.Annotations = map[string]string{group: "yes"}
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return nearest(c, args[0])
		}
	}
	for _, c := range cmd.Commands() {
		strict(c)
	}
}

func argumentWords(c *cobra.Command, args []string) string {
	if len(args) == 0 {
		return "an argument is missing"
	}
	if len(args) == 1 && strings.Count(c.Use, " ") > 1 {
		return "an argument is missing after " + args[0]
	}
	return fmt.Sprintf("too many arguments, from %q on", args[len(args)-1])
}
