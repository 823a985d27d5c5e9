// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package expose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"yett/alert"
	"yett/practice/expose/detect"
)

const (
	aCard  = "4111111111111111"
	anIBAN = "DE89370400440532013000"
)

func TestSensitiveDataDoesNotLeaveWhereNobodyDeclaredIt(t *testing.T) {
	for _, tt := range []struct {
		name         string
		change       func(*Config)
		answer, want string
	}{
		{"a card in a remark", nil, `{"remark":"paid with ` + aCard + `"}`, `{"remark":"paid with ************1111"}`},
		{"a card as a number where nothing is declared", nil, `{"extra":{"n":` + aCard + `}}`, `{"extra":{"n":"************1111"}}`},
		{"a number where a number is declared", nil, `{"wards":[` + aCard + `]}`, `{"wards":[` + aCard + `]}`},
		{"a card that is declared", nil, `{"card":"` + aCard + `"}`, `{"card":"` + aCard + `"}`},
		{"cards in a list that declares them", nil, `{"cards":["` + aCard + `"]}`, `{"cards":["` + aCard + `"]}`},
		{"another kind in the place of a card", nil, `{"card":"` + anIBAN + `"}`, `{"card":"DE****************3000"}`},
		{"a card in a field with a mask", nil, `{"insurance":"` + aCard + `"}`, `{"insurance":"****1111"}`},
		{"a card in a field that has its readers", nil, `{"diagnosis":"` + aCard + `"}`, `{"diagnosis":"` + aCard + `"}`},
		{"where nothing is said of the values", nil, `{"extra":{"a":["` + aCard + `"]}}`, `{"extra":{"a":["************1111"]}}`},
		{"a member that is not declared", nil, `{"unknown":"` + aCard + `"}`, `{"unknown":"************1111"}`},
		{"a kind that is not searched for", func(c *Config) { c.Detect = []detect.Kind{detect.IBAN} }, `{"remark":"` + aCard + `"}`, `{"remark":"` + aCard + `"}`},
		{"nothing is searched for", func(c *Config) { c.Detect = nil }, `{"remark":"` + aCard + `"}`, `{"remark":"` + aCard + `"}`},
		{"it is only told", func(c *Config) { c.Found = FoundAlert }, `{"remark":"` + aCard + `"}`, `{"remark":"` + aCard + `"}`},
		{"a number that its name tells", nil, `{"extra":{"ssn":"078051120","bsn":["111222333"]}}`, `{"extra":{"ssn":"[redacted national_id]","bsn":["[redacted national_id]"]}}`},
		{"a secret that its name tells", nil, `{"extra":{"secret_access_key":"wJalrXUtnFEMI/K7MDENG/` + `bPxRfiCYEXAMPLEKEY"}}`, `{"extra":{"secret_access_key":"[redacted cloud_secret]"}}`},
		{"the same under other names", nil, `{"extra":{"size":"078051120","etag":"wJalrXUtnFEMI/K7MDENG/` + `bPxRfiCYEXAMPLEKEY"}}`, `{"extra":{"size":"078051120","etag":"wJalrXUtnFEMI/K7MDENG/` + `bPxRfiCYEXAMPLEKEY"}}`},
		{"an order number", nil, `{"remark":"4111111111111112"}`, `{"remark":"4111111111111112"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, clinic(t), tt.change)
			if got := r.answer(t, holding("diagnosis:read"), "/patients", "["+tt.answer+"]"); got != "["+tt.want+"]" {
				t.Errorf("got %s, want [%s]", got, tt.want)
			}
		})
	}
}

func TestSensitiveDataInErrorsAndTextsDoesNotLeaveEither(t *testing.T) {
	r := newRig(t, clinic(t), nil)
	r.status, r.body = 400, `{"error":"no card `+aCard+`"}`
	if status, got := r.ask(t, holding(), "GET", "/patients/greta", ""); status != 400 || strings.Contains(got, aCard) {
		t.Errorf("an error: got %d %s", status, got)
	}
	r.status, r.contentType, r.body = 200, "text/plain", "call "+aCard
	if status, got := r.ask(t, holding("rounds:read"), "GET", "/rounds", ""); status != 200 || got != "call ************1111" {
		t.Errorf("a text: got %d %s", status, got)
	}
}

func TestAnAnswerIsRefusedWhereThatIsAskedFor(t *testing.T) {
	r := newRig(t, clinic(t), func(c *Config) { c.Found = FoundBlock })
	r.body = `[{"remark":"` + aCard + ` and ` + anIBAN + `"}]`
	status, got := r.ask(t, holding(), "GET", "/patients", "")
	if status != 502 || !strings.Contains(got, `"code":"sensitive_data"`) || strings.Contains(got, aCard) {
		t.Errorf("got %d %s", status, got)
	}
}

func TestAlertsAndRecordsNameKindsAndNeverValues(t *testing.T) {
	for _, found := range []string{FoundMask, FoundBlock, FoundAlert} {
		t.Run(found, func(t *testing.T) {
			r := newRig(t, clinic(t), func(c *Config) { c.Found = found })
			r.body = `[{"remark":"` + aCard + ` ` + aCard + ` and ` + anIBAN + `"}]`
			rec := r.record(t, holding(), "GET", "/patients")
			said := ""
			for _, d := range rec.Decisions {
				if d.Code == "sensitive_data" && d.Note != "" {
					said = d.Note
				}
			}
			if said != "found card, iban" {
				t.Errorf("the record says %q: %+v", said, rec.Decisions)
			}
			var about []string
			for _, a := range r.board.All() {
				about = append(about, a.Name+" "+a.About)
				for _, secret := range []string{aCard, anIBAN, "1111"} {
					if strings.Contains(a.Summary+a.About, secret) {
						t.Errorf("the alert tells %s", a.Summary)
					}
				}
				if !strings.Contains(a.Summary, becomes[found]) {
					t.Errorf("the alert does not say what becomes of it: %s", a.Summary)
				}
			}
			slices.Sort(about)
			if want := []string{"sensitive_data clinic listPatients card", "sensitive_data clinic listPatients iban"}; !slices.Equal(about, want) {
				t.Errorf("got alerts %q, want %q", about, want)
			}
			if strings.Contains(rec.Cause, "1111") || found == FoundBlock && !strings.Contains(rec.Cause, "card, iban") {
				t.Errorf("the cause is %q", rec.Cause)
			}
			n := 0
			r.tallys.Range(func(any, any) bool { n++; return true })
			if n != 0 {
				t.Errorf("%d exchanges are remembered after their end", n)
			}
		})
	}
}

// Where numbers are declared, and under the names of ids, one in thirty would be broken by chance.
func TestWhatIsDoubtfulIsToldAndStays(t *testing.T) {
	api := described(t, `{"type":"object","properties":{"id":{"type":"integer","format":"int64"},"card_number":{"type":"integer"},"amount":{"type":["number","null"]},
"orderId":{"type":"string"},"tracking_number":{"type":"string"},"phone":{"type":"string"},"note":{"type":"string"},"either":{"type":["string","integer"]},"map":{"type":"object"}}}`)
	for _, tt := range []struct{ name, answer, want, told string }{
		{"a number", `{"id":` + aCard + `}`, `{"id":` + aCard + `}`, "sensitive_data_doubtful"},
		{"a number that may be null", `{"amount":` + aCard + `}`, `{"amount":` + aCard + `}`, "sensitive_data_doubtful"},
		{"a number that may be a text", `{"either":` + aCard + `}`, `{"either":"************1111"}`, "sensitive_data"},
		{"a number under the name of a card", `{"card_number":` + aCard + `}`, `{"card_number":"************1111"}`, "sensitive_data"},
		{"an order", `{"orderId":"` + aCard + `"}`, `{"orderId":"` + aCard + `"}`, "sensitive_data_doubtful"},
		{"what is tracked", `{"tracking_number":"` + aCard + `"}`, `{"tracking_number":"` + aCard + `"}`, "sensitive_data_doubtful"},
		{"an order in groups", `{"orderId":"4111 1111 1111 1111"}`, `{"orderId":"************1111"}`, "sensitive_data"},
		{"a phone", `{"phone":"4915143216294"}`, `{"phone":"4915143216294"}`, ""},
		{"a remark", `{"note":"` + aCard + `"}`, `{"note":"************1111"}`, "sensitive_data"},
		{"an order in a remark", `{"note":"ORD-` + aCard + `"}`, `{"note":"ORD-` + aCard + `"}`, ""},
		{"an order that nobody declared", `{"map":{"order_id":"` + aCard + `"}}`, `{"map":{"order_id":"************1111"}}`, "sensitive_data"},
	} {
		for _, found := range []string{FoundMask, FoundBlock} {
			t.Run(tt.name+", "+found, func(t *testing.T) {
				r := newRig(t, api, func(c *Config) { c.Found = found })
				r.body = tt.answer
				status, got := r.ask(t, nil, "POST", "/things", "")
				switch {
				case found == FoundBlock && tt.told == "sensitive_data":
					if status != 502 {
						t.Errorf("got %d %s, want 502", status, got)
					}
				case status != 200 || got != tt.want:
					t.Errorf("got %d %s, want %s", status, got, tt.want)
				}
				var told string
				for _, a := range r.board.All() {
					told += a.Name
					if a.About != "things card" && a.About != "t things card" || strings.Contains(a.Summary, "1111") {
						t.Errorf("the alert is about %q: %s", a.About, a.Summary)
					}
				}
				if told != tt.told {
					t.Errorf("alerts: got %q, want %q", told, tt.told)
				}
			})
		}
	}
}

// aToken is a JSON Web Token, put together so that no scanner takes it for real.
const aToken = "eyJhbGciOiJFUzI1NiJ9" + ".eyJzdWIiOiJhZGEifQ." + "aB3dE5gH7jK9mN1pQ2sTaB3dE5gH7jK9mN1pQ2sTx4Z"

// The answer of a token endpoint is there to give tokens away: who declares their names has said so.
func TestTokensLeaveWhereTheirStandardNamesAreDeclared(t *testing.T) {
	secret := "GOCSPX-" + "aB3dE5gH7jK9mN1pQ2sTx4Zb"
	api := described(t, `{"type":"object","properties":{"access_token":{"$ref":"#/components/schemas/Any"},"refresh_token":{"type":"string"},"id_token":{"type":"string"},
"registration_access_token":{"type":"string"},"client_secret":{"type":"string"},"note":{"$ref":"#/components/schemas/Any"},"more":{"type":"object"},"named":{"type":"object","additionalProperties":{"type":"string"}},
"list":{"type":"array","items":{"type":"object","properties":{"id_token":{"type":"string"}}}}}}`,
		`"schemas":{"Any":{"type":"string"}}`)
	for _, tt := range []struct{ name, answer, want string }{
		{"an access token", `{"access_token":"` + aToken + `"}`, ""},
		{"a refresh token", `{"refresh_token":"` + aToken + `"}`, ""},
		{"an id token", `{"id_token":"` + aToken + `"}`, ""},
		{"a registration access token", `{"registration_access_token":"` + aToken + `"}`, ""},
		{"the secret of a client", `{"client_secret":"` + secret + `"}`, ""},
		{"a token as the secret of a client", `{"client_secret":"` + aToken + `"}`, ""},
		{"an id token in a list", `{"list":[{"id_token":"` + aToken + `"}]}`, ""},
		{"a token under another name", `{"note":"` + aToken + `"}`, `{"note":"[redacted token]"}`},
		{"a card as a token", `{"access_token":"` + aCard + `"}`, `{"access_token":"************1111"}`},
		{"the secret of a cloud as a token", `{"refresh_token":"` + secret + `"}`, `{"refresh_token":"[redacted cloud_secret]"}`},
		{"a name that nobody declared", `{"more":{"access_token":"` + aToken + `"}}`, `{"more":{"access_token":"[redacted token]"}}`},
		{"a name among any", `{"named":{"access_token":"` + aToken + `"}}`, `{"named":{"access_token":"[redacted token]"}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, api, nil)
			r.body = tt.answer
			want := tt.want
			if want == "" {
				want = tt.answer
			}
			if _, got := r.ask(t, nil, "POST", "/things", ""); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if n := len(r.board.All()); (n == 0) != (tt.want == "") {
				t.Errorf("%d alerts", n)
			}
		})
	}
	// A schema that says nothing of the value declares the name all the same, and nothing in other places.
	for _, schema := range []string{`{}`, `true`} {
		r := newRig(t, described(t, `{"type":"object","properties":{"access_token":`+schema+`,"more":{"type":"object"}}}`), nil)
		r.body = `{"access_token":"` + aToken + `","more":{"access_token":"` + aToken + `"}}`
		if _, got := r.ask(t, nil, "POST", "/things", ""); got != `{"access_token":"`+aToken+`","more":{"access_token":"[redacted token]"}}` {
			t.Errorf("under %s: got %s", schema, got)
		}
		r.Warn()
	}
	r := newRig(t, api, nil)
	if got, want := strings.Join(r.issuing(), " "), "access_token client_secret id_token refresh_token registration_access_token"; got != want {
		t.Errorf("the check names %q, want %q", got, want)
	}
	r.Warn()
	for _, name := range []string{"access_token", "refresh_token", "id_token", "registration_access_token", "client_secret"} {
		want := 1
		if name == "id_token" {
			want = 2 // there are two
		}
		if got := strings.Count(r.log.String(), " "+name+" "); got != want {
			t.Errorf("%s is told %d times, want %d: %s", name, got, want, r.log.String())
		}
	}
}

