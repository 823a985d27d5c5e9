// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/daead"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
)

// A Mode says whether equal values look equal once they are sealed.
type Mode uint8

// The modes. Randomized is the stricter one.
const (
	Randomized    Mode = iota // AES-256-GCM: nothing but the length can be told
	Deterministic             // AES-SIV (RFC 5297): equal values at one place are equal, so they can be searched for
)

var modeNames = [...]string{"randomized", "deterministic"}

// String names the mode as a description does.
func (m Mode) String() string { return modeNames[m] }

// parseMode reads a mode as a description names it.
func parseMode(text string) (Mode, bool) {
	for i, name := range modeNames {
		if text == name {
			return Mode(i), true // #nosec G115 -- there are two
		}
	}
	return 0, false
}

// cipher names what seals.
func (m Mode) cipher() string {
	if m == Deterministic {
		return "AES-256-SIV"
	}
	return "AES-256-GCM"
}

func (m Mode) template() *tinkpb.KeyTemplate {
	if m == Deterministic {
		return daead.AESSIVKeyTemplate()
	}
	return aead.AES256GCMKeyTemplate()
}
