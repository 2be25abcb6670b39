/**
 * kill -9 at any moment under mixed load, again and again over the same file: every answered write is
 * there, nothing is half there, history agrees with values.
 */
import { expect, test } from "bun:test";
import { DatabaseFile } from "../support/database-file.ts";
import { FAULT_SEED, faultMs, randomNumbers } from "../support/faults.ts";
import { childrenOf, isAlive } from "../support/processes.ts";
import { type SpawnedServer, spawnServer, TestFolder } from "../support/server.ts";

/** The newest number that was sent and the newest that was answered; what is stored lies in between. */
class Progress {
  sent = 0;
  answered = 0;
}

type Write = (server: SpawnedServer, number: number, name: string) => Promise<Response>;

const json = (body: unknown) => ({ method: "POST", body: JSON.stringify(body) });
const DB = "db=t";

/** What writers do, each with a number one higher than the last one that is stored. */
const WRITES: Readonly<Record<string, Write>> = {
  put: (server, number, name) =>
    server.api(`/kv/${name}?${DB}`, { method: "PUT", body: String(number) }),
  large: (server, number, name) =>
    server.api(`/kv/${name}?${DB}`, { method: "PUT", body: `${number} ${"x".repeat(30_000)}` }),
  member: (server, number, name) =>
    server.api(`/kv/${name}?${DB}&path=n`, { method: "PUT", body: String(number) }),
  counter: (server, _, name) => server.api(`/kv/${name}/incr?${DB}`, { method: "POST" }),
  untracked: (server, number, name) =>
    server.api(`/kv/${name}?${DB}&history=${number % 3 === 0}`, {
      method: "PUT",
      body: String(number),
    }),
  batch: (server, number, name) =>
    server.api(
      `/kv/batch/set?${DB}`,
      json({ items: ["a", "b"].map((half) => ({ key: `${name}-${half}`, value: number })) }),
    ),
  atomic: (server, number, name) =>
    server.api(
      `/kv/atomic?${DB}`,
      json({
        mutations: [
          { op: "set", key: `${name}-a`, value: number },
          { op: "incr", key: `${name}-b` },
          { op: "set", key: `${name}-gone`, value: 1 },
          { op: "delete", key: `${name}-gone` },
        ],
      }),
    ),
  expiring: async (server, number, name) => {
    const answer = await server.api(`/kv/${name}?${DB}`, { method: "PUT", body: String(number) });
    await server.api(`/kv/short-${name}-${number}?${DB}&ttl=20ms`, { method: "PUT", body: "1" });
    return answer;
  },
  sql: (server, number, name) =>
    server.api(
      `/db?${DB}`,
      json({
        transaction: [
          { statement: "insert into left_side values (?, ?)", values: [name, number] },
          { statement: "insert into right_side values (?, ?)", values: [name, number] },
        ],
      }),
    ),
  /** On a table with a trigger: written by a runner process. */
  foreign: (server, number, name) =>
    server.api(`/kv/${name}?${DB}&table=watched`, { method: "PUT", body: String(number) }),
};
const WRITERS = Object.keys(WRITES).flatMap((kind) => [`${kind}-1`, `${kind}-2`]);

/** The number that is stored for a writer, and that both halves of what belongs together agree. */
function storedNumber(database: DatabaseFile, name: string): number {
  const [kind = ""] = name.split("-");
  const value = (key: string, table = "kv_store") =>
    database.rows<{ value: string }>(`select value from ${table} where key = ?`, key)[0]?.value;
  const number = (text: string | undefined) => Number.parseInt(String(text ?? 0), 10);
  switch (kind) {
    case "member":
      return number(value(name)?.replace(/\D+/g, ""));
    case "batch":
    case "atomic": {
      const halves = [number(value(`${name}-a`)), number(value(`${name}-b`))];
      expect({ name, halves }).toEqual({ name, halves: [halves[0] ?? -1, halves[0] ?? -1] });
      expect(value(`${name}-gone`)).toBeUndefined();
      return halves[0] ?? 0;
    }
    case "sql": {
      const sides = ["left_side", "right_side"].map(
        (side) =>
          database.rows<{ rows: number; newest: number }>(
            `select count(*) as rows, ifnull(max(n), 0) as newest from ${side} where name = ?`,
            name,
          )[0],
      );
      expect(sides[0]).toEqual(sides[1] as never);
      expect(sides[0]?.rows).toBe(sides[0]?.newest ?? -1);
      return sides[0]?.newest ?? 0;
    }
    case "foreign": {
      const stored = number(value(name, "watched"));
      const seen = database.rows<{ n: number }>(
        "select count(*) as n from seen where key = ?",
        name,
      )[0]?.n;
      expect({ name, seen }).toEqual({ name, seen: stored });
      return stored;
    }
    default:
      return number(value(name));
  }
}

