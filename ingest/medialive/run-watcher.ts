import type { RunEnd } from '../channel.ts';
import type { WatchedRun } from './watch-journal.ts';
import type { WatchFigures } from './watch-run.ts';

/** What the driver needs of whoever reads the bucket: segments come from there, the driver only says which runs there are. */
export interface RunWatcher {
  /** Serves until `signal` aborts. What is still watched then stays open, and goes on at the next start. */
  run(signal: AbortSignal): Promise<void>;
  /** Announces what the run's folder holds, from now on. Calling it twice changes nothing, also after a restart. */
  watchRun(run: WatchedRun): Promise<void>;
  /** The channel has stopped writing: resolves when the last segment and the run's end were announced; at once when it is unknown. */
  endRun(runId: string, why: RunEnd): Promise<void>;
  figures(runId: string): WatchFigures | undefined;
}
