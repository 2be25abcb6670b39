/**
 * `chronolite token create|list|revoke`: limited tokens, straight from the state database. A server
 * that is running on it needs no restart.
 */
import type { Grant } from "../access/grant.ts";
import { checkTokenName, parseGrant, parseLifeMs } from "../access/grant-request.ts";
import { TokenSigner } from "../access/tokens.ts";
import type { Clock } from "../clock.ts";
import { type Config, needsToken, readSettings, UsageError } from "../config.ts";
import { EngineCounters } from "../engine/counters.ts";
import { ApiError } from "../errors.ts";
import { DEFAULT_TIMEOUT_S, DEFAULT_TOKEN_LIFE } from "../limits.ts";
import { silentLog } from "../log.ts";
import { RunnerPool } from "../runner/pool.ts";
import { issueToken } from "../state/issue-token.ts";
import { StateDatabase } from "../state/state-database.ts";
import { type ListedToken, TokenList } from "../state/token-list.ts";
import { TokenSecret } from "../state/token-secret.ts";

const TOKEN_USAGE = `Usage: chronolite token create --name NAME --db NAME... [--table NAME...] [--prefix PREFIX...]
                               --read | --write | --admin [--expires 30d]
       chronolite token list [--json]
       chronolite token revoke ID

  --name NAME      who it is for; histories show it as the actor
  --db NAME        database, a name or a glob ("shop-*", "**" for all); repeatable
  --table NAME     only these tables; repeatable
  --prefix PREFIX  only keys that begin so; repeatable
  --read, --write, --admin
                   what it may do; each includes the one before
  --expires TIME   seconds, or a time such as 12h or 30d (default ${DEFAULT_TOKEN_LIFE}, at most 10 years)
  --json           print JSON

--data-dir, --state-db and --token-secret must be those of the server.
`;

const OPTIONS = {
  name: { type: "string" },
  db: { type: "string", multiple: true },
  table: { type: "string", multiple: true },
  prefix: { type: "string", multiple: true },
  read: { type: "boolean" },
  write: { type: "boolean" },
  admin: { type: "boolean" },
  expires: { type: "string" },
  json: { type: "boolean" },
} as const;

/** What `OPTIONS` give. */
interface Given {
  name?: string;
  db?: string[];
  table?: string[];
  prefix?: string[];
  read?: boolean;
  write?: boolean;
  admin?: boolean;
  expires?: string;
  json?: boolean;
}

/** Where a command prints. */
export interface Output {
  out(text: string): void;
  err(text: string): void;
}

/**
 * @param argv what follows `token`
 * @returns the exit code
 * @throws UsageError
 */
export async function runTokenCommand(
  argv: readonly string[],
  env: Record<string, string | undefined>,
  clock: Clock,
  output: Output,
): Promise<number> {
  const { values, positionals, config } = readSettings(argv, env, OPTIONS);
  const [action, ...rest] = positionals;
  if (values["help"] === true) {
    output.out(TOKEN_USAGE);
    return 0;
  }
  const given = values as Given;
  const command = commandOf(action, rest, given);
  const housekeepers = new RunnerPool({ size: 1, log: silentLog });
  const state = new StateDatabase(config.stateDb, {
    clock,
    log: silentLog,
    housekeepers,
    sqlRunners: housekeepers,
    durability: "full",
    counters: new EngineCounters(),
  });
  try {
    await command({ config, state, clock, output, json: given.json === true });
    return 0;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { hint } = error.details;
    throw new Error(hint === undefined ? error.message : `${error.message}. ${hint}`);
  } finally {
    await state.close();
    await housekeepers.stop();
  }
}

interface Session {
  readonly config: Config;
  readonly state: StateDatabase;
  readonly clock: Clock;
  readonly output: Output;
  readonly json: boolean;
}

type TokenCommand = (session: Session) => Promise<void>;

