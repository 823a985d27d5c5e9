// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jose_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"yett/jose"
)

// signers holds one key for each algorithm; the RSA ones share their numbers, which are dear to find.
func signers(t testing.TB) map[jose.Algorithm]*jose.PrivateKey {
	t.Helper()
	var shared map[string]any
	all := map[jose.Algorithm]*jose.PrivateKey{}
	for _, a := range jose.Algorithms() {
		if shared != nil && (strings.HasPrefix(string(a), "RS") || strings.HasPrefix(string(a), "PS")) {
			shared["alg"] = a
			all[a] = must(jose.ParsePrivateKey(must(json.Marshal(shared))))
			continue
		}
		p := must(jose.GeneratePrivateKey(a))
		all[a] = p
		if a == jose.RS256 {
			if err := json.Unmarshal(must(p.Marshal()), &shared); err != nil {
				t.Fatal(err)
			}
		}
	}
	return all
}

func TestWhatIsSignedIsVerifiedAndNothingElse(t *testing.T) {
	keys := signers(t)
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SampledFrom(jose.Algorithms()).Draw(t, "algorithm")
		p := keys[a]
		payload := rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(t, "payload")
		compact, err := p.Sign("at+jwt", payload)
		if err != nil {
			t.Fatal(err)
		}
		s, err := jose.Parse(compact, jose.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(p.Public()); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(s.Payload, payload) || s.Header.Algorithm != a || s.Header.KeyID != p.Public().Thumbprint() || s.Header.Type != "at+jwt" {
			t.Fatalf("got %+v, %q", s.Header, s.Payload)
		}
		bit := rapid.IntRange(0, 8*len(compact)-1).Draw(t, "bit")
		flipped := []byte(compact)
		flipped[bit/8] ^= 1 << (bit % 8)
		if s, err := jose.Parse(string(flipped), jose.Limits{}); err == nil && s.Verify(p.Public()) == nil {
			t.Fatalf("bit %d is not signed", bit)
		}
	})
}

func TestEveryBitOfATokenIsSigned(t *testing.T) {
	for _, a := range []jose.Algorithm{jose.ES256, jose.EdDSA} {
		p := must(jose.GeneratePrivateKey(a))
		compact := must(p.Sign("", []byte(`{"sub":"a"}`)))
		for bit := range 8 * len(compact) {
			flipped := []byte(compact)
			flipped[bit/8] ^= 1 << (bit % 8)
			if s, err := jose.Parse(string(flipped), jose.Limits{}); err == nil && s.Verify(p.Public()) == nil {
				t.Errorf("%s: bit %d of %q is not signed", a, bit, compact)
			}
		}
	}
}

func TestPrivateKeysComeBack(t *testing.T) {
	for a, p := range signers(t) {
		again, err := jose.ParsePrivateKey(must(p.Marshal()))
		if err != nil {
			t.Fatalf("%s: %v", a, err)
		}
		s := must(jose.ParseProof(must(again.SignProof([]byte("{}"))), jose.Limits{}))
		if err := s.Verify(p.Public()); err != nil {
			t.Errorf("%s: %v", a, err)
		}
		if s.Header.Key.Thumbprint() != p.Public().ID || s.Header.Type != "dpop+jwt" {
			t.Errorf("%s: got %+v", a, s.Header)
		}
	}
}

func TestPrivateKeysThatDoNotSignAreRefused(t *testing.T) {
	one, two := map[string]any{}, map[string]any{}
	for _, m := range []map[string]any{one, two} {
		if err := json.Unmarshal(must(must(jose.GeneratePrivateKey(jose.ES256)).Marshal()), &m); err != nil {
			t.Fatal(err)
		}
	}
	one["d"] = two["d"]
	public := must(must(jose.GeneratePrivateKey(jose.ES256)).Public().MarshalJSON())
	delete(two, "alg")
	for name, jwk := range map[string][]byte{
		"halves of two keys": must(json.Marshal(one)), "a public key": public, "no algorithm": must(json.Marshal(two)),
		"a symmetric key": []byte(`{"kty":"oct","k":"AAAA","alg":"ES256"}`), "nothing": nil,
	} {
		if p, err := jose.ParsePrivateKey(jwk); err == nil {
			t.Errorf("%s: got the key %s", name, p.Public().ID)
		}
	}
	for _, a := range []jose.Algorithm{"none", "HS256", ""} {
		if _, err := jose.GeneratePrivateKey(a); err == nil {
			t.Errorf("a key for %q was made", a)
		}
	}
	if _, err := must(jose.GeneratePrivateKey(jose.EdDSA)).Sign("", nil); err == nil {
		t.Error("nothing was signed")
	}
}

func TestPrivateKeysPrintAsSecret(t *testing.T) {
	p := must(jose.GeneratePrivateKey(jose.EdDSA))
	var d struct{ D string }
	if err := json.Unmarshal(must(p.Marshal()), &d); err != nil || d.D == "" {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("key", "p", p, "v", *p)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("key", "p", p, "v", *p)
	all := []string{log.String(), string(must(json.Marshal(p))), string(must(json.Marshal(*p))), string(must(json.Marshal(map[string]any{"k": p})))}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		all = append(all, fmt.Sprintf(verb, p), fmt.Sprintf(verb, *p), fmt.Sprintf(verb, struct{ K *jose.PrivateKey }{p}))
	}
	for _, s := range all {
		if !strings.Contains(s, "secret") || strings.Contains(s, d.D) {
			t.Errorf("printed %q", s)
		}
	}
}
