/** Every error that the description of a key-value route promises is produced here once. */

import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { ERROR_STATUS, type ErrorKind } from "../../src/errors.ts";
import { at, escaped, type KvAnswer, type KvCalls, kvCalls } from "../support/kv.ts";
import { startTestServer, TestFolder, type TestServer } from "../support/server.ts";

let server: TestServer;
let kv: KvCalls;
let outside: TestFolder;
/** A folder of values inside the data folder, and one outside of it. */
let files: KvCalls;
/** When the key "gap" was written without a record. */
let gapMs: number;
beforeAll(async () => {
  server = await startTestServer({ args: ["--max-value-bytes", "1024"] });
  kv = kvCalls(server);
  outside = new TestFolder();
  const { folder } = server;
  mkdirSync(folder.file("files"));
  mkdirSync(folder.file("files/sub"));
  symlinkSync(outside.path, folder.file("files/link"));
  writeFileSync(folder.file("empty.db"), "");
  writeFileSync(folder.file("text.db"), "no database, but long enough to be one by its size alone");
  files = kvCalls(server, escaped(folder.file("files")));
  await kv.set("text", "text");
  await kv.set("array", "[1]");
  await kv.set("n", "1");
  await kv.set("document", '{"s":"x","list":[]}');
  // A gap, and a history that was cut.
  for (const value of ["1", "2"]) await kv.set("gap", value, "&history=false");
  gapMs = server.clock.nowMs();
  server.clock.advance(1000);
  await kv.set("gap", "3");
  for (const value of ["1", "2"]) await kv.set("cut", value, "&table=cut");
  await server.json("/maintenance?db=t", {
    method: "POST",
    body: JSON.stringify({ op: "prune_history", table: "cut", max_ops: 1 }),
  });
  await kv.set("sent", "1", "", { "idempotency-key": "once" });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  outside[Symbol.dispose]();
});

const where = (db: string) => kvCalls(server, db);
const big = "x".repeat(1025);
const set = (key: string, value: unknown = 1) => ({ mutations: [{ op: "set", key, value }] });
const answerOf = async (response: Promise<Response>): Promise<KvAnswer> => {
  const { status, headers } = await response;
  return { status, body: { code: headers.get("x-error-code") } };
};

