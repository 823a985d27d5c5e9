// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"encoding/base64"
	"strings"
	"testing"
)

// The secrets here are put together, so that no scanner takes them for real.

const (
	letters20 = "aB3dE5gH7jK9mN1pQ2sT"
	letters40 = letters20 + letters20
	letters43 = letters40 + "x4Z"
	hex32     = "0123456789abcdef0123456789abcdef"
	awsID     = "AKIA" + "IOSFODNN7EXAMPLE"
	awsKey    = "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"
)

// part is one part of a JSON Web Token.
func part(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func TestTokens(t *testing.T) {
	var (
		head    = part(`{"alg":"HS256","typ":"JWT"}`)
		signed  = head + "." + part(`{"sub":"ada"}`) + "." + letters43
		secret  = part(`{"alg":"dir","enc":"A256GCM"}`) + ".." + letters20 + "." + letters40 + "." + letters20
		indent  = part("{\n  \"alg\": \"RS256\"}") + "." + part(`{}`) + "." + letters43
		none    = part(`{"alg":"none"}`) + "." + part(`{"sub":"ada"}`) + "."
		long    = part(`{"x5c":["`+strings.Repeat("MIIB", 2000)+`"],"alg":"ES256"}`) + "." + part(`{}`) + "." + letters43
		yettKey = "yett_k7q2m9d_" + letters43 + "_" + checkOf("yett_k7q2m9d_"+letters43)
	)
	var examples []example
	for name, token := range map[string]string{
		"a signed token": signed, "an encrypted token": secret, "a token with a header on several lines": indent, "an unsigned token": none,
		"a token with a long header": long, "a key of ours": yettKey,
		"a token of GitHub": "ghp_" + letters40, "a fine-grained token of GitHub": "github_pat_" + letters20 + "xy_" + letters40 + letters20[:19],
		"a token of GitHub's OAuth": "gho_" + letters40, "a token of GitHub's apps": "ghs_" + letters40, "a token of GitLab": "glpat-" + letters20,
		"a bot of Slack": "xoxb-123456789012-1234567890123-" + letters20 + "abCD", "an app of Slack": "xapp-1-A0123456789-" + letters40,
		"a live key of Stripe": "sk_live_" + letters40, "a restricted key of Stripe": "rk_live_" + letters40, "a secret of webhooks": "whsec_" + letters40,
		"a token of npm": "npm_" + letters40[:36], "a key of SendGrid": "SG." + letters20 + "xy." + letters43, "a key of Twilio": "SK" + hex32,
		"a token of DigitalOcean": "dop_v1_" + hex32 + hex32, "a token of Shopify": "shpat_" + hex32, "a token of Vault": "hvs." + letters40,
		"a token of Docker": "dckr_pat_" + letters40[:27], "a token of PyPI": "pypi-AgE" + letters40 + letters40, "a token of Databricks": "dapi" + hex32,
	} {
		examples = append(examples,
			example{name + " alone", token, "token " + token},
			example{name + " in JSON", `{"t":"` + token + `"}`, "token " + token},
			example{name + " in a sentence", "use " + token + " or not", "token " + token},
			example{name + " assigned", "TOKEN=" + token + "\nx", "token " + token},
			example{name + " behind an escape", `x\n` + token + " x", "token " + token})
		if strings.ContainsAny(token[:3], "gxsrSyw") {
			examples = append(examples, example{name + " within a word", "q" + token, ""})
		}
	}
	run(t, append(examples, []example{
		{"a token of Slack that is renewed", "xoxe.xoxp-1-" + letters40, "token xoxe.xoxp-1-" + letters40},
		{"an opaque bearer token", "Authorization: Bearer " + letters40 + "==", "token " + letters40 + "=="},
		{"a signed bearer token", "bearer " + signed, "token " + signed},
		{"a token cut off in its claims", head + ".eyJzdWIi", "token " + head + ".eyJzdWIi …"},
		{"a token cut off before its claims", head + ".", ""},
		{"a token cut off in its header", head, ""},
		{"a host name behind a header", "see " + head + ".example x", ""},
		{"an address for webhooks of Slack", "https://hooks.slack.com/services/T0123/B0123/" + letters20 + "abCD", "token T0123/B0123/" + letters20 + "abCD"},

		{"a JSON object that names no algorithm", part(`{"typ":"JWT","kid":"2026"}`) + "." + part(`{}`) + "." + letters43, ""},
		{"base64url that is no JSON", "eyJ" + letters40 + "." + letters40 + "." + letters43, ""},
		{"an algorithm outside of an object", part(`{"a":1},"alg":1`) + "." + part(`{}`) + "." + letters43, ""},
		{"a key of ours that is mistyped", strings.Replace(yettKey, "7q2m", "7q2n", 1), ""},
		{"a key of ours that is cut off", yettKey[:60], ""},
		{"a word like those of Slack", "qux+xoxoH92jciPUjOi4cZLGolE9As", ""},
		{"a test key of Stripe", "sk_test_" + letters40, ""},
		{"the name of a token", "ghp_token_of_the_deployment", ""},
		{"a setting of npm", "npm_config_registry_of_the_company_with_a_long_name", ""},
		{"a token of npm that is too long", "npm_" + letters40, ""},
		{"words behind bearer", "bearer authentication-is-what-we-use", ""},
		{"the type of a token", `"token_type":"Bearer ","expires_in":3600`, ""},
		{"a hash behind SK", "SK" + hex32 + "00", ""},
	}...))
}

// A header is decoded in pieces, and its members may lie across them.
func TestHeadersOfAnyLength(t *testing.T) {
	for n := range 1700 {
		token := part(`{"x":"`+strings.Repeat("x", n)+`","alg":"ES256"}`) + "." + part(`{}`) + "." + letters43
		if got := told(token, all.Find(nil, []byte(token))); got != "token "+token {
			t.Fatalf("a header with %d bytes more: found %q", n, got)
		}
	}
}

func TestCloudSecrets(t *testing.T) {
	key88 := letters43 + letters43 + "=="
	encoded := letters40[:20] + "%2B" + letters40[:20] + "%2F" + "1" + "%3D"
	run(t, []example{
		{"the id of an access key", awsID, "cloud_secret " + awsID},
		{"the id of a temporary access key", "ASIA" + "IOSFODNN7EXAMPLE", "cloud_secret " + "ASIA" + "IOSFODNN7EXAMPLE"},
		{"an id with its secret", awsID + ":" + awsKey, "cloud_secret " + awsID + "; cloud_secret " + awsKey},
		{"an id and its secret in JSON", `{"AccessKeyId":"` + awsID + `","SecretAccessKey":"` + awsKey + `"}`, "cloud_secret " + awsID + "; cloud_secret " + awsKey},
		{"a secret in a file of settings", "aws_secret_access_key = " + awsKey, "cloud_secret " + awsKey},
		{"a secret in a variable", "AWS_SECRET_ACCESS_KEY=" + awsKey, "cloud_secret " + awsKey},
		{"a session token", "IQoJb3JpZ2lu" + strings.Repeat(letters20, 8) + "==", "cloud_secret IQoJb3JpZ2lu" + strings.Repeat(letters20, 8)},
		{"a key of Google", "AIza" + "Sy" + letters40[:33], "cloud_secret AIza" + "Sy" + letters40[:33]},
		{"the secret of an OAuth client of Google", "GOCSPX-" + letters40[:28], "cloud_secret GOCSPX-" + letters40[:28]},
		{"a token of Google", "ya29." + letters40, "cloud_secret ya29." + letters40},
		{"the key of an account of Azure", "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=" + key88 + ";EndpointSuffix=core.windows.net", "cloud_secret " + key88},
		{"the key of a bus of Azure", "SharedAccessKeyName=all;SharedAccessKey=" + letters43 + "=", "cloud_secret " + letters43 + "="},
		{"a shared access signature", "https://shop.blob.core.windows.net/c/b?sv=2024-11-04&sig=" + encoded + "&se=2026", "cloud_secret " + encoded},
		{"the secret of an application of Azure at the end of a sentence", "It is abc8Q~" + letters40[:34] + ".", "cloud_secret abc8Q~" + letters40[:34]},
		{"the secret of an application of Azure", "abc8Q~" + letters40[:34], "cloud_secret abc8Q~" + letters40[:34]},

		{"a secret behind the name of another", "secret: Bearer " + letters40[:24] + " " + awsKey, "token " + letters40[:24]},
		{"base64url behind the word secret", "secret " + letters40 + "-D0", ""},
		{"a word like the id of a key", "AKIA" + "IOSFODNN7", ""},
		{"an id within a word", "X" + awsID, ""},
		{"forty bytes without a name", awsKey, ""},
		{"a digest behind the word secret", "secret: da39a3ee5e6b4b0d3255bfef95601890afd80709", ""},
		{"something else behind the word secret", "the secret of order 12 is " + awsKey, ""},
		{"base64 behind the word secret", "secret: " + letters43 + letters40, ""},
		{"a key of Google that is too long", "AIza" + "Sy" + letters40, ""},
		{"a signature that is no query", "sig=" + letters43, ""},
		{"a short signature", "?sig=" + letters40, ""},
		{"the name of an account's key", "AccountKey=<your key here>", ""},
	})
}

func TestPrivateKeys(t *testing.T) {
	line := strings.Repeat("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", 2)
	var examples []example
	for _, label := range []string{"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "PGP PRIVATE KEY BLOCK", "TSS2 PRIVATE KEY"} {
		begin, end := "-----BEGIN "+label+"-----", "-----END "+label+"-----"
		block := begin + "\n" + line + "\n" + line + "\nAbc=\n" + end
		examples = append(examples,
			example{label, block, "private_key " + block},
			example{label + " with text around", "key:\n" + block + "\nthanks", "private_key " + block},
			example{label + " with escapes", strings.ReplaceAll(block, "\n", `\n`), "private_key " + strings.ReplaceAll(block, "\n", `\n`)},
			example{label + " with carriage returns", strings.ReplaceAll(block, "\n", "\r\n"), "private_key " + strings.ReplaceAll(block, "\n", "\r\n")},
			example{label + " on one line", strings.ReplaceAll(block, "\n", " "), "private_key " + strings.ReplaceAll(block, "\n", " ")},
			example{label + " cut off", block[:len(block)/2], "private_key " + block[:len(block)/2] + " …"},
			example{label + " cut off in its last line", block[:len(block)-9], "private_key " + block[:len(block)-9] + " …"},
			example{label + " broken off", begin + "\n" + line + "\n...", "private_key " + begin + "\n" + line},
			example{label + " without its key", begin + "\n...\n" + end, ""},
			example{label + " in a sentence", "It begins with " + begin + " and ends with " + end + ".", ""})
	}
	old := "-----BEGIN " + "RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123456789ABCDEF\n\n" + line + "\n-----END RSA PRIVATE KEY-----"
	pgp := "-----BEGIN " + "PGP PRIVATE KEY BLOCK-----\nVersion: 2\nComment: https://example.org/?a=b\n\n" + line + "\n=aBcD\n-----END PGP PRIVATE KEY BLOCK-----"
	ssh2 := "---- BEGIN " + "SSH2 ENCRYPTED PRIVATE KEY ----\nComment: \"x\"\n" + line + "\n---- END SSH2 ENCRYPTED PRIVATE KEY ----"
	putty := "PuTTY-User-Key-File-2: ssh-rsa\nEncryption: none\nComment: ada\nPublic-Lines: 1\n" + line + "\nPrivate-Lines: 1\n" + line + "\nPrivate-MAC: " + hex32 + "01234567"
	ec := `{"kty":"EC","crv":"P-256","x":"` + letters43 + `","y":"` + letters43 + `","d":"` + letters43 + `"}`
	rsa := `{"d": "` + strings.Repeat(letters43, 8) + `", "oth": [{"r":"AQAB"}], "n":"` + strings.Repeat(letters43, 8) + `", "kty": "RSA"}`
	age := "AGE-SECRET-KEY-1" + strings.ToUpper(letters40+letters20[:18])
	run(t, append(examples, []example{
		{"an old encrypted key", old, "private_key " + old},
		{"a key broken off before something with a colon", old[:150] + " x: y", "private_key " + old[:150] + " x"},
		{"a key of PGP with fields", pgp, "private_key " + pgp},
		{"a key of SSH2", ssh2, "private_key " + ssh2},
		{"two keys", old + "\n" + pgp, "private_key " + old + "; private_key " + pgp},
		{"a key behind one that is cut off", old[:150] + "\n" + pgp, "private_key " + old[:150] + "; private_key " + pgp},
		{"a key of PuTTY", "file:\n" + putty + "\nthanks", "private_key " + putty},
		{"a key of PuTTY cut off", putty[:160], "private_key " + putty[:160] + " …"},
		{"a key of PuTTY cut off in its private part", putty[:240], "private_key " + putty[:240] + " …"},
		{"two keys of PuTTY", putty + "\n" + putty, "private_key " + putty + "; private_key " + putty},
		{"a JSON Web Key", "the key " + ec + " is mine", "private_key " + ec},
		{"a JSON Web Key of RSA", rsa, "private_key " + rsa},
		{"a JSON Web Key in a set", `{"keys":[` + ec + `,` + rsa + `]}`, "private_key " + ec + "; private_key " + rsa},
		{"a JSON Web Key in JSON in JSON", strings.ReplaceAll(ec, `"`, `\"`), "private_key " + strings.ReplaceAll(ec, `"`, `\"`)},
		{"a symmetric JSON Web Key", `{"kty":"oct","k":"` + letters43 + `"}`, `private_key {"kty":"oct","k":"` + letters43 + `"}`},
		{"a JSON Web Key with a card", `{"kid":"4111111111111111","kty":"oct","k":"` + letters43 + `"}`, `private_key {"kid":"4111111111111111","kty":"oct","k":"` + letters43 + `"}`},
		{"a JSON Web Key with a secret of AWS", `secret {"kty":"oct","x":"` + awsKey + `","k":"` + letters43 + `"}`, `private_key {"kty":"oct","x":"` + awsKey + `","k":"` + letters43 + `"}`},
		{"a JSON Web Key cut off", ec[:len(ec)-2], "private_key " + ec[:len(ec)-2] + " …"},
		{"a key of age", age, "private_key " + age},

		{"a public key", strings.ReplaceAll(old, "RSA PRIVATE", "PUBLIC"), ""},
		{"a certificate", strings.ReplaceAll(old, "RSA PRIVATE KEY", "CERTIFICATE"), ""},
		{"a public JSON Web Key", `{"kty":"EC","crv":"P-256","x":"` + letters43 + `","y":"` + letters43 + `"}`, ""},
		{"a public JSON Web Key beside a member d", `{"kty":"EC","x":"` + letters43 + `"},{"d":"` + letters43 + `"}`, ""},
		{"a transaction of SQL", "BEGIN TRANSACTION; -- PRIVATE KEY-----", ""},
		{"the name of a file of PuTTY", "PuTTY-User-Key-File-2: is how it begins", ""},
	}...))
}

// hostile are pieces of text that is made to be slow: each is an anchor whose rule would read far.
var hostile = func() map[string]string {
	head := part(`{"alg":"HS256"}`)
	return map[string]string{
		"headers of tokens": "-eyJ", "tokens of one part": head + " ", "tokens of two parts": head + "." + head + " ", "parts without end": head + ".", "headers in one word": "-" + head,
		"keys": "-----BEGIN " + "PRIVATE KEY-----\n", "keys with fields": "-----BEGIN " + "PRIVATE KEY-----\nA: b\n", "keys of PuTTY": "PuTTY-User-Key-File-2: ", "private lines": "PuTTY-User-Key-File-2: Private-Lines: 1\n",
		"members": `"kty"`, "objects that open": `{"kty"`, "objects that close": `"kty"}`, "members d": `{"kty":"d":"d"`, "bearers": "Bearer ", "secrets": "secret", "ids": "AKIA",
		"digits": "4", "groups": "4111 ", "groups of three": "4111-111-", "countries": "DE89 3704 ", "letters and digits": "AB12", "names": "pesel 44051401359 ", "wrong names": "x44051401359 44051401359 ",
		"tokens of GitLab": "glpat-", "tokens of Vault": "hvs.", "session tokens": "IQoJb3JpZ2lu", "sessions": "FwoGZXIvYXdz", "secrets of webhooks": "whsec_", "live keys": "sk_live_", "prefixes in turn": "glpat-ghp_xoxb-hvs.",
		"hooks": "hooks.slack.com/services/", "bearers in a word": "Bearer a", "blanks behind bearer": "Bearer  ", "digits in groups of nine": "123456789 ", "cards": "4111111111111111 ", "cards in a word": "/a/4111111111111111", "cards in an address": "https://c=card4111=4111111111111111=c-c-c-c", "cards with names": "card-4111111111111111 ",
		"signatures": "?sig=a", "signatures with signs": "&sig=%2B", "account keys": "AccountKey=", "Azure": "a8Q~", "backslashes": `\n`, "quotes": `"k`, "spaces": "-----BEGIN " + "PRIVATE KEY----- \n ", "ghp": "ghp_", "slack": "xoxb-", "SendGrid": "SG.", "yett": "yett_k7q2m9d_",
	}
}()

// ends are what stands behind hostile text: a mask, under which all that runs into it may go on.
var ends = []string{"", "****", "[redacted ", ".a", `"`}

// Of four times the text the rules read four times as much, and not sixteen times. Bytes are counted, since no time is the
// same twice.
func TestHostileTextTakesLinearTime(t *testing.T) {
	const size = 8 << 10
	for name, piece := range hostile {
		t.Run(name, func(t *testing.T) {
			for _, end := range ends {
				read := func(n int) int {
					text := []byte(strings.Repeat(piece, n/len(piece)) + end)
					found, steps := all.find(nil, Place{}, text)
					checkMatches(t, text, found)
					return steps
				}
				if once, four := read(size), read(4*size); four > 5*once+size {
					t.Errorf("with %q behind: of %d bytes %d are read, of four times as many %d", end, size, once, four)
				}
			}
		})
	}
}

func BenchmarkHostile(b *testing.B) {
	for name, piece := range hostile {
		text := []byte(strings.Repeat(piece, sizeOfText/len(piece)))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			var room []Match
			for b.Loop() {
				room = all.Find(room[:0], text)
			}
		})
	}
}

// Each number may ask for its name, and a name may be as long as a text.
func TestLongNamesAreNotReadForEachNumber(t *testing.T) {
	text := []byte(strings.Repeat("111222333 ", 1000))
	read := func(n int) int {
		_, steps := all.find(nil, Place{Name: []byte(strings.Repeat("x_", n/2))}, text)
		return steps
	}
	if short, long := read(1<<10), read(64<<10); long > short {
		t.Errorf("under a name of 1 KiB %d bytes are read, under one of 64 KiB %d", short, long)
	}
}
