// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yett/practice"
)

var update = flag.Bool("update", false, "write the expected errors of testdata/broken anew")

// The practices of these tests.

type corsConfig struct {
	Origins []string `yaml:"origins"`
}

func (c corsConfig) Validate() error {
	var errs []error
	for i, o := range c.Origins {
		if !strings.HasPrefix(o, "https://") {
			errs = append(errs, fmt.Errorf("origins[%d]: %q is not an https origin", i, o))
		}
	}
	return errors.Join(errs...)
}

type ratelimitConfig struct {
	Requests int           `yaml:"requests"`
	Per      time.Duration `yaml:"per"`
}

func (c ratelimitConfig) Validate() error {
	switch {
	case c.Requests <= 0:
		return fmt.Errorf("requests: %d is no limit (try 60)", c.Requests)
	case c.Per < time.Second && c.Requests < 10:
		return fmt.Errorf("per: %s is too short for a limit below 10", c.Per)
	case c.Requests == 13:
		return errors.New("thirteen is not a limit")
	}
	return nil
}

type allowlistConfig struct {
	Networks       []netip.Prefix `yaml:"networks"`
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies" config:"gateway"`
}

func (c allowlistConfig) Validate() error {
	for i, n := range c.TrustedProxies {
		if n.Bits() == 0 {
			return fmt.Errorf("trusted_proxies[%d]: %q trusts the whole internet (list the proxy itself)", i, n)
		}
	}
	return nil
}

type wafConfig struct {
	Paranoia int               `yaml:"paranoia"`
	Limits   wafLimits         `yaml:"limits"`
	Labels   map[string]string `yaml:"labels"`
	Rules    []wafRule         `yaml:"rules"`
}

type wafLimits struct {
	Body  practice.Size `yaml:"body"`
	Depth uint8         `yaml:"depth"`
}

type wafRule struct {
	ID    string  `yaml:"id"`
	Score float64 `yaml:"score"`
}

func (c wafConfig) Validate() error {
	for name, v := range c.Labels {
		if v == "" {
			return fmt.Errorf("labels[%q]: is empty", name)
		}
	}
	for _, r := range c.Rules {
		if strings.HasPrefix(r.ID, "hunter") {
			return fmt.Errorf("there is no rule %q", r.ID)
		}
	}
	if c.Paranoia < 1 || c.Paranoia > 4 {
		return fmt.Errorf("paranoia: %d is not 1 to 4", c.Paranoia)
	}
	return nil
}

type apikeyConfig struct {
	Pepper practice.Secret            `yaml:"pepper"`
	Old    []practice.Secret          `yaml:"old"`
	Named  map[string]practice.Secret `yaml:"named"`
	Cert   string                     `yaml:"cert" config:"file"`
	Roots  []string                   `yaml:"roots" config:"file"`
	Bind   *netip.Addr                `yaml:"bind"`
	Strict bool                       `yaml:"strict"`
}

func (apikeyConfig) Validate() error { return nil }

func define[C practice.Config](name string, mayObserve bool, defaults func() C) *practice.Practice {
	return practice.Define(practice.Spec[C]{
		Name: name, Protects: "stands in for " + name, MayObserve: mayObserve, Defaults: defaults,
		Build: func(C, *practice.Env) (*practice.Part, error) { return &practice.Part{}, nil },
	})
}

var (
	cors      = define("cors", true, func() corsConfig { return corsConfig{} })
	ratelimit = define("ratelimit", true, func() ratelimitConfig { return ratelimitConfig{6000, time.Minute} })
	allowlist = define("allowlist", false, func() allowlistConfig { return allowlistConfig{} })
	apikey    = define("apikey", false, func() apikeyConfig { return apikeyConfig{} })
	waf       = define("waf", true, func() wafConfig {
		return wafConfig{1, wafLimits{64 << 10, 32}, map[string]string{"team": "shop"}, nil}
	})
	known = []*practice.Practice{allowlist, ratelimit, cors, apikey, waf}
)

const api = `
apis:
  - name: shop
    openapi: shop.openapi.yaml
    upstream: http://127.0.0.1:9000
`

// parse parses a text that must be well.
func parse(t *testing.T, text string) *File {
	t.Helper()
	f, err := Parse("yett.yaml", []byte(text), known)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return f
}

