// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"strings"
)

// clerkReadsCard reads a card number with a key that may read customers and take no payments.
var clerkReadsCard = Attack{
	Number: 15, Practice: "expose", Title: "support clerk reads a card number",
	Fire: func(ctx context.Context, s *Side) Outcome {
		customer, err := s.customer(ctx)
		if err != nil {
			return cannotTell(err)
		}
		card, ok := customer["card_number"].(string)
		switch {
		case !ok:
			return cannotTell(errors.New("there is no card"))
		case cardNumber.MatchString(card):
			return gotThrough("%s", card)
		case strings.Trim(card[:max(0, len(card)-4)], "*") != "":
			return cannotTell(errors.New("neither the card nor its mask"))
		}
		return refused("%s", card)
	},
}
