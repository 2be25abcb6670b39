import { describe, expect, test } from "bun:test";
import { loadDemo } from "../scripts/demo.ts";
import { startTestServer, type TestServer } from "./support/server.ts";

const CITIES = 300;

async function rows(server: TestServer, sql: string): Promise<unknown[]> {
  const { status, body } = await server.json<{ resultSet: unknown[] }>(
    `/query?db=demo&sql=${encodeURIComponent(sql)}`,
  );
  expect(status).toBe(200);
  return body.resultSet;
}

describe("npm run demo", () => {
  test("loads countries as documents and cities as rows", async () => {
    await using server = await startTestServer({ empty: true });
    const told: string[] = [];
    const counts = await loadDemo(server.origin, {
      maxCities: CITIES,
      progress: (line) => told.push(line),
    });
    expect(counts).toEqual({ countries: 250, cities: CITIES });
    expect(told).toEqual(["250 countries", `${CITIES} of ${CITIES} cities`]);

    const capital = await server.api("/kv/country/IS?db=demo&path=capital");
    expect(await capital.text()).toBe('["Reykjavik"]');
    expect(
      await rows(
        server,
        `SELECT doc.value ->> '$.name.common' AS country, city.admin1 AS region, city.lat, city.lon
         FROM cities city JOIN kv_store doc ON doc.key = 'country/' || city.country
         WHERE city.name = 'Andorra la Vella'`,
      ),
    ).toEqual([{ country: "Andorra", region: "Andorra la Vella", lat: 42.50779, lon: 1.52109 }]);
  });

  test("finds cities by name with an index", async () => {
    await using server = await startTestServer({ empty: true });
    await loadDemo(server.origin, { maxCities: CITIES });
    const { body } = await server.json<{ results: { resultSet: { detail: string }[] }[] }>(
      "/db?db=demo",
      {
        method: "POST",
        body: JSON.stringify({
          transaction: [{ query: "EXPLAIN QUERY PLAN SELECT * FROM cities WHERE name = 'Vila'" }],
        }),
      },
    );
    expect(body.results[0]?.resultSet[0]?.detail).toContain("USING INDEX cities_name");
  });

  test("leaves the same data when it runs again", async () => {
    await using server = await startTestServer({ empty: true });
    const content = () =>
      Promise.all([
        rows(server, "SELECT * FROM cities ORDER BY id"),
        rows(server, "SELECT key, value FROM kv_store ORDER BY key"),
      ]);
    await loadDemo(server.origin, { maxCities: CITIES });
    const first = await content();
    await loadDemo(server.origin, { maxCities: CITIES });
    expect(await content()).toEqual(first);
    expect(first.map((all) => all.length)).toEqual([CITIES, 250]);
  });

  test("says what the server answered when it refuses", async () => {
    await using server = await startTestServer({ empty: true });
    await Bun.write(
      server.folder.file("demo.db"),
      "not a database, and long enough to have a header",
    );
    await expect(loadDemo(server.origin, { maxCities: 1 })).rejects.toThrow(
      "INVALID_SQLITE_HEADER",
    );
  });
});
