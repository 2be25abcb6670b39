/** The parts of the editor that need no browser. */
import { describe, expect, test } from "bun:test";
import { ApiFailure } from "../../src/ui/api/failure.ts";
import { parseJson, stringifyJson } from "../../src/ui/api/json.ts";
import { quoteIdentifier } from "../../src/ui/api/literals.ts";
import { placeOfError } from "../../src/ui/editor/error-place.ts";
import { parseValues, printValues, valuesFor } from "../../src/ui/editor/parameters.ts";
import {
  onlySelects,
  parametersOfAll,
  splitStatements,
  statementAt,
} from "../../src/ui/editor/statements.ts";
import { copyText, parseTabbed, toCsv } from "../../src/ui/parts/grid/copy.ts";
import { compareCells } from "../../src/ui/parts/grid/order.ts";

const texts = (sql: string) => splitStatements(sql).map(({ text }) => text);

describe("statements", () => {
  test.each<[string, string[]]>([
    ["", []],
    [" ;; -- nothing\n/* ; */", []],
    ["select 1", ["select 1"]],
    ["select 1;select 2 ; ", ["select 1", "select 2"]],
    ["select ';' ; select \";\", [;], `;`", ["select ';'", 'select ";", [;], `;`']],
    ["select 1 -- a; b\n; select 2", ["select 1", "select 2"]],
    ["-- first\nselect 1 /* ; */ + 1;", ["select 1 /* ; */ + 1"]],
    ["select 'open; end", ["select 'open; end"]],
    [
      "create trigger a after insert on b begin select 1; select case when 1 then 2 end; end; select 3",
      [
        "create trigger a after insert on b begin select 1; select case when 1 then 2 end; end",
        "select 3",
      ],
    ],
    [
      "CREATE TEMP TRIGGER a BEGIN SELECT 1; END;SELECT 2",
      ["CREATE TEMP TRIGGER a BEGIN SELECT 1; END", "SELECT 2"],
    ],
    ["begin; select 1; end; select 2", ["begin", "select 1", "end", "select 2"]],
  ])("%j", (sql, expected) => {
    expect(texts(sql)).toEqual(expected);
    for (const { from, to, text } of splitStatements(sql)) expect(sql.slice(from, to)).toBe(text);
  });

  test("the one at the cursor", () => {
    const sql = "select 1;\n\nselect 2;\n";
    const statements = splitStatements(sql);
    const at = (position: number) => statementAt(statements, position)?.text;
    expect([0, 8, 9, 10].map(at)).toEqual(["select 1", "select 1", "select 1", "select 1"]);
    expect([11, 19, 20, sql.length].map(at)).toEqual([
      "select 2",
      "select 2",
      "select 2",
      "select 2",
    ]);
    expect(statementAt([], 0)).toBeUndefined();
  });

  test("only what begins with SELECT or VALUES runs by itself", () => {
    expect(onlySelects(splitStatements("select 1; VALUES(2)"))).toBe(true);
    expect(onlySelects(splitStatements("select 1; delete from t"))).toBe(false);
    expect(onlySelects(splitStatements("with a as (select 1) delete from t"))).toBe(false);
    expect(onlySelects([])).toBe(false);
  });
});

describe("parameters", () => {
  test("named ones are an object, numbered ones a list", () => {
    const values = parseValues('{":a":1,"?1":"x","?3":null}');
    expect(valuesFor("select :a, :a", values)).toEqual({ a: 1 });
    expect(valuesFor("select ?, ?3", values)).toEqual(["x", null, null]);
    expect(valuesFor("select ':a'", values)).toBeUndefined();
    expect(parametersOfAll(splitStatements("select :a; select ?; select $b, :a"))).toEqual([
      ":a",
      "?1",
      "$b",
    ]);
  });

  test("keep their kind through an address", () => {
    for (const text of [
      '{":a":12}',
      '{":a":"12"}',
      '{":a":"twelve"}',
      '{":a":null}',
      '{":a":-1500.5}',
    ])
      expect(printValues(parseValues(text))).toBe(text);
    expect(parseValues("{")).toEqual({});
    expect(valuesFor("select :a", { ":a": { kind: "auto", text: "9007199254740993" } })).toEqual({
      a: 9007199254740993n,
    });
  });
});

describe("the place of an error", () => {
  const place = (sql: string, message: string, reqIdx = 0) => {
    const failure = new ApiFailure(400, "SQL_ERROR", message, undefined, { reqIdx });
    const found = placeOfError(failure, splitStatements(sql));
    return found === undefined ? undefined : sql.slice(found.from, found.to);
  };
  test.each([
    ["select nme, name from t", "no such column: nme", 0, "nme"],
    ["select t.nme from t", "no such column: t.nme", 0, "t.nme"],
    ["select 1; slect 2", 'near "slect": syntax error', 1, "slect"],
    ["select * from t where )", 'near ")": syntax error', 0, ")"],
    ["select (1", "incomplete input", 0, "1"],
    ["delete from t", "FOREIGN KEY constraint failed", 0, "delete from t"],
  ])("%s: %s", (sql, message, reqIdx, marked) => {
    expect(place(sql, message, reqIdx)).toBe(marked);
  });
  test("is nowhere when it is the request's", () => {
    expect(place("select 1", "busy", -1)).toBeUndefined();
  });
});

describe("values", () => {
  test("JSON keeps every digit", () => {
    const text =
      '[9223372036854775807,-9007199254740993,1.5,"9007199254740993",{"a":12345678901234567}]';
    expect(stringifyJson(parseJson(text))).toBe(text);
  });

  test("are in SQLite's order", () => {
    const sorted = [null, -1.5, 2, 9007199254740993n, "A", "a", { value_base64: "AA==" }];
    expect(sorted.toReversed().toSorted(compareCells)).toEqual(sorted);
  });

  test("copied as text are read back as they were", () => {
    const rows = [
      ["a\tb", 'say "hi"', ""],
      ["line\nbreak", "plain", "end"],
    ];
    const text = copyText({ names: ["x", "y", "z"], rows }, "text");
    expect(parseTabbed(text)).toEqual(rows);
    expect(parseTabbed("1\t2\r\n3\t4\r\n")).toEqual([
      ["1", "2"],
      ["3", "4"],
    ]);
  });

  test("as CSV tell NULL from empty text", () => {
    expect(
      toCsv({
        names: ["a", "b,c"],
        rows: [
          [null, ""],
          ['"', 1n],
        ],
      }),
    ).toBe('a,"b,c"\r\n,""\r\n"""",1\r\n');
  });

  test("as INSERT are SQL", () => {
    const cells = {
      names: ["a", "order"],
      rows: [["it's", { value_base64: "AP8=" }]],
      tableName: "my table",
    };
    expect(copyText(cells, "insert")).toBe(
      `INSERT INTO "my table" (a, "order") VALUES\n  ('it''s', x'00ff');\n`,
    );
    expect(quoteIdentifier("sélect")).toBe('"sélect"');
  });
});
