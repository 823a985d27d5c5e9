// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package allowlist

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"yett/alert"
	"yett/api"
	"yett/practice"
)

const description = `openapi: 3.1.0
info: {title: shop, version: "1"}
paths:
  /orders/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get: {operationId: getOrder, responses: {"200": {description: well}}}
  /imports:
    post: {operationId: importOrders, responses: {"200": {description: well}}}
`

// generation builds the parts of a gateway with one API, as the gateway does, and returns the gateway's own.
func generation(t *testing.T, keeper *practice.Keeper, gate, shop, imports *Config) (*practice.Part, error) {
	t.Helper()
	file := write(t, "shop.openapi.yaml", description)
	a, _, err := api.Load(file, api.Options{Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	env := practice.Env{Keeper: keeper, Shared: new(practice.Keeper), Alerts: new(alert.Board), APIs: []*api.API{a}}
	part, err := Practice.Build(gate, &env)
	if err != nil {
		return nil, err
	}
	env.API = a
	if shop != nil {
		if _, err := Practice.Build(shop, &env); err != nil {
			return nil, err
		}
	}
	for _, op := range a.Operations {
		if op.ID == "importOrders" && imports != nil {
			env.Operation = op
			if _, err := Practice.Build(imports, &env); err != nil {
				return nil, err
			}
		}
	}
	return part, nil
}

func TestExplainingAnAddress(t *testing.T) {
	list := write(t, "partners.txt", "# partners\n\n198.51.100.0/24 # north\n198.51.100.9\n")
	gate := Config{Networks: listed("192.0.2.0/24", "127.0.0.0/8"), NetworksFiles: []string{list}, Deny: prefixes("192.0.2.66/32"),
		TrustedProxies: prefixes("127.0.0.1/32"), ProxyProtocol: proxyRequired}
	imports := gate
	imports.Networks, imports.NetworksFiles = listed("192.0.2.10/32"), []string{}
	part, err := generation(t, new(practice.Keeper), &gate, &gate, &imports)
	if err != nil {
		t.Fatal(err)
	}
	north := Judgment{Network: "198.51.100.0/24", From: list + ":3"}
	for _, tt := range []struct {
		name, query string
		want        Explanation
		status      int
	}{
		{"at all levels", "address=198.51.100.7", Explanation{Levels: []Judgment{north, {API: "shop", Network: north.Network, From: north.From},
			{API: "shop", Operation: "importOrders", Refused: true, Code: "address_not_listed"}}}, 200},
		{"the narrowest network is named", "address=198.51.100.9&method=GET&path=/orders/7", Explanation{API: "shop", Operation: "getOrder",
			Levels: []Judgment{{Network: "198.51.100.9/32", From: list + ":4"}, {API: "shop", Network: "198.51.100.9/32", From: list + ":4"}}}, 200},
		{"an operation with a list of its own", "address=198.51.100.7&method=post&path=/imports", Explanation{API: "shop", Operation: "importOrders", Refused: true,
			Levels: []Judgment{north, {API: "shop", Operation: "importOrders", Refused: true, Code: "address_not_listed"}}}, 200},
		{"a template", "address=192.0.2.66&method=GET&path=/orders/{id}", Explanation{API: "shop", Operation: "getOrder", Refused: true,
			Levels: []Judgment{{Refused: true, Code: "address_denied", Network: "192.0.2.66/32", From: "deny"},
				{API: "shop", Refused: true, Code: "address_denied", Network: "192.0.2.66/32", From: "deny"}}}, 200},
		{"a trusted proxy", "address=::ffff:127.0.0.1&method=GET&path=/orders/7", Explanation{API: "shop", Operation: "getOrder", TrustedProxy: "127.0.0.1/32",
			ProxyProtocol: proxyRequired, Levels: []Judgment{{Network: "127.0.0.0/8", From: "networks"}, {API: "shop", Network: "127.0.0.0/8", From: "networks"}}}, 200},
		{"no address", "address=10.1", Explanation{}, 400},
		{"an address with a zone", "address=fe80::1%25eth0", Explanation{}, 400},
		{"an undeclared path", "address=192.0.2.1&method=GET&path=/debug", Explanation{}, 404},
		{"an unreadable path", "address=192.0.2.1&method=GET&path=debug", Explanation{}, 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			part.Routes[0].Handler.ServeHTTP(w, httptest.NewRequest("GET", "/explain/ip?"+tt.query, nil))
			var got Explanation
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != tt.status {
				t.Fatalf("got %d %s, %v", w.Code, w.Body, err)
			}
			if tt.status != 200 {
				return
			}
			got.Address = tt.want.Address // it is what was asked for
			if tt.want.ProxyProtocol == "" {
				tt.want.ProxyProtocol = proxyOff
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got\n%+v, want\n%+v", got, tt.want)
			}
		})
	}
	t.Run("a line is not told of a file that changed", func(t *testing.T) {
		write(t, list, "# other\n198.51.100.0/24\n")
		w := httptest.NewRecorder()
		part.Routes[0].Handler.ServeHTTP(w, httptest.NewRequest("GET", "/explain/ip?address=198.51.100.7", nil))
		if !strings.Contains(w.Body.String(), `"from":`+string(quoted(t, list))) {
			t.Errorf("got %s", w.Body)
		}
	})
}

func quoted(t *testing.T, s string) []byte {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWhereNobodyServesNoListIsInForce(t *testing.T) {
	env := practice.Env{Keeper: new(practice.Keeper), Shared: new(practice.Keeper), Alerts: new(alert.Board)}
	part, err := Practice.Build(&Config{}, &env)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	part.Routes[0].Handler.ServeHTTP(w, httptest.NewRequest("GET", "/explain/ip?address=192.0.2.1", nil))
	if w.Code != 409 {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestAnAPIWhereAllowlistIsOff(t *testing.T) {
	part, err := generation(t, new(practice.Keeper), &Config{Networks: listed("192.0.2.0/24")}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	part.Routes[0].Handler.ServeHTTP(w, httptest.NewRequest("GET", "/explain/ip?address=192.0.2.1&method=GET&path=/orders/7", nil))
	if !strings.Contains(w.Body.String(), `{"api":"shop","refused":false,"off":true}`) {
		t.Errorf("got %s", w.Body)
	}
}

// Whoever writes a narrower list must not get a wider one because the other kind of list came from above.
func TestListsThatLookNarrowerThanTheyAre(t *testing.T) {
	file, other := write(t, "list.txt", "192.0.2.0/24\n"), write(t, "other.txt", "192.0.2.0/24\n")
	both := Config{Networks: listed("192.0.2.1/32"), NetworksFiles: []string{file}}
	fromFile := Config{NetworksFiles: []string{file}}
	written := Config{Networks: listed("192.0.2.1/32")}
	for _, tt := range []struct {
		name             string
		gate, shop, imps Config
		want             string // in the error; "" is well
	}{
		{"the same at every level", both, both, both, ""},
		{"networks beside files from above", fromFile, fromFile, both, "networks: the files"},
		{"the same at an API", fromFile, both, both, "networks: the files"},
		{"files beside networks from above", written, written, both, "networks_files: the networks"},
		{"other files beside networks from above", both, both, Config{Networks: both.Networks, NetworksFiles: []string{other}}, "networks_files: the networks"},
		{"networks instead of files", fromFile, fromFile, Config{Networks: written.Networks, NetworksFiles: []string{}}, ""},
		{"files instead of networks", written, written, Config{Networks: listed(), NetworksFiles: []string{file}}, ""},
		{"all is new", Config{}, both, Config{Networks: listed("192.0.2.2/32"), NetworksFiles: []string{other}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := generation(t, new(practice.Keeper), &tt.gate, &tt.shop, &tt.imps)
			if (err == nil) != (tt.want == "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestAFileThatCannotBeReadRefusesTheConfiguration(t *testing.T) {
	broken := write(t, "deny.txt", "10.0.0.0/8\nten\n")
	_, err := generation(t, new(practice.Keeper), &Config{}, &Config{DenyFiles: []string{broken}}, nil)
	if err == nil || !strings.HasPrefix(err.Error(), "deny_files: "+broken+`:2: "ten" is not a network`) {
		t.Errorf("got %v", err)
	}
	_, err = generation(t, new(practice.Keeper), &Config{NetworksFiles: []string{filepath.Join(filepath.Dir(broken), "none")}}, nil, nil)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
