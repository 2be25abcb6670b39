/**
 * Requests made up from an OpenAPI description: of every route in it, with values that fit, values
 * that nearly fit, and values that do not. A new route is taken up by being described.
 */
import fc from "fast-check";

interface Schema {
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
}

interface DescribedParameter {
  name: string;
  in: string;
  required?: boolean;
  schema?: Schema;
}

export interface Operation {
  method: string;
  path: string;
  parameters?: DescribedParameter[];
  requestBody?: { content?: Record<string, { schema?: Schema }> };
  responses?: Record<string, unknown>;
}

export interface Description {
  paths: Record<string, Record<string, Omit<Operation, "method" | "path">>>;
}

export interface MadeUpRequest {
  operation: Operation;
  method: string;
  /** Path and query. */
  target: string;
  headers: Record<string, string>;
  body: string | Uint8Array<ArrayBuffer> | undefined;
}

export function operationsOf(description: Description): Operation[] {
  return Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      ...operation,
      method: method.toUpperCase(),
      path,
    })),
  );
}

/** Text that something could trip over. */
const NASTY = fc.constantFrom(
  "",
  " ",
  "0",
  "-1",
  "-0",
  "1e309",
  "NaN",
  "null",
  "true",
  "9223372036854775807",
  "9223372036854775808",
  "99999999999999999999999999",
  "0x10",
  "1.5",
  "../../etc/passwd",
  "..",
  "a/../b",
  "..%2f..%2fetc",
  "/etc/passwd",
  "file:t.db?mode=rwc",
  ":memory:",
  "t.db-wal",
  "t.db-shm",
  "t\\u",
  "a\0b",
  "\ufeff",
  "\ud800",
  "𝄞",
  "İ",
  "é",
  "kv_store",
  "kv_store_history",
  "chronolite_relations",
  "sqlite_schema",
  "'; drop table kv_store; --",
  '"',
  "[",
  "{}",
  '{"a":',
  "$",
  "$.a[0]",
  "a.b.c[#-1]",
  "a[99999999999]",
  "*",
  '"abc"',
  'W/"1"',
  "1h30m",
  "500ms",
  "constructor",
  "__proto__",
  "toString",
  "x".repeat(300),
  "[".repeat(2000),
);
const anyText = fc.oneof(NASTY, fc.string({ unit: "binary", maxLength: 40 }), fc.string());

/** What usually works, by the name of the parameter: so that requests get further than the first check. */
const LIKELY: Readonly<Record<string, fc.Arbitrary<string>>> = {
  db: fc.constantFrom("t", "t", "t", "u", "t.db", "missing", "foreign", "text"),
  path: fc.constantFrom("a", "a.b", "$.a", "a[0]", "new", "t", "u"),
  key: fc.constantFrom("a", "b", "doc", "list", "n", "a/b", "gone"),
  table: fc.constantFrom("kv_store", "second", "watched", "x"),
  sql: fc.constantFrom(
    "select 1",
    "select * from kv_store",
    "with n as (select 1) select * from n",
    "select ?",
    "delete from kv_store",
    "pragma table_info(kv_store)",
  ),
  values: fc.constantFrom("[1]", '{"a":1}', "[]"),
  timeout: fc.constantFrom("1", "2"),
};

/** Values of one member's name in bodies that usually work. */
const LIKELY_MEMBERS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  key: fc.constantFrom("a", "b", "doc", "list", "n", "fresh"),
  keys: fc.array(fc.constantFrom("a", "b", "doc", "gone"), { maxLength: 5 }),
  value: fc.oneof(fc.jsonValue(), fc.constantFrom(1, "text", { a: 1 }, [1, 2])),
  op: fc.constantFrom("set", "delete", "incr", "decr", "push", "pop", "remove"),
  sql: fc.constantFrom("select 1", "insert into x values (?)", "update kv_store set value = 1"),
  statement: fc.constantFrom(
    "insert into x values (1)",
    "create table if not exists x (a)",
    "drop table x",
    "delete from kv_store where key = 'a'",
  ),
  query: fc.constantFrom("select * from x", "select key from kv_store", "select 1 as a, 2 as a"),
  values: fc.constantFrom([1], { a: 1 }, []),
};

