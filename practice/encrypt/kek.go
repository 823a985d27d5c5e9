// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"

	"yett/practice"
	"yett/store"
)

// A KEK is a key-encryption key: it wraps keysets, and nothing else.
type KEK interface {
	tink.AEADWithContext
	// ID names the key, or the place of one that never leaves it. It is no secret, and of no use without the key.
	ID() string
}

// kekSize is 256 bits.
const kekSize = 32

// local is a key-encryption key in memory.
type local struct {
	*subtle.AESGCM
	id string
}

// NewKEK makes a key-encryption key of 32 bytes.
func NewKEK(key []byte) (KEK, error) {
	a, err := subtle.NewAESGCM(key)
	if err != nil || len(key) != kekSize {
		return nil, fmt.Errorf("a key-encryption key has %d bytes, this one %d (try: openssl rand -base64 32)", kekSize, len(key))
	}
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte("yett key-encryption key id")) // a hash never fails
	return &local{a, hex.EncodeToString(mac.Sum(nil))[:12]}, nil
}

func (l *local) ID() string { return l.id }

func (l *local) EncryptWithContext(_ context.Context, plain, bound []byte) ([]byte, error) {
	return l.Encrypt(plain, bound)
}

func (l *local) DecryptWithContext(_ context.Context, sealed, bound []byte) ([]byte, error) {
	return l.Decrypt(sealed, bound)
}

// ReadKEK reads a key-encryption key from where the operator keeps it: 32 bytes as they are, in hex or in base64.
func ReadKEK(s practice.Secret) (KEK, error) { return fromSecret("key-encryption key", s) }

// fromSecret is ReadKEK with the name of the setting, for its errors.
func fromSecret(key string, s practice.Secret) (KEK, error) {
	text, err := s.Bytes()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	k, err := NewKEK(decodeKey(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return k, nil
}

func decodeKey(text []byte) []byte {
	// 32 characters are not 32 random bytes: a word, or the hex of half a key. Random bytes are never all printable; the last
	// of them may be a line break all the same, and the printable rest then is a word with one.
	if len(text) == kekSize && !printable(practice.CutLineBreak(text)) {
		return text
	}
	text = practice.CutLineBreak(text)
	if len(text) == kekSize && !printable(text) {
		return text
	}
	if b, err := hex.DecodeString(string(text)); err == nil && len(b) == kekSize {
		return b
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if b, err := enc.DecodeString(string(text)); err == nil && len(b) == kekSize {
			return b
		}
	}
	if len(text) == kekSize {
		return nil
	}
	return text // of a length that NewKEK refuses, and tells
}

func printable(text []byte) bool {
	return !bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// The files of the key-encryption key that lies beside the data, and of the one that is about to take its place.
const (
	kekFile  = "kek"
	nextFile = "kek.new"
)

// besideData opens the key-encryption key in the data directory, or makes it where the store has no keysets yet. A change of
// it that was broken off is brought to its end, or undone: whichever of the two files opens the keysets is the right one.
func besideData(dir *store.Dir, rows []row) (KEK, error) {
	key, err := readKEK(dir, kekFile)
	if errors.Is(err, fs.ErrNotExist) && len(rows) == 0 {
		secret, err := dir.ReadOrCreateSecret(kekFile, kekSize)
		if err != nil {
			return nil, err
		}
		return NewKEK(secret)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is missing, and the keys of this store are wrapped by the key-encryption key %s "+
			"(put it back, or say where it is: -c yett.yaml with encrypt.kek; nothing was changed)", dir.Path(kekFile), rows[0].kek)
	}
	if err != nil {
		return nil, err
	}
	next, err := readKEK(dir, nextFile)
	if errors.Is(err, fs.ErrNotExist) {
		return key, nil
	}
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 || rows[0].kek != next.ID() {
		return key, dir.Remove(nextFile)
	}
	return next, promote(dir)
}

// promote puts the new key-encryption key in the old one's place.
func promote(dir *store.Dir) error {
	text, err := dir.ReadFile(nextFile)
	if err != nil {
		return err
	}
	if err := dir.WriteFile(kekFile, text); err != nil {
		return err
	}
	return dir.Remove(nextFile)
}

func readKEK(dir *store.Dir, name string) (KEK, error) {
	text, err := dir.ReadFile(name)
	if err != nil {
		return nil, err
	}
	k, err := NewKEK(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir.Path(name), err)
	}
	return k, nil
}

// RotateKEK makes a new key-encryption key beside the data and wraps every keyset by it. Killed at any moment, the next start
// finds the one key or the other, and opens with it. A *ResidueError says that it is done, and that keysets under the old key
// may still lie on the disk.
func (v *Vault) RotateKEK(ctx context.Context) error {
	if err := v.changeKEK(ctx); err != nil {
		return err
	}
	return v.scrub(ctx)
}

// A ResidueError says that a change came to pass, and that what it replaced may still lie in the files of the store.
type ResidueError struct{ Err error }

func (e *ResidueError) Error() string { return e.Err.Error() }

// Unwrap returns why it could not be removed.
func (e *ResidueError) Unwrap() error { return e.Err }

// scrubTime bounds how long a change waits for the disk; Run goes on with what is left.
const scrubTime = time.Minute

// scrub makes the files of the store forget keysets and values that were replaced.
func (v *Vault) scrub(ctx context.Context) error {
	v.residue.Store(true)
	ctx, cancel := context.WithTimeout(ctx, v.patience)
	defer cancel()
	err := v.db.Scrub(ctx)
	if err == nil {
		v.residue.Store(false)
		return nil
	}
	// Whoever reads old rows will have read them. What has another reason has it the next time too.
	if !errors.Is(err, store.ErrBusy) && ctx.Err() == nil {
		v.residue.Store(false)
	}
	return &ResidueError{err}
}

func (v *Vault) changeKEK(ctx context.Context) error {
	v.changing.Lock()
	defer v.changing.Unlock()
	if _, ok := v.by().(*local); !ok {
		return v.rewrap(ctx, v.by(), v.by()) // its server has keys of its own; the newest wraps
	}
	if v.files == nil {
		return errors.New("encrypt: no data directory")
	}
	old, err := readKEK(v.files, kekFile)
	if err != nil || old.ID() != v.by().ID() {
		return errElsewhere
	}
	if done, err := v.resume(ctx); done || err != nil {
		return err
	}
	key := make([]byte, kekSize)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the program first
	next, err := NewKEK(key)
	if err != nil {
		return err
	}
	if err := v.files.WriteFile(nextFile, key); err != nil {
		return err
	}
	if err := v.rewrap(ctx, next, v.by()); err != nil {
		// What is told as a failure may have come to pass: the answer to the commit was lost. Whoever asked may be gone, too.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
		defer cancel()
		if done, resumed := v.resume(ctx); done {
			return resumed
		}
		return err
	}
	v.kek.Store(&next)
	return promote(v.files)
}

// resume brings a change of the key-encryption key to its end, and reports true, where the keysets are wrapped by the new one
// and the file of the old one is still in its place: then nextFile is the only copy of the key.
func (v *Vault) resume(ctx context.Context) (bool, error) {
	next, err := readKEK(v.files, nextFile)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	rows, err := v.rows(ctx)
	if err != nil || len(rows) == 0 || rows[0].kek != next.ID() {
		return false, err
	}
	v.kek.Store(&next)
	return true, promote(v.files)
}

// errElsewhere is why a key-encryption key is not changed here.
var errElsewhere = errors.New("the key-encryption key is not kept here (put the new one in its place, name the old one as encrypt.previous, and start again)")
