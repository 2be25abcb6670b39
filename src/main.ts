#!/usr/bin/env bun
/** The executable: arguments to a command. The only place that ends the process. */
import { readdirSync } from "node:fs";
import { systemClock } from "./clock.ts";
import { type Config, helpText, parseCommand, UsageError } from "./config.ts";
import { foreignJobs } from "./engine/foreign-jobs.ts";
import { engineJobs } from "./engine/jobs.ts";
import { stderrLog } from "./log.ts";
import { serveJobs } from "./runner/child.ts";
import { RUNNER_ARGUMENT } from "./runner/protocol.ts";
import { letGo } from "./sql/connections.ts";
import { fileJobs } from "./sql/file-jobs.ts";
import { sqlJobs } from "./sql/jobs.ts";
import { VERSION } from "./version.ts";

const USAGE_ERROR = 2;
const RUNTIME_ERROR = 1;

async function main(argv: readonly string[]): Promise<number> {
  if (argv[0] === RUNNER_ARGUMENT) {
    await serveJobs(
      { ...engineJobs, ...foreignJobs, ...sqlJobs, ...fileJobs },
      Number(argv[1]),
      letGo,
    );
    return 0;
  }
  // Loaded when needed: a runner process, of which there are many, starts in half the time without.
  if (argv[0] === "token") {
    const { runTokenCommand } = await import("./cli/token.ts");
    return runTokenCommand(argv.slice(1), process.env, systemClock, {
      out: (text) => process.stdout.write(text),
      err: (text) => process.stderr.write(text),
    });
  }
  const command = parseCommand(argv, process.env);
  switch (command.name) {
    case "help":
      process.stdout.write(helpText());
      return 0;
    case "version":
      process.stdout.write(`chronolite ${VERSION}\n`);
      return 0;
    case "serve":
      return serve(command.config);
  }
}

async function serve(config: Config): Promise<number> {
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => resolve());
  });
  const { startServer } = await import("./server/serve.ts");
  const server = await startServer(config, systemClock, stderrLog);
  const hint = hasDatabases(config.dataDir)
    ? ""
    : `no databases in ${config.dataDir} yet; "npm run demo" in a clone of the repository makes one to play with\n`;
  // Whoever started the server may stop reading what it prints; that is no reason to end.
  process.stdout.on("error", () => {});
  process.stdout.write(`listening on ${server.url}\n${hint}`);
  await stopped;
  await server.stop();
  return 0;
}

function hasDatabases(folder: string): boolean {
  return readdirSync(folder).some((name) => /\.(db|sqlite|sqlite3)$/i.test(name));
}

function startError(error: unknown): string {
  const {
    code,
    message = String(error),
    path,
  } = error as { code?: string; message?: string; path?: string };
  if (code === "EADDRINUSE")
    return "the port is in use: stop the other server, or choose another with --port";
  if (code === "EACCES") return "the port may not be opened: choose one above 1023 with --port";
  if (code === "ENOENT") return `--data-dir ${path ?? ""} does not exist`;
  return message;
}

main(process.argv.slice(2)).then(
  (exitCode) => process.exit(exitCode),
  (error) => {
    const usage = error instanceof UsageError;
    process.stderr.write(`chronolite: ${usage ? error.message : startError(error)}\n`);
    process.exit(usage ? USAGE_ERROR : RUNTIME_ERROR);
  },
);
