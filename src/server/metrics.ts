/** Figures for Prometheus. Labels are few and bounded: routes and statuses, never keys or databases. */
import { Counter, Gauge, Histogram, type Metric, Registry } from "prom-client";
import { COMMIT_BATCH_PLANS } from "../limits.ts";
import type { ServerDeps } from "./deps.ts";
import { openDescriptors } from "./process-facts.ts";
import { SECONDS_BUCKETS, type Tallies } from "./tally.ts";

export interface Metrics {
  /** In Prometheus' text form. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** The figures of one server. */
export function createMetrics(deps: ServerDeps, requests: Tallies): Metrics {
  const register = new Registry();
  const registers = [register];
  new Counter({
    name: "chronolite_http_requests_total",
    help: "Requests that were answered",
    labelNames: ["method", "route", "status"] as const,
    registers,
    collect() {
      this.reset();
      for (const { method, route, tally } of requests)
        for (const [status, count] of tally.statuses)
          this.inc({ method, route, status: String(status) }, count);
    },
  });
  register.registerMetric(requestSeconds(requests));
  const batch = new Histogram({
    name: "chronolite_commit_batch_plans",
    help: "Key-value writes that shared a commit",
    buckets: powersOfTwo(COMMIT_BATCH_PLANS),
    registers,
  });
  deps.counters.observeBatch = (plans) => batch.observe(plans);
  for (const [name, [help, read]] of Object.entries(countersOf(deps)))
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  for (const [name, [help, read]] of Object.entries(gaugesOf(deps)))
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });

  return { contentType: register.contentType, text: () => register.metrics() };
}

/** A histogram that was counted elsewhere; prom-client's own cannot be filled. */
function requestSeconds(requests: Tallies): Metric {
  const name = "chronolite_http_request_seconds";
  const get = async () => ({
    name,
    help: "Time from a request to the head of its answer",
    type: "histogram",
    aggregator: "sum",
    values: [...requests].flatMap(({ method, route, tally }) => {
      let count = 0;
      const buckets = [...tally.buckets].map((added, bucket) => {
        count += added;
        const le = SECONDS_BUCKETS[bucket] ?? "+Inf";
        return { metricName: `${name}_bucket`, labels: { method, route, le }, value: count };
      });
      const labels = { method, route };
      return [
        ...buckets,
        { metricName: `${name}_sum`, labels, value: tally.sumSeconds },
        { metricName: `${name}_count`, labels, value: count },
      ];
    }),
  });
  return { name, get } as unknown as Metric;
}

type Figures = Record<string, [help: string, read: () => number]>;

function countersOf({ counters, runners, streams, queryLog }: ServerDeps): Figures {
  return {
    chronolite_commits_total: ["Commits of key-value writes", () => counters.commits],
    chronolite_commit_plans_total: ["Key-value writes committed", () => counters.plans],
    chronolite_wal_syncs_total: ["Syncs of write-ahead logs", () => counters.syncs],
    chronolite_checkpoints_total: ["Checkpoints of write-ahead logs", () => counters.checkpoints],
    chronolite_expiry_sweeps_total: [
      "Batches of expired keys removed",
      () => counters.expirySweeps,
    ],
    chronolite_runner_jobs_total: [
      "Jobs with callers' SQL that ended",
      () => runners.counters.jobs + streams.counters.jobs,
    ],
    chronolite_runner_waits_total: [
      "Jobs with callers' SQL that had to wait for a process",
      () => runners.counters.waits + streams.counters.waits,
    ],
    chronolite_runner_kills_total: [
      "Runner processes killed at a deadline or a hang-up",
      () => runners.counters.kills + streams.counters.kills,
    ],
    chronolite_query_log_written_total: [
      "Entries written to the query log",
      () => queryLog.counters.written,
    ],
    chronolite_query_log_dropped_total: [
      "Entries lost to the query log",
      () => queryLog.counters.dropped,
    ],
    process_cpu_seconds_total: ["Processor time", processorSeconds],
  };
}

function gaugesOf(deps: ServerDeps): Figures {
  const { registry, runners, streams, startedAtMs } = deps;
  const stats = () => registry.databases().map((database) => database.stats);
  return {
    chronolite_open_databases: ["Database files that are open", () => registry.size],
    chronolite_open_databases_max: ["Bound on them", () => registry.maxSize],
    chronolite_commit_queue_plans: [
      "Key-value writes that wait for their commit, of all databases",
      () => stats().reduce((sum, { waiting }) => sum + waiting, 0),
    ],
    chronolite_wal_bytes: [
      "Size of the write-ahead logs of open databases together",
      () => stats().reduce((sum, { walBytes }) => sum + walBytes, 0),
    ],
    chronolite_wal_bytes_max: [
      "Size of the largest of them",
      () => stats().reduce((largest, { walBytes }) => Math.max(largest, walBytes), 0),
    ],
    chronolite_runner_jobs_active: [
      "Jobs with callers' SQL that wait or run",
      () => runners.active + streams.active,
    ],
    chronolite_runner_jobs_waiting: [
      "Jobs with callers' SQL that wait for a process",
      () => runners.waiting + streams.waiting,
    ],
    process_resident_memory_bytes: ["Resident memory", () => process.memoryUsage.rss()],
    process_heap_used_bytes: ["JavaScript heap in use", () => process.memoryUsage().heapUsed],
    process_open_fds: ["Open file descriptors", () => openDescriptors() ?? Number.NaN],
    process_start_time_seconds: ["Unix time of the start", () => startedAtMs / 1000],
  };
}

function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function powersOfTwo(max: number): number[] {
  return Array.from({ length: Math.ceil(Math.log2(max)) + 1 }, (_, power) => 2 ** power);
}
