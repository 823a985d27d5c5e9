// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"yett/admin"
	"yett/api"
	"yett/config"
	"yett/gateway"
	"yett/internal/cli/term"
)

// startFlags are the flags of the two-argument start; `yett init` freezes them.
type startFlags struct {
	listen, admin string
	observe       bool
}

func (s *startFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.listen, "listen", "", "address of the API (default "+config.DefaultListen+")")
	cmd.Flags().StringVar(&s.admin, "admin", "", "address of liveness, readiness and dashboard (default 127.0.0.1:8444)")
	cmd.Flags().BoolVar(&s.observe, "observe", false, "record what would be refused, and let it pass")
}

func (a *app) arguments(args []string, s startFlags) config.Arguments {
	return config.Arguments{OpenAPI: args[0], Upstream: args[1], Listen: s.listen, Admin: s.admin, Data: a.data, Observe: s.observe}
}

// startArguments is `yett OPENAPI UPSTREAM`: it runs the configuration that `yett init` would write.
func (a *app) startArguments(ctx context.Context, args []string, s startFlags) error {
	return a.serve(ctx, func() (*config.File, error) {
		return config.Parse(config.CommandLine, a.arguments(args, s).YAML(), gateway.Practices())
	})
}

func (a *app) runCommand() *cobra.Command {
	return &cobra.Command{Use: "run", Short: "serve a configuration", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return a.serve(cmd.Context(), a.load)
	}}
}

// load reads the configuration that -c names, yett.yaml by default.
func (a *app) load() (*config.File, error) {
	name := a.file
	if name == "" {
		name = "yett.yaml"
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return nil, usage("yett init OPENAPI UPSTREAM", "there is no yett.yaml here")
		}
	}
	file, err := config.Load(name, gateway.Practices())
	if err != nil {
		return nil, err
	}
	if a.data != "" {
		file.Data = a.data
	}
	return file, nil
}

