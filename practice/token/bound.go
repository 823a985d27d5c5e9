// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"

	"yett/exchange"
)

// checkCertificate demands the certificate that a token is bound to (RFC 8705 section 3): x5t is the SHA-256 of its DER. Whose
// certificate it is, and whether it is still good, was settled in the handshake.
func checkCertificate(x *exchange.Exchange, x5t string) error {
	if x.TLS == nil || len(x.TLS.PeerCertificates) == 0 {
		return errors.New("the client shows none")
	}
	sum := sha256.Sum256(x.TLS.PeerCertificates[0].Raw)
	if subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(x5t)) != 1 {
		return errors.New("the client shows another one")
	}
	return nil
}
