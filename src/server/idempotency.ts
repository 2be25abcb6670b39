/** `Idempotency-Key`: a write that may be sent again (contracts/hoody.md 1.32). */
import { invalidParameter } from "../errors.ts";
import type { Idempotency } from "../kv/idempotency.ts";
import { MAX_IDEMPOTENCY_KEY_CHARS } from "../limits.ts";
import { readBody } from "./body.ts";
import { callerOf, copyOf } from "./caller.ts";
import type { Headers } from "./kv-answer.ts";

const HEADER = "Idempotency-Key";
/** Beside method, address and body: what else makes it another request. */
const TELLING_HEADERS = ["content-type", "if-match", "if-none-match", "x-actor"];

/**
 * Runs a write. Where it has the header, what identifies it is worked out first, and a repetition
 * says so in its answer.
 * @throws ApiError INVALID_PARAMETERS for a key that cannot be one, and what the write throws
 */
export function repeatable<Answer>(
  request: Request,
  set: { headers: object },
  maxBodyBytes: number,
  write: (request: Request, idempotency: Idempotency | null) => Answer | Promise<Answer>,
): Answer | Promise<Answer> {
  const key = request.headers.get(HEADER);
  return key === null ? write(request, null) : writeOnce(request, set, maxBodyBytes, key, write);
}

async function writeOnce<Answer>(
  request: Request,
  set: { headers: object },
  maxBodyBytes: number,
  key: string,
  write: (request: Request, idempotency: Idempotency) => Answer | Promise<Answer>,
): Promise<Answer> {
  if (!/^[\x21-\x7e]+$/.test(key) || key.length > MAX_IDEMPOTENCY_KEY_CHARS)
    throw invalidParameter(
      HEADER,
      `must be 1 to ${MAX_IDEMPOTENCY_KEY_CHARS} visible ASCII characters`,
    );
  const { method, headers, signal } = request;
  const body = await readBody(request, maxBodyBytes);
  const idempotency: Idempotency = {
    key,
    fingerprint: await fingerprintOf(request, body),
    replayed: false,
  };
  const answer = await write(
    copyOf(request, { method, headers, signal, body: body as Uint8Array<ArrayBuffer> }),
    idempotency,
  );
  if (idempotency.replayed) (set.headers as Headers)["idempotent-replayed"] = "true";
  return answer;
}

async function fingerprintOf(request: Request, body: Uint8Array): Promise<string> {
  const { pathname, search } = new URL(request.url);
  const told = TELLING_HEADERS.map((name) => request.headers.get(name));
  // What one token was answered is not for another one.
  const sender = callerOf(request).token?.id ?? null;
  const head = `${JSON.stringify([request.method, pathname, search, sender, ...told])}\n`;
  // Of a large body off the thread.
  const digest = await crypto.subtle.digest("SHA-256", Buffer.concat([Buffer.from(head), body]));
  return Buffer.from(digest).toString("base64url");
}

/**
 * For writes whose outcome is not kept.
 * @throws ApiError INVALID_PARAMETERS
 */
export function refuseIdempotency(request: Request): void {
  if (request.headers.has(HEADER))
    throw invalidParameter(HEADER, "is for writes of keys, and not for this request");
}
