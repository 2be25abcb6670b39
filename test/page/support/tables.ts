/** A database with everything that is awkward about tables. */
import type { PageTests } from "./browser.ts";

/** So many, in pages of 100. */
export const ORDERS = 2345;

export async function makeTables({ sql }: Pick<PageTests, "sql">, db: string): Promise<void> {
  await sql(
    db,
    `CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT, born DATE, credit REAL DEFAULT 10.5)`,
    `INSERT INTO customers(name, city, born, credit) VALUES
       ('Ada', 'London', '1815-12-10', 100), ('Blaise', 'Clermont', '1623-06-19', NULL),
       ('Carl', '', '1777-04-30', 12.25), ('Émilie', NULL, '1706-12-17', 9007199254740993)`,
    `CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customers(id),
       state TEXT NOT NULL DEFAULT 'open', total REAL, note TEXT, twice REAL GENERATED ALWAYS AS (total * 2) VIRTUAL)`,
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ORDERS})
     INSERT INTO orders(id, customer, state, total, note)
     SELECT i, 1 + i % 3, CASE i % 4 WHEN 0 THEN 'paid' WHEN 1 THEN 'open' WHEN 2 THEN 'sent' ELSE 'void' END,
       (i * 37 % 1000) / 4.0, CASE WHEN i % 5 = 0 THEN NULL ELSE 'note ' || i END FROM n`,
    `CREATE INDEX orders_customer ON orders(customer)`,
    `CREATE TABLE stock(shop TEXT NOT NULL, sku INTEGER NOT NULL, amount INTEGER NOT NULL DEFAULT 0, photo BLOB,
       PRIMARY KEY (shop, sku)) WITHOUT ROWID`,
    `INSERT INTO stock VALUES ('north', 1, 5, NULL), ('north', 2, 0, x'89504e470d0a1a0a00ff'), ('south', 1, 7, zeroblob(40000))`,
    `CREATE TABLE "odd ""name"" – größe"("select" TEXT, "a b" INTEGER, "c""d" TEXT DEFAULT 'x''y')`,
    `INSERT INTO "odd ""name"" – größe" VALUES ('one', 1, 'p'), ('two', 2, 'q'), ('one', 1, 'p')`,
    `CREATE VIEW big_orders AS SELECT id, total FROM orders WHERE total > 200`,
  );
}
