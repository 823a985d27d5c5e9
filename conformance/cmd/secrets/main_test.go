// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fifty are as many seeds as a run has.
func fifty() *seeds {
	s := new(seeds)
	for i := range 50 {
		s.next(fmt.Sprint("door ", i%7))
	}
	return s
}

// clean is enough to look through, in which nothing is.
func clean() map[string][]byte {
	return map[string][]byte{"its metrics": bytes.Repeat([]byte("yett_exchanges_total 1\n"), 500), "data/yett.db": bytes.Repeat([]byte{0, 1, 2, 255}, 2000)}
}

// A search that cannot fail would prove nothing.
func TestTheSearchFindsASecretInEveryForm(t *testing.T) {
	for form, write := range map[string]func(string) string{
		"as it is":                       func(v string) string { return v },
		"in hex":                         func(v string) string { return hex.EncodeToString([]byte(v)) },
		"in a URL":                       func(v string) string { return url.Values{"q": {v}}.Encode() },
		"in JSON":                        func(v string) string { b, _ := json.Marshal(map[string]string{"password": v}); return string(b) },
		"in base64":                      func(v string) string { return base64.StdEncoding.EncodeToString([]byte(v)) },
		"in base64url, behind one byte":  func(v string) string { return base64.RawURLEncoding.EncodeToString([]byte(":" + v)) },
		"in base64, behind a name":       func(v string) string { return base64.StdEncoding.EncodeToString([]byte("greta:" + v)) },
		"in base64, behind two bytes":    func(v string) string { return base64.StdEncoding.EncodeToString([]byte("a:" + v + "\n")) },
		"in base64, with more behind it": func(v string) string { return base64.StdEncoding.EncodeToString([]byte("ab:" + v + " and more")) },
	} {
		t.Run(form, func(t *testing.T) {
			s, places := fifty(), clean()
			if err := search(s, places); err != nil {
				t.Fatalf("where nothing is: %v", err)
			}
			places["data/yett.db"] = append(places["data/yett.db"], "x"+write(s.all[31].value)+"y"...)
			err := search(s, places)
			if err == nil || !strings.Contains(err.Error(), s.all[31].door+": data/yett.db holds it") {
				t.Errorf("got %v", err)
			}
			if err != nil && strings.Contains(err.Error(), s.all[31].value) {
				t.Errorf("the search tells the secret: %v", err)
			}
		})
	}
}

func TestASearchForNextToNothingFails(t *testing.T) {
	few := fifty()
	few.all = few.all[:49]
	if err := search(few, clean()); err == nil {
		t.Error("49 secrets are enough")
	}
	if err := search(fifty(), map[string][]byte{"its metrics": []byte("nothing")}); err == nil {
		t.Error("seven bytes are enough to look through")
	}
}

func TestEveryFileIsReadHoweverDeep(t *testing.T) {
	root := t.TempDir()
	s := fifty()
	deep := filepath.Join(root, "activity", "deep")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(deep, ".hidden"), []byte(s.all[0].value), 0o600); err != nil {
		t.Fatal(err)
	}
	places := clean()
	if err := readAll(root, places); err != nil {
		t.Fatal(err)
	}
	if err := search(s, places); err == nil || !strings.Contains(err.Error(), "data/activity/deep/.hidden") {
		t.Errorf("got %v", err)
	}
}
