/** Jobs as callers of the pool see them, and the errors that end them early. */
import { ApiError } from "../errors.ts";

export interface Job {
  kind: string;
  payload: unknown;
  /** Time from now until the process is killed and the caller told 503. */
  timeoutMs: number;
  /** A caller who hangs up ends the job. */
  signal?: AbortSignal;
  /** Waits for the job's turn on its file; called at most once, if the job asks. */
  takeTurn?: () => Promise<void>;
}

export interface StreamJob extends Omit<Job, "timeoutMs"> {
  /**
   * Time without progress until the process is killed: nothing came from the job and nobody took
   * anything, in neither direction. A stream as a whole may last as long as it likes.
   */
  idleTimeoutMs: number;
  /** Bytes that go into the job. What it throws ends the job, and is the job's error. */
  input?: AsyncIterable<Uint8Array>;
  /**
   * Called once the job has ended in whatever way, and its process has let go of its file, with what
   * it returned or threw.
   */
  ended?: (outcome: { result?: unknown; error?: Error }) => void;
}

export interface JobStream<Head> {
  /** What the job gave to `channel.open`; undefined when it opened with its first chunk. */
  head: Head | undefined;
  /** Fails where the job fails. Cancelling it ends the job. */
  body: ReadableStream<Uint8Array>;
}

export function timeoutError(timeoutMs: number, streams: boolean): ApiError {
  const what = streams ? "No progress" : "Not done";
  return new ApiError("REQUEST_TIMEOUT", `${what} within ${timeoutMs / 1000} s`);
}

export function tooMuchMemory(): ApiError {
  return new ApiError("SQL_ERROR", "The statement needs more memory than it may use", {
    hint: "Do it in parts: fewer rows or value sets at once.",
  });
}

export function hungUp(): ApiError {
  return new ApiError("REQUEST_TIMEOUT", "The caller hung up");
}

export function stopping(): ApiError {
  return new ApiError("SERVICE_UNAVAILABLE", "The server is stopping");
}
