/**
 * Waits for something that tells nobody when it happens.
 * @param what for the error when it has not happened after 15 s
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
): Promise<void> {
  const giveUpMs = performance.now() + 15_000;
  while (!(await condition())) {
    if (performance.now() > giveUpMs) throw new Error(`waited in vain: ${what}`);
    await Bun.sleep(5);
  }
}
