// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package encrypt seals what yett keeps: hashes of passwords, signing keys, the pepper of API keys, the parts of records
// that tell internals; and, where the description says so, fields of the API's own data before the upstream keeps them.
//
// It stops whoever reads a stolen store, backup or disk from learning a secret (OWASP API8:2023, ASVS V11 and V14), and
// whoever can write to it from moving a value to another row, column or file, where it would not open. Each class of
// secrets has keys of its own (AES-256-GCM, tink keysets), which lie in the store wrapped by one key-encryption key; that
// one lies in a file, in the environment, or never leaves a Vault or OpenBao server. It does not stop whoever reads the
// memory of the running gateway, or who has the key-encryption key beside the store, as by default; it hides neither how
// many rows there are nor how long their values are, and does not notice a whole store put back from a backup.
//
// Used alone:
//
//	v, err := encrypt.Open(ctx, encrypt.Options{Store: db, KEK: kek})
//	s, err := v.Class(ctx, "notes", store.Kept{Table: "notes", Row: "id", Column: "text"})
//	sealed, err := s.Seal(ctx, []byte("secret"), store.Place{Table: "notes", Row: "7", Column: "text"})
package encrypt

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/daead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"yett/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Options are what a program supplies.
type Options struct {
	Store *store.DB
	// KEK wraps the keysets. Previous, which may be nil, wrapped them before: they are wrapped anew when the vault opens.
	KEK, Previous KEK
	Files         *store.Dir       // of classes that keep files; nil: none do
	Now           func() time.Time // nil: time.Now
	Log           *slog.Logger     // nil: silent
}

// A Vault is the keys of one store. It is safe for concurrent use.
type Vault struct {
	db    *store.DB
	files *store.Dir
	now   func() time.Time
	log   *slog.Logger

	kek atomic.Pointer[KEK]

	patience time.Duration // for what was replaced to be gone from the disk
	residue  atomic.Bool   // what was replaced may still lie there

	// changing is held while keysets change, or what has to do with their end: classes that are made, places that are named.
	// A server that keeps the key-encryption key may be asked meanwhile; values are not sealed anew.
	changing sync.Mutex

	mu      sync.Mutex // of what follows, for a moment; after changing, where both are held
	classes map[string]*class
}

var _ store.Sealing = (*Vault)(nil)

// Open opens the keysets of a store. It refuses a store whose keysets another key-encryption key wraps, and changes nothing
// then.
func Open(ctx context.Context, o Options) (*Vault, error) {
	if o.Store == nil || o.KEK == nil {
		return nil, errors.New("encrypt: no store, or no key-encryption key")
	}
	v := &Vault{db: o.Store, files: o.Files, now: o.Now, log: o.Log, patience: scrubTime, classes: make(map[string]*class)}
	v.kek.Store(&o.KEK)
	if v.now == nil {
		v.now = time.Now
	}
	if v.log == nil {
		v.log = slog.New(slog.DiscardHandler)
	}
	if err := v.db.Migrate(ctx, "encrypt", migrations); err != nil {
		return nil, err
	}
	rows, err := v.rows(ctx)
	if err != nil {
		return nil, err
	}
	if err := v.adopt(ctx, rows, o.Previous); err != nil {
		return nil, err
	}
	return v, nil
}

// adopt opens every keyset, so that a wrong key shows at once, and wraps those of the previous key-encryption key anew.
func (v *Vault) adopt(ctx context.Context, rows []row, previous KEK) error {
	known := []KEK{v.by()}
	if previous != nil {
		known = append(known, previous)
	}
	older := false
	for _, r := range rows {
		k, err := unwrapAny(ctx, known, r)
		if err != nil {
			return err
		}
		v.classes[r.class] = newClass(v, r.class, k)
		older = older || r.kek != v.by().ID()
	}
	if !older {
		return nil
	}
	if err := v.rewrap(ctx, v.by(), known...); err != nil {
		return err
	}
	if err := v.scrub(ctx); err != nil {
		v.log.Error("keysets under the previous key-encryption key may still lie on the disk", "err", err)
	}
	return nil
}

// by is the key-encryption key in use.
func (v *Vault) by() KEK { return *v.kek.Load() }

// A WrongKEKError says that the keysets of a store belong to another key-encryption key. Nothing was changed.
type WrongKEKError struct {
	Class, Want, Got string // public ids
	Err              error  // what the server of the one given says to them; nil: it has none, or was not asked
	server           bool   // the one that belongs to it is kept by a server
}

