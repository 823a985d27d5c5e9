// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package practicetest fires the attacks of every practice at the demo shop behind a real gateway: real sockets, real
// TLS, raw bytes.
//
// Each attack is fired twice. With the practice, it must be refused as its file says, under an id that leads to its
// record, and must not reach the shop. Without the practice, it must reach the shop: an attack that is stopped anyway
// proves nothing. Ordinary traffic must pass. What is fired stands in testdata/attacks and testdata/ordinary of each
// practice; ParseFile says how a file looks. testdata/yett.yaml may hold settings for it, and described.openapi.yaml another
// description of the shop, for files that ask for it.
//
// It proves what its files try, and no more.
package practicetest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"yett/problem"
)

// always are practices that cannot be off, each with the reason. Their attacks are fired once.
var always = map[string]string{
	"https": "a gateway without https serves nothing at all",
}

// AtRest are practices that take no part in requests, each with where their attacks are instead.
var AtRest = map[string]string{
	"encrypt": "its attacks are on the store and its key: the tests of the package, and conformance/cmd/secrets",
}

// halves are practices that refuse nobody by themselves, or are one decision in two parts: both are off together.
var halves = map[string]string{
	"apikey": "authn", // an unread key leaves an anonymous caller, whom authn refuses
	"token":  "authn", // and so does an unread token
}

// A Suite is the attacks and the ordinary traffic of one practice.
type Suite struct {
	Practice string
	Attacks  []*File
	Ordinary []*File
	Settings map[string]any
	// Described is what the gateway is told of the shop for files that say so.
	Described []byte
}

// Load reads the suite of a practice from its testdata folder.
func Load(practice, dir string) (*Suite, error) {
	s := &Suite{Practice: practice}
	var err error
	if s.Attacks, err = loadFiles(filepath.Join(dir, "attacks")); err != nil {
		return nil, err
	}
	if s.Ordinary, err = loadFiles(filepath.Join(dir, "ordinary")); err != nil {
		return nil, err
	}
	if s.Described, err = optional(filepath.Join(dir, "described.openapi.yaml")); err != nil {
		return nil, err
	}
	data, err := optional(filepath.Join(dir, "yett.yaml"))
	if err != nil || data == nil {
		return s, err
	}
	return s, yaml.Load(data, &s.Settings)
}

