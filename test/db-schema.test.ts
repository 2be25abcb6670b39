import { Database as Connection } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import type { SchemaObject } from "../src/sql/schema.ts";
import { startTestServer, TestFolder, type TestServer } from "./support/server.ts";

interface Schema {
  success: boolean;
  db: string;
  schema_version: number;
  objects: SchemaObject[];
}

/** Makes a database file before a server opens it. */
function makeFile(folder: TestFolder, name: string, sql: string): void {
  const connection = new Connection(folder.file(name), { create: true });
  connection.run(sql);
  connection.close(true);
}

async function schemaOf(server: TestServer, db: string): Promise<Map<string, SchemaObject>> {
  const { status, body } = await server.json<Schema>(`/db/schema?db=${db}`);
  expect({ status, body: status === 200 ? "" : body }).toEqual({ status: 200, body: "" });
  return new Map(body.objects.map((object) => [object.name, object]));
}

describe("GET /db/schema?sizes=true", () => {
  test("tells the bytes of tables with their indexes, which are pages of the file", async () => {
    using folder = new TestFolder();
    makeFile(
      folder,
      "s.db",
      `create table big(a, b); create index big_a on big(a); create index big_b on big(b);
       create table keyed(a primary key, b) without rowid; create view v as select 1;
       insert into big select value, hex(randomblob(2000)) from
         (with recursive n(value) as (select 1 union all select value + 1 from n limit 100) select value from n)`,
    );
    await using server = await startTestServer({ folder, empty: true });
    const { body } = await server.json<Schema>("/db/schema?db=s&sizes=true");
    const sizes = Object.fromEntries(body.objects.map(({ name, size }) => [name, size]));
    expect(sizes).toEqual({ big: expect.any(Number), keyed: 4096, v: null });
    // All that is left of the file is the page with the schema.
    expect(statSync(folder.file("s.db")).size).toBe((sizes["big"] ?? 0) + 4096 + 4096);
    const plain = await server.json<Schema>("/db/schema?db=s");
    expect(plain.body.objects[0]).not.toHaveProperty("size");
  });
});

