/**
 * What chronolite's SQL is compared with: `Bun.serve` and `bun:sqlite` doing the same inline, on the
 * server's own thread, without sandbox, deadline or process of their own. It understands just enough
 * of GET /query and POST /db to run the benchmark, and answers the same JSON.
 *
 *     bun scripts/bench/bare-sql.ts FILE
 */
import { Database, type SQLQueryBindings } from "bun:sqlite";

interface Item {
  query?: string;
  statement?: string;
  values?: SQLQueryBindings[];
  valuesBatch?: SQLQueryBindings[][];
}

const database = new Database(process.argv[2], { create: true, strict: true });
database.run("pragma journal_mode = wal");
database.run("pragma synchronous = full");

function query(url: URL): unknown {
  const sql = url.searchParams.get("sql") ?? "";
  const values = JSON.parse(url.searchParams.get("values") ?? "[]") as SQLQueryBindings[];
  const statement = database.query<Record<string, unknown>, SQLQueryBindings[]>(sql);
  const resultSet = statement.all(...values);
  return {
    success: true,
    query: sql,
    columns: statement.columnNames,
    resultSet,
    rowCount: resultSet.length,
    truncated: false,
  };
}

function run(item: Item): unknown {
  if (item.query !== undefined) {
    const statement = database.query<Record<string, unknown>, SQLQueryBindings[]>(item.query);
    const resultSet = statement.all(...(item.values ?? []));
    return { success: true, resultHeaders: statement.columnNames, resultSet };
  }
  const statement = database.query<unknown, SQLQueryBindings[]>(item.statement ?? "");
  if (item.valuesBatch === undefined)
    return { success: true, rowsUpdated: statement.run(...(item.values ?? [])).changes };
  const rowsUpdatedBatch = item.valuesBatch.map((values) => statement.run(...values).changes);
  return { success: true, rowsUpdatedBatch };
}

const transaction = database.transaction((items: Item[]) => items.map(run));

const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  development: false,
  async fetch(request) {
    if (request.method === "GET") return Response.json(query(new URL(request.url)));
    const body = (await request.json()) as { transaction: Item[] };
    return Response.json({ success: true, results: transaction.immediate(body.transaction) });
  },
});
console.log(`listening on ${server.url.origin}`);
