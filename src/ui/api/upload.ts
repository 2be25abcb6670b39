/**
 * A large body and an answer of JSON lines. `fetch` tells nothing of what was sent and gives no answer
 * before all of it is; XMLHttpRequest does both.
 */
import { apiUrl, type CallOptions } from "./client.ts";
import { ApiFailure, failureOf } from "./failure.ts";
import { parseJson } from "./json.ts";
import { askForToken, storedToken } from "./token.ts";

export interface UploadOptions {
  readonly query: NonNullable<CallOptions["query"]>;
  readonly body: Blob;
  readonly signal: AbortSignal;
  onSent(bytes: number): void;
  /** Each line of the answer, as it comes. */
  onLine(line: unknown): void;
}

/** @throws ApiFailure; DOMException AbortError */
export async function upload(path: string, options: UploadOptions): Promise<void> {
  const token = storedToken();
  try {
    await attempt(path, options, token);
  } catch (error) {
    if (!(error instanceof ApiFailure) || error.status !== 401) throw error;
    if (storedToken() === token)
      await askForToken(error.message).catch(() => Promise.reject(error));
    await attempt(path, options, storedToken());
  }
}

function attempt(path: string, options: UploadOptions, token: string | null): Promise<void> {
  const { query, body, signal, onSent, onLine } = options;
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", apiUrl(path, query));
    if (token !== null) request.setRequestHeader("authorization", `Bearer ${token}`);
    const stop = () => {
      request.abort();
      reject(new DOMException("Stopped", "AbortError"));
    };
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    request.upload.onprogress = ({ loaded }) => onSent(loaded);
    let read = 0;
    const readLines = () => {
      if (request.status !== 200) return;
      const end = request.responseText.lastIndexOf("\n") + 1;
      if (end <= read) return;
      const lines = request.responseText.slice(read, end).split("\n");
      read = end;
      for (const line of lines) if (line !== "") onLine(parseJson(line));
    };
    request.onprogress = readLines;
    request.onerror = () =>
      reject(
        new ApiFailure(0, "NO_ANSWER", "The connection broke", "Nothing of the file was kept."),
      );
    request.onload = () => {
      if (request.status !== 200) {
        const { responseText, status, statusText } = request;
        failureOf(new Response(responseText, { status, statusText })).then(reject, reject);
        return;
      }
      readLines();
      resolve();
    };
    request.onloadend = () => signal.removeEventListener("abort", stop);
    request.send(body);
  });
}
