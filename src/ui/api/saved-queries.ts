/** Queries kept under a name with a database, for everybody who may read it. */
import { useQuery } from "@tanstack/react-query";
import { call } from "./client.ts";
import { ApiFailure } from "./failure.ts";
import { queryClient } from "./query-client.ts";
import type { SqlValues } from "./sql.ts";

export interface SavedText {
  readonly sql: string;
  readonly values: SqlValues | null;
  /** How its result is shown as a chart: see charts. */
  readonly chart: string | null;
}

export interface SavedQuery extends SavedText {
  /** Unique in its database. */
  readonly name: string;
  /** Unix seconds. */
  readonly created_at: number;
  readonly updated_at: number;
  /** Who saved it last. */
  readonly actor: string | null;
}

/** Longest name, in characters. */
export const MAX_NAME_CHARS = 200;

type List = readonly SavedQuery[];

/** How often the page looks what others saved. */
const REFRESH_MS = 30_000;

const listOptions = (db: string) => ({
  queryKey: ["queries", db],
  queryFn: async ({ signal }: { signal: AbortSignal }): Promise<List> =>
    (await call<{ queries: List }>("/queries", { query: { db }, signal })).queries,
});

export function useSavedQueries(db: string | null) {
  return useQuery({
    ...listOptions(db ?? ""),
    enabled: db !== null,
    refetchInterval: REFRESH_MS,
    // A part that shows the failure must not ask again by being there: it would come and go for ever.
    retryOnMount: false,
  });
}

/** As the server has them now. */
export function readSavedQueries(db: string): Promise<List> {
  return queryClient.fetchQuery({ ...listOptions(db), staleTime: 0 });
}

const pathOf = (name: string) => `/queries/${encodeURIComponent(name)}`;

/**
 * Saves a query.
 * @param replace false to leave one of that name as it is
 * @returns what it replaced, or null
 * @throws ApiFailure; see `isTaken`
 */
export async function saveQuery(
  db: string,
  { name, sql, values, chart }: SavedText & { readonly name: string },
  { replace }: { replace: boolean },
): Promise<SavedQuery | null> {
  const answer = call<{ query: SavedQuery; previous: SavedQuery | null }>(pathOf(name), {
    method: "PUT",
    query: { db },
    json: { sql, values, chart },
    ...(replace ? {} : { headers: { "if-none-match": "*" } }),
  });
  const { query, previous } = await noted(db, answer);
  await remember(db, (queries) =>
    [...queries.filter((each) => each.name !== name), query].toSorted((a, b) =>
      a.name < b.name ? -1 : 1,
    ),
  );
  return previous;
}

/** @returns what was deleted */
export async function deleteQuery(db: string, name: string): Promise<SavedQuery> {
  const answer = call<{ query: SavedQuery }>(pathOf(name), { method: "DELETE", query: { db } });
  const { query } = await noted(db, answer);
  await remember(db, (queries) => queries.filter((each) => each.name !== name));
  return query;
}

/** Whether saving failed because there is a query of that name. */
export function isTaken(error: unknown): boolean {
  return error instanceof ApiFailure && error.code === "PRECONDITION_FAILED";
}

/** What is shown is older than what the server refused. */
async function noted<Answer>(db: string, answer: Promise<Answer>): Promise<Answer> {
  try {
    return await answer;
  } catch (error) {
    void queryClient.invalidateQueries({ queryKey: listOptions(db).queryKey });
    throw error;
  }
}

/** Resolves when everybody who shows the list has the change. */
async function remember(db: string, update: (queries: List) => List): Promise<void> {
  const { queryKey } = listOptions(db);
  // One that is under way would bring the list as it was before.
  await queryClient.cancelQueries({ queryKey });
  if (queryClient.getQueryData(queryKey) === undefined) await readSavedQueries(db);
  else queryClient.setQueryData<List>(queryKey, (queries) => queries && update(queries));
}