func (e *WrongKEKError) Error() string {
	key, why := "encrypt.previous", ""
	if e.server {
		key = "encrypt.previous_transit"
	}
	if e.Err != nil {
		why = ", which does not open them: " + e.Err.Error()
	}
	return fmt.Sprintf("the keys of this store are wrapped by the key-encryption key %s; the one given is %s%s "+
		"(put the one back that belongs to it, or name it as %s; nothing was changed)", e.Want, e.Got, why, key)
}

// Unwrap returns Err.
func (e *WrongKEKError) Unwrap() error { return e.Err }

// maxPlain bounds what is sealed at once.
const maxPlain = 1 << 20

// Class returns the Sealer of a class, with keys made on the first call ever.
func (v *Vault) Class(ctx context.Context, name string, kept ...store.Kept) (store.Sealer, error) {
	for _, k := range kept {
		if k.File != "" && v.files == nil {
			return nil, fmt.Errorf("encrypt: %s keeps the file %s, and there is no directory", name, k.File)
		}
	}
	c, err := v.class(ctx, name, Randomized)
	if err != nil {
		return nil, err
	}
	c.keeps(kept)
	return c, nil
}

// Deterministic returns the Sealer of a class whose values are sealed to the same bytes where text and place are the same,
// so that equal ones can be found without being opened. Whoever reads them learns which are equal, and no more. Its key
// stays over rotations: under a new one nothing that was sealed before would be found again.
func (v *Vault) Deterministic(ctx context.Context, name string) (store.Sealer, error) {
	c, err := v.class(ctx, name, Deterministic)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// class returns a class, made on the first call ever.
func (v *Vault) class(ctx context.Context, name string, mode Mode) (*class, error) {
	if name == "" {
		return nil, errors.New("encrypt: a class needs a name")
	}
	c := v.named(name)
	if c == nil {
		var err error
		if c, err = v.make(ctx, name, mode); err != nil {
			return nil, fmt.Errorf("encrypt: keys of %s: %w", name, err)
		}
	}
	if got := c.keys.Load().mode(); got != mode {
		return nil, fmt.Errorf("encrypt: the values of %s are %s, not %s", name, got, mode)
	}
	return c, nil
}

// make makes a class, unless somebody has made it meanwhile.
func (v *Vault) make(ctx context.Context, name string, mode Mode) (*class, error) {
	v.changing.Lock()
	defer v.changing.Unlock()
	if c := v.named(name); c != nil {
		return c, nil
	}
	k, err := v.create(ctx, name, mode)
	if err != nil {
		return nil, err
	}
	c := newClass(v, name, k)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.classes[name] = c
	return c, nil
}

// named returns a class, nil if there is none.
func (v *Vault) named(name string) *class {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.classes[name]
}

// A class seals one class of secrets.
type class struct {
	v        *Vault
	name     string
	kept     []store.Kept // guarded by Vault.mu; grows while Vault.changing is held
	keys     atomic.Pointer[keys]
	sweeping sync.Mutex   // held while its values are sealed anew
	looking  sync.Mutex   // held while the store is asked for keys that are not known
	loaded   atomic.Int64 // Unix nanoseconds of the last look
}

// places returns where its values lie.
func (c *class) places() []store.Kept {
	c.v.mu.Lock()
	defer c.v.mu.Unlock()
	return slices.Clone(c.kept)
}

// keeps adds to where its values lie. No key is removed meanwhile: one of those values may need it.
func (c *class) keeps(kept []store.Kept) {
	known := c.places()
	if !slices.ContainsFunc(kept, func(k store.Kept) bool { return !slices.Contains(known, k) }) {
		return
	}
	c.v.changing.Lock()
	defer c.v.changing.Unlock()
	c.v.mu.Lock()
	defer c.v.mu.Unlock()
	for _, k := range kept {
		if !slices.Contains(c.kept, k) {
			c.kept = append(c.kept, k)
		}
	}
}

func newClass(v *Vault, name string, k *keys) *class {
	c := &class{v: v, name: name}
	c.keys.Store(k)
	return c
}

// keys are a keyset, open. One of aead and daead is nil.
type keys struct {
	handle  *keyset.Handle
	aead    tink.AEAD
	daead   tink.DeterministicAEAD
	primary [prefixSize]byte   // that begins what it seals
	all     [][prefixSize]byte // those of older keys too
	created time.Time          // of the primary key
}

// prefixSize is how many bytes of what tink seals name the key.
const prefixSize = 5

// newKeys opens a keyset. Its kind is that of its primary key: a keyset says itself what it is for.
func newKeys(h *keyset.Handle, created time.Time) (k *keys, err error) {
	info := h.KeysetInfo()
	k = &keys{handle: h, created: created}
	copy(k.primary[:], prefix(info.GetPrimaryKeyId()))
	deterministic := false
	for _, i := range info.GetKeyInfo() {
		k.all = append(k.all, [prefixSize]byte(prefix(i.GetKeyId())))
		if i.GetKeyId() == info.GetPrimaryKeyId() {
			deterministic = i.GetTypeUrl() == daead.AESSIVKeyTemplate().GetTypeUrl()
		}
	}
	if deterministic {
		k.daead, err = daead.New(h)
	} else {
		k.aead, err = aead.New(h)
	}
	return k, err
}

func (k *keys) mode() Mode {
	if k.daead != nil {
		return Deterministic
	}
	return Randomized
}

// prefix is how tink begins what the key with an id seals.
func prefix(id uint32) []byte {
	return []byte{1, byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)}
}

