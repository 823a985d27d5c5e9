// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package practice

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
)

// maxSecret bounds a secret's file. The largest secrets in use, private keys in PEM, have about 4 KiB.
const maxSecret = 64 << 10

// A Secret says where a secret is kept: {file: …} or {env: …} in the configuration. It holds the place, never the
// value, and prints as <secret> everywhere: in every format verb, JSON, YAML and log. A secret written into the
// configuration itself is refused, because the file would travel with it into backups and repositories (OWASP
// API8:2023). The zero Secret is none.
//
// It does not guard the value once read: who calls Value keeps it out of errors and records.
type Secret struct{ file, env string }

// SecretFile is the secret in a file.
func SecretFile(path string) Secret { return Secret{file: path} }

// SecretEnv is the secret in an environment variable.
func SecretEnv(name string) Secret { return Secret{env: name} }

// IsZero reports whether no place is given.
func (s Secret) IsZero() bool { return s == Secret{} }

// Value reads the secret as text: one line break at the end is not part of it. It is an error if the secret is empty, above
// 64 KiB, not a regular file, or if others than its owner and its owner's group may read the file; the group may,
// because that is how container platforms hand files to a process that is not root. Errors name the place only.
func (s Secret) Value() ([]byte, error) {
	value, err := s.Bytes()
	if err != nil {
		return nil, err
	}
	if value = CutLineBreak(value); len(value) == 0 {
		return nil, fmt.Errorf("the secret in %s%s is empty", s.file, s.env)
	}
	return value, nil
}

// CutLineBreak takes one line break from the end of a secret that is text.
func CutLineBreak(secret []byte) []byte {
	if before, ok := bytes.CutSuffix(secret, []byte("\n")); ok {
		return bytes.TrimSuffix(before, []byte("\r"))
	}
	return secret
}

// Bytes is Value with every byte: of a secret that need not be text, the last byte may happen to be a line break.
func (s Secret) Bytes() ([]byte, error) {
	var value []byte
	switch {
	case s.file != "":
		var err error
		if value, err = readSecret(s.file); err != nil {
			return nil, err
		}
	case s.env != "":
		v, ok := os.LookupEnv(s.env)
		if !ok {
			return nil, fmt.Errorf("the environment has no %s", s.env)
		}
		value = []byte(v)
	default:
		return nil, errors.New("no secret is given (use {file: …} or {env: …})")
	}
	if len(value) == 0 {
		return nil, fmt.Errorf("the secret in %s%s is empty", s.file, s.env)
	}
	return value, nil
}

func readSecret(path string) (value []byte, err error) {
	// Looked at before it is opened: opening a named pipe would wait for a writer.
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("the secret file %s is not a regular file", path)
	}
	f, err := os.Open(path) // #nosec G304 -- the operator names the file
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	// Windows keeps no such bits; there the folder's access list decides.
	if mode := info.Mode().Perm(); mode&0o027 != 0 && runtime.GOOS != "windows" {
		// Whoever has it mounted cannot change it: the platform's own default is 0644 or 0444.
		return nil, fmt.Errorf("others may use the secret file %s, mode %04o (chmod 600 %s; for a mounted secret set defaultMode: 0400 in Kubernetes, mode: 0400 in Docker)",
			path, mode, path)
	}
	value, err = io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return nil, err
	}
	if len(value) > maxSecret {
		return nil, fmt.Errorf("the secret file %s is larger than %d bytes", path, maxSecret)
	}
	return value, nil
}

const hidden = "<secret>"

// Format prints <secret> for every verb.
func (Secret) Format(s fmt.State, _ rune) {
	_, _ = io.WriteString(s, hidden) // fmt keeps the error of its writer itself
}

// String is <secret>.
func (Secret) String() string { return hidden }

// MarshalText is <secret>: for JSON, YAML and log/slog.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// UnmarshalText refuses: a secret has no text of its own.
func (*Secret) UnmarshalText([]byte) error {
	return errors.New("a secret is not written into the configuration (use {file: …} or {env: …})")
}
