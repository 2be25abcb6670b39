/**
 * Every setting once: flag, environment name, default, unit and help. The parser, `--help` and the
 * table of the README are made from this list.
 */

import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { parseDurationMs } from "./duration.ts";
import {
  DEFAULT_IDLE_TIMEOUT_S,
  DEFAULT_MAX_BODY_BYTES,
  DEFAULT_MAX_IMPORT_BYTES,
  DEFAULT_MAX_OPEN_DATABASES,
  DEFAULT_MAX_VALUE_BYTES,
  DEFAULT_QUERY_LOG_ENTRIES,
  DEFAULT_TIMEOUT_S,
  MAX_IDLE_TIMEOUT_S,
  MAX_QUERY_LOG_ENTRIES,
  MAX_TIMEOUT_S,
  MIN_TIMEOUT_S,
} from "./limits.ts";

interface Setting {
  flag: string;
  /** Names in the environment, the first wins. */
  env: readonly string[];
  kind: "integer" | "text" | "switch" | "choice" | "duration";
  default: string;
  choices?: readonly string[];
  minimum?: number;
  maximum?: number;
  help: string;
}

export const SETTINGS = [
  {
    flag: "port",
    env: ["CHRONOLITE_PORT", "PORT"],
    kind: "integer",
    default: "3000",
    minimum: 0,
    maximum: 65535,
    help: "TCP port; 0 takes a free one",
  },
  {
    flag: "host",
    env: ["CHRONOLITE_HOST"],
    kind: "text",
    default: "127.0.0.1",
    help: "address to listen on; any other than a loopback address needs a token",
  },
  {
    flag: "data-dir",
    env: ["CHRONOLITE_DATA_DIR"],
    kind: "text",
    default: ".",
    help: "folder that bare database names live in",
  },
  {
    flag: "state-db",
    env: ["CHRONOLITE_STATE_DB"],
    kind: "text",
    default: "",
    help: "file of what the server itself keeps, made when needed; if not given, .chronolite/state.db in the data folder",
  },
  {
    flag: "allow-any-absolute-db-path",
    env: ["CHRONOLITE_ALLOW_ANY_ABSOLUTE_DB_PATH"],
    kind: "switch",
    default: "false",
    help: "accept absolute paths outside the data folder",
  },
  {
    flag: "create-missing",
    env: ["CHRONOLITE_CREATE_MISSING"],
    kind: "switch",
    default: "false",
    help: "a write to a missing database file creates it",
  },
  {
    flag: "durability",
    env: ["CHRONOLITE_DURABILITY"],
    kind: "choice",
    choices: ["full", "relaxed"],
    default: "full",
    help: "full: a write is answered once it is on disk; relaxed: once it is committed",
  },
  {
    flag: "token",
    env: ["CHRONOLITE_TOKEN", "ACCESS_TOKEN"],
    kind: "text",
    default: "",
    help: "callers must send it as Authorization: Bearer TOKEN",
  },
  {
    flag: "insecure-no-auth",
    env: ["CHRONOLITE_INSECURE_NO_AUTH"],
    kind: "switch",
    default: "false",
    help: "listen beyond loopback without a token",
  },
  {
    flag: "timeout",
    env: ["CHRONOLITE_TIMEOUT"],
    kind: "integer",
    default: String(DEFAULT_TIMEOUT_S),
    minimum: MIN_TIMEOUT_S,
    maximum: MAX_TIMEOUT_S,
    help: "seconds a request may take when it does not say",
  },
  {
    flag: "idle-timeout",
    env: ["CHRONOLITE_IDLE_TIMEOUT"],
    kind: "integer",
    default: String(DEFAULT_IDLE_TIMEOUT_S),
    minimum: 1,
    maximum: MAX_IDLE_TIMEOUT_S,
    help: "seconds after which a silent connection, or one that sends its body by drops, is dropped",
  },
  {
    flag: "max-body-bytes",
    env: ["CHRONOLITE_MAX_BODY_BYTES"],
    kind: "integer",
    default: String(DEFAULT_MAX_BODY_BYTES),
    minimum: 1024,
    maximum: 1_000_000_000,
    help: "largest request body, in bytes",
  },
  {
    flag: "max-value-bytes",
    env: ["CHRONOLITE_MAX_VALUE_BYTES"],
    kind: "integer",
    default: String(DEFAULT_MAX_VALUE_BYTES),
    minimum: 1024,
    maximum: 1_000_000_000,
    help: "largest value of a key, in bytes, however it came to be",
  },
  {
    flag: "max-import-bytes",
    env: ["CHRONOLITE_MAX_IMPORT_BYTES"],
    kind: "integer",
    default: String(DEFAULT_MAX_IMPORT_BYTES),
    minimum: 1024,
    maximum: Number.MAX_SAFE_INTEGER,
    help: "largest upload of an import, in bytes",
  },
  {
    flag: "max-open-databases",
    env: ["CHRONOLITE_MAX_OPEN_DATABASES"],
    kind: "integer",
    default: String(DEFAULT_MAX_OPEN_DATABASES),
    minimum: 1,
    maximum: 10_000,
    help: "database files kept open; the least recently used is closed",
  },
  {
    flag: "history-retention",
    env: ["CHRONOLITE_HISTORY_RETENTION"],
    kind: "duration",
    default: "",
    help: "how long the history of keys is kept, such as 30d; for ever if not given",
  },
  {
    flag: "history-max-ops",
    env: ["CHRONOLITE_HISTORY_MAX_OPS"],
    kind: "integer",
    default: "0",
    minimum: 0,
    help: "operations that the history of each key keeps; 0 keeps all",
  },
  {
    flag: "runners",
    env: ["CHRONOLITE_RUNNERS"],
    kind: "integer",
    default: "0",
    minimum: 0,
    maximum: 64,
    help: "processes that run callers' SQL side by side; 0: two per core, at least 4",
  },
  {
    flag: "query-log-max",
    env: ["CHRONOLITE_QUERY_LOG_MAX"],
    kind: "integer",
    default: String(DEFAULT_QUERY_LOG_ENTRIES),
    minimum: 0,
    maximum: MAX_QUERY_LOG_ENTRIES,
    help: "entries of the log of SQL that are kept per database; 0 keeps no log",
  },
  {
    flag: "query-log-values",
    env: ["CHRONOLITE_QUERY_LOG_VALUES"],
    kind: "switch",
    default: "false",
    help: "the log of SQL also has the values of parameters",
  },
] as const satisfies readonly Setting[];

