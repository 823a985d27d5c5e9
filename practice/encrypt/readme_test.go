// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestTheReadmeSealsAsItSays(t *testing.T) {
	blocks := regexp.MustCompile("(?ms)^```yaml openapi\n(.*?)^```").FindAllStringSubmatch(readme, -1)
	if len(blocks) != 1 {
		t.Fatalf("%d descriptions", len(blocks))
	}
	r := newRig(t)
	s := r.shop(r.open(key(t, 1)), "shop", "openapi: 3.1.0\ninfo: { title: Shop, version: '1' }\n"+blocks[0][1])
	if w := s.fields.plan.warnings; len(w) > 0 {
		t.Errorf("it warns: %v", w)
	}
	const id, body = "8f14e45f-ceea-467f-a0e6-fd1e8b1c2f3a", `{"id":"8f14e45f-ceea-467f-a0e6-fd1e8b1c2f3a","name":"Greta","email":"greta@example.org","iban":"DE02120300000000202051","diagnosis":"well"}`
	kept := s.put("/customers/"+id, body)
	for _, name := range []string{"email", "iban", "diagnosis"} {
		if text, _ := kept[name].(string); !strings.HasPrefix(text, sealedMark) {
			t.Errorf("%s reached the service as %v", name, kept[name])
		}
	}
	row := s.body
	code, out := s.get("/customers?email=greta@example.org", "["+row+"]")
	if code != http.StatusOK || s.query != "email="+kept["email"].(string) {
		t.Errorf("searched for %s: %d (%s)", s.query, code, s.cause)
	}
	same(t, out, "["+body+"]")
	if code, _ := s.get("/customers/other", row); code != http.StatusBadGateway {
		t.Errorf("a bound value opens in another row: %d", code)
	}
}

func TestTheReadmeTellsHowLongValuesGet(t *testing.T) {
	rows := regexp.MustCompile(`(?m)^\| (\d+) \| (\d+) \| (\d+) \|$`).FindAllStringSubmatch(readme, -1)
	if len(rows) != 3 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, row := range rows {
		n, err := strconv.Atoi(row[1])
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(SealedLen(n, Randomized), " ", SealedLen(n, Deterministic)); got != row[2]+" "+row[3] {
			t.Errorf("%d bytes become %s, the README says %s %s", n, got, row[2], row[3])
		}
		if 6+(4*(n+33)+2)/3 != SealedLen(n, Randomized) || 6+(4*(n+21)+2)/3 != SealedLen(n, Deterministic) {
			t.Errorf("the rule does not hold for %d bytes", n)
		}
	}
}