// What is signed in advance is made to be given away, and is dead without its signature.
func TestAddressesThatAreSignedInAdvanceStayWhole(t *testing.T) {
	const key, session = "AKIA" + "IOSFODNN7EXAMPLE", "IQoJb3JpZ2lu" + "aB3dE5gH7jK9mN1pQ2sTaB3dE5gH7jK9mN1pQ2sTaB3dE5gH7jK9mN1pQ2sTaB3dE5gH7jK9mN1pQ2sTaB3dE5gH7jK9mN1pQ2sT"
	const signature = "aB3dE5gH7jK9mN1pQ2sTaB3dE5gH7jK9mN1pQ2sTx4Z%3D"
	amazon := "https://b.s3.amazonaws.com/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + key + "%2F20260101%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-Expires=600&X-Amz-Security-Token=" +
		session + "AB%2Fcd&X-Amz-Signature=" + strings.Repeat("0123456789abcdef", 4)
	old := "https://b.s3.amazonaws.com/k?AWSAccessKeyId=" + key + "&Expires=1767225600&Signature=aB3dE5gH7jK9mN1pQ2sTaB3d%3D"
	azure := "https://shop.blob.core.windows.net/c/f?sv=2024-11-04&sp=r&sig=" + signature
	google := "https://storage.googleapis.com/b/o?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=a%40example.org&X-Goog-Signature=" + strings.Repeat("0123456789abcdef", 32)
	api := described(t, `{"type":"object","properties":{"link":{"type":"string","format":"uri"},"file":{"type":"string"},"untyped":{"format":"uri"},"anything":{},"more":{"type":"object"}}}`)
	for _, tt := range []struct{ name, answer, want string }{
		{"of Amazon", `{"link":"` + amazon + `"}`, ""},
		{"of Amazon, the older form", `{"link":"` + old + `"}`, ""},
		{"of Azure", `{"link":"` + azure + `"}`, ""},
		{"of Google", `{"link":"` + google + `"}`, ""},
		{"under a declared text", `{"file":"` + amazon + `"}`, ""},
		{"where a format is all that is declared", `{"untyped":"` + azure + `"}`, ""},
		{"where nothing is declared", `{"more":{"link":"` + azure + `"}}`, `{"more":{"link":"` + strings.Replace(azure, signature, "[redacted cloud_secret]", 1) + `"}}`},
		{"where anything may stand", `{"anything":"` + old + `"}`, `{"anything":"` + strings.Replace(old, key, "[redacted cloud_secret]", 1) + `"}`},
		{"in a sentence", `{"file":"see ` + azure + `"}`, `{"file":"see ` + strings.Replace(azure, signature, "[redacted cloud_secret]", 1) + `"}`},
		{"a key in another parameter", `{"link":"https://example.org/?key=` + key + `"}`, `{"link":"https://example.org/?key=[redacted cloud_secret]"}`},
		{"a key in the path", `{"link":"https://example.org/X-Amz-Credential=` + key + `"}`, `{"link":"https://example.org/X-Amz-Credential=[redacted cloud_secret]"}`},
		{"a token in such an address", `{"link":"https://example.org/?X-Amz-Credential=` + aToken + `"}`, `{"link":"https://example.org/?X-Amz-Credential=[redacted token]"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, api, nil)
			r.body = tt.answer
			want := tt.want
			if want == "" {
				want = tt.answer
			}
			if _, got := r.ask(t, nil, "POST", "/things", ""); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if n := len(r.board.All()); (n == 0) != (tt.want == "") {
				t.Errorf("%d alerts", n)
			}
		})
	}
}

func TestAlertsEndWhenNothingWasSeenForAnHour(t *testing.T) {
	board, now := new(alert.Board), time.Unix(1e9, 0)
	s := newSightings(board, func() time.Time { return now })
	holds := func() (n int) {
		for _, a := range board.All() {
			if a.Over.IsZero() {
				n++
			}
		}
		return n
	}
	s.raise("shop", "getOrder", detect.Card, FoundMask)
	now = now.Add(50 * time.Minute)
	s.raise("shop", "getOrder", detect.Token, FoundMask)
	s.settle()
	if holds() != 2 {
		t.Errorf("after 50 minutes %d of 2 hold", holds())
	}
	now = now.Add(10 * time.Minute)
	s.settle()
	if holds() != 1 {
		t.Errorf("after an hour %d of 1 hold", holds())
	}
	now = now.Add(time.Hour)
	s.settle()
	if holds() != 0 || len(s.last) != 0 {
		t.Errorf("in the end %d hold, and %d are remembered", holds(), len(s.last))
	}
}

// What a condition asks for may be missing: the record says where, and nothing of the caller.
func TestAConditionThatCannotBeEvaluatedIsInTheRecord(t *testing.T) {
	r := newRig(t, clinic(t), nil)
	failed := func(target, body string) (notes []string) {
		r.body = body
		rec := r.record(t, holding(), "GET", target)
		for _, d := range rec.Decisions {
			if d.Code == "condition_failed" {
				notes = append(notes, d.Note)
			}
		}
		if rec.Code != "" {
			t.Errorf("%s: it counts as a refusal: %s", target, rec.Code)
		}
		return notes
	}
	// The conditions on the level and on the diagnosis, told once.
	if got := failed("/patients", `[{"level":"L"},{"level":"L"}]`); len(got) != 1 || strings.Count(got[0], "clinic.openapi.yaml:") != 2 {
		t.Errorf("got %q", got)
	}
	if got := failed("/rounds", `{}`); got != nil {
		t.Errorf("conditions on what is in other answers: got %q", got)
	}
}
