import { Database as Connection } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { spawnServer, startTestServer, TestFolder, type TestServer } from "./support/server.ts";

function makeFile(folder: TestFolder, name: string, sql: string): void {
  const connection = new Connection(folder.file(name), { create: true });
  connection.run(sql);
  connection.close(true);
}

async function dumpOf(server: TestServer, db: string, more = ""): Promise<string> {
  const response = await server.api(`/db/export?db=${db}&format=sql${more}`);
  const text = await response.text();
  expect({ status: response.status, text: response.status === 200 ? "" : text }).toEqual({
    status: 200,
    text: "",
  });
  return text;
}

/** Loads a dump as the sqlite3 program would. */
function load(folder: TestFolder, name: string, sql: string): void {
  const database = new DatabaseSync(folder.file(name));
  database.enableDefensive?.(false);
  database.exec(sql);
  database.close();
}

interface Contents {
  schema: unknown[];
  rows: Record<string, unknown[]>;
  pragmas: unknown[];
}

/** Everything of a database that a user can see, exactly: values with their types and bytes. */
function contents(folder: TestFolder, name: string): Contents {
  const database = new DatabaseSync(folder.file(name), { readOnly: true });
  const all = (sql: string) =>
    database
      .prepare(sql)
      .all()
      .map((row) => ({ ...row }));
  const objects = all("select type, name, tbl_name, sql from sqlite_schema order by type, name");
  const rows: Record<string, unknown[]> = {};
  for (const { name: table, type, wr } of all(
    "select name, type, wr from pragma_table_list where schema = 'main' and type <> 'shadow'",
  )) {
    if (table === "sqlite_schema") continue;
    try {
      const exact = all(`select name from pragma_table_xinfo('${String(table)}') where hidden <> 1`)
        .map(({ name: column }) => `"${String(column)}"`)
        .map((column, at) => `typeof(${column}) as t${at}, hex(cast(${column} as blob)) as h${at}`);
      const id = type !== "view" && wr === 0 ? "rowid as id, " : "";
      rows[String(table)] = all(`select ${id}${exact.join(", ")} from "${String(table)}"`);
    } catch (error) {
      rows[String(table)] = [(error as Error).message];
    }
  }
  const pragmas = ["user_version", "application_id", "encoding"].map((pragma) =>
    all(`pragma ${pragma}`),
  );
  database.close();
  return { schema: objects, rows, pragmas };
}

/** Dumps a database, loads the dump, and compares everything. */
async function roundTrip(sql: string, encoding = "UTF-8"): Promise<string> {
  using folder = new TestFolder();
  makeFile(folder, "source.db", `pragma encoding = '${encoding}'; ${sql}`);
  const before = contents(folder, "source.db");
  expect(before.pragmas).toContainEqual([{ encoding }]);
  await using server = await startTestServer({ folder, empty: true });
  const dump = await dumpOf(server, "source");
  load(folder, "copy.db", dump);
  const after = contents(folder, "copy.db");
  expect(after.rows).toEqual(before.rows);
  expect(after).toEqual(before);
  const sound = await server.json("/maintenance?db=copy", {
    method: "POST",
    body: '{"op":"integrity_check"}',
  });
  expect(sound.body).toMatchObject({ result: "ok" });
  return dump;
}

const VALUES = `
  create table v(a, b);
  insert into v values
    (1, 9223372036854775807), (2, -9223372036854775808), (3, 0), (4, 9007199254740993),
    (5, 1e999), (6, -1e999), (7, 0.1), (8, 1.0), (9, 1e21), (10, 5e-324), (11, 1.7976931348623157e308),
    (12, 123456789012345680.0), (13, null), (14, ''), (15, 'it''s'), (16, 'a' || char(0) || 'b'),
    (17, char(0)), (18, 'line' || char(10) || 'line;' || char(13)), (19, '--x'), (20, 'ü€😀'),
    (21, x''), (22, x'00ff00'), (23, cast(x'ff41' as text)), (24, zeroblob(1000)), (25, '9.0e+999');`;

