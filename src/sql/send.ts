/** Sending a job's output in chunks of a good size. */
import { readSync } from "node:fs";
import { STREAM_CHUNK_BYTES } from "../limits.ts";
import type { JobChannel } from "../runner/child.ts";

/** Gathers small pieces, and splits large ones. */
export async function sendPieces(
  pieces: Iterable<string | Uint8Array>,
  channel: JobChannel,
): Promise<void> {
  let gathered: Uint8Array[] = [];
  let gatheredBytes = 0;
  const flush = async () => {
    const [only] = gathered;
    const bytes = gathered.length === 1 && only !== undefined ? only : Buffer.concat(gathered);
    gathered = [];
    gatheredBytes = 0;
    for (let start = 0; start < bytes.byteLength; start += STREAM_CHUNK_BYTES)
      await channel.write(bytes.subarray(start, start + STREAM_CHUNK_BYTES));
  };
  for (const piece of pieces) {
    const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
    gathered.push(bytes);
    gatheredBytes += bytes.byteLength;
    if (gatheredBytes >= STREAM_CHUNK_BYTES) await flush();
  }
  await flush();
}

/** An open file from its beginning. */
export async function sendFile(fd: number, channel: JobChannel): Promise<void> {
  const bytes = new Uint8Array(STREAM_CHUNK_BYTES);
  for (;;) {
    const read = readSync(fd, bytes, 0, bytes.byteLength, null);
    if (read === 0) return;
    await channel.write(bytes.slice(0, read));
  }
}
