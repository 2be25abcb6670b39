import { useState } from "react";
import { change } from "../address/workspace.ts";
import { runSql, type SqlResult } from "../api/sql.ts";
import { Button } from "../parts/Button.tsx";
import { Grid } from "../parts/grid/Grid.tsx";
import { ErrorNote } from "../parts/Notes.tsx";
import type { ViewProps } from "../shell/views.ts";

export default function SqlView({ tab, db }: ViewProps) {
  const [result, setResult] = useState<SqlResult | null>(null);
  const [error, setError] = useState<unknown>(null);
  const sql = tab.place.params["q"] ?? "";
  return (
    <div className="sql">
      <textarea
        value={sql}
        onChange={(event) => change(tab.id, { params: { q: event.target.value } }, "replace")}
      />
      <Button
        onClick={() =>
          runSql(db, [{ statement: sql }]).then(
            (results) => setResult(results[0] ?? null),
            setError,
          )
        }
      >
        Run
      </Button>
      {error === null ? null : <ErrorNote error={error} />}
      {result?.resultHeaders === undefined ? null : (
        <div style={{ height: 400 }}>
          <Grid
            label="Result"
            columns={result.resultHeaders.map((name) => ({ id: name, name }))}
            rows={result.resultSetList ?? []}
          />
        </div>
      )}
    </div>
  );
}