function textFor(parameter: DescribedParameter): fc.Arbitrary<string> {
  const fitting = LIKELY[parameter.name] ?? scalarText(parameter.schema ?? {});
  return fc.oneof({ arbitrary: fitting, weight: 6 }, { arbitrary: anyText, weight: 1 });
}

function scalarText(schema: Schema): fc.Arbitrary<string> {
  const choices = schema.enum ?? (schema.const === undefined ? undefined : [schema.const]);
  if (choices !== undefined) return fc.constantFrom(...choices.map(String));
  switch (typeOf(schema)) {
    case "integer":
      return fc
        .oneof(
          fc.integer({ min: -2, max: 1100 }),
          fc.constantFrom(schema.minimum ?? 0, schema.maximum ?? 2 ** 53),
          fc.maxSafeInteger(),
        )
        .map(String);
    case "boolean":
      return fc.constantFrom("true", "false", "1", "0", "yes", "no", "maybe");
    case "number":
      return fc.double().map(String);
    default:
      return fc.oneof(fc.string({ maxLength: 12 }), anyText);
  }
}

function typeOf(schema: Schema): string | undefined {
  return Array.isArray(schema.type) ? schema.type[0] : schema.type;
}

/** A JSON value that the schema asks for, more or less. */
function jsonFor(schema: Schema, name = "", depth = 0): fc.Arbitrary<unknown> {
  const fitting = fittingJson(schema, name, depth);
  return fc.oneof({ arbitrary: fitting, weight: 12 }, { arbitrary: fc.jsonValue(), weight: 1 });
}

function fittingJson(schema: Schema, name: string, depth: number): fc.Arbitrary<unknown> {
  const likely = LIKELY_MEMBERS[name];
  if (likely !== undefined && typeOf(schema) !== "object") return likely;
  if (depth > 5) return fc.jsonValue();
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const variants = schema.anyOf ?? schema.oneOf;
  if (variants !== undefined && variants.length > 0)
    return fc.oneof(...variants.map((variant) => jsonFor(variant, name, depth + 1)));
  switch (typeOf(schema)) {
    case "object": {
      const members = Object.entries(schema.properties ?? {});
      if (members.length === 0) return fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 });
      return fc.record(
        Object.fromEntries(
          members.map(([member, inner]) => [member, jsonFor(inner, member, depth + 1)]),
        ),
        { requiredKeys: schema.required ?? [] },
      );
    }
    case "array":
      return fc.array(jsonFor(schema.items ?? {}, "", depth + 1), { maxLength: 5 });
    case "string":
      return fc.oneof(anyText, fc.string());
    case "integer":
      return fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.constantFrom(0, -1, 1e300));
    case "number":
      return fc.double({ noNaN: true, noDefaultInfinity: true });
    case "boolean":
      return fc.boolean();
    default:
      return fc.jsonValue();
  }
}

const HEADERS = fc.dictionary(
  fc.constantFrom(
    "if-match",
    "if-none-match",
    "if-modified-since",
    "range",
    "content-type",
    "accept",
    "accept-encoding",
    "x-actor",
    "idempotency-key",
    "authorization",
    "cookie",
    "last-event-id",
    "x-forwarded-for",
  ),
  fc.oneof(
    NASTY.filter((text) => /^[\x20-\x7e]*$/.test(text)),
    fc.string({ unit: fc.constantFrom(...'abcZ019 ,;=*/"-'), maxLength: 20 }),
    fc.constantFrom("application/json", "text/csv", "*/*", "application/x-ndjson"),
  ),
  { maxKeys: 3 },
);

