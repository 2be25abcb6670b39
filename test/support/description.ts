/**
 * Compares answers with the API description. `fetch` is wrapped for all tests (see `checkAnswers`), so
 * that no route can answer what its description does not say: another status, another type, members or
 * headers that are not described. An answer that does fails the test that asked for it.
 */
import type { ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { keyPattern } from "../../src/server/kv-path.ts";

const API = "/api/v1/sqlite";
const ROOT = "description";
/** Larger bodies are not worth the time. */
const MAX_CHECKED_BYTES = 1024 * 1024;

interface DescribedAnswer {
  content?: Record<string, unknown>;
  headers?: Record<string, unknown>;
}

interface Operation {
  responses: Record<string, DescribedAnswer>;
}

export interface Description {
  paths: Record<string, Record<string, Operation>>;
}

/** Headers of any answer, and those that are about the way and not about the route. */
const COMMON_HEADERS = /^(x-content-type-options|access-control-.*)$/;
/** What must be described; other headers are the transport's. */
const DESCRIBED_HEADERS =
  /^(x-.*|etag|retry-after|www-authenticate|content-disposition|content-security-policy|cache-control|location|link)$/;

export class DescriptionCheck {
  readonly #description: Description;
  readonly #ajv: Ajv2020;
  readonly #validators = new Map<string, ValidateFunction>();

  constructor(description: Description) {
    this.#description = description;
    this.#ajv = new Ajv2020({ strict: false });
    addFormats(this.#ajv);
    this.#ajv.addSchema(closed(description) as object, ROOT);
  }

  /** What is wrong with an answer, or undefined. */
  async problem(
    request: { method: string; url: string },
    response: Response,
  ): Promise<string | undefined> {
    const { pathname } = new URL(request.url);
    if (request.method === "OPTIONS") return undefined;
    const path = this.#pathOf(request.method, pathname);
    const operations = this.#description.paths[path];
    const method = request.method.toLowerCase();
    const operation = operations?.[method] ?? (method === "head" ? operations?.["get"] : undefined);
    const what = `${request.method} ${path} ${response.status}`;
    // Pages and their parts are no part of the API.
    if (operation === undefined && !pathname.startsWith(API)) return undefined;
    if (operation === undefined) return this.#undescribed(what, response);
    const answer = operation.responses[String(response.status)];
    if (answer === undefined)
      return `${what}: the status is not described; ${await start(response)}`;
    const described = new Set(Object.keys(answer.headers ?? {}).map((name) => name.toLowerCase()));
    for (const name of response.headers.keys())
      if (DESCRIBED_HEADERS.test(name) && !COMMON_HEADERS.test(name) && !described.has(name))
        return `${what}: the header ${name} is not described`;
    if (request.method === "HEAD") return undefined;
    const type = mediaType(response);
    const content = answer.content ?? {};
    if (answer.content === undefined)
      return type === "" || lengthOf(response) === 0
        ? undefined
        : `${what}: a body is not described`;
    const match = type in content ? type : "*/*";
    if (!(match in content)) return `${what}: the type "${type}" is not described`;
    if (match !== "application/json") return undefined;
    const pointer = ["paths", path, operation === operations?.[method] ? method : "get"];
    return this.#check(what, response, [
      ...pointer,
      "responses",
      String(response.status),
      "content",
      match,
      "schema",
    ]);
  }

  async #undescribed(what: string, response: Response): Promise<string | undefined> {
    if (response.status < 400 || response.status >= 500)
      return `${what}: the route is not described`;
    if (lengthOf(response) === 0) return undefined;
    return this.#check(what, response, ["components", "schemas", "Error"]);
  }

  async #check(what: string, response: Response, pointer: string[]): Promise<string | undefined> {
    if (lengthOf(response) > MAX_CHECKED_BYTES) return undefined;
    const name = pointer.map((part) => part.replaceAll("~", "~0").replaceAll("/", "~1")).join("/");
    let validate = this.#validators.get(name);
    if (validate === undefined) {
      validate = this.#ajv.compile({ $ref: `${ROOT}#/${encodeURI(name)}` });
      this.#validators.set(name, validate);
    }
    let json: unknown;
    try {
      json = await response.clone().json();
    } catch (error) {
      return `${what}: not JSON (${error})`;
    }
    if (validate(json)) return undefined;
    return `${what}: ${this.#ajv.errorsText(validate.errors)}: ${JSON.stringify(validate.errors?.[0]?.params)} in ${JSON.stringify(json).slice(0, 500)}`;
  }

  /** The path of the description that a path of a request is. */
  #pathOf(method: string, pathname: string): string {
    if (pathname.startsWith(`${API}/kv/`))
      return API + keyPattern(method, pathname.slice(`${API}/kv/`.length));
    if (this.#description.paths[pathname] !== undefined) return pathname;
    const parts = pathname.split("/");
    const template = Object.keys(this.#description.paths).find((path) => {
      const wanted = path.split("/");
      return (
        wanted.length === parts.length &&
        wanted.every((part, at) => part === parts[at] || part.startsWith("{"))
      );
    });
    return template ?? pathname;
  }
}

function mediaType(response: Response): string {
  return (response.headers.get("content-type") ?? "").split(";")[0]?.trim() ?? "";
}

/** Zero where it is not said. */
function lengthOf(response: Response): number {
  return Number(response.headers.get("content-length") ?? 0);
}

async function start(response: Response): Promise<string> {
  return lengthOf(response) > MAX_CHECKED_BYTES
    ? ""
    : (await response.clone().text()).slice(0, 500);
}

/** The same description, except that objects have no members beside the described ones. */
export function closed(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(closed);
  if (typeof json !== "object" || json === null) return json;
  const members = Object.fromEntries(
    Object.entries(json).map(([name, value]) => [name, closed(value)]),
  );
  return members["type"] === "object" && typeof members["properties"] === "object"
    ? { additionalProperties: false, ...members }
    : members;
}
