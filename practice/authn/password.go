// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// The cost of Argon2id, as OWASP's cheat sheet on password storage has it: 19 MiB, two passes.
const (
	argonMemory  = 19 << 10 // KiB
	argonTime    = 2
	argonThreads = 1
	argonSize    = 32
	saltSize     = 16
)

const (
	minPassword = 12   // characters (NIST SP 800-63B asks for at least 8, and for no rule of composition)
	maxPassword = 1024 // bytes
)

// normalPassword brings a password into the form in which it is compared: NFC, as RFC 8265 section 4.2 has it. ok is false for
// what no password is.
func normalPassword(p string) (string, bool) {
	if len(p) > maxPassword || p == "" || !utf8.ValidString(p) || strings.ContainsFunc(p, unicode.IsControl) {
		return "", false
	}
	p = norm.NFC.String(p)
	return p, len(p) <= maxPassword
}

// A hasher runs Argon2id a few times at once: each takes 19 MiB and a core, and attackers pay nothing to ask.
type hasher struct {
	slots   chan struct{}
	waiting atomic.Int64
}

// maxWaiting is how many may wait for a slot, for each of them.
const maxWaiting = 8

func newHasher() *hasher { return &hasher{slots: make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))} }

// errBusy says that too many passwords are being checked.
var errBusy = errors.New("too many passwords are being checked at once")

func (h *hasher) run(ctx context.Context, f func()) error {
	if h.waiting.Add(1) > int64(maxWaiting*cap(h.slots)) {
		h.waiting.Add(-1)
		return errBusy
	}
	defer h.waiting.Add(-1)
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-h.slots }()
	f()
	return nil
}

// hash makes the PHC form of a password's hash.
func (h *hasher) hash(ctx context.Context, password string) (phc string, err error) {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails: crypto/rand ends the program first
	err = h.run(ctx, func() {
		sum := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonSize)
		enc := base64.RawStdEncoding
		phc = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads, enc.EncodeToString(salt), enc.EncodeToString(sum))
	})
	return phc, err
}

// matches compares a password with a PHC form. It takes as long for every one of the same cost.
func (h *hasher) matches(ctx context.Context, phc, password string) (ok bool, err error) {
	p, err := parsePHC(phc)
	if err != nil {
		return false, err
	}
	err = h.run(ctx, func() {
		sum := argon2.IDKey([]byte(password), p.salt, p.time, p.memory, p.threads, uint32(len(p.sum))) // #nosec G115 -- bounded by parsePHC
		ok = subtle.ConstantTimeCompare(sum, p.sum) == 1
	})
	return ok, err
}

type phc struct {
	memory, time uint32
	threads      uint8
	salt, sum    []byte
}

// parsePHC reads the form of hash. Costs are bounded: a store that was written to must not exhaust us.
func parsePHC(s string) (p phc, err error) {
	parts := strings.Split(s, "$")
	bad := errors.New("the hash of a password cannot be read")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, bad
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); n != 3 || err != nil {
		return p, bad
	}
	enc := base64.RawStdEncoding.Strict()
	var err1, err2 error
	p.salt, err1 = enc.DecodeString(parts[4])
	p.sum, err2 = enc.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(p.salt) < 8 || len(p.sum) < 16 || len(p.sum) > 64 ||
		p.memory < 8 || p.memory > 256<<10 || p.time < 1 || p.time > 16 || p.threads < 1 || p.threads > 16 {
		return p, bad
	}
	return p, nil
}
