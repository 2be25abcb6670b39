/** Links that somebody makes between the server's look at a path and its use of it. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { faultMs } from "../support/faults.ts";
import { startTestServer, TestFolder } from "../support/server.ts";

/** A process that swaps `name` between what is there and a link to `target`, as fast as it can. */
function swapping(folder: string, name: string, target: string): Disposable {
  const code = `
    const fs = require("node:fs"); process.chdir(${JSON.stringify(folder)});
    const name = ${JSON.stringify(name)}, link = ${JSON.stringify(target)};
    fs.renameSync(name, "the-real");
    for (;;) try { // A write may have made a folder of that name meanwhile.
      fs.rmSync(name, { recursive: true, force: true });
      fs.symlinkSync(link, name);
      fs.unlinkSync(name);
      fs.renameSync("the-real", name);
      fs.renameSync(name, "the-real");
    } catch {}`;
  const child = Bun.spawn([process.execPath, "-e", code], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  return { [Symbol.dispose]: () => child.kill("SIGKILL") };
}

function makeSecret(path: string): void {
  using database = new Database(path, { create: true });
  database.run("create table secrets (word)");
  database.run("insert into secrets values ('swordfish')");
}

const post = (body: unknown): RequestInit => ({ method: "POST", body: JSON.stringify(body) });

test(
  "a folder that becomes a link does not lead directory mode out",
  async () => {
    using outside = new TestFolder();
    writeFileSync(outside.file("key"), "outside");
    await using server = await startTestServer({ empty: true });
    const folder = server.folder.path;
    mkdirSync(join(folder, "sub"));
    writeFileSync(join(folder, "sub", "key"), "inside");
    const db = `db=${encodeURIComponent(folder)}`;
    const statuses = new Map<number, number>();
    {
      using _ = swapping(folder, "sub", outside.path);
      const untilMs = performance.now() + faultMs(1500, 0.05);
      // On a busy machine it takes longer until both sides of the race have been seen.
      const giveUpMs = untilMs + 20_000;
      const sawBoth = () => statuses.has(200) && statuses.has(403);
      while (performance.now() < (sawBoth() ? untilMs : giveUpMs)) {
        const answers = await Promise.all([
          ...Array.from({ length: 4 }, () => server.api(`/kv/sub%2Fkey?${db}`)),
          ...Array.from({ length: 4 }, (_, i) =>
            server.api(`/kv/sub%2Fnew${i}?${db}`, { method: "PUT", body: "written" }),
          ),
        ]);
        for (const answer of answers) {
          expect(await answer.text()).not.toContain("outside");
          statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        }
      }
    }
    expect(readdirSync(outside.path)).toEqual(["key"]);
    expect([...statuses.keys()].every((status) => [200, 403, 404, 409].includes(status))).toBe(
      true,
    );
    expect({ served: statuses.has(200), refused: statuses.has(403) }).toEqual({
      served: true,
      refused: true,
    });
  },
  60_000 + faultMs(1500, 0.05),
);

// The server looks at the path of an open database every 250 ms. Here it has just looked, so that it
// is the process which does the work that must see the link.
test.each<[string, string, RequestInit]>([
  ["a query", "/query?db=t&sql=SELECT+*+FROM+secrets", {}],
  ["SQL", "/db?db=t", post({ transaction: [{ statement: "delete from secrets" }] })],
  ["an export", "/db/export?db=t", {}],
  ["a dump", "/db/export?db=t&format=sql", {}],
  ["the schema", "/db/schema?db=t", {}],
  ["figures", "/maintenance?db=t", post({ op: "stats" })],
  ["a vacuum", "/maintenance?db=t", post({ op: "vacuum" })],
])(
  "%s of a database whose file has just become a link does not follow it",
  async (_, path, init) => {
    using outside = new TestFolder();
    const secret = outside.file("secret.db");
    makeSecret(secret);
    const before = readFileSync(secret);
    await using server = await startTestServer();
    await server.api("/kv/a?db=t", { method: "PUT", body: "1" });
    const file = server.folder.file("t.db");
    renameSync(file, `${file}.aside`);
    symlinkSync(secret, file);
    const answer = await server.api(path, init);
    const text = await answer.text();
    // Refused in the process; or before it, where this took longer than it should.
    expect([400, 403, 404]).toContain(answer.status);
    expect(text).not.toContain("secrets");
    expect(text).not.toContain("swordfish");
    expect(readFileSync(secret).equals(before)).toBe(true);
  },
);

test(
  "a database file that becomes a link is not followed",
  async () => {
    using outside = new TestFolder();
    const secret = outside.file("secret.db");
    makeSecret(secret);
    // One open database: each request for the other opens anew.
    await using server = await startTestServer({ args: ["--max-open-databases", "1"] });
    await server.api("/db/create?path=other", { method: "POST" });
    let refused = 0;
    {
      using _ = swapping(server.folder.path, "t.db", secret);
      const untilMs = performance.now() + faultMs(1500, 0.05);
      while (performance.now() < untilMs) {
        await (await server.api("/kv/a?db=other")).text();
        const answer = await server.api("/query?db=t&sql=SELECT+*+FROM+secrets");
        expect(await answer.text()).not.toContain("swordfish");
        if (answer.status !== 200) refused += 1;
        await (await server.api("/kv/a?db=t", { method: "PUT", body: "1" })).text();
      }
    }
    expect(refused).toBeGreaterThan(0);
    using database = new Database(secret, { readonly: true });
    expect(database.query("select name from sqlite_schema").all()).toEqual([{ name: "secrets" }]);
    expect(existsSync(`${secret}-wal`)).toBe(false);
  },
  60_000 + faultMs(1500, 0.05),
);
