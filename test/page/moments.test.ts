/** Moments as people type them, as addresses hold them, and as the slider shows them. */
import { describe, expect, test } from "bun:test";
import { parseMoment, printMoment } from "../../src/ui/api/moment.ts";
import { barsOf, type Film, momentAt, POSITIONS, positionOf } from "../../src/ui/time/film.ts";
import { sideLines, sideText } from "../../src/ui/time/side-text.ts";
import { readTyped } from "../../src/ui/time/typed.ts";

/** A Saturday, by the clock of who types. */
const NOW = new Date(2026, 10, 21, 10, 30, 15, 250);
const local = (...parts: [number, number, number, ...number[]]) => new Date(...parts).getTime();

const read = (text: string, dayFirst = true) => readTyped(text, { nowMs: NOW.getTime(), dayFirst });

describe("typed moments", () => {
  test.each([
    ["5 minutes ago", local(2026, 10, 21, 10, 25, 15, 250)],
    ["5 min", local(2026, 10, 21, 10, 25, 15, 250)],
    ["an hour ago", local(2026, 10, 21, 9, 30, 15, 250)],
    ["-2h", local(2026, 10, 21, 8, 30, 15, 250)],
    ["2 days ago", local(2026, 10, 19, 10, 30, 15, 250)],
    ["  Yesterday 14:00 ", local(2026, 10, 20, 14)],
    // A day without an hour is its beginning.
    ["yesterday", local(2026, 10, 20)],
    ["today", local(2026, 10, 21)],
    ["2026-11-03", local(2026, 10, 3)],
    ["3 Nov", local(2026, 10, 3)],
    // Of the times that the words fit, the latest in the past.
    ["14:00", local(2026, 10, 20, 14)],
    ["9:15", local(2026, 10, 21, 9, 15)],
    ["monday 9am", local(2026, 10, 16, 9)],
    ["march 3", local(2026, 2, 3)],
    ["24 december", local(2025, 11, 24)],
    // Seconds off a clock mean all of the second.
    ["10:30:14", local(2026, 10, 21, 10, 30, 14, 999)],
    ["21 Nov 2026, 10:30:14", local(2026, 10, 21, 10, 30, 14, 999)],
    ["2026-11-21 10:30:14", local(2026, 10, 21, 10, 30, 14, 999)],
    ["10:30:14.120", local(2026, 10, 21, 10, 30, 14, 120)],
    ["1767323045", 1767323045999],
    ["1767323045678", 1767323045678],
    ["2026-01-02T03:04:05.678Z", 1767323045678],
    ["2026-01-02T05:04:05.678+02:00", 1767323045678],
    ["now", null],
  ])("%s", (text, at) => {
    expect(read(text)).toEqual({ kind: "moment", at });
  });

  test("the day or the month comes first, as the reader is used to it", () => {
    expect(read("3/4/2026")).toEqual({ kind: "moment", at: local(2026, 3, 3) });
    expect(read("3/4/2026", false)).toEqual({ kind: "moment", at: local(2026, 2, 4) });
  });

  test.each(["", "soon", "the day of the move", "11 o'clock or so", "3 nov and 4 nov", "12"])(
    "%p is not understood, rather than half of it",
    (text) => {
      expect(read(text)).toEqual({ kind: "unknown" });
    },
  );

  test.each(["tomorrow", "in 5 minutes", "2030-01-01", "9999999999", "21 Nov 2026, 10:31"])(
    "%s is still to come",
    (text) => {
      expect(read(text)).toEqual({ kind: "future" });
    },
  );

  test("the second that it is now is now", () => {
    const seconds = String(Math.floor(NOW.getTime() / 1000));
    expect(read(seconds)).toEqual({ kind: "moment", at: NOW.getTime() });
  });
});

test("addresses hold milliseconds; what the server takes is taken, the rest is no moment", () => {
  expect(printMoment(1767323045678)).toBe("1767323045678");
  expect(parseMoment("1767323045678")).toBe(1767323045678);
  // Few digits would be seconds.
  expect(parseMoment(printMoment(999_999_999_999))).toBe(999_999_999_999);
  expect(parseMoment("1767323045")).toBe(1767323045999);
  expect(parseMoment("2026-01-02T03:04:05.678Z")).toBe(1767323045678);
  expect(printMoment(null)).toBe("");
  expect([parseMoment(""), parseMoment(undefined)]).toEqual([null, null]);
  expect(["0", "-1", "soon", "2026-13-01T00:00:00Z"].map(parseMoment)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

describe("the slider", () => {
  const film: Film = { fromMs: 1_000_000, lastMs: 2_000_000 };

  test("goes from the first change to the last one, and has now at its end", () => {
    for (const at of [1_000_000, 1_250_000, 2_000_000])
      expect(momentAt(film, positionOf(film, at))).toBe(at);
    expect(positionOf(film, null)).toBe(POSITIONS);
    expect(momentAt(film, POSITIONS)).toBeNull();
    expect(momentAt(film, 0)).toBe(1_000_000);
    // Quiet times after the last change take no room, and are not now.
    expect(positionOf(film, 9_000_000)).toBeLessThan(POSITIONS);
    expect(momentAt(film, positionOf(film, 9_000_000))).toBe(2_000_000);
    // What is typed may lie before the first change.
    expect(positionOf(film, 5)).toBe(0);
  });

  test("one change alone is a film, too", () => {
    const single: Film = { fromMs: 7, lastMs: 7 };
    expect([momentAt(single, 0), momentAt(single, POSITIONS)]).toEqual([7, null]);
    expect(positionOf(single, 7)).toBe(0);
  });

  test("has bars where something happened, none of them invisible", () => {
    const bars = barsOf(film, [
      { from_ms: 500_000, to_ms: 900_000, operations: 9 },
      { from_ms: 1_000_000, to_ms: 1_100_000, operations: 10_000 },
      { from_ms: 1_100_000, to_ms: 1_200_000, operations: 0 },
      { from_ms: 1_900_000, to_ms: 2_000_000, operations: 1 },
    ]);
    expect(bars.map(({ fromMs, height }) => [fromMs, height])).toEqual([
      [1_000_000, 1],
      [1_900_000, 0.12],
    ]);
    expect(bars.at(-1)?.x).toBeGreaterThan(bars[0]?.x ?? Number.POSITIVE_INFINITY);
  });
});

test("the sides of a change are text whose lines are compared", () => {
  const before = sideText({ value: { a: 1, b: 9007199254740993n } });
  const after = sideText({ value: { a: 2, b: 9007199254740993n, c: null } });
  expect(before).toBe('{\n  "a": 1,\n  "b": 9007199254740993\n}');
  expect(sideLines(after ?? "", before).filter(({ differs }) => differs)).toEqual([
    { text: '  "a": 2,', differs: true },
    { text: '  "c": null', differs: true },
  ]);
  expect(sideText({ base64: btoa("plain text"), contentType: "text/plain" })).toBe("plain text");
  expect(sideText({ base64: "/////w==", contentType: "image/png" })).toBe("4 B of image/png");
  expect(sideText({})).toBeNull();
  // A key that is new has nothing to differ from.
  expect(sideLines("x", null)).toEqual([{ text: "x", differs: false }]);
});
