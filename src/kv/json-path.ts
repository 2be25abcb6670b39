/** JSON paths as people write them (contracts/hoody.md 0.4), turned into SQLite's. */
import { invalidParameter } from "../errors.ts";
import { MAX_PATH_CHARS, MAX_PATH_STEPS } from "../limits.ts";

export interface JsonPath {
  /** As it was sent. */
  readonly text: string;
  /** SQLite's spelling, or null when only the document can tell: `a.0` is `$.a[0]` or `$.a."0"`. */
  readonly sqlPath: string | null;
  /**
   * JSON: one `[as key, as index or null]` per step, in SQLite's spelling. The first that is not null
   * for a container of that kind applies.
   */
  readonly steps: string;
  /** The document that the path can start from where there is none: `{}`, `[]`, or `null` for `$`. */
  readonly emptyDocument: string;
}

type Step = [asKey: string | null, asIndex: string | null];

const NEXT_STEP =
  /^(?:\.?\[\s*(?<index>\d+|#?-\d+)\s*\]|\.?\[\s*(?<bracketed>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\s*\]|\.(?<quoted>"(?:[^"\\]|\\.)*")|\.(?<bare>[^.[\]"]+))/su;

/**
 * Understands `a.b`, `.a.b`, `$.a.b`, `a[0].b`, `a.0.b`, `$."a.b"[0]`, `a["b c"]`, `a[-1]`, `$`.
 * @throws ApiError INVALID_PARAMETERS
 */
export function parseJsonPath(text: string): JsonPath {
  const known = knownPaths.get(text);
  if (known !== undefined) return known;
  if (text.length > MAX_PATH_CHARS)
    throw invalidParameter("path", `is longer than ${MAX_PATH_CHARS} characters`);
  const steps: Step[] = [];
  let rest = text.replace(/^\$(?=[.[]|$)/, "");
  if (rest !== "" && !/^[.[]/.test(rest)) rest = `.${rest}`;
  while (rest !== "") {
    const match = NEXT_STEP.exec(rest);
    if (match === null)
      throw invalidParameter(
        "path",
        `cannot be read at "${rest.slice(0, 40)}"`,
        'Write paths like profile.email, items[0].name or $."a key"[2].',
      );
    steps.push(toStep(match.groups ?? {}));
    rest = rest.slice(match[0].length);
  }
  if (steps.length > MAX_PATH_STEPS)
    throw invalidParameter("path", `has more than ${MAX_PATH_STEPS} steps`);
  const ambiguous = steps.some(([asKey, asIndex]) => asKey !== null && asIndex !== null);
  const path: JsonPath = {
    text,
    sqlPath: ambiguous ? null : `$${steps.map(([asKey, asIndex]) => asKey ?? asIndex).join("")}`,
    steps: JSON.stringify(steps),
    emptyDocument: emptyDocument(steps[0]),
  };
  if (knownPaths.size >= KNOWN_PATHS_MAX) knownPaths.clear();
  knownPaths.set(text, path);
  return path;
}

function emptyDocument(first: Step | undefined): string {
  if (first === undefined) return "null";
  return first[0] === null ? "[]" : "{}";
}

const KNOWN_PATHS_MAX = 1000;
const knownPaths = new Map<string, JsonPath>();

function toStep(groups: Record<string, string | undefined>): Step {
  const { index, bracketed, quoted, bare } = groups;
  if (index !== undefined) return [null, `[${index.startsWith("-") ? `#${index}` : index}]`];
  const literal = bracketed ?? quoted;
  if (literal !== undefined) return [`.${JSON.stringify(unquote(literal))}`, null];
  const name = bare ?? "";
  return [`.${JSON.stringify(name)}`, /^\d+$/.test(name) ? `[${name}]` : null];
}

function unquote(literal: string): string {
  const inner = literal.slice(1, -1);
  if (literal.startsWith("'")) return inner.replace(/\\(.)/gsu, "$1");
  try {
    return JSON.parse(`"${inner}"`);
  } catch {
    throw invalidParameter("path", `has a key that is not a JSON string: ${literal}`);
  }
}
