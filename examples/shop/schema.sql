-- Copyright The yett Authors
-- SPDX-License-Identifier: Apache-2.0
--
-- Money is in cents. Nothing is hidden, hashed well or constrained: that is the point of this shop.

CREATE TABLE products (
    id INTEGER PRIMARY KEY,
    sku TEXT, name TEXT, category TEXT, description TEXT, price INTEGER, currency TEXT, stock INTEGER,
    cost_price INTEGER, supplier TEXT, supplier_discount INTEGER
);

CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    name TEXT, email TEXT, city TEXT, country TEXT, member_since TEXT,
    role TEXT, phone TEXT, street TEXT, postcode TEXT, birth_date TEXT, tax_id TEXT,
    password_hash TEXT, reset_token TEXT, card_number TEXT, card_expiry TEXT, card_cvc TEXT, iban TEXT,
    store_credit INTEGER, risk_score INTEGER, internal_note TEXT, last_ip TEXT, newsletter INTEGER
);

CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER, status TEXT, total INTEGER, currency TEXT, ship_to TEXT, deliver_on TEXT, note TEXT DEFAULT '',
    cost_total INTEGER, staff_note TEXT, placed_at TEXT, placed_from TEXT
);

CREATE TABLE order_items (
    id INTEGER PRIMARY KEY,
    order_id INTEGER, product_id INTEGER, quantity INTEGER, price INTEGER,
    cost_price INTEGER
);

CREATE TABLE payments (
    id INTEGER PRIMARY KEY,
    order_id INTEGER, amount INTEGER, currency TEXT, status TEXT, card_last4 TEXT,
    card_number TEXT, card_expiry TEXT, provider_reference TEXT
);

CREATE TABLE reviews (
    id INTEGER PRIMARY KEY,
    product_id INTEGER, rating INTEGER, text TEXT, author TEXT, created_on TEXT,
    published INTEGER, author_email TEXT, author_ip TEXT
);

-- A session's token is its id.
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER
);

CREATE INDEX order_items_by_order ON order_items (order_id);
