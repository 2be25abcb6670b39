import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import {
  API,
  spawnServer,
  startTestServer,
  TestFolder,
  type TestServer,
} from "./support/server.ts";
import { SqlClient } from "./support/sql.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ args: ["--runners", "1"] });
  await new SqlClient(server).run(
    "CREATE TABLE notes(id INTEGER PRIMARY KEY, body)",
    "INSERT INTO notes VALUES(1, 'plain'), (2, NULL), (3, ''), (4, 'a,b'), (5, 'say \"hi\"')",
  );
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const path = (sql: string, more = "") => `/query?db=t&sql=${encodeURIComponent(sql)}${more}`;
const get = (sql: string, more = "", init?: RequestInit) => server.api(path(sql, more), init);
const upTo = (count: number, columns = "i") =>
  `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) SELECT ${columns} FROM n`;

describe("the format of GET /query", () => {
  const BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

  test.each<[string, string | null, string, string]>([
    ["no Accept", null, "", "application/json"],
    ["anything", "*/*", "", "application/json"],
    ["a browser", BROWSER, "", "text/html; charset=utf-8"],
    ["CSV", "text/csv", "", "text/csv; charset=utf-8; header=present"],
    ["NDJSON", "application/x-ndjson", "", "application/x-ndjson"],
    ["the better of two", "text/csv;q=0.5, application/json;q=0.9", "", "application/json"],
    [
      "the first of two equals",
      "text/csv, application/json",
      "",
      "text/csv; charset=utf-8; header=present",
    ],
    ["anything but JSON", "application/json;q=0, */*", "", "text/html; charset=utf-8"],
    ["nothing that is served", "image/png", "", "application/json"],
    ["a broken header", ";;q=x,,/", "", "application/json"],
    ["a browser, and format", BROWSER, "&format=json", "application/json"],
    [
      "JSON, and format",
      "application/json",
      "&format=CSV",
      "text/csv; charset=utf-8; header=present",
    ],
  ])("for %s", async (_, accept, more, contentType) => {
    const response = await get("SELECT 1 AS a", more, {
      headers: accept === null ? {} : { accept },
    });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe(contentType);
    expect(response.headers.get("vary")).toBe(more === "" ? "Accept" : null);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    await response.text();
  });

  test("that is unknown is 400 that names it", async () => {
    const { status, body } = await server.json(path("SELECT 1", "&format=xml"));
    expect({ status, parameter: body["parameter"] }).toEqual({ status: 400, parameter: "format" });
  });

  test.each(["csv", "ndjson", "html"])(
    "%s: errors before the first row are ordinary answers",
    async (format) => {
      for (const [sql, code] of [
        ["SELECT * FROM missing", "SQL_ERROR"],
        ["DELETE FROM notes", "INVALID_PARAMETERS"],
        ["SELECT json('{')", "SQL_ERROR"],
        ["SELECT ?", "SQL_BIND_ERROR"],
      ] as const) {
        const response = await get(sql, `&format=${format}`);
        expect(response.status).toBe(400);
        expect(response.headers.get("content-type")).toBe("application/json");
        expect(await response.json()).toMatchObject({ success: false, code });
      }
      expect((await server.api("/query?db=none&sql=SELECT+1&format=csv")).status).toBe(400);
    },
  );

  test("download=true names the file after the database", async () => {
    for (const format of ["csv", "json", "ndjson", "html"]) {
      const response = await get("SELECT 1", `&format=${format}&download=true`);
      expect(response.headers.get("content-disposition")).toBe(
        `attachment; filename="t-query.${format}"; filename*=UTF-8''t-query.${format}`,
      );
      await response.text();
    }
    await server.api(`/db/create?path=${encodeURIComponent("naïve été")}`, { method: "POST" });
    const odd = await server.api(
      `/query?db=${encodeURIComponent("naïve été")}&sql=SELECT+1&format=csv&download=1`,
    );
    expect(odd.headers.get("content-disposition")).toBe(
      `attachment; filename="na_ve _t_-query.csv"; filename*=UTF-8''na%C3%AFve%20%C3%A9t%C3%A9-query.csv`,
    );
  });
});

