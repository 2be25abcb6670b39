/** Wraps `fetch`, once for all test files: answers of servers under test must be as described. */

import { appOf } from "./app.ts";
import { TestFolder, testConfig } from "./config.ts";
import { type Description, DescriptionCheck } from "./description.ts";

const INSTALLED = Symbol.for("chronolite.answers-are-checked");
const shared = globalThis as typeof globalThis & { [INSTALLED]?: Set<string> };

/** From now on answers of this server are checked. Its origin is such as `http://127.0.0.1:41234`. */
export function checkAnswers(origin: string): void {
  shared[INSTALLED] ??= install();
  shared[INSTALLED].add(origin);
}

function install(): Set<string> {
  const origins = new Set<string>();
  const plainFetch = globalThis.fetch;
  let check: Promise<DescriptionCheck> | undefined;
  const checkedFetch = async (input: string | URL | Request, init?: RequestInit) => {
    const response = await plainFetch(input, init);
    const url = input instanceof Request ? input.url : String(input);
    if (!origins.has(new URL(url).origin)) return response;
    check ??= describedCheck();
    const method = (
      init?.method ?? (input instanceof Request ? input.method : "GET")
    ).toUpperCase();
    const problem = await (await check).problem({ method, url }, response);
    if (problem !== undefined) throw new Error(`not as described: ${problem}`);
    return response;
  };
  globalThis.fetch = Object.assign(checkedFetch, { preconnect: plainFetch.preconnect });
  return origins;
}

async function describedCheck(): Promise<DescriptionCheck> {
  using folder = new TestFolder();
  const answer = await appOf(testConfig(folder)).handle(
    new Request("http://127.0.0.1/api/v1/sqlite/openapi.json", { headers: { host: "127.0.0.1" } }),
  );
  return new DescriptionCheck((await answer.json()) as Description);
}
