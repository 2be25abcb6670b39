/** Folders and settings for tests. */
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Config, parseCommand } from "../../src/config.ts";

/** A folder that goes away with the test. */
export class TestFolder implements Disposable {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), "chronolite-test-")));

  file(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Settings as the command line would give them, on a free port. */
export function testConfig(folder: TestFolder, args: readonly string[] = []): Config {
  const command = parseCommand(["--port", "0", "--data-dir", folder.path, ...args], {});
  if (command.name !== "serve") throw new Error("not a serve command");
  return command.config;
}
