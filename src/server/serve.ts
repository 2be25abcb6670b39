/** From settings to a listening server, and back to nothing. */

import { readFileSync } from "node:fs";
import http from "node:http";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import { EngineCounters } from "../engine/counters.ts";
import { Registry } from "../engine/registry.ts";
import { sweepWorkFiles } from "../engine/work-file.ts";
import { RetentionTimer } from "../kv/retention.ts";
import { MAX_REQUEST_HEAD_BYTES, STATEMENT_GRACE_MS } from "../limits.ts";
import type { Log } from "../log.ts";
import { RunnerPool } from "../runner/pool.ts";
import { QueryLog } from "../state/query-log.ts";
import { StateDatabase } from "../state/state-database.ts";
import { createApp } from "./app.ts";

export interface RunningServer {
  /** Such as `http://127.0.0.1:3000/`. */
  readonly url: string;
  /** Stops accepting, answers what is in flight, checkpoints, closes. */
  stop(): Promise<void>;
}

/** Engine jobs are short and few: one process, and another so that none waits long. */
const HOUSEKEEPERS = 2;

function tlsOptions({ tls }: Config) {
  if (tls === null) return {};
  return {
    tls: { cert: readPem("--tls-cert", tls.certPath), key: readPem("--tls-key", tls.keyPath) },
  };
}

/** @throws Error that names the flag */
function readPem(flag: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Error(`${flag} ${path} cannot be read: ${(error as { code?: string }).code}`);
  }
}

/** @throws Error when the address is taken or the data folder is not there */
export async function startServer(config: Config, clock: Clock, log: Log): Promise<RunningServer> {
  const stopping = new AbortController();
  const housekeepers = new RunnerPool({ size: HOUSEKEEPERS, log });
  const runners = new RunnerPool({ size: config.runners, log });
  const streams = new RunnerPool({ size: config.runners, log });
  const counters = new EngineCounters();
  const engine = {
    clock,
    log,
    housekeepers,
    sqlRunners: runners,
    durability: config.durability,
    counters,
  };
  const state = new StateDatabase(config.stateDb, { ...engine, counters: new EngineCounters() });
  const registry = new Registry({
    ...engine,
    letGo: () => runners.letGo(),
    dataDir: config.dataDir,
    stateDb: config.stateDb,
    allowAnyAbsoluteDbPath: config.allowAnyAbsoluteDbPath,
    maxOpenDatabases: config.maxOpenDatabases,
  });
  const retention = new RetentionTimer(() => registry.databases(), config.retention, {
    clock,
    log,
  });
  const queryLog = new QueryLog({ state, clock, log, maxEntries: config.queryLogMax });
  const app = createApp({
    config,
    clock,
    log,
    registry,
    runners,
    streams,
    state,
    queryLog,
    counters,
    startedAtMs: clock.nowMs(),
    stopping: stopping.signal,
  });
  sweepWorkFiles(registry.root.dataDir);
  // One figure for all servers of a process, settable in Bun alone; what is longer is answered with 431.
  Object.assign(http, { maxHeaderSize: MAX_REQUEST_HEAD_BYTES });
  app.listen({ hostname: config.host, port: config.port, ...tlsOptions(config) });
  const { server } = app;
  if (server === null || server === undefined) throw new Error("the server did not start");
  housekeepers.warm();
  runners.warm();
  return {
    url: server.url.href,
    async stop() {
      stopping.abort();
      const stopRunners = () => Promise.all([runners.stop(), streams.stop()]);
      const grace = setTimeout(() => void stopRunners(), STATEMENT_GRACE_MS);
      await app.stop();
      clearTimeout(grace);
      // What ended transactions were is found out by runners.
      await queryLog.flush();
      // Before the databases are closed: a runner that still has one open would leave its log behind.
      await stopRunners();
      await queryLog.flush();
      await retention.stop();
      await registry.close();
      await state.close();
      await housekeepers.stop();
    },
  };
}
