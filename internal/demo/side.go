// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"yett/admin"
)

// A Side is what an attack is fired at: the shop itself, or the gate before it. It is safe for concurrent use.
type Side struct {
	Gated      bool
	URL        string // scheme, host and port
	client     *http.Client
	admin      *admin.Client // of the gate; nil on the shop's side
	log        string        // the shop's own log; "" on the gate's side
	data       string        // the file or folder of what the side keeps
	issuer     *issuer       // of tokens that the gate trusts
	transcript *transcript
}

func (s *Side) withTranscript() *Side {
	c := *s
	c.transcript = new(transcript)
	return &c
}

// host is the address without its scheme.
func (s *Side) host() string {
	_, host, _ := strings.Cut(s.URL, "://")
	return host
}

// A Call is one request.
type Call struct {
	Method, Path string
	Key          string      // goes into X-API-Key; "" for none
	Header       http.Header // further fields
	Type, Body   string
	Base         string // instead of the side's own URL
}

// An Answer is what a side answered.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// maxAnswer is how much of an answer is read.
const maxAnswer = 4 << 20

// Do makes a call.
func (s *Side) Do(ctx context.Context, c Call) (_ *Answer, err error) {
	base := s.URL
	if c.Base != "" {
		base = c.Base
	}
	req, err := http.NewRequestWithContext(ctx, c.Method, base+c.Path, strings.NewReader(c.Body))
	if err != nil {
		return nil, err
	}
	for name, values := range c.Header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", "yett-demo")
	if c.Key != "" {
		req.Header.Set("X-API-Key", c.Key)
	}
	if c.Type != "" {
		req.Header.Set("Content-Type", c.Type)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	a := &Answer{Status: res.StatusCode, Header: res.Header}
	if a.Body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer)); err != nil {
		return nil, err
	}
	return a, s.transcript.add(req, c, res, a.Body)
}

// Object is the answer's JSON object; empty where it is none.
func (a *Answer) Object() map[string]any {
	var o map[string]any
	if json.Unmarshal(a.Body, &o) != nil {
		return map[string]any{}
	}
	return o
}

// A Problem is an answer that the gate wrote itself (RFC 9457).
type Problem struct {
	Code     string            `json:"code"`
	Instance string            `json:"instance"`
	Errors   []json.RawMessage `json:"errors"`
}

// Problem is the zero Problem where the answer is none.
func (a *Answer) Problem() Problem {
	var p Problem
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "application/problem+json") || json.Unmarshal(a.Body, &p) != nil {
		return Problem{}
	}
	return p
}

// A credential is a key of the gate.
type credential struct {
	ID   string `json:"id"`
	Text string `json:"key"`
}

// key has the gate make a key for a client. On the shop's side, where nobody asks for one, it is empty.
func (s *Side) key(ctx context.Context, client string, scopes ...string) (credential, error) {
	var k credential
	if !s.Gated {
		return k, nil
	}
	err := s.admin.Call(ctx, "POST", "/keys", map[string]any{"client": client, "scopes": scopes, "expires_in_s": 86400}, &k)
	if err != nil {
		return k, fmt.Errorf("make a key: %w", err)
	}
	s.transcript.hide(k.Text)
	return k, nil
}

// A transcript is what was said, in full, with every key of the gate hidden. Calls that ask the same and are answered
// the same status are written down once and counted.
type transcript struct {
	mu      sync.Mutex
	secrets []string
	said    []said
	size    int
}

type said struct {
	what, text string
	more       int
}

func (t *transcript) hide(secret string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.secrets = append(t.secrets, secret)
}

// maxTranscript is the length beyond which nothing is written down any more.
const maxTranscript = 1 << 20

func (t *transcript) add(req *http.Request, c Call, res *http.Response, body []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	what := fmt.Sprint(req.Method, " ", req.URL, " ", res.StatusCode)
	if i := slices.IndexFunc(t.said, func(s said) bool { return s.what == what }); i >= 0 {
		t.said[i].more++
		return nil
	}
	if t.size > maxTranscript {
		return nil
	}
	var asked, answered bytes.Buffer
	again := req.Clone(context.Background())
	again.Body = io.NopCloser(strings.NewReader(c.Body))
	if err := again.Write(&asked); err != nil {
		return err
	}
	if err := res.Header.Write(&answered); err != nil {
		return err
	}
	text := printable(fmt.Sprintf("%s\n\n%s %s\n%s\n%s", bytes.TrimSpace(asked.Bytes()), res.Proto, res.Status, answered.Bytes(), bytes.TrimSpace(body)))
	for _, secret := range t.secrets {
		text = strings.ReplaceAll(text, secret, "<secret>")
	}
	t.said = append(t.said, said{what: what, text: text})
	t.size += len(text)
	return nil
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	for _, s := range t.said {
		b.WriteString(strings.TrimSpace(s.text) + "\n\n")
		if s.more > 0 {
			fmt.Fprintf(&b, "(and %d more like it)\n\n", s.more)
		}
	}
	return b.String()
}

// printable leaves out what would command a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return -1
		case r < ' ' && r != '\n' && r != '\t', r >= 0x7f && r < 0xa0:
			return '?'
		}
		return r
	}, s)
}
