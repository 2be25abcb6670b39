/**
 * What SQLite would say of the statements, found by compiling them without running them. It is advice
 * only: nothing is held back because of it, and what cannot be checked is passed over in silence.
 */
import { useEffect, useState } from "react";
import { ApiFailure } from "../api/failure.ts";
import { runSql } from "../api/sql.ts";
import { type MarkedError, placeOfError } from "./error-place.ts";
import type { Statement } from "./statements.ts";

/** People pause before they look. */
const PAUSE_MS = 600;
/** A dump that was pasted is not checked. */
const MAX_STATEMENTS = 50;
const MAX_CHARS = 50_000;
const TIMEOUT_S = 2;

const NONE: readonly MarkedError[] = [];

/** @param version of the schema: what was wrong may be right after a change of it */
export function useAdvice(
  db: string,
  statements: readonly Statement[],
  version: number | undefined,
  enabled: boolean,
): readonly MarkedError[] {
  const [advice, setAdvice] = useState<{
    readonly of: readonly Statement[];
    readonly marks: readonly MarkedError[];
  }>({ of: [], marks: NONE });
  // biome-ignore lint/correctness/useExhaustiveDependencies: also when the schema is another one
  useEffect(() => {
    const last = statements.at(-1);
    if (!enabled || last === undefined) return undefined;
    if (statements.length > MAX_STATEMENTS || last.to > MAX_CHARS) return undefined;
    const controller = new AbortController();
    const timer = setTimeout(() => {
      adviceOn(db, statements, controller.signal).then(
        (marks) => {
          if (!controller.signal.aborted) setAdvice({ of: statements, marks });
        },
        () => {},
      );
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [db, statements, version, enabled]);
  // Marks of another text would stand in the wrong places.
  return enabled && advice.of === statements ? advice.marks : NONE;
}

async function adviceOn(
  db: string,
  statements: readonly Statement[],
  signal: AbortSignal,
): Promise<readonly MarkedError[]> {
  const results = await runSql(
    db,
    statements.map(({ text }) => ({
      statement: text.replace(/^explain\s+(query\s+plan\s+)?/i, ""),
      explain: true,
      noFail: true,
    })),
    { signal, timeoutS: TIMEOUT_S, byPage: true },
  );
  const changesSchema = statements.findIndex(({ text }) => /^(create|alter|drop)\b/i.test(text));
  return results.flatMap(({ success, error = "" }, index) => {
    if (success || error === "PRAGMA has no plan") return [];
    // It may be about what an earlier statement would have made.
    if (changesSchema !== -1 && index > changesSchema && !/syntax error/.test(error)) return [];
    const failure = new ApiFailure(400, "SQL_ERROR", error, undefined, { reqIdx: index });
    return placeOfError(failure, statements) ?? [];
  });
}
