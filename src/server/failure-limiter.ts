/**
 * Slows down whoever tries tokens. An address that sent too many wrong ones is not heard for a while:
 * its tokens are not even compared, except those that were right from there before. So nobody behind
 * the same address is locked out while working, and nobody guesses faster than the limit.
 */
import type { Clock } from "../clock.ts";
import {
  FAILED_TOKEN_MEMORY_MS,
  MAX_ACCEPTED_TOKENS,
  MAX_FAILED_TOKENS,
  MAX_WATCHED_ADDRESSES,
} from "../limits.ts";

interface Watched {
  /** When the wrong tokens came, oldest first. */
  failedAtMs: number[];
  /** Digests of the tokens that were right, newest last. */
  accepted: string[];
}

export class FailureLimiter {
  readonly #clock: Clock;
  /** In the order of their last change: the oldest go first. */
  readonly #watched = new Map<string, Watched>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds until the address may try an unknown token; 0 for now. */
  waitMs(address: string, digest: string): number {
    const watched = this.#watched.get(groupOf(address));
    if (watched === undefined || watched.failedAtMs.length < MAX_FAILED_TOKENS) return 0;
    if (watched.accepted.includes(digest)) return 0;
    const oldest = watched.failedAtMs[0] ?? 0;
    return Math.max(0, oldest + FAILED_TOKEN_MEMORY_MS - this.#clock.nowMs());
  }

  failed(address: string): void {
    const watched = this.#touch(address);
    watched.failedAtMs.push(this.#clock.nowMs());
    if (watched.failedAtMs.length > MAX_FAILED_TOKENS) watched.failedAtMs.shift();
  }

  accepted(address: string, digest: string): void {
    const known = this.#watched.get(groupOf(address));
    if (known?.accepted.includes(digest) === true) return;
    const { accepted } = this.#touch(address);
    accepted.push(digest);
    if (accepted.length > MAX_ACCEPTED_TOKENS) accepted.shift();
  }

  #touch(address: string): Watched {
    const group = groupOf(address);
    const watched = this.#watched.get(group) ?? { failedAtMs: [], accepted: [] };
    this.#watched.delete(group);
    this.#watched.set(group, watched);
    if (this.#watched.size > MAX_WATCHED_ADDRESSES)
      for (const oldest of this.#watched.keys()) {
        this.#watched.delete(oldest);
        break;
      }
    return watched;
  }
}

/** One customer has a whole /64 of IPv6 addresses. */
function groupOf(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("::");
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  return [...front, ...Array(zeros).fill("0"), ...back].slice(0, 4).join(":");
}
