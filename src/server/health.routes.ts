/** Health: contracts/hoody.md 1.27 and 1.28. */
import { readdirSync } from "node:fs";
import { Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import { BUILD_TIME, VERSION } from "../version.ts";
import type { ServerDeps } from "./deps.ts";
import { documented } from "./documentation.ts";
import { API_PREFIX } from "./kv-path.ts";

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
    directory_mode: { size: 0, max_size: 0, held: 0 },
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
          answers: {
            200: { description: "It is up", schema: Type.Object({ status: Type.Literal("ok") }) },
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
            schema: Type.Object({ size: Type.Integer(), max_size: Type.Integer() }),
          },
        },
      }),
    });
}

function counters(deps: ServerDeps): Record<string, number> {
  const sums = { commits: 0, plans: 0, syncs: 0, waiting: 0 };
  for (const { stats } of deps.registry.databases()) {
    sums.commits += stats.commits;
    sums.plans += stats.plans;
    sums.syncs += stats.syncs;
    sums.waiting += stats.waiting;
  }
  return {
    ...sums,
    sql_active: deps.runners.active,
    sql_jobs: deps.runners.counters.jobs,
    sql_kills: deps.runners.counters.kills,
  };
}

/** Null where the system does not tell. */
function openDescriptors(): number | null {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return null;
  }
}
