/** Calls of the key-value routes as tests want them: short, with what matters of the answer. */
import { expect } from "bun:test";
import type { TestServer } from "./server.ts";

/** Bodies that fetch takes, and this project's tests send. */
export type KvBody = string | Uint8Array<ArrayBuffer>;

/** An answer's status and JSON. */
export interface KvAnswer<Body = Record<string, unknown>> {
  status: number;
  body: Body;
}

/** Percent escapes for all that is not plain, so that a key or path comes as it is. */
export const escaped = encodeURIComponent;

/** `&path=…`. */
export const at = (path: string): string => `&path=${escaped(path)}`;

/** The key-value calls of a server. `extra` is more of the query, such as `&ttl=1`. */
export function kvCalls(server: Pick<TestServer, "api" | "json">, db = "t") {
  const url = (rest: string, extra: string) => `/kv${rest}?db=${db}${extra}`;
  const json = (method: string, rest: string, extra: string, body?: KvBody, headers = {}) =>
    server.json(url(rest, extra), { method, headers, ...(body === undefined ? {} : { body }) });
  return {
    /** PUT; answers whatever comes. */
    put: (key: string, body: KvBody, extra = "", headers = {}) =>
      json("PUT", `/${escaped(key)}`, extra, body, headers),
    /** PUT that must succeed; answers the ETag. */
    async set(key: string, body: KvBody, extra = "", headers = {}): Promise<string> {
      const answer = await json("PUT", `/${escaped(key)}`, extra, body, headers);
      expect(answer).toMatchObject({ status: 200 });
      return String(answer.body["etag"]);
    },
    get: (key: string, extra = "", headers = {}) =>
      server.api(url(`/${escaped(key)}`, extra), { headers }),
    /** A header of HEAD. */
    header: async (key: string, name: string): Promise<string | null> =>
      (await server.api(url(`/${escaped(key)}`, ""), { method: "HEAD" })).headers.get(name),
    /** What GET answers, whatever its status. */
    text: async (key: string, extra = ""): Promise<string> =>
      (await server.api(url(`/${escaped(key)}`, extra))).text(),
    /** A verb of a key. */
    verb: (verb: string, key: string, extra = "", body?: KvBody, headers = {}) =>
      json("POST", `/${escaped(key)}/${verb}`, extra, body, headers),
    delete: (key: string, extra = "", headers = {}) =>
      json("DELETE", `/${escaped(key)}`, extra, undefined, headers),
    /** `batch/get`, `batch/set`, `batch/delete`, `atomic`. A string is sent as it is. */
    post: (route: string, body: unknown, extra = "", headers = {}) =>
      json(
        "POST",
        `/${route}`,
        extra,
        typeof body === "string" ? body : JSON.stringify(body),
        headers,
      ),
    /** Some columns of what the table `kv_store_history` holds of a key, oldest first. */
    async recorded(key: string, columns: string): Promise<Record<string, unknown>[]> {
      const query = `select ${columns} from kv_store_history where key = ? order by seq`;
      const { body } = await server.json<{ results: { resultSet: Record<string, unknown>[] }[] }>(
        `/db?db=${db}`,
        { method: "POST", body: JSON.stringify({ transaction: [{ query, values: [key] }] }) },
      );
      return body.results[0]?.resultSet ?? [];
    },
    list: (extra = "") => json("GET", "", extra),
    keys: async (extra = ""): Promise<string[]> =>
      (await json("GET", "", extra)).body["keys"] as string[],
  };
}

export type KvCalls = ReturnType<typeof kvCalls>;

/** What every client gets that does the same thing at the same time. */
export function atOnce<Result>(
  clients: number,
  act: (client: number) => Promise<Result>,
): Promise<Result[]> {
  return Promise.all(Array.from({ length: clients }, (_, client) => act(client)));
}
