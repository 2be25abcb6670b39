/**
 * What chronolite is compared with: `Bun.serve` and `bun:sqlite`, a few lines, nothing else. GET looks
 * a key up with one prepared statement and sends the headers that chronolite sends. PUT commits once
 * per request, `synchronous=FULL`: an upsert and a history row in one transaction.
 *
 *     bun scripts/bench/bare.ts FILE
 */
import { Database } from "bun:sqlite";

interface Row {
  value: string;
  content_type: string;
  created_at_ms: number;
  updated_at_ms: number;
  seq: number;
}

const database = new Database(process.argv[2], { create: true, strict: true });
database.run("pragma journal_mode = wal");
database.run("pragma synchronous = full");
database.run(`create table if not exists kv_store (key text primary key not null, value any not null,
  content_type text not null, created_at_ms integer not null, updated_at_ms integer not null,
  op_number integer not null, seq integer not null) strict`);
database.run(`create table if not exists kv_store_history (seq integer primary key, key text not null,
  op_number integer not null, at_ms integer not null, op text not null, value any, content_type text) strict`);
database.run(
  "create unique index if not exists kv_store_history_op on kv_store_history (key, op_number)",
);

const get = database.prepare<Row, [string]>(
  "select value, content_type, created_at_ms, updated_at_ms, seq from kv_store where key = ?",
);
const upsert = database.prepare<
  { op_number: number },
  { key: string; value: string; now: number; seq: number }
>(`insert into kv_store values ($key, $value, 'application/json', $now, $now, 1, $seq)
  on conflict (key) do update set value = excluded.value, content_type = excluded.content_type,
    updated_at_ms = excluded.updated_at_ms, op_number = op_number + 1, seq = excluded.seq
  returning op_number`);
const record = database.prepare(
  "insert into kv_store_history values ($seq, $key, $op, $now, 'SET', $value, 'application/json')",
);
const begin = database.prepare("begin immediate");
const commit = database.prepare("commit");
let seq =
  database
    .prepare<{ seq: number }, []>("select ifnull(max(seq), 0) as seq from kv_store_history")
    .get()?.seq ?? 0;

function lookUp(key: string): Response {
  const row = get.get(key);
  if (row === null) return new Response("null", { status: 404 });
  return new Response(row.value, {
    headers: {
      "content-type": row.content_type,
      "x-created-at": String(Math.floor(row.created_at_ms / 1000)),
      "x-updated-at": String(Math.floor(row.updated_at_ms / 1000)),
      etag: `"${row.seq.toString(36)}"`,
      "x-content-type-options": "nosniff",
    },
  });
}

function write(key: string, value: string): Response {
  const now = Date.now();
  seq += 1;
  begin.run();
  const { op_number: op = 0 } = upsert.get({ key, value, now, seq }) ?? {};
  record.run({ seq, key, op, now, value });
  commit.run();
  return Response.json({ success: true, status: "ok", key, size: Buffer.byteLength(value) });
}

const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  development: false,
  fetch(request) {
    const start = request.url.lastIndexOf("/") + 1;
    const end = request.url.indexOf("?", start);
    const key = decodeURIComponent(request.url.slice(start, end === -1 ? undefined : end));
    return request.method === "GET"
      ? lookUp(key)
      : request.text().then((value) => write(key, value));
  },
});
console.log(`listening on ${server.url.origin}`);
