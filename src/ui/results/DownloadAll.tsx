import { Download, Square } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { isAbort } from "../api/failure.ts";
import type { Moment } from "../api/moment.ts";
import { Button } from "../parts/Button.tsx";
import { formatBytes } from "../parts/format.ts";
import { toast, toastFailure } from "../parts/Toast.tsx";
import { downloadQuery } from "./download.ts";

export interface DownloadAllProps {
  db: string;
  sql: string;
  values: string | null;
  at: Moment;
}

/** Fetches every row of a query as a file, with progress and a way to stop. */
export function DownloadAll({ db, sql, values, at }: DownloadAllProps) {
  const [bytes, setBytes] = useState<number | null>(null);
  const controller = useRef<AbortController>(null);
  useEffect(() => () => controller.current?.abort(), []);

  const start = async (format: "csv" | "ndjson") => {
    controller.current = new AbortController();
    setBytes(0);
    try {
      const total = await downloadQuery({
        db,
        sql,
        values,
        at,
        format,
        signal: controller.current.signal,
        onProgress: setBytes,
      });
      toast(`Downloaded all rows, ${formatBytes(total)}`);
    } catch (error) {
      if (!isAbort(error)) toastFailure(error);
    } finally {
      setBytes(null);
    }
  };
  if (bytes !== null)
    return (
      <span className="download">
        <progress aria-label="Download of all rows" />
        <span className="download-bytes">{formatBytes(bytes)}</span>
        <Button tone="plain" icon={Square} onClick={() => controller.current?.abort()}>
          Stop
        </Button>
      </span>
    );
  return (
    <span className="download">
      <Button icon={Download} onClick={() => void start("csv")}>
        All as CSV
      </Button>
      <Button tone="plain" onClick={() => void start("ndjson")}>
        All as NDJSON
      </Button>
    </span>
  );
}
