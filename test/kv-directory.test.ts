import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { readWhole } from "../src/kv/value-file.ts";
import { MAX_KEY_BYTES, MAX_LISTED_FILES } from "../src/limits.ts";
import { startTestServer, TestFolder, type TestServer } from "./support/server.ts";

interface Answer {
  success: boolean;
  code: string;
  parameter?: string;
  created: boolean;
  size: number;
  etag?: string;
  file_path: string;
}

interface Page {
  keys: string[];
  items: { key: string; content_type: string; size: number; etag?: string }[];
  total: number;
  count: number;
  has_more: boolean;
  next_after: string | null;
  directory_mode: boolean;
}

let server: TestServer;
let folders = 0;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

/** A folder of the data folder, of its own for each test, so that all can share one server. */
class Folder {
  readonly path: string;
  readonly on: TestServer;

  constructor(on: TestServer = server, path = on.folder.file(`folder_${++folders}`)) {
    this.on = on;
    this.path = path;
    mkdirSync(path, { recursive: true });
  }

  file(name: string): string {
    return join(this.path, name);
  }

  write(name: string, content: string | Uint8Array): void {
    mkdirSync(join(this.file(name), ".."), { recursive: true });
    writeFileSync(this.file(name), content);
  }

  text(name: string): string {
    return readFileSync(this.file(name), "utf8");
  }

  url(key: string, extra = ""): string {
    return `/kv/${key}?db=${encodeURIComponent(this.path)}${extra}`;
  }

  get(key: string, extra = "", init: RequestInit = {}): Promise<Response> {
    return this.on.api(this.url(key, extra), init);
  }

  json(method: string, key: string, extra = "", init: RequestInit = {}) {
    return this.on.json<Answer>(this.url(key, extra), { method, ...init });
  }

  put(key: string, body: string | Uint8Array<ArrayBuffer>, extra = "") {
    return this.json("PUT", key, extra, { body });
  }

  async status(method: string, key: string, extra = "", init: RequestInit = {}): Promise<number> {
    return (await this.get(key, extra, { method, ...init })).status;
  }

  async list(extra = ""): Promise<Page> {
    const { body } = await this.on.json<Page>(`/kv?db=${encodeURIComponent(this.path)}${extra}`);
    return body;
  }
}

const sha256 = (content: string | Uint8Array) => createHash("sha256").update(content).digest("hex");

