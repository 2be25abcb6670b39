import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import packageJson from "../package.json" with { type: "json" };
import { README, section, withSettings } from "../scripts/check-docs.ts";
import { loadDemo } from "../scripts/demo.ts";
import { KEY_PAST } from "../src/server/kv-time.ts";
import { KEY_VERBS } from "../src/server/kv-verbs.ts";
import { appOf } from "./support/app.ts";
import { API, startTestServer, TestFolder, testConfig } from "./support/server.ts";

const readme = readFileSync(README, "utf8");

/** Method and path of every route, with `KEY` where a key goes and the verbs that may follow it. */
function servedRequests(folder: TestFolder): string[] {
  const { routes } = appOf(testConfig(folder));
  const requests = routes.map(
    ({ method, path }) =>
      `${method} ${path.replace(API, "").replace(/\*$/, "KEY").replace(":id", "ID")}`,
  );
  return [
    ...requests.filter(
      (request) => request !== "POST /kv/KEY" && !request.startsWith("GET /docs/"),
    ),
    ...Object.keys(KEY_VERBS).map((verb) => `POST /kv/KEY/${verb}`),
    // A hook answers the one, the route of GET the other.
    "HEAD /kv/KEY",
    "GET /kv/KEY/entry",
    ...Object.keys(KEY_PAST).map((verb) => `GET /kv/KEY/${verb}`),
  ];
}

interface Step {
  command: string;
  /** What the README shows below the command: the exact text, or JSON laid out for readers. */
  output?: { language: string; content: string };
}

/** The commands of a section, each with the output that follows its block. */
function commandsOf(heading: string): Step[] {
  const text = readme.split(`## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const steps: Step[] = [];
  for (const [, language = "", content = ""] of text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)) {
    const last = steps.at(-1);
    if (language === "sh")
      for (const command of content.split(/^(?=curl |npm )/m)) steps.push({ command });
    else if (last !== undefined) last.output = { language, content };
  }
  return steps;
}

async function runCommand(command: string, cwd: string) {
  const child = Bun.spawn(["sh", "-c", command], { stdio: ["ignore", "pipe", "pipe"], cwd });
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, stderr, exitCode };
}

describe("README", () => {
  test("has the settings as they are (bun scripts/check-docs.ts --write)", () => {
    expect(withSettings(readme)).toBe(readme);
    const changed = readme.replace("| TCP port", "| UDP port");
    expect(changed).not.toBe(readme);
    expect(withSettings(changed)).toContain("| TCP port");
  });

  test("lists what the server serves, and nothing else", () => {
    using folder = new TestFolder();
    const listed = [...section(readme, "api").matchAll(/^\| `([A-Z]+ [^`]+)` +\|/gm)].map(
      ([, request]) => request,
    );
    expect(listed.toSorted()).toEqual(servedRequests(folder).toSorted());
  });

  test("names scripts that package.json has", () => {
    const named = [...readme.matchAll(/\bnpm (?:run (\w+)|(start|test)\b)/g)].map(
      ([, script, short]) => script ?? short,
    );
    expect(named.length).toBeGreaterThan(4);
    expect(Object.keys(packageJson.scripts)).toEqual(expect.arrayContaining(named));
  });

  const withCurl = test.skipIf(Bun.which("curl") === null);
  withCurl(
    "shows curl commands that work, and what they print",
    async () => {
      await using server = await startTestServer({ empty: true });
      using folder = new TestFolder();
      const steps = commandsOf("A minute with curl");
      expect(steps.filter(({ command }) => command.startsWith("curl ")).length).toBeGreaterThan(8);
      for (const { command, output } of steps) {
        if (command.trim() === "npm run demo") {
          await loadDemo(server.origin, { maxCities: 500 });
          continue;
        }
        expect(command).toContain("http://127.0.0.1:3000");
        const { stdout, stderr, exitCode } = await runCommand(
          command
            .replace("http://127.0.0.1:3000", server.origin)
            .replace(/^curl /, "curl --fail-with-body --max-time 20 "),
          folder.path,
        );
        expect({ command, stdout, stderr: exitCode === 0 ? "" : stderr, exitCode }).toEqual({
          command,
          stdout,
          stderr: "",
          exitCode: 0,
        });
        if (output?.language === "text") expect(stdout.trimEnd()).toBe(output.content.trimEnd());
        if (output?.language === "json")
          expect(JSON.parse(stdout)).toEqual(JSON.parse(output.content));
      }
    },
    30_000,
  );
});

describe("CHANGELOG", () => {
  test("has a heading for the version of package.json", () => {
    const changelog = readFileSync(new URL("../CHANGELOG.md", import.meta.url), "utf8");
    expect(changelog).toContain(`## [${packageJson.version}]`);
  });
});
