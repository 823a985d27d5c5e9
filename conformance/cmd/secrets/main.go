// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Command secrets pushes fifty secrets through every door of the real binary, and then looks for them wherever they could have
// been left: in every byte of the data directory, in a dump of the store, in what the process printed, in its metrics and in
// its arguments; as they are, in hex, in base64 and in percent-encoding. It fails if it finds one. Then it takes the data
// away from its key-encryption key, which must open nothing and change nothing.
//
//	go run ./cmd/secrets -yett ../bin/yett [-plant]
//
// With -plant one secret is written into the data directory, so that the search must fail.
package main

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	binary := flag.String("yett", "../bin/yett", "the binary")
	plant := flag.Bool("plant", false, "leave a secret lying about")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := run(ctx, *binary, *plant); err != nil {
		log.Fatal("secrets: ", err)
	}
}

// A seed is a secret and the door that it went through.
type seed struct{ door, value string }

// seeds are handed out in the order in which they are made.
type seeds struct{ all []seed }

// next makes a secret for a door. It can stand in a header, a path and a password alike.
func (s *seeds) next(door string) string {
	v := "s3cr3t" + crand.Text()
	s.add(door, v)
	return v
}

// add takes a secret that was made elsewhere.
func (s *seeds) add(door, value string) { s.all = append(s.all, seed{door, value}) }

func run(ctx context.Context, binary string, plant bool) (err error) {
	binary, err = filepath.Abs(binary)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "yett-secrets")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s := new(seeds)
	g, err := open(ctx, dir, binary, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	if err := g.visit(ctx, s); err != nil {
		return err
	}
	metrics, err := g.metrics(ctx)
	if err != nil {
		return err
	}
	arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", g.cmd.Process.Pid))
	if err != nil {
		return err
	}
	var exports []byte
	for _, form := range []string{"yett", "ocsf"} {
		out, err := g.yett(ctx, "", "log", "export", "--format", form)
		if err != nil {
			return err
		}
		exports = append(exports, out...)
	}
	if err := g.stop(); err != nil {
		return err
	}
	if plant {
		if err := os.WriteFile(filepath.Join(g.data(), "planted"), []byte("x"+s.all[7].value+"y"), 0o600); err != nil {
			return err
		}
	}
	places := map[string][]byte{"what it printed": g.out.Bytes(), "its metrics": metrics, "its arguments": arguments, "exports of its records": exports}
	if places["a dump of the store"], err = dump(ctx, filepath.Join(g.data(), "yett.db")); err != nil {
		return err
	}
	if err := readAll(g.data(), places); err != nil {
		return err
	}
	if err := search(s, places); err != nil {
		return err
	}
	return g.stolen(ctx)
}

// readAll reads every file below a folder.
func readAll(root string, into map[string][]byte) error {
	return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		into["data/"+strings.TrimPrefix(name, root+"/")], err = os.ReadFile(name) // #nosec G304 G122 -- our own folder
		return err
	})
}

// forms are how a secret may be written.
func forms(value string) map[string]string {
	raw := []byte(value)
	all := map[string]string{"as it is": value, "in hex": hex.EncodeToString(raw), "in percent-encoding": url.QueryEscape(value),
		"in JSON": strings.Trim(fmt.Sprintf("%q", value), `"`)}
	for shift := range 3 { // base64 of a text that holds it somewhere
		coded := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), raw...))
		all[fmt.Sprintf("in base64, shifted by %d", shift)] = coded[(shift*8+5)/6 : len(coded)-1]
	}
	return all
}

func search(s *seeds, places map[string][]byte) error {
	doors := make(map[string]int)
	size := 0
	var found []error
	for _, seed := range s.all {
		doors[seed.door]++
		for form, text := range forms(seed.value) {
			for where, content := range places {
				if bytes.Contains(content, []byte(text)) {
					found = append(found, fmt.Errorf("%s: %s holds it %s", seed.door, where, form))
				}
			}
		}
	}
	for _, door := range slices.Sorted(maps.Keys(doors)) {
		fmt.Printf("  %2d  %s\n", doors[door], door)
	}
	for _, content := range places {
		size += len(content)
	}
	fmt.Printf("secrets: %d seeded, looked for in %d places of %d bytes in all\n", len(s.all), len(places), size)
	if len(s.all) < 50 {
		found = append(found, fmt.Errorf("only %d were seeded", len(s.all)))
	}
	if size < 10_000 {
		found = append(found, errors.New("there was next to nothing to look through"))
	}
	if err := errors.Join(found...); err != nil {
		return err
	}
	fmt.Println("secrets: none was found")
	return nil
}

// stolen takes a copy of the data without the key-encryption key, which lies elsewhere.
func (g *gate) stolen(ctx context.Context) error {
	loot := filepath.Join(g.dir, "loot")
	if err := os.CopyFS(loot, os.DirFS(g.data())); err != nil {
		return err
	}
	if err := exec.CommandContext(ctx, "chmod", "-R", "go-rwx", loot).Run(); err != nil {
		return err
	}
	before := make(map[string][]byte)
	if err := readAll(loot, before); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"key", "list", "--data", loot}, {"token", "revocations", "--data", loot}, {"user", "list", "--data", loot}, {"encrypt", "rotate", "--data", loot},
		{filepath.Join(g.dir, "openapi.yaml"), "http://127.0.0.1:9", "--data", loot, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"},
	} {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		out, err := exec.CommandContext(ctx, g.binary, args...).CombinedOutput() // #nosec G204 -- the binary that is tested
		cancel()
		if err == nil || !bytes.Contains(out, []byte("key-encryption key")) {
			return fmt.Errorf("a stolen store: yett %s: %v\n%s", strings.Join(args[:2], " "), err, out)
		}
	}
	after := make(map[string][]byte)
	if err := readAll(loot, after); err != nil {
		return err
	}
	for name, content := range before {
		// The lock and the log of the database say that somebody looked.
		if strings.Contains(name, "yett.db-") || strings.HasSuffix(name, "/lock") {
			continue
		}
		if !bytes.Equal(content, after[name]) {
			return fmt.Errorf("a stolen store: %s was changed by who has no key", name)
		}
	}
	fmt.Println("secrets: a copy of the data without the key-encryption key opens nothing, and nothing in it was changed")
	return nil
}

// metrics are what the admin address tells.
func (g *gate) metrics(ctx context.Context) ([]byte, error) {
	status, body, err := g.do(ctx, http.MethodGet, "https://"+g.adminAddr+"/metrics", nil, "")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("/metrics: %d", status)
	}
	return body, err
}
