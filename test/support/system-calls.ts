/**
 * What a server and its runner processes asked of the system, in order, from strace. From it follows
 * what would be on disk if the power failed at any moment: only what a sync that began after it was
 * written had covered when it ended.
 */
import { readFileSync } from "node:fs";

/** A command that traces what it starts, children too. */
export function traced(file: string): string[] {
  const calls = [
    "pwrite64,pwritev,pwritev2,write,writev,sendto,sendmsg,fsync,fdatasync",
    "ftruncate,truncate,unlink,unlinkat,link,linkat,rename,renameat,renameat2",
  ].join(",");
  return [
    "strace",
    "-f",
    "-yy",
    "-s",
    "9000",
    "-e",
    `trace=${calls}`,
    "-e",
    "signal=none",
    "-o",
    file,
  ];
}

export interface SystemCall {
  name: string;
  /** Path or socket behind the first descriptor, or "". */
  target: string;
  /** Arguments as strace prints them. */
  text: string;
  thread: number;
  /** Lines at which it began and had ended. */
  began: number;
  ended: number;
  ok: boolean;
}

/** The calls that ended, in the order in which they began. */
export function readTrace(file: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const unfinished = new Map<number, { text: string; began: number }>();
  for (const [line, text] of readFileSync(file, "latin1").split("\n").entries()) {
    const [, pid = "", rest = ""] = /^(\d+) +(.*)$/.exec(text) ?? [];
    const thread = Number(pid);
    if (rest.endsWith(" <unfinished ...>")) {
      unfinished.set(thread, { text: rest.slice(0, -" <unfinished ...>".length), began: line });
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    const start = resumed === null ? undefined : unfinished.get(thread);
    const whole = start === undefined ? rest : start.text + resumed?.[1];
    const match = /^(\w+)\((.*)\) += (-?\d+|\?)/.exec(whole);
    if (match === null) continue;
    const [, name = "", args = "", result = ""] = match;
    calls.push({
      name,
      thread,
      text: args,
      target: /^-?\d+<(.*?)>(?=[,)]|$)/.exec(args)?.[1] ?? "",
      began: start?.began ?? line,
      ended: line,
      ok: !result.startsWith("-") && result !== "?",
    });
  }
  return calls.sort((a, b) => a.began - b.began);
}

const isWrite = ({ name, ok }: SystemCall) => ok && name.startsWith("pwrite");
const isSync = ({ name, ok }: SystemCall) => ok && (name === "fdatasync" || name === "fsync");

/** Whether a sync of the file began after the call had ended, and ended before the line. */
export function isSynced(
  calls: readonly SystemCall[],
  path: string,
  after: SystemCall,
  before: number,
): boolean {
  return calls.some(
    (call) =>
      isSync(call) && call.target === path && call.began > after.ended && call.ended < before,
  );
}

/** Where the answer with this text in it left. */
export function answerWith(calls: readonly SystemCall[], text: string): SystemCall | undefined {
  return calls.find(
    (call) =>
      /^TCP/.test(call.target) && call.text.includes("HTTP/1.1 20") && call.text.includes(text),
  );
}

/** The last frame of the commit that wrote this text into the log before the line. */
export function commitOf(
  calls: readonly SystemCall[],
  wal: string,
  text: string,
  before: number,
): SystemCall | undefined {
  const frames = calls.filter((call) => isWrite(call) && call.target === wal);
  const first = frames.findIndex((call) => call.ended < before && call.text.includes(text));
  if (first === -1) return undefined;
  // A frame is a header and then a page; the header of a commit's last one is marked.
  for (let at = first; at < frames.length; at += 1) {
    const [header, page] = [frames[at - 1], frames[at]];
    if (header !== undefined && page !== undefined && endsCommit(header)) return page;
  }
  return undefined;
}

/** Whether this writes the header of a commit frame: https://www.sqlite.org/fileformat2.html#walformat */
function endsCommit({ text }: SystemCall): boolean {
  const [, literal, length] = /, "(.*)", (\d+), \d+$/s.exec(text) ?? [];
  if (literal === undefined || length !== "24") return false;
  const sizeAfterCommit = bytesOf(literal).slice(4, 8);
  return sizeAfterCommit.some((byte) => byte !== 0);
}

const ESCAPES: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, v: 11, f: 12 };

/** The bytes of a string as strace prints it. */
function bytesOf(literal: string): number[] {
  return [...literal.matchAll(/\\([0-7]{1,3})|\\(.)|([^\\])/gs)].map(([, octal, escaped, plain]) =>
    octal !== undefined
      ? Number.parseInt(octal, 8)
      : (ESCAPES[escaped ?? ""] ?? (escaped ?? plain ?? "").charCodeAt(0)),
  );
}

/**
 * Checkpoints that a power failure could tear: pages written to the file before the log they come from
 * is on disk, or a log thrown away before the pages are.
 */
export function tornCheckpoints(calls: readonly SystemCall[], path: string): string[] {
  const wal = `${path}-wal`;
  const torn: string[] = [];
  const open = { [path]: false, [wal]: false };
  for (const call of calls) {
    if (!call.ok) continue;
    const throwsAway =
      (call.name === "ftruncate" && call.target === wal) ||
      (call.name.startsWith("unlink") && call.text.includes(`"${wal}"`));
    if (throwsAway && open[path]) torn.push(`${call.name} of the log before the file was synced`);
    if (isWrite(call) && call.target === path && open[wal])
      torn.push("a page was written before its log was synced");
    if (isWrite(call) && call.target in open) open[call.target] = true;
    if (isSync(call) && call.target in open) open[call.target] = false;
  }
  return torn;
}
