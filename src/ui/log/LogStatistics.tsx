import { type LogFilter, useLogStatistics } from "../api/log.ts";
import { formatCount } from "../parts/format.ts";

/** Figures about what was run, from everywhere or not by the page itself. */
export function LogStatistics({ db, source }: { db: string; source: LogFilter["source"] }) {
  const { data } = useLogStatistics(db, source);
  const figures: readonly (readonly [string, string])[] = [
    ["statements", data === undefined ? "–" : formatCount(data.total_queries)],
    ["failed", data === undefined ? "–" : formatCount(data.failure_count)],
    ["on average", data === undefined ? "–" : `${data.avg_exec_time_ms} ms`],
    ["in the last hour", data === undefined ? "–" : formatCount(data.last_hour)],
    ["in the last minute", data === undefined ? "–" : formatCount(data.last_minute)],
  ];
  return (
    <dl className="figures" aria-label="Statistics">
      {figures.map(([what, figure]) => (
        <div key={what}>
          <dt>{what}</dt>
          <dd>{figure}</dd>
        </div>
      ))}
    </dl>
  );
}
