/** Putting a finished file in its place: whole, under a name that is free, inside the bounds. */
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  realpathSync,
  rmSync,
} from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";
import { ApiError } from "../errors.ts";
import { type DataRoot, newFile } from "./resolve.ts";

/**
 * Gives a finished database its name, on disk. The folders on the way are made.
 * @param workFile nobody has it open; stays where it is
 * @param target as `databasePath` gave it
 * @returns the real path
 * @throws ApiError CONFLICT when there is something, FORBIDDEN when a link leads out of bounds
 */
export function placeDatabase(workFile: string, target: string, root: DataRoot): string {
  syncFile(workFile);
  const folder = openFolder(dirname(target), root);
  try {
    const real = newFile(join(folder.path, basename(target)), root);
    for (const suffix of ["-wal", "-journal"])
      if (existsSync(real + suffix))
        throw new ApiError("CONFLICT", `There is a file ${basename(real)}${suffix} already`, {
          hint: "It would be taken for a part of the new database. Remove it, or choose another name.",
        });
    linkInto(workFile, join(folder.handle, basename(real)));
    if (process.platform !== "win32") fsyncSync(folder.fd);
    return real;
  } finally {
    folder.close();
  }
}

interface OpenFolder {
  /** Real path. */
  path: string;
  /** A path to the very folder that was checked, where the system has such: links made since then do not count. */
  handle: string;
  fd: number;
  close(): void;
}

/** Opens a folder within bounds, making what is missing one by one, so that no link is followed out. */
function openFolder(folder: string, root: DataRoot): OpenFolder {
  let path: string;
  if (root.allowAnyAbsoluteDbPath) {
    makeFolder(() => mkdirSync(folder, { recursive: true }));
    path = realpathSync(folder);
  } else {
    path = root.dataDir;
    for (const segment of relative(root.dataDir, folder).split(sep).filter(Boolean)) {
      const next = join(path, segment);
      makeFolder(() => mkdirSync(next));
      path = realpathSync(next);
      checkInside(path, root);
    }
  }
  const fd = openSync(path, constants.O_RDONLY);
  const handle = process.platform === "linux" ? `/proc/self/fd/${fd}` : path;
  try {
    checkInside(realpathSync(handle), root);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return { path, handle, fd, close: () => closeSync(fd) };
}

function makeFolder(make: () => void): void {
  try {
    make();
  } catch (error) {
    if ((error as { code?: string }).code === "EEXIST") return;
    throw new ApiError("INVALID_DB_PATH", "The folder of the database cannot be made", {
      cause: error,
    });
  }
}

/** `newFile` has the rule for what is in bounds: for any file of that folder it is the same. */
function checkInside(folder: string, root: DataRoot): void {
  newFile(join(folder, "any"), root);
}

function linkInto(workFile: string, target: string): void {
  try {
    linkSync(workFile, target);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "EXDEV") copyInto(workFile, target);
    else throw placingError(error);
  }
}

/** Onto another disk, where a link cannot lead. */
function copyInto(workFile: string, target: string): void {
  const near = `${target}.${crypto.randomUUID()}.creating`;
  try {
    copyFileSync(workFile, near, constants.COPYFILE_EXCL);
    syncFile(near);
    linkSync(near, target);
  } catch (error) {
    throw placingError(error);
  } finally {
    rmSync(near, { force: true });
  }
}

function placingError(error: unknown): ApiError {
  const { code } = error as { code?: string };
  if (code === "EEXIST") return new ApiError("CONFLICT", "There is a file of that name already");
  if (code === "ENOSPC") return new ApiError("DISK_FULL", "The disk is full", { cause: error });
  return new ApiError("DATABASE_READONLY", "The folder of the database cannot be written to", {
    cause: error,
  });
}

function syncFile(path: string): void {
  const fd = openSync(path, constants.O_RDWR);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
