// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"yett/examples/shop"
	"yett/jose"
)

// words are what a session may say beside the words of testscript itself:
//
//	shop                    the careless shop serves at $UPSTREAM
//	verifier AUDIENCE       in its place a service that verifies X-Yett-Identity; see verifier_test.go
//	hold                    from now on the shop waits before it answers …
//	held N                  … wait until N requests wait there …
//	release                 … it answers them, and does not wait any more
//	seen N                  the shop has seen N requests so far
//	gate [-as NAME] ARGS    start yett with ARGS, wait until it is ready; its output goes to NAME.out and NAME.err ("gate").
//	                        Ports that ARGS do not name are free ones. $GATE and $ADMIN are its addresses.
//	quit [NAME]             SIGTERM; it must exit 0. "signal" sends it and waits for word of it, "ended" waits.
//	http METHOD PATH STATUS [-k KEY] [-H FIELD] [-d BODY | -size N] [-cert NAME] [-within D] [&]
//	                        ask $GATE; see exchange_test.go
//	answered                wait for the http that ended in &
//	hangup [NAME]           SIGHUP
//	metric NAME VALUE       wait until /metrics of $ADMIN has this line
//	edit FILE OLD NEW       replace the first OLD in FILE by NEW, in which \n is a new line
//	root FOLDER             a root certificate and its key: ca.pem and ca.key
//	certificate FOLDER NAME a certificate of a root for a client: NAME.pem and NAME.key
//	issuer FILE             an issuer of tokens; its keys are written to FILE
//	token NAME [CLAIM=…]    set $NAME to a token of the issuer; see issuer_test.go
//	exits CODE COMMAND      like exec, with the exact exit code
//	pick NAME FILE REGEXP   set $NAME to the group of REGEXP in FILE, stdout or stderr
var words = map[string]func(*testscript.TestScript, bool, []string){
	"shop": on((*stage).shop), "hold": on((*stage).hold), "held": on((*stage).held), "release": on((*stage).release),
	"seen": on((*stage).sawSoMany), "gate": on((*stage).gate), "quit": on((*stage).quit), "signal": on((*stage).signal),
	"ended": on((*stage).ended), "http": on((*stage).http), "answered": on((*stage).answered), "exits": exits, "pick": pick,
	"root": root, "certificate": certificate, "verifier": on((*stage).verifier), "issuer": on((*stage).issuer), "token": on((*stage).token),
	"hangup": on((*stage).hangup), "metric": on((*stage).metric), "edit": edit,
}

type stageKey struct{}

// A stage is what belongs to one session.
type stage struct {
	env    []string
	gates  map[string]*exec.Cmd
	later  chan error       // of the http in the background
	signer *jose.PrivateKey // of the issuer

	mu       sync.Mutex
	address  string       // of the gate
	trusting *http.Client // trusts it
	seen     int
	waiting  int
	door     chan struct{} // closed: open
}

func newStage(env *testscript.Env) *stage {
	open := make(chan struct{})
	close(open)
	return &stage{env: env.Vars, gates: make(map[string]*exec.Cmd), door: open}
}

// on makes a word of a method that takes neither "!" nor the testscript's own state.
func on(word func(*stage, *testscript.TestScript, []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("! has no meaning here")
		}
		word(ts.Value(stageKey{}).(*stage), ts, args)
	}
}

func (s *stage) shop(ts *testscript.TestScript, _ []string) {
	careless, err := shop.New(shop.Options{})
	ts.Check(err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.seen++
		s.waiting++
		door := s.door
		s.mu.Unlock()
		<-door
		s.mu.Lock()
		s.waiting--
		s.mu.Unlock()
		careless.Handler().ServeHTTP(w, r)
	}))
	ts.Defer(func() {
		s.open()
		server.Close()
		ts.Check(careless.Close())
	})
	ts.Setenv("UPSTREAM", server.URL)
}

func (s *stage) hold(*testscript.TestScript, []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.door = make(chan struct{})
}

func (s *stage) release(*testscript.TestScript, []string) { s.open() }

func (s *stage) open() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.door:
	default:
		close(s.door)
	}
}

func (s *stage) held(ts *testscript.TestScript, args []string) {
	want := number(ts, args, 0)
	await(ts, "requests held by the shop", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.waiting == want
	})
}

func (s *stage) sawSoMany(ts *testscript.TestScript, args []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if want := number(ts, args, 0); s.seen != want {
		ts.Fatalf("the shop saw %d requests, want %d", s.seen, want)
	}
}

// named is the name of the gate that args begin with, and the other arguments.
func named(args []string) (string, []string) {
	if len(args) >= 2 && args[0] == "-as" {
		return args[1], args[2:]
	}
	return "gate", args
}

