import { useMutation } from "@tanstack/react-query";
import { History } from "lucide-react";
import { useState } from "react";
import { change } from "../address/workspace.ts";
import {
  deleteLogEntry,
  LOG_PAGE,
  type LogList,
  logKey,
  logUrl,
  useLog,
  useStatements,
} from "../api/log.ts";
import { queryClient } from "../api/query-client.ts";
import { Button } from "../parts/Button.tsx";
import { formatCount, plural } from "../parts/format.ts";
import { Empty, ErrorNote, Skeleton } from "../parts/Notes.tsx";
import { toast, toastFailure } from "../parts/Toast.tsx";
import { TwinLinks } from "../parts/TwinLink.tsx";
import type { ViewProps } from "../shell/views.ts";
import { ForgetShown } from "./ForgetShown.tsx";
import { LogEntryLine } from "./LogEntryLine.tsx";
import { LogHead } from "./LogHead.tsx";
import { LogStatistics } from "./LogStatistics.tsx";
import { StatementTable } from "./StatementTable.tsx";
import { readState } from "./state.ts";
import "./log.css";

/** Every SQL statement that was sent to the database: to search, to run again, to forget. */
export default function LogView({ tab, db, active }: ViewProps) {
  const { params } = tab.place;
  const state = readState(params);
  const { filter, list, offset } = state;
  const ofEntries = list === "entries";
  const entries = useLog(db, filter, offset, ofEntries);
  const statements = useStatements(db, filter, offset, !ofEntries);
  const { error, isPending, data } = ofEntries ? entries : statements;
  const [forgetting, setForgetting] = useState(false);
  const set = (next: Record<string, string>, mode: "push" | "replace") =>
    change(tab.id, { params: { ...params, ...next } }, mode);
  const refresh = () => void queryClient.invalidateQueries({ queryKey: logKey(db) });
  const remove = useMutation({
    mutationFn: (id: number) => deleteLogEntry(db, id),
    onSuccess: () => {
      refresh();
      toast("1 entry forgotten");
    },
    onError: toastFailure,
  });
  const total = data?.total ?? 0;
  const shown = ofEntries
    ? (entries.data?.history.length ?? 0)
    : (statements.data?.statements.length ?? 0);
  const filtered = filter.text !== "" || filter.success !== "" || filter.statement !== "";
  const address: LogList = ofEntries ? "/history" : "/history/statements";
  return (
    <div className="log" data-active={active}>
      <LogHead
        state={state}
        onChange={set}
        onRefresh={refresh}
        onForget={() => setForgetting(true)}
        forgettable={total > 0}
      />
      <LogStatistics db={db} source={filter.source} />
      {error === null ? null : (
        <div className="log-note">
          <ErrorNote error={error} />
        </div>
      )}
      <section
        className="log-list"
        aria-label={ofEntries ? "Entries" : "Statements"}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
        tabIndex={0}
      >
        {isPending ? <Skeleton lines={10} label="Reading the log" /> : null}
        {data !== undefined && shown === 0 ? (
          <Empty icon={History} title={filtered ? "No entry matches" : "Nothing was run yet"}>
            {filtered ? null : (
              <p>Statements sent to this database, from here or elsewhere, appear here.</p>
            )}
          </Empty>
        ) : null}
        {ofEntries ? (
          <ol>
            {entries.data?.history.map((entry) => (
              <LogEntryLine
                key={entry.id}
                db={db}
                entry={entry}
                search={filter.text}
                onRemove={() => remove.mutate(entry.id)}
              />
            ))}
          </ol>
        ) : shown === 0 ? null : (
          <StatementTable db={db} statements={statements.data?.statements ?? []} params={params} />
        )}
      </section>
      <footer className="status">
        <span role="status" className="status-words">
          {data === undefined
            ? ""
            : ofEntries
              ? plural(total, "entry", "entries")
              : plural(total, "statement")}
          {total > LOG_PAGE
            ? ` · ${formatCount(offset + 1)} to ${formatCount(offset + shown)}`
            : ""}
        </span>
        {total > LOG_PAGE ? (
          <>
            <Button
              tone="plain"
              disabled={offset === 0}
              onClick={() => set({ offset: String(Math.max(0, offset - LOG_PAGE) || "") }, "push")}
            >
              {ofEntries ? "Newer" : "Slower"}
            </Button>
            <Button
              tone="plain"
              disabled={offset + LOG_PAGE >= total}
              onClick={() => set({ offset: String(offset + LOG_PAGE) }, "push")}
            >
              {ofEntries ? "Older" : "Faster"}
            </Button>
          </>
        ) : null}
        <TwinLinks href={(format) => logUrl(address, db, filter, offset, format)} of="this log" />
      </footer>
      <ForgetShown db={db} filter={filter} open={forgetting} onClose={() => setForgetting(false)} />
    </div>
  );
}
