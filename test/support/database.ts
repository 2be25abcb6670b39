/** A database of its own for each test of a file, where all of them share one server. */
import { startTestServer, type TestServer } from "./server.ts";

let made = 0;

/** The server, but that `db=t` names a new database. Its clock is everybody's. */
async function withNewDatabase(
  server: TestServer,
): Promise<TestServer & { readonly name: string }> {
  made += 1;
  const name = `new${made}`;
  const created = await server.api(`/db/create?path=${name}`, { method: "POST" });
  if (created.status !== 201) throw new Error(`no test database: ${await created.text()}`);
  const here = (path: string) => path.replaceAll(/\bdb=t(?=&|$)/g, `db=${name}`);
  return {
    ...server,
    name,
    api: (path, init) => server.api(here(path), init),
    json: (path, init) => server.json(here(path), init),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** For the tests of one file: `start` gives each a database, `stop` ends what they share. */
export function sharedServer(args: readonly string[] = []) {
  let server: Promise<TestServer> | undefined;
  return {
    async start(): Promise<TestServer & { readonly name: string }> {
      server ??= startTestServer({ args, empty: true });
      return withNewDatabase(await server);
    },
    async stop(): Promise<void> {
      await (await server)?.[Symbol.asyncDispose]();
    },
  };
}
