/** Values from JSON, bound to the parameters of a statement. */
import { ApiError } from "../errors.ts";
import type { Parameter } from "./lexer.ts";

/** What JSON can give and SQLite can hold. */
export type BindValue = string | number | bigint | null;
export type BindValues = readonly BindValue[] | Readonly<Record<string, BindValue>>;

/** What node:sqlite takes: `:a`, `@a`, `$a` by their full name, all others in order of their number. */
export interface Binding {
  readonly named: Readonly<Record<string, BindValue>>;
  readonly plain: readonly BindValue[];
}

/**
 * Checks that a JSON value is a set of values: an array for positional parameters, an object for
 * named ones, scalars inside.
 * @param what what to call it in the error, such as `values`
 * @throws ApiError SQL_BIND_ERROR
 */
export function toBindValues(json: unknown, what: string): BindValues {
  if (Array.isArray(json)) return json.map((value, index) => toBindValue(value, what, index));
  if (typeof json === "object" && json !== null)
    return Object.fromEntries(
      Object.entries(json).map(([name, value]) => [name, toBindValue(value, what, name)]),
    );
  throw new ApiError("SQL_BIND_ERROR", `${what} is neither an array nor an object`);
}

function toBindValue(value: unknown, what: string, member: string | number): BindValue {
  switch (typeof value) {
    case "string":
    case "bigint":
      return value;
    case "boolean":
      return value ? 1n : 0n;
    case "number":
      // node:sqlite binds every number as REAL; a JSON integer means INTEGER.
      return Number.isSafeInteger(value) ? BigInt(value) : value;
    default: {
      if (value === null) return null;
      const name = typeof member === "number" ? `${what}[${member}]` : `${what}.${member}`;
      throw new ApiError("SQL_BIND_ERROR", `${name} is not a string, number, boolean or null`);
    }
  }
}

/** Binds value sets to one statement, many times. */
export class BatchBinder {
  readonly #parameters: readonly Parameter[];
  readonly #plainOnly: boolean;

  constructor(parameters: readonly Parameter[]) {
    this.#parameters = parameters;
    this.#plainOnly = parameters.every(({ name }) => name === null);
  }

  /** @throws ApiError SQL_BIND_ERROR when values are missing or left over */
  bind(values: BindValues): Binding {
    // What nearly every batch is, without the bookkeeping of the rest.
    if (this.#plainOnly && isList(values) && values.length === this.#parameters.length)
      return { named: NO_NAMES, plain: values };
    const dealer = new ValueDealer(values);
    const binding = dealer.deal(this.#parameters);
    dealer.finish();
    return binding;
  }
}

const NO_NAMES: Readonly<Record<string, BindValue>> = {};

/** Deals values out to the statements of one item; at the end none may be left over. */
export class ValueDealer {
  readonly #values: BindValues;
  readonly #unused: Set<string>;
  #next = 0;

  constructor(values: BindValues) {
    this.#values = values;
    this.#unused = new Set(Array.isArray(values) ? [] : Object.keys(values));
  }

  /**
   * The values of one statement's parameters.
   * @throws ApiError SQL_BIND_ERROR when one is missing
   */
  deal(parameters: readonly Parameter[]): Binding {
    const named: Record<string, BindValue> = {};
    const base = this.#next;
    const highest = Math.max(0, ...parameters.map(({ index }) => index));
    // For node:sqlite ?NNN has no name, and neither have the numbers that it skipped.
    const nameless = new Map<number, BindValue>();
    for (let index = 1; index <= highest; index += 1) nameless.set(index, null);
    for (const parameter of parameters) {
      const value = this.#valueFor(parameter, base);
      if (parameter.name === null || parameter.name.startsWith("?"))
        nameless.set(parameter.index, value);
      else {
        named[parameter.name] = value;
        nameless.delete(parameter.index);
      }
    }
    this.#next = base + highest;
    return { named, plain: [...nameless.values()] };
  }

  /** @throws ApiError SQL_BIND_ERROR when values are left over */
  finish(): void {
    if (Array.isArray(this.#values)) {
      if (this.#next < this.#values.length)
        throw new ApiError(
          "SQL_BIND_ERROR",
          `${this.#values.length} values for ${this.#next} parameter${this.#next === 1 ? "" : "s"}`,
        );
    } else if (this.#unused.size > 0) {
      throw new ApiError(
        "SQL_BIND_ERROR",
        `There is no parameter named ${[...this.#unused].join(", ")}`,
      );
    }
  }

  #valueFor(parameter: Parameter, base: number): BindValue {
    let value: BindValue | undefined;
    if (isList(this.#values)) value = this.#values[base + parameter.index - 1];
    else if (parameter.name !== null) {
      const bare = parameter.name.slice(1);
      const key = Object.hasOwn(this.#values, bare) ? bare : parameter.name;
      if (Object.hasOwn(this.#values, key)) value = this.#values[key];
      this.#unused.delete(key);
    }
    if (value === undefined)
      throw new ApiError(
        "SQL_BIND_ERROR",
        `No value for parameter ${parameter.name ?? parameter.index}`,
      );
    return value;
  }
}

function isList(values: BindValues): values is readonly BindValue[] {
  return Array.isArray(values);
}

/**
 * JSON.parse that keeps every digit of whole numbers, as bigint where a number would round.
 * @throws SyntaxError
 */
export function parseJsonExactly(text: string): unknown {
  // The reviver takes three times as long, and numbers this long are rare.
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(
    text,
    function revive(this: unknown, _key: string, value: unknown, ...rest: unknown[]) {
      if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
      const { source } = (rest[0] ?? {}) as { source?: string };
      if (source === undefined || !/^-?\d+$/.test(source)) return value;
      const exact = BigInt(source);
      return BigInt.asIntN(64, exact) === exact ? exact : value;
    },
  );
}
