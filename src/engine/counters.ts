/** What the databases of a server have done since it started, those that were closed again included. */
export class EngineCounters {
  commits = 0;
  /** Plans of those commits. */
  plans = 0;
  /** Syncs of write-ahead logs. */
  syncs = 0;
  checkpoints = 0;
  /** Batches of expired keys that were removed. */
  expirySweeps = 0;
  /** Hears how many plans shared a commit. */
  observeBatch: (plans: number) => void = () => {};

  committed(plans: number): void {
    this.commits += 1;
    this.plans += plans;
    this.observeBatch(plans);
  }
}
