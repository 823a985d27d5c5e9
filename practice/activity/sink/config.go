// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"yett/practice"
)

// Config is one sink as an operator writes it.
type Config struct {
	// Name is what status and alerts call it; its place in the log is remembered under it.
	Name string `yaml:"name"`
	// Type is file, stdout, syslog or otlp.
	Type string `yaml:"type"`
	// Path of the file. It is made with mode 0600, and made again once it was moved away.
	Path string `yaml:"path" config:"file"`
	// Address of the syslog server: unix:///dev/log, udp://HOST:514, tcp://HOST:601 or tls://HOST:6514.
	Address string `yaml:"address"`
	// URL that OTLP is sent to, whole: https://HOST:4318/v1/logs.
	URL string `yaml:"url"`
	// CA holds the authorities of the server's certificate, as PEM. Default: those of the system.
	CA string `yaml:"ca" config:"file"`
	// Headers of every OTLP request, such as Authorization.
	Headers map[string]practice.Secret `yaml:"headers"`
	// Format of a record: yett, as it stands in the log, by default; or ocsf.
	Format string `yaml:"format"`
	// Facility of syslog, local0 by default.
	Facility string `yaml:"facility"`
	// Timeout of one step, 10s by default.
	Timeout time.Duration `yaml:"timeout"`
	// From is where a sink begins that has no place in the log yet: now, by default, at its end; or beginning.
	From string `yaml:"from"`
	// OnFailure is what happens once the sink is more than MaxLag behind: refuse, by default, stops new exchanges until it
	// has caught up by half; drop-and-count has it leave records out, which the log keeps.
	OnFailure string `yaml:"on_failure"`
	// MaxLag is how many records a sink may be behind, 1,000,000 by default.
	MaxLag int `yaml:"max_lag"`
	// InsecurePlain sends records over a network in clear, for the reason given.
	InsecurePlain string `yaml:"insecure_plain"`
}

// Where a new sink begins.
const (
	FromNow       = "now"
	FromBeginning = "beginning"
)

// What a sink that is too far behind does.
const (
	Refuse       = "refuse"
	DropAndCount = "drop-and-count"
)

const (
	defaultTimeout = 10 * time.Second
	defaultLag     = 1_000_000
	maxHeaders     = 20
)

// facilities are those of RFC 5424 section 6.2.1 that a program may use.
var facilities = map[string]int{
	"user": 1, "daemon": 3, "auth": 4, "authpriv": 10, "audit": 13, "local0": 16, "local1": 17, "local2": 18,
	"local3": 19, "local4": 20, "local5": 21, "local6": 22, "local7": 23,
}

// types says which keys a type needs and which it may have besides those of every sink.
var types = map[string]struct{ needs, may string }{
	"file":   {needs: "path"},
	"stdout": {},
	"syslog": {needs: "address", may: "ca facility insecure_plain"},
	"otlp":   {needs: "url", may: "ca headers insecure_plain"},
}

func (c Config) withDefaults() Config {
	c.Format = cmp.Or(c.Format, "yett")
	c.Facility = cmp.Or(c.Facility, "local0")
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	c.From = cmp.Or(c.From, FromNow)
	c.OnFailure = cmp.Or(c.OnFailure, Refuse)
	c.MaxLag = cmp.Or(c.MaxLag, defaultLag)
	return c
}

// Validate reports what is wrong with c. It does no I/O. Empty settings are defaults.
func (c Config) Validate() error {
	t, ok := types[c.Type]
	if !ok {
		return fmt.Errorf("type: %.40q is no sink (try file, stdout, syslog or otlp)", c.Type)
	}
	for _, k := range []struct {
		key   string
		given bool
	}{
		{"path", c.Path != ""}, {"address", c.Address != ""}, {"url", c.URL != ""}, {"ca", c.CA != ""},
		{"headers", len(c.Headers) > 0}, {"facility", c.Facility != ""}, {"insecure_plain", c.InsecurePlain != ""},
	} {
		switch {
		case k.key == t.needs && !k.given:
			return fmt.Errorf("%s: is missing (a sink of type %s needs it)", k.key, c.Type)
		case k.given && k.key != t.needs && !slices.Contains(strings.Fields(t.may), k.key):
			return fmt.Errorf("%s: means nothing to a sink of type %s (take it out)", k.key, c.Type)
		}
	}
	if strings.ContainsAny(c.Name, "/\\") || len(c.Name) > 64 || strings.HasPrefix(c.Name, ".") {
		return fmt.Errorf("name: %.80q is not a name of at most 64 bytes without slashes (try logs)", c.Name)
	}
	if c.InsecurePlain != "" && strings.TrimSpace(c.InsecurePlain) == "" {
		return errors.New("insecure_plain: gives no reason (write why nobody on the way reads the records)")
	}
	if err := c.validatePolicy(); err != nil {
		return err
	}
	switch c.Type {
	case "syslog":
		return c.validateSyslog()
	case "otlp":
		return c.validateOTLP()
	}
	return nil
}

