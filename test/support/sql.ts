/** POST /db of a test server. */
import { expect } from "bun:test";
import type { TestServer } from "./server.ts";

export type Item = Record<string, unknown>;

export interface ItemResult {
  success: boolean;
  rowsUpdated?: number;
  resultHeaders?: string[];
  resultSet?: Record<string, unknown>[];
  resultSetList?: unknown[][];
  truncated?: true;
  plan?: PlanNode[];
  error?: string;
  code?: string;
}

export interface PlanNode {
  id: number;
  detail: string;
  children: PlanNode[];
}

export interface SqlAnswer {
  success: boolean;
  results: ItemResult[];
  dry_run?: true;
  changes?: Record<string, { inserted: number; updated: number; deleted: number }>;
  uncounted?: string[];
  schema_changes?: { change: string; type: string; name: string }[];
  code: string;
  error: string;
  reqIdx: number;
}

export class SqlClient {
  readonly #server: TestServer;

  constructor(server: TestServer) {
    this.#server = server;
  }

  /** @param more further query parameters, such as `&dry_run=true` */
  async post(
    items: unknown,
    more = "",
  ): Promise<{ status: number; text: string; body: SqlAnswer }> {
    const response = await this.#server.api(`/db?db=t${more}`, {
      method: "POST",
      body: JSON.stringify({ transaction: items }),
    });
    const text = await response.text();
    return { status: response.status, text, body: JSON.parse(text) as SqlAnswer };
  }

  /** Items that must succeed. */
  async commit(items: readonly Item[], more = ""): Promise<SqlAnswer> {
    const { status, body } = await this.post(items, more);
    expect(body).toMatchObject({ success: true });
    expect(status).toBe(200);
    return body;
  }

  /** Statements that must succeed, in one item. */
  run(...statements: string[]): Promise<SqlAnswer> {
    return this.commit([{ statement: statements.join(";") }]);
  }

  async rows(query: string): Promise<Record<string, unknown>[]> {
    return (await this.commit([{ query }])).results[0]?.resultSet ?? [];
  }
}
