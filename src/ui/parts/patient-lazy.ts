import { lazy } from "react";
import { lookForServer } from "../api/client.ts";
import { toFailure } from "../api/failure.ts";
import { onServerBack } from "../api/presence.ts";

/**
 * `lazy` of a part that is loaded when the server is back, if it was away: React itself asks once.
 * What fails then too is another version's part; a new page has the right one.
 */
export const patientLazy: typeof lazy = (load) =>
  lazy(async () => {
    try {
      return await load();
    } catch (error) {
      if (toFailure(error).code !== "NO_ANSWER") throw error;
      await new Promise<void>((resolve) => {
        const forget = onServerBack(() => {
          forget();
          resolve();
        });
        lookForServer();
      });
      return load();
    }
  });
