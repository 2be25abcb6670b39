/** The application without a server: for what it says of itself. */
import { systemClock } from "../../src/clock.ts";
import type { Config } from "../../src/config.ts";
import { EngineCounters } from "../../src/engine/counters.ts";
import { Registry } from "../../src/engine/registry.ts";
import { silentLog } from "../../src/log.ts";
import { RunnerPool } from "../../src/runner/pool.ts";
import { createApp } from "../../src/server/app.ts";
import { QueryLog } from "../../src/state/query-log.ts";
import { StateDatabase } from "../../src/state/state-database.ts";

export function appOf(config: Config) {
  const common = { config, clock: systemClock, log: silentLog };
  const runners = new RunnerPool({ size: 1, log: silentLog });
  const counters = new EngineCounters();
  const engine = { ...common, ...config, housekeepers: runners, sqlRunners: runners, counters };
  const registry = new Registry(engine);
  const state = new StateDatabase(config.stateDb, engine);
  const queryLog = new QueryLog({ ...common, state, maxEntries: config.queryLogMax });
  return createApp({
    ...common,
    registry,
    runners,
    streams: runners,
    state,
    queryLog,
    counters,
    startedAtMs: 0,
    stopping: new AbortController().signal,
  });
}