func (s *stage) gate(ts *testscript.TestScript, args []string) {
	name, args := named(args)
	if args[0] != "run" {
		for _, flag := range []string{"--listen", "--admin"} {
			args = append(args, flag, "127.0.0.1:0")
		}
	}
	cmd := exec.Command("yett", args...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), s.env
	out, err := os.Create(filepath.Join(cmd.Dir, name+".out"))
	ts.Check(err)
	errs, err := os.Create(filepath.Join(cmd.Dir, name+".err"))
	ts.Check(err)
	cmd.Stdout, cmd.Stderr = out, errs
	ts.Check(cmd.Start())
	ts.Check(errors.Join(out.Close(), errs.Close()))
	s.gates[name] = cmd
	ts.Defer(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill() // the session ended early, and said why
			_ = cmd.Wait()
		}
	})
	deadline := time.Now().Add(20 * time.Second)
	for {
		text := ts.ReadFile(name + ".out")
		if strings.Contains(text, "Ready after") {
			ts.Setenv("GATE", first(ts, text, `(?m)^  API +(https://localhost:\d+) `))
			ts.Setenv("ADMIN", first(ts, text, `(?m)^  Admin +(https://localhost:\d+) `))
			ts.Setenv("ROOT", first(ts, text, `(?m)root certificate (.+)$`))
			s.mu.Lock()
			s.address, s.trusting = ts.Getenv("GATE"), s.client(ts)
			s.mu.Unlock()
			break
		}
		if time.Now().After(deadline) || !alive(cmd) {
			ts.Fatalf("the gate does not get ready\n%s%s", text, ts.ReadFile(name+".err"))
		}
		time.Sleep(10 * time.Millisecond)
	}
	await(ts, "an answer to /readyz", func() bool {
		res, err := s.client(ts).Get(ts.Getenv("ADMIN") + "/readyz")
		return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})
}

// alive reports whether the process is there. On Windows it cannot tell, and the deadline decides.
func alive(cmd *exec.Cmd) bool {
	err := cmd.Process.Signal(syscall.Signal(0))
	return err == nil || !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH)
}

func (s *stage) signal(ts *testscript.TestScript, args []string) {
	ts.Check(s.running(ts, args).Process.Signal(syscall.SIGTERM))
	name := "gate"
	if len(args) == 1 {
		name = args[0]
	}
	await(ts, "word of draining", func() bool { return strings.Contains(ts.ReadFile(name+".err"), "Draining") })
}

func (s *stage) ended(ts *testscript.TestScript, args []string) {
	cmd := s.running(ts, args)
	late := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	if err := cmd.Wait(); err != nil {
		ts.Fatalf("the gate ended with %v", err)
	}
}

func (s *stage) quit(ts *testscript.TestScript, args []string) {
	s.signal(ts, args)
	s.ended(ts, args)
}

func (s *stage) running(ts *testscript.TestScript, args []string) *exec.Cmd {
	name := "gate"
	if len(args) == 1 {
		name = args[0]
	}
	cmd := s.gates[name]
	if cmd == nil {
		ts.Fatalf("no gate is called %s", name)
	}
	return cmd
}

func (s *stage) hangup(ts *testscript.TestScript, args []string) {
	ts.Check(s.running(ts, args).Process.Signal(syscall.SIGHUP))
}

func (s *stage) metric(ts *testscript.TestScript, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: metric NAME VALUE")
	}
	want := "\n" + args[0] + " " + args[1] + "\n"
	await(ts, "the metric "+strings.TrimSpace(want), func() bool {
		res, err := s.client(ts).Get(ts.Getenv("ADMIN") + "/metrics")
		if err != nil {
			return false
		}
		text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
		return errors.Join(err, res.Body.Close()) == nil && strings.Contains("\n"+string(text), want)
	})
}

func edit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: edit FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not hold %q\n%s", args[0], args[1], text)
	}
	text = strings.Replace(text, args[1], strings.ReplaceAll(args[2], `\n`, "\n"), 1)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND")
	}
	want, got := number(ts, args, 0), 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		e, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Check(err)
		}
		got = e.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d\n%s", got, want, ts.ReadFile("stderr"))
	}
}

func pick(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: pick NAME FILE REGEXP")
	}
	ts.Setenv(args[0], first(ts, ts.ReadFile(args[1]), "(?m)"+args[2]))
}

func first(ts *testscript.TestScript, text, pattern string) string {
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		ts.Fatalf("nothing like %s in\n%s", pattern, text)
	}
	return m[1]
}

func number(ts *testscript.TestScript, args []string, i int) int {
	if i >= len(args) {
		ts.Fatalf("a number is missing")
	}
	n, err := strconv.Atoi(args[i])
	ts.Check(err)
	return n
}

func await(ts *testscript.TestScript, what string, there func() bool) {
	for end := time.Now().Add(20 * time.Second); !there(); {
		if time.Now().After(end) {
			ts.Fatalf("waited 20 s for %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
