/** Health: contracts/hoody.md 1.27 and 1.28. */
import { Elysia } from "elysia";
import { heldFiles } from "../kv/value-file.ts";
import { BUILD_TIME, VERSION } from "../version.ts";
import type { ServerDeps } from "./deps.ts";
import { documented } from "./documentation.ts";
import { CacheAnswer, HealthAnswer } from "./health.model.ts";
import { API_PREFIX } from "./kv-path.ts";
import { openDescriptors } from "./process-facts.ts";

/** What clients may rely on beyond the basic contract (its section 1.27 names them). */
const FEATURES = [
  "directory_mode",
  "kv_entry",
  "kv_ttl_controls",
  "kv_idempotency",
  "kv_etag",
  "kv_conditional_writes",
  "kv_conditional_reads",
  "kv_list_cursor",
  "kv_changes",
  "retry_after",
];

export function healthRoutes(deps: ServerDeps) {
  const cache = () => ({
    size: deps.registry.size,
    max_size: deps.registry.maxSize,
    directory_mode: { size: 0, max_size: 0, held: heldFiles() },
  });
  return new Elysia({ name: "health" })
    .get(
      `${API_PREFIX}/health`,
      ({ request, server }) => ({
        status: "ok",
        service: "chronolite",
        version: VERSION,
        built: BUILD_TIME,
        started: new Date(deps.startedAtMs).toISOString(),
        pid: process.pid,
        memory: { rss: process.memoryUsage.rss(), heap: process.memoryUsage().heapUsed },
        fds: openDescriptors(),
        ip: server?.requestIP(request)?.address ?? null,
        userAgent: request.headers.get("user-agent"),
        cache: cache(),
        counters: counters(deps),
        features: FEATURES,
      }),
      {
        detail: documented({
          summary: "State of the server",
          tag: "Server",
          open: true,
          answers: {
            200: { description: "It is up", schema: HealthAnswer },
          },
        }),
      },
    )
    .get(`${API_PREFIX}/health/cache`, () => cache(), {
      detail: documented({
        summary: "Open databases",
        tag: "Server",
        answers: {
          200: {
            description: "Open databases and their bound",
            schema: CacheAnswer,
          },
        },
      }),
    });
}

function counters({ counters: engine, registry, runners, streams, queryLog }: ServerDeps) {
  const { commits, plans, syncs, checkpoints, expirySweeps } = engine;
  return {
    commits,
    plans,
    syncs,
    checkpoints,
    expiry_sweeps: expirySweeps,
    waiting: sum(registry.databases().map(({ stats }) => stats.waiting)),
    sql_active: runners.active + streams.active,
    sql_jobs: runners.counters.jobs + streams.counters.jobs,
    sql_kills: runners.counters.kills + streams.counters.kills,
    query_log_written: queryLog.counters.written,
    query_log_dropped: queryLog.counters.dropped,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
