// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"bytes"
	"strings"
)

// number2 reads two digits.
func number2(b []byte) (int, bool) {
	if len(b) < 2 || !isDigit(b[0]) || !isDigit(b[1]) {
		return 0, false
	}
	return int(b[0]-'0')*10 + int(b[1]-'0'), true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isDate is full-date of RFC 3339, section 5.6.
func isDate(b []byte) bool {
	if len(b) != 10 || b[4] != '-' || b[7] != '-' {
		return false
	}
	century, ok1 := number2(b)
	year, ok2 := number2(b[2:])
	month, ok3 := number2(b[5:])
	day, ok4 := number2(b[8:])
	if !ok1 || !ok2 || !ok3 || !ok4 || month < 1 || month > 12 || day < 1 {
		return false
	}
	return day <= daysIn(century*100+year, month)
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// isTime is full-time of RFC 3339, section 5.6. The second 60 exists at 23:59 UTC only.
func isTime(b []byte) bool {
	if len(b) < 9 || b[2] != ':' || b[5] != ':' {
		return false
	}
	hour, ok1 := number2(b)
	minute, ok2 := number2(b[3:])
	second, ok3 := number2(b[6:])
	if !ok1 || !ok2 || !ok3 || hour > 23 || minute > 59 || second > 60 {
		return false
	}
	b = b[8:]
	if b[0] == '.' {
		n := digits(b[1:])
		if n == 0 {
			return false
		}
		b = b[1+n:]
	}
	offset, ok := offset(b)
	if !ok {
		return false
	}
	const day = 24 * 60
	return second < 60 || (hour*60+minute-offset+day)%day == day-1
}

// offset reads time-offset of RFC 3339 in minutes.
func offset(b []byte) (int, bool) {
	if len(b) == 1 && (b[0] == 'Z' || b[0] == 'z') {
		return 0, true
	}
	if len(b) != 6 || b[0] != '+' && b[0] != '-' || b[3] != ':' {
		return 0, false
	}
	hour, ok1 := number2(b[1:])
	minute, ok2 := number2(b[4:])
	if !ok1 || !ok2 || hour > 23 || minute > 59 {
		return 0, false
	}
	if b[0] == '-' {
		return -(hour*60 + minute), true
	}
	return hour*60 + minute, true
}

// digits counts the digits that b begins with.
func digits(b []byte) (n int) {
	for n < len(b) && isDigit(b[n]) {
		n++
	}
	return n
}

// isDateTime is date-time of RFC 3339, section 5.6.
func isDateTime(b []byte) bool {
	return len(b) > 11 && (b[10] == 'T' || b[10] == 't') && isDate(b[:10]) && isTime(b[11:])
}

// isDuration is duration of RFC 3339, appendix A, which unlike ISO 8601 leaves out no unit in the middle.
func isDuration(b []byte) bool {
	if len(b) < 3 || b[0] != 'P' {
		return false
	}
	b = b[1:]
	if n := digits(b); n > 0 && n == len(b)-1 && b[n] == 'W' {
		return true
	}
	date, clock, hasClock := bytes.Cut(b, []byte{'T'})
	return units(date, "YMD") && (!hasClock || len(clock) > 0 && units(clock, "HMS"))
}

// units reads numbers, each followed by a letter: letters that stand together in order.
func units(b []byte, order string) bool {
	for first := true; len(b) > 0; first = false {
		n := digits(b)
		if n == 0 || n == len(b) {
			return false
		}
		i := strings.IndexByte(order, b[n])
		if i < 0 || i > 0 && !first {
			return false
		}
		order, b = order[i+1:], b[n+1:]
	}
	return true
}
