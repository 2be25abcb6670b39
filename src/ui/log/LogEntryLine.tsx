import { CircleAlert, CircleCheck, SquareTerminal, Trash2 } from "lucide-react";
import { place, placeHref } from "../address/place.ts";
import type { LogEntry } from "../api/log.ts";
import { onlySelects, splitStatements } from "../editor/statements.ts";
import { IconButton } from "../parts/Button.tsx";
import { formatAgo, formatDuration, plural } from "../parts/format.ts";

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
          {entry.actor ? ` · ${entry.actor}` : ""}
          {entry.client_ip === null || entry.client_ip === "127.0.0.1"
            ? ""
            : ` · ${entry.client_ip}`}
        </p>
      </div>
      <a href={placeHref(again)} className="button button-normal log-again">
        <SquareTerminal aria-hidden size={15} />
        {reads ? "Run again" : "Open"}
      </a>
      <IconButton icon={Trash2} label="Forget this entry" onClick={onRemove} />
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

function Marked({ text, search }: { text: string; search: string }) {
  const at = search === "" ? -1 : text.toLowerCase().indexOf(search.toLowerCase());
  if (at === -1) return text;
  return (
    <>
      {text.slice(0, at)}
      <mark>{text.slice(at, at + search.length)}</mark>
      {text.slice(at + search.length)}
    </>
  );
}
