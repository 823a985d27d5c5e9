// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package search

import (
	"bytes"
	"encoding/json"
)

// A field is a member of a line that can be asked for.
type field uint8

const (
	fKind field = iota
	fAPI
	fOp
	fMethod
	fStatus
	fClient
	fKey
	fSubject
	fPerson
	fActor
	fAddress
	fCode
	fPractice // that did not simply pass
	indexed   // the fields before it are in an index

	fDecision field = iota // other than passed
	fID
	fSeq
	fPath
	fRule
	fReached
	fAborted
	fDuration
	fUpstream
	fBytesIn
	fBytesOut
	fProto
	fTrace
	fTime
)

// members are those at the top of a line.
var members = map[string]field{
	"kind": fKind, "api": fAPI, "op": fOp, "method": fMethod, "status": fStatus, "person": fPerson, "actor": fActor,
	"address": fAddress, "code": fCode, "id": fID, "seq": fSeq, "path": fPath, "reached": fReached, "aborted": fAborted,
	"duration": fDuration, "upstream": fUpstream, "bytes_in": fBytesIn, "bytes_out": fBytesOut, "proto": fProto, "trace": fTrace,
	"time": fTime,
}

var whose = map[string]field{"client": fClient, "key": fKey, "subject": fSubject, "person": fPerson}

// eachField calls f with what a line says. It returns false if the line is not in the form that the log writes. A value
// is good until f returns.
func eachField(line []byte, f func(field, []byte)) bool {
	s := scanner{b: line}
	ok := s.object(func(name []byte) bool {
		switch string(name) {
		case "principal":
			return s.object(func(name []byte) bool { return s.tell(whose, name, f) })
		case "decisions":
			return s.array(func() bool { return s.decision(f) })
		case "findings":
			return s.array(func() bool {
				return s.object(func(name []byte) bool {
					if string(name) != "rule" {
						return s.skip(8)
					}
					v, ok := s.value()
					if ok {
						f(fRule, v)
					}
					return ok
				})
			})
		}
		return s.tell(members, name, f)
	})
	return ok && s.at == len(line)
}

// A scanner goes over one line. Its methods return false where the line is not JSON as the log writes it.
type scanner struct {
	b  []byte
	at int
}

func (s *scanner) tell(fields map[string]field, name []byte, f func(field, []byte)) bool {
	which, ok := fields[string(name)]
	if !ok {
		return s.skip(8)
	}
	v, ok := s.value()
	if ok {
		f(which, v)
	}
	return ok
}

// decision tells of one that did not simply pass.
func (s *scanner) decision(f func(field, []byte)) bool {
	var practice, decision []byte
	ok := s.object(func(name []byte) (ok bool) {
		switch string(name) {
		case "practice":
			practice, ok = s.value()
			return ok
		case "decision":
			decision, ok = s.value()
			return ok
		}
		return s.skip(8)
	})
	if ok && string(decision) != "passed" {
		f(fPractice, practice)
		f(fDecision, decision)
	}
	return ok
}

func (s *scanner) next(c byte) bool {
	if s.at < len(s.b) && s.b[s.at] == c {
		s.at++
		return true
	}
	return false
}

// object calls f for each member, which consumes the value.
func (s *scanner) object(f func(name []byte) bool) bool {
	if !s.next('{') {
		return false
	}
	if s.next('}') {
		return true
	}
	for {
		name, ok := s.text()
		if !ok || !s.next(':') || !f(name) {
			return false
		}
		if !s.next(',') {
			return s.next('}')
		}
	}
}

func (s *scanner) array(f func() bool) bool {
	if !s.next('[') {
		return false
	}
	if s.next(']') {
		return true
	}
	for {
		if !f() {
			return false
		}
		if !s.next(',') {
			return s.next(']')
		}
	}
}

// text reads a string.
func (s *scanner) text() ([]byte, bool) {
	if !s.next('"') {
		return nil, false
	}
	start := s.at
	end := bytes.IndexByte(s.b[start:], '"')
	if end < 0 {
		return nil, false
	}
	if bytes.IndexByte(s.b[start:start+end], '\\') < 0 {
		s.at += end + 1
		return s.b[start : start+end], true
	}
	for s.at < len(s.b) {
		switch s.b[s.at] {
		case '\\':
			s.at++
		case '"':
			s.at++
			var out string
			if json.Unmarshal(s.b[start-1:s.at], &out) != nil {
				return nil, false
			}
			return []byte(out), true
		}
		s.at++
	}
	return nil, false
}

// value reads a string, a number or a word.
func (s *scanner) value() ([]byte, bool) {
	if s.at < len(s.b) && s.b[s.at] == '"' {
		return s.text()
	}
	start := s.at
	for s.at < len(s.b) && (s.b[s.at] >= '0' && s.b[s.at] <= '9' || s.b[s.at] >= 'a' && s.b[s.at] <= 'z' || bytes.IndexByte([]byte("+-.E"), s.b[s.at]) >= 0) {
		s.at++
	}
	return s.b[start:s.at], s.at > start
}

// skip passes over any value, nested at most depth times.
func (s *scanner) skip(depth int) bool {
	if depth == 0 || s.at >= len(s.b) {
		return false
	}
	switch s.b[s.at] {
	case '{':
		return s.object(func([]byte) bool { return s.skip(depth - 1) })
	case '[':
		return s.array(func() bool { return s.skip(depth - 1) })
	}
	_, ok := s.value()
	return ok
}
