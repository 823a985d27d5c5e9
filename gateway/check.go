// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"yett/api"
	"yett/config"
	"yett/practice/validate"
)

// A Plan is what a configuration would do.
type Plan struct {
	APIs       []*api.API
	Warnings   []api.Warning
	Told       []string // what the practices would tell the log at the start
	Operations int
	Loosened   int // practices that are off somewhere, each with its reason
}

// Check reads a configuration, its descriptions and all else that it names, without starting or changing anything.
func Check(ctx context.Context, file *config.File) (*Plan, error) {
	if len(file.APIs) == 0 {
		return nil, errNoAPI
	}
	gen, err := load(file)
	if err != nil {
		return nil, err
	}
	p := &Plan{APIs: gen.apis, Warnings: gen.warnings}
	var all []error
	off := func(s *config.Setting, err error) {
		if err != nil {
			all = append(all, err)
		} else if s.Own && s.Off != "" {
			p.Loosened++
		}
	}
	for _, pr := range Practices() {
		off(file.Gateway(pr))
		for i, c := range file.APIs {
			if _, err := newUpstream(c, gen.apis[i], nil); err != nil && pr == Practices()[0] {
				all = append(all, err)
			}
			off(file.ForAPI(c, pr))
			for _, id := range c.OperationIDs() {
				off(file.ForOperation(c, id, pr))
			}
		}
	}
	for i, a := range gen.apis {
		p.Operations += len(a.Operations)
		for _, id := range file.APIs[i].OperationIDs() {
			if _, err := allowed(file.APIs[i], id); err != nil {
				all = append(all, err)
			}
		}
	}
	if err := errors.Join(all...); err != nil {
		return nil, err
	}
	p.Told, err = rehearse(ctx, file)
	return p, err
}

// rehearse builds the gate over a data directory that is gone afterwards, and returns what the log was told: what only its
// building finds, a list that cannot be read or an operation that is not there, is found before the start. The data directory
// itself is not opened, so whether its key still fits is not known, and no address is taken.
func rehearse(ctx context.Context, file *config.File) (told []string, err error) {
	dir, err := os.MkdirTemp("", "yett-check-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	elsewhere := *file
	elsewhere.Data = dir
	if elsewhere.PublicURL == "" {
		elsewhere.PublicURL = "https://localhost"
	}
	var log listener
	g, err := open(ctx, &elsewhere, nil, Options{Log: slog.New(&log)})
	if err != nil {
		return nil, err
	}
	return log.told, g.Close()
}

// A listener is a log of which only the messages are kept. Building is done by one goroutine.
type listener struct{ told []string }

func (l *listener) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

func (l *listener) Handle(_ context.Context, r slog.Record) error {
	l.told = append(l.told, r.Message)
	return nil
}

func (l *listener) WithAttrs([]slog.Attr) slog.Handler { return l }

func (l *listener) WithGroup(string) slog.Handler { return l }

// BodyContract says in a few words what body an operation takes: "JSON, 9 fields, 64 KB".
func (g *Gateway) BodyContract(op *api.Operation) string {
	if op.Body == nil || len(op.Body.Media) == 0 {
		return "–"
	}
	m := op.Body.Media[0]
	words := []string{map[api.Form]string{api.JSON: "JSON", api.URLEncoded: "form", api.Multipart: "multipart", api.Text: "text"}[api.FormOf(m.Type)]}
	if words[0] == "" {
		words[0] = m.Type
	}
	if m.Schema != nil && words[0] != "multipart" {
		if n := m.Schema.Shape().Members(); n > 0 {
			words = append(words, count(n, "field"))
		}
	}
	for _, s := range g.gen.Load().settings[op] {
		if c, ok := s.Config.(*validate.Config); ok {
			words = append(words, c.Body.String())
		}
	}
	return strings.Join(words, ", ")
}

func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
