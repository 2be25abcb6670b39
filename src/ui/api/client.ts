/** Requests to the server: one way in, one way to fail. */
import { ApiFailure, failureOf, isAbort, toFailure } from "./failure.ts";
import { parseJson, stringifyJson } from "./json.ts";
import { watchForServer } from "./presence.ts";
import { askForToken, storedToken } from "./token.ts";

export const API_PREFIX = "/api/v1/sqlite";

export type QueryValue = string | number | boolean | null | undefined;

export interface CallOptions {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  /** Null and undefined are left out. */
  readonly query?: Readonly<Record<string, QueryValue>>;
  /** Sent as JSON, bigints as numbers. */
  readonly json?: unknown;
  /** Sent as it is. */
  readonly body?: BodyInit;
  /** Beside those that every request has. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** The page reads this by itself, for what it shows; the query log counts it apart. */
  readonly byPage?: boolean;
}

/** The address of a path below the API prefix, such as `/query`. */
export function apiUrl(path: string, query: CallOptions["query"] = {}): string {
  // Already whole.
  if (path.startsWith(API_PREFIX)) return path;
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== null && value !== undefined) search.set(name, String(value));
  const text = search.toString();
  return `${API_PREFIX}${path}${text === "" ? "" : `?${text}`}`;
}

/**
 * The answer of a request that went well.
 * @throws ApiFailure; DOMException AbortError when the signal ended it
 */
export async function send(path: string, options: CallOptions = {}): Promise<Response> {
  const { method = options.json === undefined ? "GET" : "POST" } = options;
  for (;;) {
    const token = storedToken();
    const headers = new Headers(options.headers);
    if (token !== null) headers.set("authorization", `Bearer ${token}`);
    if (options.byPage === true) headers.set("chronolite-source", "page");
    if (options.json !== undefined) headers.set("content-type", "application/json");
    const body = options.json === undefined ? options.body : stringifyJson(options.json);
    const response = await fetch(apiUrl(path, options.query), {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    }).catch((error: unknown) => {
      if (isAbort(error)) throw error;
      lookForServer();
      throw toFailure(error);
    });
    if (response.ok) return response;
    const failure = await failureOf(response);
    if (failure.status !== 401) throw failure;
    // Another request may have been given a token meanwhile.
    if (storedToken() === token)
      await askForToken(failure.message).catch(() => Promise.reject(failure));
    options.signal?.throwIfAborted();
  }
}

/** Any answer will do: health is told without a token. */
export function lookForServer(): void {
  watchForServer(() => fetch(apiUrl("/health"), { cache: "no-store" }));
}

/** The same, and its JSON. */
export async function call<Answer>(path: string, options: CallOptions = {}): Promise<Answer> {
  const response = await send(path, options);
  const text = await response.text();
  try {
    return parseJson(text) as Answer;
  } catch {
    throw new ApiFailure(
      response.status,
      "NOT_JSON",
      "The server answered something else than JSON",
    );
  }
}