describe("directory mode: GET /kv/{key}", () => {
  test("answers the file's bytes, and describes them", async () => {
    const folder = new Folder();
    folder.write("users/alice.json", '{"user": "alice"}\n');
    utimesSync(folder.file("users/alice.json"), 1_700_000_000, 1_700_000_000);
    const response = await folder.get("users/alice.json");
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('{"user": "alice"}\n');
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "application/json",
      "content-length": "18",
      "x-directory-mode": "true",
      "x-file-hash": sha256('{"user": "alice"}\n'),
      "x-kv-nesting-depth": "2",
      "x-created-at": "1700000000",
      "x-updated-at": "1700000000",
      "x-content-type-options": "nosniff",
    });
    for (const name of ["etag", "x-expire-at", "x-json-path"])
      expect(response.headers.get(name)).toBeNull();
  });

  test.each<[string, string]>([
    ["a.json", "application/json"],
    ["a.JSON", "application/json"],
    ["a.txt", "text/plain;charset=utf-8"],
    ["a.html", "text/html;charset=utf-8"],
    ["a.png", "image/png"],
    ["a", "application/octet-stream"],
    ["a.unheard-of", "application/octet-stream"],
    [".json", "application/octet-stream"],
    ["a.json/b", "application/octet-stream"],
  ])("%s has the type %s", async (key, type) => {
    const folder = new Folder();
    folder.write(key, "x");
    expect((await folder.get(key)).headers.get("content-type")).toBe(type);
    expect((await folder.list()).items[0]?.content_type).toBe(type);
  });

  test("keeps a page in its sandbox", async () => {
    const folder = new Folder();
    folder.write("a.html", "<script>alert(1)</script>");
    expect((await folder.get("a.html")).headers.get("content-security-policy")).toBe("sandbox");
  });

  test.each<[string, Uint8Array<ArrayBuffer>]>([
    ["nothing", new Uint8Array()],
    ["bytes that are no text", new Uint8Array([0, 255, 254, 0, 128])],
    ["a byte order mark", new Uint8Array([0xef, 0xbb, 0xbf, 0x61])],
    ["a megabyte", new Uint8Array(1 << 20).fill(7)],
  ])("gives back %s as it was put", async (_, bytes) => {
    const folder = new Folder();
    expect((await folder.put("a", bytes)).body.size).toBe(bytes.length);
    expect(new Uint8Array(readFileSync(folder.file("a")))).toEqual(bytes);
    const response = await folder.get("a");
    expect(response.headers.get("content-length")).toBe(String(bytes.length));
    expect(response.headers.get("x-file-hash")).toBe(sha256(bytes));
    expect(await response.bytes()).toEqual(bytes);
  });

  test("of a missing key, a folder or a key below a value: 404 and null", async () => {
    const folder = new Folder();
    folder.write("sub/a", "x");
    for (const key of ["b", "sub", "sub/b", "sub/a/b", "none/at/all"]) {
      const response = await folder.get(key);
      expect({ key, status: response.status }).toEqual({ key, status: 404 });
      expect(await response.text()).toBe("null");
      expect(response.headers.get("x-error-code")).toBe("KEY_NOT_FOUND");
    }
  });

  test("answers a part of a JSON file, without a hash", async () => {
    const folder = new Folder();
    folder.write("a.txt", '{"n": 9007199254740993, "list": [{"b": "x"}]}');
    const response = await folder.get("a.txt", "&path=list[0].b");
    expect(await response.text()).toBe('"x"');
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(response.headers.get("x-json-path")).toBe("list%5B0%5D.b");
    expect(response.headers.get("x-file-hash")).toBeNull();
    expect(await (await folder.get("a.txt", "&path=n")).text()).toBe("9007199254740993");
    expect(await (await folder.get("a.txt", "&path=list.0.b")).text()).toBe('"x"');
    expect((await folder.json("GET", "a.txt", "&path=none")).body.code).toBe("NOT_FOUND");
  });

  test("path of a file that is not JSON: 400 that names path", async () => {
    const folder = new Folder();
    folder.write("a", "not JSON");
    folder.write("b", new Uint8Array([0, 1, 255]));
    for (const key of ["a", "b"]) {
      const { status, body } = await folder.json("GET", key, "&path=x");
      expect({ status, parameter: body.parameter }).toEqual({ status: 400, parameter: "path" });
    }
  });

  test("accepts rebuild, which changes nothing", async () => {
    const folder = new Folder();
    folder.write("a", "x");
    expect(await folder.status("GET", "a", "&rebuild=true")).toBe(200);
    expect((await folder.json("GET", "a", "&rebuild=maybe")).body.parameter).toBe("rebuild");
  });
});

describe("directory mode: HEAD /kv/{key}", () => {
  test("describes the file without reading it", async () => {
    const folder = new Folder();
    folder.write("a/b.txt", "hello");
    const response = await folder.get("a/b.txt", "", { method: "HEAD" });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-length")).toBe("5");
    expect(response.headers.get("x-directory-mode")).toBe("true");
    expect(response.headers.get("x-kv-nesting-depth")).toBe("2");
    expect(response.headers.get("etag")).toBeNull();
    expect(await response.text()).toBe("");
    const missing = await folder.get("none", "", { method: "HEAD" });
    expect(missing.status).toBe(404);
    expect(missing.headers.get("x-hoody-error-code")).toBe("KEY_NOT_FOUND");
  });
});

