/** Request bodies within their bounds. */
import { ApiError, invalidParameter } from "../errors.ts";
import { bodyArrived } from "./silence.ts";

/**
 * The whole body as bytes, whatever its content type.
 * @throws ApiError PAYLOAD_TOO_LARGE
 */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  const body = await readWhole(request, maxBytes);
  bodyArrived(request);
  return body;
}

async function readWhole(request: Request, maxBytes: number): Promise<Uint8Array> {
  const declared = request.headers.get("content-length");
  if (declared !== null) {
    if (Number(declared) > maxBytes) throw tooLarge(maxBytes);
    return request.bytes().catch(endedEarly);
  }
  if (request.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of request.body) {
      length += chunk.byteLength;
      if (length > maxBytes) throw tooLarge(maxBytes);
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof ApiError ? error : endedEarly();
  }
  return Buffer.concat(chunks);
}

/** The caller hung up, or what came is no chunked body: nobody reads the answer. */
function endedEarly(): never {
  throw invalidParameter("body", "ended before it was complete");
}

/**
 * The whole body as text.
 * @throws ApiError PAYLOAD_TOO_LARGE, INVALID_PARAMETERS when it is not UTF-8
 */
export async function readText(request: Request, maxBytes: number): Promise<string> {
  const bytes = await readBody(request, maxBytes);
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw invalidParameter("body", "must be UTF-8");
  }
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true });

function tooLarge(maxBytes: number): ApiError {
  return new ApiError("PAYLOAD_TOO_LARGE", `The body is larger than ${maxBytes} bytes`, {
    hint: "Send less at once, or raise --max-body-bytes.",
  });
}
