/** How answers are kept and asked for again. */
import { QueryClient } from "@tanstack/react-query";
import { ApiFailure } from "./failure.ts";
import { onServerBack } from "./presence.ts";

const STALE_MS = 5000;
const RETRIES = 2;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: STALE_MS,
      // Without a network the server of this machine answers all the same.
      networkMode: "always",
      // Only what may pass by itself: a 4xx stays one.
      retry: (failures, error) =>
        failures < RETRIES &&
        error instanceof ApiFailure &&
        error.status === 503 &&
        // What took too long would take too long again.
        error.code !== "REQUEST_TIMEOUT",
    },
    mutations: { retry: false, networkMode: "always" },
  },
});

onServerBack(() => {
  void queryClient.refetchQueries({ predicate: ({ state }) => state.status === "error" });
});