describe("directory mode: PUT /kv/{key}", () => {
  test("makes the file and the folders on the way, then replaces it", async () => {
    const folder = new Folder();
    const first = await folder.put("a/b/c.json", "[1]");
    expect(first.body).toEqual({
      success: true,
      status: "ok",
      key: "a/b/c.json",
      created: true,
      size: 3,
      directory_mode: true,
      file_path: folder.file("a/b/c.json"),
    } as unknown as Answer);
    expect(folder.text("a/b/c.json")).toBe("[1]");
    expect((await folder.put("a%2Fb%2Fc.json", "[1,2]")).body.created).toBe(false);
    expect(folder.text("a/b/c.json")).toBe("[1,2]");
    expect(readdirSync(folder.file("a/b"))).toEqual(["c.json"]);
  });

  test("keeps the permissions of the file", async () => {
    const folder = new Folder();
    writeFileSync(folder.file("a"), "x", { mode: 0o600 });
    await folder.put("a", "y");
    expect(statSync(folder.file("a")).mode & 0o777).toBe(0o600);
  });

  test("of a folder, or below a value: 409, and nothing changes", async () => {
    const folder = new Folder();
    folder.write("sub/a", "x");
    for (const key of ["sub", "sub/a/b", "sub/a/b/c"]) {
      const { status, body } = await folder.put(key, "y");
      expect({ key, status, code: body.code }).toEqual({ key, status: 409, code: "CONFLICT" });
    }
    expect((await folder.list()).keys).toEqual(["sub/a"]);
    expect(folder.text("sub/a")).toBe("x");
    expect(readdirSync(folder.path)).toEqual(["sub"]);
  });

  test("sets a member of a JSON file; every digit elsewhere survives", async () => {
    const folder = new Folder();
    folder.write("a.json", '{"big": 9223372036854775807, "f": 1.10, "prefs": {"theme": "dark"}}');
    const { status, body } = await folder.put("a.json", '"light"', "&path=prefs.theme");
    expect({ status, path: (body as { path?: string }).path }).toEqual({
      status: 200,
      path: "prefs.theme",
    });
    expect(folder.text("a.json")).toBe(
      '{"big":9223372036854775807,"f":1.10,"prefs":{"theme":"light"}}',
    );
    expect(body.size).toBe(statSync(folder.file("a.json")).size);
  });

  test("with a path makes an absent file", async () => {
    const folder = new Folder();
    expect((await folder.put("a.json", "1", "&path=x.y")).body.created).toBe(true);
    expect(folder.text("a.json")).toBe('{"x":{"y":1}}');
  });

  test("with a path that cannot be set, or a body that is not JSON: 400, and nothing changes", async () => {
    const folder = new Folder();
    folder.write("a.json", '{"n":1}');
    folder.write("b", "text");
    for (const [key, path, leaf, parameter] of [
      ["a.json", "n.x", "1", "path"],
      ["a.json", "n", "nonsense", "body"],
      ["b", "n", "1", "path"],
      ["new", "n", "nonsense", "body"],
    ] as const) {
      const { status, body } = await folder.put(key, leaf, `&path=${path}`);
      expect({ key, status, parameter: body.parameter }).toEqual({ key, status: 400, parameter });
    }
    expect(folder.text("a.json")).toBe('{"n":1}');
    expect(readdirSync(folder.path).toSorted()).toEqual(["a.json", "b"]);
  });

  test("of one key by many at once never shows a torn file, and leaves only the file", async () => {
    const folder = new Folder();
    const values = Array.from({ length: 6 }, (_, index) =>
      String(index).repeat(2_000_000 + index * 100_000),
    );
    await folder.put("a", values[0] ?? "");
    let writing = true;
    const reader = async () => {
      let reads = 0;
      while (writing) {
        const response = await folder.get("a");
        const text = await response.text();
        expect(values.includes(text)).toBe(true);
        expect(response.headers.get("x-file-hash")).toBe(sha256(text));
        reads += 1;
      }
      return reads;
    };
    const readers = [reader(), reader()];
    for (let round = 0; round < 5; round += 1) {
      const answers = await Promise.all(values.map((value) => folder.put("a", value)));
      expect(answers.every(({ status, body }) => status === 200 && !body.created)).toBe(true);
    }
    writing = false;
    expect((await Promise.all(readers)).every((reads) => reads > 0)).toBe(true);
    expect(readdirSync(folder.path)).toEqual(["a"]);
  });

  test("of one new key by many at once makes it once", async () => {
    const folder = new Folder();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => folder.put("x/y/z", "value")),
    );
    expect(answers.filter(({ body }) => body.created).length).toBe(1);
  });

  test("of members by many at once loses none", async () => {
    const folder = new Folder();
    const names = Array.from({ length: 20 }, (_, index) => `m${index}`);
    await Promise.all(names.map((name) => folder.put("a.json", "1", `&path=${name}`)));
    expect(Object.keys(JSON.parse(folder.text("a.json"))).toSorted()).toEqual(names.toSorted());
  });

  test("above --max-body-bytes: 413, and nothing is written", async () => {
    await using small = await startTestServer({ args: ["--max-body-bytes", "1024"] });
    const folder = new Folder(small);
    expect((await folder.put("a", "x".repeat(1024))).status).toBe(200);
    expect((await folder.put("b", "x".repeat(1025))).body.code).toBe("PAYLOAD_TOO_LARGE");
    expect(readdirSync(folder.path)).toEqual(["a"]);
  });
});

