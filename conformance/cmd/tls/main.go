// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Command tls holds the real binary against testssl.sh and sslscan: it fails on any finding above LOW that is not
// excused below, each excuse with its reason, and on any protocol below TLS 1.2.
//
//	go run ./cmd/tls -yett ../bin/yett
//
// Nothing leaves the machine: no names are resolved, and no revocation service is asked. Debian has both scanners
// (packages testssl.sh and sslscan).
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"yett/conformance/internal/gate"
)

// within bounds the whole run.
const within = 10 * time.Minute

// excused are findings of testssl.sh above LOW that say nothing of yett's TLS, by their id.
var excused = map[string]string{
	"cert_revocation": "a private authority has no revocation service: its certificates are short-lived",
	"HSTS_time":       "one day under a private authority on purpose: a browser must not be locked out for months by a trial",
	"engine_problem":  "about the OpenSSL that scans",
}

func main() {
	log.SetFlags(0)
	binary := flag.String("yett", "../bin/yett", "the binary")
	testssl := flag.String("testssl", "testssl", "testssl.sh as it is called here")
	verbose := flag.Bool("v", false, "every finding")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	err := run(ctx, *binary, *testssl, *verbose)
	cancel()
	if err != nil {
		log.Fatal(err)
	}
}

const description = `openapi: 3.1.0
info: { title: tls, version: "1" }
paths:
  /:
    get:
      operationId: get
      security: []
      x-yett-public: a scanner carries no key
      responses: { "204": { description: nothing } }
`

func run(ctx context.Context, binary, testssl string, verbose bool) error {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer upstream.Close()
	g, err := gate.StartDescribed(ctx, binary, description, upstream.URL)
	if err != nil {
		return err
	}
	return errors.Join(sslscan(ctx, g), scan(ctx, g, testssl, verbose), g.Stop())
}

// A finding is one line of testssl.sh's JSON.
type finding struct {
	ID       string `json:"id"`
	Severity string `json:"severity"`
	Finding  string `json:"finding"`
}

// above are the severities above LOW. WARN means that testssl.sh could not tell.
var above = []string{"MEDIUM", "HIGH", "CRITICAL", "FATAL", "WARN"}

func scan(ctx context.Context, g *gate.Gate, testssl string, verbose bool) error {
	dir, err := os.MkdirTemp("", "testssl")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "findings.json")
	// #nosec G204: the command is the operator's own
	c := exec.CommandContext(ctx, testssl, "--quiet", "--warnings", "batch", "--color", "0", "--nodns", "none", "--ip", "127.0.0.1",
		"--add-ca", g.Roots, "--connect-timeout", "5", "--openssl-timeout", "5", "--jsonfile", file, "localhost:"+g.Port())
	c.Dir = dir
	out, failed := c.CombinedOutput() // its code counts findings
	b, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("%s: %w (%v)\n%s", testssl, err, failed, out)
	}
	var all []finding
	if err := json.Unmarshal(b, &all); err != nil {
		return fmt.Errorf("%s: %w", testssl, err)
	}
	return judge(all, verbose)
}

// enough is how many findings a scan that went to its end has at least.
const enough = 60

func judge(all []finding, verbose bool) error {
	count := make(map[string]int)
	var errs []error
	for _, f := range all {
		count[f.Severity]++
		why, ok := excused[f.ID]
		switch {
		case !slices.Contains(above, f.Severity):
			if verbose || f.Severity == "LOW" {
				fmt.Printf("  %s %s: %s\n", f.Severity, f.ID, f.Finding)
			}
		case ok:
			fmt.Printf("  %s %s: %s\n    excused: %s\n", f.Severity, f.ID, f.Finding, why)
		default:
			errs = append(errs, fmt.Errorf("testssl.sh: %s %s: %s", f.Severity, f.ID, f.Finding))
		}
	}
	var said []string
	for _, s := range []string{"OK", "INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL", "WARN", "FATAL"} {
		said = append(said, fmt.Sprintf("%d %s", count[s], s))
	}
	fmt.Printf("testssl.sh: %d findings: %s\n", len(all), strings.Join(said, ", "))
	if len(all) < enough {
		errs = append(errs, fmt.Errorf("testssl.sh: only %d findings, it did not come to its end", len(all)))
	}
	return errors.Join(errs...)
}

// sslscan has no severities: what is judged is what it says of protocols, renegotiation, compression and Heartbleed.
func sslscan(ctx context.Context, g *gate.Gate) error {
	var out, complaint bytes.Buffer
	c := exec.CommandContext(ctx, "sslscan", "--no-colour", "--xml=-", "--timeout=5", "localhost:"+g.Port())
	c.Stdout, c.Stderr = &out, &complaint
	if err := c.Run(); err != nil {
		return fmt.Errorf("sslscan: %w: %s", err, complaint.Bytes())
	}
	var doc struct {
		Test struct {
			Protocols []struct {
				Type    string `xml:"type,attr"`
				Version string `xml:"version,attr"`
				Enabled int    `xml:"enabled,attr"`
			} `xml:"protocol"`
			Renegotiation struct {
				Supported int `xml:"supported,attr"`
				Secure    int `xml:"secure,attr"`
			} `xml:"renegotiation"`
			Compression struct {
				Supported int `xml:"supported,attr"`
			} `xml:"compression"`
			Heartbleed []struct {
				Vulnerable int `xml:"vulnerable,attr"`
			} `xml:"heartbleed"`
			Ciphers []struct {
				Version  string `xml:"sslversion,attr"`
				Cipher   string `xml:"cipher,attr"`
				Strength string `xml:"strength,attr"`
			} `xml:"cipher"`
		} `xml:"ssltest"`
	}
	if err := xml.Unmarshal(out.Bytes(), &doc); err != nil {
		return fmt.Errorf("sslscan: %w", err)
	}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("sslscan: "+format, args...)) }
	enabled := 0
	for _, p := range doc.Test.Protocols {
		if p.Enabled == 0 {
			continue
		}
		enabled++
		if p.Type != "tls" || p.Version != "1.2" && p.Version != "1.3" {
			bad("%s %s is enabled", p.Type, p.Version)
		}
	}
	for _, h := range doc.Test.Heartbleed {
		if h.Vulnerable != 0 {
			bad("Heartbleed")
		}
	}
	if doc.Test.Renegotiation.Supported != 0 && doc.Test.Renegotiation.Secure == 0 {
		bad("insecure renegotiation")
	}
	if doc.Test.Compression.Supported != 0 {
		bad("compression of TLS")
	}
	for _, c := range doc.Test.Ciphers {
		fmt.Printf("  %s %s: %s\n", c.Version, c.Cipher, c.Strength)
		if c.Strength != "strong" && c.Strength != "acceptable" {
			bad("%s %s is %s", c.Version, c.Cipher, c.Strength)
		}
	}
	if enabled == 0 || len(doc.Test.Ciphers) == 0 {
		bad("it saw no protocol or no cipher")
	}
	fmt.Printf("sslscan: %d protocols, %d ciphers, %d findings\n", enabled, len(doc.Test.Ciphers), len(errs))
	return errors.Join(errs...)
}
