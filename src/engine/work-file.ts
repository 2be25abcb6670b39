/**
 * Files of copies that are not finished: in a folder of our own inside the data folder, so that one
 * link puts them in place, and named by their server, so that the next one can clear up after a crash.
 */
import { mkdirSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { OWN_FOLDER } from "./resolve.ts";

/** Only its owner may read in the folder. */
const OWN_FOLDER_MODE = 0o700;
const WORK_FILE = /^work-(\d+)-/;

/** A path for a file that does not exist yet, without symlinks; its folder exists. */
export function newWorkFile(dataDir: string): string {
  const folder = join(dataDir, OWN_FOLDER);
  mkdirSync(folder, { recursive: true, mode: OWN_FOLDER_MODE });
  return join(realpathSync(folder), `work-${process.pid}-${crypto.randomUUID()}`);
}

/** Removes a work file, if it is there, and what SQLite may have put beside it. */
export async function removeWorkFile(path: string): Promise<void> {
  for (const suffix of ["", "-journal", "-wal", "-shm"]) await rm(path + suffix, { force: true });
}

/** Removes the work files of servers that are gone. */
export function sweepWorkFiles(dataDir: string): void {
  const folder = join(dataDir, OWN_FOLDER);
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return; // There never was one.
  }
  for (const name of names) {
    const pid = Number(WORK_FILE.exec(name)?.[1] ?? Number.NaN);
    if (Number.isInteger(pid) && !isOtherProcess(pid)) rmSync(join(folder, name), { force: true });
  }
}

/** Whether some other process has that number now. */
function isOtherProcess(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}
