/** `GET /metrics`, at the root as Prometheus expects it. */
import { Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import { documented } from "./documentation.ts";
import type { Metrics } from "./metrics.ts";

export function metricsRoutes(metrics: Metrics) {
  return new Elysia({ name: "metrics" }).get(
    "/metrics",
    ({ set }) => {
      set.headers["content-type"] = metrics.contentType;
      return metrics.text();
    },
    {
      detail: documented({
        summary: "Figures for Prometheus",
        description: "Requests by route and status, commits, syncs, runner processes, the process.",
        tag: "Server",
        answers: {
          200: {
            description: "Prometheus' text form",
            schema: Type.String(),
            mediaType: "text/plain",
          },
        },
      }),
    },
  );
}
