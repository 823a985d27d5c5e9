// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package practicetest

import (
	"path/filepath"
	"testing"

	"yett/gateway"
)

func TestAttacksAndOrdinaryTrafficOfEveryPractice(t *testing.T) {
	up := OpenShop(t)
	for _, p := range gateway.Practices() {
		t.Run(p.Name, func(t *testing.T) {
			if AtRest[p.Name] != "" {
				return
			}
			s, err := Load(p.Name, filepath.Join("..", "..", "practice", p.Name, "testdata"))
			if err != nil {
				t.Fatal(err)
			}
			s.Run(t, up)
		})
	}
}
