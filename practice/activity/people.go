// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/base32"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"yett/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// People gives each subject a pseudonym and a key of its own. What a record says of a person is sealed with that
// person's key: once the key is gone, nothing of it can be read again, while the lines stay as they are and the log
// stays whole (GDPR article 17, by crypto-shredding). Copies of the store from before the shredding still hold the
// sealed key.
//
// It is safe for concurrent use.
type People struct {
	db     *store.DB
	sealer store.Sealer // of the keys
	secret []byte       // of the pseudonyms of addresses, and of how subjects are found
	now    func() time.Time

	residue atomic.Bool // what was shredded may still lie in the store's files

	mu    sync.Mutex
	known map[string]*person // by subject; at most maxKnown
}

// A person is a subject's pseudonym and key.
type person struct {
	pseudonym string
	aead      cipher.AEAD
}

// maxKnown bounds the people in memory; the others are in the store.
const maxKnown = 20_000

// PeopleKept is where the keys of people lie.
var PeopleKept = store.Kept{Table: "activity_people", Row: "pseudonym", Column: "secret"}

// OpenPeople opens the people in db. secret is 32 random bytes that stay the same.
func OpenPeople(ctx context.Context, db *store.DB, sealer store.Sealer, secret []byte, now func() time.Time) (*People, error) {
	if err := db.Migrate(ctx, "activity", migrations); err != nil {
		return nil, err
	}
	return &People{db: db, sealer: sealer, secret: secret, now: now, known: make(map[string]*person)}, nil
}

func (p *People) mac(what, value string) []byte {
	h := hmac.New(sha256.New, p.secret)
	h.Write([]byte(what + "\x00" + value))
	return h.Sum(nil)
}

var letters = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// Address returns the pseudonym of an address. It can be found again, and made a name again by trying all addresses, by
// whoever has the secret only.
func (p *People) Address(a netip.Addr) string {
	return "a_" + letters.EncodeToString(p.mac("address", a.String())[:10])
}

// of returns the person who is remembered for a subject, nil if it is not.
func (p *People) of(subject string) *person {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known[subject]
}

func (p *People) remember(subject string, who *person) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.known) >= maxKnown {
		clear(p.known)
	}
	p.known[subject] = who
}

// meet remembers subjects, and makes those that are new. It is one transaction, whatever their number.
func (p *People) meet(ctx context.Context, subjects map[string]bool) error {
	found := make(map[string]*person, len(subjects))
	err := p.db.InTx(ctx, func(tx *sql.Tx) error {
		for s := range subjects {
			who, err := p.load(ctx, tx, "mac = $1", p.mac("subject", s))
			if errors.Is(err, sql.ErrNoRows) {
				who, err = p.create(ctx, tx, s)
			}
			if err != nil {
				return err
			}
			found[s] = who
		}
		return nil
	})
	if err != nil {
		return err
	}
	for s, who := range found {
		p.remember(s, who)
	}
	return nil
}

// A querier is a store or a transaction in it.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (p *People) load(ctx context.Context, q querier, where string, arg any) (*person, error) {
	var pseudonym string
	var sealed []byte
	if err := q.QueryRowContext(ctx, "SELECT pseudonym, secret FROM activity_people WHERE "+where, arg).Scan(&pseudonym, &sealed); err != nil {
		return nil, err
	}
	key, err := p.sealer.Open(ctx, sealed, PeopleKept.Place(pseudonym))
	if err != nil {
		return nil, fmt.Errorf("the key of %s: %w", pseudonym, err)
	}
	return newPerson(pseudonym, key)
}

func newPerson(pseudonym string, key []byte) (*person, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return &person{pseudonym, aead}, err
}

