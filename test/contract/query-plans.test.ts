/**
 * The exact plan of every statement of a key-value table, in query-plans.snap. "No SCAN" would not do:
 * min() over a dropped index still says SEARCH. After a change on purpose look at the difference that
 * `bun test test/contract/query-plans.test.ts --update-snapshots` makes.
 */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import type { Engine, Plan, Statement } from "../../src/engine/plan.ts";
import { RELATIONS_DDL } from "../../src/engine/relations.ts";
import { listKeys } from "../../src/kv/read.ts";
import { kvRelation } from "../../src/kv/relation.ts";
import { kvStatements } from "../../src/kv/statements.ts";
import { kvTable } from "../../src/kv/table.ts";
import { timeStatements } from "../../src/kv/time-statements.ts";

const relation = kvRelation();
const time = timeStatements(relation);

/** The table as SQL reads it in the past, and what it is made of. */
const asThen = time.asThen(
  "states",
  "rows",
  [...(relation.objects[0]?.sql ?? "").matchAll(/^ {2}(\w+) /gm)].map(([, column = ""]) => ({
    column,
    quoted: `"${column}"`,
  })),
  false,
);

/** What EXPLAIN QUERY PLAN says, without the numbers of subqueries, which only name them. */
function explain(sql: string): string[] {
  using database = new Database(":memory:");
  database.run(RELATIONS_DDL);
  for (const { sql: ddl } of [...relation.objects, time.wantedTable, time.droppedTable])
    database.run(ddl);
  for (const ddl of [asThen.makeStates, asThen.makeRows]) database.run(ddl);
  // Left open, EXPLAIN of an INSERT would hold the database.
  using statement = database.prepare<{ detail: string }, []>(`explain query plan ${sql}`);
  return statement
    .all()
    .map(({ detail }) => detail.replace(/(subquery)[ -]\d+/i, "$1").replace(" main.", " "));
}

/** Every statement, by name; pairs and the like with a dot. */
function named(statements: object, prefix = ""): [string, string][] {
  return Object.entries(statements).flatMap(([name, statement]: [string, Statement | object]) =>
    "sql" in statement
      ? [[prefix + name, statement.sql] satisfies [string, string]]
      : named(statement, `${prefix + name}.`),
  );
}

/** What looks at a whole table on purpose, in another process: housekeeping, SQL at a moment. */
const SCANS = new Set(["surplusRows", "asThen.fillByScan"]);

// On macOS Bun uses the system's SQLite, whose planner is another version.
describe.skipIf(process.platform === "darwin")("EXPLAIN QUERY PLAN of a key-value table", () => {
  test("there are pinned plans to compare with", () => {
    expect(existsSync(`${import.meta.dir}/__snapshots__/query-plans.test.ts.snap`)).toBe(true);
  });

  test.each([
    ...named(kvStatements(relation)),
    ...named({ expiry: relation.expiry }),
    ...named({ time }),
    ["asThen.fillByHalving", asThen.fillByHalving] as const,
    ["asThen.fillByScan", asThen.fillByScan] as const,
    ["asThen.unknownKeys", asThen.unknownKeys] as const,
    ["asThen.rows", "select * from rows where key > $key order by key limit $limit"] as const,
  ])("of %s is the expected one", (name, sql) => {
    const plan = explain(sql);
    expect(plan.join("\n")).toMatchSnapshot();
    // A bare SCAN of the history has a LIMIT or max() behind it: one step to the end of the log.
    if (!SCANS.has(name))
      expect(plan).not.toContainEqual(expect.stringMatching(/^SCAN kv_store(_history USING|$| )/));
  });
});

describe("a page of a list", () => {
  // The plans above cannot tell where in the index a range begins; read from the first key on, a page
  // deep in 100,000 keys took 15 times as long as the first.
  test.each([
    ["after a key", { after: "m" }, { from: "m", after: "m" }],
    ["after a key before the prefix", { after: "a", prefix: "b" }, { from: "b", after: "a" }],
    ["after a key with a start", { after: "m", start: "c" }, { from: "m", after: "m" }],
    ["backwards, after a key", { after: "m", reverse: true }, { from: "", after: "", below: "m" }],
  ])("%s begins there in the index", async (_, request, params) => {
    let ran: Plan | undefined;
    const read = (plan: Plan) => {
      ran = plan;
      return [[]];
    };
    const engine = { read } as unknown as Engine;
    const none = { prefix: "", suffix: null, contains: null, start: null, end: null, after: null };
    const page = { reverse: false, values: false, limit: 10, offset: 0, nowMs: 0 };
    await listKeys(kvTable(engine), { ...none, ...page, ...request });
    expect(ran?.steps[0]?.params).toMatchObject(params);
    // No other lower bound that SQLite could take for the index.
    expect(ran?.steps[0]?.statement.sql).not.toMatch(/[^+]key > /);
  });
});
