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
	for _, tt := range []struct{ name, target, reply, want string }{
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