func (p *People) create(ctx context.Context, tx *sql.Tx, subject string) (*person, error) {
	b := make([]byte, 10+32)
	if _, err := rand.Read(b); err != nil {
		return nil, err
	}
	pseudonym, key := "p_"+letters.EncodeToString(b[:10]), b[10:]
	sealed, err := p.sealer.Seal(ctx, key, PeopleKept.Place(pseudonym))
	if err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO activity_people (pseudonym, mac, secret, created) VALUES ($1, $2, $3, $4)",
		pseudonym, p.mac("subject", subject), sealed, p.now().UnixMilli())
	if err != nil {
		return nil, err
	}
	return newPerson(pseudonym, key)
}

// Pseudonym returns the pseudonym of a subject, "" if there are no records of it, or none any more.
func (p *People) Pseudonym(ctx context.Context, subject string) (string, error) {
	var pseudonym string
	err := p.db.QueryRowContext(ctx, "SELECT pseudonym FROM activity_people WHERE mac = $1", p.mac("subject", subject)).Scan(&pseudonym)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return pseudonym, err
}

// Shred removes the key of a person, named by subject or pseudonym: what the records say of them cannot be read any
// more. It returns the pseudonym, "" if there was nobody. Later calls of the same subject are another person's. An error
// after which there is nobody of that name says that the key may still lie in the files of the store; Scrub removes it.
func (p *People) Shred(ctx context.Context, subject string) (string, error) {
	pseudonym, err := p.Pseudonym(ctx, subject)
	if err != nil {
		return "", err
	}
	if pseudonym == "" && strings.HasPrefix(subject, "p_") {
		pseudonym = subject
	}
	err = p.db.InTx(ctx, func(tx *sql.Tx) error {
		var sealed []byte
		err := tx.QueryRowContext(ctx, "SELECT secret FROM activity_people WHERE pseudonym = $1", pseudonym).Scan(&sealed)
		if errors.Is(err, sql.ErrNoRows) {
			pseudonym = ""
			return nil
		}
		if err != nil {
			return err
		}
		// Overwritten first, and with as many bytes: a longer value is put elsewhere, and the old one stays in the file.
		if _, err := tx.ExecContext(ctx, "UPDATE activity_people SET secret = $2 WHERE pseudonym = $1", pseudonym, make([]byte, len(sealed))); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM activity_people WHERE pseudonym = $1", pseudonym)
		return err
	})
	if err != nil || pseudonym == "" {
		return "", err
	}
	p.forget(pseudonym)
	p.residue.Store(true)
	if err := p.Scrub(ctx); err != nil {
		return pseudonym, fmt.Errorf("the key of %s is removed, but may still lie in the files of the store: %w", pseudonym, err)
	}
	return pseudonym, nil
}

// Scrub makes the files of the store forget the keys that Shred removed, where Shred could not do so itself.
func (p *People) Scrub(ctx context.Context) error {
	if !p.residue.Swap(false) {
		return nil
	}
	err := p.db.Scrub(ctx)
	if err != nil {
		p.residue.Store(true)
	}
	return err
}

func (p *People) forget(pseudonym string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s, who := range p.known {
		if who.pseudonym == pseudonym {
			delete(p.known, s)
		}
	}
}

// errShredded says that a record's personal part cannot be read any more.
var errShredded = errors.New("what the record says of a person was shredded")

// reader returns the person of a pseudonym.
func (p *People) reader(ctx context.Context, pseudonym string) (*person, error) {
	who, err := p.load(ctx, p.db, "pseudonym = $1", pseudonym)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errShredded
	}
	return who, err
}

// heads keeps the newest checkpoint of a log in the store.
type heads struct {
	db  *store.DB
	log string // name of the log
}

func (h *heads) LoadHead(ctx context.Context) ([]byte, error) {
	var b []byte
	err := h.db.QueryRowContext(ctx, "SELECT head FROM activity_head WHERE log = $1", h.log).Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return b, err
}

func (h *heads) StoreHead(ctx context.Context, head []byte) error {
	_, err := h.db.ExecContext(ctx, "INSERT INTO activity_head (log, head) VALUES ($1, $2) ON CONFLICT (log) DO UPDATE SET head = excluded.head", h.log, head)
	return err
}