const anyBytes = fc
  .uint8Array({ maxLength: 200 })
  .map((bytes) => new Uint8Array(bytes) as Uint8Array<ArrayBuffer>);

function bodyFor(operation: Operation): fc.Arbitrary<string | Uint8Array<ArrayBuffer> | undefined> {
  if (["GET", "HEAD", "OPTIONS"].includes(operation.method)) return fc.constant(undefined);
  const schema = operation.requestBody?.content?.["application/json"]?.schema;
  const fitting = (schema === undefined ? fc.jsonValue() : jsonFor(schema)).map((json) =>
    JSON.stringify(json),
  );
  const cutOff = fc
    .tuple(fitting, fc.nat({ max: 60 }))
    .map(([text, at]) => (text ?? "").slice(0, at));
  return fc.oneof(
    { arbitrary: fitting, weight: 8 },
    { arbitrary: cutOff, weight: 1 },
    { arbitrary: anyText.filter((text) => text.isWellFormed()), weight: 1 },
    { arbitrary: anyBytes, weight: 1 },
    { arbitrary: fc.constant(undefined), weight: 1 },
  );
}

/** Requests of one operation. */
export function requestsOf(operation: Operation): fc.Arbitrary<MadeUpRequest> {
  const described = operation.parameters ?? [];
  const query = described.filter((parameter) => parameter.in === "query");
  const inPath = described.filter((parameter) => parameter.in === "path");
  return fc
    .record({
      query: fc.record(
        Object.fromEntries(query.map((parameter) => [parameter.name, textFor(parameter)])),
        {
          // Mostly there, what is required; a path given to a whole database is no help.
          requiredKeys: query.filter(({ required }) => required === true).map(({ name }) => name),
        },
      ),
      dropped: fc.oneof(
        { arbitrary: fc.constant(""), weight: 9 },
        { arbitrary: fc.constantFrom("", ...query.map(({ name }) => name)), weight: 1 },
      ),
      more: fc.oneof(
        { arbitrary: fc.constant({}), weight: 9 },
        {
          arbitrary: fc.dictionary(fc.string({ minLength: 1 }), anyText, { maxKeys: 2 }),
          weight: 1,
        },
      ),
      path: fc.tuple(...inPath.map((parameter) => textFor(parameter))),
      verb: fc.constantFrom(
        "",
        "",
        ...["incr", "push", "pop", "remove", "expire", "persist", "history", "entry", "snapshot"],
        ...["rollback", "diff"],
      ),
      method: fc.oneof(
        { arbitrary: fc.constant(operation.method), weight: 20 },
        { arbitrary: fc.constantFrom("PATCH", "OPTIONS", "HEAD", "PUT", "DELETE"), weight: 1 },
      ),
      headers: HEADERS,
      body: bodyFor(operation),
    })
    .map(({ query: values, dropped, more, path, verb, method, headers, body }) => {
      let at = 0;
      // An empty part would make it another route.
      const filled = operation.path.replace(/\{[^}]+\}/g, () => encode(String(path[at++] || "x")));
      const suffix = operation.path.endsWith("{key}") && verb !== "" ? `/${verb}` : "";
      const pairs = Object.entries({ ...values, ...more })
        .filter(([name]) => name !== dropped)
        .map(([name, value]) => `${encode(name)}=${encode(String(value))}`);
      return {
        operation,
        method,
        target: `${filled}${suffix}${pairs.length === 0 ? "" : `?${pairs.join("&")}`}`,
        headers,
        body: ["GET", "HEAD"].includes(method) ? undefined : body,
        // What is printed of a counterexample.
        [fc.toStringMethod]: () =>
          JSON.stringify({
            method,
            path: operation.path,
            values,
            more,
            verb,
            path_values: path,
            headers,
            body,
          }),
      };
    });
}

/** Percent-encoded, also what is no text: half a character becomes what some clients send for it. */
function encode(text: string): string {
  return text.isWellFormed() ? encodeURIComponent(text) : "%ED%A0%80";
}
