/**
 * Bytes between server and runner with back pressure, the same in both directions. A sender may have
 * `STREAM_WINDOW_BYTES` under way that the other side has not taken yet; then it waits. So neither
 * side ever holds more of a stream than the window and one chunk.
 */
import { STREAM_WINDOW_BYTES } from "../limits.ts";

/** The sending end. */
export class Outgoing {
  readonly #post: (bytes: Uint8Array) => void;
  #underWayBytes = 0;
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(post: (bytes: Uint8Array) => void) {
    this.#post = post;
  }

  /**
   * Sends a chunk at once.
   * @returns when the next may follow; at the earliest in another turn of the event loop, so that a
   *   loop that produces without pause still hears the other side
   */
  async write(bytes: Uint8Array): Promise<void> {
    if (bytes.byteLength === 0 || this.#closed) return;
    this.#underWayBytes += bytes.byteLength;
    this.#post(ownBytes(bytes));
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#underWayBytes >= STREAM_WINDOW_BYTES && !this.#closed)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }

  /** Nobody listens any more: writes go nowhere, and none waits. */
  close(): void {
    this.#closed = true;
    this.taken(0);
  }

  /** The other side has taken so many bytes. */
  taken(bytes: number): void {
    this.#underWayBytes -= bytes;
    this.#wake?.();
    this.#wake = undefined;
  }
}

/** The receiving end: chunks in order, acknowledged as they are taken. */
export class Incoming implements AsyncIterable<Uint8Array> {
  readonly #acknowledge: (bytes: number) => void;
  readonly #chunks: Uint8Array[] = [];
  #ended = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(acknowledge: (bytes: number) => void) {
    this.#acknowledge = acknowledge;
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#stir();
  }

  /** No more chunks. With an error, `next` throws it after the chunks that came before. */
  end(error?: Error): void {
    this.#ended = true;
    this.#error = error;
    this.#stir();
  }

  /** The next chunk, or undefined at the end. */
  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#acknowledge(chunk.byteLength);
        return chunk;
      }
      if (this.#error !== undefined) throw this.#error;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.next(); chunk !== undefined; chunk = await this.next()) yield chunk;
  }

  #stir(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

/** A view into a larger buffer would travel with all of that buffer. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}
