// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var (
	cardNumber   = regexp.MustCompile(`[45][0-9]{15}`)
	passwordHash = regexp.MustCompile(`[0-9a-f]{32}`)
)

// copyOfTheStore reads what each side keeps, as whoever finds a backup would: the shop's database, and all that the gate keeps
// of keys, users and answers that it held back. Its key-encryption key lies elsewhere. An order that went through the gate
// lies in the shop's database with the street sealed.
var copyOfTheStore = Attack{
	Number: 10, Practice: "encrypt", Title: "copy of the disk: secrets in it",
	Fire: func(ctx context.Context, s *Side) Outcome {
		secrets, err := s.keepSecrets(ctx)
		if err != nil {
			return cannotTell(err)
		}
		disk, err := s.disk()
		if err != nil {
			return cannotTell(err)
		}
		if !s.Gated {
			cards, hashes := distinct(cardNumber, disk), distinct(passwordHash, disk)
			if cards+hashes == 0 {
				return refused("0 readable")
			}
			return gotThrough("%d cards, %d hashes", cards, hashes)
		}
		street, err := s.orderTo(ctx)
		if err != nil {
			return cannotTell(err)
		}
		database, err := os.ReadFile(filepath.Join(filepath.Dir(s.data), "shop.db"))
		if err != nil {
			return cannotTell(err)
		}
		if bytes.Contains(database, []byte(street)) {
			return gotThrough("a street in the shop's database")
		}
		secrets = append(secrets, street)
		n := 0
		for _, secret := range secrets {
			if bytes.Contains(disk, []byte(secret)) {
				n++
			}
		}
		if n > 0 {
			return gotThrough("%d of %d readable", n, len(secrets))
		}
		return refused("0 of %d readable", len(secrets))
	},
}

// keepSecrets has a side keep something: the gate a key, a password, and what the shop says when it fails.
func (s *Side) keepSecrets(ctx context.Context) ([]string, error) {
	k, err := s.key(ctx, "web-shop", "orders:write")
	if err != nil {
		return nil, err
	}
	a, err := s.Do(ctx, Call{Method: "POST", Path: "/orders", Key: k.Text, Type: "application/json",
		Body: `{"customer_id": 7, "currency": "EUR", "items": [{"product_id": 99999, "quantity": 1}]}`})
	if err != nil || !s.Gated {
		return nil, err
	}
	if a.Status != http.StatusInternalServerError {
		return nil, errors.New("the shop did not fail")
	}
	password := rand.Text()
	if err := s.admin.Call(ctx, "POST", "/users", map[string]any{"name": "demo-" + rand.Text()[:6], "password": password}, nil); err != nil {
		return nil, err
	}
	// The record is on the disk once it can be read, and its beginning can.
	if err := s.recorded(ctx, a); err != nil {
		return nil, err
	}
	secret := strings.Split(k.Text, "_")[2]
	return []string{secret, password, "goroutine "}, nil
}

// orderTo orders something to a street that nobody else has, and reads it again: whoever may read the order sees it.
func (s *Side) orderTo(ctx context.Context) (street string, err error) {
	k, err := s.key(ctx, "web-shop", "orders:write", "orders:read")
	if err != nil {
		return "", err
	}
	street = "Weir " + rand.Text()[:12] + " 3"
	a, err := s.Do(ctx, Call{Method: "POST", Path: "/orders", Key: k.Text, Type: "application/json",
		Body: `{"customer_id": 7, "currency": "EUR", "items": [{"product_id": 1, "quantity": 1}],
			"ship_to": {"name": "Greta Grau", "street": "` + street + `", "postcode": "12219", "city": "Lyon", "country": "FR"}}`})
	if err != nil {
		return "", err
	}
	if a.Status != http.StatusCreated || !bytes.Contains(a.Body, []byte(street)) {
		return "", errors.New("the order does not come back as it was sent")
	}
	return street, nil
}

// disk is every byte that a side keeps.
func (s *Side) disk() ([]byte, error) {
	var all []byte
	err := filepath.WalkDir(s.data, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(name) // #nosec G304 G122 -- the demonstration's own folder
		all = append(all, content...)
		return err
	})
	return all, err
}

func distinct(r *regexp.Regexp, in []byte) int {
	seen := make(map[string]bool)
	for _, m := range r.FindAll(in, -1) {
		seen[string(m)] = true
	}
	return len(seen)
}
