/** `GET /metrics`. */
import { describe, expect, test } from "bun:test";
import { startTestServer, type TestServer } from "./support/server.ts";

/** Samples by name and labels. */
async function samples(server: TestServer): Promise<Map<string, number>> {
  const response = await fetch(`${server.origin}/metrics`);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const text = await response.text();
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const pairs = lines.map((line) => {
    const [, name = "", value = ""] = /^(\w+(?:\{.*\})?) (\S+)$/.exec(line) ?? [];
    return [name, Number(value)] as const;
  });
  expect(new Set(pairs.map(([name]) => name)).size).toBe(pairs.length);
  return new Map(pairs);
}

const requests = (method: string, route: string, status: number) =>
  `chronolite_http_requests_total{method="${method}",route="${route}",status="${status}"}`;

describe("GET /metrics", () => {
  test("counts requests by route and status, never by key or database", async () => {
    await using server = await startTestServer();
    const db = "db=t&create_db_if_missing=true";
    for (const key of ["a", "a/b/c", "%61%2Fb"])
      await server.api(`/kv/${key}?${db}`, { method: "PUT", body: "1" });
    await server.api("/kv/a?db=t");
    await server.api("/kv/nothing?db=t");
    await server.api("/kv/a?db=t", { method: "HEAD" });
    await server.api("/kv/a/b/incr?db=t", { method: "POST" });
    await server.api("/kv/atomic?db=t", { method: "POST", body: "{}" });
    await server.api("/kv?db=t");
    await server.api("/history/7?db=t", { method: "DELETE" });
    await server.api("/no/such/thing");
    await fetch(`${server.origin}/wp-login.php`);
    await fetch(`${server.origin}/`, { method: "PROPFIND" });
    const found = await samples(server);
    expect(
      Object.fromEntries([...found].filter(([name]) => name.includes("http_requests_total"))),
    ).toEqual({
      [requests("POST", "/db/create", 201)]: 1,
      [requests("PUT", "/kv/{key}", 200)]: 3,
      [requests("GET", "/kv/{key}", 200)]: 1,
      [requests("GET", "/kv/{key}", 404)]: 1,
      [requests("HEAD", "/kv/{key}", 200)]: 1,
      [requests("POST", "/kv/{key}/incr", 200)]: 1,
      [requests("POST", "/kv/atomic", 400)]: 1,
      [requests("GET", "/kv", 200)]: 1,
      [requests("DELETE", "/history/{id}", 404)]: 1,
      [requests("GET", "none", 404)]: 2,
      [requests("other", "/", 405)]: 1,
    });
    expect(found.get('chronolite_http_request_seconds_count{method="PUT",route="/kv/{key}"}')).toBe(
      3,
    );
  });

  test("has a latency histogram whose buckets add up", async () => {
    await using server = await startTestServer();
    const endless =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT max(i) FROM n";
    await server.api("/query?db=t&sql=SELECT+1");
    await server.api(`/query?db=t&timeout=1&sql=${encodeURIComponent(endless)}`);
    const found = await samples(server);
    const labels = 'method="GET",route="/query"';
    const bucket = (le: string) =>
      found.get(`chronolite_http_request_seconds_bucket{${labels},le="${le}"}`);
    expect([bucket("0.0005"), bucket("1"), bucket("2.5"), bucket("+Inf")]).toEqual([0, 1, 2, 2]);
    expect(found.get(`chronolite_http_request_seconds_count{${labels}}`)).toBe(2);
    expect(found.get(`chronolite_http_request_seconds_sum{${labels}}`)).toBeGreaterThan(1);
    expect(found.get("chronolite_runner_kills_total")).toBe(1);
    expect(found.get("chronolite_runner_jobs_total")).toBeGreaterThanOrEqual(2);
  });

  test("counts jobs that wait for a process", async () => {
    await using server = await startTestServer({ args: ["--runners", "1"] });
    const slow =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT max(i) FROM n";
    const first = server.api(`/query?db=t&timeout=1&sql=${encodeURIComponent(slow)}`);
    for (let active = 0; active === 0; )
      active = (await samples(server)).get("chronolite_runner_jobs_active") ?? 0;
    const second = server.api("/query?db=t&sql=SELECT+1");
    for (let waiting = 0; waiting === 0; )
      waiting = (await samples(server)).get("chronolite_runner_jobs_waiting") ?? 0;
    expect([(await first).status, (await second).status]).toEqual([503, 200]);
    const found = await samples(server);
    expect(found.get("chronolite_runner_waits_total")).toBe(1);
    expect(found.get("chronolite_runner_jobs_active")).toBe(0);
    expect(found.get("chronolite_runner_jobs_waiting")).toBe(0);
  });

  test("counts writes, commits and syncs, also of databases that were closed again", async () => {
    await using server = await startTestServer({ args: ["--max-open-databases", "1"] });
    await server.api("/db/create?path=u", { method: "POST" });
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        server.api(`/kv/k${n}?db=t`, { method: "PUT", body: "1" }),
      ),
    );
    await server.api("/kv/a?db=u", { method: "PUT", body: "1" });
    const found = await samples(server);
    expect(found.get("chronolite_commit_plans_total")).toBe(21);
    expect(found.get("chronolite_commit_batch_plans_sum")).toBe(21);
    const commits = found.get("chronolite_commits_total");
    expect(found.get("chronolite_commit_batch_plans_count")).toBe(commits as number);
    expect(commits).toBeLessThanOrEqual(21);
    expect(found.get("chronolite_wal_syncs_total")).toBeGreaterThanOrEqual(2);
    expect(found.get("chronolite_open_databases")).toBe(1);
    expect(found.get("chronolite_open_databases_max")).toBe(1);
    expect(found.get("chronolite_commit_queue_plans")).toBe(0);
    expect(found.get("chronolite_wal_bytes")).toBeGreaterThan(0);
    expect(found.get("chronolite_wal_bytes_max")).toBe(found.get("chronolite_wal_bytes") as number);
  });

  test("counts sweeps of expired keys", async () => {
    await using server = await startTestServer();
    await server.api("/kv/a?db=t&ttl=1", { method: "PUT", body: "1" });
    server.clock.advance(1000);
    // Another write with a time to live wakes the timer.
    await server.api("/kv/b?db=t&ttl=500ms", { method: "PUT", body: "1" });
    server.clock.advance(500);
    let sweeps = 0;
    for (
      const startedMs = performance.now();
      sweeps === 0 && performance.now() - startedMs < 5000;
    )
      sweeps = (await samples(server)).get("chronolite_expiry_sweeps_total") ?? 0;
    expect(sweeps).toBeGreaterThan(0);
  });

  test("has the query log and the process", async () => {
    await using server = await startTestServer();
    await server.api("/query?db=t&sql=SELECT+1");
    await server.api("/history?db=t");
    const found = await samples(server);
    expect(found.get("chronolite_query_log_written_total")).toBe(1);
    expect(found.get("chronolite_query_log_dropped_total")).toBe(0);
    for (const name of ["resident_memory_bytes", "heap_used_bytes", "cpu_seconds_total"])
      expect(found.get(`process_${name}`)).toBeGreaterThan(0);
    expect(found.get("process_start_time_seconds")).toBe(server.clock.nowMs() / 1000);
    // The server's own commits are not the users'.
    expect(found.get("chronolite_commits_total")).toBe(0);
  });

  test("needs the token where there is one", async () => {
    await using server = await startTestServer({ args: ["--token", "secret"], empty: true });
    expect((await fetch(`${server.origin}/metrics`)).status).toBe(401);
    const headers = { Authorization: "Bearer secret" };
    const answer = await fetch(`${server.origin}/metrics`, { headers });
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain('route="/metrics",status="401"} 1');
  });
});
