/** A table of 100,000 keys: how a page deep in it compares with the first, and GET while all expire. */

const KEYS = 100_000;
const BATCH = 100;
const PAGES = 300;
const API = "/api/v1/sqlite";

/** Prints both tables. */
export async function measureLargeTable(origin: string, rounds: number): Promise<void> {
  await comparePages(origin, rounds);
  await measureExpiry(origin);
}

async function comparePages(origin: string, rounds: number): Promise<void> {
  await fill(origin, "pages");
  const list = `${origin}${API}/kv?db=bench&table=pages&limit=100`;
  const pages = {
    first: list,
    "deep, by after": `${list}&after=${keyName(KEYS - 2 * BATCH)}`,
    "deep, by offset": `${list}&offset=${KEYS - 2 * BATCH}`,
  };
  const best = new Map<string, number>();
  for (let round = 0; round < rounds; round += 1)
    for (const [name, url] of Object.entries(pages)) {
      // A page by offset is read in another process and costs more: fewer of them will do.
      const count = name === "deep, by offset" ? PAGES / 10 : PAGES;
      const startMs = performance.now();
      for (let page = 0; page < count; page += 1) await (await fetch(url)).text();
      const eachMs = (performance.now() - startMs) / count;
      best.set(name, Math.min(best.get(name) ?? Number.POSITIVE_INFINITY, eachMs));
    }
  const first = best.get("first") ?? Number.NaN;
  console.log(
    `\n| page of 100 among ${KEYS} keys | ms, best round | to the first |\n|---|---:|---:|`,
  );
  for (const [name, ms] of best)
    console.log(`| ${name} | ${ms.toFixed(3)} | ${(ms / first).toFixed(2)} |`);
}

async function measureExpiry(origin: string): Promise<void> {
  const expireAtMs = await fill(origin, "expiring", 20);
  await expectOk(fetch(`${origin}${API}/kv/live?db=bench&table=expiring`, { method: "PUT" }));
  const startMs = Date.now();
  const quiet = await timesOfGet(origin, () => Date.now() < startMs + 1000);
  // The keys of the first batches go first, and the last ones within this wait.
  const during = await timesOfGet(
    origin,
    async () => Date.now() < expireAtMs || (await rowsLeft(origin)) > 1,
  );
  console.log(
    `\n| GET, one after the other, ms | median | worst |\n|---|---:|---:|
| of a table at rest | ${quiet} |\n| while ${KEYS} keys expire | ${during} |`,
  );
}

/** Median and worst, as long as `goOn` says, which is asked every 50 times. */
async function timesOfGet(origin: string, goOn: () => boolean | Promise<boolean>): Promise<string> {
  const times: number[] = [];
  const url = `${origin}${API}/kv/live?db=bench&table=expiring`;
  do
    for (let count = 0; count < 50; count += 1) {
      const startMs = performance.now();
      await expectOk(fetch(url));
      times.push(performance.now() - startMs);
    }
  while (await goOn());
  times.sort((a, b) => a - b);
  return [times[times.length >> 1] ?? 0, times.at(-1) ?? 0].map((ms) => ms.toFixed(2)).join(" | ");
}

async function rowsLeft(origin: string): Promise<number> {
  const response = await fetch(
    `${origin}${API}/query?db=bench&sql=${encodeURIComponent("SELECT count(*) AS n FROM expiring")}`,
  );
  const { resultSet } = (await response.json()) as { resultSet: { n: number }[] };
  return resultSet[0]?.n ?? 0;
}

/** @returns when the last of the keys expires, if they do */
async function fill(origin: string, table: string, ttl?: number): Promise<number> {
  for (let start = 0; start < KEYS; start += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, n) => ({
      key: keyName(start + n),
      value: n,
      ...(ttl === undefined ? {} : { ttl }),
    }));
    await expectOk(
      fetch(`${origin}${API}/kv/batch/set?db=bench&table=${table}&history=false`, {
        method: "POST",
        body: JSON.stringify({ batch }),
      }),
    );
  }
  return Date.now() + (ttl ?? 0) * 1000;
}

function keyName(index: number): string {
  return `key:${String(index).padStart(7, "0")}`;
}

async function expectOk(answer: Promise<Response>): Promise<void> {
  const response = await answer;
  const body = await response.text();
  if (!response.ok) throw new Error(`${response.status} from ${response.url}: ${body}`);
}
