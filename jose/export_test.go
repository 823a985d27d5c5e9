// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package jose

// Compact writes s again, from what was read.
func (s *Signed) Compact() string { return s.input + "." + strict.EncodeToString(s.signature) }