describe("GET /db/list", () => {
  test("names databases by their ending, newest first, and tells which are none", async () => {
    using folder = new TestFolder();
    makeFile(folder, "old.db", "create table a(b)");
    makeFile(folder, "new.sqlite", "create table a(b)");
    makeFile(folder, "third.SQLITE3", "create table a(b)");
    writeFileSync(folder.file("text.db"), "SQLite format 2 and more text");
    writeFileSync(folder.file("empty.db"), "");
    writeFileSync(folder.file("notes.txt"), "x");
    mkdirSync(folder.file("folder.db"));
    symlinkSync("/etc/passwd", folder.file("outside.db"));
    symlinkSync(folder.file("old.db"), folder.file("inside.db"));
    symlinkSync(folder.file("nothing"), folder.file("dangling.db"));
    for (const [index, name] of ["old.db", "text.db", "empty.db", "third.SQLITE3"].entries())
      utimesSync(folder.file(name), 1000 + index, 1000 + index);
    utimesSync(folder.file("new.sqlite"), 5000, 5000);
    await using server = await startTestServer({ folder, empty: true });
    const { status, body } = await server.json("/db/list");
    expect(status).toBe(200);
    expect(body).toMatchObject({ dir: folder.path, any_absolute_path: false, count: 6 });
    const databases = body["databases"] as Record<string, unknown>[];
    expect(databases.map(({ name, is_valid }) => [name, is_valid])).toEqual([
      ["new.sqlite", true],
      ["third.SQLITE3", true],
      ["empty.db", false],
      ["text.db", false],
      ["inside.db", true],
      ["old.db", true],
    ]);
    expect(databases[0]).toEqual({
      name: "new.sqlite",
      path: folder.file("new.sqlite"),
      size: 8192,
      size_str: "8.0 KiB",
      modified: "1970-01-01T01:23:20.000Z",
      mod_unix: 5000,
      is_valid: true,
    });
    // What it names can be used as it is.
    for (const name of ["new.sqlite", "third.SQLITE3", "inside.db"])
      expect((await server.api(`/db/schema?db=${name}`)).status).toBe(200);
  });

  test("says whether files elsewhere may be opened, too", async () => {
    await using server = await startTestServer({ args: ["--allow-any-absolute-db-path"] });
    expect((await server.json("/db/list")).body).toMatchObject({ any_absolute_path: true });
  });

  test("takes a folder within the data folder, and refuses every other", async () => {
    await using server = await startTestServer();
    const { folder } = server;
    mkdirSync(folder.file("sub"));
    makeFile(folder, "sub/inner.db", "create table a(b)");
    symlinkSync("/etc", folder.file("away"));
    const list = (dir: string) => server.json(`/db/list?dir=${encodeURIComponent(dir)}`);
    const inner = await list(folder.file("sub"));
    expect(inner.body).toMatchObject({ count: 1, databases: [{ name: "inner.db" }] });
    expect((await list(folder.path)).body).toMatchObject({ databases: [{ name: "t.db" }] });
    for (const [dir, code] of [
      ["sub", "INVALID_PARAMETERS"],
      [folder.file("t.db"), "INVALID_PARAMETERS"],
      [folder.file("none"), "INVALID_PARAMETERS"],
      [`${folder.path}/sub/../..`, "INVALID_PARAMETERS"],
      [`${folder.path}/sub\0`, "INVALID_PARAMETERS"],
      ["/etc", "FORBIDDEN"],
      [folder.file("away"), "FORBIDDEN"],
    ] as const)
      expect([dir, (await list(dir)).body]).toMatchObject([dir, { code, parameter: "dir" }]);
  });

  test.skipIf(process.platform !== "linux")(
    "does not take SQLite's locks off an open database",
    async () => {
      await using server = await startTestServer();
      await server.api("/kv/a?db=t", { method: "PUT", body: "1" });
      const locks = () => {
        const { ino } = statSync(server.folder.file("t.db"));
        return readFileSync("/proc/locks", "utf8")
          .split("\n")
          .filter((line) => line.includes(` ${process.pid} `) && line.includes(`:${ino} `)).length;
      };
      expect(locks()).toBeGreaterThan(0);
      expect((await server.json("/db/list")).body).toMatchObject({ count: 1 });
      expect(locks()).toBeGreaterThan(0);
    },
  );
});

