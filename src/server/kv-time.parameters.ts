/** Query parameters of the routes about the past. */
import {
  DEFAULT_HISTORY_ENTRIES,
  DEFAULT_LIST_KEYS,
  MAX_HISTORY_ENTRIES,
  MAX_LIST_KEYS,
  MAX_MOMENT_BUCKETS,
  MAX_ROLLBACK_STEPS,
  MAX_SNAPSHOT_KEYS,
} from "../limits.ts";
import { momentParameter } from "./moment.ts";
import { flag, integer, optionalInteger, optionalText } from "./parameters.ts";

export const atTimestamp = momentParameter(
  "at_timestamp",
  "As it was then; 0 or nothing for now.",
  false,
);
export const envelope = flag("envelope", "With at_timestamp: answer JSON that tells everything.");
export const historyLimit = integer(
  "limit",
  `Entries per page; 0 is ${DEFAULT_HISTORY_ENTRIES}, more than ${MAX_HISTORY_ENTRIES} is ${MAX_HISTORY_ENTRIES}.`,
  { whenAbsent: DEFAULT_HISTORY_ENTRIES, minimum: 0 },
);
export const before = optionalInteger(
  "before",
  "Only operations with a smaller number: `next_before` of the page before.",
);
export const opNumber = optionalInteger("op_number", "Number of the operation, from 1.");
export const steps = integer("steps", "How many operations to undo.", {
  whenAbsent: 1,
  minimum: 1,
  maximum: MAX_ROLLBACK_STEPS,
});
export const toOpNumber = optionalInteger(
  "to_op_number",
  "Instead of steps: back to the value right after this operation.",
);
export const toTimestampOfKey = momentParameter(
  "to_timestamp",
  "Instead of steps: back to the value of then.",
  false,
);
export const snapshotTime = momentParameter("timestamp", "The moment.", true);
export const from = momentParameter("from", "The earlier moment.", true);
export const to = momentParameter("to", "The later moment; nothing for now.", false);
export const toTimestamp = momentParameter("to_timestamp", "The moment to go back to.", true);
export const keys = optionalText("keys", "Only these keys, with commas between them.");
export const dryRun = flag("dry_run", "Only tell what would happen.");
export const confirm = optionalText("confirm", "`yes` to apply; else only tell what would happen.");
export const buckets = integer(
  "buckets",
  `Also tell how the operations spread over time, in so many parts of the same length, at most ${MAX_MOMENT_BUCKETS}; there are fewer where the past has fewer milliseconds.`,
  { whenAbsent: 0, minimum: 0, maximum: MAX_MOMENT_BUCKETS },
);
export const snapshotLimit = integer(
  "limit",
  `Keys to answer; more than ${MAX_LIST_KEYS} is ${MAX_LIST_KEYS}, 0 is all, up to ${MAX_SNAPSHOT_KEYS}.`,
  { whenAbsent: DEFAULT_LIST_KEYS, minimum: 0 },
);