// refuse parses a text that must not be well.
func refuse(t *testing.T, text string) Errors {
	t.Helper()
	_, err := Parse("yett.yaml", []byte(text), known)
	var errs Errors
	if !errors.As(err, &errs) || len(errs) == 0 {
		t.Fatalf("Parse: got %v, want Errors", err)
	}
	return errs
}

func TestBrokenFilesAreRefusedWithPlaceAndHint(t *testing.T) {
	t.Setenv("YETT_TEST_SET", "hunter2hunter2")
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no broken files: %v", err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".yaml")
		t.Run(strings.ReplaceAll(name, "_", " "), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := refuse(t, string(data)).Error() + "\n"
			expected := strings.TrimSuffix(path, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(expected, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(expected)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.ReplaceAll(string(want), "\r\n", "\n"), got); diff != "" {
				t.Errorf("errors differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrorsReadAsDrawn(t *testing.T) {
	text := `listen: ":8443"
data: ./yett-data
admin: { listen: "127.0.0.1:8444" }
allowlist:
  trusted_proxies: ["0.0.0.0/0"]
apis:
  - name: shop
    openapi: shop.openapi.yaml
    upstream: http://127.0.0.1:9000
    cors: { orgins: ["https://shop.example.org"] }
    ratelimit: { requests: 60, per: "1 minute" }
    operations:
      importOrders:
        waf: { off: }
`
	errs := refuse(t, text)
	var got strings.Builder
	for _, e := range errs {
		got.WriteString(e.Error() + "\n" + e.Excerpt(false))
	}
	want := `yett.yaml:5: allowlist.trusted_proxies[0]: "0.0.0.0/0" trusts the whole internet (list the proxy itself)
       5 │   trusted_proxies: ["0.0.0.0/0"]
         │                     ^^^^^^^^^^^
yett.yaml:10: apis[0].cors: unknown key "orgins" (did you mean origins?)
      10 │     cors: { orgins: ["https://shop.example.org"] }
         │             ^^^^^^
yett.yaml:11: apis[0].ratelimit.per: "1 minute" is not a duration (try 1m)
      11 │     ratelimit: { requests: 60, per: "1 minute" }
         │                                     ^^^^^^^^^^
yett.yaml:14: apis[0].operations.importOrders.waf.off: no reason given (write why)
      14 │         waf: { off: }
         │                ^^^
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if e := errs[2]; e.What != `"1 minute" is not a duration` || e.Hint != "try 1m" || e.Got != "1 minute" {
		t.Errorf("parts: what %q, hint %q, got %q", e.What, e.Hint, e.Got)
	}
}

func TestExcerpt(t *testing.T) {
	for _, tt := range []struct {
		name, text    string
		column, width int
		ascii         bool
		want          string
	}{
		{"the mark counts characters, not bytes", "ключ: x", 7, 1, false, "       1 │ ключ: x\n         │       ^\n"},
		{"without Unicode the bar is ASCII", "a: b", 4, 1, true, "       1 | a: b\n         |    ^\n"},
		{"an escape sequence is not passed on", "a: \x1b[31mred", 1, 1, false, "       1 │ a: ?[31mred\n         │ ^\n"},
		{"a tab is one column", "\ta: b", 2, 1, false, "       1 │  a: b\n         │  ^\n"},
		{"a mark beyond the line stands at its end", "a:", 9, 4, false, "       1 │ a:\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Excerpt(1, tt.text, tt.column, tt.width, tt.ascii); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	long := Excerpt(1, strings.Repeat("x", 5000)+`"bad"`+strings.Repeat("y", 5000), 5001, 5, false)
	if len([]rune(long)) > 250 || !strings.Contains(long, `"bad"`) || !strings.Contains(long, "^^^^^\n") {
		t.Errorf("a long line is not cut around the mark:\n%s", long)
	}
}

func TestFileIsRead(t *testing.T) {
	f, err := Parse(filepath.Join("etc", "yett.yaml"), []byte(`
listen: 0.0.0.0:443
data: state
admin: { listen: "127.0.0.1:9444" }
public_url: https://api.example.org/gate/
observe: true
apis:
  - name: shop
    openapi: shop.openapi.yaml
    upstream: https://Shop.internal:9000/base/
    hosts: [API.example.org, 192.0.2.7]
    preserve_host: true
    timeout: 5s
    operations:
      GET /orders/{id}: { public: "the shop window", websocket: true }
      createOrder: { scopes: ["orders:write"], allow_path: [encoded_slash] }
  - { name: pay, openapi: /srv/pay.yaml, upstream: "http://127.0.0.1:9001" }
`), known)
	if err != nil {
		t.Fatal(err)
	}
	a, b := f.APIs[0], f.APIs[1]
	got := []any{f.Listen, f.Data, f.Admin.Listen, f.PublicURL, f.Observe, a.Name, a.OpenAPI, a.Upstream, a.Hosts, a.PreserveHost,
		a.Timeout, a.OperationIDs(), a.Operations["GET /orders/{id}"].Public, a.Operations["GET /orders/{id}"].WebSocket,
		a.Operations["createOrder"].Scopes, a.Operations["createOrder"].AllowPath, b.OpenAPI, b.Timeout}
	want := []any{"0.0.0.0:443", filepath.Join("etc", "state"), "127.0.0.1:9444", "https://api.example.org/gate", true,
		"shop", filepath.Join("etc", "shop.openapi.yaml"), "https://Shop.internal:9000/base", []string{"api.example.org", "192.0.2.7"}, true,
		5 * time.Second, []string{"GET /orders/{id}", "createOrder"}, "the shop window", true,
		[]string{"orders:write"}, []string{"encoded_slash"}, "/srv/pay.yaml", 30 * time.Second}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDefaultsStandWhereNothingIsWritten(t *testing.T) {
	f := parse(t, api)
	if f.Listen != ":8443" || f.Data != "yett-data" || f.Admin.Listen != "127.0.0.1:8444" || f.PublicURL != "https://localhost:8443" || f.Observe {
		t.Errorf("got %+v", f)
	}
	if f := parse(t, "listen: 127.0.0.1:0\nadmin: { listen: 127.0.0.1:0 }"+api); f.PublicURL != "" {
		t.Errorf("public URL %q of a port that is chosen later", f.PublicURL)
	}
}

func TestProgramsPointAtKeys(t *testing.T) {
	f := parse(t, `apis:
  - name: shop
    openapi: shop.openapi.yaml
    upstream: http://127.0.0.1:9000
    operations:
      "GET /orders/{id}":
        allow_path: [encoded_slash, encoded_plum]
      importOrder: { websocket: true }
`)
	a := f.APIs[0]
	for _, tt := range []struct{ name, got, want string }{
		{"a key of the file", f.Errorf("apis[0].openapi", "is Swagger 2.0 (convert it first)").Error(),
			"yett.yaml:3: apis[0].openapi: is Swagger 2.0 (convert it first)"},
		{"an item of a list below a quoted id", a.Errorf(`operations["GET /orders/{id}"].allow_path[1]`, "no such thing").Error(),
			`yett.yaml:7: apis[0].operations["GET /orders/{id}"].allow_path[1]: no such thing`},
		{"a key that is not written stands at the last that is", f.Errorf("apis[0].hosts[3]", "overlap").Error(),
			"yett.yaml:2: apis[0].hosts[3]: overlap"},
		{"an operation that the description does not have", a.UnknownOperation("importOrder", []string{"createOrder", "importOrders"}).Error(),
			"yett.yaml:8: apis[0].operations.importOrder: the description has no such operation (did you mean importOrders?)"},
		{"a place", f.Where("apis[0].operations.importOrder.websocket"), "yett.yaml:8"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, tt.got, tt.want)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "yett.yaml"), known); err == nil || !strings.HasSuffix(err.Error(), "there is no such file (yett init writes one)") {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Load(dir, known); err == nil {
		t.Error("a folder is read as a file")
	}
	path := filepath.Join(dir, "huge.yaml")
	if err := os.WriteFile(path, []byte(api+strings.Repeat("# more\n", MaxFile/7)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, known); err == nil || !strings.Contains(err.Error(), "larger than 4 MiB") {
		t.Errorf("huge file: %v", err)
	}
	path = filepath.Join(dir, "good.yaml")
	if err := os.WriteFile(path, []byte(api), 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err := Load(path, known); err != nil || f.APIs[0].OpenAPI != filepath.Join(dir, "shop.openapi.yaml") {
		t.Errorf("good file: %+v, %v", f, err)
	}
}
