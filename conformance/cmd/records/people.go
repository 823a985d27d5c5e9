// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	alice    = "alice.liddell@example.org"
	bob      = "bob.builder@example.org"
	password = "correct horse battery staple"
)

// people has two people call, looks for their names in everything the log has, and shreds one of them.
func people(ctx context.Context, s *stand) error {
	logs := new(collector)
	server := httptest.NewServer(logs)
	defer server.Close()
	s.extra = fmt.Sprintf("  sinks: [{ type: file, path: %q }, { type: otlp, url: \"%s/v1/logs\" }]\n", filepath.Join(s.dir, "sink.log"), server.URL)
	if err := s.start(ctx); err != nil {
		return err
	}
	for _, name := range []string{alice, bob} {
		if _, err := s.yett(ctx, password, "user", "create", name, "--stdin"); err != nil {
			return err
		}
		for i := range 20 {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://%s/things/%d?mail=%s", s.addr, i, name), nil)
			if err != nil {
				return err
			}
			if i%2 == 0 {
				req.URL.RawQuery = "" // the others are refused: nothing declares a query
			}
			req.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(name+":"+password)))
			res, err := s.client.Do(req)
			if err != nil {
				return err
			}
			if err := res.Body.Close(); err != nil {
				return err
			}
			if (res.StatusCode == http.StatusOK) != (i%2 == 0) {
				return fmt.Errorf("call %d of %s: %d", i, name, res.StatusCode)
			}
		}
	}
	if err := s.choose(ctx); err != nil {
		return err
	}
	for _, name := range []string{alice, bob} {
		if n, err := s.found(ctx, "kind=exchange subject="+name); err != nil || n != 20 {
			return fmt.Errorf("%d records are found of %s: %w", n, name, err)
		}
	}
	time.Sleep(12 * time.Second) // segments are packed, and the sink has caught up
	var exports []byte
	for _, form := range []string{"yett", "ocsf"} {
		out, err := s.yett(ctx, "", "log", "export", "--format", form)
		if err != nil {
			return err
		}
		exports = append(exports, out...)
	}
	if bytes.Count(exports, []byte{'\n'}) < 80 {
		return errors.New("the exports are too short")
	}
	logs.mu.Lock()
	n, wrong, collected := logs.records, logs.wrong, logs.bodies.Bytes()
	logs.mu.Unlock()
	if wrong != nil || n < 42 { // the calls, and what made the people
		return fmt.Errorf("the collector has %d records: %w", n, wrong)
	}
	fmt.Printf("records:   a collector of OpenTelemetry took %d records\n", n)
	exports = append(exports, collected...)
	searched := len(exports)
	for _, word := range words() {
		if bytes.Contains(exports, []byte(word)) {
			return fmt.Errorf("an export holds %q", word)
		}
	}
	for _, dir := range []string{filepath.Join(s.data, "activity"), s.dir} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || dir == s.dir && filepath.Base(path) != "sink.log" {
				return err
			}
			b, err := os.ReadFile(path)
			searched += len(b)
			for _, word := range words() {
				if bytes.Contains(b, []byte(word)) {
					return fmt.Errorf("%s holds %q", filepath.Base(path), word)
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	fmt.Printf("records:   names, mail addresses, passwords and network addresses of 40 calls by people: none in %d bytes of records, indexes, sinks and exports\n", searched)
	shown, err := s.yett(ctx, "", "log", "search", "subject="+alice, "--json")
	if err != nil || bytes.Count(shown, []byte(alice)) < 20 {
		return fmt.Errorf("the operator does not see the person: %s, %w", tail(shown), err)
	}
	id := between(string(shown), `"id":"`, `"`)
	if _, err := s.yett(ctx, "", "log", "shred", "--yes", alice); err != nil {
		return err
	}
	if n, err := s.found(ctx, "subject="+alice); err != nil || n != 0 {
		return fmt.Errorf("%d records are still found of the shredded person: %w", n, err)
	}
	one, err := s.yett(ctx, "", "log", "show", id, "--json")
	if err != nil || bytes.Contains(one, []byte(alice)) || bytes.Contains(one, []byte("127.0.0.1")) || !bytes.Contains(one, []byte(`"shredded": true`)) {
		return fmt.Errorf("a record of the shredded person reads %s, %w", one, err)
	}
	everything, err := s.yett(ctx, "", "log", "search", "-n", "10000", "--json")
	if err != nil || bytes.Contains(everything, []byte(alice)) || bytes.Count(everything, []byte(bob)) < 20 {
		return fmt.Errorf("after shredding one of two: %w", err)
	}
	if err := s.whole(ctx); err != nil {
		return err
	}
	fmt.Println("records:   one person shredded: nothing of theirs is read, the other's is, and the log is whole")
	return nil
}

// chosen is a word that only clients use.
const chosen = "carol.chosen"

// choose has clients put words of their own wherever a request can hold one, and people who fail to log in their names.
func (s *stand) choose(ctx context.Context) error {
	// From another address than people call from: that of a stranger stands in clear.
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 5)}}
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DialContext: from.DialContext,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // #nosec G402 -- loopback, and a certificate that is made at the start
	for _, tt := range []struct {
		method, path, name, value, body string
		status                          int
	}{
		{"GET", "/open?" + chosen + "=1", "", "", "", http.StatusBadRequest},
		{"GET", "/" + chosen, "", "", "", http.StatusNotFound},
		{"CAROL", "/open", "", "", "", http.StatusMethodNotAllowed},
		{"GET", "/open", "Origin", "https://" + chosen + ".example.org", "", http.StatusOK},
		{"GET", "/open", "User-Agent", chosen, "", http.StatusOK},
		{"GET", "/open", "X-" + chosen, chosen, "", http.StatusOK},
		{"GET", "/open", "Referer", "https://example.org/" + chosen, "", http.StatusOK},
		{"GET", "/open", "X-Forwarded-For", chosen, "", http.StatusOK},
		{"GET", "/open", "Tracestate", chosen + "=1", "", http.StatusOK},
		{"POST", "/shares", "Content-Type", "application/json", `{"shares":{"` + chosen + `":"x"}}`, http.StatusUnprocessableEntity},
		{"POST", "/shares", "Content-Type", "application/json", `{"` + chosen + `":1}`, http.StatusUnprocessableEntity},
		{"POST", "/shares", "Content-Type", chosen + "/x", `{}`, http.StatusUnsupportedMediaType},
		{"GET", "/things/" + chosen, "Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(chosen+":"+password)), "", http.StatusUnauthorized},
		{"GET", "/things/1", "Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(alice+":a wrong one of hers")), "", http.StatusUnauthorized},
	} {
		req, err := http.NewRequestWithContext(ctx, tt.method, "https://"+s.addr+tt.path, strings.NewReader(tt.body))
		if err != nil {
			return err
		}
		if tt.name != "" {
			req.Header.Set(tt.name, tt.value)
		}
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		if err := res.Body.Close(); err != nil {
			return err
		}
		if res.StatusCode != tt.status {
			return fmt.Errorf("%s %s with %s: %s: got %d, want %d", tt.method, tt.path, tt.name, tt.value, res.StatusCode, tt.status)
		}
	}
	return nil
}

// words are what must stand nowhere.
func words() []string {
	var all []string
	for _, name := range []string{alice, bob} {
		local, _, _ := strings.Cut(name, "@")
		all = append(all, name, local, base64.StdEncoding.EncodeToString([]byte(name+":"+password)))
	}
	return append(all, password, "127.0.0.1", chosen, strings.ToUpper("carol"))
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

// found counts what a search finds.
func (s *stand) found(ctx context.Context, query string) (int, error) {
	out, err := s.yett(ctx, "", "log", "search", query, "-n", "10000", "--json")
	return bytes.Count(out, []byte{'\n'}), err
}
