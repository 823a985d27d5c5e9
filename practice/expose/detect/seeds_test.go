// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"yett/jose"
)

// A seed is something that must be found.
type seed struct {
	kind   Kind
	text   string
	secret string // what may not be left when it is masked
}

const (
	base62Bytes    = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	base64URLBytes = base62Bytes + "-_"
	capitals       = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

func drawn(r *rand.Rand, n int, alphabet string) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

// grouped puts a separator between groups of the sizes; the last takes what is left.
func grouped(s, separator string, sizes ...int) string {
	var parts []string
	for _, n := range sizes {
		if n = min(n, len(s)); n > 0 {
			parts, s = append(parts, s[:n]), s[n:]
		}
	}
	if s != "" {
		parts = append(parts, s)
	}
	return strings.Join(parts, separator)
}

// luhnDigit is found by trying, with the rule as it is written in the standard.
func luhnDigit(s string) string {
	for d := range 10 {
		sum := 0
		for i, c := range []byte(s + fmt.Sprint(d)) {
			n := int(c - '0')
			if (len(s)-i)%2 == 1 {
				n *= 2
			}
			sum += n/10 + n%10
		}
		if sum%10 == 0 {
			return fmt.Sprint(d)
		}
	}
	panic("no digit fits")
}

// cardSeed draws a card of one network, of a length that is issued if there is one.
func cardSeed(r *rand.Rand, n network) seed {
	for {
		length := 13 + r.IntN(7)
		if n.lengths == 0 {
			n = networks[0]
		}
		if n.lengths>>length&1 == 0 {
			continue
		}
		number := fmt.Sprint(n.from+uint32(r.IntN(int(n.to-n.from)+1))) + drawn(r, length-7, "0123456789")
		number += luhnDigit(number)
		if length == 13 && ean(new(scan{text: []byte(number)}).figures(nil, 0, 13)) {
			continue // an article number, too
		}
		text := number
		separator := []string{" ", "-"}[r.IntN(2)]
		switch r.IntN(3) {
		case 0:
			switch {
			case length == 13:
				text = grouped(number, separator, 4, 3, 3, 3)
			case length == 14:
				text = grouped(number, separator, 4, 6, 4)
			case length == 15:
				text = grouped(number, separator, 4, 6, 5)
			case length == 19 && r.IntN(2) == 0:
				text = grouped(number, separator, 6, 13)
			default:
				text = grouped(number, separator, 4, 4, 4, 4, 4)
			}
		}
		return seed{Card, text, number[:length-4]}
	}
}

// ibanSeed draws an IBAN of one country; its check digits are computed with big integers.
func ibanSeed(r *rand.Rand, country string) seed {
	bban := ""
	n := 0
	for _, c := range countries[country] {
		switch c {
		case 'n':
			bban += drawn(r, n, "0123456789")
		case 'a':
			bban += drawn(r, n, capitals)
		case 'c':
			bban += drawn(r, n, "0123456789"+[]string{capitals, "", ""}[r.IntN(3)])
		default:
			n = n*10 + int(c-'0')
			continue
		}
		n = 0
	}
	decimal := ""
	for _, c := range []byte(bban + country + "00") {
		if c >= 'A' {
			decimal += fmt.Sprint(c - 'A' + 10)
		} else {
			decimal += string(c)
		}
	}
	whole, _ := new(big.Int).SetString(decimal, 10)
	check := 98 - new(big.Int).Mod(whole, big.NewInt(97)).Int64()
	iban := fmt.Sprintf("%s%02d%s", country, check, bban)
	text := iban
	switch r.IntN(4) {
	case 0:
		text = grouped(iban, " ", 4, 4, 4, 4, 4, 4, 4, 4)
	case 1:
		text = strings.ToLower(iban)
	}
	return seed{IBAN, text, iban[2 : len(iban)-4]}
}

// keySeeds makes private keys of all usual kinds and forms.
func keySeeds(t *testing.T, r *rand.Rand) []seed {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	rsaKey, err := rsa.GenerateKey(crand.Reader, 2048)
	must(err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	must(err)
	_, edKey, err := ed25519.GenerateKey(crand.Reader)
	must(err)
	var seeds []seed
	block := func(b *pem.Block) {
		text := string(pem.EncodeToMemory(b))
		secret := strings.Split(text, "\n")[2]
		for _, form := range []string{text, strings.TrimSuffix(text, "\n"), strings.ReplaceAll(text, "\n", `\n`), strings.ReplaceAll(text, "\n", "\r\n")} {
			seeds = append(seeds, seed{PrivateKey, form, secret})
		}
	}
	for _, key := range []any{rsaKey, ecKey, edKey} {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		must(err)
		block(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
		b, err := ssh.MarshalPrivateKey(key, "ada@example.org")
		must(err)
		block(b)
		b, err = ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte("passphrase"))
		must(err)
		block(b)
	}
	block(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)})
	block(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC," + drawn(r, 32, "0123456789ABCDEF")}, Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)})
	der, err := x509.MarshalECPrivateKey(ecKey)
	must(err)
	block(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	block(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte(drawn(r, 1200, base62Bytes))})
	for _, alg := range []jose.Algorithm{jose.RS256, jose.ES256, jose.ES384, jose.EdDSA} {
		key, err := jose.GeneratePrivateKey(alg)
		must(err)
		jwk, err := key.Marshal()
		must(err)
		var members map[string]string
		must(json.Unmarshal(jwk, &members))
		seeds = append(seeds, seed{PrivateKey, string(jwk), members["d"]})
		indented, err := json.MarshalIndent(members, "", "  ")
		must(err)
		seeds = append(seeds, seed{PrivateKey, string(indented), members["d"]})
	}
	return seeds
}

// madeUp are a key in PEM, one in JSON and a token, all drawn: cheaper than real ones, and the same each time.
func madeUp(r *rand.Rand) []seed {
	draw := func(n int) string { return drawn(r, n, base64URLBytes) }
	jwk := fmt.Sprintf(`{"kty":"EC","kid":%q,"crv":"P-256","x":%q,"y":%q,"d":%q}`, draw(43), draw(43), draw(43), draw(43))
	block := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: noise(r, 150)}))
	token := part(fmt.Sprintf(`{"alg":"ES256","kid":%q}`, draw(8))) + "." + part(fmt.Sprintf(`{"sub":%q}`, draw(8+r.IntN(900)))) + "." + draw(86)
	return []seed{{PrivateKey, block, block}, {PrivateKey, jwk, jwk}, {Token, token, token}}
}

