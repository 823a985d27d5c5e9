// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"context"
	"fmt"
	"time"
)

// A Status is what an operator may know of the keys.
type Status struct {
	KEK     KEKStatus     `json:"kek"`
	Classes []ClassStatus `json:"classes"`
}

// A KEKStatus is where the key-encryption key is.
type KEKStatus struct {
	ID     string `json:"id"`
	Place  string `json:"place"`
	Beside bool   `json:"beside_data"` // whoever takes the data takes the key with it
}

// A ClassStatus is the keys of one class.
type ClassStatus struct {
	Name    string  `json:"name"`
	Cipher  string  `json:"cipher"`
	KeyID   string  `json:"key_id"`
	KeyAge  string  `json:"key_age"` // "12d", "3h"
	AgeS    float64 `json:"key_age_s"`
	Keys    int     `json:"keys"`        // the primary one, and older ones that still open
	Older   int     `json:"older"`       // values under older keys, where they can be written again
	Writes  bool    `json:"rewritable"`  // false: values stay under the key that sealed them
	Pending bool    `json:"in_progress"` // a rotation is not at its end
	Stays   bool    `json:"key_stays"`   // over rotations, so that equal values stay equal
}

// Status looks at every class.
func (v *Vault) Status(ctx context.Context) (Status, error) {
	s := Status{KEK: KEKStatus{ID: v.by().ID()}, Classes: []ClassStatus{}}
	for _, name := range v.Names() {
		c := v.named(name)
		k, kept := c.keys.Load(), c.places()
		older, err := v.countOlder(ctx, k, kept)
		if err != nil {
			return s, err
		}
		age := v.now().Sub(k.created)
		s.Classes = append(s.Classes, ClassStatus{
			Name: name, Cipher: k.mode().cipher(), KeyID: fmt.Sprintf("%08x", k.handle.KeysetInfo().GetPrimaryKeyId()), KeyAge: inWords(age), AgeS: age.Seconds(),
			Keys: k.handle.Len(), Older: older, Writes: len(kept) > 0, Pending: len(kept) > 0 && k.handle.Len() > 1,
			Stays: k.mode() == Deterministic,
		})
	}
	return s, nil
}

func inWords(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(max(d, 0).Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
