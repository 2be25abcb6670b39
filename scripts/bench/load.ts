/**
 * The load: keep-alive connections that send prepared bytes over plain TCP, one request at a time
 * each. An HTTP client library would cost more than the server it measures. Runs as a process of its
 * own; takes its plan as JSON in the first argument and prints its findings as JSON.
 */
import type { Socket } from "bun";

export interface LoadPlan {
  method: "GET" | "PUT" | "POST";
  origin: string;
  /** Path with `KEY` where the key goes, or `ID` where its number goes. */
  path: string;
  /** Body of a POST, with `"ID"` where the number goes. */
  body?: string;
  connections: number;
  keys: number;
  seconds: number;
  /** Pause of each connection between two requests; 0 loads the server fully. */
  pauseMs: number;
}

export interface LoadResult {
  requestsPerSecond: number;
  /** All answers, those of the warm-up too. */
  answers: number;
  p50Ms: number;
  p99Ms: number;
  /** Answers that were not 200, and the first of them. */
  failures: number;
  firstFailure: string | null;
}

/** What key number `index` is called. */
export function keyName(index: number): string {
  return `user:${String(index).padStart(4, "0")}`;
}

/** About 50 bytes of JSON. */
export function smallValue(index: number): string {
  return `{"id":${index},"name":"Ada Lovelace","plan":"free","n":${index % 7}}`;
}

interface Connection {
  buffered: Buffer;
  sentAtMs: number;
}

class Load {
  readonly #plan: LoadPlan;
  readonly #requests: Buffer[];
  readonly #latenciesMs: number[] = [];
  #failures = 0;
  #firstFailure: string | null = null;
  #answers = 0;
  #measuring = false;
  #stopped = false;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    this.#requests = Array.from({ length: plan.keys }, (_, index) => requestBytes(plan, index));
  }

  async run(): Promise<LoadResult> {
    const { hostname, port } = new URL(this.#plan.origin);
    const sockets = await Promise.all(
      Array.from({ length: this.#plan.connections }, () =>
        Bun.connect<Connection>({
          hostname,
          port: Number(port),
          data: { buffered: Buffer.alloc(0), sentAtMs: 0 },
          socket: {
            open: (socket) => this.#send(socket),
            data: (socket, chunk) => this.#receive(socket, chunk),
            close: () => this.#lost("connection closed"),
            error: (_, error) => this.#lost(String(error)),
          },
        }),
      ),
    );
    await Bun.sleep(200); // Warm-up.
    const startedAtMs = performance.now();
    this.#measuring = true;
    await Bun.sleep(this.#plan.seconds * 1000);
    this.#measuring = false;
    this.#stopped = true;
    const elapsedMs = performance.now() - startedAtMs;
    for (const socket of sockets) socket.terminate();
    this.#latenciesMs.sort((a, b) => a - b);
    return {
      requestsPerSecond: (this.#latenciesMs.length / elapsedMs) * 1000,
      answers: this.#answers,
      p50Ms: this.#percentile(0.5),
      p99Ms: this.#percentile(0.99),
      failures: this.#failures,
      firstFailure: this.#firstFailure,
    };
  }

  #send(socket: Socket<Connection>): void {
    if (this.#stopped) return;
    const request = this.#requests[Math.floor(Math.random() * this.#requests.length)] as Buffer;
    socket.data.sentAtMs = performance.now();
    // Requests are far smaller than a socket's buffer, and each waits for the answer to the last.
    if (socket.write(request) !== request.length) this.#lost("request written in part");
  }

  #receive(socket: Socket<Connection>, chunk: Buffer): void {
    const { data } = socket;
    const bytes = data.buffered.length === 0 ? chunk : Buffer.concat([data.buffered, chunk]);
    const length = responseLength(bytes);
    if (length === null || bytes.length < length) {
      data.buffered = Buffer.from(bytes);
      return;
    }
    data.buffered = Buffer.alloc(0);
    this.#answers += 1;
    if (this.#measuring) this.#latenciesMs.push(performance.now() - data.sentAtMs);
    // "HTTP/1.1 200"
    if (bytes[9] !== 0x32 || bytes[10] !== 0x30 || bytes[11] !== 0x30)
      this.#lost(bytes.toString("utf8", 0, 300));
    if (this.#plan.pauseMs === 0) this.#send(socket);
    else setTimeout(() => this.#send(socket), this.#plan.pauseMs);
  }

  #lost(what: string): void {
    if (this.#stopped) return;
    this.#failures += 1;
    this.#firstFailure ??= what;
  }

  #percentile(share: number): number {
    return this.#latenciesMs[Math.floor(this.#latenciesMs.length * share)] ?? Number.NaN;
  }
}

function requestBytes(plan: LoadPlan, index: number): Buffer {
  const body =
    plan.method === "PUT" ? smallValue(index) : (plan.body ?? "").replace('"ID"', String(index));
  const path = plan.path
    .replace("KEY", encodeURIComponent(keyName(index)))
    .replace("ID]", `${index}]`);
  const headers = [
    `${plan.method} ${path} HTTP/1.1`,
    `Host: ${new URL(plan.origin).host}`,
    ...(body !== ""
      ? ["Content-Type: application/json", `Content-Length: ${Buffer.byteLength(body)}`]
      : []),
  ];
  return Buffer.from(`${headers.join("\r\n")}\r\n\r\n${body}`);
}

/** Bytes of the response that begins the buffer, null while its head is incomplete. */
function responseLength(bytes: Buffer): number | null {
  const end = bytes.indexOf("\r\n\r\n");
  if (end === -1) return null;
  const head = bytes.toString("latin1", 0, end);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new Error(`an answer without Content-Length: ${head}`);
  return end + 4 + Number(length);
}

if (import.meta.main) {
  const plan = JSON.parse(process.argv[2] ?? "null") as LoadPlan;
  console.log(JSON.stringify(await new Load(plan).run()));
  process.exit(0);
}
