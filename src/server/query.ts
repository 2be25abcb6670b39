/** The query string, read strictly: what cannot be decoded is a 400 that names the parameter. */
import { invalidParameter } from "../errors.ts";
import { callerOf, type RequestCaller } from "./caller.ts";

export class Query {
  readonly #request: Request;
  readonly #values: Map<string, string>;

  private constructor(request: Request, values: Map<string, string>) {
    this.#request = request;
    this.#values = values;
  }

  /** Who asks. What a query leads to is decided with it. */
  get caller(): RequestCaller {
    return callerOf(this.#request);
  }

  /**
   * Decodes the query of a request's URL as a form: `+` is a space.
   * @throws ApiError INVALID_PARAMETERS for a malformed escape, or a parameter given twice
   */
  static of(request: Request): Query {
    const { url } = request;
    const values = new Map<string, string>();
    const start = url.indexOf("?");
    if (start !== -1 && start + 1 < url.length)
      for (const pair of url.slice(start + 1).split("&")) {
        if (pair === "") continue;
        const equals = pair.indexOf("=");
        const name = decode(equals === -1 ? pair : pair.slice(0, equals), "the query string");
        if (values.has(name)) throw invalidParameter(name, "is given twice");
        values.set(name, equals === -1 ? "" : decode(pair.slice(equals + 1), name));
      }
    return new Query(request, values);
  }

  /** The value of a parameter, undefined when it was not sent. */
  get(name: string): string | undefined {
    return this.#values.get(name);
  }
}

function decode(text: string, parameter: string): string {
  if (!/[%+]/.test(text)) return text;
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw invalidParameter(parameter, "has a malformed percent escape");
  }
}