// serve runs the configuration that load reads until ctx ends.
func (a *app) serve(ctx context.Context, load func() (*config.File, error)) (err error) {
	began := time.Now()
	file, err := load()
	if err != nil {
		return err
	}
	teller := newTeller(a.err)
	var drain drain
	g, err := gateway.New(ctx, file, gateway.Options{
		Log:     slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Observe: teller.observe, Load: load, Reloaded: a.tellReload, Draining: func() { drain = a.beginDrain(teller) },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	if err := g.Listen(); err != nil {
		return err
	}
	if err := a.welcome(ctx, g, file, began); err != nil {
		return err
	}
	a.reachable(ctx, file)
	onHangup(ctx, func() { _, _ = g.Reload() }) // told by tellReload and the log
	if err := g.Run(ctx); err != nil {
		return err
	}
	a.endDrain(drain, teller)
	return nil
}

// A drain is the time between the wish to end and the end.
type drain struct {
	began    time.Time
	finished int64 // exchanges before it
}

func (a *app) beginDrain(t *teller) drain {
	a.err.Printf("\nDraining …")
	return drain{time.Now(), t.finished.Load()}
}

func (a *app) endDrain(d drain, t *teller) {
	n := t.finished.Load() - d.finished
	a.err.Printf(" %s %s, done in %.1f s. Nothing was cut off.\n", term.Count(n), plural(int(n), "request"), time.Since(d.began).Seconds())
}

// reachable warns where nothing answers behind the gate yet. The gateway is up all the same.
func (a *app) reachable(ctx context.Context, file *config.File) {
	for _, c := range file.APIs {
		u, err := url.Parse(c.Upstream)
		if err != nil {
			continue
		}
		host := u.Host
		if u.Port() == "" {
			host = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
		}
		conn, err := (&net.Dialer{Timeout: 300 * time.Millisecond}).DialContext(ctx, "tcp", host)
		if err != nil {
			a.err.Printf("yett: %s does not answer\n      %s\n\n", c.Upstream, a.err.Dim("the gateway is up and answers 502 until it does"))
			continue
		}
		_ = conn.Close() // only asked whether somebody is there
	}
}

// welcome prints what stands, where, and how to try it.
func (a *app) welcome(ctx context.Context, g *gateway.Gateway, file *config.File, began time.Time) error {
	for _, w := range g.Warnings() {
		a.err.Println(w.String())
	}
	var all []*api.Operation
	for i, d := range g.APIs() {
		a.out.Printf("%syett %s: %s (OpenAPI %s, %s operations) %s %s\n", lead(i), Version, filepath.Base(file.APIs[i].OpenAPI),
			d.OpenAPI, term.Count(int64(len(d.Operations))), a.out.Symbol("→"), file.APIs[i].Upstream)
		if d.AssumedKey {
			a.out.Println("The description has no security: every operation asks for a key of yett's own, in X-API-Key.")
		}
		all = append(all, d.Operations...)
	}
	a.out.Println()
	a.operations(g, all)
	_, port, _ := net.SplitHostPort(g.Addr().String())
	_, adminPort, _ := net.SplitHostPort(g.AdminAddr().String())
	root := filepath.Join(file.Data, "ca.pem")
	a.out.Printf("\nAll practices of this version are on%s. All else than these %s operations is closed.\n\n", observing(file), term.Count(int64(len(all))))
	a.out.Printf("  API    https://localhost:%s    root certificate %s\n", port, root)
	a.out.Printf("  Admin  https://localhost:%s    /livez, /readyz\n\n", adminPort)
	if err := a.firstKey(ctx, g, all, port, root); err != nil {
		return err
	}
	a.out.Printf("\nReady after %.2f s. Ctrl-C drains and stops.\n", time.Since(began).Seconds())
	return nil
}

func lead(i int) string {
	if i > 0 {
		return ""
	}
	return "\n"
}

func observing(f *config.File) string {
	if f.Observe {
		return ", and those that may only observe"
	}
	return ""
}

// shownOperations is how many rows the table of the start has at most.
const shownOperations = 20

func (a *app) operations(g *gateway.Gateway, all []*api.Operation) {
	show := all
	if len(all) > shownOperations {
		show = different(g, all)
	}
	t := &term.Table{Heads: []string{"METHOD", "PATH", "OPERATION", "WHO MAY CALL", "BODY"}, Drop: []int{2}}
	for _, op := range show {
		t.Rows = append(t.Rows, []string{op.Method, op.API.BasePath + op.Path, op.ID, whoMayCall(op), g.BodyContract(op)})
	}
	a.out.Print(t)
	if n := len(all) - len(show); n > 0 {
		a.out.Printf("  … and %s more: yett explain METHOD PATH\n", term.Count(int64(n)))
	}
}

// different picks the operations whose contracts differ most: one of each combination of method, caller and body first.
func different(g *gateway.Gateway, all []*api.Operation) []*api.Operation {
	seen := make(map[string]bool)
	var first, rest []*api.Operation
	for _, op := range all {
		k := op.Method + whoMayCall(op) + g.BodyContract(op)
		if seen[k] {
			rest = append(rest, op)
			continue
		}
		seen[k] = true
		first = append(first, op)
	}
	out := append(first, rest...)[:shownOperations]
	sort.SliceStable(out, func(i, j int) bool { return out[i].Index < out[j].Index })
	return out
}

// whoMayCall says in a few words what an operation asks for.
func whoMayCall(op *api.Operation) string {
	if op.Public != "" {
		return fmt.Sprintf("all: %q", op.Public)
	}
	var alternatives []string
	for i, req := range op.Security {
		var parts []string
		if i+1 < len(op.Security) && sameScopes(req, op.Security[i+1]) {
			alternatives = append(alternatives, schemeWord(req[0].Scheme)) // its scopes stand behind the next
			continue
		}
		for _, use := range req {
			words := append([]string{schemeWord(use.Scheme)}, use.Scopes...)
			parts = append(parts, strings.Join(words, " "))
		}
		alternatives = append(alternatives, strings.Join(parts, " and "))
	}
	return strings.Join(alternatives, " or ")
}

// sameScopes reports whether two alternatives are one scheme each, with the same scopes.
func sameScopes(a, b api.Requirement) bool {
	return len(a) == 1 && len(b) == 1 && slices.Equal(a[0].Scopes, b[0].Scopes)
}

func schemeWord(s *api.Scheme) string {
	switch s.Kind {
	case api.APIKey:
		return "key"
	case api.Bearer, api.OAuth2, api.OpenIDConnect:
		return "token"
	case api.MutualTLS:
		return "certificate"
	}
	return s.Kind.String()
}

// firstKey prints one ready key on the very first start, and how to use it; later only how many keys there are.
func (a *app) firstKey(ctx context.Context, g *gateway.Gateway, all []*api.Operation, port, root string) error {
	client := admin.InProcess(g.AdminHandler())
	var made struct{ Key string }
	err := client.Call(ctx, "POST", "/keys/first", nil, &made)
	if e, ok := errors.AsType[*admin.Error](err); ok && e.Code == "not_first" {
		var page struct {
			Working int64 `json:"working"`
		}
		if err := client.Call(ctx, "GET", "/keys?limit=1", nil, &page); err != nil {
			return err
		}
		a.out.Printf("Keys: %s live, yett key list\n", term.Count(page.Working))
		return nil
	}
	if err != nil {
		return err
	}
	a.out.Printf("A key to begin with, shown only now: all scopes, ends in 24 hours\n\n  %s\n", a.out.Bold(made.Key))
	op, path := tryOut(all)
	if op == nil {
		return nil
	}
	header := ""
	if name := keyField(op); name != "" {
		header = fmt.Sprintf(" -H '%s: %s'", name, made.Key)
	}
	a.out.Printf("\nTry it:\n\n  %s\n", a.out.Bold(fmt.Sprintf("curl --cacert %s%s %s", shellWord(root), header, shellWord("https://localhost:"+port+path))))
	return nil
}

// shellWord quotes a path where a shell would read it otherwise.
func shellWord(s string) string {
	if strings.IndexFunc(s, func(r rune) bool {
		return !strings.ContainsRune("/._-+@:", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// keyField is the header in which op takes a key alone; "" if it takes none.
func keyField(op *api.Operation) string {
	for _, req := range op.Security {
		if len(req) == 1 && req[0].Scheme.Kind == api.APIKey && req[0].Scheme.In == "header" {
			return req[0].Scheme.Param
		}
	}
	return ""
}

// tryOut picks an operation to try and a path that works: one that reads and wants a key, with nothing required but path
// parameters of which an example is described or a number will do.
func tryOut(all []*api.Operation) (*api.Operation, string) {
	var best *api.Operation
	var bestPath string
	for _, op := range all {
		if op.Method != "GET" || keyField(op) == "" && op.Public == "" {
			continue
		}
		path, ok := examplePath(op)
		if !ok {
			continue
		}
		if keyField(op) != "" {
			return op, path
		}
		if best == nil {
			best, bestPath = op, path
		}
	}
	return best, bestPath
}

func examplePath(op *api.Operation) (string, bool) {
	path := op.API.BasePath + op.Path
	for _, p := range op.Params {
		if !p.Required {
			continue
		}
		if p.In != "path" {
			return "", false
		}
		value := ""
		for _, ex := range op.Examples() {
			if ex.Parameter == p && ex.Value != nil && ex.Value.Text != "" {
				value = ex.Value.Text
				break
			}
		}
		if value == "" {
			if p.Schema == nil || !strings.Contains(p.Schema.Shape().Types().String(), "integer") {
				return "", false
			}
			value = "1"
		}
		path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(value))
	}
	return path, !strings.Contains(path, "{")
}

func (a *app) initCommand() *cobra.Command {
	var s startFlags
	cmd := &cobra.Command{Use: "init OPENAPI UPSTREAM", Short: "write yett.yaml from the flags of a start", Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			name := a.file
			if name == "" {
				name = "yett.yaml"
			}
			text := a.arguments(args, s).YAML()
			if _, err := config.Parse(name, text, gateway.Practices()); err != nil {
				return err
			}
			f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if errors.Is(err, fs.ErrExist) {
				return usage("yett run -c "+name+", or name another file: -c FILE", "%s is there already. Nothing was changed", name)
			}
			if err != nil {
				return err
			}
			_, err = f.Write(text)
			if err := errors.Join(err, f.Close()); err != nil {
				return err
			}
			if a.json {
				return a.printJSON(map[string]string{"file": name})
			}
			a.out.Printf("%s is written. Start it: yett run -c %s\n", name, shellWord(name))
			return nil
		}}
	s.add(cmd)
	return cmd
}