export interface Config {
  readonly port: number;
  readonly host: string;
  /** Absolute path. */
  readonly dataDir: string;
  /** Absolute path. */
  readonly stateDb: string;
  readonly allowAnyAbsoluteDbPath: boolean;
  readonly createMissing: boolean;
  readonly durability: "full" | "relaxed";
  /** Empty when callers need none. */
  readonly token: string;
  readonly insecureNoAuth: boolean;
  readonly timeoutMs: number;
  readonly idleTimeoutS: number;
  readonly maxBodyBytes: number;
  readonly maxValueBytes: number;
  readonly maxImportBytes: number;
  readonly maxOpenDatabases: number;
  /** What the histories of keys keep. */
  readonly retention: { readonly ageMs: number | null; readonly maxOps: number | null };
  readonly runners: number;
  /** Entries per database; 0 for no query log. */
  readonly queryLogMax: number;
  readonly queryLogValues: boolean;
}

/** A mistake on the command line or in the environment: one line, exit status 2. */
export class UsageError extends Error {}

export type Command = { name: "serve"; config: Config } | { name: "help" } | { name: "version" };

/**
 * Reads the command line (flag > environment > default).
 * @throws UsageError that names the flag or variable.
 */
export function parseCommand(
  argv: readonly string[],
  env: Record<string, string | undefined>,
): Command {
  const { values, positionals } = parse(argv);
  if (values["help"] === true) return { name: "help" };
  if (values["version"] === true) return { name: "version" };
  const [command = "serve", ...rest] = positionals;
  if (command === "help") return { name: "help" };
  if (command !== "serve" || rest.length > 0)
    throw new UsageError(`unknown command: ${positionals.join(" ")} (try chronolite --help)`);
  return { name: "serve", config: readConfig(values, env) };
}

function parse(argv: readonly string[]): {
  values: Record<string, string | boolean | undefined>;
  positionals: string[];
} {
  const options: Record<string, { type: "string" | "boolean"; short?: string }> = {
    help: { type: "boolean", short: "h" },
    version: { type: "boolean", short: "v" },
  };
  for (const setting of SETTINGS)
    options[setting.flag] = { type: setting.kind === "switch" ? "boolean" : "string" };
  try {
    return parseArgs({
      args: [...argv],
      options,
      strict: true,
      allowPositionals: true,
    }) as ReturnType<typeof parse>;
  } catch (error) {
    // parseArgs names the flag; its further sentences are about JavaScript.
    const [sentence = "unusable arguments"] = (error as Error).message.split(". ");
    throw new UsageError(`${sentence} (try chronolite --help)`);
  }
}

