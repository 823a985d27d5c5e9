// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// An asked is one request of a session: http METHOD PATH STATUS and its options.
type asked struct {
	method, path string
	status       int
	header       http.Header
	body         string
	cert         string        // of the client: NAME of NAME.pem and NAME.key
	within       time.Duration // ask again until the status is right; 0: once
}

func parseAsked(ts *testscript.TestScript, args []string) *asked {
	if len(args) < 3 {
		ts.Fatalf("usage: http METHOD PATH STATUS [-k KEY] [-H FIELD] [-d BODY | -size N] [-cert NAME] [-within D] [&]")
	}
	a := &asked{method: args[0], path: args[1], status: number(ts, args, 2), header: make(http.Header)}
	options := args[3:]
	if len(options)%2 != 0 {
		ts.Fatalf("an option without its value in %q", options)
	}
	for ; len(options) > 0; options = options[2:] {
		value := options[1]
		switch options[0] {
		case "-k":
			a.header.Set("X-API-Key", value)
		case "-H":
			name, content, _ := strings.Cut(value, ":")
			a.header.Add(name, strings.TrimSpace(content))
		case "-d":
			a.body = value
		case "-cert":
			a.cert = value
		case "-size":
			a.body = `{"note":"` + strings.Repeat("a", number(ts, options, 1)-11) + `"}`
		case "-within":
			var err error
			a.within, err = time.ParseDuration(value)
			ts.Check(err)
		default:
			ts.Fatalf("unknown option %s", options[0])
		}
	}
	if a.body != "" && a.header.Get("Content-Type") == "" {
		a.header.Set("Content-Type", "application/json")
	}
	return a
}

// client trusts the root certificate that the gate printed, and nothing else.
func (s *stage) client(ts *testscript.TestScript) *http.Client {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(ts.ReadFile(ts.Getenv("ROOT")))) {
		ts.Fatalf("%s holds no certificate", ts.Getenv("ROOT"))
	}
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true,
	}}
}

// with shows a certificate of the client in the handshake.
func with(ts *testscript.TestScript, client *http.Client, name string) {
	pair, err := tls.X509KeyPair([]byte(ts.ReadFile(name+".pem")), []byte(ts.ReadFile(name+".key")))
	ts.Check(err)
	// Whatever the gate asks for, as an attacker would.
	client.Transport.(*http.Transport).TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
}

// http asks the gate. The path goes out as it is written. The body of the answer is stdout, its head the file
// answer.head. A refusal must be a problem document that says nothing of what stands behind it; $ID is its correlation
// id and $CODE its code. Status 0 is no answer at all: the gate refuses the handshake.
func (s *stage) http(ts *testscript.TestScript, args []string) {
	background := len(args) > 0 && args[len(args)-1] == "&"
	if background {
		args = args[:len(args)-1]
	}
	a, client, gate := parseAsked(ts, args), s.client(ts), ts.Getenv("GATE")
	if background {
		s.later = make(chan error, 1)
		go func() {
			_, err := a.ask(client, gate)
			s.later <- err
		}()
		return
	}
	if a.cert != "" {
		with(ts, client, a.cert)
	}
	if a.status == 0 {
		_, err := a.ask(client, gate)
		if err == nil || !strings.Contains(err.Error(), "remote error: tls: ") {
			ts.Fatalf("got %v, want a handshake that the gate refuses", err)
		}
		return
	}
	end := time.Now().Add(a.within)
	got, err := a.ask(client, gate)
	for err != nil && time.Now().Before(end) {
		time.Sleep(20 * time.Millisecond)
		got, err = a.ask(client, gate)
	}
	ts.Check(err)
	_, err = ts.Stdout().Write(got.body)
	ts.Check(err)
	var head strings.Builder
	ts.Check(got.header.Write(&head))
	ts.Check(os.WriteFile(ts.MkAbs("answer.head"), []byte(strings.ReplaceAll(head.String(), "\r\n", "\n")), 0o600))
	ts.Setenv("ID", "")
	if a.status < 400 {
		return
	}
	p, err := problemOf(a.status, got)
	if err != nil {
		ts.Fatalf("%v in\n%s\n%s", err, head.String(), got.body)
	}
	ts.Setenv("ID", strings.TrimPrefix(p.Instance, "urn:uuid:"))
	ts.Setenv("CODE", p.Code)
}

func (s *stage) answered(ts *testscript.TestScript, _ []string) { ts.Check(<-s.later) }

type answer struct {
	header http.Header
	body   []byte
}

// ask sends the request once. Another status than the expected one is an error.
func (a *asked) ask(client *http.Client, gate string) (_ *answer, err error) {
	u, err := url.Parse(gate)
	if err != nil {
		return nil, err
	}
	path, query, _ := strings.Cut(a.path, "?")
	u.Opaque, u.RawQuery = path, query
	req, err := http.NewRequestWithContext(context.Background(), a.method, gate, strings.NewReader(a.body))
	if err != nil {
		return nil, err
	}
	req.URL, req.Header = u, a.header
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if res.StatusCode != a.status {
		return nil, fmt.Errorf("%s %s: got %d, want %d\n%s", a.method, a.path, res.StatusCode, a.status, body)
	}
	return &answer{res.Header, body}, nil
}

// A document is the problem details of RFC 9457 as yett writes them.
type document struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Instance string `json:"instance"`
	Code     string `json:"code"`
	Errors   []struct {
		Pointer   *string `json:"pointer"`
		Parameter string  `json:"parameter"`
		In        string  `json:"in"`
		Detail    string  `json:"detail"`
	} `json:"errors"`
}

var (
	instanceForm = regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	codeForm     = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	// telling is what would say something of the schema, the stack or the product.
	telling = regexp.MustCompile(`(?i)yett|openapi|schema|sql|goroutine|panic|\.go\b|golang|shop|stack|127\.0\.0\.1|localhost|createOrder|getOrder|maxLength|minimum|additionalProperties|readOnly`)
)

// problemOf reads a refusal and reports what a caller may not see in it.
func problemOf(status int, a *answer) (*document, error) {
	if t := a.header.Get("Content-Type"); t != "application/problem+json" {
		return nil, fmt.Errorf("a refusal of type %q", t)
	}
	d := json.NewDecoder(strings.NewReader(string(a.body)))
	d.DisallowUnknownFields()
	var p document
	if err := d.Decode(&p); err != nil {
		return nil, err
	}
	switch {
	case p.Type != "about:blank" || p.Status != status || p.Title != http.StatusText(status) || p.Detail == "":
		return nil, errors.New("type, title, status or detail is not what it should be")
	case !instanceForm.MatchString(p.Instance):
		return nil, errors.New("instance is no urn:uuid")
	case !codeForm.MatchString(p.Code):
		return nil, errors.New("code is no lower_snake_case word")
	}
	for i, e := range p.Errors {
		pointer := e.Pointer != nil && (*e.Pointer == "#" || strings.HasPrefix(*e.Pointer, "#/"))
		if pointer == (e.Parameter != "" && e.In != "") || e.Detail == "" {
			return nil, errors.New("errors[" + strconv.Itoa(i) + "] names neither a pointer nor a parameter")
		}
	}
	if m := telling.Find(a.body); m != nil {
		return nil, fmt.Errorf("%q tells too much", m)
	}
	for name, values := range a.header {
		if name == "Server" || name == "Via" || telling.MatchString(name+": "+strings.Join(values, ",")) {
			return nil, fmt.Errorf("the field %s tells too much", name)
		}
	}
	return &p, nil
}
