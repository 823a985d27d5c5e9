// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	random "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"yett/conformance/internal/gate"
)

const seededDescription = `openapi: 3.1.0
info: { title: seeded, version: "1" }
paths:
  /answers/{n}:
    get:
      operationId: answer
      security: []
      x-yett-public: everybody may look for what is hidden here
      parameters: [{ name: n, in: path, required: true, schema: { type: integer, minimum: 0, maximum: 100000 } }]
      responses:
        "200":
          description: an answer
          content:
            application/json:
              schema:
                type: object
                properties:
                  title: { type: string }
                  items: { type: array, items: { type: object, properties: { note: { type: string }, more: { type: object } } } }
`

const seededAnswers = 1000

// A document is one answer, with what must not leave it and what must.
type document struct {
	body         []byte
	hidden, kept []string
}

// seeded asks for a thousand answers that hold secrets, and what only looks like them.
func seeded(ctx context.Context, binary string) (t *table, err error) {
	seed := random.Uint64()
	fmt.Printf("answers: seeded: seed %d\n", seed)
	r := random.New(random.NewPCG(seed, 7)) // #nosec G404 -- test data
	var keys []string
	for range 3 {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		keys = append(keys, string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	}
	var documents []document
	for range seededAnswers {
		d, err := newDocument(r, keys)
		if err != nil {
			return nil, err
		}
		documents = append(documents, d)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Path[len("/answers/"):])
		if err != nil || n >= len(documents) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(documents[n].body) // the gate may be gone
	}))
	defer server.Close()
	dir, err := os.MkdirTemp("", "answers")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.WriteFile(filepath.Join(dir, "openapi.yaml"), []byte(seededDescription), 0o600); err != nil {
		return nil, err
	}
	g, err := gate.StartConfigured(ctx, binary, dir, server.URL, "", "ratelimit: { requests: 100000, per: 1m }\n")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.Stop()) }()
	c := &caller{client: g.Client(), base: "https://localhost:" + g.Port()}
	t = &table{}
	hidden, kept, chance := 0, 0, 0
	for n, d := range documents {
		res, err := c.do(ctx, "GET", fmt.Sprintf("/answers/%d", n), "")
		if err != nil {
			return nil, err
		}
		t.check(fmt.Sprintf("answer %d leaves as JSON", n), res.status == 200 && json.Valid([]byte(res.body)), res.status, res.body)
		text := texts(res.body)
		for _, s := range d.hidden {
			hidden++
			t.check(fmt.Sprintf("answer %d: a secret does not leave", n), !strings.Contains(text, s), s)
		}
		for _, s := range d.kept {
			kept++
			if !strings.Contains(text, s) {
				chance++
				fmt.Printf("answers: seeded: chance hit: %s\n", s)
			}
		}
	}
	fmt.Printf("answers: seeded: %d secrets hidden in %d answers, %d look-alikes, %d of them hit by chance\n", hidden, len(documents), kept, chance)
	t.check("look-alikes are left alone", chance == 0, chance)
	return t, nil
}

// texts is every string and number of a document, one a line, decoded.
func texts(body string) string {
	var v any
	dec := json.NewDecoder(strings.NewReader(body))
	dec.UseNumber()
	if dec.Decode(&v) != nil {
		return body
	}
	var b strings.Builder
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, m := range v {
				b.WriteString(name + "\n")
				walk(m)
			}
		case []any:
			for _, m := range v {
				walk(m)
			}
		default:
			fmt.Fprintln(&b, v)
		}
	}
	walk(v)
	return b.String()
}

