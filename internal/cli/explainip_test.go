// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"net/netip"
	"testing"

	"yett/practice/allowlist"
)

func TestWhatIsSaidOfAnAddress(t *testing.T) {
	gate, shut := allowlist.Judgment{Network: "192.0.2.0/24", From: "networks"}, allowlist.Judgment{Refused: true, Code: "address_denied"}
	shop := allowlist.Judgment{API: "shop"}
	imports := allowlist.Judgment{API: "shop", Operation: "importOrders", Refused: true, Code: "address_not_listed"}
	for _, tt := range []struct {
		name string
		e    allowlist.Explanation
		want string
	}{
		{"all lists admit it", allowlist.Explanation{Levels: []allowlist.Judgment{gate, shop}}, "192.0.2.7 is admitted."},
		{"the gateway refuses it", allowlist.Explanation{Refused: true, Levels: []allowlist.Judgment{shut, shop}},
			"192.0.2.7 is refused by the list of the gateway: address_denied."},
		{"only lists behind the gateway's refuse it", allowlist.Explanation{Levels: []allowlist.Judgment{gate, shop, imports}},
			"192.0.2.7 is admitted by the gateway, and refused by 1 of the 2 lists behind it."},
		{"it may call an operation", allowlist.Explanation{API: "shop", Operation: "listProducts", Levels: []allowlist.Judgment{gate, shop}},
			"192.0.2.7 may call listProducts of shop."},
		{"it may not call an operation", allowlist.Explanation{API: "shop", Operation: "importOrders", Refused: true, Levels: []allowlist.Judgment{gate, imports}},
			"192.0.2.7 is refused by the list of importOrders of shop: address_not_listed."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.e.Address = netip.MustParseAddr("192.0.2.7")
			if got := addressVerdict(&tt.e); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAnAddressIsExplainedAloneOrWithACall(t *testing.T) {
	for _, tt := range []struct {
		args []string
		well bool
	}{
		{[]string{"192.0.2.7"}, true}, {[]string{"2001:db8::1", "GET", "/orders"}, true}, {[]string{"192.0.2.7", "GET"}, false},
		{[]string{"192.0.2.0/24"}, false}, {[]string{"fe80::1%eth0"}, false}, {[]string{"010.0.0.1"}, false}, {[]string{"localhost"}, false},
	} {
		if err := addressArguments(tt.args); (err == nil) != tt.well {
			t.Errorf("%q: got %v", tt.args, err)
		}
	}
}
