/** Key-value tables at which somebody else's SQL runs: served by a runner process, with a deadline. */
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { startTestServer, type TestServer } from "./support/server.ts";

const ENDLESS = "with recursive n(i) as (select 1 union all select i from n) select sum(i) from n";

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
  expect(await put("a", "1")).toBe(200);
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

/** What another program does to the file. */
function outside(sql: string): Record<string, unknown>[] {
  using database = new Database(server.folder.file("t.db"));
  const rows: Record<string, unknown>[] = [];
  for (const statement of sql.split(";;"))
    rows.push(...(database.query(statement).all() as typeof rows));
  return rows;
}

async function put(key: string, body: string, more = "", headers = {}): Promise<number> {
  const response = await server.api(`/kv/${key}?db=t${more}`, { method: "PUT", body, headers });
  await response.text();
  return response.status;
}

const get = async (key: string) => (await server.api(`/kv/${key}?db=t`)).text();
const post = (path: string, body?: string) =>
  server.json<{ code?: string; error?: string; value?: unknown; deleted?: number }>(path, {
    method: "POST",
    ...(body === undefined ? {} : { body }),
  });
const historyOf = (key: string) =>
  outside(
    `select op_number, op, cast(value as text) as value from kv_store_history where key = '${key}' order by seq`,
  );

describe("a trigger on a key-value table", () => {
  const AUDIT = `create table audit (key, was, became);;
    create trigger audited after update on kv_store begin
      insert into audit values (new.key, old.value, new.value); end`;

  test("fires for every operation, and history, conditions and counters hold", async () => {
    outside(AUDIT);
    expect(await put("a", "2")).toBe(200);
    expect(await put("a", "9", "&if_match=1")).toBe(412);
    expect(await put("a", "3", "&if_match=2")).toBe(200);
    expect((await post("/kv/a/incr?db=t&delta=4")).body.value).toBe(7);
    expect(await put("b", "new")).toBe(200);
    expect((await server.api("/kv/nothing?db=t", { method: "DELETE" })).status).toBe(404);
    expect(outside("select * from audit")).toEqual([
      { key: "a", was: "1", became: "2" },
      { key: "a", was: "2", became: "3" },
      { key: "a", was: "3", became: "7" },
    ]);
    expect(historyOf("a")).toEqual([
      { op_number: 1, op: "SET", value: "1" },
      { op_number: 2, op: "SET", value: "2" },
      { op_number: 3, op: "SET", value: "3" },
      { op_number: 4, op: "INCR", value: "7" },
    ]);
    expect(await get("a")).toBe("7");
  });

  test("a batch is all or nothing there too", async () => {
    outside(`create trigger t before insert on kv_store when new.key = 'bad'
      begin select raise(abort, 'no bad keys'); end`);
    const { status, body } = await post(
      "/kv/batch/set?db=t",
      '{"items":[{"key":"good","value":1},{"key":"bad","value":2}]}',
    );
    expect([status, body.code, body.error]).toEqual([409, "SQL_CONSTRAINT", "no bad keys"]);
    expect((await server.api("/kv/good?db=t")).status).toBe(404);
    expect(historyOf("good")).toEqual([]);
  });

  test.each(["abort", "fail", "rollback"])("that raises %s: 409 with its words", async (how) => {
    outside(
      `create trigger t after update on kv_store begin select raise(${how}, 'not today'); end`,
    );
    const { status, body } = await server.json("/kv/a?db=t", { method: "PUT", body: "2" });
    expect([status, body["code"], body["error"]]).toEqual([409, "SQL_CONSTRAINT", "not today"]);
    expect(await get("a")).toBe("1");
    expect(historyOf("a")).toHaveLength(1);
  });

  test("that ignores the write: 409, and no history", async () => {
    outside("create trigger t before update on kv_store begin select raise(ignore); end");
    expect(await put("a", "2")).toBe(409);
    expect(await get("a")).toBe("1");
    expect(historyOf("a")).toHaveLength(1);
  });

  test("that does not end: 503 at the deadline; reads, other tables and databases go on", async () => {
    outside(`create trigger t after update on kv_store begin ${ENDLESS}; end`);
    const startedMs = performance.now();
    const stuck = server.api("/kv/a?db=t&timeout=1", { method: "PUT", body: "2" });
    await server.api("/db/create?path=other", { method: "POST" });
    let answers = 0;
    let done = false;
    void stuck.then(() => {
      done = true;
    });
    while (!done) {
      expect(await get("a")).toBe("1");
      expect((await server.api("/kv/x?db=other", { method: "PUT", body: "1" })).status).toBe(200);
      answers += 1;
    }
    const response = await stuck;
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("1");
    expect(((await response.json()) as { code: string }).code).toBe("REQUEST_TIMEOUT");
    expect(performance.now() - startedMs).toBeLessThan(20_000);
    expect(answers).toBeGreaterThan(1);
    expect(await put("a", "1", "&table=second")).toBe(200);
  });

  test.each([
    "delete from kv_store_history",
    "update kv_store_history set op = 'FORGED'",
    "insert into kv_store_history (key, at_ms, op) values ('f', 1, 'SET')",
    "delete from chronolite_relations",
  ])("cannot write what is ours: %s", async (action) => {
    outside(`create trigger t after update on kv_store begin ${action}; end`);
    const { status, body } = await server.json("/kv/a?db=t", { method: "PUT", body: "2" });
    expect([status, body["code"]]).toEqual([409, "CONFLICT"]);
    expect(historyOf("a")).toEqual([{ op_number: 1, op: "SET", value: "1" }]);
  });

  test("on the history, and one that fails, are no 500", async () => {
    outside(
      "create trigger t after insert on kv_store_history begin select no_such_function(1); end",
    );
    expect(await put("a", "2")).toBe(409);
    expect(await get("a")).toBe("1");
  });

  test("once gone, writes run here again", async () => {
    outside(AUDIT);
    const jobs = async () => {
      const { body } = await server.json<{ counters: { sql_jobs: number } }>("/health");
      return body.counters.sql_jobs;
    };
    const before = await jobs();
    await put("a", "2");
    await put("a", "3");
    expect(await jobs()).toBe(before + 2);
    outside("drop trigger audited");
    await put("a", "4");
    await put("a", "5");
    expect(await jobs()).toBe(before + 2);
    expect(await get("a")).toBe("5");
  });

  test("does not keep expired keys from going", async () => {
    outside(AUDIT);
    expect(await put("gone", "1", "&ttl=1")).toBe(200);
    server.clock.advance(2000);
    await put("wakes-the-timer", "1", "&ttl=1ms");
    const giveUpMs = performance.now() + 3000;
    while (outside("select 1 from kv_store where key = 'gone'").length > 0) {
      if (performance.now() > giveUpMs) throw new Error("the key is still there");
      await Bun.sleep(10);
    }
    expect(historyOf("gone").at(-1)).toMatchObject({ op: "EXPIRE" });
  });

  test("added through POST /db is noticed by the next write", async () => {
    await post(
      "/db?db=t",
      JSON.stringify({
        transaction: [
          { statement: "create table log (key)" },
          {
            statement:
              "create trigger t after insert on kv_store begin insert into log values (new.key); end",
          },
        ],
      }),
    );
    await Promise.all([put("x", "1"), put("y", "1"), put("a", "2", "&table=second")]);
    expect(outside("select key from log order by key")).toEqual([{ key: "x" }, { key: "y" }]);
  });
});

