// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package shop

import (
	"crypto/md5" //nolint:gosec // the flaw: unsalted MD5 for passwords
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// How much of each there is in a new shop.
const (
	seedProducts  = 50
	seedCustomers = 30
	seedOrders    = 200
	seedReviews   = 1_000
)

// firstSession is the token of the administrator's own session, which never ends.
const firstSession = 1001

var (
	things = []struct{ name, category string }{
		{"Oak breadboard", "kitchen"}, {"Stoneware teapot", "kitchen"}, {"Brass lantern", "light"}, {"Ash stool", "seating"}, {"Linen apron", "textile"},
		{"Paper notebook", "table"}, {"Stoneware mug", "kitchen"}, {"Willow basket", "table"}, {"Beech bench", "seating"}, {"Wool blanket", "textile"},
	}
	variants  = []string{"plain", "small", "large", "dark", "pale"}
	suppliers = []string{"Harbour Works", "Felder & Daughters", "Two Rivers Mill"}
	firsts    = []string{"Anna", "Bela", "Carla", "Dario", "Edda", "Farid", "Greta", "Hugo", "Ines", "Jonas"}
	lasts     = []string{
		"Adler", "Berg", "Conti", "Dunne", "Eriksen", "Faber", "Grau", "Hollis", "Ilves", "Jansen",
		"Keller", "Lund", "Moreau", "Novak", "Olsen", "Petit", "Quist", "Rossi", "Sauer", "Toth",
		"Ullmann", "Varga", "Weiss", "Xanthos", "Ysebaert", "Zeman", "Arlt", "Brandt", "Cordes", "Dorn",
	}
	cities   = []string{"Bremen", "Graz", "Lyon", "Gent", "Aarhus"}
	lands    = []string{"DE", "AT", "FR", "BE", "DK"}
	states   = []string{"new", "paid", "shipped", "shipped", "returned"}
	opinions = []string{
		"Exactly as pictured, and it arrived a day early.",
		"The colour is darker than I thought, but I like it.",
		"Second one I bought; the first is still in daily use.",
		"Good work, though the edge needed a little sanding.",
		"A present for my sister. She won't give it back.",
		"Too small for us. Returned without any trouble.",
		"Solid. Heavier than it looks.",
	}
	// Six customers chose a password that is in every list of stolen ones.
	stolen = []string{"123456", "password", "qwerty123", "iloveyou", "dragon1", "sunshine"}
)

// pick takes a list's element by any number.
func pick[T any](list []T, n int) T { return list[n%len(list)] }

// seed fills an empty database, always with the same.
func seed(d *database) error {
	orders, items, payments := theOrders()
	for _, fill := range []struct {
		table string
		rows  []row
	}{
		{"products", theProducts()},
		{"customers", theCustomers()},
		{"orders", orders},
		{"order_items", items},
		{"payments", payments},
		{"reviews", theReviews()},
		{"sessions", []row{{"id": firstSession, "customer_id": 1}}},
	} {
		if _, err := d.insert(fill.table, fill.rows...); err != nil {
			return fmt.Errorf("%s: %w", fill.table, err)
		}
	}
	return nil
}

// seedPrice is what product n costs, in cents.
func seedPrice(n int) int { return 2_000 + (n-1)*1_350%9_500 }

func theProducts() (rows []row) {
	for n := 1; n <= seedProducts; n++ {
		thing, variant := pick(things, n-1), pick(variants, (n-1)/len(things))
		rows = append(rows, row{
			"id": n, "sku": fmt.Sprintf("%s-%03d", strings.ToUpper(thing.category[:3]), n), "name": thing.name + ", " + variant, "category": thing.category,
			"description": thing.name + ", " + variant + ". Made by hand, to be used every day.",
			"price":       seedPrice(n), "currency": "EUR", "stock": 5 + n*13%120,
			"cost_price": seedPrice(n) * 55 / 100, "supplier": pick(suppliers, n), "supplier_discount": n % 7,
		})
	}
	return rows
}

func theCustomers() (rows []row) {
	for n := 1; n <= seedCustomers; n++ {
		first, last := pick(firsts, n-1), pick(lasts, n-1)
		role, note := "customer", ""
		if n == 1 {
			role = "admin"
		}
		if n%6 == 0 {
			note = "complains often; do not offer the discount by telephone"
		}
		rows = append(rows, row{
			"id": n, "name": first + " " + last, "email": seedEmail(n), "city": pick(cities, n), "country": pick(lands, n),
			"member_since": seedDay(n * 11), "role": role, "phone": fmt.Sprintf("+49 30 2312 5%03d", n),
			"street": fmt.Sprintf("Mill Lane %d", n), "postcode": fmt.Sprintf("%05d", 10_000+n*317),
			"birth_date": time.Date(1950+n, time.Month(n%12+1), n%28+1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly),
			"tax_id":     fmt.Sprintf("DE%09d", 811_000_000+n*1_337), "password_hash": passwordHash(seedPassword(n)),
			"reset_token": fmt.Sprintf("reset-%04d", n), "card_number": seedCard(n), "card_expiry": fmt.Sprintf("%02d/29", n%12+1),
			"card_cvc": fmt.Sprintf("%03d", n*37%1000), "iban": seedIBAN(n), "store_credit": 0, "risk_score": n * 29 % 100,
			"internal_note": note, "last_ip": fmt.Sprintf("198.51.100.%d", n), "newsletter": n % 2,
		})
	}
	return rows
}

func theOrders() (orders, items, payments []row) {
	for n := 1; n <= seedOrders; n++ {
		customer := n*7%seedCustomers + 1
		total := 0
		for i := range n%3 + 1 {
			product := (n+i*17)%seedProducts + 1
			quantity := (n+i)%4 + 1
			total += quantity * seedPrice(product)
			items = append(items, row{
				"order_id": n, "product_id": product, "quantity": quantity, "price": seedPrice(product), "cost_price": seedPrice(product) * 55 / 100,
			})
		}
		status := pick(states, n)
		orders = append(orders, row{
			"id": n, "customer_id": customer, "status": status, "total": total, "currency": "EUR",
			"ship_to": map[string]any{
				"name": pick(firsts, customer-1) + " " + pick(lasts, customer-1), "street": fmt.Sprintf("Mill Lane %d", customer),
				"postcode": fmt.Sprintf("%05d", 10_000+customer*317), "city": pick(cities, customer), "country": pick(lands, customer),
			},
			"deliver_on": seedDay(n + 5), "note": "", "cost_total": total * 55 / 100,
			"staff_note": fmt.Sprintf("margin %d, call before any refund", total*45/100),
			"placed_at":  seedDay(n) + "T09:30:00Z", "placed_from": fmt.Sprintf("198.51.100.%d", customer),
		})
		if status == "new" {
			continue
		}
		card := seedCard(customer)
		payments = append(payments, row{
			"order_id": n, "amount": total, "currency": "EUR", "status": "captured", "card_last4": card[len(card)-4:],
			"card_number": card, "card_expiry": fmt.Sprintf("%02d/29", customer%12+1), "provider_reference": fmt.Sprintf("prov-%06d", n*7_919),
		})
	}
	return orders, items, payments
}

func theReviews() (rows []row) {
	for n := 1; n <= seedReviews; n++ {
		customer := n*11%seedCustomers + 1
		published := 1
		if n%10 == 0 {
			published = 0 // held back, for instance because it names somebody
		}
		rows = append(rows, row{
			"id": n, "product_id": n%seedProducts + 1, "rating": 5 - n*n%4, "text": pick(opinions, n), "author": pick(firsts, customer-1),
			"created_on": seedDay(n % 365), "published": published, "author_email": seedEmail(customer), "author_ip": fmt.Sprintf("198.51.100.%d", customer),
		})
	}
	return rows
}

func seedDay(n int) string {
	return time.Date(2025, time.January, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n).Format(time.DateOnly)
}

func seedEmail(n int) string {
	return strings.ToLower(pick(firsts, n-1) + "." + pick(lasts, n-1) + "@example.org")
}

// seedPassword is one in every list of stolen passwords for customers 3, 8, 13, 18, 23 and 28, else one of its own.
func seedPassword(n int) string {
	if n%5 == 3 {
		return pick(stolen, n/5)
	}
	return fmt.Sprintf("%s-%04d-%s", pick(cities, n*3), n*7_919%10_000, pick(lasts, n*7))
}

func passwordHash(password string) string {
	sum := md5.Sum([]byte(password)) //nolint:gosec // the flaw
	return hex.EncodeToString(sum[:])
}

// seedCard is a card number of the range that card schemes reserve for tests, with a true check digit. Customer 1 has the famous one.
func seedCard(n int) string {
	head := fmt.Sprintf("4111111%08d", 11_111_111+(n-1)*7_654_321%80_000_000)
	sum := 0
	for i := range len(head) {
		digit := int(head[len(head)-1-i] - '0')
		if i%2 == 0 {
			if digit *= 2; digit > 9 {
				digit -= 9
			}
		}
		sum += digit
	}
	return fmt.Sprintf("%s%d", head, (10-sum%10)%10)
}

// seedIBAN is a German account number of a bank that does not exist, with true check digits (ISO 7064, 97-10).
func seedIBAN(n int) string {
	account := fmt.Sprintf("00000000%010d", 4_200_000+n)
	whole, _ := new(big.Int).SetString(account+"131400", 10) // D is 13, E is 14
	rest := new(big.Int).Mod(whole, big.NewInt(97)).Int64()
	return fmt.Sprintf("DE%02d%s", 98-rest, account)
}
