/** The two sides of a changed value as text that can be laid side by side. */
import { stringifyJson } from "../api/json.ts";
import { base64ToBytes } from "../api/literals.ts";
import { blobSize } from "../api/sql.ts";
import { formatBytes } from "../parts/format.ts";

export interface Side {
  readonly value?: unknown;
  readonly base64?: string | undefined;
  readonly contentType?: string | undefined;
  /** Seconds since 1970. */
  readonly expiresAt?: number | undefined;
}

/** Null where there was no key. */
export function sideText({ value, base64, contentType, expiresAt }: Side): string | null {
  const body =
    base64 === undefined
      ? value === undefined
        ? null
        : stringifyJson(value, 2)
      : (asText(base64) ??
        `${formatBytes(blobSize({ value_base64: base64 }))} of ${contentType ?? "bytes"}`);
  if (body === null || expiresAt === undefined) return body;
  return `${body}\nexpires ${new Date(expiresAt * 1000).toLocaleString()}`;
}

function asText(base64: string): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(base64ToBytes(base64));
  } catch {
    return null;
  }
}

export interface SideLine {
  readonly text: string;
  /** Whether the other side has no such line. */
  readonly differs: boolean;
}

/** Lines of one side; a line that the other side has, too, is no difference. */
export function sideLines(text: string, other: string | null): readonly SideLine[] {
  // A comma after it does not make a member another one.
  const bare = (line: string) => line.replace(/,$/, "");
  const others = new Set((other ?? "").split("\n").map(bare));
  return text
    .split("\n")
    .map((line) => ({ text: line, differs: other !== null && !others.has(bare(line)) }));
}