func (c Config) validatePolicy() error {
	switch c.Format {
	case "", "yett", "ocsf":
	default:
		return fmt.Errorf("format: %.40q is not yett or ocsf", c.Format)
	}
	switch c.From {
	case "", FromNow, FromBeginning:
	default:
		return fmt.Errorf("from: %.40q is not %s or %s", c.From, FromNow, FromBeginning)
	}
	switch c.OnFailure {
	case "", Refuse, DropAndCount:
	default:
		return fmt.Errorf("on_failure: %.40q is not %s or %s", c.OnFailure, Refuse, DropAndCount)
	}
	if c.Timeout != 0 && (c.Timeout < 100*time.Millisecond || c.Timeout > 5*time.Minute) {
		return fmt.Errorf("timeout: %v is not within 100ms and 5m (try 10s)", c.Timeout)
	}
	if c.MaxLag != 0 && (c.MaxLag < 1000 || c.MaxLag > 1_000_000_000) {
		return fmt.Errorf("max_lag: %d is not within 1000 and 1000000000 (try 1000000)", c.MaxLag)
	}
	return nil
}

func (c Config) validateSyslog() error {
	if _, ok := facilities[c.Facility]; !ok && c.Facility != "" {
		return fmt.Errorf("facility: %.40q is none of %s", c.Facility, strings.Join(slices.Sorted(maps.Keys(facilities)), ", "))
	}
	network, address, err := splitAddress(c.Address)
	if err != nil {
		return fmt.Errorf("address: %w", err)
	}
	if c.CA != "" && network != "tls" {
		return errors.New("ca: only tls:// has a certificate to judge (take it out)")
	}
	if network == "udp" || network == "tcp" {
		host, _, _ := net.SplitHostPort(address) // splitAddress has read it
		if !loopback(host) && c.InsecurePlain == "" {
			return fmt.Errorf("address: %.200q sends records in clear (use tls://, or give the reason in insecure_plain)", c.Address)
		}
	}
	return nil
}

// splitAddress returns the network unix, udp, tcp or tls, and the address in it.
func splitAddress(text string) (network, address string, err error) {
	network, address, ok := strings.Cut(text, "://")
	switch {
	case !ok:
		return "", "", fmt.Errorf("%.200q names no network (try tls://logs.example.org:6514)", text)
	case network == "unix":
		if !path.IsAbs(address) || strings.ContainsRune(address, 0) {
			return "", "", fmt.Errorf("%.200q is not the path of a socket (try unix:///dev/log)", text)
		}
		return network, address, nil
	case network != "udp" && network != "tcp" && network != "tls":
		return "", "", fmt.Errorf("%.200q is not unix://, udp://, tcp:// or tls:// (try tls://logs.example.org:6514)", text)
	}
	host, port, err := net.SplitHostPort(address)
	if n, nerr := strconv.ParseUint(port, 10, 16); err != nil || nerr != nil || n == 0 || host == "" || !graphic(host) || strings.Contains(host, "@") {
		return "", "", fmt.Errorf("%.200q is not a host and a port (try %s://logs.example.org:6514)", text, network)
	}
	return network, address, nil
}

func (c Config) validateOTLP() error {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "" || !graphic(c.URL):
		return errors.New("url: is not an address (try https://logs.example.org:4318/v1/logs)")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("url: holds a user, a query or a fragment (secrets go into headers)")
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("url: %.200q is neither https nor http (try https://logs.example.org:4318/v1/logs)", c.URL)
	case u.Scheme == "http" && c.CA != "":
		return errors.New("ca: only https:// has a certificate to judge (take it out)")
	case u.Scheme == "http" && !loopback(u.Hostname()) && c.InsecurePlain == "":
		return fmt.Errorf("url: %.200q sends records in clear (use https://, or give the reason in insecure_plain)", c.URL)
	case len(c.Headers) > maxHeaders:
		return fmt.Errorf("headers: %d of them (at most %d)", len(c.Headers), maxHeaders)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		if !validHeader(name) {
			return fmt.Errorf("headers: %.80q cannot be set (try Authorization)", name)
		}
		if c.Headers[name].IsZero() {
			return fmt.Errorf("headers.%s: is missing (use {file: …} or {env: …})", name)
		}
	}
	return nil
}

// validHeader admits the names of fields (RFC 9110 section 5.1) that do not frame or describe the message.
func validHeader(name string) bool {
	switch low := strings.ToLower(name); {
	case name == "", low == "host", low == "connection", low == "transfer-encoding", low == "te", low == "trailer",
		low == "upgrade", low == "expect", low == "accept-encoding", strings.HasPrefix(low, "content-"), strings.HasPrefix(low, "proxy-"):
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// graphic reports whether text is of printable ASCII without spaces.
func graphic(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}
