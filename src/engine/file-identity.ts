/** What tells a file from all others, whatever its names. */
import { realpathSync, statSync } from "node:fs";
import type { FileNumbers } from "./resolve.ts";

/** Of the file at a path; `none` where there is none that can be a database. */
export function fileIdentity(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  // A database is never empty: somebody cut it off.
  return stats === undefined || stats.size === 0 ? "none" : identityOf(stats);
}

/** Whether the path leads to that file still, and through no link that was made since it was followed. */
export function isStillAt(path: string, identity: string): boolean {
  try {
    return realpathSync(path) === path && fileIdentity(path) === identity;
  } catch {
    return false;
  }
}

export function identityOf({ dev, ino }: FileNumbers): string {
  return `${dev}:${ino}`;
}