/** Route, code, what the request is, and the request. */
const CASES: [string, ErrorKind, string, () => Promise<KvAnswer>][] = [
  ["GET kv/KEY", "INVALID_PARAMETERS", "a bad path", () => answerOf(kv.get("n", at("[")))],
  ["GET kv/KEY", "INVALID_PARAMETERS", "no db", () => answerOf(server.api("/kv/a"))],
  ["GET kv/KEY", "INVALID_PARAMETERS", "a blank key", () => answerOf(kv.get(" "))],
  ["GET kv/KEY", "INVALID_PARAMETERS", "a table's name", () => answerOf(kv.get("n", "&table=1"))],
  ["GET kv/KEY", "INVALID_PARAMETERS", "path of text", () => answerOf(kv.get("text", at("a")))],
  ["GET kv/KEY", "DATABASE_NOT_FOUND", "no such file", () => answerOf(where("none").get("a"))],
  ["GET kv/KEY", "INVALID_DB_PATH", "a path", () => answerOf(where("a%2Fb").get("a"))],
  ["GET kv/KEY", "INVALID_DB_PATH", "absolute", () => answerOf(where("%2Fetc%2Fx.db").get("a"))],
  ["GET kv/KEY", "INVALID_SQLITE_HEADER", "text", () => answerOf(where("text.db").get("a"))],
  ["GET kv/KEY", "INVALID_SQLITE_HEADER", "empty", () => answerOf(where("empty.db").get("a"))],
  ["GET kv/KEY", "FORBIDDEN", "a link that leads out", () => answerOf(files.get("link/a"))],
  ["GET kv/KEY", "KEY_NOT_FOUND", "a missing key", () => answerOf(kv.get("none"))],
  [
    "GET kv/KEY",
    "KEY_EXPIRED",
    "a key past its time",
    async () => {
      await kv.set("short", "1", "&ttl=1ms");
      server.clock.advance(1);
      return answerOf(kv.get("short"));
    },
  ],
  ["GET kv/KEY", "NOT_FOUND", "a missing path", () => answerOf(kv.get("document", at("none")))],
  [
    "GET kv/KEY",
    "CONFLICT",
    "a value file that is an open database",
    () => answerOf(kvCalls(server, escaped(server.folder.path)).get("t.db")),
  ],
  [
    "GET kv/KEY/entry",
    "PATH_IS_DIRECTORY",
    "a folder",
    () => answerOf(server.api(`/kv/a/entry?db=${escaped(server.folder.file("files"))}`)),
  ],
  ["PUT kv/KEY", "INVALID_PARAMETERS", "a ttl", () => kv.put("a", "1", "&ttl=soon")],
  ["PUT kv/KEY", "INVALID_PARAMETERS", "a leaf", () => kv.put("document", "{", at("a"))],
  [
    "PUT kv/KEY",
    "INVALID_PARAMETERS",
    "through a scalar",
    () => kv.put("document", "1", at("s.a")),
  ],
  [
    "PUT kv/KEY",
    "INVALID_PARAMETERS",
    "a header",
    () => kv.put("a", "1", "", { "if-match": "no tag" }),
  ],
  ["PUT kv/KEY", "DATABASE_NOT_FOUND", "no such file", () => where("none").put("a", "1")],
  ["PUT kv/KEY", "FORBIDDEN", "a link that leads out", () => files.put("link/a", "1")],
  ["PUT kv/KEY", "CONFLICT", "a key that is a folder", () => files.put("sub", "1")],
  ["PUT kv/KEY", "PRECONDITION_FAILED", "if_match", () => kv.put("n", "2", "&if_match=0")],
  [
    "PUT kv/KEY",
    "PRECONDITION_FAILED",
    "If-None-Match: *",
    () => kv.put("n", "2", "", { "if-none-match": "*" }),
  ],
  ["PUT kv/KEY", "PAYLOAD_TOO_LARGE", "a value", () => kv.put("a", big)],
  ["DELETE kv/KEY", "INVALID_PARAMETERS", "a flag", () => kv.delete("n", "&history=perhaps")],
  ["DELETE kv/KEY", "DATABASE_NOT_FOUND", "no such file", () => where("none").delete("a")],
  ["DELETE kv/KEY", "FORBIDDEN", "a link that leads out", () => files.delete("link/a")],
  ["DELETE kv/KEY", "KEY_NOT_FOUND", "a missing key", () => kv.delete("none")],
  [
    "DELETE kv/KEY",
    "CONFLICT",
    "an open database",
    () => kvCalls(server, escaped(server.folder.path)).delete("t.db"),
  ],
  ["DELETE kv/KEY", "PRECONDITION_FAILED", "if_match", () => kv.delete("n", "&if_match=0")],
  ["POST kv/KEY/incr", "INVALID_PARAMETERS", "text", () => kv.verb("incr", "text")],
  ["POST kv/KEY/incr", "INVALID_PARAMETERS", "delta", () => kv.verb("incr", "n", "&delta=-1")],
  ["POST kv/KEY/push", "INVALID_PARAMETERS", "no array", () => kv.verb("push", "n", "", "1")],
  ["POST kv/KEY/push", "INVALID_PARAMETERS", "a body", () => kv.verb("push", "array", "", "x")],
  [
    "POST kv/KEY/push",
    "DATABASE_NOT_FOUND",
    "no such file",
    () => where("none").verb("push", "a", "", "1"),
  ],
  [
    "POST kv/KEY/push",
    "PAYLOAD_TOO_LARGE",
    "a value",
    () => kv.verb("push", "array", "", JSON.stringify(big)),
  ],
  ["POST kv/KEY/pop", "KEY_NOT_FOUND", "a missing key", () => kv.verb("pop", "none")],
  ["POST kv/KEY/pop", "NOT_FOUND", "an empty array", () => kv.verb("pop", "document", at("list"))],
  ["POST kv/KEY/remove", "NOT_FOUND", "an element", () => kv.verb("remove", "array", "&index=9")],
  ["POST kv/KEY/remove", "INVALID_PARAMETERS", "nothing", () => kv.verb("remove", "array")],
  ["POST kv/KEY/expire", "INVALID_PARAMETERS", "no ttl", () => kv.verb("expire", "n")],
  ["POST kv/KEY/persist", "KEY_NOT_FOUND", "a missing key", () => kv.verb("persist", "none")],
  ["POST kv/KEY/incr", "PATH_IS_DIRECTORY", "a folder", () => files.verb("incr", "a")],
  [
    "POST kv/KEY",
    "METHOD_NOT_ALLOWED",
    "no verb",
    () => server.json("/kv/n?db=t", { method: "POST" }),
  ],
  [
    "POST kv/KEY/incr",
    "PRECONDITION_FAILED",
    "If-Match",
    () => kv.verb("incr", "n", "", undefined, { "if-match": '"none"' }),
  ],
  ["POST kv/batch/get", "INVALID_PARAMETERS", "no keys", () => kv.post("batch/get", {})],
  [
    "POST kv/batch/get",
    "DATABASE_NOT_FOUND",
    "no such file",
    () => where("none").post("batch/get", { keys: ["a"] }),
  ],
  [
    "POST kv/batch/set",
    "INVALID_PARAMETERS",
    "no value",
    () => kv.post("batch/set", { batch: [{ key: "a" }] }),
  ],
  [
    "POST kv/batch/set",
    "DATABASE_NOT_FOUND",
    "no such file",
    () => where("none").post("batch/set", { batch: [{ key: "a", value: 1 }] }),
  ],
  [
    "POST kv/batch/set",
    "PRECONDITION_FAILED",
    "a tag",
    () => kv.post("batch/set", { batch: [{ key: "n", value: 1, if_match: '"none"' }] }),
  ],
  [
    "POST kv/batch/set",
    "PAYLOAD_TOO_LARGE",
    "a value",
    () => kv.post("batch/set", { batch: [{ key: "a", value: big }] }),
  ],
  [
    "POST kv/batch/delete",
    "INVALID_PARAMETERS",
    "a key",
    () => kv.post("batch/delete", { keys: [1] }),
  ],
  [
    "POST kv/batch/delete",
    "DATABASE_NOT_FOUND",
    "no such file",
    () => where("none").post("batch/delete", { keys: ["a"] }),
  ],
  [
    "POST kv/batch/delete",
    "PRECONDITION_FAILED",
    "a tag",
    () => kv.post("batch/delete", { items: [{ key: "n", if_match: '"none"' }] }),
  ],
  [
    "POST kv/atomic",
    "INVALID_PARAMETERS",
    "an op",
    () => kv.post("atomic", { mutations: [{ op: "swap", key: "a" }] }),
  ],
  [
    "POST kv/atomic",
    "DATABASE_NOT_FOUND",
    "no such file",
    () => where("none").post("atomic", set("a")),
  ],
  [
    "POST kv/atomic",
    "KEY_NOT_FOUND",
    "delete",
    () => kv.post("atomic", { mutations: [{ op: "delete", key: "none" }] }),
  ],
  [
    "POST kv/atomic",
    "NOT_FOUND",
    "no such element",
    () => kv.post("atomic", { mutations: [{ op: "remove", key: "array", value: 9 }] }),
  ],
  [
    "POST kv/atomic",
    "CONFLICT",
    "a check",
    () => kv.post("atomic", { ...set("a"), checks: [{ key: "n", exists: false }] }),
  ],
  ["POST kv/atomic", "PAYLOAD_TOO_LARGE", "a value", () => kv.post("atomic", set("a", big))],
  [
    "GET kv/KEY",
    "TIME_TRAVEL_CHAIN_GAP",
    "a time in a gap",
    () => answerOf(kv.get("gap", `&at_timestamp=${gapMs}`)),
  ],
  [
    "GET kv/KEY",
    "HISTORY_PRUNED",
    "a time that was dropped",
    () => answerOf(kv.get("cut", `&table=cut&at_timestamp=${gapMs}`)),
  ],
  [
    "GET kv/KEY/snapshot",
    "HISTORY_ENTRY_NOT_FOUND",
    "no such operation",
    () => server.json("/kv/n/snapshot?db=t&op_number=9"),
  ],
  [
    "GET kv/KEY/snapshot",
    "TIME_TRAVEL_CHAIN_GAP",
    "an operation nobody recorded",
    () => server.json("/kv/gap/snapshot?db=t&op_number=1"),
  ],
  [
    "GET kv/KEY/snapshot",
    "HISTORY_PRUNED",
    "an operation that was dropped",
    () => server.json("/kv/cut/snapshot?db=t&table=cut&op_number=1"),
  ],
  ["POST kv/KEY/rollback", "HISTORY_ENTRY_NOT_FOUND", "nothing", () => kv.verb("rollback", "none")],
  [
    "POST kv/KEY/rollback",
    "TIME_TRAVEL_CHAIN_GAP",
    "a gap",
    () => kv.verb("rollback", "gap", "&to_op_number=1"),
  ],
  [
    "POST kv/KEY/rollback",
    "HISTORY_PRUNED",
    "what was dropped",
    () => kv.verb("rollback", "cut", "&table=cut&to_op_number=1"),
  ],
  [
    "POST kv/rollback",
    "TIME_TRAVEL_CHAIN_GAP",
    "a gap",
    () => kv.post("rollback", "", `&to_timestamp=${gapMs}&confirm=yes`),
  ],
  [
    "POST kv/rollback",
    "PAYLOAD_TOO_LARGE",
    "too many keys",
    () =>
      kv.post(
        "rollback",
        { keys: Array.from({ length: 10_001 }, (_, index) => `k${index}`) },
        `&to_timestamp=${gapMs}`,
      ),
  ],
  [
    "PUT kv/KEY",
    "IDEMPOTENCY_KEY_MISMATCH",
    "another body under the same key",
    () => kv.put("sent", "2", "", { "idempotency-key": "once" }),
  ],
  ["GET kv", "INVALID_PARAMETERS", "a limit", () => kv.list("&limit=many")],
  ["GET kv", "INVALID_PARAMETERS", "after and offset", () => kv.list("&after=a&offset=1")],
  ["GET kv", "DATABASE_NOT_FOUND", "no such file", () => where("none").list()],
  ["GET kv", "FORBIDDEN", "a folder elsewhere", () => where(escaped(outside.path)).list()],
  [
    "DELETE kv",
    "INVALID_PARAMETERS",
    "no prefix",
    () => server.json("/kv?db=t", { method: "DELETE" }),
  ],
  [
    "DELETE kv",
    "DATABASE_NOT_FOUND",
    "no such file",
    () => server.json("/kv?db=none&prefix=a", { method: "DELETE" }),
  ],
  [
    "DELETE kv",
    "PATH_IS_DIRECTORY",
    "a folder",
    () =>
      server.json(`/kv?db=${escaped(server.folder.file("files"))}&prefix=a`, { method: "DELETE" }),
  ],
];