describe("directory mode: DELETE /kv/{key}", () => {
  test("removes the file; then it is missing", async () => {
    const folder = new Folder();
    folder.write("sub/a", "x");
    const { status, body } = await folder.json("DELETE", "sub/a");
    expect(status).toBe(200);
    expect(body).toEqual({
      success: true,
      status: "ok",
      key: "sub/a",
      deleted: true,
      directory_mode: true,
    } as unknown as Answer);
    expect(existsSync(folder.file("sub/a"))).toBe(false);
    expect((await folder.json("DELETE", "sub/a")).body.code).toBe("KEY_NOT_FOUND");
  });

  test("of a folder: 404, and it stays", async () => {
    const folder = new Folder();
    folder.write("sub/a", "x");
    expect(await folder.status("DELETE", "sub")).toBe(404);
    expect(folder.text("sub/a")).toBe("x");
  });
});

describe("directory mode: GET /kv", () => {
  test("lists files of all depths in byte order", async () => {
    const folder = new Folder();
    const keys = ["a/b", "a-b", "a", "B", "é", "z/1/2", "z/1.txt", "\u{1f388}", "\uff21"];
    for (const key of keys) folder.write(key === "a" ? "a0" : key, key);
    utimesSync(folder.file("z/1.txt"), 1_700_000_000, 1_700_000_000);
    const page = await folder.list();
    const expected = keys
      .map((key) => (key === "a" ? "a0" : key))
      .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(page.keys).toEqual(expected);
    expect(page).toMatchObject({
      success: true,
      directory_mode: true,
      total: 9,
      count: 9,
      has_more: false,
      next_after: null,
      prefix: "",
    } as object);
    expect(page.items.find(({ key }) => key === "z/1.txt")).toEqual({
      key: "z/1.txt",
      content_type: "text/plain;charset=utf-8",
      size: 7,
      created_at: 1_700_000_000,
      updated_at: 1_700_000_000,
    } as unknown as Page["items"][number]);
  });

  test.each<[string, string[], number, boolean]>([
    ["&prefix=b/", ["b/1", "b/2", "b/3"], 3, false],
    ["&prefix=b", ["b/1", "b/2", "b/3", "bb"], 4, false],
    ["&prefix=b/2", ["b/2"], 1, false],
    ["&prefix=none/", [], 0, false],
    ["&prefix=a/", [], 0, false],
    ["&prefix=../", [], 0, false],
    ["&prefix=/", [], 0, false],
    ["&prefix=%25", [], 0, false],
    ["&limit=2", ["a", "b/1"], 6, true],
    ["&limit=2&offset=4", ["bb", "c/d/e"], 6, false],
    ["&limit=0", [], 6, false],
    ["&offset=100", [], 6, false],
    ["&after=b/2", ["b/3", "bb", "c/d/e"], 6, false],
    ["&after=b/2&limit=1", ["b/3"], 6, true],
    ["&reverse=true&limit=2", ["c/d/e", "bb"], 6, true],
    ["&reverse=true&after=b/2", ["b/1", "a"], 6, false],
    ["&suffix=1", ["b/1"], 1, false],
    ["&contains=/d/", ["c/d/e"], 1, false],
    ["&start=b/2&end=bb", ["b/2", "b/3"], 2, false],
    ["&table=b", ["1", "2", "3"], 3, false],
    ["&table=c/d", ["e"], 1, false],
    ["&table=none", [], 0, false],
    ["&table=c&prefix=d/", ["d/e"], 1, false],
    ["&rebuild=true&limit=1", ["a"], 6, true],
  ])("%s", async (extra, keys, total, hasMore) => {
    const folder = new Folder();
    for (const key of ["a", "b/1", "b/2", "b/3", "bb", "c/d/e"]) folder.write(key, "x");
    const page = await folder.list(extra);
    expect({ keys: page.keys, total: page.total, hasMore: page.has_more }).toEqual({
      keys,
      total,
      hasMore,
    });
    expect(page.next_after).toBe(hasMore ? (keys.at(-1) ?? null) : null);
  });

  test("pages through everything once by after", async () => {
    const folder = new Folder();
    const keys = Array.from({ length: 25 }, (_, index) => `d${index % 3}/f${index}`);
    for (const key of keys) folder.write(key, "x");
    const seen: string[] = [];
    for (let after = ""; ; ) {
      const page = await folder.list(`&limit=4&after=${encodeURIComponent(after)}`);
      seen.push(...page.keys);
      if (page.next_after === null) break;
      after = page.next_after;
    }
    expect(seen).toEqual(keys.toSorted());
  });

  test(`of ${MAX_LISTED_FILES} files is answered, of one more is 413 with a hint; a part still is`, async () => {
    const folder = new Folder();
    folder.write("sub/a", "x");
    // The sub-folder and its file count too.
    for (let index = 0; index < MAX_LISTED_FILES - 2; index += 1)
      writeFileSync(folder.file(`f${index}`), "");
    expect((await folder.list("&limit=1")).total).toBe(MAX_LISTED_FILES - 1);
    folder.write("sub/b", "x");
    const { status, body } = await server.json<Answer & { hint: string }>(
      `/kv?db=${encodeURIComponent(folder.path)}`,
    );
    expect({ status, code: body.code }).toEqual({ status: 413, code: "RESPONSE_TOO_LARGE" });
    expect(body.hint).toContain("prefix=");
    for (const extra of ["&prefix=sub/", "&table=sub"])
      expect((await folder.list(extra)).total).toBe(2);
  }, 30_000);

  test("passes over links, pipes, unfinished files, and names that no key can have", async () => {
    const folder = new Folder();
    folder.write("a", "x");
    folder.write("back\\slash", "x");
    folder.write(".chronolite-tmp-0123", "x");
    folder.write(" ", "x");
    symlinkSync("a", folder.file("link"));
    symlinkSync(".", folder.file("loop"));
    Bun.spawnSync(["mkfifo", folder.file("pipe")]);
    mkdirSync(folder.file("empty"));
    const page = await folder.list();
    expect({ keys: page.keys, total: page.total }).toEqual({ keys: ["a"], total: 1 });
  });
});

