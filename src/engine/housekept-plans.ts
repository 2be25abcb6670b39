/** Plans that may take long, run by the engine's own jobs in another process. */
import { DEFAULT_TIMEOUT_S, HOUSEKEEPING_BUSY_MS } from "../limits.ts";
import type { RunnerPool } from "../runner/pool.ts";
import type { PlanJob } from "./jobs.ts";
import type { Plan, Rows } from "./plan.ts";
import { type PlanResult, rowsOf, stepsOf } from "./plan-job.ts";
import { JobTurn } from "./turn.ts";

export class HousekeptPlans {
  readonly #path: string;
  readonly #housekeepers: RunnerPool;

  constructor(path: string, housekeepers: RunnerPool) {
    this.#path = path;
    this.#housekeepers = housekeepers;
  }

  read(plan: Plan): Promise<Rows[]> {
    return this.#housekeepers.run<Rows[]>({
      kind: "engine.read",
      payload: this.#job(plan),
      timeoutMs: DEFAULT_TIMEOUT_S * 1000,
    });
  }

  /**
   * @param takeTurn resolves with the function that gives the turn back
   * @throws PlanUndone
   */
  async write(
    plan: Plan,
    remainingMs: number,
    takeTurn: () => Promise<() => void>,
  ): Promise<Rows[]> {
    using turn = new JobTurn(takeTurn);
    const result = await this.#housekeepers.run<PlanResult>({
      kind: "engine.write",
      payload: this.#job(plan),
      timeoutMs: Math.max(remainingMs, 1),
      takeTurn: turn.take,
    });
    return rowsOf(result);
  }

  #job(plan: Plan): PlanJob {
    return {
      path: this.#path,
      busyTimeoutMs: HOUSEKEEPING_BUSY_MS,
      steps: stepsOf(plan),
    };
  }
}
