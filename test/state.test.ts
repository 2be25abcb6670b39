/** The server's own database: what callers cannot do with it. */

import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, linkSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { startTestServer, type TestServer } from "./support/server.ts";

/** A server whose own database has something in it. */
async function serverWithState(args: readonly string[] = []) {
  const server = await startTestServer({ args });
  mkdirSync(server.folder.file(".chronolite"));
  const path = server.folder.file(".chronolite/state.db");
  using state = new Database(path);
  state.run("create table secret (x)");
  return { server, path };
}

const encoded = (path: string) => encodeURIComponent(path);

async function refusal(server: TestServer, path: string, init?: RequestInit) {
  const { status, body } = await server.json(path, init);
  return `${status} ${body["code"]}`;
}

describe("the server's own database", () => {
  test("has no name, whatever leads to it", async () => {
    const { server, path } = await serverWithState(["--allow-any-absolute-db-path"]);
    await using _ = server;
    symlinkSync(path, server.folder.file("link.db"));
    linkSync(path, server.folder.file("hard.db"));
    symlinkSync(server.folder.file(".chronolite"), server.folder.file("folder"));
    const names = [path, server.folder.file("folder/state.db"), "link", "hard"];
    const query = `sql=${encoded("select * from secret")}`;
    const body = JSON.stringify({ transaction: [{ query: "select 1" }] });
    for (const name of names) {
      expect(await refusal(server, `/query?db=${encoded(name)}&${query}`)).toBe(
        "400 INVALID_DB_PATH",
      );
      expect(await refusal(server, `/db?db=${encoded(name)}`, { method: "POST", body })).toBe(
        "400 INVALID_DB_PATH",
      );
      expect(await refusal(server, `/kv?db=${encoded(name)}`)).toBe("400 INVALID_DB_PATH");
    }
  });

  test("is not made by db/create or a first write, and not over a link's folder", async () => {
    await using server = await startTestServer({
      args: ["--create-missing", "--allow-any-absolute-db-path"],
    });
    mkdirSync(server.folder.file(".chronolite"));
    symlinkSync(server.folder.file(".chronolite"), server.folder.file("folder"));
    for (const name of [".chronolite/state.db", ".chronolite/State.DB", "folder/state.db"]) {
      const path = encoded(server.folder.file(name));
      expect(await refusal(server, `/db/create?path=${path}`, { method: "POST" })).toBe(
        "400 INVALID_DB_PATH",
      );
      expect(await refusal(server, `/kv/a?db=${path}`, { method: "PUT", body: "1" })).toBe(
        "400 INVALID_DB_PATH",
      );
    }
    expect(existsSync(server.folder.file(".chronolite/state.db"))).toBe(false);
  });

  test("is no key of directory mode, its log neither", async () => {
    const { server, path } = await serverWithState();
    await using _ = server;
    const before = readFileSync(path);
    for (const key of ["state.db", "state.db-wal", "state.db-shm"]) {
      const target = `/kv/.chronolite/${key}?db=${encoded(server.folder.path)}`;
      expect(await refusal(server, target, { method: "PUT", body: "x" })).toBe(
        "400 INVALID_PARAMETERS",
      );
    }
    const target = `/kv/state.db?db=${encoded(server.folder.file(".chronolite"))}`;
    expect(await refusal(server, target)).toBe("403 FORBIDDEN");
    expect(await refusal(server, target, { method: "DELETE" })).toBe("403 FORBIDDEN");
    expect(readFileSync(path)).toEqual(before);
  });

  test("is where --state-db says", async () => {
    await using server = await startTestServer({
      args: ["--allow-any-absolute-db-path", "--state-db", "/tmp/elsewhere-state.db"],
    });
    expect(
      await refusal(server, `/db/create?path=${encoded("/tmp/elsewhere-state.db")}`, {
        method: "POST",
      }),
    ).toBe("400 INVALID_DB_PATH");
  });

  test("a link to a part of a database is no database", async () => {
    await using server = await startTestServer();
    await server.api("/kv/a?db=t", { method: "PUT", body: "1" });
    symlinkSync(server.folder.file("t.db-wal"), server.folder.file("log.db"));
    expect(await refusal(server, "/kv?db=log")).toBe("400 INVALID_DB_PATH");
  });
});