// newDocument hides five secrets and five look-alikes in an answer.
func newDocument(r *random.Rand, keys []string) (d document, err error) {
	say := func(s string) string {
		return [...]string{"%s", "see %s", "paid with %s.", "(%s)", "number: %s, thanks", "%s\nand more"}[r.IntN(6)]
	}
	var items []any
	put := func(s string) {
		text := fmt.Sprintf(say(s), s)
		if r.IntN(2) == 0 {
			items = append(items, map[string]any{"note": text})
			return
		}
		items = append(items, map[string]any{"note": "n", "more": map[string]any{"a": []any{map[string]any{"b": text}}}})
	}
	for i := range 5 {
		var s string
		switch i {
		case 0:
			s = card(r)
		case 1:
			s = iban(r)
		case 2:
			s = keys[r.IntN(len(keys))]
		case 3:
			s = webToken(r)
		default:
			s = cloudKey(r)
		}
		d.hidden = append(d.hidden, s)
		put(s)
	}
	for range 5 {
		s := lookAlike(r)
		d.kept = append(d.kept, s)
		put(s)
	}
	r.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	d.body, err = json.Marshal(map[string]any{"title": "t", "items": items})
	return d, err
}

func digits(r *random.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + r.IntN(10))
	}
	return string(b)
}

func luhn(s string) int {
	sum := 0
	for i := range len(s) {
		n := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum % 10
}

// card makes a number of an issuer's range with its check digit, whole or in groups.
func card(r *random.Rand) string {
	kind := [...]struct {
		prefix string
		size   int
	}{{"4", 16}, {"51", 16}, {"55", 16}, {"2221", 16}, {"37", 15}, {"34", 15}, {"6011", 16}, {"3528", 16}}[r.IntN(8)]
	s := kind.prefix + digits(r, kind.size-len(kind.prefix)-1)
	s += strconv.Itoa((10 - luhn(s+"0")) % 10)
	if kind.size == 16 {
		switch r.IntN(3) {
		case 0:
			return s[:4] + " " + s[4:8] + " " + s[8:12] + " " + s[12:]
		case 1:
			return s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:]
		}
	}
	return s
}

func iban(r *random.Rand) string {
	country, size := "DE", 18
	if r.IntN(2) == 0 {
		country, size = "AT", 16
	}
	account := digits(r, size)
	return country + check97(country, account) + account
}

func check97(country, account string) string {
	var text strings.Builder
	text.WriteString(account)
	for _, c := range country {
		text.WriteString(strconv.Itoa(int(c-'A') + 10))
	}
	n, _ := new(big.Int).SetString(text.String()+"00", 10)
	return fmt.Sprintf("%02d", 98-new(big.Int).Mod(n, big.NewInt(97)).Int64())
}

func webToken(r *random.Rand) string {
	b := base64.RawURLEncoding
	return b.EncodeToString([]byte(`{"alg":"ES256","typ":"JWT","kid":"`+digits(r, 4)+`"}`)) + "." +
		b.EncodeToString([]byte(`{"sub":"`+digits(r, 9)+`","iat":1767225600}`)) + "." + b.EncodeToString([]byte(digits(r, 64)))
}

func cloudKey(r *random.Rand) string {
	letters := func(n int, from string) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = from[r.IntN(len(from))]
		}
		return string(b)
	}
	const mixed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	if r.IntN(2) == 0 {
		return "AKIA" + letters(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
	}
	return "AIza" + letters(35, mixed)
}

// lookAlike is something honest that resembles a secret.
func lookAlike(r *random.Rand) string {
	switch r.IntN(9) {
	case 0: // a card that fails the check
		s := "4" + digits(r, 14)
		return s + strconv.Itoa((11-luhn(s+"0"))%10)
	case 1: // the right check digit, of no issuer
		s := "0" + digits(r, 14)
		return s + strconv.Itoa((10-luhn(s+"0"))%10)
	case 2: // an account number that fails
		account := digits(r, 18)
		n, _ := strconv.Atoi(check97("DE", account))
		return fmt.Sprintf("DE%02d%s", n%97+1, account)
	case 3:
		return uuid.New().String()
	case 4:
		sum := sha256.Sum256([]byte(digits(r, 9)))
		return hex.EncodeToString(sum[:])
	case 5:
		return "2026-" + digits(r, 8)
	case 6:
		return strconv.FormatInt(1_700_000_000_000+r.Int64N(100_000_000_000), 10) // milliseconds
	case 7:
		return "ORD" + digits(r, 10)
	default:
		return "+33 1 " + digits(r, 2) + " " + digits(r, 2) + " " + digits(r, 2) + " " + digits(r, 2)
	}
}
