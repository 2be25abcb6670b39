/** Tokens for tests, made as people make them. */
import { afterAll, beforeAll } from "bun:test";
import { startTestServer, type TestServer } from "./server.ts";

export const ROOT_TOKEN = "root-token-of-the-tests";

/** A request with a token. */
export function withToken(token: string | null, init: RequestInit = {}): RequestInit {
  const headers = new Headers(init.headers);
  if (token !== null) headers.set("authorization", `Bearer ${token}`);
  return { ...init, headers };
}

export const asRoot = (init: RequestInit = {}) => withToken(ROOT_TOKEN, init);

export interface MadeToken {
  id: string;
  token: string;
}

/** Makes a token with the root token. */
export async function makeToken(
  server: TestServer,
  request: {
    name?: string;
    databases: string | string[];
    tables?: string[];
    prefixes?: string[];
    level: string;
    expires_in?: number | string;
  },
): Promise<MadeToken> {
  const { status, body } = await server.json<MadeToken & { error?: string }>(
    "/tokens",
    asRoot({ method: "POST", body: JSON.stringify({ name: "tester", ...request }) }),
  );
  if (status !== 201) throw new Error(`no token: ${status} ${body.error}`);
  return body;
}

/** A server with the root token for all tests of a block. */
export function sharedServer(prepare?: (server: TestServer) => Promise<void>): () => TestServer {
  let server: TestServer | undefined;
  beforeAll(async () => {
    server = await startTestServer({ args: ["--token", ROOT_TOKEN], empty: true });
    await prepare?.(server);
  });
  afterAll(() => server?.[Symbol.asyncDispose]());
  return () => {
    if (server === undefined) throw new Error("not started yet");
    return server;
  };
}