describe("an error", () => {
  test.each(CASES)("of %s: %s for %s", async (_, code, _what, call) => {
    const before = await kv.list("&limit=1000");
    const { status, body } = await call();
    expect({ status, code: body["code"] }).toEqual({ status: ERROR_STATUS[code], code });
    if (body["error"] !== undefined)
      expect(body).toMatchObject({
        success: false,
        status: "error",
        statusCode: status,
        error: expect.any(String),
        message: String(body["error"]),
      });
    expect((await kv.list("&limit=1000")).body["items"]).toEqual(before.body["items"]);
  });

  test.each([
    ["PUT", () => kv.put("n", "2", "&timeout=1")],
    ["DELETE", () => kv.delete("n", "&timeout=1")],
    ["incr", () => kv.verb("incr", "n", "&timeout=1")],
    ["batch/set", () => kv.post("batch/set", { batch: [{ key: "n", value: 2 }] }, "&timeout=1")],
    ["batch/delete", () => kv.post("batch/delete", { keys: ["n"] }, "&timeout=1")],
    ["atomic", () => kv.post("atomic", set("n", 2), "&timeout=1")],
  ])("of %s: DATABASE_BUSY with Retry-After while another program writes", async (_, call) => {
    const other = new Database(server.folder.file("t.db"));
    try {
      other.run("begin immediate");
      const answer = call();
      let settled = false;
      answer.finally(() => {
        settled = true;
      });
      while (!settled) {
        server.clock.advance(100);
        await Bun.sleep(5);
      }
      expect(await answer).toMatchObject({ status: 503, body: { code: "DATABASE_BUSY" } });
    } finally {
      other.run("rollback");
      other.close();
    }
    expect(await kv.text("n")).toBe("1");
  });
});