/** What must hold in every file that the server has written, whatever happened to it. */
function checkFile(path: string): void {
  using database = new DatabaseFile(path);
  const none = (sql: string) => expect(database.rows(sql)).toEqual([]);
  for (const table of ["kv_store", "watched"]) {
    const history = `${table}_history`;
    // The newest operation of each key left the value that the key has.
    none(`select s.key from ${table} s join ${history} h on h.seq = s.seq
      where h.op <> 'UNRECORDED' and (h.key <> s.key or h.value is not s.value or h.op_number <> s.op_number)`);
    none(`select key from ${table} where seq not in (select seq from ${history})`);
    // What is not there was deleted, or expired, or nobody was to know.
    none(`select h.key, h.op from ${history} h
      join (select max(seq) as seq from ${history} where op <> 'EXPIRE' group by key) newest using (seq)
      left join ${table} s on s.key = h.key
      where iif(s.key is null, h.op not in ('DELETE', 'UNRECORDED') and h.expire_at_ms is null,
        s.seq <> h.seq)`);
    // Numbers without holes, times in order.
    none(`select key from ${history} where op_number is not null group by key
      having count(*) <> max(op_number) or min(op_number) <> 1`);
    none(`select seq from (select seq, at_ms, lag(at_ms) over (order by seq) as before from ${history})
      where at_ms < before`);
  }
}

async function setUp(path: string): Promise<void> {
  using database = new DatabaseFile(path);
  for (const side of ["left_side", "right_side"])
    database.rows(`create table ${side} (name text, n integer)`);
  database.rows("create table seen (key text)");
}

test(
  "nothing that was answered is lost, nothing is half there",
  async () => {
    const random = randomNumbers(FAULT_SEED);
    console.info(`kill -9: CHRONOLITE_FAULT_SEED=${FAULT_SEED}`);
    using folder = new TestFolder();
    const path = folder.file("t.db");
    await setUp(path);
    const progress = new Map(WRITERS.map((name) => [name, new Progress()]));
    const untilMs = performance.now() + faultMs(8000, 0.5);
    const stored = (name: string) => progress.get(name)?.answered ?? 0;
    let kills = 0;
    const answers = new Map<string, number>();

    while (performance.now() < untilMs) {
      {
        await using server = await spawnServer(folder);
        if (kills === 0) {
          await WRITES["foreign"]?.(server, 0, "first");
          using database = new DatabaseFile(path);
          database.rows(
            "create trigger watching after insert on watched begin insert into seen values (new.key); end",
          );
          database.rows(
            "create trigger watching_too after update of value on watched begin insert into seen values (new.key); end",
          );
        }
        let killed = false;
        const writers = WRITERS.map(async (name) => {
          const own = progress.get(name) ?? new Progress();
          const write = WRITES[name.split("-")[0] ?? ""];
          while (!killed) {
            own.sent += 1;
            const number = own.sent;
            try {
              const response = await write?.(server, number, name);
              const body = await response?.text();
              if (response?.status !== 200) {
                if (!killed) throw new Error(`${name}: ${response?.status} ${body}`);
                return;
              }
              own.answered = number;
              const kind = name.split("-")[0] ?? "";
              answers.set(kind, (answers.get(kind) ?? 0) + 1);
            } catch (error) {
              if (!killed) throw error;
              return;
            }
          }
        });
        const rest = Promise.all(writers);
        // When a writer chosen by chance has had some answers, and a moment later.
        const chosen = WRITERS[Math.floor(random() * WRITERS.length)] ?? "";
        const wanted = stored(chosen) + 1 + Math.floor(random() * 4);
        const waitedUntilMs = performance.now() + 5000;
        while (stored(chosen) < wanted && performance.now() < waitedUntilMs)
          await Promise.race([Bun.sleep(1), rest]);
        await Promise.race([Bun.sleep(random() * 20), rest]);

        killed = true;
        const runners = childrenOf(server.process.pid);
        server.process.kill("SIGKILL");
        await server.process.exited;
        // A runner that is still dying can hold a commit that only the next opening of the file reveals.
        while (runners.some(isAlive)) await Bun.sleep(1);
        await rest;
        kills += 1;
      }
      // Every other time a server finds the file first, else this process does.
      if (kills % 2 === 0) {
        await using server = await spawnServer(folder);
        expect((await server.api(`/kv?${DB}`)).status).toBe(200);
      }
      using database = new DatabaseFile(path);
      for (const [name, own] of progress) {
        const stored = storedNumber(database, name);
        expect({ name, lost: stored < own.answered, invented: stored > own.sent }).toEqual({
          name,
          lost: false,
          invented: false,
        });
        own.sent = stored;
        own.answered = stored;
      }
      checkFile(path);
      if (kills % 5 === 0)
        expect(database.rows("pragma integrity_check")).toEqual([{ integrity_check: "ok" }]);
    }
    using database = new DatabaseFile(path);
    expect(database.rows("pragma integrity_check")).toEqual([{ integrity_check: "ok" }]);
    console.info(
      `kill -9: ${kills} kills, answered writes ${JSON.stringify(Object.fromEntries(answers))}`,
    );
    expect(kills).toBeGreaterThan(1);
  },
  120_000 + faultMs(8000, 0.5),
);
