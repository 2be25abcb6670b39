/**
 * Every setting once: flag, environment name, default, unit and help. The parser, `--help` and the
 * table of the README are made from this list.
 */

import { isIP } from "node:net";
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
  MIN_TOKEN_SECRET_CHARS,
} from "./limits.ts";

interface Setting {
  flag: string;
  /** Names in the environment, the first wins. */
  env: readonly string[];
  /** A list is given by repeating its flag, or separated by commas in the environment. */
  kind: "integer" | "text" | "switch" | "choice" | "list" | "duration";
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
    help: "callers must send it as Authorization: Bearer TOKEN; it may do everything",
  },
  {
    flag: "token-secret",
    env: ["CHRONOLITE_TOKEN_SECRET"],
    kind: "text",
    default: "",
    help: "signs limited tokens and share links, 32 characters or more; without it one is made and kept",
  },
  {
    flag: "insecure-no-auth",
    env: ["CHRONOLITE_INSECURE_NO_AUTH"],
    kind: "switch",
    default: "false",
    help: "listen beyond loopback without a token",
  },
  {
    flag: "cors-origin",
    env: ["CHRONOLITE_CORS_ORIGIN"],
    kind: "list",
    default: "",
    help: "origin of web pages that may call, such as https://app.example.com; repeatable; * needs a token",
  },
  {
    flag: "tls-cert",
    env: ["CHRONOLITE_TLS_CERT"],
    kind: "text",
    default: "",
    help: "file with the certificate chain in PEM: serve HTTPS, with --tls-key",
  },
  {
    flag: "tls-key",
    env: ["CHRONOLITE_TLS_KEY"],
    kind: "text",
    default: "",
    help: "file with its private key in PEM",
  },
  {
    flag: "trust-proxy",
    env: ["CHRONOLITE_TRUST_PROXY"],
    kind: "list",
    default: "",
    help: "proxies whose word on client addresses counts: an address, a network as 10.0.0.0/8, or how many hops; repeatable",
  },
  {
    flag: "forwarded-header",
    env: ["CHRONOLITE_FORWARDED_HEADER"],
    kind: "choice",
    choices: ["x-forwarded-for", "forwarded"],
    default: "x-forwarded-for",
    help: "the header in which those proxies write client addresses",
  },
  {
    flag: "record-client-address",
    env: ["CHRONOLITE_RECORD_CLIENT_ADDRESS"],
    kind: "switch",
    default: "false",
    help: "histories hold the addresses of clients",
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
    help: "entries of the log of SQL that are kept per database, beside up to 250 of what pages read by themselves; 0 keeps no log",
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
  /** Empty when the state database holds one. */
  readonly tokenSecret: string;
  readonly insecureNoAuth: boolean;
  /** Origins, or "*". */
  readonly corsOrigins: readonly string[];
  /** Paths of PEM files. */
  readonly tls: { readonly certPath: string; readonly keyPath: string } | null;
  /** Addresses, networks, or one number of hops. */
  readonly trustProxy: readonly string[];
  readonly forwardedHeader: "x-forwarded-for" | "forwarded";
  readonly recordClientAddress: boolean;
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
  const { values, positionals } = parse(argv, {});
  if (values["help"] === true) return { name: "help" };
  if (values["version"] === true) return { name: "version" };
  const [command = "serve", ...rest] = positionals;
  if (command === "help") return { name: "help" };
  if (command !== "serve" || rest.length > 0)
    throw new UsageError(`unknown command: ${positionals.join(" ")} (try chronolite --help)`);
  return { name: "serve", config: readConfig(values, env) };
}

/**
 * Reads settings for another command than `serve`.
 * @param options those of the command itself, as `parseArgs` has them
 * @throws UsageError that names the flag or variable
 */
export function readSettings(
  argv: readonly string[],
  env: Record<string, string | undefined>,
  options: Options,
): { values: Values; positionals: string[]; config: Config } {
  const parsed = parse(argv, options);
  return { ...parsed, config: readConfig(parsed.values, env) };
}

type Options = Readonly<
  Record<string, { type: "string" | "boolean"; short?: string; multiple?: boolean }>
>;

