// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
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
	"math"
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
                  items:
                    type: array
                    items:
                      type: object
                      properties:
                        note: { type: string }
                        more: { type: object }
                        id: { type: integer, format: int64 }
                        amount: { type: number }
                        order_id: { type: string }
                        trackingNumber: { type: string }
                        phone: { type: string }
                        link: { type: string, format: uri }
                        access_token: { type: string }
`

const seededAnswers = 1000

// A document is one answer, with what must not leave it and what must.
type document struct {
	body   []byte
	hidden []string
	kept   []like
}

// A like is what only looks like a secret.
type like struct {
	class  *class
	text   string
	member string // as it stands in the answer: "id":4111
}

// seeded asks for a thousand answers that hold secrets, and what only looks like them.
func seeded(ctx context.Context, binary string) (t *table, err error) {
	seed := random.Uint64()
	fmt.Printf("answers: seeded: seed %d\n", seed)
	r := random.New(random.NewPCG(seed, 7)) // #nosec G404 -- test data
	keys, err := privateKeys(r)
	if err != nil {
		return nil, err
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
	hidden := 0
	met, hit := map[*class]int{}, map[*class]int{}
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
		for _, l := range d.kept {
			met[l.class]++
			if !strings.Contains(res.body, l.member) {
				hit[l.class]++
				fmt.Printf("answers: seeded: chance hit: %.40s\n", l.text)
			}
		}
	}
	fmt.Printf("answers: seeded: %d secrets hidden in %d answers\n", hidden, len(documents))
	for i := range classes {
		c := &classes[i]
		fmt.Printf("answers: seeded: %s: %d of %d hit by chance\n", c.name, hit[c], met[c])
		bound := c.chance * float64(met[c])
		t.check(c.name+" are left alone", float64(hit[c]) <= bound+4*math.Sqrt(bound), hit[c])
	}
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

const likesInAnswer = 10

// newDocument hides secrets of all kinds and ten look-alikes in an answer.
func newDocument(r *random.Rand, keys []secret) (d document, err error) {
	say := func(s string) string {
		return fmt.Sprintf([...]string{"%s", "see %s", "paid with %s.", "(%s)", "number: %s, thanks", "%s\nand more"}[r.IntN(6)], s)
	}
	var items []any
	deep := func(name, text string) {
		items = append(items, map[string]any{"note": "n", "more": map[string]any{"a": []any{map[string]any{name: text}}}})
	}
	for _, s := range []secret{card(r), iban(r), keys[r.IntN(len(keys))], webToken(r), cloudKey(r), nationalID(r)} {
		d.hidden = append(d.hidden, s.hidden)
		switch {
		case s.name != "":
			deep(s.name, s.text)
		case r.IntN(2) == 0:
			items = append(items, map[string]any{"note": say(s.text)})
		default:
			deep("b", say(s.text))
		}
	}
	for range likesInAnswer {
		c := &classes[r.IntN(len(classes))]
		text := c.draw(r)
		var value any = text
		if c.member == "note" {
			value = say(text)
		}
		if c.number {
			value = json.Number(text)
		}
		member, err := json.Marshal(map[string]any{c.member: value})
		if err != nil {
			return d, err
		}
		d.kept = append(d.kept, like{c, text, string(member[1 : len(member)-1])})
		items = append(items, map[string]any{c.member: value})
	}
	r.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	d.body, err = json.Marshal(map[string]any{"title": "t", "items": items})
	return d, err
}

// A secret is a text that holds what must not leave, under a name where that is what tells it.
type secret struct{ name, text, hidden string }

func alone(text string) secret { return secret{text: text, hidden: text} }

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
func card(r *random.Rand) secret {
	kind := [...]struct {
		prefix string
		size   int
	}{{"4", 16}, {"51", 16}, {"55", 16}, {"2221", 16}, {"37", 15}, {"34", 15}, {"6011", 16}, {"3528", 16}, {"36", 14}, {"62", 19}, {"6759", 16}}[r.IntN(11)]
	s := kind.prefix + digits(r, kind.size-len(kind.prefix)-1)
	s += strconv.Itoa((10 - luhn(s+"0")) % 10)
	if kind.size == 16 {
		switch r.IntN(3) {
		case 0:
			return alone(s[:4] + " " + s[4:8] + " " + s[8:12] + " " + s[12:])
		case 1:
			return alone(s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:])
		}
	}
	return alone(s)
}

func iban(r *random.Rand) secret {
	country, size := "DE", 18
	if r.IntN(2) == 0 {
		country, size = "AT", 16
	}
	account := digits(r, size)
	return alone(country + check97(country, account) + account)
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

func webToken(r *random.Rand) secret {
	b := base64.RawURLEncoding
	return alone(b.EncodeToString([]byte(`{"alg":"ES256","typ":"JWT","kid":"`+digits(r, 4)+`"}`)) + "." +
		b.EncodeToString([]byte(`{"sub":"`+digits(r, 9)+`","iat":1767225600}`)) + "." + b.EncodeToString([]byte(digits(r, 64))))
}

// privateKeys makes keys in the forms in which they lie about.
func privateKeys(r *random.Rand) (all []secret, err error) {
	add := func(b *pem.Block) {
		text := string(pem.EncodeToMemory(b))
		lines := strings.Split(strings.TrimSpace(text), "\n")
		all = append(all, secret{text: text, hidden: lines[len(lines)-2]}, secret{text: strings.ReplaceAll(text, "\n", `\n`), hidden: lines[len(lines)-2]})
	}
	some := func(begin string, n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return append([]byte(begin), b...)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	for _, key := range []any{rsaKey, ecKey, edKey} {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		add(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	der, err := x509.MarshalECPrivateKey(ecKey)
	if err != nil {
		return nil, err
	}
	d, err := ecKey.Bytes()
	if err != nil {
		return nil, err
	}
	add(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	add(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)})
	// What is sealed is any bytes, and so is the inside of a key of OpenSSH for who does not open it.
	add(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: some("", 1190), Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00112233445566778899AABBCCDDEEFF"}})
	add(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: some("\x30\x82\x04\xe3", 1255)})
	add(&pem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: some("openssh-key-v1\x00", 380)})
	b := base64.RawURLEncoding
	jwk := secret{hidden: b.EncodeToString(d)}
	jwk.text = `{"kty":"EC","crv":"P-256","d":"` + jwk.hidden + `","x":"` + b.EncodeToString(some("", 32)) + `","y":"` + b.EncodeToString(some("", 32)) + `"}`
	return append(all, jwk), nil
}

const (
	capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	small    = "abcdefghijklmnopqrstuvwxyz"
	decimals = "0123456789"
	mixed    = capitals + small + decimals
)

func drawn(r *random.Rand, n int, from string) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = from[r.IntN(len(from))]
	}
	return string(b)
}

// cloudKey makes a key of one of the clouds, as it stands in their settings.
func cloudKey(r *random.Rand) secret {
	behind := func(name, s string) secret { return secret{text: name + s, hidden: s} }
	amazon := drawn(r, 37, mixed+"+/") + "aA1"
	switch r.IntN(11) {
	case 0:
		return alone("AKIA" + drawn(r, 16, capitals+"234567"))
	case 1:
		return alone("ASIA" + drawn(r, 16, capitals+"234567"))
	case 2:
		return behind("aws_secret_access_key = ", amazon)
	case 3:
		return secret{name: "SecretAccessKey", text: amazon, hidden: amazon}
	case 4:
		return alone("AIza" + drawn(r, 35, mixed))
	case 5:
		return alone("GOCSPX-" + drawn(r, 28, mixed))
	case 6:
		return alone("ya29." + drawn(r, 120, mixed+"-_") + "x")
	case 7:
		return behind("DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=", drawn(r, 86, mixed+"+/")+"==")
	case 8:
		return behind("Endpoint=sb://shop.example.org/;SharedAccessKeyName=all;SharedAccessKey=", drawn(r, 43, mixed+"+/")+"=")
	case 9:
		return behind("from https://shop.blob.core.windows.net/c?sv=2024-11-04&sig=", drawn(r, 43, mixed)+"%3D")
	default:
		return alone(drawn(r, 3, mixed) + drawn(r, 1, decimals) + "Q~" + drawn(r, 34, mixed))
	}
}

// nationalID makes identifiers that a name or a word tells, and one that is told by its form.
func nationalID(r *random.Rand) secret {
	area := fmt.Sprintf("%03d", 1+r.IntN(665))
	group, serial := fmt.Sprintf("%02d", 1+r.IntN(99)), fmt.Sprintf("%04d", 1+r.IntN(9999))
	switch r.IntN(4) {
	case 0:
		return secret{name: "ssn", text: area + group + serial, hidden: area + group + serial}
	case 1:
		s := area + "-" + group + "-" + serial
		return secret{text: "SSN " + s, hidden: s}
	case 2:
		s := area + "-" + group + "-" + serial
		return secret{name: "socialSecurityNumber", text: s, hidden: s}
	default:
		n := int64(1+r.IntN(2))*1e12 + int64(r.IntN(100))*1e10 + int64(1+r.IntN(12))*1e8 + int64(1+r.IntN(95))*1e6 + int64(1+r.IntN(999))*1e3 + int64(1+r.IntN(999))
		return alone(fmt.Sprintf("%013d%02d", n, 97-n%97))
	}
}

// A class is one sort of honest values that look like a secret.
type class struct {
	name, member string
	number       bool
	chance       float64 // the share that has all that a card has, and nothing that says it is none
	draw         func(*random.Rand) string
}

// anID is a number as databases and services give them out: of 13 to 19 digits.
func anID(r *random.Rand) string {
	return drawn(r, 1, "12345678") + digits(r, 12+r.IntN(7))
}

// likely is a number of sixteen digits in the largest ranges, with a right check digit more often than not.
func likely(r *random.Rand) string {
	s := drawn(r, 1, "45") + drawn(r, 1, "12345") + digits(r, 13)
	if r.IntN(3) == 0 {
		return s + digits(r, 1)
	}
	return s + strconv.Itoa((10-luhn(s+"0"))%10)
}

var classes = []class{
	{name: "ids of 13 to 19 digits in texts", member: "note", chance: 0.006, draw: anID},
	{name: "ids as numbers", member: "id", number: true, draw: anID},
	{name: "ids as numbers that could be cards", member: "id", number: true, draw: likely},
	{name: "amounts that could be cards", member: "amount", number: true, draw: likely},
	{name: "ids of orders", member: "order_id", draw: anID},
	{name: "ids of orders that could be cards", member: "order_id", draw: likely},
	{name: "parcels that could be cards", member: "trackingNumber", draw: likely},
	{name: "orders with letters in front", member: "note", draw: func(r *random.Rand) string { return [...]string{"ORD-", "INV-2026-", "so_"}[r.IntN(3)] + likely(r) }},
	{name: "ids in addresses", member: "link", draw: func(r *random.Rand) string { return "https://shop.example.org/orders/" + likely(r) + "/items" }},
	{name: "ids in the parameters of addresses", member: "link", draw: func(r *random.Rand) string { return "https://shop.example.org/track?no=" + likely(r) + "&lang=en" }},
	{name: "ids in addresses in texts", member: "note", draw: func(r *random.Rand) string { return "/v1/orders/" + likely(r) }},
	{name: "phones with a plus", member: "phone", draw: func(r *random.Rand) string { return "+" + mobile(r) }},
	{name: "phones without a plus", member: "phone", draw: mobile},
	{name: "phones in texts", member: "note", draw: func(r *random.Rand) string { return [...]string{"", "+", "00"}[r.IntN(3)] + mobile(r) }},
	{name: "phones in groups", member: "note", draw: func(r *random.Rand) string {
		return "+33 1 " + digits(r, 2) + " " + digits(r, 2) + " " + digits(r, 2) + " " + digits(r, 2)
	}},
	{name: "numbers in the form of an SSN", member: "note", draw: func(r *random.Rand) string { return digits(r, 3) + "-" + digits(r, 2) + "-" + digits(r, 4) }},
	{name: "cards with a wrong check digit", member: "note", draw: func(r *random.Rand) string {
		s := "4" + digits(r, 14)
		return s + strconv.Itoa((11-luhn(s+"0"))%10)
	}},
	{name: "right check digits of no issuer", member: "note", draw: func(r *random.Rand) string {
		s := "0" + digits(r, 14)
		return s + strconv.Itoa((10-luhn(s+"0"))%10)
	}},
	{name: "IBANs with wrong check digits", member: "note", draw: func(r *random.Rand) string {
		account := digits(r, 18)
		n, _ := strconv.Atoi(check97("DE", account))
		return fmt.Sprintf("DE%02d%s", n%97+1, account)
	}},
	{name: "tokens under their standard name", member: "access_token", draw: func(r *random.Rand) string { return webToken(r).text }},
	{name: "links that are signed in advance", member: "link", draw: signedLink},
	{name: "UUIDs", member: "note", draw: func(*random.Rand) string { return uuid.New().String() }},
	{name: "digests", member: "note", draw: func(r *random.Rand) string {
		sum := sha256.Sum256([]byte(digits(r, 9)))
		return hex.EncodeToString(sum[:])
	}},
	{name: "orders of a year", member: "note", draw: func(r *random.Rand) string { return "2026-" + digits(r, 8) }},
	{name: "milliseconds", member: "note", draw: func(r *random.Rand) string {
		return strconv.FormatInt(1_700_000_000_000+r.Int64N(100_000_000_000), 10)
	}},
}

// signedLink is an address as the clouds give it out for one file.
func signedLink(r *random.Rand) string {
	switch r.IntN(3) {
	case 0:
		return "https://shop.s3.eu-west-1.amazonaws.com/a.pdf?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ASIA" + drawn(r, 16, capitals+"234567") +
			"%2F20260101%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-Expires=600&X-Amz-Security-Token=IQoJb3JpZ2lu" +
			drawn(r, 200, mixed) + "&X-Amz-SignedHeaders=host&X-Amz-Signature=" + drawn(r, 64, "0123456789abcdef")
	case 1:
		return "https://shop.blob.core.windows.net/a.pdf?sv=2024-11-04&se=2026-01-01&sp=r&sig=" + drawn(r, 43, mixed) + "%3D"
	default:
		return "https://storage.googleapis.com/shop/a.pdf?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=a%40example.org&X-Goog-Signature=" + drawn(r, 512, "0123456789abcdef")
	}
}

// mobile is a number of a mobile phone in Germany, Austria, France or Britain.
func mobile(r *random.Rand) string {
	return [...]string{"49151", "49176", "43664", "336", "447"}[r.IntN(5)] + digits(r, 8)
}
