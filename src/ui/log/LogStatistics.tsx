import { useLogStatistics } from "../api/log.ts";
import { formatCount } from "../parts/format.ts";

/** Figures about what was run. */
export function LogStatistics({ db }: { db: string }) {
  const { data } = useLogStatistics(db);
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
