// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxCA bounds a file of authorities, in bytes.
const maxCA = 1 << 20

// tlsConfig trusts the authorities in a file, or those of the system where there is none.
func tlsConfig(name string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if name == "" {
		return c, nil
	}
	pem, err := readFile(name)
	if err != nil {
		return nil, err
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: holds no certificate (PEM is wanted)", name)
	}
	return c, nil
}

// readFile reads a regular file of bounded size.
func readFile(name string) (_ []byte, err error) {
	info, err := os.Stat(name) // a pipe would wait for its writer
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxCA {
		return nil, fmt.Errorf("%s: is not a file of at most 1 MiB", name)
	}
	f, err := os.Open(name) // #nosec G304 -- the operator's own file
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, maxCA))
}