describe("GET /db/export?format=sql", () => {
  test("gives every value back exactly", async () => {
    await roundTrip(VALUES);
  });

  test("of a UTF-16 database too", async () => {
    await roundTrip(VALUES.replace("(23, cast(x'ff41' as text)),", ""), "UTF-16le");
  });

  test("gives back row ids, generated columns, WITHOUT ROWID, STRICT, AUTOINCREMENT, versions", async () => {
    await roundTrip(`
      create table gaps(a); insert into gaps values ('x'), ('y'), ('z'); delete from gaps where a = 'y';
      create table plain(a); insert into plain values (1), (2);
      create table rowid_is_column(rowid text, a); insert into rowid_is_column values ('mine', 1);
      create table descending(id integer primary key desc, a); insert into descending(rowid, id, a) values (7, 3, 'd');
      create table made(a int, b as (a * 2), c text as (a || 'c') stored, "d ""d" text);
      insert into made(a, "d ""d") values (1, 'one'), (2, 'two');
      create table keyed(k text, n int, v, primary key (n, k)) without rowid;
      insert into keyed values ('a', 1, 'x'), ('b', 1, 'y'), (cast(x'fe00' as text), 0, null);
      create table typed(i integer, r real, t text, b blob, a any) strict;
      insert into typed values (1, 1, '1', x'31', '1'), (2, 2.5, '2', x'', 2), (3, null, null, null, 3.0);
      create table counted(id integer primary key autoincrement, a);
      insert into counted values (5, 'a'), (900, 'b'); delete from counted where id = 900;
      create table empty_counted(id integer primary key autoincrement);
      create table "select"("from", "a b"); insert into "select" values (1, 2);
      create table parent(id integer primary key); create table child(p references parent);
      insert into child values (99);
      pragma user_version = 42; pragma application_id = -7;`);
  });

  test("gives back indexes, views and triggers, which do not act while loading", async () => {
    const dump = await roundTrip(`
      create table log(what); create table t(a, b);
      create trigger t_insert after insert on t begin insert into log values (new.a); end;
      insert into t values (1, 'b'), (2, 'c');
      create index t_b on t(b desc, lower(a)) where a > 0;
      create unique index t_a on t(a);
      create view z as select * from y; create view y as select a from t; create view broken as select * from nope;
      create trigger z_insert instead of insert on z begin insert into t values (new.a, 'via view'); end;
      analyze;`);
    expect(dump).toContain("sqlite_stat1");
  });

  test("gives back full-text and R-Tree tables that can be searched", async () => {
    const sql = `
      create virtual table words using fts5(title, body unindexed, tokenize = 'porter');
      insert into words(rowid, title, body) values (3, 'running fast', 'one'), (9, 'slow walk', 'two');
      insert into words(words, rank) values ('rank', 'bm25(10.0, 5.0)'), ('automerge', 2);
      create virtual table vocabulary using fts5vocab(words, row);
      create table article(id integer primary key, text); insert into article values (1, 'alpha beta'), (2, 'gamma');
      create virtual table article_index using fts5(text, content = 'article', content_rowid = 'id');
      insert into article_index(article_index) values ('rebuild');
      create virtual table bare using fts5(text, content = '');
      insert into bare(rowid, text) values (4, 'found in the bare one');
      create virtual table old using fts4(a, b); insert into old(docid, a, b) values (5, 'ancient text', 'x');
      create virtual table boxes using rtree(id, x0, x1, y0, y1, +label);
      insert into boxes values (1, 0.1, 0.2, -1e10, 1e10, 'one'), (2, 5, 6, 7, 8, null);
      create virtual table cells using rtree_i32(id, x0, x1); insert into cells values (1, -2147483648, 2147483647);
      create virtual table shapes using geopoly(label);
      insert into shapes(rowid, _shape, label) values (6, '[[0,0],[1,0],[0.5,1],[0,0]]', 'triangle');
      create table words_mine(a); insert into words_mine values ('not a shadow');`;
    using folder = new TestFolder();
    makeFile(folder, "source.db", sql);
    const before = contents(folder, "source.db");
    await using server = await startTestServer({ folder, empty: true });
    const dump = await dumpOf(server, "source");
    expect(dump).not.toContain("writable_schema");
    load(folder, "copy.db", dump);
    const { rows, schema } = contents(folder, "copy.db");
    expect(rows).toEqual(before.rows);
    const named = (object: unknown) => (object as { name: string }).name;
    expect(schema.map(named).toSorted()).toEqual(before.schema.map(named).toSorted());
    const copy = new DatabaseSync(folder.file("copy.db"));
    const one = (query: string) => Object.values(copy.prepare(query).get() ?? {})[0];
    expect(one("select rowid from words('run')")).toBe(3);
    expect(one("select v from words_config where k = 'rank'")).toBe("bm25(10.0, 5.0)");
    expect(one("select v from words_config where k = 'automerge'")).toBe(2);
    expect(one("select rowid from article_index('beta')")).toBe(1);
    expect(one("select rowid from bare('found')")).toBe(4);
    expect(one("select docid from old where old match 'ancient'")).toBe(5);
    expect(one("select label from boxes where x0 > 0 and x1 < 1")).toBe("one");
    expect(
      one("select label from shapes where geopoly_overlap(_shape, '[[0,0],[1,0],[1,1],[0,0]]')"),
    ).toBe("triangle");
    expect(one("pragma integrity_check")).toBe("ok");
    copy.close();
  });

  test("of a key-value database loads into one that works, with its history", async () => {
    await using server = await startTestServer();
    for (const value of ["1", "2"]) await server.api("/kv/a?db=t", { method: "PUT", body: value });
    await server.api("/kv/b?db=t", { method: "PUT", body: new Uint8Array([0, 255]) });
    load(server.folder, "again.db", await dumpOf(server, "t"));
    expect(await (await server.api("/kv/a?db=again")).text()).toBe("2");
    expect(await (await server.api("/kv/b?db=again")).bytes()).toEqual(new Uint8Array([0, 255]));
    expect((await server.api("/kv/a?db=again", { method: "PUT", body: "3" })).status).toBe(200);
  });

  test("is of one moment, while transactions on several tables go on", async () => {
    await using server = await startTestServer();
    const run = (...statements: string[]) =>
      server.api("/db?db=t", {
        method: "POST",
        body: JSON.stringify({ transaction: statements.map((statement) => ({ statement })) }),
      });
    const fill =
      "with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000) select i from n";
    await run(
      "create table a(x)",
      "create table b(x)",
      `insert into a ${fill}`,
      `insert into b ${fill}`,
    );
    let writing = true;
    const writer = (async () => {
      while (writing) await run("insert into a values (0)", "insert into b values (0)");
    })();
    for (let round = 0; round < 3; round += 1) {
      const dump = await dumpOf(server, "t");
      const rows = (table: string) => dump.split(`INSERT INTO "${table}" `).length;
      expect(rows("a")).toBe(rows("b"));
    }
    writing = false;
    await writer;
  });

  test("tables chooses some; unknown ones are refused before anything is sent", async () => {
    using folder = new TestFolder();
    makeFile(
      folder,
      "source.db",
      `create table a(x); insert into a values (1); create index a_x on a(x);
       create table b(id integer primary key autoincrement); insert into b values (7);
       create table "c, d"(x); create view w as select * from a; pragma user_version = 3;`,
    );
    await using server = await startTestServer({ folder, empty: true });
    load(folder, "copy.db", await dumpOf(server, "source", "&tables=A,w"));
    expect(Object.keys(contents(folder, "copy.db").rows).toSorted()).toEqual(["a", "w"]);
    load(
      folder,
      "other.db",
      await dumpOf(server, "source", `&tables=${encodeURIComponent('["c, d","b"]')}`),
    );
    const other = contents(folder, "other.db");
    expect(Object.keys(other.rows).toSorted()).toEqual(["b", "c, d", "sqlite_sequence"]);
    for (const tables of ["none", "a,none", "a_x", "sqlite_sequence", "", "[1]", "[", "a,,b"]) {
      const { status, body } = await server.json(
        `/db/export?db=source&format=sql&tables=${encodeURIComponent(tables)}`,
      );
      expect([tables, status, body]).toMatchObject([tables, 400, { parameter: "tables" }]);
    }
    expect((await server.json("/db/export?db=source&tables=a")).body).toMatchObject({
      parameter: "tables",
    });
  });

  test("leaves out, in a comment, a virtual table of an unknown module", async () => {
    using folder = new TestFolder();
    makeFile(
      folder,
      "source.db",
      "create table a(b); create virtual table odd using rtree(id, x, y)",
    );
    const bytes = Buffer.from(await Bun.file(folder.file("source.db")).arrayBuffer());
    bytes.write("nobdy", bytes.indexOf("rtree(id"));
    writeFileSync(folder.file("source.db"), bytes);
    await using server = await startTestServer({ folder, empty: true });
    const dump = await dumpOf(server, "source");
    expect(dump).toContain("-- Left out, because it cannot be used (no such module: nobdy)");
    load(folder, "copy.db", dump);
    expect(Object.keys(contents(folder, "copy.db").rows)).toContain("a");
  });
});