function readConfig(
  values: Record<string, string | boolean | undefined>,
  env: Record<string, string | undefined>,
): Config {
  const given = new Map<string, string | number | boolean>();
  for (const setting of SETTINGS as readonly Setting[]) {
    const fromFlag = values[setting.flag];
    const variable = setting.env.find((name) => (env[name] ?? "") !== "");
    if (fromFlag !== undefined)
      given.set(setting.flag, check(setting, `--${setting.flag}`, String(fromFlag)));
    else if (variable !== undefined)
      given.set(setting.flag, check(setting, variable, env[variable] ?? ""));
    else given.set(setting.flag, check(setting, setting.flag, setting.default));
  }
  const dataDir = resolve(given.get("data-dir") as string);
  const stateDb = given.get("state-db") as string;
  const config: Config = {
    port: given.get("port") as number,
    host: given.get("host") as string,
    dataDir,
    stateDb: stateDb === "" ? join(dataDir, ".chronolite", "state.db") : resolve(stateDb),
    allowAnyAbsoluteDbPath: given.get("allow-any-absolute-db-path") as boolean,
    createMissing: given.get("create-missing") as boolean,
    durability: given.get("durability") as "full" | "relaxed",
    token: given.get("token") as string,
    insecureNoAuth: given.get("insecure-no-auth") as boolean,
    idleTimeoutS: given.get("idle-timeout") as number,
    timeoutMs: (given.get("timeout") as number) * 1000,
    maxBodyBytes: given.get("max-body-bytes") as number,
    maxValueBytes: given.get("max-value-bytes") as number,
    maxImportBytes: given.get("max-import-bytes") as number,
    maxOpenDatabases: given.get("max-open-databases") as number,
    retention: {
      ageMs: (given.get("history-retention") as number) || null,
      maxOps: (given.get("history-max-ops") as number) || null,
    },
    runners: (given.get("runners") as number) || Math.max(4, 2 * availableParallelism()),
    queryLogMax: given.get("query-log-max") as number,
    queryLogValues: given.get("query-log-values") as boolean,
  };
  if (!isLoopback(config.host) && config.token === "" && !config.insecureNoAuth)
    throw new UsageError(
      `--host ${config.host} is reachable from other machines: set --token, or --insecure-no-auth if that is meant`,
    );
  return Object.freeze(config);
}

function check(setting: Setting, name: string, text: string): string | number | boolean {
  switch (setting.kind) {
    case "integer": {
      const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
      const { minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = setting;
      if (!(value >= minimum && value <= maximum))
        throw new UsageError(
          `${name} must be a whole number from ${minimum} to ${maximum}, not "${text}"`,
        );
      return value;
    }
    case "switch":
      if (/^(true|1|yes|on)$/i.test(text)) return true;
      if (/^(false|0|no|off)$/i.test(text)) return false;
      throw new UsageError(`${name} must be true or false, not "${text}"`);
    case "choice":
      if (!setting.choices?.includes(text))
        throw new UsageError(`${name} must be ${setting.choices?.join(" or ")}, not "${text}"`);
      return text;
    case "duration": {
      const ms = text === "" ? 0 : parseDurationMs(text);
      if (text !== "" && !(ms > 0 && Number.isSafeInteger(ms)))
        throw new UsageError(`${name} must be a duration such as 12h or 30d, not "${text}"`);
      return ms;
    }
    case "text":
      if (text === "" && setting.default !== "") throw new UsageError(`${name} must not be empty`);
      return text;
  }
}

/** Whether only this machine can reach the address. */
export function isLoopback(name: string): boolean {
  const host = name.toLowerCase();
  return (
    host === "localhost" || host === "::1" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host)
  );
}

/** The text of `--help`. */
export function helpText(): string {
  const rows = (SETTINGS as readonly Setting[]).map((setting) => [
    flagSynopsis(setting),
    settingHelp(setting),
  ]);
  rows.push(["--help", "print this"], ["--version", "print the version"]);
  const width = Math.max(...rows.map(([flag = ""]) => flag.length)) + 2;
  return [
    "chronolite: your database is a URL. Serves the SQLite files of a folder over HTTP.",
    "",
    "Usage: chronolite [serve] [flags]",
    "",
    ...rows.map(([flag = "", help]) => `  ${flag.padEnd(width)}${help}`),
    "",
    "Each flag can also be set in the environment: --data-dir is CHRONOLITE_DATA_DIR.",
    "",
  ].join("\n");
}

/** The settings as the README's Markdown table; a test compares the two. */
export function settingsTable(): string {
  const rows = (SETTINGS as readonly Setting[]).map(
    (setting) =>
      `| \`${flagSynopsis(setting).replaceAll("|", "\\|")}\` | ${setting.env.map((name) => `\`${name}\``).join(", ")} | ${
        setting.default === "" ? "none" : `\`${setting.default}\``
      } | ${setting.help} |`,
  );
  return ["| flag | environment | default | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

function flagSynopsis(setting: Setting): string {
  const value = {
    integer: " N",
    text: " TEXT",
    duration: " DURATION",
    switch: "",
    choice: ` ${setting.choices?.join("|")}`,
  };
  return `--${setting.flag}${value[setting.kind]}`;
}

function settingHelp(setting: Setting): string {
  return setting.default === "" || setting.kind === "switch"
    ? setting.help
    : `${setting.help} (default ${setting.default})`;
}
