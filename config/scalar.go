// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// isScalar reports whether a type is written as one value.
func isScalar(t reflect.Type) bool {
	if t == secretType {
		return false
	}
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	case reflect.Pointer:
		return false
	}
	return reflect.PointerTo(t).Implements(textType)
}

// scalar sets v to what text means. Its error follows file and key on the operator's line.
func scalar(text string, v reflect.Value) error {
	switch v.Type() {
	case durationType:
		n, err := parseDuration(text)
		v.SetInt(int64(n))
		return err
	case prefixType:
		p, err := parsePrefix(text)
		v.Set(reflect.ValueOf(p))
		return err
	case addrType:
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return fmt.Errorf("%.60q is not an address (try 192.0.2.1)", text)
		}
		v.Set(reflect.ValueOf(a.Unmap()))
		return nil
	}
	if u, ok := v.Addr().Interface().(unmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	return basic(text, v)
}

// basic sets a value of one of Go's own kinds.
func basic(text string, v reflect.Value) error {
	var err error
	switch k := v.Kind(); {
	case k == reflect.String:
		v.SetString(text)
	case k == reflect.Bool:
		if text != "true" && text != "false" {
			return fmt.Errorf("%.40q is not true or false%s", text, boolHint(text))
		}
		v.SetBool(text == "true")
	case v.CanInt():
		var n int64
		if n, err = strconv.ParseInt(text, 10, v.Type().Bits()); err == nil && strconv.FormatInt(n, 10) == text {
			v.SetInt(n)
			return nil
		}
		return notWhole(text, err)
	case v.CanUint():
		var n uint64
		if n, err = strconv.ParseUint(text, 10, v.Type().Bits()); err == nil && strconv.FormatUint(n, 10) == text {
			v.SetUint(n)
			return nil
		}
		return notWhole(text, err)
	default:
		// What FormatFloat never writes, such as hexadecimal, infinity and NaN, is not a number to an operator.
		n, err := strconv.ParseFloat(text, v.Type().Bits())
		if err != nil || strings.Trim(text, "0123456789.-+eE") != "" {
			return fmt.Errorf("%.40q is not a number (try 0.5)", text)
		}
		v.SetFloat(n)
	}
	return nil
}

// notWhole says why a text is not the whole number that is wanted. A leading zero is refused because it is octal to
// some readers and not to others.
func notWhole(text string, err error) error {
	if errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("%.40q is too large or too small", text)
	}
	digits := strings.NewReplacer("_", "", ",", "", " ", "", "+", "").Replace(text)
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil && n >= 0 {
		return fmt.Errorf("%.40q is not a whole number (try %d)", text, n)
	}
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return fmt.Errorf("%.40q is negative (try %d)", text, -max(n, -1<<62))
	}
	return fmt.Errorf("%.40q is not a whole number (try 10)", text)
}

func boolHint(text string) string {
	switch strings.ToLower(text) {
	case "yes", "on", "y", "1", "true", "enabled":
		return " (try true)"
	case "no", "off", "n", "0", "false", "disabled":
		return " (try false)"
	}
	return ""
}

const day = 24 * time.Hour

// parseDuration reads Go's durations and days: 90d, 1d12h, 1m30s, 250ms. It is never negative.
func parseDuration(text string) (time.Duration, error) {
	days, rest, found := strings.Cut(text, "d")
	if !found {
		days, rest = "0", text
	}
	n, err := strconv.ParseUint(days, 10, 32)
	if err == nil && n < uint64(math.MaxInt64/day) {
		whole := time.Duration(n) * day
		if found && rest == "" {
			return whole, nil
		}
		d, err := time.ParseDuration(rest)
		if err == nil && d >= 0 && whole+d >= whole && !strings.ContainsAny(rest, "+-") {
			return whole + d, nil
		}
	}
	return 0, fmt.Errorf("%.40q is not a duration (try %s)", text, durationHint(text))
}

// durationHint writes "1 minute" as 1m, "90 days" as 90d and a bare number as seconds.
func durationHint(text string) string {
	word := strings.TrimLeft(text, "0123456789")
	n, err := strconv.ParseUint(text[:len(text)-len(word)], 10, 32)
	if err != nil {
		return "1m"
	}
	unit := "m"
	switch word = strings.ToLower(strings.TrimSpace(word)); strings.TrimSuffix(word, "s") {
	case "m":
		unit = word
	case "msec", "millisecond":
		unit = "ms"
	case "", "sec", "second":
		unit = "s"
	case "min", "minute":
	case "h", "hr", "hour":
		unit = "h"
	case "d", "day":
		unit = "d"
	case "w", "week":
		n, unit = 7*n, "d"
	case "month":
		n, unit = 30*n, "d"
	case "y", "year":
		n, unit = 365*n, "d"
	default:
		n = 1
	}
	return fmt.Sprintf("%d%s", n, unit)
}

// parsePrefix reads a network, or a bare address as the network of that one address. A network whose address has bits
// beyond its length is refused: it says two things.
func parsePrefix(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return p, fmt.Errorf("%.60q is not a network (try 192.0.2.0/24)", text)
	case p.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("%.60q is IPv4 written as IPv6 (write the IPv4 network)", text)
	case p != p.Masked():
		return netip.Prefix{}, fmt.Errorf("%.60q has bits beyond its length (try %s)", text, p.Masked())
	}
	return p, nil
}