describe("GET /db/schema", () => {
  test("describes columns, keys, foreign keys, indexes, triggers and DDL", async () => {
    using folder = new TestFolder();
    makeFile(
      folder,
      "shop.db",
      `create table item(
         id integer primary key, name text not null default 'x''y', price real,
         gross real as (price * 1.2) stored, label text as (name || '!'), unique (name, price)
       ) strict;
       create table part(item references item on delete cascade, a, b, primary key (b, a)) without rowid;
       create table line(x, y, z, foreign key (x, y) references part(b, a) on update set null);
       create table lost(n references nowhere);
       create index line_y on line(y desc, lower(z)) where z is not null;
       create trigger line_guard after insert on line begin select 1; end;
       create view both as select item.id as item_id, line.x from item, line;
       create trigger both_insert instead of insert on both begin select 1; end;
       create view broken as select * from gone;
       create table "odd "" name;--"("a b" "two words");
       insert into item(name, price) values ('a', 1), ('b', 2);`,
    );
    await using server = await startTestServer({ folder, empty: true });
    const schema = await schemaOf(server, "shop");
    expect(schema.get("item")).toMatchObject({
      type: "table",
      role: "user",
      strict: true,
      without_rowid: false,
      row_count: 2,
      row_count_exact: true,
      triggers: [],
      foreign_keys: [],
    });
    expect(schema.get("item")?.columns).toEqual([
      column("id", "INTEGER", { primary_key: 1 }),
      column("name", "TEXT", { not_null: true, default_value: "'x''y'" }),
      column("price", "REAL"),
      column("gross", "REAL", { generated: "stored" }),
      column("label", "TEXT", { generated: "virtual" }),
    ]);
    expect(schema.get("item")?.indexes).toEqual([
      {
        name: "sqlite_autoindex_item_1",
        unique: true,
        origin: "u",
        partial: false,
        columns: ["name", "price"],
        sql: null,
      },
    ]);
    expect(schema.get("part")).toMatchObject({
      without_rowid: true,
      columns: [{ name: "item" }, { name: "a", primary_key: 2 }, { name: "b", primary_key: 1 }],
      foreign_keys: [
        { columns: ["item"], table: "item", referenced_columns: ["id"], on_delete: "CASCADE" },
      ],
    });
    expect(schema.get("line")).toMatchObject({
      foreign_keys: [
        {
          columns: ["x", "y"],
          table: "part",
          referenced_columns: ["b", "a"],
          on_update: "SET NULL",
          on_delete: "NO ACTION",
        },
      ],
      indexes: [{ name: "line_y", origin: "c", partial: true, columns: ["y", null] }],
      triggers: [{ name: "line_guard" }],
    });
    expect(schema.get("line")?.indexes[0]?.sql).toContain("lower(z)");
    expect(schema.get("lost")?.foreign_keys).toMatchObject([{ referenced_columns: [] }]);
    expect(schema.get("both")).toMatchObject({
      type: "view",
      columns: [{ name: "item_id", type: "INTEGER" }, { name: "x" }],
      triggers: [{ name: "both_insert" }],
      row_count: null,
    });
    expect(schema.get("both")?.error).toBeUndefined();
    expect(schema.get("broken")).toMatchObject({
      columns: [],
      error: "no such table: main.gone",
    });
    expect(schema.get('odd " name;--')).toMatchObject({
      columns: [{ name: "a b", type: "two words" }],
      row_count: 0,
    });
  });

  test("marks key-value tables, histories and bookkeeping by their role", async () => {
    await using server = await startTestServer();
    await server.api("/kv/a?db=t", { method: "PUT", body: "1" });
    await server.api("/kv/a?db=t&table=other", { method: "PUT", body: "1" });
    await server.api("/db?db=t", {
      method: "POST",
      body: JSON.stringify({
        transaction: [
          { statement: "create table mine(id integer primary key autoincrement)" },
          { statement: "create virtual table words using fts5(body)" },
          { statement: "create virtual table boxes using rtree(id, low, high)" },
          { statement: "insert into words values ('a'), ('b'), ('c')" },
          { statement: "insert into boxes values (1, 0, 1), (2, 0, 1)" },
        ],
      }),
    });
    const schema = await schemaOf(server, "t");
    const roles = Object.fromEntries([...schema].map(([name, { role }]) => [name, role]));
    expect(roles).toMatchObject({
      kv_store: "kv",
      other: "kv",
      kv_store_history: "kv_history",
      other_history: "kv_history",
      mine: "user",
      words: "user",
      boxes: "user",
      words_data: "internal",
      words_content: "internal",
      boxes_node: "internal",
      sqlite_sequence: "internal",
      chronolite_relations: "internal",
    });
    expect(schema.get("words")).toMatchObject({ type: "virtual", row_count: 3 });
    expect(schema.get("boxes")).toMatchObject({ type: "virtual", row_count: 2 });
    expect(schema.get("words")?.columns.filter(({ hidden }) => !hidden)).toHaveLength(1);
    // People's objects come before bookkeeping.
    const order = [...schema.values()].map(({ role }) => role === "internal");
    expect(order).toEqual(order.toSorted());
  });

  test("a virtual table of an unknown module does not break the call", async () => {
    using folder = new TestFolder();
    makeFile(folder, "m.db", "create table a(b); create virtual table odd using rtree(id, x, y)");
    const bytes = readFileSync(folder.file("m.db"));
    bytes.write("nobdy", bytes.indexOf("rtree(id"));
    writeFileSync(folder.file("m.db"), bytes);
    await using server = await startTestServer({ folder, empty: true });
    const schema = await schemaOf(server, "m");
    expect(schema.get("odd")).toMatchObject({ type: "virtual", error: "no such module: nobdy" });
    expect(schema.get("a")).toMatchObject({ row_count: 0, row_count_exact: true });
  });

  test("answers 304 until the schema changes", async () => {
    await using server = await startTestServer();
    const get = (etag?: string) =>
      server.api("/db/schema?db=t", {
        headers: etag === undefined ? {} : { "If-None-Match": etag },
      });
    const etag = (await get()).headers.get("etag") ?? "";
    expect(etag).toMatch(/^W\/"/);
    const same = await get(`"other", ${etag}`);
    expect([same.status, await same.text(), same.headers.get("etag")]).toEqual([304, "", etag]);
    await server.api("/db?db=t", {
      method: "POST",
      body: JSON.stringify({ transaction: [{ statement: "create table more(a)" }] }),
    });
    const changed = await get(etag);
    expect(changed.status).toBe(200);
    expect(changed.headers.get("etag")).not.toBe(etag);
    expect(((await changed.json()) as Schema).db).toBe("t");
  });

  test("counts to 10,000 rows and estimates beyond, whatever the row ids are like", async () => {
    using folder = new TestFolder();
    const series = (rows: number) =>
      `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${rows})`;
    makeFile(
      folder,
      "big.db",
      `create table small(a); insert into small ${series(10_000)} select i from n;
       create table large(a); insert into large ${series(120_000)} select i from n;
       create table holes(a integer primary key); insert into holes ${series(60_000)} select i * 2 from n;
       create table sparse(id integer primary key); insert into sparse ${series(60_000)} select i * 1000000007 * 4000 from n;
       create table keyed(k primary key, v) without rowid; insert into keyed ${series(60_000)} select 'key' || i, i from n;
       create table shadowed(rowid text, oid text, _rowid_ text); insert into shadowed ${series(60_000)} select i, i, i from n;`,
    );
    await using server = await startTestServer({ folder, empty: true });
    const schema = await schemaOf(server, "big");
    const counted = (name: string) => {
      const { row_count, row_count_exact } = schema.get(name) ?? {};
      return { rows: row_count ?? Number.NaN, exact: row_count_exact };
    };
    expect(counted("small")).toEqual({ rows: 10_000, exact: true });
    expect(counted("large")).toEqual({ rows: 120_000, exact: false });
    expect(counted("holes").exact).toBe(false);
    expect(Math.abs(counted("holes").rows - 60_000)).toBeLessThan(3000);
    for (const name of ["sparse", "keyed", "shadowed"]) {
      expect(counted(name).exact).toBe(false);
      expect(counted(name).rows).toBeGreaterThan(30_000);
      expect(counted(name).rows).toBeLessThan(120_000);
    }
  });

  test("of a thousand tables comes whole and in one answer", async () => {
    using folder = new TestFolder();
    const tables = Array.from(
      { length: 1000 },
      (_, index) =>
        `create table t${index}(id integer primary key, a text unique, b references t0);
         create index i${index} on t${index}(b);`,
    );
    makeFile(folder, "many.db", `begin; ${tables.join("\n")} commit;`);
    await using server = await startTestServer({ folder, empty: true });
    const startedMs = performance.now();
    const schema = await schemaOf(server, "many");
    expect(schema.size).toBe(1000);
    expect(performance.now() - startedMs).toBeLessThan(5000);
    expect(schema.get("t999")?.indexes.map(({ columns }) => columns)).toEqual([["a"], ["b"]]);
  });

  test("of what is no database says what is wrong", async () => {
    await using server = await startTestServer();
    writeFileSync(server.folder.file("text.db"), "not a database, but long enough to be one");
    for (const [db, code] of [
      ["none", "DATABASE_NOT_FOUND"],
      ["text", "INVALID_SQLITE_HEADER"],
      [encodeURIComponent(server.folder.path), "PATH_IS_DIRECTORY"],
      ["..%2Ft", "INVALID_DB_PATH"],
    ])
      expect((await server.json(`/db/schema?db=${db}`)).body).toMatchObject({ code });
    expect((await server.json("/db/schema")).body).toMatchObject({ parameter: "db" });
  });
});

function column(name: string, type: string, more: Record<string, unknown> = {}) {
  return {
    name,
    type,
    not_null: false,
    default_value: null,
    primary_key: 0,
    generated: null,
    hidden: false,
    ...more,
  };
}