// tokenSeeds makes signed tokens.
func tokenSeeds(t *testing.T) []seed {
	t.Helper()
	var seeds []seed
	for _, alg := range []jose.Algorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA} {
		key, err := jose.GeneratePrivateKey(alg)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 5 {
			text, err := key.Sign("at+jwt", fmt.Appendf(nil, `{"iss":"https://id.example.org","sub":"user-%d","scope":%q}`, n, strings.Repeat("orders:read ", 1+20*n)))
			if err != nil {
				t.Fatal(err)
			}
			seeds = append(seeds, seed{Token, text, text[strings.LastIndex(text, ".")+1:]})
		}
	}
	return seeds
}

// plainSeed draws a token or a secret with a known form.
func plainSeed(r *rand.Rand) seed {
	whole := func(k Kind, s string) seed { return seed{k, s, s} }
	switch r.IntN(19) {
	case 0:
		return whole(Token, []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_"}[r.IntN(5)]+drawn(r, 36, base62Bytes))
	case 1:
		return whole(Token, "github_pat_"+drawn(r, 22, base62Bytes)+"_"+drawn(r, 59, base62Bytes))
	case 2:
		return whole(Token, "glpat-"+drawn(r, 20, base64URLBytes)+"x")
	case 3:
		return whole(Token, "xoxb-"+drawn(r, 12, "0123456789")+"-"+drawn(r, 13, "0123456789")+"-"+drawn(r, 24, base62Bytes))
	case 4:
		return whole(Token, []string{"sk_live_", "rk_live_"}[r.IntN(2)]+drawn(r, 24+r.IntN(80), base62Bytes))
	case 5:
		return whole(Token, "npm_"+drawn(r, 36, base62Bytes))
	case 6:
		return whole(Token, "SG."+drawn(r, 22, base64URLBytes)+"."+drawn(r, 43, base62Bytes))
	case 7:
		return whole(Token, "SK"+drawn(r, 32, hexDigits))
	case 8:
		key := "yett_k" + drawn(r, 6, "0123456789abcdefghjkmnpqrstvwxyz") + "_" + drawn(r, 43, base62Bytes)
		return whole(Token, key+"_"+checkOf(key))
	case 9:
		return whole(CloudSecret, []string{"AKIA", "ASIA"}[r.IntN(2)]+drawn(r, 16, base32Digits))
	case 10, 11, 12:
		for {
			secret := drawn(r, 40, base62Bytes+"+/")
			if !strings.ContainsAny(secret, "0123456789") || strings.ToLower(secret) == secret {
				continue
			}
			name := []string{"aws_secret_access_key=", "SecretAccessKey: ", `"secretKey":"`, "export AWS_SECRET_ACCESS_KEY='"}[r.IntN(4)]
			return seed{CloudSecret, name + secret, secret}
		}
	case 13:
		return whole(CloudSecret, "AIza"+drawn(r, 34, base64URLBytes)+"x")
	case 14:
		key := make([]byte, 64)
		for i := range key {
			key[i] = byte(r.Uint32())
		}
		text := base64.StdEncoding.EncodeToString(key)
		return seed{CloudSecret, "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=" + text, text}
	case 15:
		text := drawn(r, 43, base62Bytes) + "%3D"
		return seed{CloudSecret, "https://shop.blob.core.windows.net/a?sv=2024-11-04&ss=b&sig=" + text, text}
	case 16:
		return whole(CloudSecret, drawn(r, 3, base62Bytes)+drawn(r, 1, "0123456789")+"Q~"+drawn(r, 34, base62Bytes))
	case 17:
		return whole(CloudSecret, "GOCSPX-"+drawn(r, 28, base64URLBytes))
	default:
		return whole(CloudSecret, "ya29."+drawn(r, 60, base64URLBytes))
	}
}

// idSeed draws a national identifier in a form that is found on sight.
func idSeed(r *rand.Rand) seed {
	digits := func(n int) string { return drawn(r, n, "0123456789") }
	whole := func(s string) seed { return seed{NationalID, s, s} }
	switch r.IntN(6) {
	case 0:
		text := fmt.Sprintf("%03d-%02d-%04d", 1+r.IntN(665), 1+r.IntN(99), 1+r.IntN(9999))
		return seed{NationalID, []string{"SSN ", "social security: ", "tax_id="}[r.IntN(3)] + text, text}
	case 1:
		n := int64(1e12)*int64(1+r.IntN(2)) + int64(r.IntN(100))*1e10 + int64(1+r.IntN(12))*1e8 + int64(1+r.IntN(95))*1e6 + int64(1+r.IntN(999))*1e3 + int64(1+r.IntN(999))
		text := fmt.Sprintf("%013d%02d", n, 97-n%97)
		if r.IntN(2) == 0 {
			text = grouped(text, " ", 1, 2, 2, 2, 3, 3, 2)
		}
		return whole(text)
	case 2:
		short := fmt.Sprintf("%02d%02d%02d%s", r.IntN(100), 1+r.IntN(12), 1+r.IntN(28), digits(3))
		short += luhnDigit(short)
		return whole("19" + short[:6] + "-" + short[6:])
	case 3:
		date := fmt.Sprintf("%02d%02d%02d", r.IntN(100), 1+r.IntN(12), 1+r.IntN(28))
		counter := digits(3)
		n, _ := new(big.Int).SetString(date+counter, 10)
		key := fmt.Sprintf("%02d", 97-n.Mod(n, big.NewInt(97)).Int64())
		return whole(date[:2] + "." + date[2:4] + "." + date[4:] + "-" + counter + "." + key)
	case 4:
		for {
			text := "756." + digits(4) + "." + digits(4) + "." + digits(2)
			sum := 0
			for i, c := range []byte(strings.ReplaceAll(text, ".", "")) {
				sum += int(c-'0') * (1 + i%2*2)
			}
			if sum%10 == 0 {
				return whole(text)
			}
		}
	default:
		return whole(fmt.Sprintf("%s%s %02d %02d %02d %s", drawn(r, 1, "ABCEGHJLMPRSWXY"), drawn(r, 1, "ACEHJLMPRSWXY"), r.IntN(100), r.IntN(100), r.IntN(100), drawn(r, 1, "ABCD")))
	}
}

// TestSeeds puts secrets into a thousand answers and has all of them found, and nothing else.
func TestSeeds(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 1))
	keys, tokens := keySeeds(t, r), tokenSeeds(t)
	var places []string
	for c := range countries {
		places = append(places, c)
	}
	slices.Sort(places)
	counts := map[Kind]int{}
	frames := []string{"%s", "the value is %s", "%s, as agreed", "(%s)", "see: %s\nthanks", "a=%s", `{"x":"%s"}`}
	for n := range 1000 {
		seeds := []seed{
			cardSeed(r, networks[n%len(networks)]), ibanSeed(r, places[n%len(places)]), keys[n%len(keys)], tokens[n%len(tokens)],
			plainSeed(r), plainSeed(r), idSeed(r),
		}
		for _, s := range seeds {
			counts[s.kind]++
			answer := order(r)
			answer["note"] = fmt.Sprintf(frames[r.IntN(len(frames))], s.text)
			found := 0
			leaves(answer, func(name string, text []byte) {
				m := all.FindAt(nil, Place{Name: []byte(name)}, text)
				if len(m) == 0 {
					return
				}
				found += len(m)
				checkMatches(t, text, m)
				masked := Mask(nil, text, m)
				if m[0].Kind != s.kind || len(m) > 1 {
					t.Errorf("%q: found %s, want one %s", text, told(string(text), m), s.kind)
				}
				if bytes.Contains(masked, []byte(s.secret)) || strings.Contains(bare(string(masked)), bare(s.secret)) {
					t.Errorf("%q: %q is left in %q", text, s.secret, masked)
				}
				if again := all.FindAt(nil, Place{Name: []byte(name)}, masked); len(again) > 0 {
					t.Errorf("%q: masked, there is %s in %q", text, told(string(masked), again), masked)
				}
			})
			if found != 1 {
				t.Errorf("%s %q: found %d times", s.kind, s.text, found)
			}
			// In a body that is looked at as text, the secret is found as well, in JSON's writing.
			body := asJSON(answer)
			m := all.Find(nil, []byte(body))
			if masked := string(Mask(nil, []byte(body), m)); len(m) != 1 || m[0].Kind != s.kind || strings.Contains(bare(masked), bare(s.secret)) {
				t.Errorf("%s in %s: found %q", s.kind, body, told(body, m))
			}
		}
	}
	t.Logf("found: %v", counts)
}