test("every code that the description of a route names is in the table", async () => {
  const description = (await (await server.api("/openapi.json")).json()) as {
    paths: Record<string, Record<string, { responses: Record<string, { description: string }> }>>;
  };
  const documented = Object.entries(description.paths)
    .filter(([path]) => /\/kv(\/|$)/.test(path))
    .flatMap(([, methods]) => Object.values(methods))
    .flatMap(({ responses }) => Object.entries(responses))
    .filter(([status]) => Number(status) >= 400)
    .flatMap(([, { description: codes }]) => codes.match(/[A-Z_]{5,}/g) ?? []);
  expect(documented.length).toBeGreaterThan(30);
  const produced = new Set<string>([...CASES.map(([, code]) => code), "DATABASE_BUSY"]);
  // Not here: what a full disk, a broken one, a folder of too many files and a file that nobody may
  // write to answer; tokens, deadlines and large answers under an Idempotency-Key have tests of their own.
  const elsewhere = [
    "DATABASE_ERROR",
    "DATABASE_READONLY",
    "DISK_FULL",
    "FILE_SYSTEM_ERROR",
    "IDEMPOTENT_RESPONSE_TOO_LARGE",
    "REQUEST_TIMEOUT",
    "RESPONSE_TOO_LARGE",
    "SERVICE_UNAVAILABLE",
    "SQL_CONSTRAINT",
    "UNAUTHORIZED",
  ];
  const missing = new Set(documented).difference(produced).difference(new Set(elsewhere));
  expect([...missing]).toEqual([]);
});
