// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"yett/identity"
	"yett/store"
)

// A User may log in with a password (HTTP Basic, RFC 7617) where the description declares it.
type User struct {
	Name     string    `json:"name"`
	Client   string    `json:"client"` // which application; the name itself where none is given
	Scopes   []string  `json:"scopes"` // sorted
	Created  time.Time `json:"created"`
	Disabled time.Time `json:"disabled,omitzero"`
}

// A FieldError says which part of a request makes no sense.
type FieldError struct{ Field, Problem string }

func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }

// Errors of changes to users.
var (
	ErrNoUser = errors.New("there is no such user")
	ErrTaken  = errors.New("there is a user of that name")
)

// UserOptions are what a program supplies. Store and Sealer are required.
type UserOptions struct {
	Store    *store.DB
	Sealer   store.Sealer
	Counters store.Counters   // bound the failing attempts of one account on all nodes; nil: they are bounded by address alone
	Now      func() time.Time // nil: time.Now
	Log      *slog.Logger     // nil: silent
}

// UsersIssuer vouches for users: the client of a key may bear the name of one, and is somebody else.
const UsersIssuer = "yett/users"

// Users are the users of one store. They are safe for concurrent use.
type Users struct {
	db       *store.DB
	sealer   store.Sealer
	counters store.Counters
	now      func() time.Time
	log      *slog.Logger
	hasher   *hasher
	nobody   string // the hash that a name nobody has is compared with
	secret   [32]byte
	attempts attempts
	feed     feed

	mu      sync.Mutex
	known   map[sum]*known   // passwords that were right a moment ago
	users   int              // generation of known: grows when it is forgotten
	judging map[sum]*judging // passwords that are being looked at
}

// judging is one look at a password, which all wait for who come with the same one from the same place meanwhile: a client
// that opens twenty connections at once is no attacker.
type judging struct {
	done   chan struct{} // closed when there is a word
	caller *identity.Caller
	err    error
}

type sum [sha256.Size]byte

type known struct {
	caller *identity.Caller
	until  time.Time
}

const (
	// rememberFor is how long a right password is remembered, by a keyed hash in memory: clients send it with every call.
	rememberFor = time.Minute
	maxRemember = 10_000
)

// NewUsers opens the users of a store and makes their tables.
func NewUsers(ctx context.Context, o UserOptions) (*Users, error) {
	if o.Store == nil || o.Sealer == nil {
		return nil, errors.New("authn: users need a store and a sealer")
	}
	u := &Users{db: o.Store, sealer: o.Sealer, counters: o.Counters, now: o.Now, log: o.Log, hasher: newHasher(), known: make(map[sum]*known), judging: make(map[sum]*judging)}
	if u.now == nil {
		u.now = time.Now
	}
	if u.log == nil {
		u.log = slog.New(slog.DiscardHandler)
	}
	u.feed.base = u.now()
	u.attempts.waits = make(map[string]*wait)
	_, _ = rand.Read(u.secret[:]) // never fails: crypto/rand ends the program first
	if err := u.db.Migrate(ctx, "authn", migrations); err != nil {
		return nil, err
	}
	var err error
	u.nobody, err = u.hasher.hash(ctx, rand.Text())
	return u, err
}

// A WaitError says that an account cannot be tried again before After has passed.
type WaitError struct{ After time.Duration }

func (e *WaitError) Error() string { return fmt.Sprintf("wait %v", e.After) }

// errWrong says that a name and a password do not belong together, whichever of them is to blame.
var errWrong = errors.New("the name or the password is wrong")

// Verify returns who a name and a password belong to. Its error is errWrong, a *WaitError for an account that was tried too
// often, or another one if nothing could be decided. A name that nobody has costs what a wrong password costs.
func (u *Users) Verify(ctx context.Context, name, password string, from netip.Addr) (*identity.Caller, error) {
	password, ok := normalPassword(password)
	if !ok || validName(name) != nil {
		return nil, errWrong
	}
	place := u.keyed(at(name, from), password)
	for {
		if c := u.remembered(u.keyed(name, password), u.now()); c != nil {
			return c, nil
		}
		j, first := u.join(place)
		if first {
			u.settle(place, j, func() (*identity.Caller, error) { return u.judge(ctx, name, password, from) })
			return j.caller, j.err
		}
		select {
		case <-j.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if !errors.Is(j.err, context.Canceled) && !errors.Is(j.err, context.DeadlineExceeded) {
			return j.caller, j.err
		}
		// Whoever came first is gone, and nobody has looked.
	}
}

// join returns who looks at a password already, or first and a new one, which settle must bring to its end.
func (u *Users) join(place sum) (j *judging, first bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if j := u.judging[place]; j != nil {
		return j, false
	}
	j = &judging{done: make(chan struct{})}
	u.judging[place] = j
	return j, true
}

// settle judges, and lets those know who wait; after a panic too.
func (u *Users) settle(place sum, j *judging, judge func() (*identity.Caller, error)) {
	j.err = errBusy
	defer func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.judging, place)
		close(j.done)
	}()
	j.caller, j.err = judge()
}

