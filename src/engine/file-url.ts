/** How this program names database files to SQLite in runner processes. */
import { pathToFileURL } from "node:url";

/**
 * A file that must be there. By its plain path SQLite would make a missing one, for instance one that
 * was deleted a moment ago.
 * @param path absolute
 */
export function existingFileUrl(path: string, access: "read" | "write"): string {
  return `${pathToFileURL(path).href}?mode=${access === "read" ? "ro" : "rw"}`;
}