// holds reports whether the key that sealed a value is one of k.
func (k *keys) holds(sealed []byte) bool {
	for i := range k.all {
		if bytes.HasPrefix(sealed, k.all[i][:]) {
			return true
		}
	}
	return false
}

func (k *keys) seal(plain, bound []byte) ([]byte, error) {
	if k.daead != nil {
		return k.daead.EncryptDeterministically(plain, bound)
	}
	return k.aead.Encrypt(plain, bound)
}

func (k *keys) open(sealed, bound []byte) ([]byte, error) {
	if k.daead != nil {
		return k.daead.DecryptDeterministically(sealed, bound)
	}
	return k.aead.Decrypt(sealed, bound)
}

// Seal encrypts plain, at most 1 MiB, for place.
func (c *class) Seal(_ context.Context, plain []byte, place store.Place) ([]byte, error) {
	if len(plain) > maxPlain {
		return nil, fmt.Errorf("encrypt: %d bytes, more than %d", len(plain), maxPlain)
	}
	return c.keys.Load().seal(plain, place.Bytes())
}

// Open returns what was sealed for place. Its error never says more than that it does not open.
func (c *class) Open(ctx context.Context, sealed []byte, place store.Place) ([]byte, error) {
	plain, err := c.open(ctx, sealed, place.Bytes())
	if errors.Is(err, errUnopened) {
		return nil, fmt.Errorf("encrypt: a value of %s does not open at %s.%s (it was changed, moved, or its key is gone)", c.name, place.Table, place.Column)
	}
	return plain, err
}

// errUnopened says that a value does not open, and no more.
var errUnopened = errors.New("encrypt: a value does not open (it was changed, moved, or its key is gone)")

// open returns what was sealed and bound. Its error is errUnopened, or that of the store.
func (c *class) open(ctx context.Context, sealed, bound []byte) ([]byte, error) {
	k, err := c.keysFor(ctx, sealed)
	if err != nil {
		return nil, fmt.Errorf("encrypt: look for the key of a value of %s: %w", c.name, err)
	}
	plain, err := k.open(sealed, bound)
	if err != nil {
		return nil, errUnopened
	}
	return plain, nil
}

// keysFor returns the keys of the class, read anew where the one that sealed a value is not among them: another process may
// have rotated them. Whoever comes while one looks waits for what it finds.
func (c *class) keysFor(ctx context.Context, sealed []byte) (*keys, error) {
	k := c.keys.Load()
	if len(sealed) < prefixSize || k.holds(sealed) {
		return k, nil
	}
	c.looking.Lock()
	defer c.looking.Unlock()
	if k = c.keys.Load(); k.holds(sealed) || !c.mayLook() {
		return k, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	next, err := c.v.load(ctx, c.name)
	if err != nil || next == nil {
		return k, err
	}
	c.keys.CompareAndSwap(k, next) // else they were rotated here meanwhile, and what was read is old
	return c.keys.Load(), nil
}

// lookTime bounds how long the store is waited for: others wait for the one that asks.
const lookTime = 5 * time.Second

// mayLook bounds how often values that no key opens make us ask the store.
func (c *class) mayLook() bool {
	now := c.v.now().UnixNano()
	last := c.loaded.Load()
	return now-last >= int64(time.Second) && c.loaded.CompareAndSwap(last, now)
}
