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

export const HealthAnswer = Type.Object({
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
});
