// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"

	"github.com/tink-crypto/tink-go/v2/daead/subtle"

	"yett/exchange"
)

// condition rewrites the entity tags in a field that makes a request conditional (RFC 9110 section 13.1). f gets what stands
// between the quotes and returns what stands there instead, or says that the tag goes. What is no tag stays as it is where
// keep says so: a condition that nobody here can read may be one that the upstream can, and must not be lost. It reports
// whether the field is there, and whether anything of it still is.
func condition(h *exchange.Header, name string, keep bool, f func(inner string) (string, bool)) (present, left bool) {
	lines := h.Values(name)
	if len(lines) == 0 {
		return false, false
	}
	before := strings.Join(lines, ", ")
	if strings.TrimSpace(before) == "*" {
		return true, true
	}
	var all []string
	for rest := before; ; {
		if rest = strings.TrimLeft(rest, " \t,"); rest == "" {
			break
		}
		element, weak, inner, ok := nextTag(rest)
		rest = rest[len(element):]
		if element = strings.TrimRight(element, " \t"); !ok {
			if keep {
				all = append(all, element)
			}
			continue
		}
		if inner, ok = f(inner); ok {
			all = append(all, weak+`"`+inner+`"`)
		}
	}
	after := strings.Join(all, ", ")
	switch {
	case after == "" && !keep:
		h.Del(name)
	case after != "" && after != before:
		h.Set(name, after)
	}
	return true, after != ""
}

// nextTag takes the first element off a list: an entity tag (RFC 9110 section 8.8.3), or whatever stands there to the next
// comma.
func nextTag(list string) (element, weak, inner string, ok bool) {
	rest, isWeak := strings.CutPrefix(list, "W/")
	if isWeak {
		weak = "W/"
	}
	if opened, quoted := strings.CutPrefix(rest, `"`); quoted {
		if end := strings.IndexByte(opened, '"'); end >= 0 {
			behind := strings.TrimLeft(opened[end+1:], " \t")
			if behind == "" || behind[0] == ',' {
				return list[:len(list)-len(behind)], weak, opened[:end], true
			}
		}
	}
	if comma := strings.IndexByte(list, ','); comma >= 0 {
		return list[:comma], "", "", false
	}
	return list, "", "", false
}

// Tags seals the entity tags of upstreams. An upstream's own tag may be a hash of all that it answered: who sees a part of the
// answer could try with it what the rest is. The same tag in the same view is sealed to the same text, so that caches and
// conditions work, under a key that must outlive restarts: a tag of a lost key matches nothing any more. It is safe for
// concurrent use.
type Tags struct{ siv *subtle.AESSIV }

// TagsKeySize is how long the key of Tags is, in bytes.
const TagsKeySize = subtle.AESSIVKeySize

// NewTags makes Tags of a secret.
func NewTags(key []byte) (*Tags, error) {
	siv, err := subtle.NewAESSIV(key)
	if err != nil {
		return nil, fmt.Errorf("key of entity tags: %w", err)
	}
	return &Tags{siv}, nil
}

// passing are the Tags of views that were given none. They last as long as the process.
var passing = sync.OnceValue(func() *Tags {
	key := make([]byte, TagsKeySize)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the program first
	t, err := NewTags(key)
	if err != nil {
		panic("view: " + err.Error()) // cannot be: the key has the right size
	}
	return t
})

const (
	// maxTag is the longest tag of an upstream that leaves, in bytes.
	maxTag = 256
	// tagBlock is what lengths of tags are rounded up to: some are the length of what was answered.
	tagBlock = 32
	// longestTag is how long maxTag becomes.
	longestTag = (maxTag+16)*4/3 + 1
	// tagMark and tagSize make the end of a sealed tag, which names the view: "5M…kQ--y2k7hq5mbd3sx".
	tagMark = "--y"
	tagSize = 12
)

// seal is what stands between the quotes for inner, in a view; false: no tag can.
func (t *Tags) seal(inner, view string) (string, bool) {
	if len(inner) > maxTag {
		return "", false
	}
	padded := make([]byte, max(1, (len(inner)+tagBlock-1)/tagBlock)*tagBlock)
	copy(padded, inner) // no tag holds a NUL
	sealed, err := t.siv.EncryptDeterministically(padded, []byte(view))
	if err != nil {
		return "", false // cannot be: it is short
	}
	return base64.RawURLEncoding.EncodeToString(sealed) + view, true
}

// open returns the upstream's tag, and the view in which it was sealed; false: it is none of ours.
func (t *Tags) open(inner string) (tag, view string, ok bool) {
	at := len(inner) - tagSize - len(tagMark)
	if at < 0 || at > longestTag || !strings.HasPrefix(inner[at:], tagMark) {
		return "", "", false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(inner[:at])
	if err != nil {
		return "", "", false
	}
	padded, err := t.siv.DecryptDeterministically(sealed, []byte(inner[at:]))
	if err != nil {
		return "", "", false
	}
	return strings.TrimRight(string(padded), "\x00"), inner[at:], true
}

// opened is a tag as the upstream knows it.
func (t *Tags) opened(inner string) (string, bool) {
	if tag, _, ours := t.open(inner); ours {
		return tag, true
	}
	return inner, true
}

// retag gives the answer's entity tag the view's name and seals it. What is no entity tag does not leave.
func (t *Tags) retag(h *exchange.Header, view string) {
	tag, ok := h.Lookup("ETag")
	if !ok {
		return
	}
	h.Del("ETag")
	if element, weak, inner, ok := nextTag(tag); ok && element == tag {
		if inner, ok = t.seal(inner, view); ok {
			h.Set("ETag", weak+`"`+inner+`"`)
		}
	}
}