describe("CSV", () => {
  test("is RFC 4180 with a header; NULL is empty, an empty text is quoted", async () => {
    const response = await get(
      "SELECT id, body, body AS body FROM notes ORDER BY id",
      "&format=csv",
    );
    expect(await response.text()).toBe(
      [
        "id,body,body:2",
        "1,plain,plain",
        "2,,",
        '3,"",""',
        '4,"a,b","a,b"',
        '5,"say ""hi""","say ""hi"""',
        "",
      ].join("\r\n"),
    );
  });

  test.each<[string, string, string]>([
    ["64-bit integers", "9223372036854775807", "9223372036854775807"],
    ["numbers", "0.1 + 0.2", "0.30000000000000004"],
    ["infinity", "-1e999", "-Inf"],
    ["line ends", "'a' || char(13, 10) || 'b'", '"a\r\nb"'],
    ["text that a spreadsheet takes for a formula, as it is", "'=1+1'", "=1+1"],
    ["text outside ASCII", "'héé 🎈'", "héé 🎈"],
    ["a BLOB that is text", "x'68c3a9'", "hé"],
    ["a BLOB that is none, in base64", "x'ff00'", "/wA="],
  ])("writes %s", async (_, expression, field) => {
    const text = await (await get(`SELECT ${expression} AS v`, "&format=csv")).text();
    expect(text).toBe(`v\r\n${field}\r\n`);
  });

  test("without rows is the header", async () => {
    expect(await (await get("SELECT id FROM notes WHERE 0", "&format=csv")).text()).toBe("id\r\n");
  });

  test("binds values", async () => {
    const values = encodeURIComponent('{"id":4}');
    const text = await (
      await get("SELECT body FROM notes WHERE id = :id", `&format=csv&values=${values}`)
    ).text();
    expect(text).toBe('body\r\n"a,b"\r\n');
  });

  test("with max_chars ends with a whole row, and a header says whether it was cut", async () => {
    for (const [maxChars, truncated] of [
      [100, "true"],
      [100_000, "false"],
    ] as const) {
      const response = await get(upTo(200), `&format=csv&max_chars=${maxChars}`);
      expect(response.headers.get("x-truncated")).toBe(truncated);
      const text = await response.text();
      expect(text.length).toBeLessThanOrEqual(maxChars);
      expect(text).toEndWith(truncated === "true" ? "26\r\n" : "200\r\n");
    }
    expect((await get(upTo(200), "&format=csv")).headers.get("x-truncated")).toBe(null);
  });
});

describe("NDJSON", () => {
  test("is one object per row, cells as in JSON", async () => {
    const sql = "SELECT 9007199254740993 AS a, x'ff' AS b, NULL AS a UNION ALL SELECT 'x', 1.5, ''";
    expect(await (await get(sql, "&format=ndjson")).text()).toBe(
      '{"a":9007199254740993,"b":{"value_base64":"/w=="},"a:2":null}\n{"a":"x","b":1.5,"a:2":""}\n',
    );
  });

  test("without rows is empty", async () => {
    const response = await get("SELECT id FROM notes WHERE 0", "&format=ndjson");
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  test("that fails after some rows ends with the error as its last line", async () => {
    const response = await get(
      upTo(20_000, "CASE WHEN i < 15000 THEN i ELSE 1e999 END AS v"),
      "&format=ndjson",
    );
    expect(response.status).toBe(200);
    const lines = (await response.text()).trimEnd().split("\n");
    expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({
      success: false,
      code: "DATABASE_ERROR",
    });
    expect(lines.slice(0, -1)).toEqual(
      Array.from({ length: lines.length - 1 }, (_, row) => `{"v":${row + 1}}`),
    );
    expect(lines).toHaveLength(15_000);
  });
});

/** Reads to the end, clean or not. */
async function readAll(response: Response): Promise<{ text: string; clean: boolean }> {
  let text = "";
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true });
    return { text, clean: true };
  } catch {
    return { text, clean: false };
  }
}

describe("HTML", () => {
  const page = async (sql: string, more = "") => (await get(sql, `&format=html${more}`)).text();

  test("is a page that runs nothing and loads nothing, with every value escaped", async () => {
    const evil = "<script>alert(1)</script>\"'&";
    const response = await get(
      `SELECT '${evil.replaceAll("'", "''")}' AS "<b>col", NULL AS n, x'3c623e' AS blob -- <i>`,
      "&format=html",
    );
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("unsafe");
    expect(response.headers.get("x-frame-options")).toBe(null);
    const html = await response.text();
    expect(html).not.toMatch(/<script|<b>|<i>|<img|javascript:/);
    expect(html).toContain("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;</td>");
    const style = /<style>([\s\S]*)<\/style>/.exec(html)?.[1] ?? "";
    const hash = new Bun.CryptoHasher("sha256").update(style).digest("base64");
    expect(policy).toContain(`'sha256-${hash}'`);
    expect(html).toContain("1 row.");
  });

  test("links to the same query in the other formats", async () => {
    const html = await page(
      "SELECT id FROM notes WHERE id = ?",
      `&values=${encodeURIComponent("[4]")}&download=false`,
    );
    const href = /href="([^"]*format=csv[^"]*)"/.exec(html)?.[1]?.replaceAll("&amp;", "&") ?? "";
    const url = new URL(href, `${server.origin}${API}/query?x=y`);
    expect(await (await fetch(url)).text()).toBe("id\r\n4\r\n");
  });

  test.each([
    [10_000, "10,000 rows."],
    [10_001, "The first 10,000 rows; there are more."],
  ])("of %d rows says: %s", async (count, summary) => {
    const html = await page(upTo(count));
    expect(html.match(/<tr>/g)).toHaveLength(10_001);
    expect(html).toContain(summary);
  });
});