type Values = Record<string, string | boolean | string[] | undefined>;

function parse(
  argv: readonly string[],
  ownOptions: Options,
): { values: Values; positionals: string[] } {
  const options: Record<string, Options[string]> = {
    help: { type: "boolean", short: "h" },
    version: { type: "boolean", short: "v" },
    ...ownOptions,
  };
  for (const setting of SETTINGS)
    options[setting.flag] = {
      type: setting.kind === "switch" ? "boolean" : "string",
      multiple: setting.kind === "list",
    };
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

function readConfig(values: Values, env: Record<string, string | undefined>): Config {
  const given = new Map<string, string | number | boolean | string[]>();
  for (const setting of SETTINGS as readonly Setting[]) {
    const fromFlag = values[setting.flag];
    const variable = setting.env.find((name) => (env[name] ?? "") !== "");
    if (setting.kind === "list")
      given.set(
        setting.flag,
        Array.isArray(fromFlag)
          ? fromFlag
          : (env[variable ?? ""] ?? "").split(",").map(trim).filter(Boolean),
      );
    else if (fromFlag !== undefined)
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
    tokenSecret: given.get("token-secret") as string,
    insecureNoAuth: given.get("insecure-no-auth") as boolean,
    corsOrigins: (given.get("cors-origin") as string[]).map(checkOrigin),
    tls: tlsFiles(given.get("tls-cert") as string, given.get("tls-key") as string),
    trustProxy: (given.get("trust-proxy") as string[]).map(checkProxy),
    forwardedHeader: given.get("forwarded-header") as "x-forwarded-for" | "forwarded",
    recordClientAddress: given.get("record-client-address") as boolean,
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
  if (!isLoopback(config.host) && !needsToken(config) && !config.insecureNoAuth)
    throw new UsageError(
      `--host ${config.host} is reachable from other machines: set --token, or --insecure-no-auth if that is meant`,
    );
  if (config.tokenSecret !== "" && config.tokenSecret.length < MIN_TOKEN_SECRET_CHARS)
    throw new UsageError(`--token-secret must have ${MIN_TOKEN_SECRET_CHARS} characters or more`);
  if (config.corsOrigins.includes("*") && !needsToken(config))
    throw new UsageError("--cors-origin * needs --token: any page could read the databases");
  if (config.trustProxy.length > 1 && config.trustProxy.some(isHopCount))
    throw new UsageError("--trust-proxy is either one number of hops, or addresses");
  return Object.freeze(config);
}

/** Whether callers must show a token: without the root token a secret says so, for limited ones. */
export function needsToken(config: Pick<Config, "token" | "tokenSecret">): boolean {
  return config.token !== "" || config.tokenSecret !== "";
}

/** An origin as browsers send it. */
function checkOrigin(text: string): string {
  if (text === "*") return text;
  if (!URL.canParse(text) || new URL(text).origin !== text || text === "null")
    throw new UsageError(
      `--cors-origin must be an origin such as https://app.example.com, without a slash at the end, or *, not "${text}"`,
    );
  return text;
}

function tlsFiles(certPath: string, keyPath: string): Config["tls"] {
  if ((certPath === "") !== (keyPath === ""))
    throw new UsageError("--tls-cert and --tls-key come together");
  return certPath === "" ? null : { certPath: resolve(certPath), keyPath: resolve(keyPath) };
}

function checkProxy(text: string): string {
  const [address = "", bits, ...rest] = text.split("/");
  const family = isIP(address);
  const maxBits = family === 4 ? 32 : 128;
  const network =
    family !== 0 &&
    rest.length === 0 &&
    (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= maxBits));
  if (!network && !isHopCount(text))
    throw new UsageError(
      `--trust-proxy must be an address, a network such as 10.0.0.0/8, or a number of hops from 1 to 9, not "${text}"`,
    );
  return text;
}

/** Whether an entry of `trustProxy` says how many proxies there are. */
export function isHopCount(text: string): boolean {
  return /^[1-9]$/.test(text);
}

function trim(text: string): string {
  return text.trim();
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
    case "list":
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
    "       chronolite token create|list|revoke [flags]   (chronolite token --help)",
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
    list: " TEXT",
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