describe("directory mode: keys that would lead elsewhere", () => {
  test.each<[string, string]>([
    ["..", "%2E%2E%2Fx"],
    [".. in the middle", "a%2F..%2F..%2Fx"],
    ["..  at the end", "a%2F.."],
    [".", "a%2F.%2Fb"],
    ["an absolute path", "%2Fetc%2Fpasswd"],
    ["an empty part", "a%2F%2Fb"],
    ["an end in a slash", "a%2F"],
    ["a backslash", "a%5Cb"],
    ["NUL", "a%00b"],
    ["a part of 256 bytes", "x".repeat(256)],
    ["an unfinished file", "a%2F.chronolite-tmp-0123"],
  ])("%s: 400 that names key, on every call", async (_, key) => {
    const folder = new Folder();
    writeFileSync(join(folder.path, "..", "x"), "outside");
    mkdirSync(folder.file("a"));
    for (const [method, body] of [["GET"], ["PUT", "planted"], ["DELETE"]] as const) {
      const answer = await folder.json(method, key, "", body === undefined ? {} : { body });
      expect({ method, status: answer.status, parameter: answer.body.parameter }).toEqual({
        method,
        status: 400,
        parameter: "key",
      });
    }
    expect(await folder.status("HEAD", key)).toBe(400);
    expect(readFileSync(join(folder.path, "..", "x"), "utf8")).toBe("outside");
    expect(readdirSync(folder.path)).toEqual(["a"]);
  });

  test("a part of 255 bytes, dots in names, and other odd names are keys", async () => {
    const folder = new Folder();
    for (const key of ["x".repeat(255), "..a", "a..", "...", "a b/ü?#%+&", "-rf", "~", "$HOME"]) {
      const encoded = encodeURIComponent(key);
      expect((await folder.put(encoded, key)).status).toBe(200);
      expect(await (await folder.get(encoded)).text()).toBe(key);
      expect(folder.text(key)).toBe(key);
    }
  });

  test("a key of the greatest length: 200, one byte more: 400", async () => {
    const folder = new Folder();
    const key = "d/".repeat((MAX_KEY_BYTES - 2) / 2);
    expect((await folder.put(`${key}ab`, "x")).status).toBe(200);
    expect((await folder.list()).keys).toEqual([`${key}ab`]);
    expect((await folder.put(`${key}abc`, "x")).body.parameter).toBe("key");
  });

  test.each(["..", "a/../..", "/etc", "a//b", "a\\b", "."])("table=%s: 400", async (table) => {
    const folder = new Folder();
    const extra = `&table=${encodeURIComponent(table)}`;
    expect((await folder.json("GET", "a", extra)).body.parameter).toBe("table");
    expect((await folder.put("a", "x", extra)).body.parameter).toBe("table");
    expect(((await folder.list(extra)) as unknown as Answer).parameter).toBe("table");
  });

  test("table selects a sub-folder, which a write makes", async () => {
    const folder = new Folder();
    const { body } = await folder.put("x/y", "value", "&table=sub");
    expect(body.file_path).toBe(folder.file("sub/x/y"));
    const response = await folder.get("x/y", "&table=sub");
    expect(response.headers.get("x-kv-nesting-depth")).toBe("2");
    expect(await response.text()).toBe("value");
    expect(await folder.status("DELETE", "x/y", "&table=sub")).toBe(200);
  });
});

