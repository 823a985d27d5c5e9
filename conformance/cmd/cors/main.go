// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Command cors asks a real Chromium whether pages can read through the real binary what cors keeps from them. It serves
// pages of several origins, and an upstream that repeats every origin with credentials. What a page of another origin asks
// for is asked three times: of yett (it must not be read), and of yett with cors off or of the upstream itself (it must be
// read there, or the case proves nothing). It exits with 1 if one answer is another.
//
//	scripts/browser
//	cd conformance && go run ./cmd/cors -yett ../bin/yett -browser ../.suites/browser
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"text/tabwriter"
)

func main() {
	log.SetFlags(0)
	binary := flag.String("yett", "../bin/yett", "the binary")
	browser := flag.String("browser", "../.suites/browser", "folder that scripts/browser has filled")
	chromium := flag.String("chromium", "", "path of Chromium; empty: the system's")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *binary, *browser, *chromium)
	stop()
	if err != nil {
		log.Fatal("cors: ", err)
	}
}

func run(ctx context.Context, binary, browser, chromium string) (err error) {
	if chromium == "" {
		if chromium, err = find("chromium", "chromium-browser", "google-chrome"); err != nil {
			return err
		}
	}
	up := newUpstream()
	defer up.close()
	web := newPages()
	defer web.close()
	on, err := startGate(ctx, binary, up.url(), hostOn, "origins: ["+shopPage+", http://localhost:"+web.port()+"], credentials: true")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, on.stop()) }()
	off, err := startGate(ctx, binary, up.url(), hostOff, `off: "shows what the browser reads without it"`)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, off.stop()) }()

	w := &world{ports: map[string]string{hostOn: on.port, hostOff: off.port, hostBare: up.securePort()},
		keys: map[string]string{hostOn: on.key, hostOff: off.key, hostBare: "any"}, web: web}
	all := w.cases()
	answers, err := ask(ctx, browser, chromium, w, all)
	if err != nil {
		return err
	}
	return judge(all, answers, up)
}

// find returns the first of names that is installed.
func find(names ...string) (string, error) {
	for _, name := range names {
		if p, err := exec.LookPath(name); err == nil {
			return p, nil
		}
	}
	return "", errors.New("no Chromium is here (on Debian: apt-get install chromium; elsewhere: -chromium PATH)")
}

// judge compares what was seen with what each case wants, and prints a table.
func judge(all []*attempt, answers []answer, up *upstream) error {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "\tPAGE\tASKS\tSAW\tWANTED")
	bad := 0
	for i, a := range all {
		saw := answers[i].String()
		if a.reaches != "" {
			saw = "not reached"
			if up.reached(a.reaches) {
				saw = "reached"
			}
		}
		mark := "ok"
		if !a.met(&answers[i], saw) {
			mark = "BAD"
			bad++
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s, at %s\t%s\t%s\n", mark, a.from(), a.what, a.at, saw, a.want)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Printf("%d of %d as wanted\n", len(all)-bad, len(all))
	if bad > 0 {
		return fmt.Errorf("%d of %d answers are not as wanted", bad, len(all))
	}
	return nil
}