// optional reads a file, nil where there is none.
func optional(name string) ([]byte, error) {
	data, err := os.ReadFile(name) // #nosec G304 -- the test names its own folder
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

func loadFiles(dir string) ([]*File, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.http"))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: there is no .http file", dir)
	}
	var files []*File
	for _, name := range names {
		data, err := os.ReadFile(name) // #nosec G304 -- the test names its own folder
		if err != nil {
			return nil, err
		}
		f, err := ParseFile(filepath.Base(name), data)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// Run fires all of it, each file in a test of its own.
func (s *Suite) Run(t *testing.T, up *Shop) {
	with := &stands{t: t, up: up, settings: s.Settings, described: s.Described}
	defer with.close(t)
	t.Run("ordinary", func(t *testing.T) {
		for _, f := range s.Ordinary {
			t.Run(f.Name, func(t *testing.T) { s.ordinary(t, f, with) })
		}
	})
	t.Run("attacks", func(t *testing.T) {
		for _, f := range s.Attacks {
			t.Run(f.Name, func(t *testing.T) { s.attack(t, f, with) })
		}
	})
}

func (s *Suite) ordinary(t *testing.T, f *File, with *stands) {
	a := with.fire(t, f)
	if why := passed(f, a); why != "" {
		t.Errorf("ordinary traffic: %s\n%s", why, a)
	}
}

func (s *Suite) attack(t *testing.T, f *File, with *stands) {
	a := with.fire(t, f)
	if why := stopped(f, a); why != "" {
		t.Errorf("with %s: %s\n%s", s.Practice, why, a)
	}
	if f.Engine {
		return // no practice sees it
	}
	if why := always[s.Practice]; why != "" {
		return
	}
	off := append([]string{s.Practice}, f.Also...)
	if other := halves[s.Practice]; other != "" {
		off = append(off, other)
	}
	a = with.fire(t, f, off...)
	if why := succeeded(f, a); why != "" {
		t.Errorf("without %s: %s, so the attack proves nothing\n%s", strings.Join(off, " and "), why, a)
	}
}

// stands keeps the stands of one suite: one with everything on, others without some practices.
type stands struct {
	t         *testing.T // of the whole suite, which outlives the test that first needs a stand
	up        *Shop
	settings  map[string]any
	described []byte
	open      map[string]*Stand
}

// fire sends f to the stand without the practices in off. Whoever repeats gets a stand to himself, and leaves no
// used-up limit behind.
func (s *stands) fire(t *testing.T, f *File, off ...string) *answer {
	t.Helper()
	slices.Sort(off)
	off = slices.Compact(off)
	key := strings.Join(off, " ")
	if f.Repeat > 1 {
		key += " " + f.Name
	}
	var described []byte
	if f.Other {
		if described = s.described; described == nil {
			t.Fatalf("%s: the suite has no description of its own", f.Name)
		}
		key += " described otherwise"
	}
	st := s.open[key]
	if st == nil {
		var err error
		if st, err = OpenStand(s.t, s.up, s.settings, described, off...); err != nil {
			t.Fatal(err)
		}
		if s.open == nil {
			s.open = make(map[string]*Stand)
		}
		s.open[key] = st
	}
	a, err := st.fire(f)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (s *stands) close(t *testing.T) {
	for _, st := range s.open {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}
}

// An answer is what came back, and what the shop and the records know of it.
type answer struct {
	status   int
	header   http.Header
	body     []byte
	code, id string // of a problem document
	reached  int64  // requests at the shop, of the last one fired
	record   string // code in the record of the id; "none" where there is no record
	logged   bool   // the activity log has a record of the last exchange
}

func (a *answer) String() string {
	return fmt.Sprintf("status %d, reached the shop %d times, %v\n%.600s", a.status, a.reached, a.header, a.body)
}

// fire sends f on one connection and reads the answers.
func (s *Stand) fire(f *File) (a *answer, err error) {
	raw, err := f.bytes(s.values, s.forge, s.scopes())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	conn, err := s.dial(f)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // everything was read; the server may have closed it before us
	before, _ := s.logs()
	in := bufio.NewReader(conn)
	for i := range f.Repeat {
		reached := s.shop.reached.Load()
		if _, err := conn.Write(raw); err != nil {
			return nil, fmt.Errorf("request %d: %w", i+1, err)
		}
		if a, err = read(in, f.method()); err != nil {
			return nil, fmt.Errorf("answer %d: %w", i+1, err)
		}
		a.reached = s.shop.reached.Load() - reached
	}
	if a.id != "" {
		a.record = "none"
		if r, ok := s.record(a.id); ok {
			a.record = r.Code
		}
	}
	if f.Record {
		a.logged = s.logsMoreThan(before)
	}
	return a, nil
}

// logs counts what the activity log holds; false: there is none, the practice is off.
func (s *Stand) logs() (int, bool) {
	var got struct{ Records []json.RawMessage }
	if err := s.admin.Call(context.Background(), http.MethodGet, "/records?limit=1000", nil, &got); err != nil {
		return 0, false
	}
	return len(got.Records), true
}

// logsMoreThan waits for the record, which is made after the answer has left.
func (s *Stand) logsMoreThan(before int) bool {
	for range 200 {
		n, on := s.logs()
		if n > before || !on {
			return n > before
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 8 << 20

func read(in *bufio.Reader, method string) (*answer, error) {
	res, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		return nil, err
	}
	plain := io.Reader(res.Body)
	if res.Header.Get("Content-Encoding") == "gzip" { // what a client reads is what comes out
		if plain, err = gzip.NewReader(res.Body); err != nil {
			return nil, err
		}
	}
	body, err := io.ReadAll(io.LimitReader(plain, maxAnswer))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return nil, err
	}
	a := &answer{status: res.StatusCode, header: res.Header, body: body}
	if res.Header.Get("Content-Type") == problem.ContentType {
		var doc struct{ Code, Instance string }
		if err := json.Unmarshal(body, &doc); err != nil {
			return nil, fmt.Errorf("a problem document that is no JSON: %w: %q", err, body)
		}
		a.code = doc.Code
		a.id, _ = strings.CutPrefix(doc.Instance, "urn:uuid:")
	}
	return a, nil
}

// statusIs compares a status with "401" or "2xx".
func statusIs(want string, got int) bool {
	if want == "2xx" {
		return got >= 200 && got < 300
	}
	return want == strconv.Itoa(got)
}

// passed says why f did not pass as ordinary traffic; "" if it did.
func passed(f *File, a *answer) string {
	switch {
	case !statusIs(f.Status, a.status):
		return fmt.Sprintf("got %d %s, want %s", a.status, a.code, f.Status)
	case a.reached != 1:
		return fmt.Sprintf("the shop was reached %d times", a.reached)
	}
	return a.lacks(f.Keeps)
}

// stopped says why the practice did not stop f; "" if it did.
func stopped(f *File, a *answer) string {
	switch {
	case !statusIs(f.Status, a.status) || a.code != f.Code:
		return fmt.Sprintf("got %d %q, want %s %q", a.status, a.code, f.Status, f.Code)
	case f.Code != "" && a.id == "":
		return "the answer has no correlation id"
	case f.Code != "" && a.record != f.Code:
		return fmt.Sprintf("the id leads to the record %q, want %q", a.record, f.Code)
	case a.tells():
		return "the answer is not the one that says nothing"
	case f.Record && !a.logged:
		return "there is no record of it"
	case len(f.Tells) == 0 && !f.Record && a.reached != 0:
		return "it reached the shop"
	case len(f.Tells) > 0 && a.reached == 0:
		return "it did not reach the shop, whose answer it is about"
	}
	for _, text := range f.Tells {
		if a.holds(text) {
			return fmt.Sprintf("the client reads %q", text)
		}
	}
	return a.lacks(f.Keeps)
}

// silent are the codes whose answers are always the same, so that nobody learns why he was refused: each with all of its body,
// but for the id.
var silent = map[string]string{
	"invalid_token": `{"type":"about:blank","title":"Unauthorized","status":401,"detail":"The access token is not valid here.","instance":"urn:uuid:ID","code":"invalid_token"}`,
}

// tells reports whether a says more than an answer of its code may, in the body or in a challenge.
func (a *answer) tells() bool {
	all, ok := silent[a.code]
	if !ok {
		return false
	}
	for _, challenge := range a.header.Values("WWW-Authenticate") {
		if strings.Contains(challenge, "error_description") { // RFC 6750 section 3
			return true
		}
	}
	return strings.TrimSpace(string(a.body)) != strings.Replace(all, "ID", a.id, 1)
}

// succeeded says why f did no harm without the practice; "" if it did.
func succeeded(f *File, a *answer) string {
	switch {
	case f.Record && a.logged:
		return "there is a record of it"
	case !f.Record && a.reached != 1:
		return fmt.Sprintf("it got %d %s and did not reach the shop", a.status, a.code)
	}
	return a.lacks(f.Tells)
}

// lacks says what of texts no client reads; "" where all of it is there.
func (a *answer) lacks(texts []string) string {
	for _, text := range texts {
		if !a.holds(text) {
			return fmt.Sprintf("no client reads %q", text)
		}
	}
	return ""
}

// holds reports whether a client can read text anywhere in the answer.
func (a *answer) holds(text string) bool {
	if bytes.Contains(a.body, []byte(text)) {
		return true
	}
	for _, values := range a.header {
		if strings.Contains(strings.Join(values, "\n"), text) {
			return true
		}
	}
	return false
}
