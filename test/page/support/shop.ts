/** A small shop to look at: keys, foreign keys, NULLs, BLOBs, JSON, long text. */
export const SHOP = [
  "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT UNIQUE, avatar BLOB, prefs TEXT) STRICT",
  "CREATE TABLE products(sku TEXT PRIMARY KEY, title TEXT NOT NULL, price REAL) WITHOUT ROWID",
  "CREATE TABLE orders(id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE, total REAL, note TEXT, placed TEXT DEFAULT CURRENT_TIMESTAMP)",
  "CREATE INDEX orders_user ON orders(user_id)",
  "CREATE VIEW big_orders AS SELECT o.id, u.name, o.total FROM orders o JOIN users u ON u.id = o.user_id WHERE o.total > 300",
  "CREATE TRIGGER users_name BEFORE UPDATE ON users WHEN new.name = '' BEGIN SELECT RAISE(ABORT, 'a user needs a name'); END",
  `INSERT INTO users(id, name, email, avatar, prefs)
   WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 40)
   SELECT i, 'User ' || i, CASE WHEN i % 7 = 0 THEN NULL ELSE 'user' || i || '@example.org' END,
     CASE WHEN i % 5 = 0 THEN zeroblob(i * 10) END,
     json_object('theme', CASE i % 2 WHEN 0 THEN 'dark' ELSE 'light' END, 'tags', json_array('a', 'b')) FROM n`,
  "INSERT INTO products VALUES('P-1', 'Pen', 1.5), ('P-2', 'Paper', 4), ('P-3', 'Ink', 12.25)",
  `INSERT INTO orders(id, user_id, total, note)
   WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
   SELECT i, 1 + i % 40, (i * 37 % 5000) / 10.0,
     CASE WHEN i % 11 = 0 THEN 'Please leave the parcel with the neighbours.' || char(10) || 'Thanks.' END FROM n`,
] as const;