describe("a table of other words", () => {
  test("with one column more reads, lists and writes", async () => {
    outside("alter table kv_store add column note any");
    expect(await get("a")).toBe("1");
    expect(await put("b", "2")).toBe(200);
    const { body } = await server.json<{ keys: string[] }>("/kv?db=t&suffix=b");
    expect(body.keys).toEqual(["b"]);
    expect((await server.api("/kv/a?db=t", { method: "HEAD" })).status).toBe(200);
    expect((await server.api("/kv/a?db=t", { method: "DELETE" })).status).toBe(200);
    expect(historyOf("a")).toHaveLength(2);
  });

  const rebuilt = (change: (ddl: string) => string) => {
    const [{ sql } = { sql: "" }] = outside(
      "select sql from sqlite_schema where name = 'kv_store'",
    );
    outside(
      `create table kept as select * from kv_store;; drop table kv_store;; ${change(String(sql))};;
       create index "kv_store_expire" on "kv_store" (expire_at_ms) where expire_at_ms is not null;;
       drop table kept`.replace('create index "kv_store_expire"', 'CREATE INDEX "kv_store_expire"'),
    );
  };

  test("a CHECK refuses with 409, and keeps what was", async () => {
    rebuilt((ddl) =>
      ddl.replace("value any not null", "value any not null check (value <> 'bad')"),
    );
    expect(await put("a", "good")).toBe(200);
    const { status, body } = await server.json("/kv/a?db=t", { method: "PUT", body: "bad" });
    expect([status, body["code"]]).toEqual([409, "SQL_CONSTRAINT"]);
    expect(await get("a")).toBe("good");
  });

  test("a generated column that takes long does not hold up the server", async () => {
    rebuilt((ddl) =>
      ddl.replace(
        "born_seq integer not null default 0",
        "born_seq integer not null default 0, slow integer as (length(replace(hex(zeroblob(90000000)), '0', 'xx'))) stored",
      ),
    );
    const slow = put("a", "2", "&timeout=1");
    let answers = 0;
    let done = false;
    void slow.then(() => {
      done = true;
    });
    while (!done) {
      await server.api("/health");
      answers += 1;
    }
    expect([200, 409, 413, 503]).toContain(await slow);
    // On the server's thread it would have been one, after the write.
    expect(answers).toBeGreaterThan(1);
  });

  test("a generated value cannot be written: 409", async () => {
    rebuilt((ddl) => ddl.replace("value any not null", "value any as ('fixed')"));
    const { status, body } = await server.json("/kv/a?db=t", { method: "PUT", body: "2" });
    expect([status, body["code"]]).toEqual([409, "CONFLICT"]);
  });

  test("a key that is not unique: 409", async () => {
    rebuilt((ddl) => ddl.replace("key text primary key not null", "key text not null"));
    expect(await put("a", "2")).toBe(409);
  });
});

