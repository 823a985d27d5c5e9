// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"testing"
	"time"

	"yett/practice/token"
)

func TestAMomentIsAnInstantOrHowLongAgo(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 5, time.UTC)
	for in, want := range map[string]time.Time{
		"now":                  now,
		"2026-11-24T03:00:00Z": time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC),
		"2026-11-24":           time.Date(2026, 11, 24, 0, 0, 0, 0, time.Local),
		"2h":                   now.Add(-2 * time.Hour),
	} {
		if got, err := moment(in, now); err != nil || !got.Equal(want) {
			t.Errorf("%s is %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"soon", "2026-13-01", ""} {
		if got, err := moment(in, now); err == nil {
			t.Errorf("%q is %v", in, got)
		}
	}
}

func TestWordsForWhatWasRevoked(t *testing.T) {
	until := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		r    token.Revocation
		want string
	}{
		{token.Revocation{Kind: token.ByID, Name: "j1"}, "the token j1"},
		{token.Revocation{Kind: token.ByID, Name: "j1", Issuer: "https://id.example.org"}, "the token j1 by https://id.example.org"},
		{token.Revocation{Kind: token.BySubject, Name: "greta", Until: until}, "all tokens of greta issued up to 2026-11-24T03:00:00Z"},
		{token.Revocation{Kind: token.ByClient, Name: "app", Until: until}, "all tokens of the client app issued up to 2026-11-24T03:00:00Z"},
		{token.Revocation{Kind: token.All, Until: until}, "all tokens issued up to 2026-11-24T03:00:00Z"},
	} {
		if got := tokensOf(tt.r); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
