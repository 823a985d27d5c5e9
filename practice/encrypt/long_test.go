// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestFieldsOfLongAnswersOpen(t *testing.T) {
	r := newRig(t)
	s := r.shop(r.open(key(t, 1)), "bank", bank)
	kept := s.put("/customers/7", customer)
	long := strings.Repeat("x", 100<<10)
	for _, tt := range []struct{ name, target, reply, want string }{
		{"before what is long", "/customers/7", fmt.Sprintf(`{"card":%q,"name":%q}`, kept["card"], long), fmt.Sprintf(`{"card":"4111 1111 1111 1111","name":%q}`, long)},
		{"behind what is long", "/customers/7", fmt.Sprintf(`{"name":%q,"card":%q,"pin":%q}`, long, kept["card"], kept["pin"]), fmt.Sprintf(`{"name":%q,"card":"4111 1111 1111 1111","pin":"0000"}`, long)},
		{"items", "/customers/7", fmt.Sprintf(`{"name":%q,"tags":[%q]}`, long, kept["tags"].([]any)[0]), fmt.Sprintf(`{"name":%q,"tags":["red shoes"]}`, long)},
		{"bound to a member before what is long", "/customers", fmt.Sprintf(`[{"id":"7","name":%q,"pin":%q}]`, long, kept["pin"]), fmt.Sprintf(`[{"id":"7","name":%q,"pin":"0000"}]`, long)},
		{"a long list", "/customers", "[" + strings.Repeat(fmt.Sprintf(`{"id":"7","card":%q,"pin":%q},`, kept["card"], kept["pin"]), 1000) + "{}]",
			"[" + strings.Repeat(`{"id":"7","card":"4111 1111 1111 1111","pin":"0000"},`, 1000) + "{}]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out := s.get(tt.target, tt.reply)
			if code != http.StatusOK {
				t.Fatalf("%d %.200s (%s)", code, out, s.cause)
			}
			same(t, out, tt.want)
		})
	}
}
