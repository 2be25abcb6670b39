import { useMutation } from "@tanstack/react-query";
import { History, RefreshCw, Search, Trash2 } from "lucide-react";
import { useState } from "react";
import { change } from "../address/workspace.ts";
import { apiUrl } from "../api/client.ts";
import { clearLog, deleteLogEntry, LOG_PAGE, logKey, useLog } from "../api/log.ts";
import { queryClient } from "../api/query-client.ts";
import { Button, IconButton } from "../parts/Button.tsx";
import { Dialog } from "../parts/Dialog.tsx";
import { Select, TextInput } from "../parts/Field.tsx";
import { formatCount, plural } from "../parts/format.ts";
import { Empty, ErrorNote, Skeleton } from "../parts/Notes.tsx";
import { toast, toastFailure } from "../parts/Toast.tsx";
import { TwinLink } from "../parts/TwinLink.tsx";
import type { ViewProps } from "../shell/views.ts";
import { LogEntryLine } from "./LogEntryLine.tsx";
import { LogStatistics } from "./LogStatistics.tsx";
import "./log.css";

/** Every SQL statement that was sent to the database: to search, to run again, to forget. */
export default function LogView({ tab, db, active }: ViewProps) {
  const { params } = tab.place;
  const filter = {
    text: params["q"] ?? "",
    success: params["success"] ?? "",
    offset: Number(params["offset"] ?? 0) || 0,
  };
  const log = useLog(db, filter);
  const [clearing, setClearing] = useState(false);
  const set = (next: Record<string, string>, mode: "push" | "replace") =>
    change(tab.id, { params: { ...params, ...next } }, mode);
  const refresh = () => void queryClient.invalidateQueries({ queryKey: logKey(db) });
  const remove = useMutation({
    mutationFn: (id: number) => deleteLogEntry(db, id),
    onSuccess: (_answer, id) => {
      refresh();
      toast(`Entry ${id} is forgotten`);
    },
    onError: toastFailure,
  });
  const clear = useMutation({
    mutationFn: () => clearLog(db),
    onSuccess: () => {
      setClearing(false);
      refresh();
    },
  });
  const { data } = log;
  const filtered = filter.text !== "" || filter.success !== "";
  return (
    <div className="log" data-active={active}>
      <header className="log-head">
        <div className="log-search">
          <Search aria-hidden size={14} />
          <TextInput
            type="search"
            className="input-small"
            aria-label="Search the log"
            placeholder="Search SQL and errors"
            value={filter.text}
            onChange={(event) => set({ q: event.target.value, offset: "" }, "replace")}
          />
        </div>
        <Select
          className="input-small log-outcome"
          aria-label="Outcome"
          value={filter.success}
          onChange={(event) => set({ success: event.target.value, offset: "" }, "push")}
        >
          <option value="">All</option>
          <option value="true">Succeeded</option>
          <option value="false">Failed</option>
        </Select>
        <IconButton icon={RefreshCw} label="Look again" onClick={refresh} />
        <IconButton
          icon={Trash2}
          label="Forget the whole log"
          disabled={data?.total === 0}
          onClick={() => setClearing(true)}
        />
      </header>
      <LogStatistics db={db} />
      {log.error === null ? null : (
        <div className="log-note">
          <ErrorNote error={log.error} />
        </div>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <section className="log-list" aria-label="Entries" tabIndex={0}>
        {log.isPending ? <Skeleton lines={10} label="Reading the log" /> : null}
        {data?.history.length === 0 ? (
          <Empty icon={History} title={filtered ? "No entry matches" : "Nothing was run yet"}>
            {filtered ? null : (
              <p>Statements sent to this database, from here or elsewhere, appear here.</p>
            )}
          </Empty>
        ) : null}
        <ol>
          {data?.history.map((entry) => (
            <LogEntryLine
              key={entry.id}
              db={db}
              entry={entry}
              search={filter.text}
              onRemove={() => remove.mutate(entry.id)}
            />
          ))}
        </ol>
      </section>
      <footer className="status">
        <span role="status" className="status-words">
          {data === undefined ? "" : plural(data.total, "entry", "entries")}
          {data !== undefined && data.total > LOG_PAGE
            ? ` · ${formatCount(filter.offset + 1)} to ${formatCount(filter.offset + data.history.length)}`
            : ""}
        </span>
        {data !== undefined && data.total > LOG_PAGE ? (
          <>
            <Button
              tone="plain"
              disabled={filter.offset === 0}
              onClick={() =>
                set({ offset: String(Math.max(0, filter.offset - LOG_PAGE) || "") }, "push")
              }
            >
              Newer
            </Button>
            <Button
              tone="plain"
              disabled={filter.offset + LOG_PAGE >= data.total}
              onClick={() => set({ offset: String(filter.offset + LOG_PAGE) }, "push")}
            >
              Older
            </Button>
          </>
        ) : null}
        <span className="status-links">
          <TwinLink
            href={apiUrl("/history", {
              db,
              q: filter.text || null,
              success: filter.success || null,
            })}
            format="json"
            of="this log"
          />
        </span>
      </footer>
      <Dialog
        open={clearing}
        onOpenChange={setClearing}
        title="Forget the whole log?"
        description={`${plural(data?.total ?? 0, "entry", "entries")} of ${db} will be deleted. This cannot be undone. The database itself is not touched.`}
        actions={
          <>
            <Button onClick={() => setClearing(false)}>Keep it</Button>
            <Button tone="danger" disabled={clear.isPending} onClick={() => clear.mutate()}>
              Forget {plural(data?.total ?? 0, "entry", "entries")}
            </Button>
          </>
        }
      >
        {clear.error === null ? null : <ErrorNote error={clear.error} />}
      </Dialog>
    </div>
  );
}
