// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"yett/store"
)

// holdPath tells a copy of the test binary to hold a data directory until it is killed.
const holdPath = "YETT_STORE_HOLD"

func TestMain(m *testing.M) {
	if path := os.Getenv(holdPath); path != "" {
		if _, err := store.OpenDir(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("held")
		time.Sleep(time.Minute)
		return
	}
	os.Exit(m.Run())
}

func openDir(t *testing.T, path string) *store.Dir {
	t.Helper()
	d, err := store.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func closeDir(t *testing.T, d *store.Dir) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func wantMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want && runtime.GOOS != "windows" {
		t.Errorf("%s has mode %04o, want %04o", path, got, want)
	}
}

func TestADataDirectoryIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "yett-data")
	d := openDir(t, path)
	defer closeDir(t, d)
	if _, err := d.ReadOrCreateSecret("kek", 32); err != nil {
		t.Fatal(err)
	}
	if err := d.WriteFile("ca.pem", []byte("certificate")); err != nil {
		t.Fatal(err)
	}
	wantMode(t, path, 0o700)
	for _, name := range []string{"lock", "kek", "ca.pem"} {
		wantMode(t, d.Path(name), 0o600)
	}
}

func TestADirectoryOpenToOthersIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no file modes")
	}
	for _, mode := range []fs.FileMode{0o750, 0o701, 0o755} {
		path := filepath.Join(t.TempDir(), "yett-data")
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := store.OpenDir(path)
		if want := fmt.Sprintf("%s is open to others (mode %04o): run chmod go= %s", path, mode, path); err == nil || err.Error() != want {
			t.Errorf("OpenDir = %v, want %s", err, want)
		}
	}
}

func TestOneProcessHoldsADataDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yett-data")
	d := openDir(t, path)
	_, err := store.OpenDir(path)
	var locked *store.LockedError
	if !errors.As(err, &locked) || locked.PID != os.Getpid() {
		t.Errorf("a second OpenDir = %v, want a LockedError with pid %d", err, os.Getpid())
	}
	closeDir(t, d)

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), holdPath+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "held\n" {
		t.Fatalf("the other process said %q, %v", line, err)
	}
	_, err = store.OpenDir(path)
	if want := fmt.Sprintf("%s belongs to a running gateway (pid %d)", path, cmd.Process.Pid); err == nil || err.Error() != want {
		t.Errorf("while another process holds it: OpenDir = %v, want %s", err, want)
	}

	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the other process ended by itself")
	}
	closeDir(t, openDir(t, path)) // a killed process leaves its pid, but not its lock
}

func TestASecretIsMadeOnceAndStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yett-data")
	d := openDir(t, path)
	// What a crash during the first attempt may leave.
	if err := os.WriteFile(d.Path(".kek.new"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			secret, err := d.ReadOrCreateSecret("kek", 32)
			if err != nil {
				t.Error(err)
			}
			got[i] = secret
		})
	}
	wg.Wait()
	closeDir(t, d)
	d = openDir(t, path)
	defer closeDir(t, d)
	again, err := d.ReadOrCreateSecret("kek", 32)
	if err != nil || len(again) != 32 || bytes.Equal(again, make([]byte, 32)) {
		t.Fatalf("ReadOrCreateSecret = %d bytes, %v; want 32 random ones", len(again), err)
	}
	for i := range got {
		if !bytes.Equal(got[i], again) {
			t.Errorf("call %d gave another secret", i)
		}
	}
	other, err := d.ReadOrCreateSecret("pepper", 32)
	if err != nil || bytes.Equal(other, again) {
		t.Errorf("another name gave the same secret, %v", err)
	}
}

func TestADoubtfulSecretIsRefusedAndLeftAlone(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(t *testing.T, path string) error
		want string
		unix bool
	}{
		{"readable by others", func(_ *testing.T, path string) error {
			return errors.Join(os.WriteFile(path, make([]byte, 32), 0o600), os.Chmod(path, 0o644))
		}, "is open to others (mode 0644): run chmod go= ", true},
		{"writable by others", func(_ *testing.T, path string) error {
			return errors.Join(os.WriteFile(path, make([]byte, 32), 0o600), os.Chmod(path, 0o620))
		}, "is open to others (mode 0620)", true},
		{"cut", func(_ *testing.T, path string) error { return os.WriteFile(path, make([]byte, 31), 0o600) }, "holds 31 bytes, not 32", false},
		{"emptied", func(_ *testing.T, path string) error { return os.WriteFile(path, nil, 0o600) }, "holds 0 bytes, not 32", false},
		{"grown", func(_ *testing.T, path string) error { return os.WriteFile(path, make([]byte, 2<<20), 0o600) }, "is not a file of at most", false},
		{"a folder", func(_ *testing.T, path string) error { return os.Mkdir(path, 0o700) }, "", false},
		{"a link that leads out", func(t *testing.T, path string) error {
			outside := filepath.Join(t.TempDir(), "secret")
			return errors.Join(os.WriteFile(outside, make([]byte, 32), 0o600), os.Symlink(outside, path))
		}, "path escapes", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.unix && runtime.GOOS == "windows" {
				t.Skip("Windows has no file modes, and links need a privilege")
			}
			d := openDir(t, filepath.Join(t.TempDir(), "yett-data"))
			defer closeDir(t, d)
			if err := tt.make(t, d.Path("kek")); err != nil {
				t.Fatal(err)
			}
			before, err := os.Lstat(d.Path("kek"))
			if err != nil {
				t.Fatal(err)
			}
			secret, err := d.ReadOrCreateSecret("kek", 32)
			if err == nil || secret != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ReadOrCreateSecret = %d bytes, %v; want an error with %q", len(secret), err, tt.want)
			}
			after, err := os.Lstat(d.Path("kek"))
			if err != nil || !os.SameFile(before, after) || before.Size() != after.Size() {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
}

func TestNamesStayInTheDirectory(t *testing.T) {
	d := openDir(t, filepath.Join(t.TempDir(), "yett-data"))
	defer closeDir(t, d)
	for _, name := range []string{"", ".", "..", "../kek", "a/b", `a\b`, "/etc/passwd", "C:kek", "lock", ".kek.new"} {
		if _, err := d.ReadOrCreateSecret(name, 32); err == nil {
			t.Errorf("ReadOrCreateSecret(%q): no error", name)
		}
		if _, err := d.ReadFile(name); err == nil {
			t.Errorf("ReadFile(%q): no error", name)
		}
		if err := d.WriteFile(name, nil); err == nil {
			t.Errorf("WriteFile(%q): no error", name)
		}
	}
	for _, n := range []int{-1, 0, 15, 1025} {
		if _, err := d.ReadOrCreateSecret("kek", n); err == nil {
			t.Errorf("a secret of %d bytes: no error", n)
		}
	}
}

func TestAFileIsReplacedWhole(t *testing.T) {
	d := openDir(t, filepath.Join(t.TempDir(), "yett-data"))
	defer closeDir(t, d)
	if _, err := d.ReadFile("ca.pem"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ReadFile of nothing = %v, want fs.ErrNotExist", err)
	}
	for _, content := range []string{"the first and longer content", "the second"} {
		if err := d.WriteFile("ca.pem", []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := d.ReadFile("ca.pem"); err != nil || string(got) != content {
			t.Errorf("ReadFile = %q, %v; want %q", got, err, content)
		}
	}
	if err := d.WriteFile("ca.pem", make([]byte, 1<<20+1)); err == nil {
		t.Error("WriteFile of more than 1 MiB: no error")
	}
	names, err := filepath.Glob(d.Path(".*"))
	if err != nil || len(names) != 0 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}
