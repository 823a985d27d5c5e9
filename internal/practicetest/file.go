// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package practicetest

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A File is one request of a practice's testdata, with what is expected of it.
type File struct {
	Name   string
	Title  string   // the first comment line that is no directive
	Status string   // "401", or "2xx"
	Code   string   // problem code; "" where the answer is no problem document
	Also   []string // "authn": practices that stop it too, and are off together with the tested one
	Engine bool     // the bytes are refused before any practice: they never reach the upstream
	Repeat int      // sent so often on one connection; the last answer counts
	Clear  bool     // sent without TLS
	Tells  []string // what the upstream's answer gives away: the request reaches it, and only without the practice does a client read each of these
	Keeps  []string // what a client reads with the practice too
	Record bool     // the request may pass, but with the practice there is a record of it
	Other  bool     // the gateway is told of the shop what described.openapi.yaml says, not its own description
	Cert   string   // the client's certificate in the handshake: own, strange, or "" for none
	text   []byte   // as sent, with placeholders
}

// maxRepeat bounds what one file can ask for.
const maxRepeat = 1000

var directive = regexp.MustCompile(`^([a-z]+): *(.+)$`)

// ParseFile reads a .http file: comment lines, then a request with line feeds for line ends.
//
//	# expect: 401 invalid_key     status (or 2xx) and problem code; needed
//	# also: authn, the reason     another practice that stops it too; "engine" for what no practice ever sees
//	# repeat: 21                  send it so often on one connection; the last answer counts
//	# in: clear                   without TLS
//	# tells: TEXT                 it reaches the upstream, whose answer holds TEXT unless the practice is on; may stand again
//	# keeps: TEXT                 what is left of the answer holds TEXT; may stand again, and in ordinary traffic
//	# recorded: yes               it may pass, and the practice's work is the record of it
//	# described: otherwise        the gateway has the suite's own description of the shop
//	# certificate: own            the client shows the certificate that tokens are bound to; strange is another one
//
// Any other single word before a colon is refused, so that a misspelt directive is not taken for a comment.
func ParseFile(name string, data []byte) (*File, error) {
	f := &File{Name: name, Repeat: 1}
	for bytes.HasPrefix(data, []byte("#")) {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		data = rest
		if err := f.comment(strings.TrimSpace(strings.TrimPrefix(string(line), "#"))); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if f.Status == "" {
		return nil, fmt.Errorf("%s: it does not say what to expect (# expect: 401 invalid_key)", name)
	}
	text, err := wireForm(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f.text = text
	return f, nil
}

func (f *File) comment(line string) error {
	m := directive.FindStringSubmatch(line)
	if m == nil {
		if f.Title == "" {
			f.Title = line
		}
		return nil
	}
	value := m[2]
	switch m[1] {
	case "expect":
		f.Status, f.Code, _ = strings.Cut(value, " ")
		if n, err := strconv.Atoi(f.Status); f.Status != "2xx" && (err != nil || n < 200 || n > 599) {
			return fmt.Errorf("expect: %q is neither a status nor 2xx", f.Status)
		}
	case "also":
		who, why, _ := strings.Cut(value, " ")
		who = strings.TrimRight(who, ",:")
		if strings.TrimSpace(why) == "" {
			return fmt.Errorf("also: %s needs a reason", who)
		}
		if who == "engine" {
			f.Engine = true
			return nil
		}
		f.Also = append(f.Also, who)
	case "repeat":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > maxRepeat {
			return fmt.Errorf("repeat: %q is not between 1 and %d", value, maxRepeat)
		}
		f.Repeat = n
	case "in":
		if value != "clear" {
			return fmt.Errorf("in: %q is not clear", value)
		}
		f.Clear = true
	case "tells":
		f.Tells = append(f.Tells, value)
	case "keeps":
		f.Keeps = append(f.Keeps, value)
	case "recorded":
		f.Record = value == "yes"
	case "described":
		if value != "otherwise" {
			return fmt.Errorf("described: %q is not otherwise", value)
		}
		f.Other = true
	case "certificate":
		if value != "own" && value != "strange" {
			return fmt.Errorf("certificate: %q is neither own nor strange", value)
		}
		f.Cert = value
	default:
		return fmt.Errorf("%s: there is no such directive", m[1])
	}
	return nil
}

// wireForm makes a request of what a person wrote: CRLF for line ends, an empty line after the head, and a length for
// a body that has no framing of its own.
func wireForm(data []byte) ([]byte, error) {
	head, body, _ := bytes.Cut(data, []byte("\n\n"))
	head = bytes.TrimRight(head, "\n")
	if len(head) == 0 {
		return nil, errors.New("there is no request")
	}
	lower := bytes.ToLower(head)
	framed := bytes.Contains(lower, []byte("\ncontent-length")) || bytes.Contains(lower, []byte("\ntransfer-encoding"))
	if !framed {
		body = bytes.TrimRight(body, "\n")
	}
	body = bytes.ReplaceAll(body, []byte("\n"), []byte("\r\n"))
	out := bytes.ReplaceAll(head, []byte("\n"), []byte("\r\n"))
	if len(body) > 0 && !framed {
		out = fmt.Appendf(out, "\r\nContent-Length: %d", len(body))
	}
	return append(append(out, "\r\n\r\n"...), body...), nil
}

var (
	placeholder = regexp.MustCompile(`\{(key|revoked|expired|host)\}`)
	tokenHolder = regexp.MustCompile(`\{token( [^{}]*)?\}`)
	proofHolder = regexp.MustCompile(`\{proof( [^{}]*)?\}`)
)

// bytes fills in the placeholders. They stand in heads only, where they change no length.
func (f *File) bytes(values map[string]string, forge *Forge, scopes []string) ([]byte, error) {
	raw := placeholder.ReplaceAllFunc(f.text, func(m []byte) []byte { return []byte(values[string(m[1:len(m)-1])]) })
	var token string
	var errs error
	raw = tokenHolder.ReplaceAllFunc(raw, func(m []byte) []byte {
		var err error
		token, err = forge.token(string(m[len("{token"):len(m)-1]), scopes)
		errs = errors.Join(errs, err)
		return []byte(token)
	})
	method, target := f.line()
	path, _, _ := strings.Cut(target, "?")
	raw = proofHolder.ReplaceAllFunc(raw, func(m []byte) []byte {
		proof, err := forge.proof(string(m[len("{proof"):len(m)-1]), method, "https://"+values["host"]+path, token)
		errs = errors.Join(errs, err)
		return []byte(proof)
	})
	return raw, errs
}

// method is the request's own, for reading the answer to it.
func (f *File) method() string {
	m, _ := f.line()
	return m
}

// line is the method and the target of the request.
func (f *File) line() (method, target string) {
	method, rest, _ := strings.Cut(string(f.text), " ")
	target, _, _ = strings.Cut(rest, " ")
	return method, target
}
