// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package practice_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"yett/practice"
)

func TestASecretPrintsAsSecretEverywhere(t *testing.T) {
	type config struct {
		Pepper practice.Secret
		Old    []*practice.Secret
	}
	file, env := practice.SecretFile("/etc/yett/pepper.key"), practice.SecretEnv("YETT_PEPPER")
	c := config{file, []*practice.Secret{&env}}
	printed := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10s"} {
		printed[verb] = fmt.Sprintf(verb, file)
		printed[verb+" of a pointer"] = fmt.Sprintf(verb, &env)
		printed[verb+" of a struct"] = fmt.Sprintf(verb, c)
	}
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "config", c, "secret", file)
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "secret", file)
	printed["log"] = b.String()
	j, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	printed["JSON"] = string(j)
	y, err := yaml.Dump(c)
	if err != nil {
		t.Fatal(err)
	}
	printed["YAML"] = string(y)
	printed["String"] = file.String()
	for how, text := range printed {
		if strings.Contains(text, "pepper.key") || strings.Contains(text, "YETT_PEPPER") || !strings.Contains(text, "secret") && !strings.Contains(how, "pointer") {
			t.Errorf("%s prints %s", how, text)
		}
	}
	for _, how := range []string{"%v", "%#v", "%x", "%s"} {
		if printed[how] != "<secret>" || printed[how+" of a pointer"] != "<secret>" {
			t.Errorf("%s: got %s and %s", how, printed[how], printed[how+" of a pointer"])
		}
	}
}

func TestASecretIsReadFromItsPlace(t *testing.T) {
	t.Setenv("YETT_TEST_PEPPER", "from the environment")
	t.Setenv("YETT_TEST_EMPTY", "")
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tt := range []struct {
		name   string
		secret practice.Secret
		want   string
		err    string // part of it
		unix   bool
	}{
		{"environment", practice.SecretEnv("YETT_TEST_PEPPER"), "from the environment", "", false},
		{"file without its line break", practice.SecretFile(write("a", "hunter2\n", 0o600)), "hunter2", "", false},
		{"only one line break goes", practice.SecretFile(write("b", "hunter2\r\n\r\n", 0o400)), "hunter2\r\n", "", false},
		{"spaces stay", practice.SecretFile(write("c", " hunter2 ", 0o640)), " hunter2 ", "", false},
		{"variable that is not set", practice.SecretEnv("YETT_TEST_UNSET"), "", "the environment has no YETT_TEST_UNSET", false},
		{"empty variable", practice.SecretEnv("YETT_TEST_EMPTY"), "", "is empty", false},
		{"empty file", practice.SecretFile(write("d", "\n", 0o600)), "", "is empty", false},
		{"missing file", practice.SecretFile(filepath.Join(dir, "none")), "", "none", false},
		{"folder", practice.SecretFile(dir), "", "not a regular file", false},
		{"huge file", practice.SecretFile(write("e", strings.Repeat("x", 64<<10+1), 0o600)), "", "larger than", false},
		{"file that others may read", practice.SecretFile(write("f", "hunter2", 0o604)), "", "chmod 600", true},
		{"file as Docker mounts it", practice.SecretFile(write("h", "hunter2", 0o444)), "", "mode: 0400 in Docker", true},
		{"file as Kubernetes mounts it", practice.SecretFile(write("i", "hunter2", 0o644)), "", "defaultMode: 0400 in Kubernetes", true},
		{"file as Kubernetes mounts it with defaultMode 0400 and fsGroup", practice.SecretFile(write("j", "hunter2", 0o440)), "hunter2", "", true},
		{"file that the group may write", practice.SecretFile(write("g", "hunter2", 0o620)), "", "chmod 600", true},
		{"no place", practice.Secret{}, "", "no secret is given", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.unix && runtime.GOOS == "windows" {
				t.Skip("Windows keeps no such bits on a file")
			}
			got, err := tt.secret.Value()
			switch {
			case tt.err == "" && (err != nil || string(got) != tt.want):
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || got != nil):
				t.Errorf("got %q, %v, want an error with %q", got, err, tt.err)
			case err != nil && strings.Contains(err.Error(), "hunter2"):
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestALiteralSecretIsRefused(t *testing.T) {
	var c struct{ Pepper practice.Secret }
	if err := json.Unmarshal([]byte(`{"Pepper": "hunter2"}`), &c); err == nil || strings.Contains(err.Error(), "hunter2") || !c.Pepper.IsZero() {
		t.Errorf("got %v", err)
	}
}