describe("directory mode: symbolic links", () => {
  const calls = [
    ["GET", {}],
    ["HEAD", {}],
    ["PUT", { body: "planted" }],
    ["DELETE", {}],
  ] as const;

  test("in a key, wherever they lead: 403, and nothing is touched", async () => {
    using elsewhere = new TestFolder();
    writeFileSync(elsewhere.file("secret"), "secret");
    const folder = new Folder();
    folder.write("inside/secret", "inside");
    symlinkSync(elsewhere.path, folder.file("out"));
    symlinkSync(elsewhere.file("secret"), folder.file("file"));
    symlinkSync("inside", folder.file("in"));
    symlinkSync(elsewhere.file("planted"), folder.file("dangling"));
    symlinkSync("loop", folder.file("loop"));
    symlinkSync(elsewhere.path, folder.file("inside/out"));
    for (const key of [
      "out/secret",
      "out/planted",
      "out/new/planted",
      "file",
      "in/secret",
      "dangling",
      "loop",
      "inside/out/secret",
    ])
      for (const [method, init] of calls)
        expect({ key, method, status: await folder.status(method, key, "", init) }).toEqual({
          key,
          method,
          status: 403,
        });
    expect(readdirSync(elsewhere.path)).toEqual(["secret"]);
    expect(readFileSync(elsewhere.file("secret"), "utf8")).toBe("secret");
    expect(lstatSync(folder.file("file")).isSymbolicLink()).toBe(true);
    for (const extra of ["&table=out", "&prefix=out/"])
      expect(((await folder.list(extra)) as unknown as Answer).code).toBe("FORBIDDEN");
    expect((await folder.list()).keys).toEqual(["inside/secret"]);
  });

  test("as db, inside the data folder: followed; out of it: 403 on every call", async () => {
    using elsewhere = new TestFolder();
    writeFileSync(elsewhere.file("a"), "secret");
    const target = new Folder();
    target.write("a", "inside");
    const inside = server.folder.file("link_inside");
    const outside = server.folder.file("link_outside");
    symlinkSync(target.path, inside);
    symlinkSync(elsewhere.path, outside);
    const followed = await server.api(`/kv/a?db=${encodeURIComponent(inside)}`);
    expect(await followed.text()).toBe("inside");
    for (const [method, init] of calls) {
      const url = `/kv/a?db=${encodeURIComponent(outside)}`;
      const { status } = await server.api(url, { method, ...init });
      expect({ method, status }).toEqual({ method, status: 403 });
    }
    const list = await server.json<Answer>(`/kv?db=${encodeURIComponent(outside)}`);
    expect(list.body.code).toBe("FORBIDDEN");
    expect(readFileSync(elsewhere.file("a"), "utf8")).toBe("secret");
  });
});

