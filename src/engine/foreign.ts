/** The server's side of plans on tables at which somebody else's SQL runs: see foreign-jobs.ts. */
import { ApiError } from "../errors.ts";
import { DEFAULT_TIMEOUT_S } from "../limits.ts";
import type { RunnerPool } from "../runner/pool.ts";
import type { ForeignJob } from "./foreign-jobs.ts";
import type { Plan, Rows } from "./plan.ts";
import { type PlanResult, rowsOf, stepsOf } from "./plan-job.ts";
import { JobTurn } from "./turn.ts";

/** A plan cannot run on the server's thread; nothing of it happened. */
export class RunsElsewhere extends Error {}

export interface ForeignOptions {
  readonly path: string;
  readonly durability: "full" | "relaxed";
  /** The processes for callers' SQL: a trigger that does not end must not hold up the engine's own jobs. */
  readonly runners: RunnerPool;
}

export class ForeignPlans {
  readonly #options: ForeignOptions;

  constructor(options: ForeignOptions) {
    this.#options = options;
  }

  async read(plan: Plan): Promise<Rows[]> {
    const timeoutMs = DEFAULT_TIMEOUT_S * 1000;
    const { rows } = await this.#options.runners.run<PlanResult>({
      kind: "engine.foreign",
      payload: this.#job(plan, "read", timeoutMs),
      timeoutMs,
    });
    return rows;
  }

  /**
   * @param takeTurn resolves with the function that gives the turn back
   * @throws PlanUndone, ApiError REQUEST_TIMEOUT when what it set off did not end in time
   */
  async write(
    plan: Plan,
    remainingMs: number,
    takeTurn: () => Promise<() => void>,
  ): Promise<Rows[]> {
    const timeoutMs = Math.ceil(remainingMs);
    if (timeoutMs <= 0)
      throw new ApiError("DATABASE_BUSY", "The database was locked until the deadline");
    using turn = new JobTurn(takeTurn);
    const result = await this.#options.runners.run<PlanResult>({
      kind: "engine.foreign",
      payload: this.#job(plan, "write", timeoutMs),
      timeoutMs,
      takeTurn: turn.take,
    });
    return rowsOf(result);
  }

  #job(plan: Plan, access: "read" | "write", busyTimeoutMs: number): ForeignJob {
    const { path, durability } = this.#options;
    return {
      path,
      durability,
      access,
      busyTimeoutMs,
      relation: plan.relation.name,
      steps: stepsOf(plan),
    };
  }
}
