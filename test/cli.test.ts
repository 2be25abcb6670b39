import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import packageJson from "../package.json" with { type: "json" };
import { helpText, parseCommand, SETTINGS, UsageError } from "../src/config.ts";
import { run, spawnServer, TestFolder } from "./support/server.ts";

/** What the command line and the environment come to. */
function configOf(args: readonly string[], env: Record<string, string> = {}) {
  const command = parseCommand(args, env);
  if (command.name !== "serve") throw new Error(`not serve but ${command.name}`);
  return command.config;
}

/** A value of each kind that is not the default. */
const OTHER_VALUES: Record<string, string> = {
  port: "4321",
  host: "127.0.0.2",
  "data-dir": "/tmp",
  "allow-any-absolute-db-path": "true",
  "create-missing": "true",
  durability: "relaxed",
  "idle-timeout": "7",
  token: "t0ken",
  "insecure-no-auth": "true",
  timeout: "7",
  "max-body-bytes": "2048",
  "max-value-bytes": "2048",
  "max-import-bytes": "2048",
  "history-retention": "12h",
  "history-max-ops": "5",
  "max-open-databases": "3",
  "query-log-max": "5",
  "query-log-values": "true",
  "state-db": "/other/state.db",
  runners: "2",
};

describe("--help and --version", () => {
  test.each([["--help"], ["-h"], ["help"]])("%s lists every setting, and exits 0", async (flag) => {
    const { exitCode, stdout, stderr } = await run([flag]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toBe(helpText());
    for (const setting of SETTINGS) {
      expect(stdout).toContain(`--${setting.flag}`);
      expect(stdout).toContain(setting.help);
    }
  });

  test.each([["--version"], ["-v"]])("%s prints name and version, and exits 0", async (flag) => {
    expect(await run([flag])).toEqual({
      exitCode: 0,
      stdout: `chronolite ${packageJson.version}\n`,
      stderr: "",
    });
  });
});

describe("mistakes", () => {
  test.each<[string, string[], Record<string, string>, string]>([
    ["an unknown flag", ["--prot", "1"], {}, "--prot"],
    ["an unknown command", ["sevre"], {}, "sevre"],
    ["a word too many", ["serve", "now"], {}, "now"],
    ["a flag without its value", ["--port"], {}, "--port"],
    ["a value for a switch", ["--create-missing=yes"], {}, "--create-missing"],
    ["a port in words", ["--port", "http"], {}, "--port"],
    ["a port out of range", ["--port", "65536"], {}, "--port"],
    ["a negative port", ["--port=-1"], {}, "--port"],
    ["a fraction", ["--timeout", "1.5"], {}, "--timeout"],
    ["a timeout of 0", ["--timeout", "0"], {}, "--timeout"],
    ["too many runners", ["--runners", "65"], {}, "--runners"],
    ["a bad choice", ["--durability", "none"], {}, "--durability"],
    ["an empty folder name", ["--data-dir", ""], {}, "--data-dir"],
    ["a bad number in the environment", [], { CHRONOLITE_TIMEOUT: "soon" }, "CHRONOLITE_TIMEOUT"],
    ["a bad PORT", [], { PORT: "http" }, "PORT"],
    [
      "a bad switch in the environment",
      [],
      { CHRONOLITE_CREATE_MISSING: "maybe" },
      "CHRONOLITE_CREATE_MISSING",
    ],
    ["all addresses without a token", ["--host", "0.0.0.0"], {}, "--host 0.0.0.0"],
    ["all IPv6 addresses without a token", ["--host", "::"], {}, "--host ::"],
    ["a public address without a token", ["--host", "example.com"], {}, "--host example.com"],
    ["an open host in the environment", [], { CHRONOLITE_HOST: "0.0.0.0" }, "0.0.0.0"],
  ])("%s: exit 2 and one line that names it", async (_, args, env, named) => {
    const { exitCode, stdout, stderr } = await run(args, { env });
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toMatch(/^chronolite: [^\n]+\n$/);
    expect(stderr).toContain(named);
    expect(stderr).not.toMatch(/\bat .*\.ts/);
  });

  test("a data folder that does not exist: exit 1 and one line that names it", async () => {
    const { exitCode, stdout, stderr } = await run([
      "--port",
      "0",
      "--data-dir",
      "/nowhere/at/all",
    ]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toMatch(/^chronolite: [^\n]*\/nowhere\/at\/all[^\n]*\n$/);
  });

  test("a data folder that is a file: exit 1 and one line that names it", async () => {
    using folder = new TestFolder();
    await Bun.write(folder.file("file"), "x");
    const { exitCode, stderr } = await run(["--port", "0", "--data-dir", folder.file("file")]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^chronolite: [^\n]*file[^\n]*\n$/);
  });

  test("a wrong token is not printed back", async () => {
    const { stderr } = await run(["--token", "swordfish", "--port", "http"]);
    expect(stderr).not.toContain("swordfish");
  });
});

describe("settings", () => {
  test("every one has a value to test with", () => {
    expect(Object.keys(OTHER_VALUES).sort()).toEqual(SETTINGS.map(({ flag }) => flag).sort());
  });

  test.each(SETTINGS.map((setting) => [setting.flag, setting] as const))(
    "--%s: flag, each variable, flag over environment, environment over default",
    (flag, setting) => {
      const value = OTHER_VALUES[flag] ?? "";
      const args = setting.kind === "switch" ? [`--${flag}`] : [`--${flag}`, value];
      // Loopback rules aside: an open host needs a token in one of the cases.
      const byFlag = configOf(args);
      expect(byFlag).not.toEqual(configOf([]));
      for (const name of setting.env) {
        expect(configOf([], { [name]: value })).toEqual(byFlag);
        expect(configOf([], { [name]: "" })).toEqual(configOf([]));
        const fallback = setting.default === "" ? "another" : setting.default;
        expect(configOf(args, { [name]: fallback })).toEqual(byFlag);
      }
    },
  );

  test("CHRONOLITE_PORT wins over PORT, CHRONOLITE_TOKEN over ACCESS_TOKEN", () => {
    expect(configOf([], { PORT: "1", CHRONOLITE_PORT: "2" }).port).toBe(2);
    expect(configOf([], { ACCESS_TOKEN: "a", CHRONOLITE_TOKEN: "b" }).token).toBe("b");
  });

  test("--host beyond loopback needs --token or --insecure-no-auth", () => {
    expect(() => configOf(["--host", "0.0.0.0"])).toThrow(UsageError);
    expect(configOf(["--host", "0.0.0.0", "--token", "x"]).host).toBe("0.0.0.0");
    expect(configOf(["--host", "0.0.0.0", "--insecure-no-auth"]).host).toBe("0.0.0.0");
    for (const host of ["127.0.0.1", "localhost", "::1"])
      expect(configOf(["--host", host]).host).toBe(host);
  });
});

describe("serve", () => {
  /** A file to write to, so that the server has no more to print than where it listens. */
  const makeDatabase = (folder: TestFolder) => {
    using database = new Database(folder.file("t.db"), { create: true });
    database.run("PRAGMA user_version = 1");
  };

  test("on port 0 takes a free port, says where it listens, and takes variables", async () => {
    using folder = new TestFolder();
    makeDatabase(folder);
    await using server = await spawnServer(folder, {
      env: { CHRONOLITE_TOKEN: "x", CHRONOLITE_CREATE_MISSING: "1" },
    });
    expect(Number(new URL(server.origin).port)).toBeGreaterThan(0);
    expect((await server.api("/kv?db=t")).status).toBe(401);
    const put = await server.api("/kv/a?db=u", {
      method: "PUT",
      body: "x",
      headers: { authorization: "Bearer x" },
    });
    expect(put.status).toBe(200);
    expect(readdirSync(folder.path)).toContain("u.db");
  });

  test("takes PORT from the environment", async () => {
    using folder = new TestFolder();
    const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
    try {
      const { exitCode, stderr } = await run(["--data-dir", folder.path], {
        env: { PORT: String(probe.port) },
      });
      // It really tried that port, which is taken.
      expect(exitCode).toBe(1);
      expect(stderr).toContain("--port");
    } finally {
      probe.stop(true);
    }
  });

  test("reads no .env of the folder it is started in", async () => {
    using folder = new TestFolder();
    await Bun.write(folder.file(".env"), "CHRONOLITE_TOKEN=swordfish\n");
    makeDatabase(folder);
    await using server = await spawnServer(folder, { cwd: folder.path });
    expect((await server.api("/health/cache")).status).toBe(200);
  });

  test.each(["SIGTERM", "SIGINT"] as const)(
    "%s: answers the writes in flight, exits 0, leaves only the database file",
    async (signal) => {
      using folder = new TestFolder();
      makeDatabase(folder);
      await using server = await spawnServer(folder);
      expect((await server.api("/kv/first?db=t", { method: "PUT", body: "x" })).status).toBe(200);
      const answered: string[] = [];
      let failed = 0;
      let next = 0;
      let signalled = false;
      const writers = Array.from({ length: 16 }, async () => {
        for (;;) {
          next += 1;
          const key = `k${next}`;
          try {
            const response = await server.api(`/kv/${key}?db=t`, { method: "PUT", body: key });
            if (response.status === 200) answered.push(key);
            else failed += 1;
          } catch {
            return; // The server is gone.
          }
          if (!signalled && answered.length >= 100) {
            signalled = true;
            server.process.kill(signal);
          }
        }
      });
      await Promise.all(writers);
      expect(await server.process.exited).toBe(0);
      expect(server.process.signalCode).toBe(null);
      expect(answered.length).toBeGreaterThanOrEqual(100);
      expect(failed).toBe(0);
      expect(readdirSync(folder.path)).toEqual(["t.db"]);
      using database = new Database(folder.file("t.db"), { readonly: true });
      const keys = new Set(
        database
          .query<{ key: string }, []>("SELECT key FROM kv_store")
          .all()
          .map(({ key }) => key),
      );
      expect(answered.filter((key) => !keys.has(key))).toEqual([]);
    },
  );

  test("SIGTERM ends a statement that does not end, too", async () => {
    using folder = new TestFolder();
    makeDatabase(folder);
    await using server = await spawnServer(folder);
    await server.api("/kv/a?db=t", { method: "PUT", body: "x" });
    const runaway = server
      .api(
        "/query?db=t&timeout=300&sql=WITH+RECURSIVE+n(i)+AS+(SELECT+1+UNION+ALL+SELECT+i+FROM+n)+SELECT+sum(i)+FROM+n",
      )
      .then(
        ({ status }) => status,
        () => 0,
      );
    expect((await server.api("/query?db=t&sql=SELECT+1")).status).toBe(200);
    server.process.kill("SIGTERM");
    // Whoever sent the signal sends SIGKILL when it takes too long: Docker after ten seconds.
    const late = Bun.sleep(8000).then(() => "late");
    expect(await Promise.race([server.process.exited, late])).toBe(0);
    expect([0, 503]).toContain(await runaway);
    expect(readdirSync(folder.path).sort()).toEqual([".chronolite", "t.db"]);
    expect(readdirSync(folder.file(".chronolite"))).toEqual(["state.db"]);
  }, 12_000);

  test("goes on when whoever reads its output stops reading", async () => {
    using folder = new TestFolder();
    // An empty folder makes it print a second line; the reader is gone by then, or not, as it comes.
    for (let round = 0; round < 6; round += 1) {
      await using server = await spawnServer(folder);
      expect((await server.api("/health")).status).toBe(200);
      const ended = await Promise.race([server.process.exited, Bun.sleep(50).then(() => "runs")]);
      expect(ended).toBe("runs");
    }
  });
});