describe("directory mode: which folders", () => {
  test("outside the data folder: 403; with --allow-any-absolute-db-path: any", async () => {
    using elsewhere = new TestFolder();
    const refused = new Folder(server, elsewhere.file("f"));
    expect((await refused.put("a", "x")).body.code).toBe("FORBIDDEN");
    expect(readdirSync(refused.path)).toEqual([]);
    await using open = await startTestServer({ args: ["--allow-any-absolute-db-path"] });
    const allowed = new Folder(open, elsewhere.file("f"));
    expect((await allowed.put("a", "x")).status).toBe(200);
    symlinkSync("/etc/passwd", allowed.file("passwd"));
    expect(await allowed.status("GET", "passwd")).toBe(403);
  });

  test("a sibling whose name begins like the data folder is outside", async () => {
    const beside = `${server.folder.path}-beside`;
    using _ = Object.assign(Object.create(null), {
      [Symbol.dispose]: () => Bun.spawnSync(["rm", "-r", beside]),
    }) as Disposable;
    const folder = new Folder(server, beside);
    expect((await folder.json("GET", "a")).body.code).toBe("FORBIDDEN");
  });

  test("the data folder itself, also with a slash at its end", async () => {
    await using own = await startTestServer({ empty: true });
    const folder = new Folder(own, own.folder.path);
    expect((await folder.put("a", "x")).status).toBe(200);
    const slash = `/kv/a?db=${encodeURIComponent(`${folder.path}/`)}`;
    expect(await (await own.api(slash)).text()).toBe("x");
  });

  test("a bare or relative name of a folder stays 400 PATH_IS_DIRECTORY", async () => {
    const folder = new Folder();
    mkdirSync(server.folder.file("bare.db"));
    for (const db of ["bare", "bare.db", "./bare.db"])
      for (const url of [`/kv/a?db=${db}`, `/kv?db=${db}`]) {
        const { status, body } = await server.json<Answer>(url);
        expect({ url, status, code: body.code }).toEqual({
          url,
          status: 400,
          code: "PATH_IS_DIRECTORY",
        });
      }
    const dots = `${folder.path}/../${folder.path.split("/").at(-1)}`;
    const { body } = await server.json<Answer>(`/kv/a?db=${encodeURIComponent(dots)}`);
    expect(body.code).toBe("INVALID_DB_PATH");
  });

  test("a folder that is not there: 400 DATABASE_NOT_FOUND", async () => {
    const db = encodeURIComponent(server.folder.file("nowhere"));
    expect((await server.json<Answer>(`/kv/a?db=${db}`)).body.code).toBe("DATABASE_NOT_FOUND");
  });
});

describe("directory mode: what it does not have", () => {
  test.each<[string, string, RequestInit]>([
    ["POST incr", "/kv/a/incr?", { method: "POST" }],
    ["POST push", "/kv/a/push?", { method: "POST", body: "1" }],
    ["POST expire", "/kv/a/expire?ttl=5&", { method: "POST" }],
    ["GET entry", "/kv/a/entry?", {}],
    ["POST batch/get", "/kv/batch/get?", { method: "POST", body: '{"keys":["a"]}' }],
    ["POST batch/delete", "/kv/batch/delete?", { method: "POST", body: '{"keys":["a"]}' }],
    [
      "POST atomic",
      "/kv/atomic?",
      { method: "POST", body: '{"mutations":[{"op":"delete","key":"a"}]}' },
    ],
    ["DELETE prefix", "/kv?prefix=a&confirm=yes&", { method: "DELETE" }],
    ["GET query", "/query?sql=SELECT+1&", {}],
    ["POST db", "/db?", { method: "POST", body: '{"transaction":[{"query":"SELECT 1"}]}' }],
  ])("%s: 400 PATH_IS_DIRECTORY", async (_, url, init) => {
    const folder = new Folder();
    folder.write("a", "1");
    const { status, body } = await server.json<Answer>(
      `${url}db=${encodeURIComponent(folder.path)}`,
      init,
    );
    expect({ status, code: body.code }).toEqual({ status: 400, code: "PATH_IS_DIRECTORY" });
    expect(folder.text("a")).toBe("1");
  });

  test.each<[string, string]>([
    ["ttl", "ttl=60"],
    ["if_match", "if_match=x"],
    ["if_match", "if_match="],
    ["at_timestamp", "at_timestamp=1700000000"],
  ])("%s (%s): 400 that names it, and nothing changes", async (parameter, query) => {
    const folder = new Folder();
    folder.write("a", "x");
    for (const method of ["GET", "PUT", "DELETE"]) {
      const init = method === "PUT" ? { body: "y" } : {};
      const { status, body } = await folder.json(method, "a", `&${query}`, init);
      expect({ method, status, parameter: body.parameter }).toEqual({
        method,
        status: 400,
        parameter,
      });
    }
    expect(folder.text("a")).toBe("x");
  });

  test.each<[string, string]>([
    ["If-Match", '"1"'],
    ["If-None-Match", "*"],
    ["If-Modified-Since", "Fri, 02 Jan 2026 03:04:05 GMT"],
    ["Idempotency-Key", "k"],
  ])("%s: 400 that names it, and nothing changes", async (name, value) => {
    const folder = new Folder();
    folder.write("a", "x");
    for (const method of ["GET", "PUT", "DELETE"]) {
      const init = { headers: { [name]: value }, ...(method === "PUT" ? { body: "y" } : {}) };
      const { status, body } = await folder.json(method, "a", "", init);
      expect({ method, status, parameter: body.parameter }).toEqual({
        method,
        status: 400,
        parameter: name,
      });
    }
    expect(folder.text("a")).toBe("x");
  });

  test("values and at_timestamp of a list: 400", async () => {
    const folder = new Folder();
    for (const [parameter, extra] of [
      ["values", "&values=true"],
      ["at_timestamp", "&at_timestamp=1700000000"],
    ] as const)
      expect(((await folder.list(extra)) as unknown as Answer).parameter).toBe(parameter);
  });

  test("what says nothing is accepted: ttl=0, at_timestamp=0, history, create_db_if_missing", async () => {
    const folder = new Folder();
    const extra = "&ttl=0&at_timestamp=0&history=false&create_db_if_missing=true";
    expect((await folder.put("a", "x", extra)).status).toBe(200);
    expect(await folder.status("GET", "a", "&at_timestamp=0")).toBe(200);
    expect(await folder.status("DELETE", "a", "&history=true")).toBe(200);
  });
});

