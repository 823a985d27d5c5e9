// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"yett/admin"
	"yett/internal/cli/term"
)

// keyImport streams: a million keys take constant memory.
func (a *app) keyImport() *cobra.Command {
	return &cobra.Command{Use: "import FILE", Short: "make many keys from a file of JSON lines, printed one a line", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return usage("yett key import FILE", "%s", err)
			}
			defer func() { _ = f.Close() }() // only read
			made := &keyLines{to: a.out}
			err = a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				return c.Copy(cmd.Context(), "POST", "/keys/import", "application/x-ndjson", f, made)
			})
			if err != nil {
				return err
			}
			return made.end(args[0])
		}}
}

// keyLines passes lines on and holds the latest back: it may say that the import ended early.
type keyLines struct {
	to   io.Writer
	held []byte
	n    int64 // passed on
}

func (l *keyLines) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			l.held = append(l.held, rest...)
			break
		}
		l.held = append(l.held, rest[:i+1]...)
		rest = rest[i+1:]
		if bytes.HasPrefix(l.held, []byte(`{"error":`)) {
			continue
		}
		if _, err := l.to.Write(l.held); err != nil {
			return 0, err
		}
		l.held = l.held[:0]
		l.n++
	}
	return len(b), nil
}

// end reports the line that did not fit. The keys made before it stay.
func (l *keyLines) end(file string) error {
	if len(l.held) == 0 {
		return nil
	}
	var last struct {
		Error struct {
			Line   int
			Detail string
		}
	}
	if err := json.Unmarshal(l.held, &last); err != nil || last.Error.Detail == "" {
		return errors.New("the answer broke off; " + made(l.n))
	}
	return &failure{what: fmt.Sprintf("%s:%d: %s", file, last.Error.Line, strings.TrimSuffix(lower(last.Error.Detail), ".")), hint: made(l.n)}
}

func made(n int64) string {
	return fmt.Sprintf("%s %s made and printed; no other line of the file has made one", term.Count(n), plural(int(n), "key"))
}
