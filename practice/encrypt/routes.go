// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package encrypt

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"yett/practice"
	"yett/problem"
)

// rotateTime bounds one rotation. What it leaves, Run goes on with.
const rotateTime = 30 * time.Minute

// routes are what yett serves below its admin API:
//
//	GET  /encrypt           the Status
//	POST /encrypt/rotate    {class, kek}, or no body for all classes; a Rotation
func (k *kept) routes() []practice.Route {
	return []practice.Route{
		{Pattern: "GET /encrypt", Handler: http.HandlerFunc(k.serveStatus)},
		{Pattern: "POST /encrypt/rotate", Handler: http.HandlerFunc(k.serveRotate)},
	}
}

// A Rotation is what a rotation did.
type Rotation struct {
	Classes []Rotated `json:"classes"`
	KEK     string    `json:"kek,omitempty"`     // id of the new key-encryption key, where it was changed
	Residue string    `json:"residue,omitempty"` // why keysets under the old one may still lie on the disk
}

// Rotated is a class with a new key.
type Rotated struct {
	Name   string `json:"name"`
	Sealed int    `json:"sealed"`    // values that were sealed anew
	Stays  bool   `json:"key_stays"` // its key is the old one, wrapped anew: equal values must stay equal
}

func (k *kept) status(ctx context.Context) (Status, error) {
	s, err := k.vault.Status(ctx)
	s.KEK.Place, s.KEK.Beside = k.place, k.beside
	return s, err
}

func (k *kept) serveStatus(w http.ResponseWriter, r *http.Request) {
	s, err := k.status(r.Context())
	k.answer(w, s, err)
}

const maxBody = 4 << 10

func (k *kept) serveRotate(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Class string `json:"class"`
		KEK   bool   `json:"kek"`
	}
	d := json.NewDecoder(io.LimitReader(r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil && !errors.Is(err, io.EOF) {
		k.answer(w, nil, &problem.Error{Status: http.StatusBadRequest, Code: "body_unreadable", Detail: "want {class, kek}", Cause: err})
		return
	}
	names := k.vault.Names()
	if in.Class != "" {
		if !slices.Contains(names, in.Class) {
			k.answer(w, nil, &problem.Error{Status: http.StatusNotFound, Code: "unknown_class", Detail: "there is no class of that name"})
			return
		}
		names = []string{in.Class}
	}
	// It is the gateway's work, not the caller's: who goes away does not break it off.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), rotateTime)
	defer cancel()
	out, err := k.rotate(ctx, names, in.KEK)
	if errors.Is(err, errElsewhere) {
		err = &problem.Error{Status: http.StatusConflict, Code: "kek_elsewhere", Detail: err.Error(), Cause: err}
	}
	k.answer(w, out, err)
}

// rotate changes the key-encryption key, or the keys of classes.
func (k *kept) rotate(ctx context.Context, names []string, kek bool) (Rotation, error) {
	out := Rotation{Classes: []Rotated{}}
	if kek {
		err := k.vault.RotateKEK(ctx)
		if left, ok := errors.AsType[*ResidueError](err); ok {
			k.vault.log.Error("keysets under the old key-encryption key may still lie on the disk", "err", left)
			out.Residue, err = left.Error(), nil
		}
		out.KEK = k.vault.by().ID()
		return out, err
	}
	for _, name := range names {
		n, err := k.vault.Rotate(ctx, name)
		if err != nil {
			return out, err
		}
		out.Classes = append(out.Classes, Rotated{name, n, k.vault.stays(name)})
	}
	return out, nil
}

func (k *kept) answer(w http.ResponseWriter, v any, err error) {
	var body []byte
	if err == nil {
		body, err = json.Marshal(v)
	}
	if err != nil {
		k.env.Log.Error("encrypt", "err", err)
		_ = problem.Write(w, "about:blank", problem.From(err)) // the caller is gone: nobody is left to tell
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(body, '\n')) // the caller is gone: nobody is left to tell
}
