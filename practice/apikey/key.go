// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package apikey

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Key is what is known of an API key. The key itself is not: only a keyed hash of it is kept. Its JSON is what the
// admin API answers.
type Key struct {
	ID         string         `json:"id"`
	Client     string         `json:"client"`
	Owner      string         `json:"owner,omitzero"`
	Plan       string         `json:"plan,omitzero"`
	Scopes     []string       `json:"scopes"`               // sorted
	AllScopes  bool           `json:"all_scopes,omitzero"`  // holds every scope, for trying out
	Networks   []netip.Prefix `json:"networks,omitempty"`   // none: from anywhere
	Created    time.Time      `json:"created"`              // all instants in UTC, to the millisecond
	Expires    time.Time      `json:"expires,omitzero"`     // zero: never
	Revoked    time.Time      `json:"revoked,omitzero"`     // zero: it is not
	Replaces   string         `json:"replaces,omitzero"`    // id of the key it was rotated from
	ReplacedBy string         `json:"replaced_by,omitzero"` // id of the key it was rotated to
	GraceEnds  time.Time      `json:"grace_ends,omitzero"`  // until when a replaced key still works
	LastUsed   time.Time      `json:"last_used,omitzero"`   // zero: never
}

// Ends is when the key stops working: the earliest of expiry, end of grace and revocation. Zero: never.
func (k *Key) Ends() time.Time {
	var end time.Time
	for _, t := range []time.Time{k.Expires, k.GraceEnds, k.Revoked} {
		if !t.IsZero() && (end.IsZero() || t.Before(end)) {
			end = t
		}
	}
	return end
}

// A State is what a key is at one moment.
type State string

// The states of a key.
const (
	Live     State = "live"
	Grace    State = "grace"    // replaced, and still working
	Replaced State = "replaced" // replaced, and its grace is over
	Expired  State = "expired"
	Revoked  State = "revoked"
)

// State judges k at the instant now. Only Live and Grace admit.
func (k *Key) State(now time.Time) State {
	switch {
	case !k.Revoked.IsZero():
		return Revoked
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		return Expired
	case k.ReplacedBy == "":
		return Live
	case now.Before(k.GraceEnds):
		return Grace
	}
	return Replaced
}

// admitsFrom reports whether k may be used from addr. An address that is unknown is in no network.
func (k *Key) admitsFrom(addr netip.Addr) bool {
	if len(k.Networks) == 0 {
		return true
	}
	addr = addr.Unmap().WithZone("")
	for _, n := range k.Networks {
		if n.Contains(addr) {
			return true
		}
	}
	return false
}

// A NewKey asks for a key. Only Client is required.
type NewKey struct {
	Client    string         // 1 to 64 of a-z, 0-9, ".", "_" and "-", beginning with a letter or digit
	Owner     string         // who answers for it: at most 128 bytes of printable text
	Plan      string         // as Client
	Scopes    []string       // at most 100, each a scope-token of RFC 6749 section 3.3
	AllScopes bool           // holds every scope there is: for trying out
	Networks  []netip.Prefix // at most 64; none: from anywhere
	Expires   time.Time      // zero: never
}

// A FieldError says what is wrong with one member of a NewKey.
type FieldError struct{ Field, Problem string }

func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }

const (
	maxOwner    = 128
	maxScopes   = 100
	maxScope    = 128
	maxNetworks = 64
	// maxLife bounds an expiry: beyond it somebody has mistaken the unit.
	maxLife = 20 * 366 * 24 * time.Hour
)

var (
	nameForm  = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	scopeForm = regexp.MustCompile(`^[\x21\x23-\x5b\x5d-\x7e]+$`)
)

// normal returns n in the one form that is stored, or a *FieldError.
func (n NewKey) normal(now time.Time) (NewKey, error) {
	switch {
	case n.Client == "":
		return n, &FieldError{"client", "a key belongs to a client (name it, for instance partner-nord)"}
	case !nameForm.MatchString(n.Client):
		return n, &FieldError{"client", `1 to 64 of a-z, 0-9, ".", "_" and "-", beginning with a letter or digit`}
	case n.Plan != "" && !nameForm.MatchString(n.Plan):
		return n, &FieldError{"plan", `1 to 64 of a-z, 0-9, ".", "_" and "-", beginning with a letter or digit`}
	case len(n.Owner) > maxOwner || !printable(n.Owner):
		return n, &FieldError{"owner", fmt.Sprintf("at most %d bytes of printable text", maxOwner)}
	case !n.Expires.IsZero() && !now.Before(n.Expires):
		return n, &FieldError{"expires", "lies in the past"}
	case n.Expires.Sub(now) > maxLife:
		return n, &FieldError{"expires", "lies more than 20 years ahead (leave it out for a key that never ends)"}
	}
	var err error
	if n.Scopes, err = normalScopes(n.Scopes); err != nil {
		return n, err
	}
	if n.Networks, err = normalNetworks(n.Networks); err != nil {
		return n, err
	}
	return n, nil
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func normalScopes(in []string) ([]string, error) {
	if len(in) > maxScopes {
		return nil, &FieldError{"scopes", fmt.Sprintf("at most %d", maxScopes)}
	}
	for i, s := range in {
		if len(s) > maxScope || !scopeForm.MatchString(s) {
			return nil, &FieldError{fmt.Sprintf("scopes/%d", i), fmt.Sprintf("1 to %d printable characters without space, quote and backslash", maxScope)}
		}
	}
	out := slices.Clone(in)
	slices.Sort(out)
	return slices.Compact(out), nil
}

func normalNetworks(in []netip.Prefix) ([]netip.Prefix, error) {
	if len(in) > maxNetworks {
		return nil, &FieldError{"networks", fmt.Sprintf("at most %d", maxNetworks)}
	}
	out := make([]netip.Prefix, 0, len(in))
	for i, p := range in {
		field := fmt.Sprintf("networks/%d", i)
		if p.Addr().Is4In6() {
			// IPv4 written as IPv6 is IPv4: the caller's address is compared in that form.
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		switch {
		case !p.IsValid():
			return nil, &FieldError{field, "not a network"}
		case p.Bits() == 0:
			return nil, &FieldError{field, "is the whole internet (leave networks out for a key that works from anywhere)"}
		}
		out = append(out, p.Masked())
	}
	slices.SortFunc(out, netip.Prefix.Compare)
	return slices.Compact(out), nil
}
