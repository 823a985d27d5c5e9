// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"yett/jose"
)

// call shows a token, and tells the status and how long it took.
func (t *trial) call(ctx context.Context, path, authorization string, more ...string) (int, time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://localhost:"+t.Port()+path, nil)
	if err != nil {
		return 0, 0, err
	}
	req.Header.Set("Authorization", authorization)
	for i := 0; i < len(more); i += 2 {
		req.Header.Set(more[i], more[i+1])
	}
	began := time.Now()
	res, err := t.client.Do(req)
	if err != nil {
		return 0, 0, err
	}
	_, err = io.Copy(io.Discard, res.Body)
	took := time.Since(began)
	if cerr := res.Body.Close(); err == nil {
		err = cerr
	}
	return res.StatusCode, took, err
}

// rotations changes keys while callers get tokens and show them.
func (t *trial) rotations(ctx context.Context, n int) error {
	var statuses [600]atomic.Int64
	stop := make(chan struct{})
	var callers sync.WaitGroup
	var failed atomic.Pointer[error]
	for range 6 {
		callers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				token, err := t.issuer.token(ctx, nil)
				for range 5 {
					var status int
					if err == nil {
						if status, _, err = t.call(ctx, "/things", "Bearer "+token); err == nil {
							statuses[status].Add(1)
						}
					}
				}
				if err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
			}
		})
	}
	for range n {
		time.Sleep(cooldown + cooldown/2)
		if err := t.issuer.rotate(); err != nil {
			close(stop)
			callers.Wait()
			return err
		}
	}
	time.Sleep(cooldown)
	close(stop)
	callers.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	fmt.Printf("issuer: %d rotations amid traffic: %d answered 200, %d 401, %d 503; keys were asked for %d times\n",
		n, statuses[200].Load(), statuses[401].Load(), statuses[503].Load(), t.issuer.keys.Load())
	total := int64(0)
	for i := range statuses {
		total += statuses[i].Load()
	}
	if ok := statuses[200].Load(); statuses[401].Load() > 0 || ok+statuses[503].Load() != total || ok < 500 || ok*100 < total*99 {
		return fmt.Errorf("of %d good tokens %d were admitted", total, ok)
	}
	return nil
}

// strange makes a token that says it is the issuer's, by a key that it never had.
func (t *trial) strange(kid *jose.PrivateKey) (string, error) {
	now := time.Now().Unix()
	payload, err := json.Marshal(map[string]any{"iss": t.issuer.url, "aud": audience, "sub": "mallory", "client_id": "app", "scope": "things:read", "iat": now, "exp": now + 600, "jti": crand.Text()})
	if err != nil {
		return "", err
	}
	return kid.Sign("at+jwt", payload)
}

// random names keys that nobody has, one after the other.
func (t *trial) random(ctx context.Context) error {
	const n = 300
	before, began := t.issuer.keys.Load(), time.Now()
	admitted, undecided := 0, 0
	for range n {
		key, err := jose.GeneratePrivateKey(jose.ES256)
		if err != nil {
			return err
		}
		token, err := t.strange(key)
		if err != nil {
			return err
		}
		status, _, err := t.call(ctx, "/things", "Bearer "+token)
		if err != nil {
			return err
		}
		switch status {
		case http.StatusOK:
			admitted++
		case http.StatusServiceUnavailable:
			undecided++
		case http.StatusUnauthorized, http.StatusTooManyRequests:
		default:
			return fmt.Errorf("answered %d", status)
		}
	}
	took := time.Since(began)
	asked, may := t.issuer.keys.Load()-before, int64(took/cooldown)+1
	fmt.Printf("issuer: %d keys named at random in %v: keys were asked for %d times, where %d are allowed; %d were answered 503\n", n, took.Round(time.Millisecond), asked, may, undecided)
	if admitted > 0 || asked > may {
		return fmt.Errorf("%d were admitted", admitted)
	}
	return nil
}