// judge looks at a password. The attempt counts before that, so that many at once are no more than many in a row.
func (u *Users) judge(ctx context.Context, name, password string, from netip.Addr) (c *identity.Caller, err error) {
	now := u.now()
	if after := u.attempts.begin(name, from, now); after > 0 {
		return nil, &WaitError{after}
	}
	defer func() {
		if err != nil && !errors.Is(err, errWrong) {
			u.attempts.unjudged(name, from)
		}
	}()
	generation := u.generation()
	user, hash, err := u.find(ctx, u.db, name)
	missing := errors.Is(err, ErrNoUser)
	if missing {
		hash, err = u.nobody, nil
	}
	if err != nil {
		return nil, err
	}
	right, err := u.hasher.matches(ctx, hash, password)
	if err != nil {
		return nil, err
	}
	if !right || missing || !user.Disabled.IsZero() {
		u.failed(ctx, name)
		return nil, errWrong
	}
	u.attempts.succeeded(name, from, now)
	c = &identity.Caller{Subject: user.Name, Person: true, Client: user.Client, Issuer: UsersIssuer, Scopes: user.Scopes}
	u.remember(u.keyed(name, password), c, now, generation)
	return c, nil
}

// accountRate is how many failing attempts an account may have from addresses that never logged in to it.
var accountRate = store.Rate{Requests: 30, Per: time.Minute}

// failed counts a failing attempt for the account as a whole.
func (u *Users) failed(ctx context.Context, name string) {
	now := u.now()
	if u.counters == nil {
		return
	}
	k := u.keyed("account", name) // the counters may be shared: they learn no name
	taken, err := u.counters.Take(ctx, fmt.Sprintf("authn/account/%x", k[:16]), accountRate, 1)
	switch {
	case err != nil:
		// The attempt is refused either way, and its address waits; only the account's own limit cannot be told.
		u.log.Error("failing attempts of an account cannot be counted", "err", err)
	case !taken.Allowed:
		u.attempts.block(name, now.Add(min(taken.RetryAfter, maxWait)))
	}
}

func (u *Users) keyed(a, b string) (s sum) {
	mac := hmac.New(sha256.New, u.secret[:])
	_, _ = fmt.Fprintf(mac, "%d:%s%s", len(a), a, b) // a hash never fails
	mac.Sum(s[:0])
	return s
}

func (u *Users) generation() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.users
}

// remembered returns whom a password belonged to a moment ago, unless what other nodes changed since is not known.
func (u *Users) remembered(key sum, now time.Time) *identity.Caller {
	if !u.feed.fresh(now) {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if k := u.known[key]; k != nil && now.Before(k.until) {
		return k.caller
	}
	return nil
}

func (u *Users) remember(key sum, c *identity.Caller, now time.Time, generation int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if generation != u.users {
		return // a user was changed while the password was looked at
	}
	if len(u.known) >= maxRemember {
		clear(u.known)
	}
	u.known[key] = &known{c, now.Add(rememberFor)}
}

// forget drops what is remembered: a user was changed.
func (u *Users) forget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	clear(u.known)
	u.users++
}

