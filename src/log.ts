/** One JSON object per line, to stderr. Values, parameters and tokens do not belong here. */
export interface Log {
  info(event: string, fields?: Record<string, unknown>): void;
  error(event: string, thrown: unknown, fields?: Record<string, unknown>): void;
}

export const stderrLog: Log = {
  info: (event, fields) => write("info", event, fields),
  error: (event, thrown, fields) => write("error", event, { ...fields, ...describe(thrown) }),
};

/** For tests and for commands whose output is read by people. */
export const silentLog: Log = { info: () => {}, error: () => {} };

function write(level: string, event: string, fields: Record<string, unknown> = {}): void {
  process.stderr.write(
    `${JSON.stringify({ time: new Date().toISOString(), level, event, ...fields })}\n`,
  );
}

function describe(thrown: unknown): Record<string, unknown> {
  if (!(thrown instanceof Error)) return { error: String(thrown) };
  const cause =
    thrown.cause instanceof Error ? { cause: thrown.cause.message, stack: thrown.cause.stack } : {};
  return { error: thrown.message, stack: thrown.stack, ...cause };
}