describe("directory mode: databases among the files", () => {
  test.skipIf(process.platform !== "linux")(
    "a file that becomes one while it is read stays open until it no longer is",
    async () => {
      using folder = new TestFolder();
      const path = folder.file("a");
      writeFileSync(path, "content");
      const isHeld = () =>
        readdirSync("/proc/self/fd").some((fd) => {
          try {
            return readlinkSync(`/proc/self/fd/${fd}`) === path;
          } catch {
            return false;
          }
        });
      let isDatabase = true;
      const read = () => readWhole(path, 100, () => isDatabase);
      expect((await read())?.bytes.length).toBe(7);
      expect(isHeld()).toBe(true);
      isDatabase = false;
      await read();
      expect(isHeld()).toBe(false);
    },
  );

  test("one that the server has open, its side files and its other names: 409", async () => {
    await using own = await startTestServer();
    expect((await own.api("/kv/k?db=t", { method: "PUT", body: "v" })).status).toBe(200);
    const folder = new Folder(own, own.folder.path);
    linkSync(folder.file("t.db"), folder.file("hard.link"));
    for (const key of ["t.db", "t.db-wal", "t.db-shm", "t.db-journal", "hard.link"])
      for (const method of ["GET", "HEAD", "PUT", "DELETE"]) {
        if (key === "t.db-journal" && method !== "PUT") continue;
        const init = method === "PUT" ? { body: "planted" } : {};
        expect({ key, method, status: await folder.status(method, key, "", init) }).toEqual({
          key,
          method,
          status: 409,
        });
      }
    expect(await (await own.api("/kv/k?db=t")).text()).toBe("v");
    expect((await own.api("/kv/k2?db=t", { method: "PUT", body: "v" })).status).toBe(200);
  });

  test("one that it does not have open is a file like others", async () => {
    await using own = await startTestServer({ empty: true });
    const folder = new Folder(own, own.folder.path);
    folder.write("other.db", "no database");
    expect(await (await folder.get("other.db")).text()).toBe("no database");
  });

  test("reading files while databases open and close leaves their locks alone", async () => {
    await using own = await startTestServer({ empty: true, args: ["--max-open-databases", "1"] });
    const folder = new Folder(own, own.folder.path);
    for (const name of ["one", "two"])
      expect((await own.api(`/db/create?path=${name}`, { method: "POST" })).status).toBe(201);
    const writes = Array.from({ length: 20 }, (_, index) =>
      own.api(`/kv/k${index}?db=${index % 2 === 0 ? "one" : "two"}`, { method: "PUT", body: "v" }),
    );
    const reads = Array.from({ length: 60 }, (_, index) =>
      folder.status("GET", index % 2 === 0 ? "one.db" : "two.db"),
    );
    for (const response of await Promise.all(writes)) expect(response.status).toBe(200);
    for (const status of await Promise.all(reads)) expect([200, 409]).toContain(status);
    for (const name of ["one", "two"]) {
      const { body } = await own.json<Page>(`/kv?db=${name}`);
      expect(body.count).toBe(10);
    }
  });
});