// Run hears of changes that other nodes make, until ctx ends. Without it every password is looked at anew.
func (u *Users) Run(ctx context.Context) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	lost := false
	for {
		err := u.poll(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !lost:
			u.log.Error("changes of users cannot be read: every password is looked at anew", "err", err)
		case err == nil && lost:
			u.log.Info("changes of users are read again")
		}
		lost = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

const (
	pollEvery = 200 * time.Millisecond
	freshFor  = 750 * time.Millisecond
	pollTime  = 2 * time.Second
)

// A feed is where this node stands in the changes that all nodes share.
type feed struct {
	base time.Time
	seq  atomic.Int64
	at   atomic.Int64 // nanoseconds from base to the latest read, plus 1; 0: never
}

func (f *feed) fresh(now time.Time) bool {
	at := f.at.Load()
	age := int64(now.Sub(f.base)) - (at - 1)
	return at != 0 && age >= 0 && age <= int64(freshFor)
}

func (u *Users) poll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pollTime)
	defer cancel()
	at := u.now() // before the read: what is committed later is not in it
	seq, err := u.changes(ctx)
	if err != nil {
		return err
	}
	if u.feed.seq.Swap(seq) != seq {
		u.forget()
	}
	u.feed.at.Store(int64(at.Sub(u.feed.base)) + 1)
	return nil
}

// Create makes a user. A request that makes no sense is a *FieldError; ErrTaken says that the name is in use.
func (u *Users) Create(ctx context.Context, n User, password string) (User, error) {
	n.Created, n.Disabled = u.now().UTC().Truncate(time.Millisecond), time.Time{}
	if n.Client == "" {
		n.Client = n.Name
	}
	n.Scopes = slices.Compact(slices.Sorted(slices.Values(n.Scopes)))
	if err := n.valid(); err != nil {
		return n, err
	}
	sealed, err := u.sealPassword(ctx, n.Name, password)
	if err != nil {
		return n, err
	}
	if err := u.insert(ctx, n, sealed); err != nil {
		return n, err
	}
	u.forget()
	u.log.Info("user created", "user", n.Name)
	return n, nil
}

// SetPassword changes a user's password. It holds at once here, and within a second on every node.
func (u *Users) SetPassword(ctx context.Context, name, password string) error {
	sealed, err := u.sealPassword(ctx, name, password)
	if err != nil {
		return err
	}
	return u.changed(ctx, "password changed", name, "UPDATE authn_users SET hash = $1 WHERE name = $2", sealed, name)
}

// Disable keeps a user out, or lets one in again.
func (u *Users) Disable(ctx context.Context, name string, disabled bool) error {
	at := int64(0)
	if disabled {
		at = u.now().UnixMilli()
	}
	return u.changed(ctx, "user disabled or enabled", name, "UPDATE authn_users SET disabled = $1 WHERE name = $2", at, name)
}

// Remove removes a user.
func (u *Users) Remove(ctx context.Context, name string) error {
	return u.changed(ctx, "user removed", name, "DELETE FROM authn_users WHERE name = $1", name)
}

func (u *Users) changed(ctx context.Context, what, name, statement string, args ...any) error {
	if err := u.update(ctx, statement, args...); err != nil {
		return err
	}
	u.forget()
	u.log.Info(what, "user", name)
	return nil
}

func (u *Users) sealPassword(ctx context.Context, name, password string) ([]byte, error) {
	p, ok := normalPassword(password)
	if !ok {
		return nil, &FieldError{"password", fmt.Sprintf("UTF-8 text without control characters, at most %d bytes", maxPassword)}
	}
	if utf8.RuneCountInString(p) < minPassword {
		return nil, &FieldError{"password", fmt.Sprintf("at least %d characters", minPassword)}
	}
	hash, err := u.hasher.hash(ctx, p)
	if err != nil {
		return nil, err
	}
	return u.sealer.Seal(ctx, []byte(hash), userHashes.Place(name))
}

const (
	maxUserName = 128
	maxScopes   = 100
	maxScope    = 128
)

// validName refuses names that HTTP Basic cannot carry, or a terminal would obey.
func validName(name string) error {
	if name == "" || len(name) > maxUserName || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool {
		return r == ':' || r == ' ' || !unicode.IsPrint(r)
	}) {
		return &FieldError{"name", fmt.Sprintf("1 to %d bytes of printable text, without blanks and colons", maxUserName)}
	}
	return nil
}

func (n User) valid() error {
	if err := validName(n.Name); err != nil {
		return err
	}
	if err := validName(n.Client); err != nil {
		return &FieldError{"client", "as a name"}
	}
	if len(n.Scopes) > maxScopes {
		return &FieldError{"scopes", fmt.Sprintf("at most %d", maxScopes)}
	}
	for _, s := range n.Scopes {
		if s == "" || len(s) > maxScope || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			return &FieldError{"scopes", fmt.Sprintf("%.40q is no scope (RFC 6749 section 3.3)", s)}
		}
	}
	return nil
}
