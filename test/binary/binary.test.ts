import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { BINARY, run, type SpawnedServer, spawnServer, TestFolder } from "../support/server.ts";

/** Where scripts/build.ts puts it. A whole run of the tests takes it only when told to: it may be old. */
const BUILT = join(
  import.meta.dir,
  "../../dist",
  process.platform === "win32" ? "chronolite.exe" : "chronolite",
);
const onlyThese = process.argv.some((argument) => /test[\\/]binary/.test(argument));
const executable =
  BINARY !== undefined ? resolve(BINARY) : onlyThese && existsSync(BUILT) ? BUILT : undefined;

const title =
  executable === undefined
    ? "the executable (skipped: run bun scripts/build.ts, then bun test test/binary, or set CHRONOLITE_BINARY)"
    : `the executable ${executable}`;

/** Started in a folder of its own, far from any node_modules, with a database `t` in it. */
function start(folder: TestFolder, args: readonly string[] = []): Promise<SpawnedServer> {
  using database = new Database(folder.file("t.db"), { create: true });
  database.run("PRAGMA user_version = 1");
  return spawnServer(folder, { executable, cwd: folder.path, args });
}

describe.skipIf(executable === undefined)(title, () => {
  test("is there", () => {
    expect(existsSync(executable ?? "")).toBe(true);
  });

  test("tells its version and its settings", async () => {
    const version = await run(["--version"], { executable });
    expect(version).toMatchObject({ exitCode: 0, stdout: `chronolite ${packageJson.version}\n` });
    const help = await run(["--help"], { executable });
    expect(help.exitCode).toBe(0);
    expect(help.stdout).toContain("--data-dir");
  });

  test("serves keys, SQL and the page from a folder without node_modules, and stops with 0", async () => {
    using folder = new TestFolder();
    await using server = await start(folder);
    expect((await server.api("/db/create?path=notes", { method: "POST" })).status).toBe(201);

    const put = await server.api("/kv/hello?db=notes", { method: "PUT", body: '{"to":"you"}' });
    expect(put.status).toBe(200);
    expect(await (await server.api("/kv/hello?db=notes")).json()).toEqual({ to: "you" });
    const sum = await server.api("/kv/visits/incr?db=notes", { method: "POST" });
    expect(sum.status).toBe(200);

    const transaction = await server.api("/db?db=notes", {
      method: "POST",
      body: JSON.stringify({
        transaction: [
          { statement: "CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT)" },
          { statement: "INSERT INTO people(name) VALUES(?)", values: ["Ada"] },
          { query: "SELECT id, name FROM people" },
        ],
      }),
    });
    const { results } = (await transaction.json()) as { results: { resultSet?: object[] }[] };
    expect(results[2]?.resultSet).toEqual([{ id: 1, name: "Ada" }]);

    const query = await server.api(
      `/query?db=notes&sql=${btoa("SELECT key FROM kv_store ORDER BY key")}`,
    );
    const { resultSet } = (await query.json()) as { resultSet: object[] };
    expect(resultSet).toEqual([{ key: "hello" }, { key: "visits" }]);

    const page = await fetch(`${server.origin}/`, { headers: { accept: "text/html" } });
    expect(page.status).toBe(200);
    const scripts = [...(await page.text()).matchAll(/"(\/ui\/[^"]+\.js)"/g)].map(
      ([, path]) => path,
    );
    expect(scripts.length).toBeGreaterThan(1);
    for (const path of scripts) {
      const plain = await fetch(server.origin + path, {
        headers: { "accept-encoding": "identity" },
      });
      const small = await fetch(server.origin + path, {
        headers: { "accept-encoding": "br, gzip" },
      });
      expect(small.headers.get("content-encoding")).toBe("br");
      expect(Number(small.headers.get("content-length"))).toBeLessThan(
        Number(plain.headers.get("content-length")),
      );
      // fetch unpacks it.
      expect(await small.text()).toBe(await plain.text());
    }

    for (const part of ["", "/start.js", "/swagger-ui.js", "/swagger-ui.css"])
      expect((await fetch(`${server.origin}/docs${part}`)).status).toBe(200);
    expect(await (await server.api("/openapi.yaml")).text()).toStartWith("openapi: 3.1.0");
    expect(await (await fetch(`${server.origin}/metrics`)).text()).toContain("process_open_fds");
    const log = (await (await server.api("/history?db=notes")).json()) as { total: number };
    expect(log.total).toBe(4);

    const health = (await (await server.api("/health")).json()) as {
      built: string;
      version: string;
    };
    expect(health.version).toBe(packageJson.version);
    expect(Number.isNaN(Date.parse(health.built))).toBe(false);

    server.process.kill("SIGTERM");
    expect(await server.process.exited).toBe(0);
    expect(readdirSync(folder.path).sort()).toEqual([".chronolite", "notes.db", "t.db"]);
  });

  test("ends a statement at its deadline, in its own runner processes", async () => {
    using folder = new TestFolder();
    await using server = await start(folder);
    await server.api("/kv/a?db=t", { method: "PUT", body: "x" });
    const response = await server.api(
      "/query?db=t&timeout=1&sql=WITH+RECURSIVE+n(i)+AS+(SELECT+1+UNION+ALL+SELECT+i+FROM+n)+SELECT+sum(i)+FROM+n",
    );
    expect(response.status).toBe(503);
    expect((await server.api("/query?db=t&sql=SELECT+1")).status).toBe(200);
  });

  test.each<[string, string[]]>([
    ["an unknown flag", ["--no-such-flag"]],
    ["a bad value", ["--port", "http"]],
    ["an open host without a token", ["--host", "0.0.0.0"]],
  ])("answers %s with exit 2 and one line", async (_, args) => {
    const { exitCode, stdout, stderr } = await run(args, { executable });
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toMatch(/^chronolite: [^\n]+\n$/);
  });

  test("takes nothing from .env, bunfig.toml or package.json of the folder it is started in", async () => {
    using folder = new TestFolder();
    await Bun.write(
      folder.file(".env"),
      "CHRONOLITE_TOKEN=swordfish\nCHRONOLITE_TIMEOUT=nonsense\n",
    );
    await Bun.write(folder.file(".env.production"), "CHRONOLITE_TOKEN=swordfish\n");
    await Bun.write(folder.file("bunfig.toml"), 'preload = ["./preload.ts"]\n');
    await Bun.write(
      folder.file("preload.ts"),
      `require("node:fs").writeFileSync(${JSON.stringify(folder.file("preloaded"))}, "x");\n`,
    );
    await Bun.write(folder.file("package.json"), "{ this is no JSON");
    await Bun.write(folder.file("tsconfig.json"), "{ nor this");
    await using server = await start(folder);
    expect((await server.api("/health/cache")).status).toBe(200);
    // A runner process is started in the same folder.
    await server.api("/kv/a?db=t", { method: "PUT", body: "x" });
    expect((await server.api("/query?db=t&sql=SELECT+1")).status).toBe(200);
    expect(existsSync(folder.file("preloaded"))).toBe(false);
  });
});