function commandOf(
  action: string | undefined,
  rest: readonly string[],
  given: Given,
): TokenCommand {
  const [id] = rest;
  if (action === "create" && rest.length === 0) return create(given);
  if (action === "list" && rest.length === 0) return list;
  if (action === "revoke" && id !== undefined && rest.length === 1) return revoke(id);
  throw new UsageError(
    action === "revoke"
      ? "token revoke needs one ID, as token list shows it"
      : `unknown command: token ${[action ?? "", ...rest].join(" ").trim()} (try chronolite token --help)`,
  );
}

function create(given: Given): TokenCommand {
  const request = usage(() => ({
    name: checkTokenName(given.name),
    grant: grantOf(given),
    lifeMs: parseLifeMs(given.expires ?? DEFAULT_TOKEN_LIFE, "expires"),
  }));
  return async ({ config, state, clock, output, json }) => {
    const secret = new TokenSecret(state, clock, config.tokenSecret);
    const { token, listed } = await issueToken(
      new TokenSigner(secret, clock),
      new TokenList(state),
      { ...request, createdBy: null, nowMs: clock.nowMs() },
    );
    if (json) output.out(`${JSON.stringify({ token, ...shown(listed) })}\n`);
    else {
      // Only the token, so that it can be piped; people read the rest.
      output.out(`${token}\n`);
      output.err(`${describe(listed, clock)}\n`);
    }
    if (!needsToken(config))
      output.err(
        "A server asks for tokens only when it is started with --token or --token-secret.\n",
      );
  };
}

const list: TokenCommand = async ({ state, clock, output, json }) => {
  const tokens = await new TokenList(state).list();
  for (const token of tokens)
    output.out(`${json ? JSON.stringify(shown(token)) : describe(token, clock)}\n`);
  if (tokens.length === 0 && !json) output.err("There are no tokens.\n");
};

const revoke =
  (id: string): TokenCommand =>
  async ({ state, clock, output }) => {
    const nowMs = clock.nowMs();
    const deadlineMs = nowMs + DEFAULT_TIMEOUT_S * 1000;
    const tokens = new TokenList(state);
    // A write would make the database where there is none.
    const known = await tokens.find(id);
    const revoked = known === undefined ? known : await tokens.revoke(id, nowMs, deadlineMs);
    if (revoked === undefined)
      throw new Error(`there is no token ${id}; chronolite token list shows those there are`);
    output.out(`${describe(revoked, clock)}\n`);
  };

function grantOf({ db, table, prefix, read, write, admin }: Given): Grant {
  const levels = [read && "read", write && "write", admin && "admin"].filter(Boolean);
  if (levels.length !== 1)
    throw new UsageError("token create needs one of --read, --write, --admin");
  if (db === undefined)
    throw new UsageError('token create needs --db NAME ("**" for all databases)');
  return parseGrant({ databases: db, tables: table, prefixes: prefix, level: levels[0] });
}

/** What is wrong with a request to the server is here a mistake on the command line. */
function usage<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (error instanceof ApiError) throw new UsageError(`--${error.message}`);
    throw error;
  }
}

function shown(token: ListedToken) {
  const { id, name, grant, createdAtMs, createdBy, expiresAtMs, revokedAtMs } = token;
  return { id, name, ...grant, createdAtMs, createdBy, expiresAtMs, revokedAtMs };
}

function describe(
  { id, name, grant, expiresAtMs, revokedAtMs }: ListedToken,
  clock: Clock,
): string {
  const parts = [
    `databases ${grant.databases.join(" ")}`,
    ...(grant.tables.length === 0 ? [] : [`tables ${grant.tables.join(" ")}`]),
    ...(grant.prefixes.length === 0 ? [] : [`prefixes ${grant.prefixes.join(" ")}`]),
  ];
  const state =
    revokedAtMs !== null ? "revoked" : expiresAtMs <= clock.nowMs() ? "expired" : "expires";
  const at = new Date(revokedAtMs ?? expiresAtMs).toISOString().slice(0, 19);
  return `${id}  ${name}  ${grant.level}  ${parts.join(", ")}  ${state} ${at}Z`;
}
