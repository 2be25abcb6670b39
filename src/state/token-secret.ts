/** The secret that signs tokens: from the settings, or made once and kept in the state database. */
import { randomBytes } from "node:crypto";
import type { SecretSource } from "../access/tokens.ts";
import type { Clock } from "../clock.ts";
import type { Plan, Rows, Statement } from "../engine/plan.ts";
import { DEFAULT_TIMEOUT_S } from "../limits.ts";
import { type StateEngine, stateRelation } from "./state-database.ts";

const RELATION = stateRelation("token_secret", [
  {
    type: "table",
    name: "token_secret",
    sql: `CREATE TABLE "token_secret" (
  id integer primary key check (id = 1),
  secret blob not null,
  created_at_ms integer not null
) strict`,
  },
]);

const FIND: Statement = { sql: "select secret from token_secret" };
const MAKE: Statement = {
  sql: `insert into token_secret (id, secret, created_at_ms) values (1, $secret, $now_ms)
    on conflict (id) do nothing`,
};

const SECRET_BYTES = 32;

export class TokenSecret implements SecretSource {
  readonly #engine: StateEngine;
  readonly #clock: Clock;
  readonly #given: Uint8Array | null;
  #kept: Uint8Array | null = null;

  /** @param given the secret of the settings, empty for none */
  constructor(engine: StateEngine, clock: Clock, given: string) {
    this.#engine = engine;
    this.#clock = clock;
    this.#given = given === "" ? null : Buffer.from(given);
  }

  secret(): Uint8Array | null | Promise<Uint8Array | null> {
    const known = this.#given ?? this.#kept;
    if (known !== null) return known;
    const rows = this.#engine.read(plan(FIND, {}));
    return rows instanceof Promise ? rows.then(([only]) => this.#keep(only)) : this.#keep(rows[0]);
  }

  async ensureSecret(): Promise<Uint8Array> {
    const known = await this.secret();
    if (known !== null) return known;
    const nowMs = this.#clock.nowMs();
    const params = { secret: randomBytes(SECRET_BYTES), now_ms: nowMs };
    // Another process may make one at the same time: the first one stays.
    const [, found] = await this.#engine.write(
      { relation: RELATION, steps: [MAKE, FIND].map((statement) => ({ statement, params })) },
      { deadlineMs: nowMs + DEFAULT_TIMEOUT_S * 1000 },
    );
    const secret = this.#keep(found);
    if (secret === null) throw new Error("the secret was written and is not there");
    return secret;
  }

  #keep(rows: Rows | undefined): Uint8Array | null {
    const secret = rows?.[0]?.["secret"];
    if (secret instanceof Uint8Array) this.#kept = secret;
    return this.#kept;
  }
}

function plan(statement: Statement, params: Plan["steps"][number]["params"]): Plan {
  return { relation: RELATION, steps: [{ statement, params }] };
}
