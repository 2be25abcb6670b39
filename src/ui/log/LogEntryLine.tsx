import { CircleAlert, CircleCheck, SquareTerminal, Trash2 } from "lucide-react";
import { useState } from "react";
import { place, placeHref } from "../address/place.ts";
import type { LogEntry } from "../api/log.ts";
import { onlySelects, splitStatements } from "../editor/statements.ts";
import { Button, IconButton } from "../parts/Button.tsx";
import { formatAgo, formatDuration, plural } from "../parts/format.ts";
import { Marked } from "./Marked.tsx";

export interface LogEntryLineProps {
  db: string;
  entry: LogEntry;
  /** Marked in the SQL. */
  search: string;
  onRemove(): void;
}

/** One statement: what, when, how long, how it went. */
export function LogEntryLine({ db, entry, search, onRemove }: LogEntryLineProps) {
  const { sql, success, timestamp, execution_time_ms: ms, row_count: rows, error } = entry;
  const [forgetting, setForgetting] = useState(false);
  const reads = onlySelects(splitStatements(sql));
  const Icon = success ? CircleCheck : CircleAlert;
  const again = place(db, "sql", null, {
    q: sql,
    ...(reads ? { run: "1" } : {}),
    ...(entry.values === undefined ? {} : { values: namedValues(entry.values) }),
  });
  return (
    <li className="log-entry">
      <Icon
        role="img"
        aria-label={success ? "succeeded" : "failed"}
        size={15}
        className={success ? "log-done" : "log-failed"}
      />
      <div className="log-words">
        <code className="log-sql">
          <Marked text={sql} search={search} />
        </code>
        {error === undefined ? null : <p className="log-error">{error}</p>}
        <p className="log-facts">
          <time dateTime={timestamp} title={timestamp}>
            {formatAgo(new Date(timestamp))}
          </time>
          {" · "}
          {formatDuration(ms)}
          {success ? ` · ${plural(rows, "row")}` : ""}
          {entry.source === "page" ? " · by this page" : ""}
          {entry.actor ? ` · ${entry.actor}` : ""}
          {entry.client_ip === null || entry.client_ip === "127.0.0.1"
            ? ""
            : ` · ${entry.client_ip}`}
        </p>
      </div>
      {forgetting ? (
        <>
          {/* There is no way back. */}
          <Button tone="danger" autoFocus onClick={onRemove}>
            Forget for good
          </Button>
          <Button tone="plain" onClick={() => setForgetting(false)}>
            Keep
          </Button>
        </>
      ) : (
        <>
          <a href={placeHref(again)} className="button button-normal log-again">
            <SquareTerminal aria-hidden size={15} />
            {reads ? "Run again" : "Open"}
          </a>
          <IconButton icon={Trash2} label="Forget this entry" onClick={() => setForgetting(true)} />
        </>
      )}
    </li>
  );
}

/** The log has a list for positional parameters; the form knows them as ?1, ?2. */
function namedValues(text: string): string {
  try {
    const json = JSON.parse(text) as unknown;
    if (Array.isArray(json))
      return JSON.stringify(
        Object.fromEntries(json.map((value, index) => [`?${index + 1}`, value])),
      );
    return JSON.stringify(
      Object.fromEntries(
        Object.entries(json as object).map(([name, value]) => [`:${name}`, value]),
      ),
    );
  } catch {
    return "";
  }
}