describe("GET /db/export?format=sqlite", () => {
  test("is a whole database as of one moment, while writes go on", async () => {
    await using server = await startTestServer();
    await server.api("/db?db=t", {
      method: "POST",
      body: JSON.stringify({ transaction: [{ statement: "create table pair(a, b)" }] }),
    });
    let writing = true;
    let written = 0;
    const writer = (async () => {
      while (writing) {
        // Two rows in one transaction: a copy has both or neither.
        const { status } = await server.api("/db?db=t", {
          method: "POST",
          body: JSON.stringify({
            transaction: [
              { statement: `insert into pair values (${written}, 1)` },
              { statement: `insert into pair values (${written}, 2)` },
            ],
          }),
        });
        expect(status).toBe(200);
        written += 1;
      }
    })();
    for (let round = 0; round < 3; round += 1) {
      const response = await server.api("/db/export?db=t&format=sqlite");
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe("application/vnd.sqlite3");
      expect(response.headers.get("content-disposition")).toStartWith(
        'attachment; filename="t.db"',
      );
      writeFileSync(server.folder.file(`copy${round}.db`), await response.bytes());
      const copy = new Connection(server.folder.file(`copy${round}.db`));
      expect(copy.query("pragma integrity_check").get()).toEqual({ integrity_check: "ok" });
      expect(
        copy
          .query("select count(*) as n from (select a from pair group by a having count(*) <> 2)")
          .get(),
      ).toEqual({ n: 0 });
      copy.close(true);
    }
    writing = false;
    await writer;
    expect(written).toBeGreaterThan(0);
    const own = readdirSync(server.folder.file(".chronolite"));
    expect(own.filter((name) => name.startsWith("work-"))).toEqual([]);
  });

  test("leaves nothing behind when the caller hangs up, or when the server dies", async () => {
    using folder = new TestFolder();
    makeFile(
      folder,
      "big.db",
      `create table big(a); insert into big with recursive n(i) as (select 1 union all select i + 1 from n where i < 40000) select hex(randomblob(200)) from n`,
    );
    const own = folder.file(".chronolite");
    const leftOver = () =>
      (existsSync(own) ? readdirSync(own) : []).filter((name) => name.startsWith("work-"));
    await using server = await spawnServer(folder);
    for (let round = 0; round < 3; round += 1) {
      const caller = new AbortController();
      const response = await server.api("/db/export?db=big", { signal: caller.signal });
      await response.body?.getReader().read();
      caller.abort();
    }
    const active = async () => {
      const { counters } = (await (await server.api("/health")).json()) as {
        counters: { sql_active: number };
      };
      return counters.sql_active;
    };
    while ((await active()) > 0 || leftOver().length > 0) await Bun.sleep(10);
    const pending = server.api("/db/export?db=big").catch(() => {});
    while (leftOver().length === 0) await Bun.sleep(1);
    server.process.kill("SIGKILL");
    await server.process.exited;
    await pending;
    await using _next = await spawnServer(folder);
    expect(leftOver()).toEqual([]);
  }, 30_000);

  test("names the file after the database, whatever letters it has", async () => {
    await using server = await startTestServer({ empty: true });
    mkdirSync(server.folder.file("sub"));
    makeFile(server.folder, 'ü "x".sqlite', "create table a(b)");
    const response = await server.api(`/db/export?db=${encodeURIComponent('ü "x".sqlite')}`);
    expect(response.headers.get("content-disposition")).toBe(
      `attachment; filename="_ _x_.sqlite"; filename*=UTF-8''%C3%BC%20%22x%22.sqlite`,
    );
    await response.bytes();
    for (const [query, code] of [
      ["db=none", "DATABASE_NOT_FOUND"],
      [`db=${encodeURIComponent(server.folder.file("sub"))}`, "PATH_IS_DIRECTORY"],
      ["db=none&format=xml", "INVALID_PARAMETERS"],
      ["", "INVALID_PARAMETERS"],
    ])
      expect((await server.json(`/db/export?${query}`)).body).toMatchObject({ code });
  });
});
