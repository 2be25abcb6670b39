/**
 * What server and runner processes say to each other. One job at a time per process:
 *
 *     server → run                       a job begins
 *     runner → ready, server → go        optional: the job needs its turn on a file
 *     runner → open                      optional: the job streams, and this is what comes first
 *     either → chunk, other → taken      bytes of the streams into the job and out of it (flow.ts)
 *     server → end                       no more chunks into the job
 *     runner → done | failed             the job ended, the process is free
 *     server → release, runner → released   between jobs: no file is kept open for the next one
 */
import { ApiError, type ErrorDetails, type ErrorKind, sqliteCode } from "../errors.ts";

export type StreamMessage = { type: "chunk"; bytes: Uint8Array } | { type: "taken"; bytes: number };

export type ToRunner =
  | { type: "run"; kind: string; payload: unknown }
  | { type: "go" }
  | { type: "end" }
  | { type: "release" }
  | StreamMessage;

export type FromRunner =
  | { type: "ready" }
  | { type: "released" }
  | { type: "open"; head: unknown }
  | StreamMessage
  /** With the memory that the process uses by now. */
  | { type: "done"; result: unknown; memoryBytes: number }
  | { type: "failed"; failure: Failure; memoryBytes: number };

/** An error as it travels between processes. */
export interface Failure {
  kind?: ErrorKind;
  code?: string;
  message: string;
  details?: ErrorDetails;
}

export function toFailure(thrown: unknown): Failure {
  if (thrown instanceof ApiError) {
    const { cause: _, ...details } = thrown.details;
    return { kind: thrown.kind, message: thrown.message, details };
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const code = sqliteCode(thrown);
  return code === undefined ? { message } : { message, code };
}

export function fromFailure(failure: Failure): Error {
  if (failure.kind !== undefined)
    return new ApiError(failure.kind, failure.message, failure.details ?? {});
  const error = new Error(failure.message);
  return failure.code === undefined ? error : Object.assign(error, { code: failure.code });
}

/** The internal argument that starts the executable as a runner. */
export const RUNNER_ARGUMENT = "__runner";