describe("a stream", () => {
  test.each(["csv", "ndjson"])("%s has every row, far beyond the cap of JSON", async (format) => {
    const response = await get(upTo(123_456), `&format=${format}`);
    const lines = (await response.text()).trimEnd().split(/\r?\n/);
    const rows =
      format === "csv" ? lines.slice(1) : lines.map((line) => String(JSON.parse(line).i));
    expect(rows).toHaveLength(123_456);
    expect(rows.every((row, index) => row === String(index + 1))).toBe(true);
  });

  test("shows the rows of one moment, however long it takes to read", async () => {
    const sql = new SqlClient(server);
    await sql.run("CREATE TABLE moving(a)", `INSERT INTO moving ${upTo(300_000, "1")}`);
    const response = await get("SELECT a FROM moving", "&format=csv");
    const reader = response.body?.getReader();
    const first = await reader?.read();
    await sql.run("UPDATE moving SET a = 2");
    let text = new TextDecoder().decode(first?.value);
    for (let next = await reader?.read(); next?.done === false; next = await reader?.read())
      text += new TextDecoder().decode(next.value);
    expect(text).toBe(`a\r\n${"1\r\n".repeat(300_000)}`);
  });

  test("that fails after some rows is cut off, not ended", async () => {
    const failing = upTo(100_000, "CASE WHEN i < 90000 THEN i ELSE json('{') END AS v");
    const { text, clean } = await readAll(await get(failing, "&format=csv"));
    expect(clean).toBe(false);
    expect(text).toStartWith("v\r\n1\r\n2\r\n");
  });

  test("does not keep other SQL waiting, and is ended when its reader hangs up", async () => {
    const endless =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    const caller = new AbortController();
    const response = await get(endless, "&format=csv&timeout=300", { signal: caller.signal });
    const reader = response.body?.getReader();
    await reader?.read();
    // The only runner is free; so is the only one for streams, once the reader is gone.
    expect((await get("SELECT 1", "&timeout=3")).status).toBe(200);
    expect((await reader?.read())?.done).toBe(false);
    caller.abort();
    expect(await (await get("SELECT 1 AS a", "&format=csv&timeout=5")).text()).toBe("a\r\n1\r\n");
  });

  test("that gives no row within the timeout is 503, or ends with the error, or is cut off", async () => {
    const silent =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n";
    const response = await get(silent, "&format=csv&timeout=1");
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: "REQUEST_TIMEOUT" });
    const later = `SELECT 1 AS v UNION ALL SELECT * FROM (${silent})`;
    const some = `${upTo(20_000, "i AS v")} UNION ALL ${later}`;
    const text = await (await get(some, "&format=ndjson&timeout=1")).text();
    const [row, last] = [text.slice(0, 8), text.trimEnd().split("\n").at(-1)];
    expect(row).toBe('{"v":1}\n');
    expect(JSON.parse(last ?? "")).toMatchObject({ code: "REQUEST_TIMEOUT" });
    expect((await readAll(await get(some, "&format=csv&timeout=1"))).clean).toBe(false);
  });

  test("HEAD answers the headers and leaves no job behind", async () => {
    const head = await get(upTo(1_000_000), "&format=csv", { method: "HEAD" });
    expect([head.status, head.headers.get("content-type")]).toEqual([
      200,
      "text/csv; charset=utf-8; header=present",
    ]);
    expect((await get("SELECT 1", "&format=csv&timeout=5")).status).toBe(200);
  });

  test("of a million rows needs little more memory than one of fewer, here and in the runner", async () => {
    if (!existsSync("/proc/self/statm")) return;
    using folder = new TestFolder();
    await using spawned = await spawnServer(folder);
    await spawned.api("/db/create?path=t", { method: "POST" });
    const columns = "i, i * 1.5 AS half, 'a text of some length' AS text";
    const read = async (count: number) => {
      let bytes = 0;
      const response = await spawned.api(path(upTo(count, columns), "&format=csv"));
      for await (const chunk of response.body ?? []) bytes += chunk.byteLength;
      return bytes;
    };
    await read(200_000);
    const before = peakMemoryBytes(spawned.process.pid);
    const bytes = await read(1_000_000);
    const grown = peakMemoryBytes(spawned.process.pid) - before;
    expect(bytes).toBeGreaterThan(37_000_000);
    expect(grown).toBeLessThan(bytes * 0.8);
  }, 60_000);
});

/** The most that a process and its children have used, together. */
function peakMemoryBytes(pid: number): number {
  let kib = 0;
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const status = readFileSync(`/proc/${name}/status`, "utf8");
      if (name !== String(pid) && !status.includes(`\nPPid:\t${pid}\n`)) continue;
      kib += Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0);
    } catch {
      // It has ended meanwhile.
    }
  }
  return kib * 1024;
}