// bare is text without what may stand between groups, in capitals.
func bare(s string) string {
	return strings.ToUpper(strings.NewReplacer(" ", "", "-", "", "\n", "").Replace(s))
}

// A long text is looked at in pieces that overlap: each match stands whole in one of them, and what begins shortly behind
// the beginning of a piece is told by the one in front.
func TestPiecesThatOverlapMissNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 2))
	const window = 3 * Overlap
	var text []byte
	var secrets []string
	for n := range 400 {
		for _, s := range []seed{cardSeed(r, networks[n%len(networks)]), ibanSeed(r, "GB"), plainSeed(r), idSeed(r), madeUp(r)[2]} {
			text = append(text, asJSON(order(r))[:r.IntN(300)]...)
			text = append(text, '\n')
			text = append(text, s.text...)
			text = append(text, '\n')
			secrets = append(secrets, s.secret)
		}
	}
	whole := all.Find(nil, text)
	if len(whole) < len(secrets) {
		t.Fatalf("%d found of %d", len(whole), len(secrets))
	}
	found := map[Match]bool{}
	for at := 0; ; at += window - Overlap {
		piece := text[at:min(at+window, len(text))]
		for _, m := range all.Find(nil, piece) {
			if at > 0 && m.From < Before || at+len(piece) < len(text) && m.To > len(piece)-Before {
				continue // in the piece in front, or the next
			}
			m.From += at
			m.To += at
			found[m] = true
		}
		if at+len(piece) == len(text) {
			break
		}
	}
	for _, m := range whole {
		if !found[m] {
			t.Errorf("%s is in no piece", told(string(text), []Match{m}))
		}
		delete(found, m)
	}
	for m := range found {
		t.Errorf("%s is in a piece only", told(string(text), []Match{m}))
	}
}
