// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yett/practice"
)

func operation(t *testing.T, f *File, id string, p *practice.Practice) *Setting {
	t.Helper()
	s, err := f.ForOperation(f.APIs[0], id, p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func forAPI(t *testing.T, f *File, i int, p *practice.Practice) *Setting {
	t.Helper()
	s, err := f.ForAPI(f.APIs[i], p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func gateway(t *testing.T, f *File, p *practice.Practice) *Setting {
	t.Helper()
	s, err := f.Gateway(p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const layered = `waf: { paranoia: 2, labels: { level: gateway } }
ratelimit: { requests: 100 }
apis:
  - name: shop
    openapi: shop.openapi.yaml
    upstream: http://127.0.0.1:9000
    waf: { labels: { zone: shop }, limits: { body: 1 MB } }
    operations:
      importOrders:
        waf: { paranoia: 4 }
        ratelimit: { per: 1h }
  - name: pay
    openapi: pay.openapi.yaml
    upstream: http://127.0.0.1:9001
`

func TestANarrowerLayerReplacesTheWholeValueOfAKey(t *testing.T) {
	f := parse(t, layered)
	for _, tt := range []struct {
		name string
		got  *Setting
		want any
		own  bool
	}{
		{"gateway over defaults", gateway(t, f, waf), &wafConfig{2, wafLimits{64 << 10, 32}, map[string]string{"level": "gateway"}, nil}, true},
		{"API over gateway, nested keys replaced whole", forAPI(t, f, 0, waf), &wafConfig{2, wafLimits{1e6, 0}, map[string]string{"zone": "shop"}, nil}, true},
		{"operation over API", operation(t, f, "importOrders", waf), &wafConfig{4, wafLimits{1e6, 0}, map[string]string{"zone": "shop"}, nil}, true},
		{"an API without a block is as the gateway", forAPI(t, f, 1, waf), &wafConfig{2, wafLimits{64 << 10, 32}, map[string]string{"level": "gateway"}, nil}, false},
		{"an operation that is not named is as its API", operation(t, f, "listOrders", waf), &wafConfig{2, wafLimits{1e6, 0}, map[string]string{"zone": "shop"}, nil}, false},
		{"keys from three layers", operation(t, f, "importOrders", ratelimit), &ratelimitConfig{100, time.Hour}, true},
		{"nothing written is the default", gateway(t, f, cors), &corsConfig{}, false},
		{"an operation without this practice's block has none of its own", operation(t, f, "importOrders", cors), &corsConfig{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.got.Config); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if tt.got.Own != tt.own || tt.got.Observe || tt.got.Off != "" {
				t.Errorf("got %+v, want own %t, enforced", tt.got, tt.own)
			}
		})
	}
}

func TestNothingIsSharedBetweenPlaces(t *testing.T) {
	f := parse(t, layered)
	spoil := func(s *Setting) {
		c := s.Config.(*wafConfig)
		c.Labels["leaked"] = "yes"
		c.Paranoia = 9
	}
	for _, s := range []*Setting{
		gateway(t, f, waf), forAPI(t, f, 0, waf), forAPI(t, f, 1, waf), operation(t, f, "importOrders", waf), operation(t, f, "listOrders", waf),
	} {
		spoil(s)
	}
	for name, s := range map[string]*Setting{
		"gateway": gateway(t, f, waf), "API": forAPI(t, f, 0, waf), "other API": forAPI(t, f, 1, waf),
		"operation": operation(t, f, "importOrders", waf), "other operation": operation(t, f, "listOrders", waf),
	} {
		if c := s.Config.(*wafConfig); c.Labels["leaked"] != "" || c.Paranoia == 9 {
			t.Errorf("%s sees what was changed at another place: %+v", name, c)
		}
	}
	// The default map too, where no layer replaces it.
	g := parse(t, api)
	spoil(gateway(t, g, waf))
	if c := forAPI(t, g, 0, waf).Config.(*wafConfig); c.Labels["leaked"] != "" || c.Labels["team"] != "shop" {
		t.Errorf("the default leaks: %+v", c)
	}
}

func TestTheNarrowestBlockThatSaysSoDecidesModeAndOff(t *testing.T) {
	const file = `OBSERVE
waf: GATEWAY
apis:
  - name: shop
    openapi: shop.openapi.yaml
    upstream: http://127.0.0.1:9000
    waf: API
    operations:
      importOrders: { waf: OPERATION }
`
	for _, tt := range []struct {
		name                            string
		observe, gateway, api, op, want string
	}{
		{"nothing said enforces", "", "{}", "{}", "{}", "mode enforce default"},
		{"gateway observes", "", "{ mode: observe }", "{}", "{}", "mode observe yett.yaml:2"},
		{"operation enforces what the gateway observes", "", "{ mode: observe }", "{}", "{ mode: enforce }", "mode enforce yett.yaml:9"},
		{"off at the API", "", "{}", `{ off: "why not" }`, "{ paranoia: 3 }", "off why not yett.yaml:7"},
		{"mode at the operation switches on again", "", `{ off: "why not" }`, "{}", "{ mode: enforce }", "mode enforce yett.yaml:9"},
		{"the narrowest reason is told", "", `{ off: "why not" }`, "{}", `{ off: "for the import" }`, "off for the import yett.yaml:9"},
		{"off beats an observing gateway", "", "{ mode: observe }", `{ off: "why not" }`, "{}", "off why not yett.yaml:7"},
		{"observe for the whole file", "observe: true", "{}", "{}", "{}", "mode observe yett.yaml:1"},
		{"observe for the whole file yields to a block", "observe: true", "{}", "{ mode: enforce }", "{}", "mode enforce yett.yaml:7"},
		{"a reason may hold the word observe", "", "{}", `{ off: observe }`, "{}", "off observe yett.yaml:7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := parse(t, replace(file, "OBSERVE", tt.observe, "GATEWAY", tt.gateway, "API", tt.api, "OPERATION", tt.op))
			s := operation(t, f, "importOrders", waf)
			l := s.Layers[0]
			if got := l.Key + " " + l.Value + " " + l.From; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if s.Observe != (l.Key == "mode" && l.Value == "observe") || (s.Off != "") != (l.Key == "off") {
				t.Errorf("observe %t, off %q beside %v", s.Observe, s.Off, l)
			}
		})
	}
}

func TestObserveSparesWhatOthersRelyOn(t *testing.T) {
	f := parse(t, "observe: true"+api)
	if gateway(t, f, apikey).Observe || !gateway(t, f, waf).Observe {
		t.Error("observe: true must reach waf and not apikey")
	}
	f = parse(t, api)
	f.Observe = true // as yett run --observe does
	if s := gateway(t, f, waf); !s.Observe || s.Layers[0].From != "--observe" {
		t.Errorf("got %+v", s)
	}
}

func TestAPracticeThatIsOffIsNotJudged(t *testing.T) {
	f := parse(t, "waf: { paranoia: 9, off: \"scanned upstream\" }"+api)
	if s := gateway(t, f, waf); s.Off != "scanned upstream" {
		t.Errorf("got %+v", s)
	}
	// Judged again where it is switched on.
	errs := refuse(t, "waf: { paranoia: 9, off: \"scanned upstream\" }"+api+"    waf: { mode: enforce }\n")
	if want := "yett.yaml:1: waf.paranoia: 9 is not 1 to 4, at apis[0].waf"; errs.Error() != want {
		t.Errorf("got %s, want %s", errs, want)
	}
}

func TestLayersTellWhereEachValueComesFrom(t *testing.T) {
	t.Setenv("YETT_TEST_TEAM", "hunter2hunter2")
	f := parse(t, `waf: { paranoia: 2, rules: [{ id: "a, b", score: 1.5 }] }
apikey: { pepper: { file: pepper.key }, named: { one: { env: ONE } }, strict: true }
apis:
  - name: shop
    openapi: shop.openapi.yaml
    upstream: http://127.0.0.1:9000
    operations:
      importOrders:
        waf:
          labels: { team: "${YETT_TEST_TEAM}" }
          mode: observe
`)
	want := []Layer{
		{"mode", "observe", "yett.yaml:11"},
		{"paranoia", "2", "yett.yaml:1"},
		{"limits", "{body: 64KiB, depth: 32}", "default"},
		{"labels", `{team: "${YETT_TEST_TEAM}"}`, "yett.yaml:10"},
		{"rules", `[{id: "a, b", score: 1.5}]`, "yett.yaml:1"},
	}
	s := operation(t, f, "importOrders", waf)
	if diff := cmp.Diff(want, s.Layers); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := s.Config.(*wafConfig).Labels["team"]; got != "hunter2hunter2" {
		t.Errorf("the variable reads %q in the configuration", got)
	}
	want = []Layer{
		{"mode", "enforce", "default"}, {"pepper", "<secret>", "yett.yaml:2"}, {"old", "[]", "default"}, {"named", "{one: <secret>}", "yett.yaml:2"},
		{"cert", `""`, "default"}, {"roots", "[]", "default"}, {"bind", "none", "default"}, {"strict", "true", "yett.yaml:2"},
	}
	if diff := cmp.Diff(want, gateway(t, f, apikey).Layers); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if l := gateway(t, parse(t, api), ratelimit).Layers; l[2] != (Layer{"per", "1m", "default"}) {
		t.Errorf("got %v", l[2])
	}
}

func TestWhatBuildSaysGetsItsPlace(t *testing.T) {
	t.Setenv("YETT_TEST_TEAM", "hunter2hunter2")
	f := parse(t, `waf: { paranoia: 2, labels: { team: "${YETT_TEST_TEAM}" } }
apis:
  - name: shop
    openapi: shop.openapi.yaml
    upstream: http://127.0.0.1:9000
    operations:
      importOrders:
        waf: { rules: [{ id: none }] }
`)
	s := operation(t, f, "importOrders", waf)
	broken := errors.New("the disk is gone")
	err := s.Placed(errors.Join(
		errors.New("rules[0].id: there is no such rule (try 942100)"),
		errors.New(`labels["team"]: "hunter2hunter2" is nobody`),
		fmt.Errorf("paranoia of %d: %w", 2, broken),
		errors.New("limits.depth: is a default"),
	))
	want := `yett.yaml:8: apis[0].operations.importOrders.waf.rules[0].id: there is no such rule (try 942100)
yett.yaml:1: waf.labels["team"]: "${YETT_TEST_TEAM}" is nobody
waf: paranoia of 2: the disk is gone
waf: limits.depth: is a default`
	if err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if !errors.Is(err, broken) {
		t.Error("what was wrapped is lost")
	}
}

func TestValuesOfEachTypeAreDecoded(t *testing.T) {
	t.Setenv("YETT_TEST_N", "7")
	dir := filepath.Join("etc", "yett")
	f, err := Parse(filepath.Join(dir, "yett.yaml"), []byte(`
waf: { paranoia: 3, limits: { body: 64 KB, depth: "${YETT_TEST_N}" }, labels: { no: no, "1": 010, x: "$${HOME} ${YETT_TEST_N}${YETT_TEST_N}" }, rules: [{ id: 942100, score: -1.5e3 }] }
ratelimit: { per: 1d12h30m }
allowlist: { networks: [192.0.2.1, 2001:db8::/32, "::1", 10.0.0.0/8] }
apikey: { cert: tls/cert.pem, roots: [a.pem, /b.pem], bind: "::ffff:192.0.2.9", strict: true, pepper: { env: PEPPER } }
`+api[1:]), known)
	if err != nil {
		t.Fatal(err)
	}
	nine := netip.MustParseAddr("192.0.2.9")
	for _, tt := range []struct {
		p    *practice.Practice
		want any
	}{
		{waf, &wafConfig{3, wafLimits{64000, 7}, map[string]string{"no": "no", "1": "010", "x": "${HOME} 77"}, []wafRule{{"942100", -1500}}}},
		{ratelimit, &ratelimitConfig{6000, 36*time.Hour + 30*time.Minute}},
		{allowlist, &allowlistConfig{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("2001:db8::/32"),
			netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("10.0.0.0/8")}}},
		{apikey, &apikeyConfig{Cert: filepath.Join(dir, "tls", "cert.pem"), Roots: []string{filepath.Join(dir, "a.pem"), "/b.pem"},
			Bind: &nine, Strict: true, Pepper: practice.SecretEnv("PEPPER")}},
	} {
		if diff := cmp.Diff(tt.want, gateway(t, f, tt.p).Config, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
			cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b practice.Secret) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.p.Name, diff)
		}
	}
}

func TestDurations(t *testing.T) {
	for _, tt := range []struct {
		text string
		want time.Duration
		hint string // of the error
	}{
		{"1m30s", 90 * time.Second, ""}, {"90d", 90 * day, ""}, {"1d12h", 36 * time.Hour, ""}, {"0", 0, ""}, {"1.5h", 90 * time.Minute, ""}, {"0d", 0, ""},
		{"1 minute", 0, "1m"}, {"90 days", 0, "90d"}, {"2 weeks", 0, "14d"}, {"5 m", 0, "5m"}, {"250 ms", 0, "250ms"}, {"30", 0, "30s"}, {"10 Seconds", 0, "10s"},
		{"soon", 0, "1m"}, {"", 0, "1m"}, {"-5s", 0, "1m"}, {"1d-5h", 0, "1m"}, {"999999999d", 0, "999999999d"}, {"106751d24h", 0, "1m"}, {"5 parsecs", 0, "1m"}, {"3 years", 0, "1095d"},
	} {
		got, err := parseDuration(tt.text)
		if tt.hint == "" && (err != nil || got != tt.want) {
			t.Errorf("%q: got %v, %v, want %v", tt.text, got, err, tt.want)
		}
		if tt.hint != "" && (err == nil || got != 0 || err.Error() != quoted(tt.text)+" is not a duration (try "+tt.hint+")") {
			t.Errorf("%q: got %v, %v, want the hint %q", tt.text, got, err, tt.hint)
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"ratelimit", "cors", "waf", "allowlist", "public_url", "importOrders"}
	for word, want := range map[string]string{
		"rate_limit": "ratelimit", "RateLimit": "ratelimit", "cros": "cors", "wfa": "waf", "alowlist": "allowlist", "publicUrl": "public_url",
		"importOrder": "importOrders", "zebra": "", "": "", "x": "",
	} {
		if got := Nearest(word, words); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestASettingOfAnUnknownPracticeIsAnError(t *testing.T) {
	f := parse(t, api)
	other := define("waf", true, func() wafConfig { return wafConfig{} })
	if _, err := f.Gateway(other); err == nil {
		t.Error("a practice that the file was not read with has a setting")
	}
}

func TestSettingsAreAskedForFromManyGoroutines(t *testing.T) {
	f := parse(t, layered)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, p := range known {
				if _, err := f.ForOperation(f.APIs[0], "importOrders", p); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
