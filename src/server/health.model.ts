/** Shapes of what the server says of itself, for the OpenAPI description. */
import { Type } from "@sinclair/typebox";
import { withExample } from "./example.ts";

const Nullable = <Schema extends ReturnType<typeof Type.Integer> | ReturnType<typeof Type.String>>(
  schema: Schema,
) => Type.Union([schema, Type.Null()]);

export const CacheAnswer = withExample(
  Type.Object({
    size: Type.Integer({ description: "Database files that are open." }),
    max_size: Type.Integer({ description: "Bound on them." }),
    directory_mode: Type.Object(
      {
        size: Type.Integer(),
        max_size: Type.Integer(),
        held: Type.Integer({ description: "Files kept open because they are databases too." }),
      },
      { description: "Nothing is cached of folders." },
    ),
  }),
  { size: 1, max_size: 100, directory_mode: { size: 0, max_size: 0, held: 0 } },
);

export const HealthAnswer = withExample(
  Type.Object({
    status: Type.Literal("ok"),
    service: Type.Literal("chronolite"),
    version: Type.String(),
    built: Nullable(Type.String({ format: "date-time" })),
    started: Type.String({ format: "date-time" }),
    pid: Type.Integer(),
    memory: Type.Object({
      rss: Type.Integer({ description: "Bytes." }),
      heap: Type.Integer({ description: "Bytes of JavaScript objects." }),
    }),
    fds: Nullable(Type.Integer({ description: "Open file descriptors, where the system tells." })),
    ip: Nullable(Type.String({ description: "The caller's address." })),
    userAgent: Nullable(Type.String()),
    cache: CacheAnswer,
    counters: Type.Object({
      commits: Type.Integer({ description: "Of key-value writes, since the start." }),
      plans: Type.Integer({ description: "Key-value writes; several share a commit." }),
      syncs: Type.Integer(),
      checkpoints: Type.Integer(),
      expiry_sweeps: Type.Integer(),
      waiting: Type.Integer({ description: "Key-value writes that wait for their commit." }),
      sql_active: Type.Integer({ description: "Jobs with callers' SQL that wait or run." }),
      sql_jobs: Type.Integer(),
      sql_kills: Type.Integer({ description: "Processes ended at a deadline or a hang-up." }),
      query_log_written: Type.Integer(),
      query_log_dropped: Type.Integer(),
    }),
    features: Type.Array(Type.String()),
  }),
  {
    status: "ok",
    service: "chronolite",
    version: "0.1.0",
    built: "2026-01-02T03:04:05.000Z",
    started: "2026-01-02T03:04:05.678Z",
    pid: 4711,
    memory: { rss: 72351744, heap: 18350080 },
    fds: 47,
    ip: "127.0.0.1",
    userAgent: "curl/8.9.1",
    cache: { size: 1, max_size: 100, directory_mode: { size: 0, max_size: 0, held: 0 } },
    counters: {
      commits: 12,
      plans: 345,
      syncs: 12,
      checkpoints: 0,
      expiry_sweeps: 1,
      waiting: 0,
      sql_active: 0,
      sql_jobs: 6,
      sql_kills: 0,
      query_log_written: 6,
      query_log_dropped: 0,
    },
    features: ["kv_etag", "kv_changes"],
  },
);
