// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package encrypt seals what yett keeps: hashes of passwords, signing keys, the pepper of API keys, the parts of records
// that tell internals.
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

	mu      sync.Mutex // of changes to keysets, and of what follows
	classes map[string]*class
}

var _ store.Sealing = (*Vault)(nil)

// Open opens the keysets of a store. It refuses a store whose keysets another key-encryption key wraps, and changes nothing
// then.
func Open(ctx context.Context, o Options) (*Vault, error) {
	if o.Store == nil || o.KEK == nil {
		return nil, errors.New("encrypt: no store, or no key-encryption key")
	}
	v := &Vault{db: o.Store, files: o.Files, now: o.Now, log: o.Log, classes: make(map[string]*class)}
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
	older := slices.ContainsFunc(rows, func(r row) bool { return r.kek != v.by().ID() })
	if older && previous == nil {
		i := slices.IndexFunc(rows, func(r row) bool { return r.kek != v.by().ID() })
		return &WrongKEKError{Class: rows[i].class, Want: rows[i].kek, Got: v.by().ID()}
	}
	for _, r := range rows {
		by := v.by()
		if r.kek != v.by().ID() {
			if by = previous; r.kek != by.ID() {
				return &WrongKEKError{Class: r.class, Want: r.kek, Got: v.by().ID() + " and " + by.ID()}
			}
		}
		k, err := unwrap(ctx, by, r)
		if err != nil {
			return err
		}
		v.classes[r.class] = newClass(v, r.class, k)
	}
	if older {
		return v.rewrap(ctx, v.by())
	}
	return nil
}

// by is the key-encryption key in use.
func (v *Vault) by() KEK { return *v.kek.Load() }

// A WrongKEKError says that the keysets of a store belong to another key-encryption key. Nothing was changed.
type WrongKEKError struct{ Class, Want, Got string } // public ids

func (e *WrongKEKError) Error() string {
	return fmt.Sprintf("the keys of this store are wrapped by the key-encryption key %s; the one given is %s "+
		"(put the one back that belongs to it, or name it as encrypt.previous; nothing was changed)", e.Want, e.Got)
}

// maxPlain bounds what is sealed at once.
const maxPlain = 1 << 20

// Class returns the Sealer of a class, with keys made on the first call ever.
func (v *Vault) Class(ctx context.Context, name string, kept ...store.Kept) (store.Sealer, error) {
	if name == "" {
		return nil, errors.New("encrypt: a class needs a name")
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	c := v.classes[name]
	if c == nil {
		k, err := v.create(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("encrypt: keys of %s: %w", name, err)
		}
		c = newClass(v, name, k)
		v.classes[name] = c
	}
	for _, k := range kept {
		if k.File != "" && v.files == nil {
			return nil, fmt.Errorf("encrypt: %s keeps the file %s, and there is no directory", name, k.File)
		}
		if !slices.Contains(c.kept, k) {
			c.kept = append(c.kept, k)
		}
	}
	return c, nil
}

// A class seals one class of secrets.
type class struct {
	v      *Vault
	name   string
	kept   []store.Kept // guarded by Vault.mu
	keys   atomic.Pointer[keys]
	loaded atomic.Int64 // Unix nanoseconds of the last look for keys that were not known
}

func newClass(v *Vault, name string, k *keys) *class {
	c := &class{v: v, name: name}
	c.keys.Store(k)
	return c
}

// keys are a keyset, open.
type keys struct {
	handle  *keyset.Handle
	aead    tink.AEAD
	primary [prefixSize]byte // that begins what it seals
	created time.Time        // of the primary key
}

// prefixSize is how many bytes of what tink seals name the key.
const prefixSize = 5

func newKeys(h *keyset.Handle, created time.Time) (*keys, error) {
	a, err := aead.New(h)
	if err != nil {
		return nil, err
	}
	k := &keys{handle: h, aead: a, created: created}
	copy(k.primary[:], prefix(h.KeysetInfo().GetPrimaryKeyId()))
	return k, nil
}

// prefix is how tink begins what the key with an id seals.
func prefix(id uint32) []byte {
	return []byte{1, byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)}
}

// holds reports whether the key that sealed a value is one of k.
func (k *keys) holds(sealed []byte) bool {
	for _, info := range k.handle.KeysetInfo().GetKeyInfo() {
		if bytes.HasPrefix(sealed, prefix(info.GetKeyId())) {
			return true
		}
	}
	return false
}

// Seal encrypts plain, at most 1 MiB, for place.
func (c *class) Seal(_ context.Context, plain []byte, place store.Place) ([]byte, error) {
	if len(plain) > maxPlain {
		return nil, fmt.Errorf("encrypt: %d bytes, more than %d", len(plain), maxPlain)
	}
	return c.keys.Load().aead.Encrypt(plain, place.Bytes())
}

// Open returns what was sealed for place. Its error never says more than that it does not open.
func (c *class) Open(ctx context.Context, sealed []byte, place store.Place) ([]byte, error) {
	k := c.keys.Load()
	if len(sealed) >= prefixSize && !k.holds(sealed) && c.mayLook() {
		// Another process may have rotated the keys.
		if next, err := c.v.load(ctx, c.name); err != nil {
			return nil, fmt.Errorf("encrypt: look for the key of a value of %s: %w", c.name, err)
		} else if next != nil {
			c.keys.Store(next)
			k = next
		}
	}
	plain, err := k.aead.Decrypt(sealed, place.Bytes())
	if err != nil {
		return nil, fmt.Errorf("encrypt: a value of %s does not open at %s.%s (it was changed, moved, or its key is gone)", c.name, place.Table, place.Column)
	}
	return plain, nil
}

// mayLook bounds how often values that no key opens make us ask the store.
func (c *class) mayLook() bool {
	now := c.v.now().UnixNano()
	last := c.loaded.Load()
	return now-last >= int64(time.Second) && c.loaded.CompareAndSwap(last, now)
}
