#!/usr/bin/env bun
/**
 * The fault tests and the fuzzers for as long as asked:
 *
 *     npm run test:faults -- --minutes 30 [--seed N]
 *
 * The time is shared between them; without --minutes each takes the few seconds of a normal run.
 */
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: { minutes: { type: "string" }, seed: { type: "string" } },
});

/** @returns the text, if it is a number that is not negative */
function numeric(name: string, text: string | undefined): string | undefined {
  if (text === undefined || Number(text) >= 0) return text;
  console.error(`--${name} must be a number, not "${text}"`);
  process.exit(2);
}

const minutes = numeric("minutes", values.minutes);
const seed = numeric("seed", values.seed);
const child = Bun.spawn([process.execPath, "test", "./test/faults"], {
  stdio: ["ignore", "inherit", "inherit"],
  env: {
    ...process.env,
    ...(minutes === undefined ? {} : { CHRONOLITE_FAULT_MINUTES: minutes }),
    ...(seed === undefined ? {} : { CHRONOLITE_FAULT_SEED: seed }),
  },
});
process.exit(await child.exited);