describe("the user's own index", () => {
  test.each([
    ["of an expression", "create index mine on kv_store (length(value))"],
    [
      "of some rows",
      "create index mine on kv_store (updated_at_ms) where content_type = 'text/plain'",
    ],
    ["of columns", "create index mine on kv_store (content_type, updated_at_ms)"],
  ])("%s is welcome", async (_, ddl) => {
    outside(ddl);
    expect(await put("a", "22")).toBe(200);
    expect(await get("a")).toBe("22");
    expect(outside("pragma integrity_check")).toEqual([{ integrity_check: "ok" }]);
  });

  test("whose expression takes long holds up its own write only", async () => {
    outside(
      "create index mine on kv_store (length(replace(hex(zeroblob(length(value) * 9000000)), '0', 'xx')))",
    );
    const slow = put("a", "0123456789", "&timeout=1");
    let answers = 0;
    let done = false;
    void slow.then(() => {
      done = true;
    });
    while (!done) {
      await server.api("/kv/a?db=t");
      answers += 1;
    }
    await slow;
    // On the server's thread it would have been one, after the write.
    expect(answers).toBeGreaterThan(1);
  });

  test("that is unique refuses with 409, other writes of the same moment go through", async () => {
    outside("create unique index mine on kv_store (value)");
    const answers = await Promise.all([put("b", "1"), put("c", "2"), put("d", "2")]);
    expect(answers.sort()).toEqual([200, 409, 409]);
    expect(await server.json("/kv/b?db=t", { method: "PUT", body: "1" })).toMatchObject({
      body: { code: "SQL_CONSTRAINT" },
    });
  });
});

describe("our bookkeeping, made by somebody else", () => {
  test.each([
    [
      "a view that does not end",
      `create view chronolite_relations as ${ENDLESS.replace("sum(i)", "sum(i) as version, 'kv_store' as name, 'kv' as kind")}`,
    ],
    ["a table", "create table chronolite_relations (name, kind, version)"],
    [
      "ours, with a trigger",
      `create table if not exists other (x);; create trigger endless before insert on chronolite_relations begin ${ENDLESS}; end`,
    ],
  ])("gives 409 at once: %s", async (what, ddl) => {
    if (what !== "ours, with a trigger") outside("drop table chronolite_relations");
    outside(ddl);
    const startedMs = performance.now();
    expect(await put("a", "2")).toBe(409);
    expect(await put("a", "2", "&table=second")).toBe(409);
    expect((await server.api("/kv/a?db=t")).status).toBe(409);
    expect(performance.now() - startedMs).toBeLessThan(2000);
  });
});

describe("large values", () => {
  const jobs = async () =>
    (await server.json<{ counters: { sql_jobs: number } }>("/health")).body.counters.sql_jobs;

  test("are written and looked into in a process of its own, small ones here", async () => {
    const numbers = `[${"1,".repeat(600_000)}1]`;
    const steps: [string, () => Promise<unknown>, number][] = [
      ["a small value", () => put("small", "[1]"), 0],
      ["a push to it", () => post("/kv/small/push?db=t", "2"), 0],
      ["a large value", () => put("large", numbers), 1],
      ["a push to it", () => post("/kv/large/push?db=t", "2"), 1],
      [
        "a large value in a batch",
        () => post("/kv/batch/set?db=t", `{"items":[{"key":"b","value":${numbers}}]}`),
        1,
      ],
      ["reading it", () => get("large"), 0],
    ];
    for (const [what, run, wanted] of steps) {
      const before = await jobs();
      await run();
      expect([what, (await jobs()) - before]).toEqual([what, wanted]);
    }
    expect(await get("large")).toBe(`${numbers.slice(0, -1)},2]`);
    expect(await get("b")).toBe(numbers);
    expect(await (await server.api("/kv/large?db=t&path=[600001]")).text()).toBe("2");
    expect(historyOf("large").map(({ op, op_number }) => [op, op_number])).toEqual([
      ["SET", 1],
      ["PUSH", 2],
    ]);
    expect((await post("/kv/large/push?db=t", "nonsense")).status).toBe(400);
    expect(await put("large", "x", "&if_match=nothing")).toBe(412);
  });
});

test("Idempotency-Key on a table with a trigger is 409, and changes nothing", async () => {
  outside("create trigger t after update on kv_store begin select 1; end");
  const first = await put("a", "2", "", { "idempotency-key": "k1" });
  expect([409, await get("a")]).toEqual([first, "1"]);
});