// down closes the door in several ways: what is known goes on, what is not is neither good nor bad.
func (t *trial) down(ctx context.Context) error {
	known, err := t.issuer.token(ctx, nil)
	if err != nil {
		return err
	}
	if status, _, err := t.call(ctx, "/things", "Bearer "+known); err != nil || status != http.StatusOK {
		return fmt.Errorf("before: %d %w", status, err)
	}
	for _, way := range []struct {
		name string
		as   http.HandlerFunc
	}{
		{"broken off", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{"429", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }},
		{"500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }},
		{"silent", func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(20 * time.Second):
			}
		}},
		{"no JSON", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }},
		{"no list", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) }}, // an empty one withdraws all keys
	} {
		t.issuer.close(way.as)
		time.Sleep(cooldown) // so that the gate may ask
		if err := t.issuer.rotate(); err != nil {
			return err
		}
		unknown, err := t.issuer.token(ctx, nil)
		if err != nil {
			return err
		}
		var longest time.Duration
		for i := range 20 {
			token, want := unknown, http.StatusServiceUnavailable
			if i%2 == 1 {
				token, want = known, http.StatusOK
			}
			status, took, err := t.call(ctx, "/things", "Bearer "+token)
			if err != nil {
				return err
			}
			if status != want {
				return fmt.Errorf("%s: answered %d, want %d", way.name, status, want)
			}
			longest = max(longest, took)
		}
		fmt.Printf("issuer: %-10s  known keys go on, an unknown one is answered 503; the longest waited %v\n", way.name, longest.Round(time.Millisecond))
		if longest > budget+slack {
			return fmt.Errorf("%s: a request waited %v", way.name, longest)
		}
		t.issuer.close(nil)
		// With the door open again the same token is good, after the cool-down at the latest.
		for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
			status, _, err := t.call(ctx, "/things", "Bearer "+unknown)
			if err != nil {
				return err
			}
			if status == http.StatusOK {
				break
			}
			if status != http.StatusServiceUnavailable || time.Since(began) > cooldown+budget+slack {
				return fmt.Errorf("%s: with the door open again answered %d after %v", way.name, status, time.Since(began))
			}
		}
		known = unknown
	}
	return nil
}

// proof is a DPoP proof (RFC 9449).
func proof(key *jose.PrivateKey, method, target, token string) (string, error) {
	claims := map[string]any{"jti": crand.Text(), "htm": method, "htu": target, "iat": time.Now().Unix()}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	return key.SignProof(payload)
}

// bound has the issuer bind a token to a key.
func (t *trial) bound(ctx context.Context) error {
	key, err := jose.GeneratePrivateKey(jose.ES256)
	if err != nil {
		return err
	}
	p, err := proof(key, http.MethodPost, t.issuer.url+"/token", "")
	if err != nil {
		return err
	}
	token, err := t.issuer.token(ctx, http.Header{"Dpop": {p}})
	if err != nil {
		return err
	}
	shown, err := proof(key, http.MethodGet, "https://localhost:"+t.Port()+"/things", token)
	if err != nil {
		return err
	}
	for _, tt := range []struct {
		name, authorization, proof string
		want                       int
	}{
		{"with its proof", "DPoP " + token, shown, http.StatusOK},
		{"with the proof again", "DPoP " + token, shown, http.StatusUnauthorized},
		{"as a bearer token", "Bearer " + token, "", http.StatusUnauthorized},
	} {
		status, _, err := t.call(ctx, "/things", tt.authorization, "DPoP", tt.proof)
		if err != nil {
			return err
		}
		if status != tt.want {
			return fmt.Errorf("%s: %d, want %d", tt.name, status, tt.want)
		}
	}
	fmt.Println("issuer: a token bound to a key is good with its proof, once, and not as a bearer token")
	return nil
}

// opaque has tokens that only their issuer can tell good from bad.
func (t *trial) opaque(ctx context.Context) error {
	token, err := t.issuer.token(ctx, nil, "resource", audience+"/opaque")
	if err != nil {
		return err
	}
	if strings.Contains(token, ".") {
		return fmt.Errorf("the token is not opaque")
	}
	show := func(token string, want int) error {
		status, took, err := t.call(ctx, "/opaque", "Bearer "+token)
		if err == nil && (status != want || took > budget+slack) {
			err = fmt.Errorf("answered %d after %v, want %d", status, took, want)
		}
		return err
	}
	before := t.issuer.asked.Load()
	for range 50 {
		if err := show(token, http.StatusOK); err != nil {
			return err
		}
	}
	fmt.Printf("issuer: an opaque token shown 50 times: its issuer was asked %d times\n", t.issuer.asked.Load()-before)
	if err := show("nobody-knows-this-one", http.StatusUnauthorized); err != nil {
		return err
	}
	if _, err := t.issuer.post(ctx, "/token/revocation", nil, url.Values{"client_id": {"app"}, "client_secret": {clientSecret}, "token": {token}}); err != nil {
		return err
	}
	began := time.Now()
	for {
		status, _, err := t.call(ctx, "/opaque", "Bearer "+token)
		if err != nil {
			return err
		}
		if status == http.StatusUnauthorized {
			break
		}
		if time.Since(began) > 11*time.Second {
			return fmt.Errorf("revoked by its issuer, it is good for more than ten seconds")
		}
		time.Sleep(100 * time.Millisecond)
	}
	fmt.Printf("issuer: revoked by its issuer, it was refused after %v\n", time.Since(began).Round(100*time.Millisecond))
	fresh, err := t.issuer.token(ctx, nil, "resource", audience+"/opaque")
	if err != nil {
		return err
	}
	for _, status := range []int{http.StatusTooManyRequests, http.StatusInternalServerError} {
		t.issuer.close(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		if err := show(fresh, http.StatusServiceUnavailable); err != nil {
			return fmt.Errorf("the issuer says %d: %w", status, err)
		}
	}
	t.issuer.close(nil)
	return show(fresh, http.StatusOK)
}
