import { describe, expect, test } from "bun:test";
import { startTestServer } from "./support/server.ts";

describe("PUT and GET /kv/{key}", () => {
  test("gives back the bytes that were put, with times, type and tag", async () => {
    await using server = await startTestServer();
    const put = await server.json("/kv/users/alice?db=t", {
      method: "PUT",
      body: '{"name": "Ada"}',
    });
    expect(put).toEqual({
      status: 200,
      body: {
        success: true,
        status: "ok",
        key: "users/alice",
        created: true,
        size: 15,
        etag: '"1"',
      },
    });
    const got = await server.api("/kv/users%2Falice?db=t");
    expect(await got.text()).toBe('{"name": "Ada"}');
    expect(got.headers.get("content-type")).toBe("application/json");
    expect(got.headers.get("x-created-at")).toBe("1767323045");
  });
});
